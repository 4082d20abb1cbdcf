#include "control/state/traffic_windows.hpp"

namespace cutwater::control {

void Windows::sample(TimePoint now, stats::VersionTotals totals) {
  samples_.push_back({now, std::move(totals)});
  // One sample at or before the start of the longest window must stay.
  while (samples_.size() > 2 && now - samples_[1].at >= kLong) samples_.pop_front();
}

Window Windows::last(Seconds length, TimePoint now, const stats::VersionTotals& live) const {
  const Sample* start = nullptr;
  for (const Sample& sample : samples_) {
    if (start != nullptr && now - sample.at < length) break;
    start = &sample;
  }
  if (start == nullptr) return {};
  return {live - start->totals, std::chrono::duration<double>(now - start->at).count()};
}

}  // namespace cutwater::control
