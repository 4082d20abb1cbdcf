// Tests what stands between two steps: a person, a webhook, smoke checks, the hour, the endpoints.
#include "config/windows.hpp"
#include "tests/unit/rollout/rollout_fixture.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;
using Kind = event::Command::Kind;

// The step has had its time, its traffic and its proof.
void passes_a_step(Bench& bench) {
  bench.switches();
  bench.tick(60s, Verdict::Pass, 100);
}

TEST(Approval, TheStepWaitsForAPersonWithTheRole) {
  Bench bench;
  bench.rollout.plan.stages[1].approval = true;
  bench.starts();
  passes_a_step(bench);
  passes_a_step(bench);
  EXPECT_EQ(bench.rollout.phase, Phase::AwaitingApproval);
  EXPECT_EQ(bench.green(), 25);
  EXPECT_EQ(bench.person(Kind::Approve).refusal->type, "approval_needed");
  EXPECT_EQ(bench.person(Kind::Promote).refusal->type, "approval_needed") << "no way around it";
  EXPECT_EQ(bench.person(Kind::PromoteFull).refusal->type, "approval_needed");
  EXPECT_FALSE(bench.approver(Kind::Approve).refusal);
  EXPECT_EQ(bench.last_action(), "approved");
  bench.tick(1s, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 100);
}

TEST(Approval, WithFourEyesTheStarterCannotAgreeWithHimself) {
  Bench bench;
  bench.rollout.plan.stages[0].approval = true;
  bench.rollout.plan.four_eyes = true;
  bench.starts();
  passes_a_step(bench);
  EXPECT_EQ(bench.approver(Kind::Approve, "ana").refusal->type, "four_eyes");
  EXPECT_FALSE(bench.approver(Kind::Approve, "carl").refusal);
}

TEST(Approval, ANoEndsItAsItWasAndSaysNothingAboutTheVersion) {
  Bench bench;
  bench.rollout.plan.stages[0].approval = true;
  bench.starts();
  passes_a_step(bench);
  bench.approver(Kind::Reject);
  EXPECT_EQ(bench.rollout.phase, Phase::Aborted);
  EXPECT_EQ(bench.green(), 0);
  EXPECT_FALSE(bench.service.locked_out.contains("green"));
  EXPECT_EQ(bench.last_action(), "rejected");
}

TEST(Approval, NobodyWaitsForEver) {
  Bench bench;
  bench.rollout.plan.stages[0].approval = true;
  bench.starts();
  passes_a_step(bench);
  bench.tick(3599s, Verdict::Pass, 1);
  EXPECT_EQ(bench.rollout.phase, Phase::AwaitingApproval);
  bench.tick(1s, Verdict::Pass, 1);
  EXPECT_EQ(bench.rollout.phase, Phase::Aborted);
  EXPECT_EQ(bench.rollout.cause, "approval_expired");
}

TEST(Approval, WhoeverWaitsIsStillGuarded) {
  Bench bench;
  bench.rollout.plan.stages[0].approval = true;
  bench.starts();
  passes_a_step(bench);
  bench.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_EQ(bench.green(), 0);
}

TEST(Approval, SurvivesARestart) {
  Bench bench;
  bench.rollout.plan.stages[0].approval = true;
  bench.starts();
  passes_a_step(bench);
  bench.rollout = *engine_state_from_json(to_json(bench.rollout));
  bench.happens(event::Restarted{bench.now});
  EXPECT_EQ(bench.rollout.phase, Phase::AwaitingApproval);
  bench.approver(Kind::Approve);
  bench.tick(59s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 5) << "the step bakes again with fresh evidence";
  bench.tick(1s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 25) << "but nobody is asked twice";
}

TEST(Approval, TimeRunningOutIsNoApproval) {
  Bench bench(Plan::OnInconclusive::Promote);
  bench.rollout.plan.stages[0].approval = true;
  bench.starts();
  bench.switches();
  bench.tick(600s, Verdict::Inconclusive, 1);
  EXPECT_EQ(bench.green(), 5);
}

