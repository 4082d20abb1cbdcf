#include <array>
#include <charconv>

#include "proxy/http/header_rules.hpp"

namespace cutwater::http {

void HeadWriter::number(std::uint64_t value) {
  std::array<char, 20> digits{};
  const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  put({digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void HeadWriter::content_length(std::uint64_t bytes) {
  put("Content-Length: ");
  number(bytes);
  put("\r\n");
}

}  // namespace cutwater::http
