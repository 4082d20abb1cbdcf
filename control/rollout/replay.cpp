#include "control/rollout/replay.hpp"

#include <algorithm>
#include <array>

#include "control/base/rfc3339.hpp"
#include "control/rollout/verdict.hpp"
#include "control/snapshot/guard_policy.hpp"
#include "proxy/guard/common_cause.hpp"
#include "proxy/guard/confidence.hpp"
#include "proxy/guard/pass_evidence.hpp"

namespace cutwater::control {
namespace {

constexpr double kShownAlpha = 0.01;  // of the intervals

struct Tally {
  std::uint64_t bad = 0;
  std::uint64_t good = 0;

  std::uint64_t all() const { return bad + good; }
  Tally& operator+=(const Tally& more) {
    bad += more.bad;
    good += more.good;
    return *this;
  }
  Tally operator-(const Tally& less) const { return {bad - less.bad, good - less.good}; }
};

guard::TestReport describe_test(std::string_view name, const Tally& counts) {
  guard::TestReport test;
  test.name = name;
  test.bad = counts.bad;
  test.good = counts.good;
  if (counts.all() > 0)
    test.rate = static_cast<double>(counts.bad) / static_cast<double>(counts.all());
  const auto interval = guard::always_valid_interval(counts.bad, counts.good, kShownAlpha);
  test.rate_low = interval.low;
  test.rate_high = interval.high;
  test.verdict = counts.all() > 0 ? guard::Verdict::Inconclusive : guard::Verdict::NoTraffic;
  return test;
}

// Watches one limit of `to`, beside what `from` does under the same limit: it uses guard::Alarm and
// the questions the monitor asks around it, without clients and with ticks instead of attempts.
class LimitWatch {
 public:
  explicit LimitWatch(const guard::AlarmLimits& limits) : limits_(limits), test_(limits.p0) {}

  void feed(const Tally& own, const Tally& other) {
    const double before = test_.evidence();
    if (own.bad > 0 && (own_.bad == 0 || before <= guard::kBackAtGround * ground_)) {
      ground_ = before;
      own_before_ = own_;
      other_before_ = other_;
    }
    test_.add_tick(own.bad, own.good);
    own_ += own;
    other_ += other;
  }
  bool alarms() const {
    return test_.evidence() >= 1 / limits_.alpha && own_.bad >= limits_.min_bad;
  }
  bool is_shared() const {
    const Tally own = own_ - own_before_, other = other_ - other_before_;
    return guard::fail_alike({own.bad, own.all()}, {other.bad, other.all()}, limits_);
  }
  void explain_away() {
    test_.limit_evidence(1 / limits_.alpha);
    pass_from_ = own_;
  }
  std::uint64_t needed(double beta) const {
    const Tally counts = own_ - pass_from_;
    return guard::good_needed_to_pass(limits_.p0, beta, counts.bad, counts.good);
  }
  bool passes(double beta) const { return pass_evidence() >= 1 / beta; }
  guard::TestReport report(std::string_view name, double beta) const {
    guard::TestReport test = describe_test(name, own_);
    test.threshold_rate = limits_.p0;
    test.evidence = test_.evidence();
    test.alarm_at = 1 / limits_.alpha;
    test.pass_evidence = pass_evidence();
    test.pass_at = 1 / beta;
    if (passes(beta)) test.verdict = guard::Verdict::Pass;
    return test;
  }

 private:
  double pass_evidence() const {
    const Tally counts = own_ - pass_from_;
    return guard::pass_evidence(limits_.p0, counts.bad, counts.good);
  }

  guard::AlarmLimits limits_;
  guard::ChangePointEvidence test_;
  Tally own_, other_;                // since arming
  Tally own_before_, other_before_;  // when the present run of failures began
  double ground_ = 0;                // the evidence at that time
  Tally pass_from_;
};

// Compares the errors of both, by the chance with which their requests were assigned.
class ComparisonWatch {
 public:
  explicit ComparisonWatch(const guard::ComparisonPolicy& policy)
      : policy_(policy), test_(policy.tolerance) {}

  void feed(const TrafficTick& tick) {
    const double weight = tick.weight.ratio();
    if (weight <= 0 || weight >= 1) return;  // there was no choice
    test_.add_tick({tick.to.errors, tick.from.errors}, weight);
    own_ += {tick.to.errors, tick.to.requests - tick.to.errors};
    other_ += {tick.from.errors, tick.from.requests - tick.from.errors};
  }
  bool alarms() const {
    return test_.evidence() >= 1 / policy_.alpha_errors && own_.bad >= policy_.min_failed;
  }
  guard::TestReport report(std::string_view name) const {
    guard::TestReport test = describe_test(name, own_);
    guard::BaselineCounts baseline{other_.bad, other_.good, 0};
    if (other_.all() > 0)
      baseline.rate = static_cast<double>(other_.bad) / static_cast<double>(other_.all());
    test.baseline = baseline;
    test.threshold_rate = std::min(1.0, policy_.tolerance * baseline.rate);
    test.evidence = test_.evidence();
    test.alarm_at = 1 / policy_.alpha_errors;
    return test;
  }

