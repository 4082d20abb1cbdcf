#include "proxy/guard/version_monitor.hpp"

#include <set>
#include <vector>

#include "proxy/guard/comparison.hpp"
#include "tests/unit/guard/monitor_fixture.hpp"

namespace cutwater::guard {
namespace {

TEST_F(Monitor, WithoutAnArmingItOnlyCounts) {
  many(100, bad());
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(monitor.totals().errors(), 100u);
  EXPECT_EQ(report().verdict, Verdict::NoTraffic);
  EXPECT_FALSE(report().armed);
}

TEST_F(Monitor, ABrokenVersionLosesItsTrafficAtTheFifthFailure) {
  arm();
  many(4, bad());
  EXPECT_EQ(monitor.admit(), Admission::Admitted);
  many(1, bad());
  EXPECT_EQ(monitor.admit(), Admission::Tripped);
  EXPECT_EQ(trips, 1);
  const GuardReport story = report();
  EXPECT_EQ(story.verdict, Verdict::Fail);
  EXPECT_EQ(story.failed_test, "error_rate");
  EXPECT_EQ(story.requests_to_decision, 5u);
  EXPECT_EQ(story.failed_attempts, 5u);
  EXPECT_EQ(story.first_bad, kNoon);
  EXPECT_EQ(story.decided, kNoon);
  EXPECT_GE(story.tests[0].evidence, story.tests[0].alarm_at);
}

TEST_F(Monitor, TellsOnceHoweverManyFailuresFollow) {
  arm();
  many(50, bad());
  EXPECT_EQ(trips, 1);
  EXPECT_EQ(report().failed_attempts, 5u) << "the story is of the decision";
  EXPECT_EQ(monitor.totals().errors(), 50u) << "the counters are of everything";
}

TEST_F(Monitor, EveryKindOfUpstreamFailureCountsAndAClientsAbortDoesNot) {
  for (const Outcome outcome : {Outcome::Status5xx, Outcome::ConnectFailed, Outcome::Reset,
                                Outcome::Timeout, Outcome::Protocol}) {
    arm();
    many(5, bad(outcome));
    EXPECT_TRUE(monitor.tripped()) << to_string(outcome);
  }
  arm();
  many(500, bad(Outcome::ClientAbort));
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::NoTraffic);
}

TEST_F(Monitor, AHealthyVersionPassesAfterExactly76Requests) {
  arm();
  EXPECT_EQ(report().verdict, Verdict::NoTraffic);
  EXPECT_EQ(report().requests_needed_to_pass, 76u);
  many(75, good());
  EXPECT_EQ(report().verdict, Verdict::Inconclusive);
  EXPECT_EQ(report().requests_needed_to_pass, 1u);
  many(1, good());
  EXPECT_EQ(report().verdict, Verdict::Pass);
  EXPECT_EQ(report().requests_needed_to_pass, 0u);
}

TEST_F(Monitor, IgnoredAttemptsAreCountedApartAndGiveTheirPlaceBack) {
  arm();
  for (int i = 0; i < 100; ++i) {
    const Ticket ticket = monitor.admit();
    ASSERT_EQ(ticket, Admission::Admitted) << i;
    monitor.record_ignored(0, ticket.value);
  }
  EXPECT_EQ(report().verdict, Verdict::NoTraffic);
  EXPECT_EQ(report().ignored, 100u);
  EXPECT_EQ(monitor.totals().ignored, 100u);
  EXPECT_EQ(monitor.totals().attempts(), 0u);
  arm();
  EXPECT_EQ(report().ignored, 0u) << "since arming";
}

TEST_F(Monitor, ATunnelIsJudgedByItsOutcomeNotByItsLength) {
  arm();
  AttemptResult tunnel = good(2h);
  tunnel.latency_valid = false;
  many(100, tunnel);
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().tests[0].verdict, Verdict::Pass);
  EXPECT_EQ(report().tests[1].verdict, Verdict::NoTraffic);
  EXPECT_EQ(report().verdict, Verdict::Inconclusive);
}

