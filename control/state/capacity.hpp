// What a version's endpoints are enough for. Thread: control's; lives as long as the control plane.
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

  // The share of traffic that the version's healthy endpoints in service can carry.
  Share of(const ServiceState& state, const std::string& version) const;
  // The version's endpoints without those that a rolling rollout has taken out.
  Endpoints in_service(const ServiceState& state, const std::string& version) const;
  // What the engine asks about the world; of the time only, when `rollout` is nullptr.
  Surroundings surroundings(const std::string& service, const EngineState* rollout) const;

 private:
  const Services& services_;
  const Publisher& publisher_;
  const Clocks& clocks_;
};

}  // namespace cutwater::control
