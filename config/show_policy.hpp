// Writes `policy:` as the file says it, for show.cpp and for messages. Pure.
#pragma once

#include <boost/json/object.hpp>

#include "config/policy.hpp"

namespace cutwater::config {

// Only what is set; as `policy: {...}` has it.
boost::json::object show_policy(const DeployerPolicy& policy);

}  // namespace cutwater::config
