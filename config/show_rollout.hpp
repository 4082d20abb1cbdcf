// The rollout section as JSON that reads back the same; a part of show.hpp. Pure, any thread.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "config/rollout.hpp"

namespace cutwater::config {

boost::json::object show(const GuardLimits& guards);
boost::json::object show_rollout(const RolloutDefaults& rollout);
std::string show_utc_offset(int minutes);  // "+01:00"

}  // namespace cutwater::config
