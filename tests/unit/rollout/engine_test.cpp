// Tests what a person sees of a canary: when it advances, holds, reverts, and what each command
// does.
#include "tests/unit/rollout/rollout_fixture.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;
using Kind = event::Command::Kind;

TEST(Canary, AHealthyVersionClimbsEveryStepAndBecomesStable) {
  Bench bench;
  bench.starts();
  EXPECT_EQ(bench.rollout.phase, Phase::Progressing);
  EXPECT_EQ(bench.green(), 5);
  bench.switches();
  bench.tick(60s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 25);
  bench.switches();
  bench.tick(60s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Promoting);
  bench.switches();
  EXPECT_EQ(bench.rollout.phase, Phase::Baking);
  bench.tick(60s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Succeeded);
  EXPECT_EQ(bench.service.stable, "green");
  EXPECT_EQ(bench.service.last_good, "blue");
  EXPECT_EQ(bench.last_action(), "promoted");
}

TEST(Canary, TimeAloneNeverAdvancesAStep) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(599s, Verdict::Inconclusive, 1);
  EXPECT_EQ(bench.green(), 5);
  EXPECT_EQ(bench.last_action(), "held");
}

TEST(Canary, EvidenceAloneDoesNotCutTheBakeShort) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(59s, Verdict::Pass, 1000);
  EXPECT_EQ(bench.green(), 5);
  bench.tick(1s, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, TheClockOfAStepStartsWhenAllWorkersHaveSwitched) {
  Bench bench;
  bench.starts();
  bench.tick(300s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 5);
  bench.switches();
  bench.tick(59s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 5);
}

TEST(Canary, NoTrafficHoldsIsSaidOnceAndEndsByItself) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(60s, Verdict::NoTraffic, 0);
  bench.tick(1s, Verdict::NoTraffic, 0);
  bench.tick(1s, Verdict::NoTraffic, 0);
  ASSERT_EQ(bench.decisions.size(), 2u);
  EXPECT_EQ(bench.decisions[1].action, "held");
  EXPECT_EQ(bench.decisions[1].cause, "no_traffic");
  bench.tick(1s, Verdict::Inconclusive, 5);
  EXPECT_EQ(bench.decisions.back().cause, "inconclusive");
  bench.tick(1s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, APassOfAnEarlierStepDoesNotCountWithoutRequestsAtThisOne) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(60s, Verdict::Pass, 100);
  bench.switches(Verdict::Pass);
  bench.tick(60s, Verdict::Pass, 0);
  EXPECT_EQ(bench.green(), 25);
  EXPECT_EQ(bench.decisions.back().cause, "no_traffic");
}

TEST(Canary, AFailedGuardRevertsAtOnceAndLocksTheVersionOut) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(1s, Verdict::Fail, 0);
  EXPECT_EQ(bench.green(), 0);
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_TRUE(bench.service.locked_out.contains("green"));
  EXPECT_EQ(bench.decisions.back().cause, "guard");
  bench.switches();
  EXPECT_EQ(bench.rollout.phase, Phase::RolledBack);
}

TEST(Canary, TheReasonIsASentenceFor3Am) {
  EXPECT_EQ(failure_sentence("green", {report(Verdict::Fail, 5, 0), {}}),
            "error rate of green is above 5%: 5 of 5 requests failed, e-value 1274 >= 400; decided "
            "12 ms after the first failure");
}

TEST(Canary, TheReasonNamesTheRunThatDecidedAndTheKindsOfFailure) {
  auto late = report(Verdict::Fail, 16, 893);
  late.requests_to_decision = 14;
  late.failed_in_run = 12;
  late.requests_since_arming = 909;
  late.failure_kinds = {{"status_500", 8}, {"connect_failed", 3}, {"timeout", 1}};
  late.tests[0].evidence = 1.27e19;
  EXPECT_EQ(failure_sentence("green", {late, {}}),
            "error rate of green is above 5%: 12 of the last 14 requests failed (status 500: 8, "
            "connection refused or failed: 3, timeout: 1; 16 of all 909 since the guard was "
            "armed), e-value 1.3e19 >= 400; decided 12 ms after the first failure");
  const auto evidence = evidence_json(late);
  EXPECT_EQ(boost::json::serialize(evidence.at("run")),
            R"({"requests":14,"failed":12,"requests_since_arming":909})");
  EXPECT_EQ(boost::json::serialize(evidence.at("failures_by_kind")),
            R"({"status_500":8,"connect_failed":3,"timeout":1})");
}

