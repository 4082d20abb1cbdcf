// Holds the evidence of a VersionMonitor: everything its mutex guards. Only the monitor's own
// sources include it.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/guard/alarm.hpp"
#include "proxy/guard/version_monitor.hpp"

namespace cutwater::guard {

using Cells = std::vector<std::unique_ptr<stats::VersionCell>>;

// Add up what the workers have counted since the process began.
struct ColdCounts {
  std::uint64_t bad = 0;
  std::uint64_t good = 0;
};
template <typename CountOf>
std::uint64_t sum_over(const Cells& cells, CountOf count_of) {
  std::uint64_t sum = 0;
  for (const auto& cell : cells) sum += count_of(*cell);
  return sum;
}
inline std::uint64_t good_of(const Cells& cells, stats::Indicator indicator) {
  return sum_over(cells, [&](const auto& cell) { return cell.good_count(indicator); });
}
inline std::uint64_t given_up_of(const Cells& cells, stats::Indicator indicator) {
  return sum_over(cells, [&](const auto& cell) { return cell.given_up_count(indicator); });
}
inline std::uint64_t ignored_of(const Cells& cells) {
  return sum_over(cells, [](const auto& cell) { return cell.ignored_count(); });
}
inline ColdCounts cold_of(const Cells& cells, stats::Indicator indicator) {
  return {sum_over(cells, [&](const auto& cell) { return cell.cold_bad_count(indicator); }),
          sum_over(cells, [&](const auto& cell) { return cell.cold_good_count(indicator); })};
}

struct VersionMonitor::Tests {
  template <typename T>
  using PerIndicator = std::array<T, stats::kIndicators>;
  // Describes a run of failures of the candidate, and where things stood when it began.
  struct Run {
    std::uint64_t number = 0;
    std::uint64_t bad_before = 0;
    Counts baseline;
  };

  // Counts how the failures of one run ended.
  class Kinds {
   public:
    void begin(std::uint64_t run) {
      if (std::exchange(run_, run) != run) counts_.clear();
    }
    void add(const stats::AttemptResult& result);
    std::vector<FailureKind> list() const;

   private:
    std::uint64_t run_ = 0;
    std::map<std::pair<stats::Outcome, int>, std::uint64_t> counts_;  // by outcome and status
  };

  mutable std::mutex mutex;
  GuardPolicy policy;
  std::function<void()> on_trip;
  std::shared_ptr<const VersionMonitor> baseline;
  std::vector<Alarm> alarms;  // by Indicator; empty before the first arming
  PerIndicator<std::uint64_t> good_at_arming{};
  PerIndicator<std::uint64_t> given_up_at_arming{};
  std::uint64_t ignored_at_arming = 0;
  PerIndicator<Run> runs;
  PerIndicator<Kinds> kinds;
  // Says when an alarm last was the baseline's trouble too (or, for a witness, was an alarm at
  // all), and from where on the version has to prove itself again.
  PerIndicator<std::optional<TimePoint>> explained;
  PerIndicator<Counts> pass_from;
  PerIndicator<ColdCounts> cold_at_arming, cold_pass_from;  // of the endpoints' first requests
  std::shared_ptr<Comparison> comparison;
  // Holds the version against the baseline's past, once no baseline is left to compare with.
  std::optional<Alarm> past;
  std::uint64_t good_at_past = 0;
  Kinds past_kinds;

  // Tells the story of the decision, once there is one.
  struct Story {
    std::string test;
    TimePoint first_bad{};
    TimePoint decided{};
    std::uint64_t requests = 0;
    std::uint64_t failed_attempts = 0;
    std::uint64_t distinct_clients = 0;
    double evidence = 0;
    std::uint64_t failed_in_run = 0;
    std::vector<FailureKind> kinds = {};
  };
  std::optional<Story> story;
};

inline constexpr std::array<std::string_view, stats::kIndicators> kTestNames = {"error_rate", "p95",
                                                                                "p95_critical"};
inline constexpr std::string_view kPastTestName = "error_rate_of_the_past";

}  // namespace cutwater::guard