TEST(Holdback, TheLastStepBakesWithAControlGroupAndThenEverybodyFollows) {
  Bench bench;
  bench.rollout.plan.stages.back().weight = Share::percent(98);
  bench.starts();
  passes_a_step(bench);
  passes_a_step(bench);
  EXPECT_EQ(bench.green(), 98);
  EXPECT_EQ(bench.rollout.phase, Phase::Promoting);
  bench.switches();
  EXPECT_EQ(bench.rollout.phase, Phase::Baking);
  bench.tick(60s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Succeeded);
  EXPECT_EQ(bench.green(), 100);
}

Bench blue_green() {
  Bench bench;
  bench.rollout.plan.strategy = "blue_green";
  bench.rollout.plan.stages = {{Share{}, 0s, false, {}}, {Share::percent(100), 60s, false, {}}};
  bench.rollout.plan.gates.smoke = true;
  return bench;
}

TEST(BlueGreen, IsPreviewedAskedAndSwitchedAtOnce) {
  Bench bench = blue_green();
  bench.starts();
  EXPECT_EQ(bench.rollout.phase, Phase::Preview);
  EXPECT_EQ(bench.green(), 0);
  bench.switches();
  bench.tick(1s, Verdict::NoTraffic, 0);
  EXPECT_EQ(bench.waits_for(), "smoke");
  bench.done();
  bench.tick(1s, Verdict::NoTraffic, 0);
  EXPECT_EQ(bench.green(), 100);
  bench.switches();
  EXPECT_EQ(bench.rollout.phase, Phase::Baking);
  bench.tick(60s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Succeeded);
  EXPECT_EQ(bench.service.last_good, "blue");
}

TEST(BlueGreen, AFailedSmokeCheckMeansNobodyEverSeesIt) {
  Bench bench = blue_green();
  bench.starts();
  bench.switches();
  bench.tick(1s, Verdict::NoTraffic, 0);
  bench.done(false, "GET / on http://g: answered 500 instead of 200");
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_EQ(bench.decisions.back().cause, "smoke");
  EXPECT_NE(bench.decisions.back().reason.find("answered 500"), std::string::npos);
  EXPECT_TRUE(bench.service.locked_out.contains("green"));
}

TEST(BlueGreen, IsTakenBackWhileItIsWatched) {
  Bench bench = blue_green();
  bench.starts();
  bench.switches();
  bench.tick(1s, Verdict::NoTraffic, 0);
  bench.done();
  bench.tick(1s, Verdict::NoTraffic, 0);
  bench.switches();
  bench.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
  EXPECT_EQ(bench.green(), 0);
  EXPECT_EQ(bench.service.stable, "blue");
}

TEST(Webhook, NothingChangesBeforeItHasAgreed) {
  Bench bench;
  bench.rollout.plan.gates.before = true;
  bench.rollout.started_ms = bench.surroundings().wall_ms;
  bench.starts();
  EXPECT_EQ(bench.rollout.phase, Phase::Pending);
  EXPECT_EQ(bench.green(), 0);
  EXPECT_EQ(bench.waits_for(), "before_gate");
  bench.done();
  bench.tick(1s, Verdict::NoTraffic, 0);
  EXPECT_EQ(bench.green(), 5);
}

TEST(Webhook, ANoBeforeTheStartSaysNothingAboutTheVersion) {
  Bench bench;
  bench.rollout.plan.gates.before = true;
  bench.starts();
  bench.done(false, "a freeze");
  EXPECT_EQ(bench.rollout.phase, Phase::Aborted);
  EXPECT_FALSE(bench.service.locked_out.contains("green"));
}

TEST(Webhook, ANoAtAStepTurnsBack) {
  Bench bench;
  bench.rollout.plan.gates.step = true;
  bench.starts();
  passes_a_step(bench);
  EXPECT_EQ(bench.waits_for(), "step_gate");
  EXPECT_EQ(bench.green(), 5);
  bench.done(false, "checkout rate fell");
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
}

