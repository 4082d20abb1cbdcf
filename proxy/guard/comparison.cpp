#include "proxy/guard/comparison.hpp"

#include <algorithm>
#include <numeric>

#include "proxy/guard/confidence.hpp"

namespace cutwater::guard {
namespace {

using stats::Outcome;

constexpr std::string_view kErrors = "relative_error_rate";
constexpr std::string_view kLatency = "relative_latency";
constexpr unsigned kErrorBit = 1;
constexpr unsigned kFirstLatencyBit = 2;
constexpr Nanoseconds kShortestTick = std::chrono::milliseconds(100);
constexpr std::size_t kMostPending = 1 << 16;
constexpr double kIntervalAlpha = 0.01;
// Every eighth of the requests above the median is enough to see the median move; all of them are
// half of the traffic, which is too much to hand over.
constexpr unsigned kMedianSample = 8;

constexpr unsigned latency_bit(std::size_t quantile) {
  return kFirstLatencyBit << quantile;
}

// Samples by the time of arrival, which has nothing to do with the version.
bool in_median_sample(TimePoint arrival) {
  const auto mixed =
      static_cast<std::uint64_t>(arrival.time_since_epoch().count()) * 0x9e3779b97f4a7c15ULL;
  return (mixed >> 32) % kMedianSample == 0;
}

// Chooses the length so that all ticks that can be open fit into a cell.
Nanoseconds tick_length(Nanoseconds patience) {
  return std::max(kShortestTick, patience / (CohortCell::kSlots - 16));
}

Nanoseconds with(const LatencyTolerance& tolerance, Nanoseconds quantile) {
  const double raised = static_cast<double>(quantile.count()) * (1 + tolerance.share);
  return std::max(Nanoseconds(static_cast<std::int64_t>(raised)), quantile + tolerance.floor);
}

double rate_of(std::uint64_t bad, std::uint64_t all) {
  return all == 0 ? 0 : static_cast<double>(bad) / static_cast<double>(all);
}

}  // namespace

Comparison::Watch::Watch(double tolerance, std::uint32_t min_clients, Nanoseconds window)
    : test(tolerance), candidate_clients(min_clients), baseline_clients(0, window) {}

Comparison::Comparison(const ComparisonPolicy& policy, unsigned workers, TimePoint now)
    : policy_(policy), began_(now), tick_length_(tick_length(policy.patience)) {
  for (unsigned i = 0; i < workers; ++i) cells_.push_back(std::make_unique<CohortCell>());
  if (policy.control_group) {
    errors_.emplace_back(policy.tolerance, policy.min_clients, Nanoseconds::max());
    return;
  }
  errors_.emplace_back(policy.tolerance, policy.min_clients, FailingClients::kWindow);
  for (std::size_t i = 0; i < kQuantiles.size(); ++i)
    latency_.emplace_back(1.0, policy.min_clients, FailingClients::kWindow);
}

// --- worker side -----------------------------------------------------------------------------

CohortTicket Comparison::enter(unsigned worker, TimePoint arrival, const Assigned& assigned) {
  CohortTicket ticket;
  const std::int64_t tick = tick_of(arrival);
  // The request is too late to be waited for: the worker was held up since it looked at the clock.
  if (arrival < began_ || tick <= closed_.load(std::memory_order_relaxed)) return ticket;
  ticket = {tick,
            arrival,
            assigned.weight,
            assigned.client,
            limits_.load(std::memory_order_acquire),
            assigned.candidate};
  cells_[worker]->enter(tick, assigned.candidate);
  return ticket;
}

void Comparison::leave(unsigned worker, const CohortTicket& ticket,
                       const stats::AttemptResult& result, bool comparable) {
  if (const std::uint8_t tests = bad_tests(ticket, result, comparable); tests != 0)
    cells_[worker]->report(
        {ticket.tick, ticket.arrival, ticket.client, ticket.weight, ticket.candidate, tests});
  cells_[worker]->leave(ticket.tick);
}

std::uint8_t Comparison::bad_tests(const CohortTicket& ticket, const stats::AttemptResult& result,
                                   bool comparable) const {
  if (result.says_nothing()) return 0;
  const unsigned error = stats::is_error(result.outcome) ? kErrorBit : 0;
  const unsigned slow = slow_tests(ticket, result, comparable);
  // The limits differ from those of its assignment: they may have been chosen knowing this request.
  const std::uint32_t limits = limits_.load(std::memory_order_acquire);
  const bool same = limits != 0 && ticket.limits == limits;
  return static_cast<std::uint8_t>(error | (same ? slow : 0));
}

unsigned Comparison::slow_tests(const CohortTicket& ticket, const stats::AttemptResult& result,
                                bool comparable) const {
  const bool failed = stats::is_error(result.outcome);
  const bool slow_anyway = result.outcome == Outcome::Timeout || (failed && !ticket.candidate);
  // The time that a client waited for the head does not contain that of the connection.
  const bool timed = result.latency_valid && (comparable || result.given_up_waiting());
  if (!slow_anyway && (failed || !timed)) return 0;
  if (result.cold && ticket.candidate && result.outcome != Outcome::Timeout) return 0;
  const Limits& limits = ticket.candidate ? candidate_limit_ns_ : baseline_limit_ns_;
  unsigned tests = 0;
  for (std::size_t i = 0; i < kQuantiles.size(); ++i) {
    if (i == 0 && !in_median_sample(ticket.arrival)) continue;
    const std::int64_t limit = limits[i].load(std::memory_order_relaxed);
    if (slow_anyway || result.latency.count() > limit) tests |= latency_bit(i);
  }
  return tests;
}

// --- control side ----------------------------------------------------------------------------

void Comparison::freeze_latency(const Quantiles& baseline) {
  if (!has_latency_limits()) arrivals_before_limits_ = arrivals_;
  for (std::size_t i = 0; i < baseline.size(); ++i) {
    baseline_limit_ns_[i].store(baseline[i].count(), std::memory_order_relaxed);
    candidate_limit_ns_[i].store(with(policy_.latency_tolerance, baseline[i]).count(),
                                 std::memory_order_relaxed);
  }
  limits_.fetch_add(1, std::memory_order_release);
}

bool Comparison::judge(TimePoint now, bool few_clients) {
  const std::int64_t present = tick_of(now);
  const std::int64_t judged = closed_.load(std::memory_order_relaxed);
  const std::int64_t closed = close_ticks(present);
  collect(present);
  const auto ripe = std::partition(pending_.begin(), pending_.end(),
                                   [&](const BadRequest& bad) { return bad.tick > closed; });
  std::sort(ripe, pending_.end(),
            [](const BadRequest& a, const BadRequest& b) { return a.arrival < b.arrival; });
  for (auto bad = ripe; bad != pending_.end(); ++bad)
    if (bad->tick > std::max(judged, skip_until_)) feed(*bad, few_clients);
  pending_.erase(ripe, pending_.end());
  return failure_.has_value();
}

// Returns the last tick that may be judged now. The present tick may still grow, and a worker may
// have looked at the clock a moment before it enters.
std::int64_t Comparison::close_ticks(std::int64_t now) {
  std::int64_t closed = closed_.load(std::memory_order_relaxed);
  const std::int64_t oldest_open = now - policy_.patience / tick_length_ - 2;
  for (; closed + 1 < now - 1; ++closed) {
    const std::int64_t tick = closed + 1;
    const bool over = tick < oldest_open ||
                      std::all_of(cells_.begin(), cells_.end(),
                                  [&](const auto& cell) { return cell->is_finished(tick); });
    if (!over) break;
    if (tick <= skip_until_) continue;
    for (const auto& cell : cells_) {
      const Arrivals arrived = cell->arrivals(tick);
      arrivals_.candidate += arrived.candidate;
      arrivals_.baseline += arrived.baseline;
    }
  }
  closed_.store(closed, std::memory_order_relaxed);
  return closed;
}

// Takes over what the workers have reported. When something was lost, the whole time up to now is
// left out for both versions.
void Comparison::collect(std::int64_t now) {
  const std::int64_t judged = skip_until_;
  for (const auto& cell : cells_) {
    if (cell->take_lost()) skip_until_ = now;
    cell->drain([&](const BadRequest& bad) {
      if (bad.tick > judged) pending_.push_back(bad);
    });
  }
  if (pending_.size() > kMostPending) skip_until_ = now;
  if (skip_until_ == now) pending_.clear();
}

void Comparison::feed(const BadRequest& request, bool few_clients) {
  if ((request.tests & kErrorBit) != 0) {
    feed_group(errors_, errors_onset_, request, few_clients);
    look(errors_, errors_onset_, few_clients);
  }
  if (request.tests >= kFirstLatencyBit) {
    feed_latency(request, few_clients);
    look(latency_, latency_onset_, few_clients);
  }
}

void Comparison::feed_latency(const BadRequest& request, bool few_clients) {
  const double most = latency_growth_.most_after(request.arrival, evidence(latency_));
  feed_group(latency_, latency_onset_, request, few_clients);
  if (const double now = evidence(latency_); now > most)
    for (Watch& watch : latency_) watch.test.keep(most / now);
  latency_growth_.note(request.arrival, evidence(latency_));
}

void Comparison::feed_group(Group& group, Onset& onset, const BadRequest& request,
                            bool few_clients) {
  constexpr double kBack = 1.5;  // as in Alarm: back at the ground, another run begins
  const double before = evidence(group);
  if (request.candidate && (onset.at == TimePoint{} || before <= kBack * onset.evidence))
    onset = {before, request.arrival, arrivals_.candidate, strongest(group).candidate_raw};
  const unsigned first_bit = &group == &errors_ ? kErrorBit : kFirstLatencyBit;
  for (std::size_t i = 0; i < group.size(); ++i) {
    if ((request.tests & (first_bit << i)) == 0) continue;
    Watch& watch = group[i];
    const bool first =
        policy_.control_group ? first_of_subject(watch, request) : first_of_client(watch, request);
    if (request.candidate) ++watch.candidate_raw;
    if (first || few_clients) watch.test.add(request.candidate, request.weight);
  }
}

bool Comparison::first_of_client(Watch& watch, const BadRequest& request) {
  auto& clients = request.candidate ? watch.candidate_clients : watch.baseline_clients;
  return clients.first_failure(request.client, request.arrival);
}

// The dice give a subject the same side every time. However often the subject fails, and on
// whichever side, it is one piece of evidence; it counts once more when the share has risen and the
// dice are thrown again.
bool Comparison::first_of_subject(Watch& watch, const BadRequest& request) {
  if (request.weight > watch.share) {
    watch.share = request.weight;
    watch.baseline_clients.forget();
  }
  if (!watch.baseline_clients.first_failure(request.client, request.arrival)) return false;
  if (request.candidate) watch.candidate_clients.first_failure(request.client, request.arrival);
  return true;
}

void Comparison::look(const Group& group, const Onset& onset, bool few_clients) {
  if (failure_) return;
  const bool errors = &group == &errors_;
  if (evidence(group) < 1 / (errors ? policy_.alpha_errors : policy_.alpha_latency)) return;
  const Watch& watch = strongest(group);
  if (watch.candidate_raw < policy_.min_failed) return;
  if (watch.candidate_clients.distinct() < policy_.min_clients && !few_clients) return;
  const std::uint64_t requests =
      arrivals_.candidate - std::min(arrivals_.candidate, onset.candidate_arrivals);
  failure_ = Story{
      std::string(errors ? kErrors : kLatency), onset.at, std::max<std::uint64_t>(requests, 1),
      watch.candidate_raw - std::min(watch.candidate_raw, onset.candidate_failed), evidence(group)};
}

double Comparison::evidence(const Group& group) {
  double sum = 0;
  for (const Watch& watch : group) sum += watch.test.evidence();
  return sum / static_cast<double>(group.size());
}

const Comparison::Watch& Comparison::strongest(const Group& group) {
  return *std::max_element(group.begin(), group.end(), [](const Watch& a, const Watch& b) {
    return a.test.evidence() < b.test.evidence();
  });
}

TestReport Comparison::describe(const Group& group, double alpha, const Arrivals& arrivals) const {
  const Watch& watch = strongest(group);
  const FailureCounts& failures = watch.test.failures();
  TestReport test;
  test.bad = failures.candidate;
  test.good = arrivals.candidate - std::min(arrivals.candidate, failures.candidate);
  test.rate = rate_of(test.bad, test.bad + test.good);
  const Interval interval = always_valid_interval(test.bad, test.good, kIntervalAlpha);
  test.rate_low = interval.low;
  test.rate_high = interval.high;
  BaselineCounts baseline{failures.baseline, 0, 0};
  baseline.good = arrivals.baseline - std::min(arrivals.baseline, failures.baseline);
  baseline.rate = rate_of(baseline.bad, baseline.bad + baseline.good);
  test.threshold_rate = std::min(1.0, policy_.tolerance * baseline.rate);
  test.baseline = baseline;
  test.evidence = evidence(group);
  test.alarm_at = 1 / alpha;
  const bool any = arrivals.candidate + arrivals.baseline > 0;
  test.verdict = any ? Verdict::Inconclusive : Verdict::NoTraffic;
  return test;
}

void Comparison::add_reports(std::vector<TestReport>& reports) const {
  reports.push_back(describe(errors_, policy_.alpha_errors, arrivals_));
  reports.back().name = kErrors;
  if (latency_.empty()) return;
  Arrivals timed = arrivals_;
  timed.candidate -= arrivals_before_limits_.candidate;
  timed.baseline -= arrivals_before_limits_.baseline;
  if (!has_latency_limits()) timed = {};
  const auto index = static_cast<std::size_t>(&strongest(latency_) - latency_.data());
  if (index == 0) timed = {timed.candidate / kMedianSample, timed.baseline / kMedianSample};
  TestReport latency = describe(latency_, policy_.alpha_latency, timed);
  latency.name = kLatency;
  if (has_latency_limits()) {
    latency.quantile = kQuantiles[index];
    latency.slow_above = Nanoseconds(candidate_limit_ns_[index].load(std::memory_order_relaxed));
  }
  reports.push_back(std::move(latency));
}

}  // namespace cutwater::guard
