#include "proxy/http/h2/hpack_writer.hpp"

#include <cstring>

#include "proxy/base/decimal.hpp"
#include "proxy/http/char_class.hpp"
#include "proxy/http/message.hpp"

namespace cutwater::http {

namespace {

constexpr std::uint8_t kIndexed = 0x80;
constexpr std::uint8_t kWithIndexing = 0x40;
constexpr std::uint8_t kWithoutIndexing = 0x00;
constexpr std::uint8_t kNeverIndexed = 0x10;
// The number begins with these bits of the first byte (RFC 7541 6).
constexpr unsigned kIndexBits = 7;
constexpr unsigned kWithIndexingBits = 6;
constexpr unsigned kWithoutIndexingBits = 4;
constexpr unsigned kLengthBits = 7;
constexpr unsigned kStatus = 8;  // RFC 7541, appendix A

// Returns the number of a response field's name in the static table (RFC 7541, appendix A), or 0.
unsigned static_name(std::string_view name) {
  const auto is = [name](std::string_view known) { return iequals(name, known); };
  switch (name.size()) {
    case 4:
      return is("date") ? 33 : is("etag") ? 34 : is("vary") ? 59 : is("link") ? 45 : 0;
    case 6:
      return is("server") ? 54 : 0;
    case 7:
      return is("expires") ? 36 : 0;
    case 8:
      return is("location") ? 46 : 0;
    case 10:
      return is("set-cookie") ? 55 : 0;
    case 12:
      return is("content-type") ? 31 : 0;
    case 13:
      return is("cache-control") ? 24 : is("last-modified") ? 44 : is("accept-ranges") ? 18 : 0;
    case 14:
      return is("content-length") ? 28 : 0;
    case 16:
      return is("content-encoding") ? 26 : is("www-authenticate") ? 61 : 0;
    case 25:
      return is("strict-transport-security") ? 56 : 0;
    case 27:
      return is("access-control-allow-origin") ? 20 : 0;
    default:
      return 0;
  }
}

// Recognises fields that describe one resource or one moment: they would push out the fields that
// all answers share.
bool is_passing(std::string_view name) {
  switch (name.size()) {
    case 3:
      return iequals(name, "age");
    case 4:
      return iequals(name, "etag");
    case 8:
      return iequals(name, "location");
    case 14:
      return iequals(name, "content-length");
    default:
      return false;
  }
}

// Returns the number of a status that the static table holds with its value, or 0.
unsigned static_status(int code) {
  switch (code) {
    case 200:
      return 8;
    case 204:
      return 9;
    case 206:
      return 10;
    case 304:
      return 11;
    case 400:
      return 12;
    case 404:
      return 13;
    case 500:
      return 14;
    default:
      return 0;
  }
}

}  // namespace

bool HpackWriter::fits(std::size_t bytes) {
  if (bytes > out_.size() - used_) overflow_ = true;
  return !overflow_;
}

void HpackWriter::number(std::uint8_t pattern, unsigned prefix_bits, std::size_t value) {
  const std::size_t most = (1U << prefix_bits) - 1;
  if (value < most) {
    out_[used_++] = static_cast<char>(pattern | value);
    return;
  }
  out_[used_++] = static_cast<char>(pattern | most);
  for (value -= most; value >= 128; value /= 128)
    out_[used_++] = static_cast<char>(value % 128 + 128);
  out_[used_++] = static_cast<char>(value);
}

void HpackWriter::text(std::string_view bytes) {
  number(0, kLengthBits, bytes.size());
  if (bytes.empty()) return;
  std::memcpy(out_.data() + used_, bytes.data(), bytes.size());
  used_ += bytes.size();
}

void HpackWriter::status(int code) {
  if (!fits(most({}, {}))) return;
  if (const unsigned known = static_status(code); known != 0) {
    number(kIndexed, kIndexBits, known);
    return;
  }
  number(kWithoutIndexing, kWithoutIndexingBits, kStatus);
  text(Decimal(static_cast<std::uint64_t>(code)).text());
}

void HpackWriter::field(std::string_view name, std::string_view value) {
  if (!fits(most(name, value))) return;
  const bool secret = iequals(name, "set-cookie");
  HpackTable::Found found;
  if (table_ != nullptr && !secret && !is_passing(name)) found = table_->find(name, value);
  if (found.index != 0) {
    number(kIndexed, kIndexBits, found.index);
    return;
  }
  const unsigned known = static_name(name);
  if (found.insert)
    number(kWithIndexing, kWithIndexingBits, known);
  else
    number(secret ? kNeverIndexed : kWithoutIndexing, kWithoutIndexingBits, known);
  if (known == 0) {
    number(0, kLengthBits, name.size());
    char* const at = out_.data() + used_;
    for (std::size_t i = 0; i < name.size(); ++i) at[i] = chars::to_lower(name[i]);
    used_ += name.size();
  }
  text(value);
}

void HpackWriter::content_length(std::uint64_t bytes) {
  field("content-length", Decimal(bytes).text());
}

}  // namespace cutwater::http
