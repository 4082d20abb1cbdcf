// OpenFeature Remote Evaluation Protocol 0.3: applications ask which flags a user has and get what
// the edge would decide, by the edge's own evaluation of the snapshot in force. Pure; any thread.
//
// Key: the flag's name, or service/flag where two services have a flag of that name.
// Context: `targetingKey` is whom the flag's key is about (the user id of "cookie:uid", an address
// for client_ip, the whole cookie for the sticky id). `headers` and `cookies` are objects as the
// browser would send them; every other text, number or boolean counts as a cookie and as a header
// of its name. Without a targetingKey the flag's key is looked up in those.
// Value: a flag with one version is a boolean; one with arms is the name of the version, or "off"
// for those who are not in the test (SDKs refuse an answer without a value).
#pragma once

#include <boost/json.hpp>
#include <string>

#include "control/base/reply.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::control {

Reply ofrep_flag(const routing::RoutingSnapshot& snapshot, const std::string& key,
                 const boost::json::object& request);
// The ETag is a hash of the answer.
Reply ofrep_flags(const routing::RoutingSnapshot& snapshot, const boost::json::object& request);

}  // namespace cutwater::control
