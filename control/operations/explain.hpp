// Which version would this request get, by which rule, and why. Asks the same pure functions as
// the workers, with throw-away state. Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "control/base/reply.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::control {

// The service is one of the snapshot's. `request`: host, path, method, headers, cookies, client_ip.
Reply explain(const routing::RoutingSnapshot& snapshot, const std::string& service,
              const boost::json::object& request);

}  // namespace cutwater::control
