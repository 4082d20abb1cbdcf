#include "control/guards/traffic.hpp"

namespace cutwater::control {

void TrafficWatch::sample() {
  const TimePoint now = clocks_.now();
  for (auto& [name, entry] : services_.entries()) {
    for (const auto& [version, share] : entry.state.weights) {
      const auto monitor = publisher_.monitor(name, version);
      if (!monitor) continue;
      const stats::VersionTotals totals = monitor->totals();
      entry.recent[version].sample({totals.attempts(), totals.errors()});
      entry.windows[version].sample(now, totals);
    }
    if (const auto counters = publisher_.counters(name))
      entry.unavailable.sample(now, counters->unavailable.load(std::memory_order_relaxed));
    record(entry);
  }
}

void TrafficWatch::record(const ServiceEntry& entry) {
  Recorder::Present present;
  present.rollout = entry.active();
  present.wall_ms = clocks_.wall_ms();
  present.totals = [this, &entry](const std::string& version) {
    const auto monitor = publisher_.monitor(entry.state.name, version);
    return monitor ? monitor->totals() : stats::VersionTotals{};
  };
  recorder_.sample(entry.state.name, present);
}

Awaitable<StoreResult<Traffic>> TrafficWatch::recorded(std::string rollout) const {
  return recorder_.recorded(std::move(rollout));
}

}  // namespace cutwater::control
