// What a flag's `ramp` means: whether it goes up by itself now, by which limits it is judged, what
// it does next, and which flag of a service is compared with its control group. Pure; values in,
// values out.
#pragma once

#include <optional>
#include <string>

#include "config/model.hpp"
#include "control/rollout/engine.hpp"
#include "control/rollout/verdict.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {

// `flag` as it is in force. At its last step there is nothing left to raise.
bool ramp_is_over(const config::Flag& flag);
// Neither over, nor switched off, nor paused by a person.
bool is_ramping(const config::Flag& flag, const FlagState* state);

// Some flag of the service is judged: what stable does at the same time may explain its failures.
bool judges_flags(const config::Service& service, const ServiceState& state);

// Those of the ramp, and of the service where the ramp has none of its own.
config::Guards flag_limits(const config::Service& service, const std::string& flag);

// The flag whose users are compared with those whom its dice have kept out: of those that ramp and
// have users the first in the file; empty: none. Such a flag is below 100 %: there is always a
// control group.
std::string compared_flag(const config::Service& service, const ServiceState& state);

// Where a ramping flag stands at its present share.
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
// `evidence.baseline` is stable. nullopt: it goes on waiting.
std::optional<RampMove> next_move(const config::Flag& flag, const FlagStep& step,
                                  const Evidence& evidence, TimePoint now);

}  // namespace cutwater::control
