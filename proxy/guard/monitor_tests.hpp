// The evidence of a VersionMonitor: everything its mutex guards. Only for the monitor's own
// sources.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "proxy/guard/alarm.hpp"
#include "proxy/guard/version_monitor.hpp"

namespace cutwater::guard {

struct VersionMonitor::Tests {
  template <typename T>
  using PerIndicator = std::array<T, stats::kIndicators>;
  // A run of failures of the candidate, and where things stood when it began.
  struct Run {
    std::uint64_t number = 0;
    std::uint64_t bad_before = 0;
    Counts baseline;
  };

  mutable std::mutex mutex;
  GuardPolicy policy;
  std::function<void()> on_trip;
  std::shared_ptr<const VersionMonitor> baseline;
  std::vector<Alarm> alarms;  // by Indicator; empty before the first arming
  PerIndicator<std::uint64_t> good_at_arming{};
  PerIndicator<Run> runs;
  // When an alarm last was the baseline's trouble too (or, of a witness, simply an alarm), and
  // from where on the version has to prove itself again.
  PerIndicator<std::optional<TimePoint>> explained;
  PerIndicator<Counts> pass_from;
  // The story of the decision, once there is one.
  std::optional<std::size_t> failed;
  TimePoint decided{};
  std::uint64_t requests_to_decision = 0;
  std::uint64_t distinct_clients = 0;
};

}  // namespace cutwater::guard
