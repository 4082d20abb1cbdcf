// Tests the promises of proxy/guard/README.md for the guards together: absolute and relative, at
// the default tolerance, on requests assigned to the candidate with probability w. Only failing
// requests are drawn, one by one; the good requests between them are counted (geometric gaps), so a
// run costs as many steps as it has failures. The seeds are fixed: a change of a figure is a change
// of the code.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include "proxy/guard/alarm.hpp"
#include "proxy/guard/relative_evidence.hpp"

namespace cutwater::guard {
namespace {

using namespace std::chrono_literals;

constexpr int kRuns = 1000;
constexpr double kAlpha = 0.0025;    // for each of the four guards
constexpr double kTolerance = 1.25;  // the default
constexpr double kStrict = 1;        // the figures of proxy/guard/README.md, "Detection", were made
                                     // with it
constexpr std::uint64_t kFloor = 4;  // of the relative guard; the absolute one has 5
constexpr double kBaseline = 0.001;
const auto many_clients = [] { return false; };

struct Rates {
  double candidate;
  double baseline;
};

// Simulates one rollout: the next failing request, which version had it, and how many of the
// candidate's passed well.
class Traffic {
 public:
  Traffic(std::uint64_t seed, double weight) : random_(seed), weight_(weight) {}

  struct Failure {
    bool candidate;
    std::uint64_t candidate_good;  // before it
  };
  Failure next(const Rates& rates) {
    const double candidate = weight_ * rates.candidate;
    const double any = candidate + (1 - weight_) * rates.baseline;
    const std::uint64_t gap = geometric(any);
    // This many of the good requests in the gap are the candidate's.
    const double share = weight_ * (1 - rates.candidate) / (1 - any);
    std::uint64_t good = 0;
    if (gap > 0 && share > 0)
      good = std::binomial_distribution<std::uint64_t>(gap, std::min(share, 1.0))(random_);
    return {uniform() < candidate / any, good};
  }
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }

 private:
  std::uint64_t geometric(double rate) {
    if (rate >= 1) return 0;
    return static_cast<std::uint64_t>(std::log(1 - uniform()) / std::log1p(-rate));
  }
  std::mt19937_64 random_;
  double weight_;
};

// Holds the error guards of one rollout.
struct Guards {
  explicit Guards(double tolerance = kTolerance) : relative(tolerance) {}
  Alarm absolute{{0.05, kAlpha, 5, 3}};
  RelativeEvidence relative;
  std::uint64_t good = 0;
  std::uint64_t bad = 0;