TEST(Webhook, OneThatNeverAnswersHoldsAndNeverBlocksARevert) {
  Bench bench(Plan::OnInconclusive::Promote);
  bench.rollout.plan.gates.step = true;
  bench.starts();
  passes_a_step(bench);
  bench.tick(600s, Verdict::Pass, 1);
  EXPECT_EQ(bench.rollout.phase, Phase::Inconclusive) << "silence is no consent";
  bench.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
  EXPECT_EQ(bench.green(), 0);
  EXPECT_FALSE(bench.rollout.task.has_value());
}

TEST(Webhook, AnAnswerToAQuestionOfAnEarlierStepIsNotListenedTo) {
  Bench bench;
  bench.rollout.plan.gates.step = true;
  bench.starts();
  passes_a_step(bench);
  const auto old_one = bench.rollout.task->id;
  bench.person(Kind::Promote);
  EXPECT_EQ(bench.green(), 25);
  bench.happens(event::Done{old_one, false, "late"});
  EXPECT_EQ(bench.rollout.phase, Phase::Progressing);
}

TEST(Webhook, TheRevertIsTold) {
  Bench bench;
  bench.rollout.plan.gates.rollback = true;
  bench.starts();
  bench.person(Kind::Rollback);
  EXPECT_EQ(bench.rollout.call_due, "rollback");
}

TEST(Window, OutsideNothingAdvancesButARevertDoes) {
  Bench bench;  // the time is Monday, 16:01
  bench.rollout.plan.windows = {*config::parse_window("Mon-Fri 08:00-16:00")};
  bench.starts();
  passes_a_step(bench);
  EXPECT_EQ(bench.green(), 5);
  EXPECT_EQ(bench.rollout.hold_cause, "window");
  EXPECT_NE(bench.rollout.reason.find("2025-11-25T08:00Z"), std::string::npos)
      << bench.rollout.reason;
  EXPECT_EQ(bench.person(Kind::Promote).refusal->type, "outside_window");
  Bench other = bench;
  other.tick(1s, Verdict::Fail, 0);
  EXPECT_EQ(other.green(), 0);
  bench.tick(16h, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 25) << "it goes on by itself when the window opens";
}

TEST(Capacity, AStepWaitsUntilTheEndpointsCanCarryIt) {
  Bench bench;
  bench.can_carry = Share::percent(20);
  bench.starts();
  passes_a_step(bench);
  EXPECT_EQ(bench.green(), 5);
  EXPECT_EQ(bench.rollout.hold_cause, "capacity");
  EXPECT_EQ(bench.person(Kind::Promote).refusal->type, "outside_capacity");
  bench.can_carry = Share::percent(50);
  bench.tick(1s, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 25);
  EXPECT_EQ(bench.person(Kind::PromoteFull).refusal->type, "outside_capacity");
  bench.happens(event::Command{Kind::PromoteFull, "bob", "", bench.surroundings(), false, true});
  EXPECT_EQ(bench.green(), 100);
}

TEST(Adaptive, ABusyServiceTakesSmallerStepsThanPlanned) {
  Bench bench;
  bench.rollout.plan.adaptive.emplace();  // 50 failed requests, 8 of them to be sure
  bench.requests_per_second = 3000;
  bench.latency_s = 0.09;  // 420 under way: a tenth of them is the budget's rest of 42
  bench.starts();
  passes_a_step(bench);
  EXPECT_EQ(bench.green(), 10);
  passes_a_step(bench);
  EXPECT_EQ(bench.green(), 11) << "at least `least`";
  bench.requests_per_second = 10;
  passes_a_step(bench);
  EXPECT_EQ(bench.green(), 25) << "never more than planned";
}

TEST(GuardLimits, OtherLimitsBeginWithFreshEvidence) {
  Bench bench;
  bench.rollout.plan.stages[1].guards.p95 = 500ms;
  bench.starts();
  bench.switches();
  const auto armed = [](const Transition& transition) {
    return std::any_of(
        transition.effects.begin(), transition.effects.end(),
        [](const Effect& effect) { return std::holds_alternative<effect::Arm>(effect); });
  };
  EXPECT_TRUE(armed(bench.tick(60s, Verdict::Pass, 100)));
  bench.switches();
  EXPECT_TRUE(armed(bench.tick(60s, Verdict::Pass, 100))) << "and back";
}

}  // namespace
}  // namespace cutwater::control
