// What the guards' findings come to: reverted, held, written down.
#include "proxy/guard/comparison.hpp"
#include "tests/unit/controller/controller_fixture.hpp"

namespace cutwater::control {
namespace {

class Judgement : public ControllerTest {
 protected:
  void start_rollout(const std::function<void(config::Service&)>& change = [](auto&) {}) {
    config::Config config = shop_config();
    change(config.services[0]);
    start(config);
    pass_time(1s);
    id_ = id(roll_out(R"({"to": "green", "steps": ["10%", "100%"], "bake": "60s"})"));
  }
  // `count` requests dealt by chance, as the exchange tells them to the comparison and the monitor.
  void dealt(const std::string& version, int count, bool failed) {
    const auto& shop = *workers_.current->services.at(0);
    const auto& compared = shop.compared;
    ASSERT_TRUE(compared.comparison);
    const bool candidate = shop.versions.at(compared.candidate).name == version;
    for (int i = 0; i < count; ++i) {
      stats::AttemptResult result;
      result.outcome = failed ? stats::Outcome::Status5xx : stats::Outcome::Success;
      result.status = failed ? 500 : 200;
      result.latency = 3ms;
      const auto ticket = compared.comparison->enter(0, now_, {candidate, compared.weight});
      publisher_->monitor("shop", version)->record(0, result, now_);
      compared.comparison->leave(0, ticket, result, true);
    }
  }
  std::string told(const char* member) { return std::string(decision().at(member).as_string()); }

