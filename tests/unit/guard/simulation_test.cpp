// Tests the promises of proxy/guard/README.md that rest on the absolute guard and the PASS test:
// G1, G5, G8. Errors are drawn as gaps between them, so a run of 100 000 requests costs as many
// steps as it has errors. The seeds are fixed: a change of the figures is a change of the code.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

#include "proxy/guard/alarm.hpp"
#include "proxy/guard/pass_evidence.hpp"

namespace cutwater::guard {
namespace {

using namespace std::chrono_literals;

constexpr int kRuns = 1000;
constexpr std::uint64_t kRequests = 100'000;
const auto many_clients = [] { return false; };

// Makes requests with independent errors, where each request is a client of its own.
class Traffic {
 public:
  explicit Traffic(std::uint64_t seed) : random_(seed) {}

  // Returns the number of good requests before the next error.
  std::uint64_t gap(double error_rate) {
    if (error_rate >= 1) return 0;
    const double u = std::uniform_real_distribution<double>(1e-18, 1)(random_);
    return static_cast<std::uint64_t>(std::log(u) / std::log1p(-error_rate));
  }
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(random_);
  }

 private:
  std::mt19937_64 random_;
};

// Runs `alarm` over `requests` requests; returns the number of the deciding one, 0 if none.
struct Run {
  Alarm alarm;
  std::uint64_t good = 0;
  std::uint64_t requests = 0;
};
std::uint64_t trips_within(Run& run, Traffic& traffic, double error_rate, std::uint64_t requests) {
  for (std::uint64_t done = 0;;) {
    const std::uint64_t gap = traffic.gap(error_rate);
    if (done + gap >= requests) {
      run.good += requests - done;
      return 0;
    }
    done += gap + 1;
    run.good += gap;
    if (run.alarm.on_bad({0, run.good, TimePoint{}}, many_clients)) return done;
  }
}

struct Delay {
  std::uint64_t median, p95;
};
Delay detection(double error_rate, double alpha, std::uint64_t healthy_before) {
  std::vector<std::uint64_t> delays;
  for (int i = 0; i < kRuns; ++i) {
    Traffic traffic(static_cast<std::uint64_t>(i) + 1);
    Run run{Alarm({0.05, alpha, 5, 3})};
    EXPECT_EQ(trips_within(run, traffic, 0.001, healthy_before), 0u);
    const std::uint64_t at = trips_within(run, traffic, error_rate, 1'000'000);
    EXPECT_GT(at, 0u);
    delays.push_back(at);
  }
  std::sort(delays.begin(), delays.end());
  return {delays[kRuns / 2], delays[kRuns * 95 / 100]};
}

int false_alarms(double error_rate, double alpha) {
  int alarms = 0;
  for (int i = 0; i < kRuns; ++i) {
    Traffic traffic(static_cast<std::uint64_t>(i) + 1'000'003);
    Run run{Alarm({0.05, alpha, 5, 3})};
    alarms += trips_within(run, traffic, error_rate, kRequests) != 0;
  }
  return alarms;
}

TEST(Simulation, G1BrokenFromTheStartIsRevertedWithinEightAttempts) {
  EXPECT_EQ(detection(1.0, 0.0025, 0).p95, 5u) << "the floor decides";
}

TEST(Simulation, G1BrokenAfterFiftyThousandHealthyRequestsToo) {
  const Delay delay = detection(1.0, 0.0025, 50'000);
  EXPECT_LE(delay.p95, 8u);
  EXPECT_GE(delay.median, 6u) << "a test that needed less would have no guard against chance";
}

TEST(Simulation, PartialFaultsAreFoundAsFastAsTheFiguresSay) {
  // The absolute guard alone, alpha = 1 %, has median / p95 of 7/17, 41/101, 297/671
  // (proxy/guard/README.md, "Detection"). The floor of five and the mass kept for after the horizon
  // cost a little: at most a fifth.
  const Delay half = detection(0.5, 0.01, 0);
  EXPECT_LE(half.median, 10u) << "five failures at 50 % are ten requests";
  EXPECT_LE(half.p95, 20u);
  const Delay fifth = detection(0.2, 0.01, 0);
  EXPECT_LE(fifth.median, 49u);
  EXPECT_LE(fifth.p95, 121u);
  const Delay tenth = detection(0.1, 0.01, 0);
  EXPECT_LE(tenth.median, 356u);
  EXPECT_LE(tenth.p95, 805u);
  // After 10 000 healthy requests the figures are 7 and 104 (proxy/guard/README.md, "Absolute
  // guard").
  EXPECT_LE(detection(1.0, 0.01, 10'000).median, 7u);
  EXPECT_LE(detection(0.2, 0.01, 10'000).median, 115u);
}

TEST(Simulation, G5AHealthyCanaryIsNotReverted) {
  for (const double error_rate : {0.001, 0.01, 0.03})
    EXPECT_LE(false_alarms(error_rate, 0.0025), kRuns / 200) << error_rate;
}

TEST(Simulation, G5ExactlyAtTheLimitTheFalseAlarmRateIsBelowAlpha) {
  const int alarms = false_alarms(0.05, 0.01);
  // At most 10 of 1000 are expected; 20 is the three-sigma edge.
  EXPECT_LE(alarms, 20);
}

// There are 40 users on the canary at 100 requests per second. One of them is broken on any version
// and sends every tenth request: that makes 10 % errors, twice the limit, with nothing wrong with
// the version.
int sticky_false_alarms(bool confirmed_clients) {
  int alarms = 0;
  for (int i = 0; i < kRuns; ++i) {
    Traffic traffic(static_cast<std::uint64_t>(i) + 77);
    Alarm alarm({0.05, 0.0025, 5, 3});
    std::uint64_t good = 0;
    for (std::uint64_t done = traffic.gap(0.1); done < kRequests; done += 1 + traffic.gap(0.1)) {
      good = done - alarm.raw_bad();
      const TimePoint now = TimePoint(1h) + done * 10ms;
      if (!alarm.on_bad({confirmed_clients ? 7ULL : 0ULL, good, now}, many_clients)) continue;
      ++alarms;
      break;
    }
  }
  return alarms;
}

TEST(Simulation, G5AStickyBadClientDoesNotRevertAHealthyCanary) {
  EXPECT_EQ(sticky_false_alarms(true), 0);
  EXPECT_EQ(sticky_false_alarms(false), kRuns) << "without the per-client rule it always would";
}

TEST(Simulation, G5HalfAPercentOfStickyUsersFailingAlwaysIsNoAlarm) {
  // There are 2000 users, ten of them broken on any version, beside 1 % of chance errors.
  int alarms = 0;
  for (int i = 0; i < kRuns; ++i) {
    Traffic traffic(static_cast<std::uint64_t>(i) + 4242);
    Alarm alarm({0.05, 0.0025, 5, 3});
    for (std::uint64_t done = 0; done < kRequests; ++done) {
      done += traffic.gap(0.015);
      const bool broken_user = traffic.uniform() < 1.0 / 3;
      const std::uint64_t client = broken_user ? 1 + traffic.below(10) : 100 + traffic.below(1990);
      const std::uint64_t good = done - std::min(done, alarm.raw_bad());
      if (!alarm.on_bad({client, good, TimePoint(1h) + done * 10ms}, many_clients)) continue;
      ++alarms;
      break;
    }
  }
  EXPECT_LE(alarms, kRuns / 100);
}

TEST(Simulation, G8AVersionAtTheLimitSeldomPasses) {
  // The best moment to pass is just before each error: look there, over 20 000 requests.
  constexpr int kManyRuns = 10'000;
  int passes = 0;
  for (int i = 0; i < kManyRuns; ++i) {
    Traffic traffic(static_cast<std::uint64_t>(i) + 5);
    std::uint64_t good = 0;
    for (std::uint64_t bad = 0; good + bad < 20'000; ++bad) {
      good += traffic.gap(0.05);
      if (pass_evidence(0.05, bad, good) < 20) continue;
      ++passes;
      break;
    }
  }
  EXPECT_LE(passes, 565) << "beta = 5 % and three standard deviations";
  EXPECT_GE(passes, kManyRuns / 50) << "76 clean requests in a row alone are 2 % at the limit";
}

// Computes the same without chance: the distribution of the errors among the runs that have not
// passed yet.
TEST(Simulation, G8TheExactProbabilityToPassAtTheLimitIsAtMostBeta) {
  constexpr std::size_t kErrors = 500;
  std::vector<std::uint64_t> passes_at(kErrors);  // requests, with that many errors among them
  for (std::uint64_t bad = 0; bad < kErrors; ++bad)
    passes_at[bad] = bad + good_needed_to_pass(0.05, 0.05, bad, 0);
  std::vector<double> running(kErrors, 0.0);
  running[0] = 1;
  double passed = 0;
  for (std::uint64_t n = 1; n <= 10'000; ++n) {
    for (std::size_t bad = kErrors - 1; bad > 0; --bad)
      running[bad] = running[bad] * 0.95 + running[bad - 1] * 0.05;
    running[0] *= 0.95;
    for (std::size_t bad = 0; bad < kErrors && passes_at[bad] <= n; ++bad)
      passed += std::exchange(running[bad], 0.0);
  }
  EXPECT_LE(passed, 0.05);
  EXPECT_GT(passed, 0.04) << "no caution is wasted";
}

TEST(Simulation, G8AGoodVersionPassesInTheRequestsTheFiguresSay) {
  std::vector<std::uint64_t> needed;
  for (int i = 0; i < kRuns; ++i) {
    Traffic traffic(static_cast<std::uint64_t>(i) + 9);
    std::uint64_t good = 0;
    std::uint64_t bad = 0;
    for (;; ++bad) {
      const std::uint64_t gap = traffic.gap(0.01);
      const std::uint64_t missing = good_needed_to_pass(0.05, 0.05, bad, good);
      good += std::min(gap, missing);
      if (missing <= gap) break;
    }
    needed.push_back(good + bad);
  }
  std::sort(needed.begin(), needed.end());
  EXPECT_EQ(needed.front(), 76u);
  // 0.99^76 = 47 % meet no error on the way and pass at 76, the next runs at 126.
  EXPECT_NEAR(static_cast<double>(std::count(needed.begin(), needed.end(), 76u)), 466, 48);
  EXPECT_LE(needed[kRuns / 2], 126u);
  EXPECT_LE(needed[kRuns * 95 / 100], 320u) << "proxy/guard/README.md: p95 304";
}

}  // namespace
}  // namespace cutwater::guard
