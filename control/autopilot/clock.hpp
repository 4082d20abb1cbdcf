// Does what happens because time passes: steps of rollouts, leases that expire, the end of
// `keep_old`, ramps of flags, and what is said about a mirror. It belongs to control's io_context
// and lives as long as the control plane.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "control/autopilot/ramps.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

class RolloutClock {
 public:
  RolloutClock(SteeredParts parts, Steering& steering, Ramps& ramps)
      : parts_(parts), steering_(steering), ramps_(ramps) {}

  // Call it once a second: it looks at windows, rollouts and unsaved changes. It skips what stands
  // behind a person's change.
  Awaitable<void> tick();
  // Looks at one service, in a turn.
  Awaitable<void> tick_service(std::string name);

 private:
  Awaitable<void> expire_lease(std::string service);
  Awaitable<void> tick_mirror(std::string service);
  bool release_old_version(Draft& draft) const;

  SteeredParts parts_;
  Steering& steering_;
  Ramps& ramps_;
  std::set<std::shared_ptr<routing::MirrorStats>> mirrors_told_;  // that they fail
};

}  // namespace cutwater::control
