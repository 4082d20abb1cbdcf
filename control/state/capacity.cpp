#include "control/state/capacity.hpp"

#include <algorithm>
#include <chrono>

namespace cutwater::control {

Endpoints Capacity::in_service(const ServiceState& state, const std::string& version) const {
  return control::in_service(publisher_.endpoints(state.name, version), state, version);
}

Share Capacity::of(const ServiceState& state, const std::string& version) const {
  const auto endpoints = in_service(state, version);
  const auto healthy = std::count_if(endpoints.begin(), endpoints.end(),
                                     [](const auto& endpoint) { return endpoint->healthy(); });
  const auto all = static_cast<std::int64_t>(publisher_.endpoints(state.name, version).size());
  const config::Service* config = services_.find_config(state.name);
  if (all == 0 || config == nullptr) return {};
  const auto& most = config->rollout.max_share_per_endpoint;
  const std::int64_t millionths = most ? most->millionths * healthy : Share::kWhole * healthy / all;
  return Share{static_cast<std::int32_t>(std::min<std::int64_t>(millionths, Share::kWhole))};
}

Surroundings Capacity::surroundings(const std::string& service, const EngineState* rollout) const {
  Surroundings at;
  at.now = clocks_.now();
  at.wall_ms = clocks_.wall_ms();
  if (rollout == nullptr) return at;
  const ServiceEntry& entry = services_.at(service);
  at.can_carry = of(entry.state, rollout->to);
  for (const auto& [version, windows] : entry.windows) {
    const auto monitor = publisher_.monitor(service, version);
    if (!monitor) continue;
    const Window last = windows.last(Windows::kLong, at.now, monitor->totals());
    at.requests_per_second += last.requests_per_second();
    if (last.totals.latency.count > 0)
      at.latency_s = std::max(
          at.latency_s, std::chrono::duration<double>(last.totals.latency.quantile(0.95)).count());
  }
  return at;
}

}  // namespace cutwater::control
