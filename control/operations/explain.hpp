// Which version would this request get, by which rule, and why. Asks the same pure functions as
// the workers, with throw-away state. Pure; any thread.
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
  // The service's, for the reason why a version is locked out; nullptr: none is said.
  const ServiceState* state = nullptr;
  // Without a `client_ip` in the request, its X-Forwarded-For or Forwarded is believed as a peer
  // among these would be. Empty: the fields are not believed.
  std::vector<net::Network> trusted_proxies = {};
};

// The service is one of the snapshot's. `request`: host, path, method, headers, cookies, client_ip.
Reply explain(const routing::RoutingSnapshot& snapshot, const std::string& service,
              const boost::json::object& request, const ExplainFacts& facts = {});

}  // namespace cutwater::control