  std::string id_;
};

TEST_F(Judgement, ACandidateWorseThanStableIsRevertedBelowItsLimit) {
  start_rollout();
  EXPECT_DOUBLE_EQ(workers_.current->services[0]->compared.weight, 0.1);
  for (int i = 0; i < 10; ++i) {
    dealt("blue", 900, false);
    dealt("green", 99, false);
    dealt("green", 3, true);  // 3 %, the limit is 5 %
  }
  now_ += 1s;
  controller_->compare_guards();
  run_until([&] { return phase(id_) == "rolled_back"; });
  EXPECT_EQ(told("cause"), "guard");
  EXPECT_NE(told("reason").find("error rate of green is above that of blue: "), std::string::npos)
      << told("reason");
  EXPECT_NE(told("reason").find("of blue 0 of 9000 (0%)"), std::string::npos) << told("reason");
  const json::object evidence = decision().at("evidence").as_object();
  EXPECT_EQ(evidence.at("guard"), "relative_error_rate");
  EXPECT_EQ(evidence.at("baseline"), "blue");
}

TEST_F(Judgement, WithoutTheRelativeGuardNothingIsCompared) {
  start_rollout([](config::Service& shop) { shop.guards.relative = false; });
  EXPECT_FALSE(workers_.current->services[0]->compared.comparison);
}

TEST_F(Judgement, BothFailingRightAfterTheWeightRoseIsHeldAgainstTheCandidate) {
  start_rollout();
  for (int i = 0; i < 40; ++i) fail("blue", 9), fail("green", 1);
  pass_time(1s);
  EXPECT_EQ(phase(id_), "rolled_back");
  EXPECT_EQ(told("cause"), "common_cause");
}

TEST_F(Judgement, BothFailingLaterIsHeldAndEndsByItself) {
  start_rollout([](config::Service& shop) { shop.guards.blame_window = 10s; });
  pass_time(61s);
  for (int i = 0; i < 40; ++i) fail("blue", 9), fail("green", 1);
  pass_time(1s);
  EXPECT_EQ(phase(id_), "progressing");
  EXPECT_EQ(told("action"), "held");
  EXPECT_EQ(told("cause"), "common_cause");
  pass_time(31s);
  succeed("blue", 900);
  succeed("green", 100);
  pass_time(1s);
  EXPECT_EQ(phase(id_), "baking") << "at 100%";
}

TEST_F(Judgement, NoStepGoesUpWhileStableFails) {
  start_rollout();
  pass_time(58s);
  fail("blue", 50);
  succeed("green", 200);
  pass_time(3s);
  EXPECT_EQ(phase(id_), "progressing");
  EXPECT_EQ(told("cause"), "baseline_failing");
  pass_time(40s);
  EXPECT_NE(phase(id_), "progressing") << "it ends by itself";
}

TEST_F(Judgement, ADryRunSaysWhatItWouldHaveDoneOnce) {
  start_rollout([](config::Service& shop) { shop.guards.dry_run = true; });
  fail("green", 50);
  run_until([&] { return told("action") == "would_roll_back"; });
  EXPECT_EQ(told("cause"), "guard");
  pass_time(2s);
  fail("green", 50);
  pass_time(2s);
  EXPECT_EQ(phase(id_), "progressing");
  EXPECT_EQ(workers_.percent("green"), 10);
  const Reply all = ask(controller_->decisions("shop", std::nullopt, 100));
  int said = 0;
  for (const auto& one : all.body.at("decisions").as_array())
    said += one.at("action") == "would_roll_back";
  EXPECT_EQ(said, 1);
}

TEST_F(Judgement, ADryRunDoesNotBlameTheCandidateEither) {
  start_rollout([](config::Service& shop) { shop.guards.dry_run = true; });
  for (int i = 0; i < 40; ++i) fail("blue", 9), fail("green", 1);
  pass_time(3s);
  EXPECT_EQ(phase(id_), "progressing");
  EXPECT_EQ(workers_.percent("green"), 10);
  EXPECT_EQ(told("action"), "would_roll_back");
  EXPECT_EQ(told("cause"), "common_cause");
}

TEST_F(Judgement, OfSeveralCandidatesNoneIsCompared) {
  start();
  put(R"({"blue":80,"green":10,"red":10})");
  EXPECT_FALSE(workers_.current->services[0]->compared.comparison);
  put(R"({"blue":90,"green":10,"red":0})");
  EXPECT_TRUE(workers_.current->services[0]->compared.comparison);
  EXPECT_DOUBLE_EQ(workers_.current->services[0]->compared.weight, 0.1);
}

TEST_F(Judgement, OtherLimitsAtAStepBeginAnotherComparison) {
  start();
  pass_time(1s);
  id_ = id(roll_out(
      R"({"to":"green","bake":"5s","steps":[{"weight":5},{"weight":50,"guards":{"error_rate":1}},100]})"));
  const auto first = workers_.current->services[0]->compared.comparison;
  ASSERT_TRUE(first);
  succeed("green", 100);
  pass_time(6s);
  ASSERT_EQ(workers_.percent("green"), 50);
  const auto second = workers_.current->services[0]->compared.comparison;
  EXPECT_NE(first, second);
  EXPECT_EQ(second, publisher_->monitor("shop", "green")->comparison()) << "both sides use one";
}

TEST_F(Judgement, AtTheWholeTheVersionIsHeldAgainstWhatStableDidBefore) {
  start_rollout();
  succeed("blue", 20'000);
  pass_time(1s);
  act(id_, RolloutAction::PromoteFull);
  EXPECT_FALSE(workers_.current->services[0]->compared.comparison) << "nothing to compare with";
  for (int i = 0; i < 100; ++i) succeed("green", 32), fail("green", 1);  // 3 %
  run_until([&] { return phase(id_) == "rolled_back"; });
  EXPECT_NE(told("reason").find("is above 0.5%, twice what blue had before"), std::string::npos)
      << told("reason");
}

TEST_F(Judgement, TooMuchMemoryRevertsTheCandidateAndNobodyElse) {
  start_rollout();
  ask(controller_->unfit({"shop", "blue", "memory", "memory of blue: too much"}));
  EXPECT_EQ(phase(id_), "progressing");
  ask(controller_->unfit({"shop", "green", "memory", "memory of green: too much"}));
  EXPECT_EQ(phase(id_), "rolled_back");
  EXPECT_EQ(told("cause"), "memory");
  EXPECT_EQ(told("reason"), "memory of green: too much");
}

TEST_F(Judgement, OnlyWhoIsUnderRolloutIsLookedAt) {
  start_rollout();
  EXPECT_TRUE(controller_->guarded_endpoints("shop", "blue").empty());
  EXPECT_EQ(controller_->guarded_endpoints("shop", "green").size(), 1u);
  EXPECT_TRUE(controller_->refusing_lately().empty());
  requests("green", 1, stats::Outcome::ConnectFailed);
  const auto refusing = controller_->refusing_lately();
  ASSERT_EQ(refusing.size(), 1u);
  EXPECT_EQ(refusing[0].second, "green");
}

}  // namespace
}  // namespace cutwater::control
