// Makes and checks the proxy's own sticky cookie: a random 128-bit id with a MAC, so that a visitor
// keeps a version without the proxy storing anything, and nobody can forge an id that is assigned
// to the candidate.
//   value = base64url(id) "." base64url(first 128 bits of HMAC-SHA-256(key, id)), 45 characters
// CookieSigner is immutable (any thread); CookieIdSource belongs to one worker.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "proxy/routing/hmac_sha256.hpp"

namespace cutwater::routing {

using MacKey = std::array<std::uint8_t, 32>;
using CookieId = std::array<std::uint8_t, 16>;

inline constexpr std::size_t kCookieValueLength = 45;
using CookieValue = std::array<char, kCookieValueLength>;

// A signer is made from a key by assignment, so a snapshot cannot hold a key without its prepared
// state.
class CookieSigner {
 public:
  CookieSigner() : CookieSigner(MacKey{}) {}
  CookieSigner(const MacKey& key) : hmac_(key) {}  // NOLINT: `snapshot.cookie_key = key`

  CookieValue value(const CookieId& id) const;
  // Returns the id, if the value is exactly one that value() made. It takes constant time in the
  // MAC's bytes.
  std::optional<CookieId> verify(std::string_view value) const;

 private:
  std::array<std::uint8_t, 16> mac(const CookieId& id) const;
  HmacSha256 hmac_;
};

// Makes fresh ids, 256 per system call.
class CookieIdSource {
 public:
  using Fill = std::function<void(std::span<std::uint8_t>)>;
  CookieIdSource();                    // uses the kernel's random numbers
  explicit CookieIdSource(Fill fill);  // lets a test supply the bytes

  CookieId next();

 private:
  Fill fill_;
  std::array<std::uint8_t, 4096> buffer_;
  std::size_t used_ = sizeof(buffer_);
};

struct SetCookie {
  std::string_view name;
  std::string_view value;
  std::chrono::seconds max_age{0};
  bool secure = false;  // the client came over TLS
};
// Writes `name=value; Path=/; Max-Age=N; HttpOnly; SameSite=Lax[; Secure]` into `out`; returns an
// empty text if it does not fit. It does not allocate.
std::string_view format_set_cookie(const SetCookie& cookie, std::span<char> out);

}  // namespace cutwater::routing
