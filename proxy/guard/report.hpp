// States what the guard of one version has found, as values, for the rollout engine, the API,
// metrics and the log. The values are copies, so any thread may use them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.hpp"

namespace cutwater::guard {

enum class Verdict : std::uint8_t {
  NoTraffic,
  Inconclusive,
  Pass,
  Fail,
  // The version is above a limit, but so is the version it is compared with, and it is not worse
  // than that one: something that both depend on is broken. The guard has not tripped; the state
  // ends by itself when the failures end.
  CommonCause,
};
std::string_view to_string(Verdict verdict);

// Says what the other version did, where a test compares.
struct BaselineCounts {
  std::uint64_t bad = 0;
  std::uint64_t good = 0;
  double rate = 0;
};

// Holds one test's numbers, as API, metrics and log show them.
struct TestReport {
  std::string name;  // "error_rate", "p95", "p95_critical", "relative_error_rate", ...
  Verdict verdict = Verdict::NoTraffic;
  std::uint64_t bad = 0;  // errors or slow responses counted by the test
  std::uint64_t good = 0;
  // What an alarm leaves out: the endpoints' first requests, of a test about latency.
  std::uint64_t cold_bad = 0;
  std::uint64_t cold_good = 0;
  std::uint64_t given_up = 0;          // of the slow ones: by their clients
  double rate = 0;                     // bad / (bad + good)
  double rate_low = 0, rate_high = 1;  // always-valid 99 % interval
  double threshold_rate = 0.05;        // for a relative test, the baseline's rate with its
                                       // tolerance
  double evidence = 0;                 // e-value M of the alarm test
  double alarm_at = 0;                 // 1/alpha
  double pass_evidence = 0;            // E' of the PASS test
  double pass_at = 0;                  // 1/beta; 0 if the test can fail a version but not pass it
  // Only relative tests set it.
  std::optional<BaselineCounts> baseline;
  std::optional<Nanoseconds> slow_above;  // T* of the latency test
  double quantile = 0;                    // the baseline's quantile that T* was made from
};

struct FailureKind {
  std::string name;
  std::uint64_t count = 0;

  friend bool operator==(const FailureKind&, const FailureKind&) = default;
};

struct GuardReport {
  bool armed = false;
  bool tripped = false;
  bool dry_run = false;  // says what it would have done: failed_test is set, nothing tripped
  // FAIL > COMMON_CAUSE > INCONCLUSIVE/NO_TRAFFIC of any test that can pass > PASS
  Verdict verdict = Verdict::NoTraffic;
  std::vector<TestReport> tests;
  std::optional<std::string> failed_test;
  // Names the version it is compared with, or "the control group" of a flag; empty if there is
  // none.
  std::string baseline;
  // Once tripped, the members below are set and tell the story of the decision.
  std::uint64_t requests_to_decision = 0;   // attempts from first_bad to the decision, both counted
  std::uint64_t requests_since_arming = 0;  // completed attempts, whether tripped or not
  std::uint64_t ignored = 0;                // attempts of guards.ignore since arming
  std::uint64_t failed_attempts = 0;        // bad for the deciding test; errors while undecided
  std::uint64_t distinct_clients = 0;       // estimate, last 60 s
  std::optional<TimePoint> first_bad;       // where the run of failures that decided began
  std::optional<TimePoint> decided;
  // Of the requests_to_decision, those that failed the deciding test; 0 where it has no such run.
  std::uint64_t failed_in_run = 0;
  // How the failures of that run ended, by outcome or status ("status_500", "connect_failed").
  std::vector<FailureKind> failure_kinds;
  std::uint64_t requests_needed_to_pass = 0;  // further clean requests until PASS; 0 = passed
};

}  // namespace cutwater::guard