TEST_F(Monitor, AFewErrorsAmongManyAreNoAlarmAndNarrowTheInterval) {
  arm();
  for (int i = 0; i < 2000; ++i) monitor.record(0, i % 100 == 99 ? bad() : good(), kNoon);
  const TestReport errors = report().tests[0];
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(errors.verdict, Verdict::Pass);
  EXPECT_DOUBLE_EQ(errors.rate, 0.01);
  EXPECT_LT(errors.rate_low, 0.01);
  EXPECT_GT(errors.rate_high, 0.01);
  EXPECT_LT(errors.rate_high, 0.03);
}

TEST_F(Monitor, TheStoryOfALateFaultBeginsAtTheFault) {
  arm();
  monitor.record(0, bad(), kNoon);
  for (int i = 0; i < 50'000; ++i) monitor.record(i % 2, good(), kNoon);
  TimePoint now = kNoon + 1h;
  while (!monitor.tripped()) monitor.record(0, bad(), now += 1ms);
  const GuardReport story = report();
  EXPECT_EQ(story.first_bad, kNoon + 1h + 1ms);
  EXPECT_EQ(story.decided, now);
  EXPECT_LE(story.requests_to_decision, 8u);
  EXPECT_EQ(story.requests_since_arming, 50'001 + story.requests_to_decision);
}

TEST_F(Monitor, TheStoryCountsTheRunThatDecidedAndHowItsFailuresEnded) {
  arm();
  monitor.record(0, bad(Outcome::Reset), kNoon);
  many(5000, good());
  for (const Outcome outcome :
       {Outcome::Status5xx, Outcome::ConnectFailed, Outcome::Status5xx, Outcome::Timeout,
        Outcome::Status5xx, Outcome::ConnectFailed, Outcome::Status5xx, Outcome::Status5xx})
    monitor.record(0, bad(outcome), kNoon + 1s);
  ASSERT_TRUE(monitor.tripped());
  const GuardReport story = report();
  EXPECT_EQ(story.failed_in_run, story.requests_to_decision) << "nothing succeeded in between";
  EXPECT_EQ(story.failed_attempts, story.failed_in_run + 1);
  std::uint64_t kinds = 0;
  for (const FailureKind& kind : story.failure_kinds) kinds += kind.count;
  EXPECT_EQ(kinds, story.failed_in_run) << "the reset of an hour before is not among them";
  ASSERT_FALSE(story.failure_kinds.empty());
  EXPECT_EQ(story.failure_kinds.front().name, "status_" + std::to_string(bad().status));
  EXPECT_GT(story.failure_kinds.front().count, 1u);
}

TEST_F(Monitor, OneBadVisitorAmongManyDoesNotTripButEverybodyDoes) {
  arm();
  for (std::uint64_t visitor = 1; visitor <= 60; ++visitor) {
    AttemptResult result = good();
    result.client = visitor * 0x9e3779b97f4a7c15;
    monitor.record(visitor % 2, result, kNoon);
  }
  AttemptResult broken = bad();
  broken.client = 77;
  many(300, broken);
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().tests[0].bad, 1u);
  EXPECT_NEAR(static_cast<double>(report().distinct_clients), 61, 5);
  many(20, bad());  // failures of twenty other clients
  EXPECT_TRUE(monitor.tripped());
}

TEST_F(Monitor, ALoneCallerCanTripIt) {
  arm();
  AttemptResult broken = bad();
  broken.client = 77;
  many(5, broken);
  EXPECT_TRUE(monitor.tripped());
}

TEST_F(Monitor, AnUnprovenVersionGetsSixteenInFlight) {
  arm();
  std::vector<Ticket> out;
  for (int i = 0; i < 16; ++i) out.push_back(monitor.admit());
  for (const Ticket& ticket : out) ASSERT_EQ(ticket, Admission::Admitted);
  EXPECT_EQ(monitor.admit(), Admission::Capped);
  EXPECT_EQ(monitor.admit(), Admission::Capped) << "being refused takes no place";
  monitor.record(0, with(good(), out.back()), kNoon);
  EXPECT_EQ(monitor.admit(), Admission::Admitted);
  EXPECT_EQ(monitor.admit(), Admission::Capped);
}

TEST_F(Monitor, TwentyGoodOnesProveIt) {
  arm();
  for (int i = 0; i < 19; ++i) monitor.record(i % 2, with(good(), monitor.admit()), kNoon);
  monitor.record(0, with(bad(), monitor.admit()), kNoon);
  for (int i = 0; i < 16; ++i) monitor.admit();
  EXPECT_EQ(monitor.admit(), Admission::Capped);
  monitor.record(1, good(), kNoon);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(monitor.admit(), Admission::Admitted);
}

TEST_F(Monitor, TheInFlightCountSurvivesProofAndRearming) {
  arm();
  std::vector<Ticket> unproven;
  for (int i = 0; i < 10; ++i) unproven.push_back(monitor.admit());
  many(20, good());  // proven while ten are under way
  const Ticket after = monitor.admit();
  arm();  // unproven again, with the ten and one still out
  int admitted = 0;
  while (monitor.admit() == Admission::Admitted) ++admitted;
  EXPECT_EQ(admitted, 6) << "ten of the sixteen places are taken";
  monitor.record(0, with(good(), after), kNoon);
  EXPECT_EQ(monitor.admit(), Admission::Capped) << "it never took a place, so it frees none";
  for (const Ticket& ticket : unproven) monitor.record(0, with(good(), ticket), kNoon);
  admitted = 0;
  while (monitor.admit() == Admission::Admitted) ++admitted;
  EXPECT_EQ(admitted, 10);
}

TEST_F(Monitor, ATunnelGivesItsPlaceBackWhileItStaysOpen) {
  arm();
  std::vector<Ticket> tunnels;
  for (int i = 0; i < 16; ++i) tunnels.push_back(monitor.admit());
  for (Ticket& tunnel : tunnels) monitor.leave(tunnel.value);
  EXPECT_EQ(monitor.admit(), Admission::Admitted);
  for (const Ticket& tunnel : tunnels) monitor.record(0, with(good(), tunnel), kNoon);
  int admitted = 1;
  while (monitor.admit() == Admission::Admitted) ++admitted;
  EXPECT_EQ(admitted, 16) << "places were given back once, not twice";
}

TEST_F(Monitor, AttemptsOfAnEarlierArmingAreNoEvidenceForTheNext) {
  arm();
  std::vector<Ticket> old;
  for (int i = 0; i < 16; ++i) old.push_back(monitor.admit());
  arm();
  for (const Ticket& ticket : old) monitor.record(0, with(bad(), ticket), kNoon);
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::NoTraffic);
  EXPECT_EQ(monitor.totals().errors(), 16u);
}