 private:
  guard::ComparisonPolicy policy_;
  guard::RelativeEvidence test_;
  Tally own_, other_;
};

Tally errors_of(const TrafficCounts& counts) {
  return {counts.errors, counts.requests - counts.errors};
}

Tally slow_of(const TrafficCounts& counts, Nanoseconds limit) {
  const std::uint64_t slow = counts.slower_than(limit);
  return {slow, counts.timed() - slow};
}

class Player {
 public:
  explicit Player(const ReplayCase& asked) : asked_(asked) {
    for (const char* name : {"error_rate", "p95", "p95_critical"}) add_guard(name);
    if (asked.guards.relative) add_guard("relative_error_rate");
    arm(asked.ticks.empty() ? 0 : step_of(asked.ticks.front()));
  }

  void play(const TrafficTick& tick) {
    const std::size_t step = step_of(tick);
    if (out_.steps.empty() || out_.steps.back().step != step) enter(step, tick);
    if (tick.weight > weight_) rose_ms_ = tick.end_ms - tick.span_ms;
    weight_ = tick.weight;
    ReplayedStep& here = out_.steps.back();
    here.ended_ms = tick.end_ms;
    here.weight = tick.weight;
    here.requests += tick.to.requests;
    here.errors += tick.to.errors;
    out_.requests += tick.to.requests;
    out_.errors += tick.to.errors;
    judge_limits(tick);
    if (comparison_) judge_comparison(tick);
    if (out_.decisive() == nullptr && !here.proven_ms && here.requests > 0 && all_pass())
      here.proven_ms = tick.end_ms;
  }

  Replay finish() {
    leave();
    for (std::size_t i = 0; i < limits_watched_.size(); ++i)
      if (!out_.guards[i].failure) {
        const auto before = out_.guards[i].test.verdict;
        out_.guards[i].test = limits_watched_[i].report(out_.guards[i].test.name, beta());
        if (before == guard::Verdict::CommonCause && !limits_watched_[i].passes(beta()))
          out_.guards[i].test.verdict = before;
      }
    if (comparison_ && !out_.guards.back().failure)
      out_.guards.back().test = comparison_->report(out_.guards.back().test.name);
    conclude();
    return std::move(out_);
  }

 private:
  void add_guard(const char* name) {
    out_.guards.emplace_back();
    out_.guards.back().test.name = name;
  }
  std::size_t step_of(const TrafficTick& tick) const {
    return std::min(tick.step, asked_.plan.stages.size() - 1);
  }
  double beta() const { return policy_of(limits_).pass_beta; }

  // Starts fresh evidence, by the limits of this step.
  void arm(std::size_t step) {
    armed_for_ = step;
    limits_ = limits_of(asked_.guards, asked_.plan.stages[step].guards);
    limits_.false_rollback *= asked_.plan.alpha_share();
    limits_watched_.clear();
    for (const auto& limits : guard::alarm_limits(policy_of(limits_)))
      limits_watched_.emplace_back(limits);
    if (limits_.relative) comparison_.emplace(comparison_policy_of(limits_));
  }

  void enter(std::size_t step, const TrafficTick& tick) {
    leave();
    if (!(asked_.plan.stages[step].guards == asked_.plan.stages[armed_for_].guards)) arm(step);
    ReplayedStep entered;
    entered.step = step;
    entered.began_ms = tick.end_ms - tick.span_ms;
    entered.reached = out_.decisive() == nullptr;
    out_.steps.push_back(entered);
  }

  void leave() {
    if (out_.steps.empty()) return;
    for (const LimitWatch& watch : limits_watched_)
      out_.steps.back().needed = std::max(out_.steps.back().needed, watch.needed(beta()));
  }

  bool all_pass() const {
    return std::all_of(limits_watched_.begin(), limits_watched_.end(),
                       [&](const LimitWatch& watch) { return watch.passes(beta()); });
  }

  void judge_limits(const TrafficTick& tick) {
    const std::array<std::pair<Tally, Tally>, 3> counts{
        {{errors_of(tick.to), errors_of(tick.from)},
         {slow_of(tick.to, limits_.p95), slow_of(tick.from, limits_.p95)},
         {slow_of(tick.to, limits_.p95_critical), slow_of(tick.from, limits_.p95_critical)}}};
    for (std::size_t i = 0; i < limits_watched_.size(); ++i) {
      LimitWatch& watch = limits_watched_[i];
      ReplayedGuard& guard = out_.guards[i];
      if (guard.failure) continue;
      watch.feed(counts[i].first, counts[i].second);
      if (counts[i].first.bad == 0 || !watch.alarms()) continue;
      guard.test = watch.report(guard.test.name, beta());
      if (!watch.is_shared()) {
        fail(guard, tick, false);
        continue;
      }
      guard.test.verdict = guard::Verdict::CommonCause;
      if (!guard.common_cause_ms) guard.common_cause_ms = tick.end_ms;
      if (rose_ms_ && tick.end_ms - *rose_ms_ < limits_.blame_window.count())
        fail(guard, tick, true);
      watch.explain_away();
    }
  }

