// Shows the rollout section as JSON that reads back the same; it is a part of show.hpp. The
// functions are pure; any thread may call them.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "config/rollout.hpp"

namespace cutwater::config {

boost::json::object show(const GuardLimits& guards);
std::string show(RolloutDefaults::OnInconclusive what);
boost::json::object show_rollout(const RolloutDefaults& rollout);
std::string show_utc_offset(int minutes);  // "+01:00"

}  // namespace cutwater::config
