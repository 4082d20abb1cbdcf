// Measures what the guard costs a request: nothing but counters while a version is good, a mutex
// and three tests when an attempt fails.
#include <benchmark/benchmark.h>

#include "proxy/guard/version_monitor.hpp"

namespace cutwater::guard {
namespace {

using stats::AttemptResult;
using stats::Outcome;

// Makes one attempt on an armed version: admitted, answered like this, recorded.
void attempts(benchmark::State& state, GuardPolicy policy, Outcome outcome) {
  VersionMonitor monitor("shop", "green", 1);
  monitor.arm(policy, [] {});
  const TimePoint now = Clock::now();
  AttemptResult result;
  result.outcome = outcome;
  result.status = outcome == Outcome::Success ? 200 : 500;
  result.latency = Milliseconds(3);
  for (auto _ : state) {
    result.ticket = monitor.admit().value;
    ++result.client;
    monitor.record(0, result, now);
  }
}

void BM_GuardGoodAttempt(benchmark::State& state) {
  attempts(state, {}, Outcome::Success);
}
BENCHMARK(BM_GuardGoodAttempt);

// The version fails all the time without ever failing enough: this measures the error path, not the
// trip.
void BM_GuardFailedAttempt(benchmark::State& state) {
  GuardPolicy policy;
  policy.min_failed_attempts = ~0U;
  attempts(state, policy, Outcome::Status5xx);
}
BENCHMARK(BM_GuardFailedAttempt);

void BM_GuardArmAndTrip(benchmark::State& state) {
  VersionMonitor monitor("shop", "green", 1);
  const TimePoint now = Clock::now();
  AttemptResult result;
  result.outcome = Outcome::Status5xx;
  result.status = 500;
  std::uint64_t needed = 0;
  for (auto _ : state) {
    monitor.arm({}, [] {});
    while (!monitor.tripped()) {
      result.ticket = monitor.admit().value;
      ++result.client;
      monitor.record(0, result, now);
      ++needed;
    }
  }
  state.counters["attempts_to_trip"] =
      static_cast<double>(needed) / static_cast<double>(state.iterations());
}
BENCHMARK(BM_GuardArmAndTrip);

void BM_GuardReport(benchmark::State& state) {
  VersionMonitor monitor("shop", "green", 2);
  monitor.arm({}, [] {});
  const TimePoint now = Clock::now();
  AttemptResult result;
  result.status = 200;
  result.latency = Milliseconds(3);
  for (int i = 0; i < 1000; ++i) monitor.record(0, result, now);
  for (auto _ : state) benchmark::DoNotOptimize(monitor.report(now));
}
BENCHMARK(BM_GuardReport);

}  // namespace
}  // namespace cutwater::guard
