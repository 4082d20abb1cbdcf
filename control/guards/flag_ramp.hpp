// Says what a flag's `ramp` means: whether it goes up by itself now, by which limits it is judged,
// what it does next, and which flag of a service is compared with its control group. It is pure:
// values in, values out.
#pragma once

#include <optional>
#include <string>

#include "config/model.hpp"
#include "control/rollout/engine.hpp"
#include "control/rollout/verdict.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {

// `flag` is the flag in force. At its last step there is nothing left to raise.
bool ramp_is_over(const config::Flag& flag);
// Says whether the ramp is neither over, nor switched off, nor paused by a person.
bool is_ramping(const config::Flag& flag, const FlagState* state);

// Says whether some flag of the service is judged: what stable does at the same time may explain
// its failures.
bool judges_flags(const config::Service& service, const ServiceState& state);

// Returns the limits of the ramp, and those of the service where the ramp has none of its own.
config::Guards flag_limits(const config::Service& service, const std::string& flag);

// Returns the flag whose users are compared with those whom its dice have kept out: of the flags
// that ramp and have users the first in the file, or an empty name. Such a flag is below 100 %, so
// there always is a control group.
std::string compared_flag(const config::Service& service, const ServiceState& state);

// Says where a ramping flag stands at its present share.
struct FlagStep {
  TimePoint at;                        // since when
  std::uint64_t requests = 0;          // judged until then
  std::optional<TimePoint> rose = {};  // when its ramp brought it there
  bool told = false;                   // that it waits
};
struct RampMove {
  enum class Kind { Raise, Kill, Tell };
  Kind kind = Kind::Tell;
  Share share;          // Raise: to this
  effect::Decide said;  // what is said about it
};
// `evidence.baseline` is stable. nullopt means that the flag goes on waiting.
std::optional<RampMove> next_move(const config::Flag& flag, const FlagStep& step,
                                  const Evidence& evidence, TimePoint now);

}  // namespace cutwater::control
