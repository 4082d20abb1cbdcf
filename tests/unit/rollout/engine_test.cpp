// Tests what a person sees of a canary: when it advances, holds, reverts, and what each command
// does.
#include "tests/unit/rollout/rollout_fixture.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;
using Kind = event::Command::Kind;

TEST(Canary, A_healthy_version_climbs_every_step_and_becomes_stable) {
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

TEST(Canary, Time_alone_never_advances_a_step) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(599s, Verdict::Inconclusive, 1);
  EXPECT_EQ(bench.green(), 5);
  EXPECT_EQ(bench.last_action(), "held");
}

TEST(Canary, Evidence_alone_does_not_cut_the_bake_short) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(59s, Verdict::Pass, 1000);
  EXPECT_EQ(bench.green(), 5);
  bench.tick(1s, Verdict::Pass, 1);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, The_clock_of_a_step_starts_when_all_workers_have_switched) {
  Bench bench;
  bench.starts();
  bench.tick(300s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 5);
  bench.switches();
  bench.tick(59s, Verdict::Pass, 100);
  EXPECT_EQ(bench.green(), 5);
}

TEST(Canary, No_traffic_holds_is_said_once_and_ends_by_itself) {
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

TEST(Canary, A_pass_of_an_earlier_step_does_not_count_without_requests_at_this_one) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(60s, Verdict::Pass, 100);
  bench.switches(Verdict::Pass);
  bench.tick(60s, Verdict::Pass, 0);
  EXPECT_EQ(bench.green(), 25);
  EXPECT_EQ(bench.decisions.back().cause, "no_traffic");
}

TEST(Canary, A_failed_guard_reverts_at_once_and_locks_the_version_out) {
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

TEST(Canary, The_reason_is_a_sentence_for_3_am) {
  EXPECT_EQ(failure_sentence("green", {report(Verdict::Fail, 5, 0), {}}),
            "error rate of green is above 5%: 5 of 5 requests failed, e-value 1274 >= 400; decided "
            "12 ms after the first failure");
}

TEST(Canary, A_slow_version_is_called_slow) {
  auto slow = report(Verdict::Fail, 5, 7);
  slow.tests[0].name = "p95";
  slow.failed_test = "p95";
  EXPECT_EQ(failure_sentence("green", {slow, {}}),
            "p95 of green is above 2s: 5 of 12 requests were slower, e-value 1274 >= 400; decided "
            "12 ms after the first slow response");
}

TEST(Canary, A_paused_rollout_is_still_guarded) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.person(Kind::Pause);
  bench.tick(600s, Verdict::Pass, 1000);
  EXPECT_EQ(bench.green(), 5) << "paused means paused";
  bench.happens(event::Tripped{{report(Verdict::Fail, 5, 0), {}}});
  EXPECT_EQ(bench.green(), 0);
}

TEST(Canary, Resume_begins_the_bake_again) {
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

TEST(Canary, Pausing_while_the_switch_to_the_whole_is_under_way_ends_in_the_bake) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.person(Kind::PromoteFull);
  bench.person(Kind::Pause);
  bench.switches();
  bench.person(Kind::Resume);
  EXPECT_EQ(bench.rollout.phase, Phase::Baking);
}

TEST(Canary, Promote_takes_one_step_and_promote_full_all_of_them) {
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

TEST(Canary, Abort_gives_back_the_weights_of_before_and_locks_nobody_out) {
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

TEST(Canary, A_rollout_never_takes_the_version_away_from_who_has_it) {
  Bench bench;
  bench.rollout.before["green"] = Share::percent(20);
  bench.starts();
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, Out_of_time_it_does_what_on_inconclusive_says) {
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

TEST(Canary, An_inconclusive_rollout_goes_on_when_evidence_comes) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.tick(600s, Verdict::Inconclusive, 10);
  bench.tick(1s, Verdict::Pass, 100);
  EXPECT_EQ(bench.rollout.phase, Phase::Progressing);
  EXPECT_EQ(bench.green(), 25);
}

TEST(Canary, A_restart_begins_the_step_again_with_fresh_evidence) {
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

TEST(Canary, A_finished_rollout_refuses_every_command) {
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

TEST(Canary, The_stored_state_is_the_whole_state) {
  Bench bench;
  bench.starts();
  bench.person(Kind::Pause, "why");
  bench.rollout.started_ms = 1'700'000'000'123;
  const auto json = to_json(bench.rollout);
  const auto again = engine_state_from_json(json);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(to_json(*again), json);
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

TEST(Blame, A_common_cause_reverts_while_the_last_rise_is_within_the_window) {
  Bench bench;
  bench.starts();
  bench.switches();
  both_fail(bench, 299s);
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_EQ(bench.rollout.cause, "common_cause");
  EXPECT_NE(bench.rollout.reason.find("within the last 5m"), std::string::npos)
      << bench.rollout.reason;
}

TEST(Blame, The_window_is_the_services_own) {
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

TEST(Blame, A_dry_run_says_it_once_and_goes_on) {
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

TEST(Unhealthy, The_rule_that_spoke_is_the_cause) {
  Bench bench;
  bench.starts();
  bench.switches();
  bench.happens(event::Unhealthy{"uses 500 MiB", "memory"});
  EXPECT_EQ(bench.rollout.phase, Phase::RollingBack);
  EXPECT_EQ(bench.rollout.cause, "memory");
}

}  // namespace
}  // namespace cutwater::control
