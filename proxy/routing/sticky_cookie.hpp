// The own sticky cookie: a random 128-bit id with a MAC, so that a visitor keeps a version without
// the proxy keeping anything, and nobody can make up an id that lands on the candidate.
//   value = base64url(id) "." base64url(first 128 bits of HMAC-SHA-256(key, id)), 45 characters
// Each service has a key of its own: the cookie of one is no good for another.
// CookieSigner is immutable once it is published (any thread); CookieIdSource belongs to one
// worker.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/routing/hmac_sha256.hpp"

namespace cutwater::routing {

using MacKey = std::array<std::uint8_t, 32>;
using CookieId = std::array<std::uint8_t, 16>;

inline constexpr std::size_t kCookieValueLength = 45;
using CookieValue = std::array<char, kCookieValueLength>;

// The key of one service, made from a secret of any length.
MacKey service_key(std::string_view secret, std::string_view service);

std::int64_t unix_now();  // seconds

// Made from a key by assignment, so a snapshot cannot hold a key without its prepared state.
class CookieSigner {
 public:
  CookieSigner() : CookieSigner(MacKey{}) {}
  CookieSigner(const MacKey& key) : hmac_(key) {}  // NOLINT: `snapshot.cookie_key = key`

  // What a former key signed is taken until then (unix seconds). At most kMostFormer of them: each
  // costs a hash for every cookie that the own key did not sign.
  void also_accept(const MacKey& key, std::int64_t until);
  static constexpr std::size_t kMostFormer = 4;

  CookieValue value(const CookieId& id) const;
  // The id, if the value is exactly one that value() made. Constant time in the MAC's bytes. The
  // clock is read only for values of a former key.
  std::optional<CookieId> verify(std::string_view value, std::int64_t (*now)() = unix_now) const;

 private:
  struct Former {
    HmacSha256 hmac;
    std::int64_t until;
  };
  HmacSha256 hmac_;
  std::vector<Former> former_;
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

// Room for every cookie that the configuration allows: its name, value, path and domain (255), and
// what stands between them.
inline constexpr std::size_t kMostSetCookie =
    config::kMostCookieName + kCookieValueLength + config::kMostCookiePath + 255 + 128;

// `name=value; Path=/; Max-Age=N; HttpOnly; SameSite=Lax[; Domain=D][; Secure][; Partitioned]` in
// `out`; empty if it does not fit. `https`: the client came by it. No allocation.
std::string_view format_set_cookie(const config::Sticky& cookie, std::string_view value, bool https,
                                   std::span<char> out);

}  // namespace cutwater::routing