TEST_F(Monitor, ArmingAgainOpensItWithFreshEvidenceAndTellsAgain) {
  arm();
  many(5, bad());
  ASSERT_TRUE(monitor.tripped());
  arm();
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::NoTraffic);
  EXPECT_EQ(report().requests_since_arming, 0u);
  many(5, bad());
  EXPECT_EQ(trips, 2);
}

TEST_F(Monitor, DisarmedItJudgesNothingAndKeepsTheStory) {
  arm();
  many(76, good());
  monitor.disarm();
  many(100, bad());
  EXPECT_FALSE(monitor.tripped());
  EXPECT_FALSE(report().armed);
  EXPECT_EQ(report().verdict, Verdict::Pass);
}

TEST_F(Monitor, ClosedByHandItStaysClosedUntilOpened) {
  monitor.set_tripped(true);
  EXPECT_EQ(monitor.admit(), Admission::Tripped);
  EXPECT_EQ(trips, 0);
  EXPECT_FALSE(report().failed_test) << "a person decided, not a test";
  monitor.set_tripped(false);
  EXPECT_EQ(monitor.admit(), Admission::Admitted);
}

TEST_F(Monitor, EvidenceIsOfTheWholeArmingNotOfOneWorker) {
  arm();
  for (int i = 0; i < 5; ++i) monitor.record(i % 2, bad(), kNoon);
  EXPECT_TRUE(monitor.tripped()) << "two and three failures on two workers are five";
}

