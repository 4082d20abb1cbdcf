// Turns configuration and stored state into routing snapshots. It keeps the objects that must live
// through reloads: an endpoint (connection pools depend on its id) as long as service, version and
// URL stay, a version's monitor (its counters and evidence) as long as service and version stay.
// Ids are never reused. It runs on control's thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "config/model.hpp"
#include "control/snapshot/cookie_keys.hpp"
#include "control/snapshot/resolver.hpp"
#include "control/store/records.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::control {

using Endpoints = std::vector<std::shared_ptr<upstream::Endpoint>>;
// Returns the endpoints without those that a rolling rollout has taken out.
Endpoints in_service(const Endpoints& endpoints, const ServiceState& state,
                     const std::string& version);

class Publisher {
 public:
  Publisher(unsigned workers, const std::array<std::uint8_t, 32>& cookie_key);

  // The keys of the sticky cookies, over restarts; see cookie_keys.hpp. Restore before adopt().
  CookieKeys& cookie_keys() { return cookie_keys_; }
  unsigned workers() const { return workers_; }
  const SocketAddresses& known() const { return addresses_; }  // of the endpoints it has

  // Makes what the configuration newly names, and forgets what it no longer names.
  void adopt(const config::Config& config, const Resolution& resolution);

  std::shared_ptr<guard::VersionMonitor> monitor(const std::string& service,
                                                 const std::string& version) const;
  const Endpoints& endpoints(const std::string& service, const std::string& version) const;
  // The next requests to each endpoint of the version count as its first ones.
  void begin_warm_up(const std::string& service, const std::string& version) const;

  // Counts the flag's requests; the monitor is armed while the flag ramps. nullptr means that there
  // is no such flag.
  std::shared_ptr<guard::VersionMonitor> flag_monitor(const std::string& service,
                                                      const std::string& flag) const;
  // Holds the guard of one route of a version, where routes are judged separately.
  struct RouteGuard {
    std::string route;  // "shop.example.com/checkout"
    config::GuardLimits limits;
    std::shared_ptr<guard::VersionMonitor> monitor;
  };
  // The guards stand in the order of the file; every version of the service has the same routes.
  const std::vector<RouteGuard>& route_guards(const std::string& service,
                                              const std::string& version) const;
  // Stops the guards of a version, including those of its routes.
  void disarm(const std::string& service, const std::string& version) const;
  // Sends nothing to versions that are locked out now; versions that no longer are may get
  // requests.
  void shut(const std::string& service, const std::set<std::string>& before,
            const std::set<std::string>& now) const;
  // Returns nullptr for a service without a mirror.
  std::shared_ptr<routing::MirrorStats> mirror_stats(const std::string& service) const;

  // Counts the service's requests that no version got; kept as long as the service stays.
  std::shared_ptr<routing::ServiceCounters> counters(const std::string& service) const;

  struct Steering {
    const ServiceState* state;
    std::string rollout;             // id of the active rollout
    std::string candidate;           // the rollout's candidate, which a preview shows
    std::string compared;            // version that is compared with stable; may be empty
    std::string compared_flag = {};  // flag that is compared with its control group; likewise
  };
  // Call it after adopt(); every service of `config` has its steering.
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
  SocketAddresses addresses_;
  std::map<std::string, std::shared_ptr<routing::ServiceCounters>> counters_;
  std::map<std::string, std::uint32_t> service_ids_;
  std::uint32_t next_endpoint_id_ = 1;
  std::uint64_t generation_ = 0;
};

}  // namespace cutwater::control
