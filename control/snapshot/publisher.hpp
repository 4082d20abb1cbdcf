// Configuration and stored state in, routing snapshots out. Keeps the objects that must live
// through reloads: an endpoint (connection pools hang on its id) as long as service, version and
// URL stay, a version's monitor (its counters and evidence) as long as service and version stay.
// Ids are never reused. Thread: control's.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "config/parse.hpp"
#include "control/snapshot/certificates.hpp"
#include "control/snapshot/cookie_keys.hpp"
#include "control/store/records.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::control {

using Endpoints = std::vector<std::shared_ptr<upstream::Endpoint>>;
// Without those a rolling rollout has taken out.
Endpoints in_service(const Endpoints& endpoints, const ServiceState& state,
                     const std::string& version);

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};
// An address, or why there is none.
using Resolver = std::function<std::variant<SocketAddress, std::string>(const config::Address&)>;
// IP literals directly, names by getaddrinfo (blocks).
Resolver system_resolver();

struct Resolution {
  std::map<std::string, SocketAddress> addresses;  // by host:port
  UpstreamContexts tls = {};
  std::vector<config::Problem> problems;
};
// Reads the files of TLS, too. Blocks: run it away from the control thread. `known` (host:port)
// need no look-up: a name that stopped resolving must not take a working endpoint away.
Resolution resolve_endpoints(const config::Config& config, const std::string& file,
                             const Resolver& resolver, const std::set<std::string>& known);

// "127.0.0.1:9001", "[::1]:80"
std::string to_string(const config::Address& address);

class Publisher {
 public:
  Publisher(unsigned workers, const std::array<std::uint8_t, 32>& cookie_key);

  // The keys of the sticky cookies, over restarts; see cookie_keys.hpp. Restore before adopt().
  CookieKeys& cookie_keys() { return cookie_keys_; }
  unsigned workers() const { return workers_; }
  std::set<std::string> known() const;  // host:port of the endpoints it has

  // Makes what the configuration newly names, forgets what it no longer names.
  void adopt(const config::Config& config, const Resolution& resolution);

  std::shared_ptr<guard::VersionMonitor> monitor(const std::string& service,
                                                 const std::string& version) const;
  const Endpoints& endpoints(const std::string& service, const std::string& version) const;

  // Counts the flag's requests; armed while it ramps. nullptr: there is no such flag.
  std::shared_ptr<guard::VersionMonitor> flag_monitor(const std::string& service,
                                                      const std::string& flag) const;
  // One route of a version, where routes are judged apart.
  struct RouteGuard {
    std::string route;  // "shop.example.com/checkout"
    config::GuardLimits limits;
    std::shared_ptr<guard::VersionMonitor> monitor;
  };
  // In the order of the file; the same routes for every version of the service.
  const std::vector<RouteGuard>& route_guards(const std::string& service,
                                              const std::string& version) const;
  // Stops the guards of a version, those of its routes included.
  void disarm(const std::string& service, const std::string& version) const;
  // Nothing goes to versions that are locked out now; those that were and are not may be asked.
  void shut(const std::string& service, const std::set<std::string>& before,
            const std::set<std::string>& now) const;
  // nullptr for a service without a mirror.
  std::shared_ptr<routing::MirrorStats> mirror_stats(const std::string& service) const;

  struct Steering {
    const ServiceState* state;
    std::string rollout;             // id of the active one
    std::string candidate;           // of it: what a preview shows
    std::string compared;            // version that is held against stable; may be empty
    std::string compared_flag = {};  // that is held against its control group; likewise
  };
  // After adopt(); every service of `config` has its steering.
  std::shared_ptr<const routing::RoutingSnapshot> build(
      const config::Config& config, const std::map<std::string, Steering>& steering);

 private:
  struct VersionObjects {
    std::shared_ptr<guard::VersionMonitor> monitor;
    Endpoints endpoints;
  };
  using Key = std::pair<std::string, std::string>;  // service, and version or flag

  void adopt_flags_and_mirrors(const config::Config& config);
  void adopt_routes(const config::Config& config);
  std::vector<std::shared_ptr<guard::VersionMonitor>> guards_of(
      const config::Route& route, const routing::ServiceSnapshot& service) const;
  std::shared_ptr<upstream::Endpoint> make_endpoint(const config::Endpoint& endpoint,
                                                    const Resolution& resolution,
                                                    upstream::EndpointOptions options);
  std::shared_ptr<const routing::ServiceSnapshot> build_service(const config::Service& service,
                                                                const Steering& steering);

  const unsigned workers_;
  CookieKeys cookie_keys_;
  std::map<Key, VersionObjects> versions_;
  std::map<Key, std::shared_ptr<guard::VersionMonitor>> flag_monitors_;
  std::map<Key, std::vector<RouteGuard>> route_guards_;
  std::map<std::string, std::shared_ptr<routing::MirrorStats>> mirrors_;
  std::map<std::string, SocketAddress> addresses_;
  std::map<std::string, std::uint32_t> service_ids_;
  std::uint32_t next_endpoint_id_ = 1;
  std::uint64_t generation_ = 0;
};

}  // namespace cutwater::control
