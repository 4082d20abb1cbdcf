#include "proxy/routing/sticky_cookie.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "proxy/base/random.hpp"

namespace cutwater::routing {
namespace {

using Block = std::array<std::uint8_t, 16>;
constexpr std::size_t kEncodedBlock = 22;  // 128 bits, 6 a character
constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kBad = 0xff;

constexpr std::array<std::uint8_t, 256> kReverse = [] {
  std::array<std::uint8_t, 256> table{};
  table.fill(kBad);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return table;
}();

// Writes base64url without padding, RFC 4648 5.
void encode(const Block& block, char* out) {
  std::uint32_t pending = 0;
  unsigned bits = 0;
  for (const std::uint8_t byte : block) {
    pending = (pending << 8) | byte;
    bits += 8;
    for (; bits >= 6; bits -= 6) *out++ = kAlphabet[(pending >> (bits - 6)) & 63];
  }
  *out = kAlphabet[(pending << (6 - bits)) & 63];
}

// Decodes strictly: the four bits that are left over must be zero, so every block has one spelling.
bool decode(std::string_view text, Block& block) {
  std::uint32_t pending = 0;
  unsigned bits = 0;
  std::size_t filled = 0;
  for (const char c : text) {
    const std::uint8_t six = kReverse[static_cast<unsigned char>(c)];
    if (six == kBad) return false;
    pending = (pending << 6) | six;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    block[filled++] = static_cast<std::uint8_t>(pending >> bits);
  }
  return (pending & ((1U << bits) - 1)) == 0;
}

}  // namespace

Block CookieSigner::mac(const CookieId& id) const {
  const HmacSha256::Digest digest = hmac_(id);
  Block half;
  std::copy_n(digest.begin(), half.size(), half.begin());
  return half;
}

CookieValue CookieSigner::value(const CookieId& id) const {
  CookieValue text;
  encode(id, text.data());
  text[kEncodedBlock] = '.';
  encode(mac(id), text.data() + kEncodedBlock + 1);
  return text;
}

std::optional<CookieId> CookieSigner::verify(std::string_view value) const {
  if (value.size() != kCookieValueLength || value[kEncodedBlock] != '.') return std::nullopt;
  CookieId id;
  Block claimed;
  if (!decode(value.substr(0, kEncodedBlock), id)) return std::nullopt;
  if (!decode(value.substr(kEncodedBlock + 1), claimed)) return std::nullopt;
  const Block expected = mac(id);
  if (CRYPTO_memcmp(expected.data(), claimed.data(), expected.size()) != 0) return std::nullopt;
  return id;
}

CookieIdSource::CookieIdSource() : CookieIdSource(fill_random) {}

CookieIdSource::CookieIdSource(Fill fill) : fill_(std::move(fill)) {}

CookieId CookieIdSource::next() {
  CookieId id;
  if (used_ + id.size() > buffer_.size()) {
    fill_(buffer_);
    used_ = 0;
  }
  std::memcpy(id.data(), buffer_.data() + used_, id.size());
  used_ += id.size();
  return id;
}

std::string_view format_set_cookie(const SetCookie& cookie, std::span<char> out) {
  std::size_t used = 0;
  bool fits = true;
  const auto put = [&](std::string_view text) {
    if (text.size() > out.size() - used) {
      fits = false;
      return;
    }
    std::copy(text.begin(), text.end(), out.begin() + static_cast<std::ptrdiff_t>(used));
    used += text.size();
  };
  std::array<char, 24> age;
  const auto end = std::to_chars(age.data(), age.data() + age.size(), cookie.max_age.count()).ptr;
  put(cookie.name);
  put("=");
  put(cookie.value);
  put("; Path=/; Max-Age=");
  put({age.data(), static_cast<std::size_t>(end - age.data())});
  put("; HttpOnly; SameSite=Lax");
  if (cookie.secure) put("; Secure");
  return fits ? std::string_view(out.data(), used) : std::string_view();
}

}  // namespace cutwater::routing
