// Makes and checks the proxy's own sticky cookie: a random 128-bit id with a MAC, so that a visitor
// keeps a version without the proxy storing anything, and nobody can forge an id that is assigned
// to the candidate.
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

// Makes the key of one service from a secret of any length.
MacKey service_key(std::string_view secret, std::string_view service);
// Makes the salt of the split of one service (snapshot.hpp) from a secret, so that proxies that
// share the secret send a user to the same version. Another stable version lets other users go
// first.
std::uint64_t split_salt(std::string_view secret, std::string_view service,
                         std::string_view stable);

std::int64_t unix_now();  // seconds

// A signer is made from a key by assignment, so a snapshot cannot hold a key without its prepared
// state.
class CookieSigner {
 public:
  CookieSigner() : CookieSigner(MacKey{}) {}
  CookieSigner(const MacKey& key) : hmac_(key) {}  // NOLINT: `snapshot.cookie_key = key`

  // Takes what a former key signed until then (unix seconds). There are at most kMostFormer of
  // them, since each costs a hash for every cookie that the own key did not sign.
  void also_accept(const MacKey& key, std::int64_t until);
  static constexpr std::size_t kMostFormer = 4;

  CookieValue value(const CookieId& id) const;
  // Returns the id, if the value is exactly one that value() made. It takes constant time in the
  // MAC's bytes, and reads the clock only for values of a former key.
  std::optional<CookieId> verify(std::string_view value, std::int64_t (*now)() = unix_now) const;

 private:
  struct Former {
    HmacSha256 hmac;
    std::int64_t until;
  };
  HmacSha256 hmac_;
  std::vector<Former> former_;
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

// The room for every cookie that the configuration allows: its name, value, path and domain (255),
// and what stands between them.
inline constexpr std::size_t kMostSetCookie =
    config::kMostCookieName + kCookieValueLength + config::kMostCookiePath + 255 + 128;

// Writes `name=value; Path=/; Max-Age=N; HttpOnly; SameSite=Lax[; Domain=D][; Secure][;
// Partitioned]` into `out`; returns an empty text if it does not fit. `https` says that the client
// came by it. It does not allocate.
std::string_view format_set_cookie(const config::Sticky& cookie, std::string_view value, bool https,
                                   std::span<char> out);

}  // namespace cutwater::routing
