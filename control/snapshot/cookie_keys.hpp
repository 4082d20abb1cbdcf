// Knows which keys sign the sticky cookies of each service, and which did before: a key is followed
// by the next when `sticky.secret` is written, changed or taken away, and by the first that is
// bound to its service when a proxy that knew one key for all is upgraded. What a key signed stays
// good for the ttl it was signed with, so that no user is dealt anew. It belongs to control's
// thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "control/store/async_store.hpp"
#include "proxy/routing/sticky_cookie.hpp"

namespace cutwater::control {

class CookieKeys {
 public:
  // `proxy_key` is the random one of the state directory.
  explicit CookieKeys(const routing::MacKey& proxy_key) : proxy_key_(proxy_key) {}

  // Takes what text() said in an earlier run; it is "" at the first start of a proxy that knows
  // this.
  void restore(const std::string& text);
  // The services as they are from `now` (unix seconds) on.
  void adopt(const config::Config& config, std::int64_t now);
  // Returns the keys of a service that was adopted.
  routing::CookieSigner signer(const std::string& service) const;
  // To be kept in the state directory: it holds keys.
  std::string text() const;

 private:
  struct Former {
    routing::MacKey key;
    std::int64_t until;
  };
  struct Service {
    routing::MacKey key;
    std::int64_t ttl = 0;        // seconds
    std::vector<Former> former;  // the newest first
  };
  routing::MacKey key_of(const config::Service& service) const;

  routing::MacKey proxy_key_;
  std::int64_t bound_since_ = 0;  // until then proxy_key_ itself signed, whatever the service
  std::map<std::string, Service> services_;
};

// The note of the state directory that text() is kept in.
inline constexpr const char* kCookieKeysNote = "cookie_keys";
// Writes it; a failure is logged. Both must live until it has ended.
boost::asio::awaitable<void> keep(const CookieKeys& keys, AsyncStore& store);

}  // namespace cutwater::control
