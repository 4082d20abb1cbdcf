// Reports what a monitor has found, as values.
#include "proxy/guard/version_monitor.hpp"

#include <algorithm>

#include "proxy/guard/comparison.hpp"
#include "proxy/guard/confidence.hpp"
#include "proxy/guard/monitor_evidence.hpp"
#include "proxy/guard/pass_evidence.hpp"

namespace cutwater::guard {
namespace {

constexpr double kIntervalAlpha = 0.01;
constexpr std::string_view kControlGroup = "the control group";  // the name as people read it
// For this long after the last alarm of its kind, a common cause or a failing baseline is still the
// verdict: between two failures of sparse traffic it is not over.
constexpr Seconds kLingers{30};

struct TestCounts {
  std::uint64_t bad = 0;
  std::uint64_t good = 0;
  PassCounts to_pass = {};  // those that the PASS test looks at
};

TestReport describe(std::string_view name, const Alarm& alarm, const TestCounts& counts,
                    double beta) {
  TestReport test;
  test.name = name;
  test.bad = counts.bad;
  test.good = counts.good;
  test.threshold_rate = alarm.limits().p0;
  test.evidence = alarm.evidence_after(counts.good);
  test.alarm_at = 1 / alarm.limits().alpha;
  test.pass_evidence = pass_evidence(test.threshold_rate, counts.to_pass);
  test.pass_at = 1 / beta;
  const Interval interval = always_valid_interval(test.bad, test.good, kIntervalAlpha);
  test.rate_low = interval.low;
  test.rate_high = interval.high;
  if (const std::uint64_t all = test.bad + test.good; all > 0)
    test.rate = static_cast<double>(test.bad) / static_cast<double>(all);
  if (test.pass_evidence >= test.pass_at)
    test.verdict = Verdict::Pass;
  else if (test.bad + test.good > 0)
    test.verdict = Verdict::Inconclusive;
  return test;
}

Verdict overall(const GuardReport& report) {
  if (report.failed_test && !report.dry_run) return Verdict::Fail;
  const auto any = [&](Verdict verdict) {
    return std::any_of(report.tests.begin(), report.tests.end(),
                       [&](const auto& test) { return test.verdict == verdict; });
  };
  if (any(Verdict::Fail) && !report.dry_run) return Verdict::Fail;  // a witness: nothing tripped
  if (any(Verdict::CommonCause)) return Verdict::CommonCause;
  if (report.requests_since_arming == 0) return Verdict::NoTraffic;
  // A test that can only fail has nothing to say until it has failed (in a dry run).
  const auto fine = [](const TestReport& test) {
    return test.verdict == Verdict::Pass || (test.pass_at == 0 && test.verdict != Verdict::Fail);
  };
  const bool all_pass = std::all_of(report.tests.begin(), report.tests.end(), fine);
  return all_pass ? Verdict::Pass : Verdict::Inconclusive;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::NoTraffic:
      return "no_traffic";
    case Verdict::Inconclusive:
      return "inconclusive";
    case Verdict::Pass:
      return "pass";
    case Verdict::Fail:
      return "fail";
    case Verdict::CommonCause:
      return "common_cause";
  }
  return "unknown";
}

void VersionMonitor::Tests::Kinds::add(const stats::AttemptResult& result) {
  if (!stats::is_error(result.outcome)) return;  // a slow response alone
  const bool by_status = result.outcome == stats::Outcome::Status5xx;
  ++counts_[{result.outcome, by_status ? result.status : 0}];
}

// The most frequent kind comes first.
std::vector<FailureKind> VersionMonitor::Tests::Kinds::list() const {
  std::vector<FailureKind> out;
  for (const auto& [kind, count] : counts_) {
    const auto& [outcome, status] = kind;
    out.push_back({outcome == stats::Outcome::Status5xx ? "status_" + std::to_string(status)
                                                        : std::string(to_string(outcome)),
                   count});
  }
  std::stable_sort(out.begin(), out.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  return out;
}

// The caller holds the mutex.
void VersionMonitor::report_limits(GuardReport& report, TimePoint now) const {
  const Tests& tests = *tests_;
  for (std::size_t i = 0; i < tests.alarms.size(); ++i) {
    const Alarm& alarm = tests.alarms[i];
    const Counts& from = tests.pass_from[i];
    const auto indicator = static_cast<stats::Indicator>(i);
    const ColdCounts cold = cold_of(cells_, indicator);
    TestCounts counts{alarm.bad(), good_since_arming(i)};
    counts.to_pass = {alarm.bad() - from.bad, counts.good - std::min(counts.good, from.good),
                      cold.bad - tests.cold_pass_from[i].bad,
                      cold.good - tests.cold_pass_from[i].good};
    // Requests that their clients gave up are in no test of errors.
    report.requests_since_arming =
        std::max(report.requests_since_arming, counts.good + alarm.raw_bad());
    TestReport test = describe(kTestNames[i], alarm, counts, tests.policy.pass_beta);
    // The workers count on after the decision.
    test.given_up =
        std::min(test.bad, given_up_of(cells_, indicator) - tests.given_up_at_arming[i]);
    test.cold_bad = cold.bad - tests.cold_at_arming[i].bad;
    test.cold_good = cold.good - tests.cold_at_arming[i].good;
    if (tests.explained[i] && now - *tests.explained[i] < kLingers)
      test.verdict = tests.policy.witness ? Verdict::Fail : Verdict::CommonCause;
    report.requests_needed_to_pass =
        std::max(report.requests_needed_to_pass,
                 good_needed_to_pass(alarm.limits().p0, tests.policy.pass_beta, counts.to_pass));
    report.tests.push_back(std::move(test));
  }
}

void VersionMonitor::report_past(GuardReport& report) const {
  const Tests& tests = *tests_;
  if (!tests.past) return;
  TestCounts counts;
  counts.bad = tests.past->bad();
  counts.good = good_of(cells_, stats::Indicator::Error) - tests.good_at_past;
  TestReport test = describe(kPastTestName, *tests.past, counts, tests.policy.pass_beta);
  test.pass_at = test.pass_evidence = 0;  // it can only fail a version
  test.verdict = test.bad + test.good == 0 ? Verdict::NoTraffic : Verdict::Inconclusive;
  report.tests.push_back(std::move(test));
}

GuardReport VersionMonitor::report(TimePoint now) const {
  const std::lock_guard lock(tests_->mutex);
  GuardReport report;
  report.armed = armed_.load(std::memory_order_relaxed);
  report.tripped = tripped();
  report.dry_run = tests_->policy.dry_run;
  if (tests_->baseline) report.baseline = tests_->baseline->version();
  report_limits(report, now);
  if (tests_->comparison) tests_->comparison->add_reports(report.tests);
  if (tests_->comparison && tests_->comparison->has_control_group())
    report.baseline = kControlGroup;
  report_past(report);
  report.ignored = ignored_of(cells_) - tests_->ignored_at_arming;
  report.distinct_clients = static_cast<std::uint64_t>(distinct_clients(now) + 0.5);
  if (!tests_->alarms.empty()) report.failed_attempts = tests_->alarms[0].raw_bad();
  if (const auto& story = tests_->story) {
    report.failed_test = story->test;
    report.failed_attempts = story->failed_attempts;
    report.first_bad = story->first_bad;
    report.decided = story->decided;
    report.requests_to_decision = story->requests;
    report.failed_in_run = story->failed_in_run;
    report.failure_kinds = story->kinds;
    report.distinct_clients = story->distinct_clients;
    for (TestReport& test : report.tests) {
      if (test.name != story->test) continue;
      test.verdict = Verdict::Fail;
      test.evidence = story->evidence;  // the evidence at the time of the decision
    }
  }
  report.verdict = overall(report);
  return report;
}

}  // namespace cutwater::guard
