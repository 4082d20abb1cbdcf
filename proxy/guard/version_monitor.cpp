#include "proxy/guard/version_monitor.hpp"

#include <algorithm>
#include <mutex>
#include <utility>

#include "proxy/guard/common_cause.hpp"
#include "proxy/guard/comparison.hpp"
#include "proxy/guard/monitor_evidence.hpp"

namespace cutwater::guard {
namespace {

using stats::AttemptResult;
using stats::Indicator;
using stats::Outcome;

constexpr double kSlowShare = 0.05;  // p95 <= T is "at most 5 % slower than T"

constexpr unsigned bit(Indicator indicator) {
  return 1U << static_cast<unsigned>(indicator);
}

// A rate of exactly 0 or 1 has no odds; the nearest rate that has odds means the same to a person.
double usable_rate(double rate) {
  return std::clamp(rate, 1e-6, 0.999);
}

// A ticket is the arming it was given under, and whether it counts as in flight.
constexpr std::uint32_t make_ticket(std::uint32_t arming, bool counted) {
  return (arming << 1) | (counted ? 1U : 0U);
}
constexpr bool is_counted(std::uint32_t ticket) {
  return (ticket & 1U) != 0;
}

}  // namespace

std::array<AlarmLimits, stats::kIndicators> alarm_limits(const GuardPolicy& policy) {
  const auto limits = [&](double p0, double alpha) {
    return AlarmLimits{p0, alpha, policy.min_failed_attempts, policy.min_distinct_clients};
  };
  return {limits(usable_rate(policy.error_rate), policy.alpha_errors),
          limits(kSlowShare, policy.alpha_latency), limits(kSlowShare, policy.alpha_latency)};
}

VersionMonitor::VersionMonitor(std::string service, std::string version, unsigned workers)
    : service_(std::move(service)),
      version_(std::move(version)),
      tests_(std::make_unique<Tests>()) {
  for (unsigned i = 0; i < workers; ++i) cells_.push_back(std::make_unique<stats::VersionCell>());
}

VersionMonitor::~VersionMonitor() = default;

// --- worker side -----------------------------------------------------------------------------

Ticket VersionMonitor::admit() {
  if (tripped()) return {Admission::Tripped, 0};
  const std::uint32_t arming = arming_.load(std::memory_order_relaxed);
  if (!unproven_.load(std::memory_order_relaxed))
    return {Admission::Admitted, make_ticket(arming, false)};
  const std::uint32_t cap = in_flight_cap_.load(std::memory_order_relaxed);
  std::uint32_t in_flight = in_flight_.load(std::memory_order_relaxed);
  do {
    if (in_flight >= cap) return {Admission::Capped, 0};
  } while (!in_flight_.compare_exchange_weak(in_flight, in_flight + 1, std::memory_order_relaxed));
  return {Admission::Admitted, make_ticket(arming, true)};
}

void VersionMonitor::leave(std::uint32_t& ticket) {
  if (!is_counted(ticket)) return;
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  ticket = make_ticket(ticket >> 1, false);
}

void VersionMonitor::record(unsigned worker, const AttemptResult& result, TimePoint now) {
  stats::VersionCell& cell = *cells_[worker];
  cell.record(result, now);
  std::uint32_t ticket = result.ticket;
  leave(ticket);
  if (result.says_nothing() || !judged_now(ticket)) return;
  const unsigned bad = bad_indicators(cell, result);
  if (unproven_.load(std::memory_order_relaxed)) prove();
  if (bad != 0) judge(bad, result, now);
}

void VersionMonitor::note_waiting(unsigned worker, const AttemptResult& so_far, TimePoint now) {
  if (!judged_now(so_far.ticket)) return;
  const unsigned bad = bad_indicators(*cells_[worker], so_far);
  if (bad != 0) judge(bad, so_far, now);
}

void VersionMonitor::record_ignored(unsigned worker, std::uint32_t ticket) {
  cells_[worker]->ignored().add();
  leave(ticket);
}

// Evidence belongs to the arming that admitted the attempt: an attempt that was under way before a
// retry says nothing about it. Results without a ticket are taken as current.
bool VersionMonitor::judged_now(std::uint32_t ticket) const {
  if (!armed_.load(std::memory_order_acquire)) return false;
  return ticket == 0 || (ticket >> 1) == arming_.load(std::memory_order_relaxed);
}

// Counts what was good and returns the rest as bits. Only a good answer has a latency; a timeout is
// slow by any measure, and any other failure says nothing about latency: fast failures must not
// make a broken version quick. What a client gave up was too slow for every limit below the time
// that it waited; it is never good.
unsigned VersionMonitor::bad_indicators(stats::VersionCell& cell,
                                        const AttemptResult& result) const {
  const bool failed = stats::is_error(result.outcome);
  unsigned bad = 0;
  if (failed) bad |= bit(Indicator::Error);
  if (!result.given_up) (failed ? cell.bad(Indicator::Error) : cell.good(Indicator::Error)).add();

  const bool timed_out = result.outcome == Outcome::Timeout;
  const bool timed =
      (result.outcome == Outcome::Success || result.given_up) && result.latency_valid;
  if (!timed && !timed_out) return bad;
  const auto measure = [&](Indicator indicator, const std::atomic<std::int64_t>& limit_ns,
                           bool excused) {
    const std::int64_t limit = limit_ns.load(std::memory_order_relaxed);
    if (result.told.count() > limit) return;  // it is counted already
    const bool slow = timed_out || result.latency.count() > limit;
    if (!slow && result.given_up) return;
    if (excused) return (slow ? cell.cold_bad(indicator) : cell.cold_good(indicator)).add();
    if (slow) bad |= bit(indicator);
    (slow ? cell.bad(indicator) : cell.good(indicator)).add();
    if (result.given_up) cell.given_up(indicator).add();
  };
  // A cold endpoint is no excuse for what is critically slow, as little as for a timeout.
  measure(Indicator::SlowP95, p95_ns_, result.cold && !timed_out && !result.given_up_waiting());
  measure(Indicator::SlowCritical, p95_critical_ns_, false);
  return bad;
}

void VersionMonitor::prove() {
  if (good_of(cells_, Indicator::Error) >= proven_at_.load(std::memory_order_relaxed))
    unproven_.store(false, std::memory_order_relaxed);
}

void VersionMonitor::judge(unsigned bad, const AttemptResult& result, TimePoint now) {
  std::function<void()> on_trip;
  {
    const std::lock_guard lock(tests_->mutex);
    // A decision ends the evidence, unless it is only written down.
    const bool decided = tests_->story && !tests_->policy.dry_run;
    if (decided || !judged_now(result.ticket)) return;
    for (std::size_t i = 0; i < tests_->alarms.size(); ++i) {
      if ((bad & bit(static_cast<Indicator>(i))) == 0) continue;
      Alarm& alarm = tests_->alarms[i];
      const bool enough = alarm.on_bad({result.client, good_since_arming(i), now},
                                       [&] { return distinct_clients(now) < Alarm::kFewClients; });
      note_run(i);
      tests_->kinds[i].begin(alarm.runs());
      tests_->kinds[i].add(result);
      if (!enough) continue;
      if (!tests_->policy.witness && !explained_by_baseline(i)) {
        decide(std::string(kTestNames[i]), alarm, tests_->kinds[i].list(), now);
        continue;
      }
      alarm.explain_away();
      tests_->explained[i] = now;
      tests_->pass_from[i] = {alarm.bad(), good_since_arming(i)};
      tests_->cold_pass_from[i] = cold_of(cells_, static_cast<Indicator>(i));
    }
    if ((bad & bit(Indicator::Error)) != 0) judge_by_past(result, now);
    if (tests_->story) on_trip = std::exchange(tests_->on_trip, {});
  }
  if (on_trip) on_trip();
}

void VersionMonitor::judge_by_past(const AttemptResult& result, TimePoint now) {
  if (!tests_->past) return;
  const std::uint64_t good = good_of(cells_, Indicator::Error) - tests_->good_at_past;
  const bool enough = tests_->past->on_bad(
      {result.client, good, now}, [&] { return distinct_clients(now) < Alarm::kFewClients; });
  tests_->past_kinds.begin(tests_->past->runs());
  tests_->past_kinds.add(result);
  if (enough) decide(std::string(kPastTestName), *tests_->past, tests_->past_kinds.list(), now);
}

// Notes where the baseline stood when a run of failures began here.
void VersionMonitor::note_run(std::size_t indicator) {
  const Alarm& alarm = tests_->alarms[indicator];
  Tests::Run& run = tests_->runs[indicator];
  if (run.number == alarm.runs()) return;
  run = {alarm.runs(), alarm.raw_bad() - 1, {}};
  if (tests_->baseline) run.baseline = tests_->baseline->counts(indicator);
}

// (Whether the candidate has caused this, by overloading what both versions depend on, is for the
// rollout engine to decide: blame_window.)
bool VersionMonitor::explained_by_baseline(std::size_t indicator) const {
  if (!tests_->baseline) return false;
  const Alarm& alarm = tests_->alarms[indicator];
  const Tests::Run& run = tests_->runs[indicator];
  const Counts now = tests_->baseline->counts(indicator);
  const std::uint64_t bad = now.bad - run.baseline.bad;
  const RunCounts baseline{bad, bad + now.good - run.baseline.good};
  const std::uint64_t total = good_since_arming(indicator) + alarm.raw_bad();
  const RunCounts own{alarm.raw_bad() - run.bad_before,
                      total - std::min(total, alarm.attempts_at_onset())};
  return fail_alike(own, baseline, alarm.limits());
}

// The caller holds the mutex. From the store on, no worker sends this version another request.
void VersionMonitor::decide(const std::string& test, const Alarm& alarm,
                            std::vector<FailureKind> kinds, TimePoint now) {
  if (tests_->story) return;
  if (!tests_->policy.dry_run) tripped_.store(true, std::memory_order_release);
  std::uint64_t attempts = alarm.raw_bad();
  if (tests_->past && &alarm == &*tests_->past)
    attempts += good_of(cells_, Indicator::Error) - tests_->good_at_past;
  else
    attempts += good_since_arming(static_cast<std::size_t>(&alarm - tests_->alarms.data()));
  tests_->story = {test,
                   alarm.onset(),
                   now,
                   attempts - std::min(attempts, alarm.attempts_at_onset()),
                   alarm.raw_bad(),
                   static_cast<std::uint64_t>(distinct_clients(now) + 0.5),
                   alarm.evidence(),
                   alarm.raw_bad() - alarm.raw_bad_at_onset(),
                   std::move(kinds)};
}

// --- control side ----------------------------------------------------------------------------

void VersionMonitor::arm(const GuardPolicy& policy, std::function<void()> on_trip,
                         Against against) {
  const std::lock_guard lock(tests_->mutex);
  armed_.store(false, std::memory_order_relaxed);
  tests_->policy = policy;
  tests_->on_trip = std::move(on_trip);
  tests_->baseline = std::move(against.baseline);
  tests_->comparison = std::move(against.comparison);
  tests_->past.reset();
  tests_->alarms.clear();
  for (const AlarmLimits& limits : alarm_limits(policy)) tests_->alarms.emplace_back(limits);
  tests_->runs = {};
  tests_->kinds = {};
  tests_->past_kinds = {};
  tests_->explained = {};
  tests_->pass_from = {};
  tests_->story.reset();
  for (std::size_t i = 0; i < stats::kIndicators; ++i) {
    tests_->good_at_arming[i] = good_of(cells_, static_cast<Indicator>(i));
    tests_->cold_at_arming[i] = tests_->cold_pass_from[i] =
        cold_of(cells_, static_cast<Indicator>(i));
    tests_->given_up_at_arming[i] = given_up_of(cells_, static_cast<Indicator>(i));
  }
  tests_->ignored_at_arming = ignored_of(cells_);
  p95_ns_.store(policy.p95.count(), std::memory_order_relaxed);
  p95_critical_ns_.store(policy.p95_critical.count(), std::memory_order_relaxed);
  in_flight_cap_.store(policy.unproven_in_flight, std::memory_order_relaxed);
  proven_at_.store(tests_->good_at_arming[0] + policy.proven_after, std::memory_order_relaxed);
  // The 31 bits wrap around after two thousand million armings; zero would read as "no ticket".
  const std::uint32_t next = (arming_.load(std::memory_order_relaxed) + 1) & 0x7fffffff;
  arming_.store(next == 0 ? 1 : next, std::memory_order_relaxed);
  unproven_.store(!policy.witness && policy.unproven_in_flight > 0 && policy.proven_after > 0,
                  std::memory_order_relaxed);
  armed_.store(true, std::memory_order_release);
  tripped_.store(false, std::memory_order_release);
}

void VersionMonitor::disarm() {
  const std::lock_guard lock(tests_->mutex);
  armed_.store(false, std::memory_order_release);
  unproven_.store(false, std::memory_order_relaxed);
  tests_->on_trip = {};
  tests_->baseline.reset();  // it may be the candidate of the next rollout, held against this one
}

void VersionMonitor::compare(TimePoint now) {
  std::function<void()> on_trip;
  {
    const std::lock_guard lock(tests_->mutex);
    Comparison* comparison = tests_->comparison.get();
    if (comparison == nullptr || !armed_.load(std::memory_order_relaxed)) return;
    if (!comparison->judge(now, few_compared(now)) || tests_->story) return;
    if (!tests_->policy.dry_run) tripped_.store(true, std::memory_order_release);
    const Comparison::Story& found = *comparison->failure();
    tests_->story = {found.test,    found.first_bad,
                     now,           found.requests,
                     found.failed,  static_cast<std::uint64_t>(distinct_clients(now) + 0.5),
                     found.evidence};
    on_trip = std::exchange(tests_->on_trip, {});
  }
  if (on_trip) on_trip();
}

// The rule counts the clients of both sides: if the candidate's clients alone waived it, one broken
// user of a small candidate would count in full, but only once a minute on the other side.
bool VersionMonitor::few_compared(TimePoint now) const {
  if (tests_->comparison->has_control_group()) return false;
  double clients = distinct_clients(now);
  if (tests_->baseline) clients += tests_->baseline->distinct_clients(now);
  return clients < Alarm::kFewClients;
}

void VersionMonitor::set_baseline(std::shared_ptr<const VersionMonitor> baseline) {
  const std::lock_guard lock(tests_->mutex);
  if (tests_->baseline == baseline) return;
  tests_->baseline = std::move(baseline);
  // A run of failures that is under way is held against what the new baseline does from here on.
  for (std::size_t i = 0; i < tests_->runs.size(); ++i)
    tests_->runs[i].baseline = tests_->baseline ? tests_->baseline->counts(i) : Counts{};
}

void VersionMonitor::set_comparison(std::shared_ptr<Comparison> comparison) {
  const std::lock_guard lock(tests_->mutex);
  tests_->comparison = std::move(comparison);
}

std::shared_ptr<Comparison> VersionMonitor::comparison() const {
  const std::lock_guard lock(tests_->mutex);
  return tests_->comparison;
}

// The budget of the error comparison goes on here: this test takes the start mass that the
// comparison has not used.
void VersionMonitor::hold_against_past(double limit) {
  const std::lock_guard lock(tests_->mutex);
  if (tests_->past || !tests_->comparison || tests_->alarms.empty()) return;
  AlarmLimits limits = tests_->alarms.front().limits();
  if (limit >= limits.p0) return;  // the user's own limit is the stricter one
  limits.p0 = limit;
  limits.alpha = tests_->comparison->alpha_errors() * tests_->comparison->unspent();
  tests_->past.emplace(limits);
  tests_->good_at_past = good_of(cells_, Indicator::Error);
}

void VersionMonitor::set_tripped(bool tripped) {
  tripped_.store(tripped, std::memory_order_release);
}

stats::VersionTotals VersionMonitor::totals() const {
  stats::VersionTotals sum;
  for (const auto& cell : cells_) cell->add_to(sum);
  return sum;
}

std::uint64_t VersionMonitor::tunnels_open() const {
  std::uint64_t sum = 0;
  for (const auto& cell : cells_) sum += cell->tunnels_open();
  return sum;
}

std::uint64_t VersionMonitor::good_since_arming(std::size_t indicator) const {
  return good_of(cells_, static_cast<Indicator>(indicator)) - tests_->good_at_arming[indicator];
}

VersionMonitor::Counts VersionMonitor::counts(std::size_t indicator) const {
  Counts sum;
  for (const auto& cell : cells_) {
    sum.bad += cell->bad_count(static_cast<Indicator>(indicator));
    sum.good += cell->good_count(static_cast<Indicator>(indicator));
  }
  return sum;
}

double VersionMonitor::distinct_clients(TimePoint now) const {
  stats::ClientUnion all;
  for (const auto& cell : cells_) cell->clients().merge_into(all, now);
  return all.estimate();
}

}  // namespace cutwater::guard