TEST(Canary, ASlowVersionIsCalledSlow) {
  auto slow = report(Verdict::Fail, 5, 7);
  slow.tests[0].name = "p95";
  slow.failed_test = "p95";
  EXPECT_EQ(failure_sentence("green", {slow, {}}),
            "p95 of green is above 2s: 5 of 12 requests were slower, e-value 1274 >= 400; decided "
            "12 ms after the first slow response");
}

TEST(Canary, APausedRolloutIsStillGuarded) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.person(Kind::Pause);
  bench.tick(600s, Verdict::Pass, 1000);
  EXPECT_EQ(bench.green(), 5) << "paused means paused";
  bench.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
  EXPECT_EQ(bench.green(), 0);
}

TEST(Canary, ResumeBeginsTheBakeAgain) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(59s, Verdict::Pass, 100);
  bench.person(Kind::Pause);
  bench.tick(600s, Verdict::Pass, 100);
  bench.person(Kind::Resume);
  bench.tick(59s, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 5);
  bench.tick(1s, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, PausingWhileTheSwitchToTheWholeIsUnderWayEndsInTheBake) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.person(Kind::PromoteFull);
  bench.person(Kind::Pause);
  bench.switches();
  bench.person(Kind::Resume);
  EXPECT_EQ(bench.rollout.phase, Phase::Baking);
}

TEST(Canary, PromoteTakesOneStepAndPromoteFullAllOfThem) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.person(Kind::Promote);
  EXPECT_EQ(bench.green(), 25);
  bench.switches();
  bench.person(Kind::PromoteFull);
  EXPECT_EQ(bench.green(), 100);
  EXPECT_TRUE(bench.person(Kind::Promote).refusal.has_value());
  bench.switches();
  EXPECT_EQ(bench.rollout.phase, Phase::Baking) << "still guarded until it has baked";
  bench.person(Kind::Promote);
  EXPECT_EQ(bench.rollout.phase, Phase::Succeeded);
}

TEST(Canary, AbortGivesBackTheWeightsOfBeforeAndLocksNobodyOut) {
  Bench bench;
  bench.rollout.before = bench.service.weights = {
      {"blue", Share::percent(98)}, {"green", Share::percent(2)}, {"red", Share{}}};
  bench.starts();
  bench.switches();
  bench.person(Kind::Abort, "lunch");
  EXPECT_EQ(bench.green(), 2);
  EXPECT_EQ(bench.rollout.phase, Phase::Aborted);
  EXPECT_TRUE(bench.service.locked_out.empty());
  EXPECT_EQ(bench.decisions.back().reason, "aborted by bob: lunch");
}

TEST(Canary, ARolloutNeverTakesTheVersionAwayFromWhoHasIt) {
  Bench bench;
  bench.rollout.before["green"] = Share::percent(20);
  bench.starts();
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, OutOfTimeItDoesWhatOnInconclusiveSays) {
  const auto at_max_step = [](Plan::OnInconclusive choice) {
    Bench bench(choice);
    bench.starts();
    bench.switches();
    bench.tick(600s, Verdict::Inconclusive, 10);
    return bench;
  };
  EXPECT_EQ(at_max_step(Plan::OnInconclusive::Hold).rollout.phase, Phase::Inconclusive);
  EXPECT_EQ(at_max_step(Plan::OnInconclusive::Extend).last_action(), "extended");
  EXPECT_EQ(at_max_step(Plan::OnInconclusive::Promote).green(), 25);
  EXPECT_EQ(at_max_step(Plan::OnInconclusive::Rollback).green(), 0);
}

TEST(Canary, AnInconclusiveRolloutGoesOnWhenEvidenceComes) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(600s, Verdict::Inconclusive, 10);
  bench.tick(1s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Progressing);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, ARestartBeginsTheStepAgainWithFreshEvidence) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(59s, Verdict::Pass, 100);
  auto stored = engine_state_from_json(to_json(bench.rollout));
  ASSERT_TRUE(stored.has_value());
  bench.rollout = *stored;
  const auto transition = bench.happens(event::Restarted{bench.now});
  EXPECT_TRUE(std::holds_alternative<effect::Arm>(transition.effects.at(0)));
  EXPECT_EQ(bench.decisions.back().cause, "restart");
  bench.tick(59s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 5);
  bench.tick(1s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, AFinishedRolloutRefusesEveryCommand) {
  Bench bench;
  bench.starts();
  bench.person(Kind::Abort);
  const auto weights = bench.service.weights;
  for (const Kind kind :
       {Kind::Pause, Kind::Resume, Kind::Promote, Kind::PromoteFull, Kind::Abort, Kind::Rollback}) {
    const auto transition = bench.person(kind);
    ASSERT_TRUE(transition.refusal.has_value());
    EXPECT_TRUE(transition.effects.empty());
  }
  EXPECT_EQ(bench.service.weights, weights);
}

