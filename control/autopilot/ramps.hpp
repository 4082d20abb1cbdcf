// Raises a ramping flag step by step, and kills it when its guard has spoken. It belongs to
// control's io_context and lives as long as the control plane.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "control/guards/flag_ramp.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

class Ramps {
 public:
  Ramps(Steering& steering, Services& services, const FlagGuards& flag_guards, const Clocks& clocks)
      : steering_(steering), services_(services), flag_guards_(flag_guards), clocks_(clocks) {}

  // Is called when a flag's guard has spoken.
  Awaitable<void> tripped(std::string service, std::string flag);
  // Call it once a second, in a turn.
  Awaitable<void> tick(std::string service);

 private:
  // Remembers where a ramp stands, and which step of the flag's guard that is about. When the
  // guard's evidence has begun anew since, the memory is about nothing.
  struct Standing {
    FlagStep step;
    std::uint64_t steps_begun = 0;
  };
  Awaitable<bool> decide(Draft draft, Why why, Evidence evidence);  // true: it is done

  Steering& steering_;
  Services& services_;
  const FlagGuards& flag_guards_;
  const Clocks& clocks_;
  std::map<std::pair<std::string, std::string>, Standing> standing_;  // by service and flag
};

}  // namespace cutwater::control
