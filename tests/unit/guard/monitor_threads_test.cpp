// Tests the monitor under real threads; run it under ThreadSanitizer.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <thread>
#include <vector>

#include "proxy/guard/version_monitor.hpp"

namespace cutwater::guard {
namespace {

using namespace std::chrono_literals;
using stats::AttemptResult;
using stats::Outcome;

constexpr unsigned kWorkers = 4;
constexpr TimePoint kNoon = TimePoint(12h);

template <typename Work>
void on_every_worker(Work work) {
  std::barrier start(kWorkers);
  std::vector<std::jthread> threads;
  for (unsigned worker = 0; worker < kWorkers; ++worker)
    threads.emplace_back([&, worker] {
      start.arrive_and_wait();
      work(worker);
    });
}

AttemptResult attempt(bool fails, std::uint64_t client) {
  AttemptResult result;
  result.outcome = fails ? Outcome::Status5xx : Outcome::Success;
  result.status = fails ? 500 : 200;
  result.latency = 5ms;
  result.client = client;
  return result;
}

TEST(MonitorThreads, ManyWorkersTripItExactlyOnceAndAllSeeIt) {
  for (int round = 0; round < 20; ++round) {
    VersionMonitor monitor("shop", "green", kWorkers);
    std::atomic<int> trips{0};
    std::atomic<std::uint64_t> sent{0};
    monitor.arm({}, [&] { trips.fetch_add(1); });
    on_every_worker([&](unsigned worker) {
      for (int i = 0; i < 5'000; ++i) {
        const Ticket ticket = monitor.admit();
        if (ticket == Admission::Tripped) return;
        if (ticket == Admission::Capped) continue;
        sent.fetch_add(1);
        AttemptResult result = attempt(true, worker + 1);
        result.ticket = ticket.value;
        monitor.record(worker, result, kNoon);
      }
    });
    EXPECT_EQ(trips.load(), 1);
    EXPECT_TRUE(monitor.tripped());
    EXPECT_LE(sent.load(), 8 + kWorkers) << "at most one more in flight on each worker";
    EXPECT_EQ(monitor.totals().errors(), sent.load());
  }
}

TEST(MonitorThreads, CountersLoseNothingAndPlacesAreAllGivenBack) {
  VersionMonitor monitor("shop", "green", kWorkers);
  GuardPolicy policy;
  policy.proven_after = 1'000'000;  // capped all along
  monitor.arm(policy, [] {});
  std::atomic<std::uint64_t> sent{0};
  std::atomic<bool> watching{true};
  std::jthread control([&] {
    while (watching) EXPECT_NE(monitor.report(kNoon).verdict, Verdict::Fail);
  });
  on_every_worker([&](unsigned worker) {
    for (std::uint64_t i = 0; i < 5'000; ++i) {
      const Ticket ticket = monitor.admit();
      if (ticket != Admission::Admitted) continue;
      sent.fetch_add(1);
      AttemptResult result = attempt(i % 200 == 199, i * 0x9e3779b97f4a7c15);
      result.ticket = ticket.value;
      monitor.record(worker, result, kNoon + std::chrono::seconds(i / 50));
    }
  });
  watching = false;
  control.join();
  EXPECT_EQ(monitor.totals().attempts(), sent.load());
  EXPECT_EQ(monitor.totals().latency.count, sent.load() - monitor.totals().errors());
  int places = 0;
  while (monitor.admit() == Admission::Admitted) ++places;
  EXPECT_EQ(places, 16);
}

TEST(MonitorThreads, ArmingWhileTrafficFlowsKeepsTheCountsWhole) {
  VersionMonitor monitor("shop", "green", kWorkers);
  std::atomic<bool> arming{true};
  std::jthread control([&] {
    while (arming) {
      monitor.arm({}, [] {});
      monitor.disarm();
    }
  });
  on_every_worker([&](unsigned worker) {
    for (std::uint64_t i = 0; i < 5'000; ++i) {
      const Ticket ticket = monitor.admit();
      if (ticket != Admission::Admitted) continue;
      AttemptResult result = attempt(i % 3 == 0, 0);
      result.ticket = ticket.value;
      monitor.record(worker, result, kNoon);
    }
  });
  arming = false;
  control.join();
  monitor.arm({}, [] {});
  int places = 0;
  while (monitor.admit() == Admission::Admitted) ++places;
  EXPECT_EQ(places, 16) << "no attempt left the count out of step";
}

}  // namespace
}  // namespace cutwater::guard