  void judge_comparison(const TrafficTick& tick) {
    ReplayedGuard& guard = out_.guards.back();
    if (guard.failure) return;
    comparison_->feed(tick);
    if (!comparison_->alarms()) return;
    guard.test = comparison_->report(guard.test.name);
    fail(guard, tick, false);
  }

  // `blamed` means that both versions fail, but the weight of `to` has just risen.
  void fail(ReplayedGuard& guard, const TrafficTick& tick, bool blamed) {
    if (!blamed) guard.test.verdict = guard::Verdict::Fail;
    Evidence evidence;
    evidence.limits = limits_;
    evidence.report.baseline = asked_.from;
    evidence.report.failed_test = guard.test.name;
    evidence.report.tests = {guard.test};
    guard.failure = {
        tick.end_ms, step_of(tick), out_.requests, out_.errors,
        blamed ? blame_sentence(asked_.to, evidence) : failure_sentence(asked_.to, evidence)};
  }

  std::string place(std::size_t step, Share weight) const {
    return "step " + std::to_string(step + 1) + " of " + std::to_string(asked_.plan.stages.size()) +
           " (" + cutwater::to_string(weight) + ")";
  }
  std::string counted_text() const {
    return std::to_string(out_.requests) + " requests, " + std::to_string(out_.errors) + " errors";
  }

  void conclude() {
    using Outcome = Replay::Outcome;
    if (const ReplayedGuard* guard = out_.decisive()) {
      const auto& failure = *guard->failure;
      const auto at = std::find_if(out_.steps.begin(), out_.steps.end(),
                                   [&](const auto& one) { return one.step == failure.step; });
      out_.outcome = Outcome::RolledBack;
      out_.summary = "would have been rolled back at " + time_text(failure.at_ms) + ", at " +
                     place(failure.step, at->weight) + ", after " +
                     std::to_string(failure.requests) + " requests, " +
                     std::to_string(failure.errors) + " errors: " + failure.why;
      return;
    }
    if (out_.requests == 0) {
      out_.summary = "no decision possible: " + asked_.to + " had no requests";
      return;
    }
    // A preview has nothing to prove.
    const auto unproven = std::find_if(out_.steps.begin(), out_.steps.end(), [](const auto& step) {
      return !step.proven_ms && step.weight.millionths > 0;
    });
    if (unproven != out_.steps.end()) return hold_at(*unproven);
    const bool whole = out_.steps.back().step + 1 == asked_.plan.stages.size();
    out_.outcome = whole ? Outcome::Passed : Outcome::PassedSoFar;
    out_.summary = whole ? "would have passed: every guard passed at each step"
                         : "nothing against " + asked_.to +
                               ": every guard passed at each step recorded; the record ends at " +
                               place(out_.steps.back().step, out_.steps.back().weight);
    out_.summary += "; " + counted_text();
  }

  void hold_at(const ReplayedStep& step) {
    guard::GuardReport report;
    report.baseline = asked_.from;
    report.requests_needed_to_pass = step.needed;
    auto verdict = step.requests == 0 ? guard::Verdict::NoTraffic : guard::Verdict::Inconclusive;
    for (const ReplayedGuard& guard : out_.guards)
      if (guard.common_cause_ms && *guard.common_cause_ms > step.began_ms &&
          *guard.common_cause_ms <= step.ended_ms)
        verdict = guard::Verdict::CommonCause;
    out_.outcome = Replay::Outcome::Held;
    out_.summary = "would have been held at " + place(step.step, step.weight) + ": " +
                   hold_sentence(asked_.to, verdict, report) + "; " + counted_text() + " in all";
  }

  const ReplayCase& asked_;
  Replay out_;
  std::size_t armed_for_ = 0;
  config::Guards limits_;
  std::vector<LimitWatch> limits_watched_;     // the first of out_.guards
  std::optional<ComparisonWatch> comparison_;  // the last, if there is one
  Share weight_;
  std::optional<std::int64_t> rose_ms_;
};

}  // namespace

const ReplayedGuard* Replay::decisive() const {
  const ReplayedGuard* first = nullptr;
  for (const ReplayedGuard& guard : guards)
    if (guard.failure && (first == nullptr || guard.failure->at_ms < first->failure->at_ms))
      first = &guard;
  return first;
}

std::string_view to_string(Replay::Outcome outcome) {
  switch (outcome) {
    case Replay::Outcome::RolledBack:
      return "rolled_back";
    case Replay::Outcome::Passed:
      return "passed";
    case Replay::Outcome::PassedSoFar:
      return "passed_so_far";
    case Replay::Outcome::Held:
      return "held";
    case Replay::Outcome::NoTraffic:
      break;
  }
  return "no_traffic";
}

Replay replay(const ReplayCase& asked) {
  Player player(asked);
  for (const TrafficTick& tick : asked.ticks) player.play(tick);
  return player.finish();
}

}  // namespace cutwater::control
