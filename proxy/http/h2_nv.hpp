// nghttp2's name/value pairs. Views in, views out: nghttp2 copies what is submitted, and makes the
// names small on the way.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <charconv>
#include <span>

#include "proxy/http/message.hpp"

namespace cutwater::http {

// A value that never comes twice would only push others out of the peer's table, and costs both
// sides an entry; to send it without is always allowed (RFC 7541 6.2.3).
inline bool is_unique(std::string_view name) {
  return iequals(name, "x-request-id") || iequals(name, "traceparent");
}

inline nghttp2_nv make_nv(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  const std::uint8_t flags = is_unique(name) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

// A header list being put together; lives on the stack until it is submitted, and so do the texts
// it names. What does not fit is left out: check overflow().
class H2List {
 public:
  H2List() {}
  void field(std::string_view name, std::string_view value) {
    if (count_ == fields_.size())
      overflow_ = true;
    else
      fields_[count_++] = make_nv(name, value);
  }
  void status(int code) { field(":status", digits(status_, static_cast<std::uint64_t>(code))); }
  void content_length(std::uint64_t bytes) { field("content-length", digits(length_, bytes)); }
  bool overflow() const { return overflow_; }
  std::span<const nghttp2_nv> fields() const { return {fields_.data(), count_}; }

 private:
  using Digits = std::array<char, 20>;
  static std::string_view digits(Digits& room, std::uint64_t number) {
    const char* const end = std::to_chars(room.data(), room.data() + room.size(), number).ptr;
    return {room.data(), static_cast<std::size_t>(end - room.data())};
  }

  std::array<nghttp2_nv, FieldList::kCapacity + 32> fields_;
  Digits status_;
  Digits length_;
  std::size_t count_ = 0;
  bool overflow_ = false;
};

}  // namespace cutwater::http
