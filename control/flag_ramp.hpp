// What a flag's `ramp` means: whether it goes up by itself now, by which limits it is judged, and
// which flag of a service is compared with its control group. Pure; values in, values out.
#pragma once

#include <string>

#include "config/model.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {

// `flag` as it is in force. At its last step there is nothing left to raise.
bool ramp_is_over(const config::Flag& flag);
// Neither over, nor switched off, nor paused by a person.
bool is_ramping(const config::Flag& flag, const FlagState* state);

// Those of the ramp, and of the service where the ramp has none of its own.
config::Guards flag_limits(const config::Service& service, const std::string& flag);

// The flag whose users are compared with those whom its dice have kept out: of those that ramp and
// have users the first in the file; empty: none. Such a flag is below 100 %: there is always a
// control group.
std::string compared_flag(const config::Service& service, const ServiceState& state);

}  // namespace cutwater::control
