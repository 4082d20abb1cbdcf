#include "proxy/routing/sticky_cookie.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>

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

Block mac(const HmacSha256& hmac, const CookieId& id) {
  const HmacSha256::Digest digest = hmac(id);
  Block half;
  std::copy_n(digest.begin(), half.size(), half.begin());
  return half;
}

bool is_signed_by(const HmacSha256& hmac, const CookieId& id, const Block& claimed) {
  const Block expected = mac(hmac, id);
  return CRYPTO_memcmp(expected.data(), claimed.data(), expected.size()) == 0;
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

MacKey service_key(std::string_view secret, std::string_view service) {
  const std::string purpose = "cutwater sticky cookie of " + std::string(service);
  return HmacSha256(bytes_of(secret))(bytes_of(purpose));
}

std::uint64_t split_salt(std::string_view secret, std::string_view service,
                         std::string_view stable) {
  const std::string purpose =
      "cutwater split of " + std::string(service) + " beside " + std::string(stable);
  const MacKey bytes = HmacSha256(bytes_of(secret))(bytes_of(purpose));
  std::uint64_t salt = 0;
  for (std::size_t i = 0; i < sizeof salt; ++i) salt = salt << 8 | bytes[i];
  return salt;
}

std::int64_t unix_now() {
  return std::time(nullptr);
}

void CookieSigner::also_accept(const MacKey& key, std::int64_t until) {
  if (former_.size() < kMostFormer) former_.push_back({HmacSha256(key), until});
}

CookieValue CookieSigner::value(const CookieId& id) const {
  CookieValue text;
  encode(id, text.data());
  text[kEncodedBlock] = '.';
  encode(mac(hmac_, id), text.data() + kEncodedBlock + 1);
  return text;
}

std::optional<CookieId> CookieSigner::verify(std::string_view value, std::int64_t (*now)()) const {
  if (value.size() != kCookieValueLength || value[kEncodedBlock] != '.') return std::nullopt;
  CookieId id;
  Block claimed;
  if (!decode(value.substr(0, kEncodedBlock), id)) return std::nullopt;
  if (!decode(value.substr(kEncodedBlock + 1), claimed)) return std::nullopt;
  if (is_signed_by(hmac_, id, claimed)) return id;
  for (const Former& former : former_)
    if (is_signed_by(former.hmac, id, claimed) && now() < former.until) return id;
  return std::nullopt;
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

std::string_view format_set_cookie(const config::Sticky& cookie, std::string_view value, bool https,
                                   std::span<char> out) {
  using SameSite = config::Sticky::SameSite;
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
  const auto end = std::to_chars(age.data(), age.data() + age.size(), cookie.ttl.count()).ptr;
  put(cookie.name);
  put("=");
  put(value);
  put("; Path=");
  put(cookie.path);
  put("; Max-Age=");
  put({age.data(), static_cast<std::size_t>(end - age.data())});
  put("; HttpOnly; SameSite=");
  put(cookie.same_site == SameSite::Lax    ? "Lax"
      : cookie.same_site == SameSite::None ? "None"
                                           : "Strict");
  if (!cookie.domain.empty()) {
    put("; Domain=");
    put(cookie.domain);
  }
  if (cookie.always_secure || https) put("; Secure");
  if (cookie.partitioned) put("; Partitioned");
  return fits ? std::string_view(out.data(), used) : std::string_view();
}

}  // namespace cutwater::routing
