// Builds nghttp2's name/value pairs. It takes and gives views: nghttp2 copies what is submitted,
// and puts the names into lower case on the way.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <span>

#include "proxy/base/decimal.hpp"
#include "proxy/http/message.hpp"

namespace cutwater::http {

// Says whether nghttp2 may put a field into the peer's table.
enum class Http2Indexing : std::uint8_t {
  Allowed,  // except for values that never come twice, which would push others out
  Never,    // the table is ours: HpackTable
};

inline bool is_unique(std::string_view name) {
  return iequals(name, "x-request-id") || iequals(name, "traceparent");
}

inline nghttp2_nv make_nv(std::string_view name, std::string_view value,
                          Http2Indexing indexing = Http2Indexing::Allowed) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  // It is always allowed to send a field without indexing (RFC 7541 6.2.3).
  const bool without = indexing == Http2Indexing::Never || is_unique(name);
  const std::uint8_t flags = without ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

// Collects a header list; it lives on the stack until the list is submitted, and so do the texts it
// names. A field that does not fit is left out: check overflow().
class Http2List {
 public:
  explicit Http2List(Http2Indexing indexing) : indexing_(indexing) {}
  void field(std::string_view name, std::string_view value) {
    if (count_ == fields_.size())
      overflow_ = true;
    else
      fields_[count_++] = make_nv(name, value, indexing_);
  }
  void status(int code) {
    field(":status", (status_ = Decimal(static_cast<std::uint64_t>(code))).text());
  }
  void content_length(std::uint64_t bytes) {
    field("content-length", (length_ = Decimal(bytes)).text());
  }
  bool overflow() const { return overflow_; }
  std::span<const nghttp2_nv> fields() const { return {fields_.data(), count_}; }

 private:
  const Http2Indexing indexing_;
  std::array<nghttp2_nv, FieldList::kCapacity + 32> fields_;
  Decimal status_;
  Decimal length_;
  std::size_t count_ = 0;
  bool overflow_ = false;
};

}  // namespace cutwater::http
