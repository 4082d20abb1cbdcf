// Writes a number as decimal text, for bytes that are put together by hand: it neither allocates
// nor depends on a locale. The text lives as long as the object.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>

namespace cutwater {

class Decimal {
 public:
  explicit Decimal(std::uint64_t value = 0)
      : size_(static_cast<std::size_t>(
            std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr -
            digits_.data())) {}
  std::string_view text() const { return {digits_.data(), size_}; }

 private:
  std::array<char, 20> digits_{};  // the length of 2^64 - 1
  std::size_t size_;
};

}  // namespace cutwater
