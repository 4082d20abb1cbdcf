// Takes traffic from a version that has failed: its guard has tripped, no endpoint is healthy,
// connections are refused, or an endpoint uses too much memory. A revert goes before people, and is
// true before it is written. Reverts belongs to control's io_context and lives as long as the
// control plane.
#pragma once

#include <string>

#include "control/steering/steering.hpp"

namespace cutwater::control {

struct ProbedEndpoint {
  std::string service, version, url;
};

// Says that a rule without statistics has spoken: an endpoint uses too much memory, none can be
// reached, or all fail their health checks.
struct Unfit {
  std::string service, version;
  std::string cause;  // of the decision: "memory", "health"
  std::string reason;
};

class Reverts {
 public:
  Reverts(Steering& steering, Services& services, const Guards& guards, const Capacity& capacity)
      : steering_(steering), services_(services), guards_(guards), capacity_(capacity) {}

  // Is called when a version's guard has spoken.
  Awaitable<void> tripped(std::string service, std::string version);
  // Reverts a version that is not fit to serve, if it is guarded.
  Awaitable<void> unfit(Unfit what);
  // Is called when a probe has changed its mind about an endpoint. It reverts a candidate that has
  // none left.
  Awaitable<void> health_changed(ProbedEndpoint endpoint, bool healthy, std::string why);

 private:
  Awaitable<void> take_traffic(Unfit what);  // in a turn

  Steering& steering_;
  Services& services_;
  const Guards& guards_;
  const Capacity& capacity_;
};

}  // namespace cutwater::control
