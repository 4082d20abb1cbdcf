// Says which version a request would get, by which rule, and why. It asks the same pure functions
// as the workers, with throw-away state. It is pure and may run on any thread.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "control/base/reply.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::control {

// The service is one of the snapshot's. `request` has host, path, method, headers, cookies,
// client_ip.
Reply explain(const routing::RoutingSnapshot& snapshot, const std::string& service,
              const boost::json::object& request);

}  // namespace cutwater::control
