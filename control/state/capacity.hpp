// Says what a version's endpoints are enough for. It belongs to control's thread and lives as long
// as the control plane.
#pragma once

#include <string>

#include "control/base/clocks.hpp"
#include "control/rollout/engine.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/services.hpp"

namespace cutwater::control {

class Capacity {
 public:
  Capacity(const Services& services, const Publisher& publisher, const Clocks& clocks)
      : services_(services), publisher_(publisher), clocks_(clocks) {}

  // Returns the share of traffic that the version's healthy endpoints in service can carry.
  Share of(const ServiceState& state, const std::string& version) const;
  // Returns the version's endpoints without those that a rolling rollout has taken out.
  Endpoints in_service(const ServiceState& state, const std::string& version) const;
  // Returns what the engine asks about the world; only the time, when `rollout` is nullptr.
  Surroundings surroundings(const std::string& service, const EngineState* rollout) const;

 private:
  const Services& services_;
  const Publisher& publisher_;
  const Clocks& clocks_;
};

}  // namespace cutwater::control
