// What is recorded of a rollout while it runs, and asking what other limits would have made of it.
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

class ReplayOfRollout : public ControlPlaneTest {
 protected:
  Reply replay(const std::string& rollout, const char* guards = "{}") {
    return ask(control_->rollouts.replay(rollout, json::parse(guards).as_object()));
  }
  Reply record(const std::string& rollout) { return ask(control_->rollouts.record(rollout)); }
  static std::string outcome(const Reply& reply) {
    EXPECT_EQ(reply.status, 200) << to_text(reply.body);
    return reply.status == 200 ? std::string(reply.body.at("outcome").as_string()) : "";
  }
  // A second with traffic on both sides.
  void second(int good, int bad = 0) {
    succeed("blue", 2 * good);
    succeed("green", good);
    fail("green", bad);
    pass_time(1s);
  }
  std::uint64_t recorded(const std::string& rollout, const char* side, const char* what) {
    std::uint64_t sum = 0;
    const Reply reply = record(rollout);
    for (const auto& tick : reply.body.at("ticks").as_array())
      sum += tick.at(side).at(what).to_number<std::uint64_t>();
    return sum;
  }
};

TEST_F(ReplayOfRollout, AFinishedOneIsJudgedByOtherLimits) {
  start();
  const std::string rollout = id(roll_out(R"({"to": "green", "bake": "5s"})"));
  for (int i = 0; i < 30; ++i) second(100, i % 2);  // 0.5 %
  ASSERT_EQ(phase(rollout), "succeeded");
  EXPECT_EQ(outcome(replay(rollout)), "passed");
  EXPECT_EQ(outcome(replay(rollout, R"({"p95": "1ms", "relative": false})")), "rolled_back");
  const Reply strict = replay(rollout, R"({"error_rate": "0.01%", "relative": false})");
  EXPECT_EQ(outcome(strict), "rolled_back");
  EXPECT_EQ(strict.body.at("guard").as_string(), "error_rate");
  EXPECT_EQ(phase(rollout), "succeeded") << "nothing has changed";
}

TEST_F(ReplayOfRollout, EveryRequestOfBothVersionsIsInTheRecordOnce) {
  start();
  succeed("blue", 1000);  // before it began
  const std::string rollout = id(roll_out(R"({"to": "green", "bake": "1h"})"));
  for (int i = 0; i < 7; ++i) second(20);
  pass_time(5s);
  act(rollout, RolloutAction::Promote);
  for (int i = 0; i < 7; ++i) second(20);
  EXPECT_EQ(recorded(rollout, "to", "requests"), 280u);
  EXPECT_EQ(recorded(rollout, "from", "requests"), 560u);
  const Reply all = record(rollout);
  const auto& ticks = all.body.at("ticks").as_array();
  EXPECT_EQ(ticks.size(), 14u) << "a second without requests has no row";
  EXPECT_EQ(ticks[0].at("weight"), 5);
  EXPECT_EQ(ticks.back().at("weight"), 50);
  EXPECT_EQ(ticks.back().at("step"), 2);
}

TEST_F(ReplayOfRollout, WhatRevertedItAtOnceIsRecorded) {
  start();
  const std::string rollout = id(roll_out(R"({"to": "green"})"));
  fail("green", 5);
  run_until([&] { return phase(rollout) == "rolled_back"; });
  EXPECT_EQ(recorded(rollout, "to", "errors"), 5u) << "although no second has passed";
  EXPECT_EQ(outcome(replay(rollout)), "rolled_back");
  EXPECT_EQ(outcome(replay(rollout, R"({"error_rate": "99%", "relative": false})")), "held");
  fail("green", 5);
  pass_time(20s);
  EXPECT_EQ(recorded(rollout, "to", "errors"), 5u) << "what comes after is not judged";
}

TEST_F(ReplayOfRollout, OneUnderWayIsReplayedUpToNow) {
  start();
  const std::string rollout = id(roll_out(R"({"to": "green"})"));
  EXPECT_EQ(type(replay(rollout)), "nothing_recorded");
  EXPECT_EQ(record(rollout).status, 409);
  second(100);
  EXPECT_EQ(outcome(replay(rollout)), "passed_so_far");
  EXPECT_EQ(replay(rollout).body.at("requests"), 100);
}

TEST_F(ReplayOfRollout, WithoutRequestsOfTheNewVersionThereIsNoDecision) {
  start();
  const std::string rollout = id(roll_out(R"({"to": "green"})"));
  succeed("blue", 10);
  pass_time(1s);
  EXPECT_EQ(outcome(replay(rollout)), "no_traffic");
}

TEST_F(ReplayOfRollout, TheRecordIsThereAfterARestartAndGoesOn) {
  start();
  const std::string rollout = id(roll_out(R"({"to": "green"})"));
  for (int i = 0; i < 12; ++i) second(10);
  start();
  const std::uint64_t before = recorded(rollout, "to", "requests");
  EXPECT_GE(before, 100u) << "written every ten seconds";
  second(10);
  EXPECT_EQ(recorded(rollout, "to", "requests"), before + 10);
  act(rollout, RolloutAction::Abort);
  start();
  EXPECT_EQ(recorded(rollout, "to", "requests"), before + 10) << "written when it ended";
}

TEST_F(ReplayOfRollout, AFullDiskLosesNothingThatFitsIntoMemory) {
  start();
  const std::string rollout = id(roll_out(R"({"to": "green"})"));
  store_file_->limit_pages_for_test(1);
  ask(control_->flags.set_flag("shop", "beta", false, {std::string(100'000, 'a'), {}}));
  ASSERT_FALSE(control_->steering.state_writable());
  for (int i = 0; i < 25; ++i) second(1000);
  EXPECT_EQ(recorded(rollout, "to", "requests"), 25'000u);
  store_file_->limit_pages_for_test(1'000'000);
  for (int i = 0; i < 25; ++i) second(10);
  start();
  EXPECT_GE(recorded(rollout, "to", "requests"), 25'000u);
}

TEST_F(ReplayOfRollout, WhatCannotBeAskedIsRefused) {
  start();
  EXPECT_EQ(replay("r-nope").status, 404);
  EXPECT_EQ(record("r-nope").status, 404);
  const std::string rollout = id(roll_out(R"({"to": "green"})"));
  second(10);
  const Reply refused = replay(rollout, R"({"p95": "soon"})");
  EXPECT_EQ(refused.status, 422);
  EXPECT_EQ(refused.body.at("member").as_string(), "p95");
}

}  // namespace
}  // namespace cutwater::control