TEST_F(Monitor, ThePolicysOwnLimitsCount) {
  GuardPolicy strict;
  strict.p95 = 50ms;
  strict.min_failed_attempts = 1;
  strict.min_distinct_clients = 1;
  strict.error_rate = 0;  // "no error at all" is a limit too
  arm(strict);
  EXPECT_GT(report().tests[0].threshold_rate, 0);
  many(2, bad());
  EXPECT_EQ(report().failed_test, "error_rate");
}

TEST(VerdictText, EveryVerdictHasItsOwnWord) {
  std::set<std::string_view> words;
  for (const Verdict v : {Verdict::NoTraffic, Verdict::Inconclusive, Verdict::Pass, Verdict::Fail})
    words.insert(to_string(v));
  EXPECT_EQ(words.size(), 4u);
}

// --- compared --------------------------------------------------------------------------------

class MonitorCompared : public Monitor {
 protected:
  // Fails requests of a flag: 9 of 10 requests belong to the control group. Each request is its own
  // client.
  void fail(bool in, int count) {
    for (int i = 0; i < count; ++i) {
      const auto ticket = comparison->enter(0, now, {in, 0.1, 0});
      comparison->leave(0, ticket, bad(), true);
    }
  }
  void compare() { monitor.compare(now += 1s); }
  static ComparisonPolicy of_a_flag() {
    ComparisonPolicy policy;
    policy.control_group = true;
    return policy;
  }
  TimePoint now = kNoon;
  std::shared_ptr<Comparison> comparison = std::make_shared<Comparison>(of_a_flag(), 2, kNoon);
};

TEST_F(MonitorCompared, AFlagWhoseTurnItIsKeepsWhatItsLimitsHaveFoundAndIsShutByTheComparison) {
  arm();
  many(50, good());
  monitor.set_comparison(comparison);
  EXPECT_EQ(report().requests_since_arming, 50u);
  EXPECT_EQ(report().baseline, "the control group");
  fail(true, 6);
  compare();
  EXPECT_TRUE(monitor.tripped());
  EXPECT_EQ(trips, 1);
  EXPECT_EQ(report().failed_test, "relative_error_rate");
  EXPECT_EQ(report().verdict, Verdict::Fail);
}

TEST_F(MonitorCompared, FailingAlikeShutsNothing) {
  arm();
  monitor.set_comparison(comparison);
  for (int i = 0; i < 50; ++i) fail(true, 1), fail(false, 9);
  compare();
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::NoTraffic) << "by its limits: nobody recorded a request";
}

TEST_F(MonitorCompared, ADryRunThatHasFailedDoesNotPass) {
  GuardPolicy policy;
  policy.dry_run = true;
  arm(policy);
  monitor.set_comparison(comparison);
  many(200, good());
  EXPECT_EQ(report().verdict, Verdict::Pass) << "the comparison alone holds nobody up";
  fail(true, 6);
  compare();
  EXPECT_EQ(trips, 1);
  EXPECT_FALSE(monitor.tripped());
  EXPECT_EQ(report().verdict, Verdict::Inconclusive);
}

TEST_F(MonitorCompared, AfterwardsAVersionIsComparedWithNobody) {
  const auto blue = std::make_shared<VersionMonitor>("shop", "blue", 2);
  monitor.arm({}, {}, {blue, std::make_shared<Comparison>(ComparisonPolicy{}, 2, kNoon)});
  EXPECT_EQ(report().baseline, "blue");
  monitor.disarm();
  EXPECT_EQ(report().baseline, "");
}

}  // namespace
}  // namespace cutwater::guard