TEST(Canary, TheStoredStateIsTheWholeState) {
  Bench bench;
  bench.starts();
  bench.person(Kind::Pause, "why");
  bench.rollout.started_ms = 1'700'000'000'123;
  const auto json = to_json(bench.rollout);
  const auto again = engine_state_from_json(json);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(to_json(*again), json);
}

// --- stable fails, the candidate does not
// ---------------------------------------------------------

TEST(Repair, WhatPassesWhileStableFailsIsItsRepairAndGoesUpToTheWhole) {
  Bench bench;
  bench.starts();
  for (const int weight : {25, 100}) {
    bench.switches();
    bench.tick_beside_broken_stable(1s, Verdict::Inconclusive, 1);
    bench.tick_beside_broken_stable(59s, Verdict::Pass, 76);
    EXPECT_EQ(bench.green(), weight);
    EXPECT_EQ(bench.decisions.back().cause, "repair");
  }
  EXPECT_NE(bench.rollout.reason.find("green is its repair"), std::string::npos)
      << bench.rollout.reason;
  bench.switches();
  bench.tick_beside_broken_stable(60s, Verdict::Pass, 1);
  EXPECT_EQ(bench.rollout.phase, Phase::Succeeded);
}

// In an outage that both share, stable's many requests show it before the candidate's few do.
TEST(Repair, WhatPassedOnlyBeforeStableFailedIsNone) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(30s, Verdict::Pass, 1000);
  bench.tick_beside_broken_stable(30s, Verdict::Pass, 1);
  bench.tick_beside_broken_stable(1s, Verdict::Pass, 75);
  EXPECT_EQ(bench.green(), 5);
  EXPECT_EQ(bench.decisions.back().cause, "baseline_failing");
  bench.tick_beside_broken_stable(1s, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 25) << "76 good requests beside a stable that fails";
}

TEST(Repair, WhatPassedInAnEarlierFailureOfStableIsNone) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick_beside_broken_stable(1s, Verdict::Inconclusive, 1);
  bench.tick_beside_broken_stable(1s, Verdict::Pass, 200);
  bench.tick(1s, Verdict::Pass, 10);
  bench.tick_beside_broken_stable(57s, Verdict::Pass, 10);
  EXPECT_EQ(bench.green(), 5);
}

TEST(Repair, WhatHasNotPassedWaitsAndIsOutOfTimeAtLast) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick_beside_broken_stable(60s, Verdict::Inconclusive, 10);
  EXPECT_EQ(bench.last_action(), "held");
  bench.tick_beside_broken_stable(540s, Verdict::Inconclusive, 10);
  EXPECT_EQ(bench.rollout.phase, Phase::Inconclusive);
}

Bench preview_beside_broken_stable(Plan::OnInconclusive choice) {
  Bench bench(choice);
  bench.rollout.plan.stages.front().weight = Share{};
  bench.starts();
  bench.switches();
  bench.tick_beside_broken_stable(60s, Verdict::NoTraffic, 0);
  return bench;
}

TEST(Hold, OfAPreviewForStablesSakeEndsAtMaxStepAndIsSaidOnce) {
  Bench bench = preview_beside_broken_stable(Plan::OnInconclusive::Hold);
  EXPECT_EQ(bench.decisions.back().cause, "baseline_failing");
  bench.tick_beside_broken_stable(540s, Verdict::NoTraffic, 0);
  EXPECT_EQ(bench.rollout.phase, Phase::Inconclusive);
  const std::size_t said = bench.decisions.size();
  for (int second = 0; second < 100; ++second)
    bench.tick_beside_broken_stable(1s, Verdict::NoTraffic, 0);
  EXPECT_EQ(bench.decisions.size(), said);
  bench.tick(1s, Verdict::NoTraffic, 0);
  EXPECT_EQ(bench.green(), 25) << "stable is well again";
}

