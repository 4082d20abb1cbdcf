// A rollout from its first request to its end, with a real store and real guards.
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

TEST_F(ControlPlaneTest, AHealthyRolloutEndsWithANewStableVersion) {
  start();
  const Reply created = roll_out(R"({"to":"green","bake":"5s"})");
  ASSERT_EQ(created.status, 201) << to_text(created.body);
  EXPECT_EQ(created.location, "/v1/rollouts/" + id(created));
  EXPECT_EQ(created.body.at("phase").as_string(), "progressing");
  EXPECT_EQ(workers_.percent("green"), 5);
  EXPECT_EQ(workers_.current->services[0]->rollout, id(created));
  for (const int next : {50, 100}) {
    succeed("green", 100);
    pass_time(6s);
    EXPECT_EQ(workers_.percent("green"), next);
  }
  EXPECT_EQ(phase(id(created)), "baking");
  succeed("green", 1);
  pass_time(6s);
  EXPECT_EQ(phase(id(created)), "succeeded");
  EXPECT_EQ(control_->services_asked.service("shop").body.at("stable").as_string(), "green");
  EXPECT_EQ(workers_.current->services[0]->rollout, "");
  EXPECT_EQ(decision().at("action").as_string(), "promoted");
}

TEST_F(ControlPlaneTest, ABrokenCandidateIsRevertedByItsFailuresAlone) {
  start();
  const Reply created = roll_out(R"({"to":"green"})");
  fail("green", 5);
  run_until([&] { return phase(id(created)) == "rolled_back"; });
  EXPECT_EQ(workers_.percent("green"), 0);
  const Reply view = control_->rollouts.rollout(id(created));
  EXPECT_EQ(view.body.at("cause").as_string(), "guard");
  EXPECT_EQ(view.body.at("verdict").as_string(), "fail");
  EXPECT_EQ(view.body.at("weight").to_number<int>(), 0);
  EXPECT_NE(view.body.at("reason").as_string().find("5 of 5 requests failed"), std::string::npos);
  const Reply analysis = control_->rollouts.analysis(id(created));
  EXPECT_EQ(analysis.body.at("evidence").at("guard").as_string(), "error_rate");
  EXPECT_TRUE(analysis.body.at("evidence").as_object().contains("switched_ms"));

  EXPECT_EQ(roll_out(R"({"to":"green"})").status, 409);
  EXPECT_EQ(roll_out(R"({"to":"green","retry":true})").status, 201);
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
}

TEST_F(ControlPlaneTest, APausedRolloutIsStillReverted) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  EXPECT_EQ(act(rollout, RolloutAction::Pause).body.at("phase").as_string(), "paused");
  fail("green", 5);
  run_until([&] { return phase(rollout) == "rolled_back"; });
}

TEST_F(ControlPlaneTest, OnlyOneRolloutAtATimeAndNoWeightsBesideIt) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  const Reply second = roll_out(R"({"to":"red"})");
  EXPECT_EQ(second.status, 409);
  EXPECT_EQ(type(second), "rollout_active");
  const Reply weights = put(R"({"blue":100})");
  EXPECT_EQ(weights.status, 409);
  EXPECT_EQ(type(weights), "rollout_active");
  EXPECT_EQ(weights.body.at("rollout").as_string(), rollout);
}

TEST_F(ControlPlaneTest, WhatCannotBeRolledOutIsRefused) {
  start();
  EXPECT_EQ(roll_out(R"({"to":"blue"})").status, 409);
  EXPECT_EQ(roll_out(R"({"to":"nope"})").status, 422);
  EXPECT_EQ(roll_out(R"({"to":"green","strategy":"rolling"})").status, 422) << "one endpoint only";
  EXPECT_EQ(ask(control_->rollouts.start_rollout("nope", {}, ana_, false)).status, 404);
  put(R"({"blue":90,"red":10})");
  EXPECT_EQ(type(roll_out(R"({"to":"green"})")), "other_version_has_traffic");
}

TEST_F(ControlPlaneTest, ADryRunShowsThePlanAndStartsNothing) {
  start();
  const Reply plan = ask(control_->rollouts.start_rollout("shop", {{"to", "green"}}, ana_, true));
  EXPECT_EQ(plan.status, 200);
  EXPECT_EQ(to_text(plan.body.at("plan").at("steps")), "[5,50,100]");
  EXPECT_TRUE(control_->rollouts.rollouts("shop").body.at("rollouts").as_array().empty());
}

