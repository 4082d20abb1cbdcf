// Tests what the monitor makes of latency: what is slow, what says nothing, and what is left out.
#include "tests/unit/guard/monitor_fixture.hpp"

namespace cutwater::guard {
namespace {

TEST_F(Monitor, SlowResponsesTripTheLatencyGuard) {
  arm();
  many(5, good(2500ms));
  EXPECT_TRUE(monitor.tripped());
  EXPECT_EQ(report().failed_test, "p95");
  EXPECT_EQ(report().tests[0].good, 5u) << "slow is not an error";
  EXPECT_EQ(report().tests[2].good, 5u) << "2.5 s is within the critical limit of 3 s";
}

TEST_F(Monitor, ExactlyTheLimitIsNotSlow) {
  arm();
  many(100, good(2s));
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::Pass);
}

TEST_F(Monitor, ThreeSecondsAreSlowByBothLimits) {
  arm();
  many(3, good(3500ms));
  EXPECT_EQ(report().tests[1].bad, 3u);
  EXPECT_EQ(report().tests[2].bad, 3u);
}

TEST_F(Monitor, ATimeoutIsAnErrorAndSlowWhateverItsLatencySays) {
  arm();
  AttemptResult timeout = bad(Outcome::Timeout);
  timeout.latency_valid = false;
  many(1, timeout);
  for (const TestReport& test : report().tests) EXPECT_EQ(test.bad, 1u) << test.name;
}

TEST_F(Monitor, AQuickRefusalSaysNothingAboutLatency) {
  arm();
  many(3, bad(Outcome::ConnectFailed));
  EXPECT_EQ(report().tests[1].good + report().tests[1].bad, 0u);
  EXPECT_EQ(report().tests[1].verdict, Verdict::NoTraffic);
}

TEST_F(Monitor, AFailureIsNoGoodLatencyHoweverFastItWas) {
  GuardPolicy tolerant;
  tolerant.error_rate = 0.9;
  arm(tolerant);
  many(100, bad());
  many(10, good());
  EXPECT_EQ(report().tests[1].good, 10u);
  EXPECT_EQ(report().tests[1].verdict, Verdict::Inconclusive);
  EXPECT_EQ(monitor.totals().latency.count, 10u) << "nor does it enter the quantiles";
}

TEST_F(Monitor, ASlowFailureIsAFailureAndNothingElse) {
  arm();
  AttemptResult slow = bad();
  slow.latency = 10s;
  many(3, slow);
  EXPECT_EQ(report().tests[0].bad, 3u);
  EXPECT_EQ(report().tests[1].bad + report().tests[1].good, 0u);
}

TEST_F(Monitor, AnEndpointsFirstRequestsAreNotTooSlowForAnAlarm) {
  arm();
  AttemptResult cold = good(2500ms);
  cold.cold = true;
  many(50, cold);
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().tests[1].bad, 0u);
  EXPECT_EQ(report().tests[1].cold_bad, 50u);
  AttemptResult failed = bad();
  failed.cold = true;
  many(8, failed);
  EXPECT_TRUE(monitor.tripped()) << "an error is one all the same";
}

TEST_F(Monitor, WhatIsCriticallySlowIsSoAmongTheFirstRequestsToo) {
  arm();
  AttemptResult cold = good(10s);
  cold.cold = true;
  many(5, cold);
  EXPECT_TRUE(monitor.tripped());
  EXPECT_EQ(report().failed_test, "p95_critical");
}

TEST_F(Monitor, ATimeoutAmongTheFirstRequestsIsOneAllTheSame) {
  arm();
  AttemptResult timeout = bad(Outcome::Timeout);
  timeout.cold = true;
  many(1, timeout);
  for (const TestReport& test : report().tests) EXPECT_EQ(test.bad, 1u) << test.name;
}

TEST_F(Monitor, PassesByTheRequestsThatAreNotColdWhereThoseAreMost) {
  arm();
  AttemptResult cold = good(2500ms);
  cold.cold = true;
  many(50, cold);
  EXPECT_EQ(report().requests_needed_to_pass, 117u) << "50 must be at most 30 % of all";
  many(116, good());
  EXPECT_EQ(report().tests[1].verdict, Verdict::Inconclusive);
  many(1, good());
  EXPECT_EQ(report().tests[1].verdict, Verdict::Pass);
}

TEST_F(Monitor, PassesByAllRequestsWhereTheFirstOnesAreFast) {
  arm();
  AttemptResult cold = good();
  cold.cold = true;
  many(76, cold);
  EXPECT_EQ(report().verdict, Verdict::Pass);
}

TEST_F(Monitor, AFreshArmingForgetsWhatWasCold) {
  arm();
  AttemptResult cold = good(2500ms);
  cold.cold = true;
  many(50, cold);
  arm();
  many(76, good());
  EXPECT_EQ(report().verdict, Verdict::Pass);
  EXPECT_EQ(report().tests[1].cold_bad, 0u);
}

AttemptResult given_up(Nanoseconds waited, int status = 0) {
  AttemptResult result;
  result.outcome = Outcome::ClientAbort;
  result.status = status;
  result.latency = waited;
  result.given_up = true;
  return result;
}

TEST_F(Monitor, AVersionThatHangsIsFoundByThoseWhoGiveUp) {
  arm();
  many(4, given_up(2500ms));
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::Inconclusive) << "it has had requests";
  many(4, given_up(2500ms));
  EXPECT_TRUE(monitor.tripped());
  EXPECT_EQ(report().failed_test, "p95");
  EXPECT_EQ(report().tests[1].given_up, 5u);
}

TEST_F(Monitor, WhatIsGivenUpIsSlowForTheLimitsBelowItsTimeOnly) {
  arm();
  many(1, given_up(2500ms));
  const GuardReport found = report();
  EXPECT_EQ(found.tests[0].bad + found.tests[0].good, 0u) << "no error, and no success";
  EXPECT_EQ(found.tests[1].bad, 1u);
  EXPECT_EQ(found.tests[2].bad + found.tests[2].good, 0u) << "nobody knows about 3 s";
}

TEST_F(Monitor, WhatIsGivenUpEarlySaysNothing) {
  arm();
  many(500, given_up(1900ms));
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::NoTraffic);
}

TEST_F(Monitor, WhatIsGivenUpOnAColdEndpointBeforeTheHeadCounts) {
  arm();
  AttemptResult waiting = given_up(2500ms);
  waiting.cold = true;
  many(1, waiting);
  EXPECT_EQ(report().tests[1].bad, 1u);
  AttemptResult reading = given_up(2500ms, 200);
  reading.cold = true;
  many(1, reading);
  EXPECT_EQ(report().tests[1].bad, 1u);
  EXPECT_EQ(report().tests[1].cold_bad, 1u);
}

TEST_F(Monitor, WhatWasToldWhileItWasUnderWayIsNotCountedAgain) {
  arm();
  const Ticket ticket = monitor.admit();
  monitor.note_waiting(0, with(given_up(2500ms), ticket), kNoon);
  EXPECT_EQ(report().tests[1].bad, 1u);
  AttemptResult late = with(good(5s), ticket);
  late.told = 2500ms;
  many(1, late);
  EXPECT_EQ(report().tests[0].good, 1u);
  EXPECT_EQ(report().tests[1].bad, 1u);
  EXPECT_EQ(report().tests[1].good, 0u);
  EXPECT_EQ(report().tests[2].bad, 1u) << "3 s were not over then";
}

}  // namespace
}  // namespace cutwater::guard