  std::uint64_t requests() const { return good + bad; }
  bool on(const Traffic::Failure& failure, double weight) {
    good += failure.candidate_good;
    bool alarm = false;
    if (failure.candidate) {
      ++bad;
      alarm = absolute.on_bad({0, good, TimePoint{}}, many_clients);
    }
    relative.add(failure.candidate, weight);
    return alarm || (bad >= kFloor && relative.evidence() >= 1 / kAlpha);
  }
};

// Returns the candidate's requests until it is reverted, p95 over the runs.
struct Fault {
  double rate;
  double weight;
  double tolerance = kStrict;
  std::uint64_t healthy_before = 0;
};
std::uint64_t detection_p95(const Fault& fault) {
  std::vector<std::uint64_t> needed;
  for (int run = 0; run < kRuns; ++run) {
    Traffic traffic(static_cast<std::uint64_t>(run) + 1, fault.weight);
    Guards guards(fault.tolerance);
    while (guards.requests() < fault.healthy_before)
      if (guards.on(traffic.next({kBaseline, kBaseline}), fault.weight)) break;
    const std::uint64_t before = guards.requests();
    while (!guards.on(traffic.next({fault.rate, kBaseline}), fault.weight)) {
    }
    needed.push_back(guards.requests() - before);
  }
  std::sort(needed.begin(), needed.end());
  return needed[kRuns * 95 / 100];
}

TEST(Judgement, G1BrokenIsRevertedWithinEightAttemptsAtEveryWeight) {
  for (const double weight : {0.01, 0.05, 0.1, 0.25, 0.5, 0.9})
    for (const std::uint64_t healthy : {0, 50'000})
      EXPECT_LE(detection_p95({1.0, weight, kTolerance, healthy}), 8u)
          << weight << " after " << healthy;
}

// The limits stand by weight 5, 10, 25, 50 %.
using Limits = std::array<std::uint64_t, 4>;
void expect_detected(double rate, double tolerance, const Limits& limits) {
  constexpr std::array kWeights = {0.05, 0.10, 0.25, 0.50};
  for (std::size_t i = 0; i < limits.size(); ++i)
    EXPECT_LE(detection_p95({rate, kWeights[i], tolerance}), limits[i])
        << rate << " at weight " << kWeights[i];
}

// These are the limits of proxy/guard/README.md, "Detection", except at 10 %: 42 instead of 40 and
// 194 instead of 190, because part of the mass is kept for late starts (its figures spend all of it
// within 1000 failures).
TEST(Judgement, G2AFifthFailing) {
  expect_detected(0.2, kStrict, {40, 42, 60, 95});
}

TEST(Judgement, G3FivePercentFailing) {
  expect_detected(0.05, kStrict, {190, 195, 270, 430});
}

TEST(Judgement, G4OnePercentFailing) {
  expect_detected(0.01, kStrict, {1700, 1700, 2100, 3400});
}

TEST(Judgement, TheDefaultToleranceCostsAtMostAQuarter) {
  expect_detected(0.2, kTolerance, {40, 44, 64, 98});
  expect_detected(0.05, kTolerance, {185, 210, 300, 505});
  expect_detected(0.01, kTolerance, {1800, 1950, 2600, 4100});
}

int false_alarms(double rate, double weight, std::uint64_t requests) {
  int alarms = 0;
  for (int run = 0; run < kRuns; ++run) {
    Traffic traffic(static_cast<std::uint64_t>(run) * 31 + 7, weight);
    Guards guards;
    while (guards.requests() < requests) {
      if (!guards.on(traffic.next({rate, rate}), weight)) continue;
      ++alarms;
      break;
    }
  }
  return alarms;
}

TEST(Judgement, G5AHealthyCanaryIsNotRevertedWithinAHundredThousandRequests) {
  for (const double rate : {0.001, 0.01, 0.03})
    for (const double weight : {0.1, 0.5})
      EXPECT_LE(false_alarms(rate, weight, 100'000), kRuns / 200) << rate << " at " << weight;
}

TEST(Judgement, HundredHealthyRolloutsAtOnePercentErrorsAtMostOneReverted) {
  // The rollout has 20 000 requests in all, stepping 5, 10, 25, 50 %, with evidence carried over
  // the steps.
  int reverted = 0;
  for (std::uint64_t run = 0; run < 100; ++run) {
    Guards guards;
    bool alarm = false;
    for (const double weight : {0.05, 0.1, 0.25, 0.5}) {
      Traffic traffic(run * 101 + static_cast<std::uint64_t>(weight * 100), weight);
      const std::uint64_t until = guards.requests() + static_cast<std::uint64_t>(5000 * weight);
      while (!alarm && guards.requests() < until)
        alarm = guards.on(traffic.next({.01, .01}), weight);
    }
    reverted += alarm;
  }
  EXPECT_LE(reverted, 1);
}

// Both have equal 1 % failures; the per-client rule keeps 0.5 % of broken users (sticky: each on
// one side for good) from looking like a difference.
TEST(Judgement, G5StickyBrokenUsersOnEitherVersionAreNoDifference) {
  constexpr double kWeight = 0.1;
  constexpr int kUsers = 2000;
  int alarms = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::mt19937_64 random(static_cast<std::uint64_t>(run) + 99);
    std::uniform_real_distribution<double> uniform(0, 1);
    std::vector<bool> on_candidate;
    for (int user = 0; user < kUsers; ++user) on_candidate.push_back(uniform(random) < kWeight);
    RelativeEvidence test(kTolerance);
    FailingClients candidate(3), baseline(0);
    std::uint64_t bad = 0;
    // There are 200 000 requests at 1000 a second: 1000 failures of ten broken users, 200 by
    // chance.
    TimePoint now = TimePoint(1h);
    for (int failure = 0; failure < 1200; ++failure) {
      now += std::chrono::milliseconds(167);
      const bool broken = uniform(random) < 1000.0 / 1200;
      const auto user = static_cast<std::uint64_t>(uniform(random) * (broken ? 10 : kUsers));
      const bool c = on_candidate[user];
      if (!(c ? candidate : baseline).first_failure(user + 1, now)) continue;
      bad += c;
      test.add(c, kWeight);
      if (bad < kFloor || candidate.distinct() < 3 || test.evidence() < 1 / kAlpha) continue;
      ++alarms;
      break;
    }
  }
  EXPECT_LE(alarms, kRuns / 100);
}

// The latencies are lognormal (sigma 0.6); T* = 1.10 x the baseline's quantiles; the evidence is
// the mean of four tests.
std::uint64_t latency_detection_p95(double factor, double weight) {
  constexpr std::array kQuantileZ = {0.0, 1.281552, 1.644854, 2.326348};
  std::vector<std::uint64_t> needed;
  for (int run = 0; run < kRuns; ++run) {
    std::mt19937_64 random(static_cast<std::uint64_t>(run) + 5);
    std::uniform_real_distribution<double> uniform(0, 1);
    std::normal_distribution<double> normal(0, 0.6);
    std::vector<RelativeEvidence> tests(4, RelativeEvidence(kStrict));  // T* is the tolerance
    std::array<std::uint64_t, 4> bad{};
    std::uint64_t requests = 0;
    for (bool alarm = false; !alarm;) {
      const bool candidate = uniform(random) < weight;
      requests += candidate;
      const double log_latency = normal(random) + (candidate ? std::log(factor) : 0);
      for (std::size_t i = 0; i < tests.size(); ++i) {
        if (log_latency <= 0.6 * kQuantileZ[i] + std::log(1.10)) continue;
        // every eighth of those above the median
        if (i == 0 && uniform(random) >= 1.0 / 8) continue;
        tests[i].add(candidate, weight);
        bad[i] += candidate;
      }
      double mean = 0;
      for (const RelativeEvidence& test : tests) mean += test.evidence() / 4;
      alarm = mean >= 1 / kAlpha && *std::max_element(bad.begin(), bad.end()) >= kFloor;
    }
    needed.push_back(requests);
  }
  std::sort(needed.begin(), needed.end());
  return needed[kRuns * 95 / 100];
}

TEST(Judgement, G6TwiceTheLatencyIsRevertedWithin75CanaryRequests) {
  EXPECT_LE(latency_detection_p95(2.0, 0.1), 75u);
  EXPECT_LE(latency_detection_p95(2.0, 0.05), 75u);
}

TEST(Judgement, G6HalfMoreLatencyWithin250) {
  EXPECT_LE(latency_detection_p95(1.5, 0.1), 250u);
}

TEST(Judgement, EqualLatencyIsNoAlarm) {
  // At factor 1 the tests must stay quiet; 20 000 requests each.
  int alarms = 0;
  for (int run = 0; run < 200; ++run) {
    std::mt19937_64 random(static_cast<std::uint64_t>(run) + 17);
    std::uniform_real_distribution<double> uniform(0, 1);
    RelativeEvidence test(kTolerance);
    std::uint64_t bad = 0;
    for (int slow = 0; slow < 1000; ++slow) {  // 5 % of 20 000
      const bool candidate = uniform(random) < 0.1;
      bad += candidate;
      test.add(candidate, 0.1);
      if (bad >= kFloor && test.evidence() >= 1 / kAlpha) {
        ++alarms;
        break;
      }
    }
  }
  EXPECT_LE(alarms, 2);
}

}  // namespace
}  // namespace cutwater::guard