TEST_F(ControlPlaneTest, AbortGivesTheWeightsBackAndASecondOneIsAConflict) {
  start();
  put(R"({"blue":98,"green":2})");
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  EXPECT_EQ(act(rollout, RolloutAction::Abort).body.at("phase").as_string(), "aborted");
  EXPECT_EQ(workers_.percent("green"), 2);
  EXPECT_EQ(act(rollout, RolloutAction::Abort).status, 409);
  EXPECT_EQ(act("r-nope", RolloutAction::Abort).status, 404);
  fail("green", 5);
  run_until([&] { return workers_.percent("green") == 0; });
}

TEST_F(ControlPlaneTest, APersonRollsAnActiveRolloutBack) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  const Reply reply = ask(control_->weights.rollback("shop", {{"reason", "bad feeling"}}, ana_));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(phase(rollout), "rolled_back");
  EXPECT_EQ(control_->rollouts.rollout(rollout).body.at("cause").as_string(), "manual");
  EXPECT_EQ(decision().at("reason").as_string(), "rolled back by ana: bad feeling");
}

TEST_F(ControlPlaneTest, AfterARestartTheStepBeginsAgainUnderGuard) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green","bake":"5s"})"));
  succeed("green", 100);
  start();
  EXPECT_EQ(phase(rollout), "progressing");
  EXPECT_EQ(workers_.percent("green"), 5);
  EXPECT_EQ(decision().at("cause").as_string(), "restart");
  pass_time(10s);
  EXPECT_EQ(workers_.percent("green"), 5) << "the evidence of before does not count";
  fail("green", 5);
  run_until([&] { return phase(rollout) == "rolled_back"; });
}

TEST_F(ControlPlaneTest, AFullDiskStopsPromotionsButNeverARevert) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green","bake":"2s"})"));
  store_file_->limit_pages_for_test(1);
  ask(control_->flags.set_flag("shop", "beta", false, {std::string(100'000, 'a'), {}}));
  ASSERT_FALSE(control_->steering.state_writable());
  fail("green", 5);
  run_until([&] { return phase(rollout) == "rolled_back"; });
  EXPECT_EQ(workers_.percent("green"), 0);
}

TEST_F(ControlPlaneTest, WhoeverWaitsForARolloutHearsOfItsChange) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  const auto answer = ask_later(control_->rollouts.wait_rollout(rollout, 60s));
  context_->poll();
  EXPECT_FALSE(answer->has_value());
  act(rollout, RolloutAction::Pause);
  run_until([&] { return answer->has_value(); });
  EXPECT_EQ((*answer)->body.at("phase").as_string(), "paused");
  const Reply same = ask(control_->rollouts.wait_rollout(rollout, 1ms));
  EXPECT_EQ(same.body.at("phase").as_string(), "paused");
}

TEST_F(ControlPlaneTest, TheAnalysisTellsHowLongAPassWillTake) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  EXPECT_TRUE(control_->rollouts.analysis(rollout).body.at("eta_to_pass_s").is_null());
  succeed("green", 26);
  pass_time(5s);
  const Reply reply = control_->rollouts.analysis(rollout);
  EXPECT_EQ(reply.body.at("requests_needed_to_pass").to_number<int>(), 50);
  EXPECT_NEAR(reply.body.at("eta_to_pass_s").to_number<double>(), 50 / (26 / 5.0), 0.1);
}

TEST_F(ControlPlaneTest, ATrippedGuardGoesBeforeThePeopleWhoWait) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  workers_.hold = true;
  const auto first =
      ask_later(control_->rollouts.command(rollout, RolloutAction::Promote, {}, ana_));
  run_until([&] { return workers_.waiting(); });
  const auto second =
      ask_later(control_->rollouts.command(rollout, RolloutAction::Promote, {}, ana_));
  context_->poll();
  fail("green", 5);
  context_->poll();
  workers_.hold = false;
  workers_.acknowledge();
  run_until([&] { return second->has_value(); });
  EXPECT_EQ((*first)->status, 200);
  EXPECT_EQ((*second)->status, 409) << "there was nothing left to promote";
  EXPECT_EQ(phase(rollout), "rolled_back");
}

}  // namespace
}  // namespace cutwater::control
