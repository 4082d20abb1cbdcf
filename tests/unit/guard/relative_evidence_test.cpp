// Tests the relative test against the test vectors of proxy/guard/README.md, "Relative guard", and
// the comparison around it: arrival order, what does not count, and what is lost.
#include "proxy/guard/relative_evidence.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "proxy/guard/comparison.hpp"

namespace cutwater::guard {
namespace {

using namespace std::chrono_literals;
using stats::AttemptResult;
using stats::Outcome;

constexpr TimePoint kNoon = TimePoint(12h);

struct Vector {
  FailureCounts failures;
  double weight, evidence;
};

TEST(RelativePlain, MatchesTheTestVectors) {
  for (const Vector& v : {Vector{{1, 0}, .05, 7.594525}, Vector{{3, 0}, .05, 1494.387559},
                          Vector{{3, 1}, .05, 278.996295}, Vector{{4, 0}, .1, 2283.069732},
                          Vector{{8, 0}, .5, 105.460306}, Vector{{8, 2}, .5, 3.089258},
                          Vector{{5, 20}, .1, 1.109639}})
    EXPECT_NEAR(plain_relative_evidence(1, v.failures, v.weight), v.evidence, 1e-5)
        << v.failures.candidate << "," << v.failures.baseline << "," << v.weight;
}

TEST(Relative, FourCandidateFailuresAtTenPercentAreEnough) {
  RelativeEvidence test(1);
  EXPECT_DOUBLE_EQ(test.evidence(), 0.75);
  for (int i = 0; i < 4; ++i) test.add(true, 0.1);
  EXPECT_NEAR(test.evidence(), 2283.069732 * 3 / 4, 10) << "late starts add little yet";
  EXPECT_EQ(test.failures().candidate, 4u);
}

TEST(Relative, EachFailureIsWeighedByItsOwnChance) {
  RelativeEvidence small(1), large(1);
  small.add(true, 0.01);
  large.add(true, 0.5);
  EXPECT_GT(small.evidence(), 5 * large.evidence()) << "it was far less likely by chance";
}

TEST(Relative, WithoutAChoiceAFailureSaysNothing) {
  RelativeEvidence test(1.25);
  test.add(true, 0);
  test.add(true, 1);
  test.add(false, 0);
  EXPECT_DOUBLE_EQ(test.evidence(), 0.75);
  EXPECT_EQ(test.failures().candidate + test.failures().baseline, 0u);
  EXPECT_DOUBLE_EQ(test.unspent(), 1) << "all of its budget may go to a test that follows";
}

TEST(Relative, ToleranceMakesItSlower) {
  RelativeEvidence strict(1), tolerant(1.25);
  for (int i = 0; i < 3; ++i) strict.add(true, 0.1), tolerant.add(true, 0.1);
  EXPECT_GT(strict.evidence(), tolerant.evidence());
}

TEST(Relative, TheBudgetOfStartsIsNeverOverspentAndNeverEmpty) {
  RelativeEvidence test(1);
  double before = test.unspent();
  for (int i = 0; i < 20'000; ++i) {
    test.add(i % 2 == 0, 0.5);
    EXPECT_LE(test.unspent(), before + 1e-12);
    before = test.unspent();
  }
  EXPECT_GT(before, 0);
  EXPECT_TRUE(std::isfinite(test.evidence()));
}

TEST(RelativeTick, OfOneFailureIsThatFailure) {
  RelativeEvidence one_by_one(1.25), ticks(1.25);
  for (int i = 0; i < 3000; ++i) {
    const bool candidate = i % 7 == 0;
    const double weight = i < 1500 ? 0.05 : 0.5;
    one_by_one.add(candidate, weight);
    ticks.add_tick({candidate ? 1U : 0U, candidate ? 0U : 1U}, weight);
    ASSERT_NEAR(ticks.evidence() / one_by_one.evidence(), 1, 1e-9) << i;
  }
  EXPECT_EQ(ticks.failures().baseline, one_by_one.failures().baseline);
  EXPECT_DOUBLE_EQ(ticks.unspent(), one_by_one.unspent());
}

TEST(RelativeTick, TheFirstMatchesTheTestVectors) {
  for (const Vector& v : {Vector{{3, 0}, .05, 1494.387559}, Vector{{3, 1}, .05, 278.996295},
                          Vector{{4, 0}, .1, 2283.069732}, Vector{{8, 2}, .5, 3.089258}}) {
    RelativeEvidence test(1);
    test.add_tick(v.failures, v.weight);
    const auto all = static_cast<double>(v.failures.candidate + v.failures.baseline);
    EXPECT_NEAR(test.evidence() / (v.evidence * (0.75 + 0.125 / 1000 * all)), 1, 1e-5);
  }
}

TEST(RelativeTick, WithoutAChoiceItSaysNothingAndItNeverOverflows) {
  RelativeEvidence test(1);
  test.add_tick({9, 0}, 1);
  test.add_tick({9, 0}, 0);
  test.add_tick({0, 0}, 0.5);
  EXPECT_DOUBLE_EQ(test.evidence(), 0.75);
  test.add_tick({1U << 30, 0}, 0.01);
  EXPECT_TRUE(std::isfinite(test.evidence()));
}

// --- the comparison ----------------------------------------------------------------------------

AttemptResult ended(bool failed, Nanoseconds latency = 10ms) {
  AttemptResult result;
  result.outcome = failed ? Outcome::Status5xx : Outcome::Success;
  result.status = failed ? 500 : 200;
  result.latency = latency;
  return result;
}

class Compared : public testing::Test {
 protected:
  CohortTicket arrive(bool candidate, double weight = 0.1, std::uint64_t client = 0) {
    now += 1ms;
    return comparison->enter(0, now, {candidate, weight, client});
  }
  void pass(bool candidate, const AttemptResult& result, std::uint64_t client = 0) {
    comparison->leave(0, arrive(candidate, 0.1, client), result, true);
  }
  bool judge(Nanoseconds later = 400ms) { return comparison->judge(now += later, false); }
  TestReport report(std::size_t index = 0) {
    std::vector<TestReport> reports;
    comparison->add_reports(reports);
    return reports.at(index);
  }
  void start(ComparisonPolicy policy = {}) {
    comparison = std::make_shared<Comparison>(policy, 2, now);
  }
  void SetUp() override { start(); }

