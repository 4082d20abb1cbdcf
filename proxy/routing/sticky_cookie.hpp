// The own sticky cookie: a random 128-bit id with a MAC, so that a visitor keeps a version without
// the proxy keeping anything, and nobody can make up an id that lands on the candidate.
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

// Made from a key by assignment, so a snapshot cannot hold a key without its prepared state.
class CookieSigner {
 public:
  CookieSigner() : CookieSigner(MacKey{}) {}
  CookieSigner(const MacKey& key) : hmac_(key) {}  // NOLINT: `snapshot.cookie_key = key`

  CookieValue value(const CookieId& id) const;
  // The id, if the value is exactly one that value() made. Constant time in the MAC's bytes.
  std::optional<CookieId> verify(std::string_view value) const;

 private:
  std::array<std::uint8_t, 16> mac(const CookieId& id) const;
  HmacSha256 hmac_;
};

// Fresh ids, 256 per system call.
class CookieIdSource {
 public:
  using Fill = std::function<void(std::span<std::uint8_t>)>;
  CookieIdSource();                    // the kernel's
  explicit CookieIdSource(Fill fill);  // a test's

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
// `name=value; Path=/; Max-Age=N; HttpOnly; SameSite=Lax[; Secure]` in `out`; empty if it does not
// fit. No allocation.
std::string_view format_set_cookie(const SetCookie& cookie, std::span<char> out);

}  // namespace cutwater::routing
