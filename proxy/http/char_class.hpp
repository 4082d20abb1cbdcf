// Holds the character classes of RFC 9110/9112/3986 as one 256-entry table, and the scan for
// control characters. It is internal to the codec and stateless.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace cutwater::http::chars {

enum Class : std::uint8_t {
  kToken = 1,  // tchar, RFC 9110 5.6.2
  kPath = 2,   // pchar or '/', without '%' (RFC 3986 3.3); and what browsers leave raw in a path
  kQuery = 4,  // pchar, '/', '?', without '%'; and what browsers leave raw in a query
  kHost = 8,   // reg-name without '%' and ',' (see README.md, "codec")
  kHex = 16,
  kDigit = 32,
  kControl = 64,  // CTL except HTAB: never allowed in a field value
  kUnreserved = 128,
};

constexpr std::array<std::uint8_t, 256> make_table() {
  std::array<std::uint8_t, 256> table{};
  auto add = [&table](std::string_view text, unsigned classes) {
    for (char c : text) {
      auto& entry = table[static_cast<std::uint8_t>(c)];
      entry = static_cast<std::uint8_t>(entry | classes);
    }
  };
  constexpr unsigned kUri = kPath | kQuery;
  add("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", kToken | kUri | kHost | kUnreserved);
  add("0123456789", kToken | kUri | kHost | kUnreserved | kDigit | kHex);
  add("abcdefABCDEF", kHex);
  add("!#$%&'*+-.^_`|~", kToken);
  add("-._~", kUri | kHost | kUnreserved);
  add("!$&'()*+;=", kUri | kHost);
  add(",:@/", kUri);
  // The path and query percent-encode sets of the WHATWG URL standard leave these alone. No framing
  // hangs on them, and servers have always taken them.
  add("|[]^", kUri);
  add("?{}`\\", kQuery);
  for (unsigned c = 0; c < 0x20; ++c)
    if (c != '\t') table[c] = kControl;
  table[0x7f] = kControl;
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kTable = make_table();

inline bool is(char c, std::uint8_t classes) {
  return (kTable[static_cast<std::uint8_t>(c)] & classes) != 0;
}
inline bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// Returns the value of a hex digit, or -1.
inline int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// Returns the byte that two hex digits stand for; both must be hex digits.
inline unsigned hex_byte(char high, char low) {
  return (static_cast<unsigned>(hex_value(high)) * 16 + static_cast<unsigned>(hex_value(low))) &
         255;
}

// Returns the first control character in [p, end), or end. It looks at sixteen bytes at a time,
// because field values are most of a head, and long cookies most of the field values.
inline const char* find_control(const char* p, const char* end) {
#if defined(__SSE2__)
  const __m128i space = _mm_set1_epi8(0x20);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; end - p >= 16; p += 16) {
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i printable =
        _mm_andnot_si128(_mm_cmpeq_epi8(v, del), _mm_cmpeq_epi8(_mm_max_epu8(v, space), v));
    const __m128i fine = _mm_or_si128(printable, _mm_cmpeq_epi8(v, tab));
    const unsigned bad = ~static_cast<unsigned>(_mm_movemask_epi8(fine)) & 0xffffU;
    if (bad != 0) return p + std::countr_zero(bad);
  }
#endif
  while (p != end && !is(*p, kControl)) ++p;
  return p;
}

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

inline bool is_token(std::string_view text) {
  for (char c : text)
    if (!is(c, kToken)) return false;
  return !text.empty();
}

// Takes the next element off a comma-separated list (RFC 9110 5.6.1), trimmed; the element may be
// empty. Do not use it for lists whose elements may be quoted.
inline std::string_view take_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = trim(list.substr(0, comma));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  return element;
}

}  // namespace cutwater::http::chars