  TimePoint now = kNoon;
  std::shared_ptr<Comparison> comparison;
};

TEST_F(Compared, ACandidateThatFailsMoreOftenIsFoundWithItsNumbers) {
  for (int i = 0; i < 200; ++i) {
    for (int b = 0; b < 9; ++b) pass(false, ended(i % 100 == 7 && b == 0));
    pass(true, ended(i % 20 == 5));
  }
  EXPECT_TRUE(judge());
  ASSERT_TRUE(comparison->failure());
  EXPECT_EQ(comparison->failure()->test, "relative_error_rate");
  EXPECT_GE(comparison->failure()->failed, 4u);
  EXPECT_GE(comparison->failure()->first_bad, kNoon + 60ms);
  const TestReport errors = report();
  EXPECT_EQ(errors.bad + errors.good, 200u);
  EXPECT_EQ(errors.baseline->bad + errors.baseline->good, 1800u);
  EXPECT_GE(errors.evidence, errors.alarm_at);
}

TEST_F(Compared, WhatArrivedBesideTheDecidingRequestIsCountedAsItEnded) {
  for (int i = 0; i < 30; ++i) pass(true, ended(true));
  EXPECT_TRUE(judge());
  EXPECT_EQ(report().bad, 30u);
  EXPECT_EQ(report().good, 0u) << "not good for having come after the decision";
}

TEST_F(Compared, ThreeFailuresAreBelowTheFloor) {
  for (int i = 0; i < 3; ++i) comparison->leave(0, arrive(true, 0.01), ended(true), true);
  EXPECT_FALSE(judge());
  EXPECT_GT(report().evidence, report().alarm_at) << "the floor holds, not the test";
  pass(true, ended(true));
  EXPECT_TRUE(judge());
}

TEST_F(Compared, NothingIsJudgedBeforeItsWholeTickIsOver) {
  const CohortTicket slow = arrive(false);
  for (int i = 0; i < 9; ++i) pass(true, ended(true));
  EXPECT_FALSE(judge(30s)) << "one request of that tick is still under way";
  EXPECT_EQ(report().bad, 0u);
  comparison->leave(0, slow, ended(false), true);
  EXPECT_TRUE(judge());
}

TEST_F(Compared, ARequestThatNeverEndsIsNotWaitedForLongerThanPatience) {
  arrive(false);
  for (int i = 0; i < 9; ++i) pass(true, ended(true));
  EXPECT_FALSE(judge(59s));
  EXPECT_TRUE(judge(3s));
}

// The rates are equal: the baseline's failures take 30 s, the candidate's 10 ms.
TEST_F(Compared, TheOrderIsThatOfArrivalNotOfTheEnd) {
  std::vector<CohortTicket> hanging;
  for (int i = 0; i < 50; ++i) {
    for (int b = 0; b < 9; ++b) hanging.push_back(arrive(false));
    pass(true, ended(true));
  }
  EXPECT_FALSE(judge(29s)) << "in the order of their ends there are 50 failures, all candidate's";
  for (const CohortTicket& ticket : hanging) comparison->leave(0, ticket, ended(true), true);
  EXPECT_FALSE(judge());
  EXPECT_EQ(report().bad, 50u);
  EXPECT_EQ(report().baseline->bad, 450u);
}

TEST_F(Compared, AClientThatGoesAwayIsNoFailure) {
  AttemptResult aborted = ended(true);
  aborted.outcome = Outcome::ClientAbort;
  for (int i = 0; i < 20; ++i) pass(true, aborted);
  EXPECT_FALSE(judge());
  EXPECT_EQ(report().bad, 0u);
}

TEST_F(Compared, AClientsFailuresCountOnceAMinuteOnBothSides) {
  for (int i = 0; i < 50; ++i) pass(true, ended(true), 7);
  EXPECT_FALSE(judge());
  EXPECT_EQ(report().bad, 1u);
  for (int i = 0; i < 50; ++i) pass(false, ended(true), 7);
  EXPECT_FALSE(judge());
  EXPECT_EQ(report().baseline->bad, 1u);
}

TEST_F(Compared, ALoneCallersFailuresAllCount) {
  for (int i = 0; i < 20; ++i) pass(true, ended(true), 7);
  now += 1s;
  EXPECT_TRUE(comparison->judge(now, true)) << "few clients: the per-client rules are waived";
}

TEST_F(Compared, OfAFlagASubjectCountsOnceOnWhicheverSide) {
  ComparisonPolicy policy;
  policy.control_group = true;
  start(policy);
  for (int hour = 0; hour < 3; ++hour) {
    for (int i = 0; i < 10; ++i) pass(true, ended(true), 7), pass(false, ended(true), 8);
    EXPECT_FALSE(judge(3600s));
  }
  pass(false, ended(true), 7);
  EXPECT_FALSE(judge());
  EXPECT_EQ(report().bad, 1u);
  EXPECT_EQ(report().baseline->bad, 1u);
}

// Forty accounts are broken, whatever the flag says; the dice let the same ones in every time.
TEST_F(Compared, OfAFlagAFewBrokenSubjectsAreNoFailureAlsoWhenTheShareRises) {
  ComparisonPolicy policy;
  policy.control_group = true;
  start(policy);
  for (const double share : {0.1, 0.5, 0.9}) {
    for (int minute = 0; minute < 60; ++minute) {
      for (std::uint64_t subject = 1; subject <= 40; ++subject) {
        const bool in = static_cast<double>(subject) <= 40 * share;
        const auto ticket = comparison->enter(0, now, {in, share, subject});
        comparison->leave(0, ticket, ended(true), true);
      }
      ASSERT_FALSE(judge(60s)) << share << " minute " << minute;
    }
  }
  EXPECT_EQ(report().bad + report().baseline->bad, 120u) << "each once at each share";
}

TEST_F(Compared, OfAFlagOnlyErrorsAreCompared) {
  ComparisonPolicy policy;
  policy.control_group = true;
  start(policy);
  pass(true, ended(true));
  judge();
  std::vector<TestReport> reports;
  comparison->add_reports(reports);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_EQ(reports.front().name, "relative_error_rate");
  EXPECT_EQ(reports.front().bad, 1u);
}

TEST_F(Compared, WorkersAreJudgedTogether) {
  for (unsigned i = 0; i < 6; ++i) {
    const CohortTicket ticket = comparison->enter(i % 2, now += 1ms, {true, 0.1});
    comparison->leave(i % 2, ticket, ended(true), true);
  }
  EXPECT_TRUE(judge());
}

TEST_F(Compared, WhatIsTooMuchToHoldIsLeftOutForBothAndTheNextIsJudgedAgain) {
  for (std::size_t i = 0; i < CohortCell::kRing + 10; ++i) pass(true, ended(true));
  EXPECT_FALSE(judge()) << "some were lost: that time says nothing";
  EXPECT_EQ(report().bad, 0u);
  now += 100ms;
  for (int i = 0; i < 6; ++i) pass(true, ended(true));
  EXPECT_TRUE(judge());
}

TEST_F(Compared, ASlowerCandidateIsFoundAgainstTheFrozenLimits) {
  comparison->freeze_latency({50ms, 80ms, 100ms, 150ms});
  for (int i = 0; i < 200; ++i) {
    for (int b = 0; b < 9; ++b) pass(false, ended(false, 60ms));
    pass(true, ended(false, 200ms));
    now += 100ms;
  }
  EXPECT_TRUE(judge());
  EXPECT_EQ(comparison->failure()->test, "relative_latency");
  const TestReport latency = report(1);
  EXPECT_EQ(latency.name, "relative_latency");
  EXPECT_GE(latency.slow_above, 88ms);
  EXPECT_GE(latency.bad, 4u);
}

TEST_F(Compared, LimitsFrozenAfterARequestWasAssignedDoNotJudgeIt) {
  std::vector<CohortTicket> before;
  for (int i = 0; i < 20; ++i) before.push_back(arrive(true));
  comparison->freeze_latency({1ms, 1ms, 1ms, 1ms});
  for (const CohortTicket& ticket : before) comparison->leave(0, ticket, ended(false, 1s), true);
  EXPECT_FALSE(judge());
}

TEST_F(Compared, TimeToConnectIsNotHeldAgainstTheCandidate) {
  comparison->freeze_latency({1ms, 1ms, 1ms, 1ms});
  for (int i = 0; i < 20; ++i) comparison->leave(0, arrive(true), ended(false, 1s), false);
  EXPECT_FALSE(judge());
}

TEST_F(Compared, AFailureOfTheCandidateHasNoLatency) {
  comparison->freeze_latency({1ms, 1ms, 1ms, 1ms});
  for (int i = 0; i < 3; ++i) comparison->leave(0, arrive(true, 0.01), ended(true, 1s), true);
  EXPECT_FALSE(judge());
  EXPECT_EQ(report(0).bad, 3u);
  EXPECT_EQ(report(1).bad, 0u);
}

// Stable's good answers take 30 ms and its failures 1 ms; the candidate answers all in 30 ms.
TEST_F(Compared, FastFailuresDoNotMakeTheBaselineTheQuickerOne) {
  comparison->freeze_latency({20ms, 20ms, 20ms, 20ms});
  for (int i = 0; i < 500; ++i) {
    for (int b = 0; b < 9; ++b) pass(false, b < 5 ? ended(true, 1ms) : ended(false, 30ms));
    pass(true, ended(false, 30ms));
    ASSERT_FALSE(judge(0ms));
  }
  EXPECT_FALSE(judge());
  EXPECT_GT(report(1).baseline->bad, 500u) << "its failures are slow, too";
}

TEST_F(Compared, ATimeoutIsSlowOnBothSides) {
  comparison->freeze_latency({50ms, 50ms, 50ms, 50ms});
  AttemptResult timeout;
  timeout.outcome = Outcome::Timeout;
  timeout.latency_valid = false;
  for (int i = 0; i < 3; ++i) comparison->leave(0, arrive(true), timeout, false);
  pass(false, timeout);
  judge();
  EXPECT_EQ(report(1).bad, 3u);
  EXPECT_EQ(report(1).baseline->bad, 1u);
}

// Says what counts as slow: of the candidate only what exceeds the tolerance, of the baseline all
// above the quantile.
TEST_F(Compared, TheToleranceIsTheCandidatesAlone) {
  const auto slow = [&](bool candidate, Nanoseconds quantile, Nanoseconds latency) {
    start();
    comparison->freeze_latency({quantile, quantile, quantile, quantile});
    for (int i = 0; i < 100; ++i) pass(candidate, ended(false, latency));
    judge();
    return (candidate ? report(1).bad : report(1).baseline->bad) > 0;
  };
  EXPECT_FALSE(slow(true, 20ms, 25ms)) << "5 ms more than the quantile are nothing";
  EXPECT_TRUE(slow(true, 20ms, 25ms + 1ns));
  EXPECT_FALSE(slow(true, 1s, 1100ms)) << "10 % more are nothing";
  EXPECT_TRUE(slow(true, 1s, 1100ms + 1ns));
  EXPECT_FALSE(slow(false, 1s, 1s));
  EXPECT_TRUE(slow(false, 1s, 1s + 1ns));
}

// A pause of half a second makes all requests of one instance slow together.
TEST_F(Compared, LatencyEvidenceGrowsFourTimesInThreeSecondsAtMost) {
  comparison->freeze_latency({10ms, 10ms, 10ms, 10ms});
  for (int i = 0; i < 100; ++i) pass(true, ended(false, 300ms));  // within 100 ms
  EXPECT_FALSE(judge());
  EXPECT_NEAR(report(1).evidence, 4 * 0.75, 1e-9);
  now += 3s;
  for (int i = 0; i < 100; ++i) pass(true, ended(false, 300ms));
  EXPECT_FALSE(judge());
  EXPECT_NEAR(report(1).evidence, 16 * 0.75, 1e-9);
  for (int i = 0; i < 4; ++i) {
    now += 3s;
    for (int n = 0; n < 100; ++n) pass(true, ended(false, 300ms));
    judge();
  }
  EXPECT_TRUE(comparison->failure()) << "what goes on being slow is found all the same";
}

TEST_F(Compared, ErrorEvidenceGrowsAsFastAsItCan) {
  for (int i = 0; i < 6; ++i) pass(true, ended(true));
  EXPECT_TRUE(judge());
}

TEST(Growth, IsCountedFromTheMostOfThreeSecondsBefore) {
  GrowthLimit limit;
  EXPECT_EQ(limit.most_after(kNoon, 1), 4);
  limit.note(kNoon, 4);
  EXPECT_EQ(limit.most_after(kNoon + 1s, 4), 4);
  EXPECT_EQ(limit.most_after(kNoon + 2800ms, 4), 16) << "of a tenth of a second, its most";
  EXPECT_EQ(limit.most_after(kNoon + 3100ms, 4), 16);
  EXPECT_EQ(limit.most_after(kNoon + 3200ms, 0.5), 16) << "a fall in between does not count";
  EXPECT_EQ(limit.most_after(kNoon + 1h, 3), 12) << "nothing old counts";
}

TEST_F(Compared, AnEndpointsFirstRequestsAreNotTooSlow) {
  comparison->freeze_latency({10ms, 10ms, 10ms, 10ms});
  AttemptResult cold = ended(false, 300ms);
  cold.cold = true;
  for (int i = 0; i < 5; ++i) pass(true, cold);
  judge();
  EXPECT_EQ(report(1).bad, 0u);
  cold.outcome = Outcome::Timeout;
  pass(true, cold);
  AttemptResult failed = ended(true);
  failed.cold = true;
  pass(true, failed);
  judge();
  EXPECT_EQ(report(1).bad, 1u) << "a timeout is one all the same";
  EXPECT_EQ(report(0).bad, 2u) << "and an error is one";
}

TEST_F(Compared, WhatClientsGiveUpIsSlowOnBothSides) {
  comparison->freeze_latency({100ms, 100ms, 100ms, 100ms});
  AttemptResult left;
  left.outcome = Outcome::ClientAbort;
  left.given_up = true;
  const auto leave_after = [&](bool candidate, Nanoseconds waited) {
    left.latency = waited;
    comparison->leave(0, arrive(candidate), left, false);
  };
  leave_after(true, 200ms);
  leave_after(true, 110ms);
  leave_after(false, 105ms);
  leave_after(false, 99ms);
  judge();
  EXPECT_EQ(report(1).bad, 1u);
  EXPECT_EQ(report(1).baseline->bad, 1u);
  EXPECT_EQ(report(0).bad + report(0).baseline->bad, 0u);
}

}  // namespace
}  // namespace cutwater::guard
