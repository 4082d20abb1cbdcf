#include "control/base/log_text.hpp"

#include <cstdint>
#include <cstdio>

namespace cutwater::control {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  // 0: the bytes are no UTF-8
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
CodePoint decode(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < bytes) return {};
  std::uint32_t value = first & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  return value < kLeast[bytes] || surrogate || value > 0x10ffff ? CodePoint{}
                                                                : CodePoint{value, bytes};
}

// Direction marks turn a line around on the screen, so that it reads as something else.
bool is_invisible(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 ||
         (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void escape(std::string& out, std::uint32_t c) {
  char text[12];
  if (c == '\n')
    out += "\\n";
  else if (c == '\r')
    out += "\\r";
  else if (c == '\t')
    out += "\\t";
  else {
    std::snprintf(text, sizeof text, c < 0x100 ? "\\x%02x" : "\\u%04x", static_cast<unsigned>(c));
    out += text;
  }
}

}  // namespace

std::string log_text(std::string_view text, Quotes quotes, std::size_t most) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t before = out.size();
    const CodePoint point = decode(text);
    const std::size_t used = point.bytes == 0 ? 1 : point.bytes;
    if (point.bytes == 0)
      escape(out, static_cast<unsigned char>(text[0]));
    else if (is_invisible(point.value))
      escape(out, point.value);
    else if (quotes == Quotes::Escape && (text[0] == '"' || text[0] == '\\'))
      out.append(1, '\\').append(1, text[0]);
    else
      out.append(text.substr(0, used));
    if (out.size() > most) {
      out.resize(before);
      return out + "...";
    }
    text.remove_prefix(used);
  }
  return out;
}

}  // namespace cutwater::control
