#include "config/diff.hpp"

#include <algorithm>
#include <tuple>

namespace cutwater::config {
namespace {

bool same_listeners(const std::vector<Listener>& a, const std::vector<Listener>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const Listener& one, const Listener& other) {
        return one.name == other.name && one.listen == other.listen && one.http2 == other.http2 &&
               one.proxy_protocol == other.proxy_protocol &&
               one.keep_headers == other.keep_headers && one.via == other.via &&
               one.tls.has_value() == other.tls.has_value() &&  // its contents may change
               std::equal(one.trusted_proxies.begin(), one.trusted_proxies.end(),
                          other.trusted_proxies.begin(), other.trusted_proxies.end(),
                          [](const Cidr& x, const Cidr& y) { return x.text == y.text; });
      });
}

bool same_limits(const Limits& a, const Limits& b) {
  const auto all = [](const Limits& l) {
    return std::tuple(l.header_bytes, l.header_fields, l.response_header_bytes, l.response_fields,
                      l.target_bytes, l.header_timeout, l.handshake_timeout, l.keepalive_idle,
                      l.keepalive_requests, l.body_min_rate, l.client_write_stall, l.connections,
                      l.connections_per_ip, l.http2);
  };
  return all(a) == all(b);
}

}  // namespace

std::vector<std::string> restart_needed(const Config& running, const Config& next) {
  std::vector<std::string> names;
  const auto compare = [&](const char* name, bool same) {
    if (!same) names.emplace_back(name);
  };
  compare("state_dir", running.state_dir == next.state_dir);
  compare("workers", running.workers == next.workers);
  const bool same_admin =
      running.admin.unix_path == next.admin.unix_path &&
      (!running.admin.unix_path.empty() || running.admin.listen == next.admin.listen);
  compare("admin.listen", same_admin);
  // Tokens, host names, and the certificates may change.
  compare("admin.tls", running.admin.tls.has_value() == next.admin.tls.has_value());
  compare("admin.probes", running.admin.probes == next.admin.probes);
  compare("listeners", same_listeners(running.listeners, next.listeners));
  compare("limits", same_limits(running.limits, next.limits));
  compare("access_log", running.access_log.to == next.access_log.to &&
                            running.access_log.path == next.access_log.path);
  return names;
}

}  // namespace cutwater::config