TEST(Hold, OfAPreviewForStablesSakeDoesWhatOnInconclusiveSays) {
  const auto at_max_step = [](Plan::OnInconclusive choice) {
    Bench bench = preview_beside_broken_stable(choice);
    bench.tick_beside_broken_stable(540s, Verdict::NoTraffic, 0);
    return bench;
  };
  EXPECT_EQ(at_max_step(Plan::OnInconclusive::Extend).last_action(), "extended");
  EXPECT_EQ(at_max_step(Plan::OnInconclusive::Promote).green(), 25);
  EXPECT_EQ(at_max_step(Plan::OnInconclusive::Rollback).rollout.phase, Phase::RollingBack);
}

Bench waits_for_capacity(Plan::OnInconclusive choice, Nanoseconds time) {
  Bench bench(choice);
  bench.can_carry = Share::percent(10);
  bench.starts();
  bench.switches();
  bench.tick(60s, Verdict::Pass, 100);
  EXPECT_EQ(bench.decisions.back().cause, "capacity");
  bench.tick(time - 60s, Verdict::Pass, 100);
  return bench;
}

TEST(Hold, ForCapacityEndsAtMaxStepAndPromoteCannotStandInForEndpoints) {
  using Choice = Plan::OnInconclusive;
  EXPECT_EQ(waits_for_capacity(Choice::Hold, 599s).rollout.phase, Phase::Progressing);
  EXPECT_EQ(waits_for_capacity(Choice::Hold, 600s).rollout.phase, Phase::Inconclusive);
  EXPECT_EQ(waits_for_capacity(Choice::Extend, 600s).last_action(), "extended");
  EXPECT_EQ(waits_for_capacity(Choice::Rollback, 600s).rollout.phase, Phase::RollingBack);
  Bench bench = waits_for_capacity(Choice::Promote, 600s);
  EXPECT_EQ(bench.rollout.phase, Phase::Inconclusive);
  bench.tick(1s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Inconclusive);
  bench.can_carry = Share::percent(100);
  bench.tick(1s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Hold, ForADeploymentWindowWaitsUntilItOpens) {
  Bench bench(Plan::OnInconclusive::Rollback);
  bench.starts();
  bench.switches();
  bench.rollout.plan.windows = {config::Window{}};  // no day: never open
  bench.tick(60s, Verdict::Pass, 100);
  EXPECT_EQ(bench.decisions.back().cause, "window");
  bench.tick(6000s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Progressing);
  EXPECT_EQ(bench.green(), 5);
}

// --- both versions fail --------------------------------------------------------------------------

Transition both_fail(Bench& bench, Nanoseconds later, const config::Guards& limits = {},
                     bool dry_run = false) {
  bench.now += later;
  bench.requests += 10;
  guard::GuardReport found = report(guard::Verdict::CommonCause, 5, bench.requests);
  found.dry_run = dry_run;
  return bench.happens(event::Tick{bench.surroundings(), {found, limits}});
}

TEST(Blame, ACommonCauseRevertsWhileTheLastRiseIsWithinTheWindow) {
  Bench bench;
  bench.starts();
  bench.switches();
  both_fail(bench, 299s);
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_EQ(bench.rollout.cause, "common_cause");
  EXPECT_NE(bench.rollout.reason.find("within the last 5m"), std::string::npos)
      << bench.rollout.reason;
}

TEST(Blame, TheWindowIsTheServicesOwn) {
  config::Guards limits;
  limits.blame_window = 30s;
  Bench bench;
  bench.starts();
  bench.switches();
  both_fail(bench, 61s, limits);
  EXPECT_EQ(bench.rollout.phase, Phase::Progressing);
  EXPECT_EQ(bench.last_action(), "held");
  limits.blame_window = 0s;
  Bench never;
  never.starts();
  never.switches();
  both_fail(never, 0s, limits);
  EXPECT_EQ(never.rollout.phase, Phase::Progressing);
}

TEST(Blame, ADryRunSaysItOnceAndGoesOn) {
  Bench bench;
  bench.starts();
  bench.switches();
  const std::size_t before = bench.decisions.size();
  for (int i = 0; i < 70; ++i) both_fail(bench, 1s, {}, true);
  EXPECT_EQ(bench.rollout.phase, Phase::Progressing);
  EXPECT_EQ(bench.green(), 5);
  ASSERT_EQ(bench.decisions.size(), before + 1);
  EXPECT_EQ(bench.last_action(), "would_roll_back");
}

TEST(Unhealthy, TheRuleThatSpokeIsTheCause) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.happens(event::Unhealthy{"uses 500 MiB", "memory"});
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_EQ(bench.rollout.cause, "memory");
}

}  // namespace
}  // namespace cutwater::control
