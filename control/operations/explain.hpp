// Says which version a request would get, by which rule, and why. It asks the same pure functions
// as the workers, with throw-away state. It is pure and may run on any thread.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "control/base/reply.hpp"
#include "control/store/records.hpp"
#include "proxy/net/ip_address.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::control {

// What the snapshot does not know.
struct ExplainFacts {
  // The state of the service, for the reason why a version is locked out; if null, no reason is
  // said.
  const ServiceState* state = nullptr;
  // Without a `client_ip` in the request, its X-Forwarded-For or Forwarded is believed as that of a
  // peer among these would be. If empty, the fields are not believed.
  std::vector<net::Network> trusted_proxies = {};
};

// The service is one of the snapshot's. `request` has host, path, method, headers, cookies,
// client_ip.
Reply explain(const routing::RoutingSnapshot& snapshot, const std::string& service,
              const boost::json::object& request, const ExplainFacts& facts = {});

}  // namespace cutwater::control
