// Weights by hand: what is taken, what is refused, and that the answer is true when it is given.
#include <set>

#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

using Kind = Precondition::Kind;

TEST_F(ControlPlaneTest, WeightsAreAnsweredInPercentWithTheirGeneration) {
  start();
  const Reply before = control_->weights.weights("shop");
  EXPECT_EQ(to_text(before.body), R"({"generation":1,"weights":{"blue":100,"green":0,"red":0}})");
  const Reply reply = put(R"({"blue": 95, "green": 5})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(to_text(reply.body), R"({"generation":2,"weights":{"blue":95,"green":5,"red":0}})");
  EXPECT_EQ(reply.etag, 2u);
  EXPECT_EQ(workers_.percent("green"), 5);
}

TEST_F(ControlPlaneTest, TheAnswerWaitsUntilEveryWorkerHasSwitched) {
  start();
  workers_.hold = true;
  const auto answer = ask_later(control_->weights.put_weights("shop", {{"blue", 90}, {"green", 10}},
                                                              {Kind::Any, 0}, ana_, false));
  run_until([&] { return workers_.waiting(); });
  context_->poll();
  EXPECT_FALSE(answer->has_value());
  workers_.acknowledge();
  run_until([&] { return answer->has_value(); });
  EXPECT_EQ((*answer)->status, 200);
}

TEST_F(ControlPlaneTest, WeightsSurviveARestart) {
  start();
  put(R"({"blue": 99.99, "green": 0.01})");
  start();
  EXPECT_EQ(to_text(control_->weights.weights("shop").body.at("weights")),
            R"({"blue":99.99,"green":0.01,"red":0})");
}

TEST_F(ControlPlaneTest, WrongWeightsAreRefusedWithWhatWasMeant) {
  start();
  const auto refused = [&](const char* body) {
    const Reply reply = put(body);
    EXPECT_EQ(reply.status, 422) << body;
    return std::string(reply.body.at("detail").as_string());
  };
  EXPECT_NE(refused(R"({"blue": 95})").find("sum to 95"), std::string::npos);
  EXPECT_NE(refused(R"({"blue": 95, "grean": 5})").find("`grean`"), std::string::npos);
  EXPECT_NE(refused(R"({"blue": 101})").find("`blue`: 101"), std::string::npos);
  EXPECT_NE(refused(R"({"blue": -1, "green": 101})").find("-1"), std::string::npos);
  EXPECT_NE(refused(R"({"blue": "95%", "green": 5})").find("95%"), std::string::npos);
  EXPECT_NE(refused(R"({"blue": 99.99999, "green": 0.00001})").find("4 decimals"),
            std::string::npos);
  EXPECT_NE(refused("{}").find("sum to 0"), std::string::npos);
  EXPECT_EQ(workers_.published, 0);
}

TEST_F(ControlPlaneTest, IfMatchIsRequiredAndMustBeCurrent) {
  start();
  EXPECT_EQ(put(R"({"blue":100})", {Kind::Absent, 0}).status, 428);
  EXPECT_EQ(put(R"({"blue":100})", {Kind::Unusable, 0}).status, 412);
  const Reply stale = put(R"({"blue":90,"green":10})", {Kind::Generation, 99});
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(stale.body.at("current_generation").to_number<int>(), 1);
  EXPECT_EQ(put(R"({"blue":90,"green":10})", {Kind::Generation, 1}).status, 200);
  EXPECT_EQ(put(R"({"blue":80,"green":20})", {Kind::Any, 0}).status, 200);
}

TEST_F(ControlPlaneTest, OfFiftyWritersWithTheSameGenerationOneWins) {
  start();
  std::vector<std::shared_ptr<std::optional<Reply>>> answers;
  for (int i = 0; i < 50; ++i)
    answers.push_back(ask_later(control_->weights.put_weights(
        "shop", {{"blue", 100 - i}, {"green", i}}, {Kind::Generation, 1}, ana_, false)));
  run_until([&] { return answers.back()->has_value(); });
  int won = 0;
  for (const auto& answer : answers) won += (*answer)->status == 200;
  EXPECT_EQ(won, 1);
}

TEST_F(ControlPlaneTest, FiftyWritersWhoDoNotCareGiveFiftyGenerationsInALine) {
  start();
  std::vector<std::shared_ptr<std::optional<Reply>>> answers;
  for (int i = 0; i < 50; ++i)
    answers.push_back(ask_later(control_->weights.put_weights(
        "shop", {{"blue", 100 - i}, {"green", i}}, {Kind::Any, 0}, ana_, false)));
  run_until([&] { return answers.back()->has_value(); });
  std::set<std::uint64_t> generations;
  for (const auto& answer : answers) generations.insert((*answer)->etag.value());
  EXPECT_EQ(generations.size(), 50u);
  EXPECT_EQ(*generations.rbegin(), 51u);
  EXPECT_EQ(workers_.percent("green"), 49) << "first come, first served";
}

TEST_F(ControlPlaneTest, ADryRunChangesNothing) {
  start();
  const Reply reply = ask(control_->weights.put_weights("shop", {{"blue", 90}, {"green", 10}},
                                                        {Kind::Any, 0}, ana_, true));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(workers_.published, 0);
  EXPECT_EQ(control_->weights.weights("shop").etag, 1u);
}

TEST_F(ControlPlaneTest, AFullDiskIsSaidAndProxyingGoesOn) {
  start();
  store_file_->limit_pages_for_test(1);
  const Reply reply =
      ask(control_->weights.put_weights("shop", {{"blue", 90}, {"green", 10}}, {Kind::Any, 0},
                                        {std::string(100'000, 'a'), {}}, false));
  EXPECT_EQ(reply.status, 507);
  EXPECT_EQ(type(reply), "storage_full");
  EXPECT_FALSE(control_->steering.state_writable());
  EXPECT_EQ(workers_.published, 0);
  EXPECT_EQ(to_text(control_->weights.weights("shop").body.at("weights")),
            R"({"blue":100,"green":0,"red":0})");
  store_file_->limit_pages_for_test(1 << 30);
  EXPECT_EQ(put(R"({"blue":90,"green":10})").status, 200);
  EXPECT_TRUE(control_->steering.state_writable());
}

TEST_F(ControlPlaneTest, AVersionWithWeightIsGuardedWithoutARollout) {
  start();
  put(R"({"blue": 95, "green": 5})");
  fail("green", 5);
  run_until([&] { return workers_.percent("green") == 0; });
  run_until([&] { return decision().at("action").as_string() == "rolled_back"; });
  const json::object said = decision();
  EXPECT_EQ(said.at("cause").as_string(), "guard");
  EXPECT_EQ(said.at("actor").as_string(), "cutwater");
  EXPECT_NE(said.at("reason").as_string().find("error rate of green is above 5%: 5 of 5"),
            std::string::npos);
  EXPECT_TRUE(said.at("evidence").as_object().contains("switched_ms"));
  EXPECT_EQ(to_text(said.at("before").at("weights")), R"({"blue":95,"green":5,"red":0})");
  EXPECT_EQ(to_text(said.at("after").at("weights")), R"({"blue":100,"green":0,"red":0})");

  const Reply again = put(R"({"blue": 95, "green": 5})");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(type(again), "locked_out");
  EXPECT_EQ(
      ask(control_->versions.act_on_version("shop", "green", VersionAction::Unlock, ana_)).status,
      200);
  EXPECT_EQ(put(R"({"blue": 95, "green": 5})").status, 200);
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
}

TEST_F(ControlPlaneTest, ADrainedVersionGetsNothingUntilItIsUnlocked) {
  start();
  put(R"({"blue": 70, "green": 20, "red": 10})");
  workers_.active = 3;
  const auto steer = [&](const std::string& version, VersionAction action) {
    return ask(control_->versions.act_on_version("shop", version, action, ana_));
  };
  const Reply drained = steer("green", VersionAction::Drain);
  EXPECT_EQ(drained.status, 200);
  EXPECT_EQ(drained.body.at("active"), 3);
  EXPECT_EQ(drained.body.at("drained"), false) << "three requests are under way";
  EXPECT_EQ(workers_.percent("blue"), 90);
  EXPECT_EQ(workers_.percent("red"), 10);
  EXPECT_TRUE(publisher_->monitor("shop", "green")->tripped()) << "a flag must not reach it";
  EXPECT_EQ(decision().at("action"), "drained");
  workers_.active = 0;
  EXPECT_EQ(steer("green", VersionAction::Show).body.at("drained"), true);
  EXPECT_EQ(steer("green", VersionAction::Drain).status, 200) << "twice is no mistake";
  EXPECT_EQ(type(put(R"({"blue": 95, "green": 5})")), "locked_out");
  EXPECT_EQ(steer("green", VersionAction::Unlock).status, 200);
  EXPECT_EQ(put(R"({"blue": 95, "green": 5})").status, 200);
}

TEST_F(ControlPlaneTest, WhoAnswersForOthersCannotBeDrained) {
  start();
  const auto drain = [&](const std::string& version) {
    return ask(control_->versions.act_on_version("shop", version, VersionAction::Drain, ana_));
  };
  EXPECT_EQ(type(drain("blue")), "version_stable");
  roll_out(R"({"to": "green"})");
  EXPECT_EQ(type(drain("green")), "rollout_active");
  EXPECT_EQ(drain("nope").status, 404);
  EXPECT_EQ(drain("red").status, 200);
}

TEST_F(ControlPlaneTest, ALockOutSurvivesARestart) {
  start();
  put(R"({"blue": 95, "green": 5})");
  fail("green", 5);
  run_until([&] { return decision().at("action").as_string() == "rolled_back"; });
  start();
  EXPECT_TRUE(publisher_->monitor("shop", "green")->tripped()) << "a flag must not reach it";
  EXPECT_EQ(put(R"({"blue": 95, "green": 5})").status, 409);
}

TEST_F(ControlPlaneTest, ARevertDoesNotWaitForTheDiskAndIsWrittenLater) {
  start();
  put(R"({"blue": 95, "green": 5})");
  store_file_->limit_pages_for_test(1);
  ask(control_->flags.set_flag("shop", "beta", false, {std::string(100'000, 'a'), {}}));
  ASSERT_FALSE(control_->steering.state_writable()) << "the disk should be full now";
  fail("green", 5);
  run_until([&] { return workers_.percent("green") == 0; });
  store_file_->limit_pages_for_test(1 << 30);
  pass_time(2s);
  EXPECT_EQ(decision().at("action").as_string(), "rolled_back");
  start();
  EXPECT_EQ(workers_.percent("green"), 0);
}

TEST_F(ControlPlaneTest, AVersionGivenEverythingBecomesStableOnceProven) {
  start();
  put(R"({"green": 100})");
  pass_time(2s);
  EXPECT_EQ(control_->services_asked.service("shop").body.at("stable").as_string(), "blue");
  succeed("green", 100);
  pass_time(1s);
  EXPECT_EQ(control_->services_asked.service("shop").body.at("stable").as_string(), "green");
  EXPECT_EQ(decision().at("action").as_string(), "promoted");

  // And back again by hand.
  const Reply back = ask(control_->weights.rollback("shop", {}, ana_));
  EXPECT_EQ(back.status, 200);
  EXPECT_EQ(back.body.at("stable").as_string(), "blue");
  EXPECT_EQ(workers_.percent("blue"), 100);
}

TEST_F(ControlPlaneTest, ARollbackWithNothingToGoBackToIsAConflict) {
  start();
  const Reply reply = ask(control_->weights.rollback("shop", {}, ana_));
  EXPECT_EQ(reply.status, 409);
  EXPECT_EQ(type(reply), "nothing_to_roll_back");
  put(R"({"blue": 95, "green": 5})");
  EXPECT_EQ(ask(control_->weights.rollback("shop", {}, ana_)).status, 200);
  EXPECT_EQ(workers_.percent("blue"), 100);
}

TEST_F(ControlPlaneTest, AKilledFlagIsOffForTheWorkersAndAfterARestart) {
  start();
  EXPECT_TRUE(workers_.current->services[0]->flags[0].enabled);
  const Reply reply = ask(control_->flags.set_flag("shop", "beta", false, ana_));
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(reply.body.at("enabled").as_bool());
  EXPECT_FALSE(workers_.current->services[0]->flags[0].enabled);
  start();
  EXPECT_FALSE(workers_.current->services[0]->flags[0].enabled);
  EXPECT_EQ(ask(control_->flags.set_flag("shop", "nope", false, ana_)).status, 404);
}

TEST_F(ControlPlaneTest, ACandidateWithoutAHealthyEndpointLosesItsTraffic) {
  start();
  put(R"({"blue": 95, "green": 5})");
  publisher_->endpoints("shop", "green")[0]->set_healthy(false);
  ask(control_->reverts.health_changed({"shop", "green", "http://127.0.0.1:9002"}, false,
                                       "3 failures in a row"));
  EXPECT_EQ(workers_.percent("green"), 0);
  EXPECT_EQ(decision().at("cause").as_string(), "health");
  EXPECT_EQ(decision().at("reason").as_string(),
            "green has no healthy endpoint left: 3 failures in a row");
}

TEST_F(ControlPlaneTest, AnIdempotencyKeyGivesTheSameAnswerAlsoAfterARestart) {
  start();
  using Answer = IdempotentAnswer::Kind;
  EXPECT_EQ(ask(control_->idempotency.look_up("k", "f")).kind, Answer::Miss);
  EXPECT_EQ(ask(control_->idempotency.look_up("k", "f")).kind, Answer::InFlight);
  EXPECT_EQ(ask(control_->idempotency.look_up("k", "other")).kind, Answer::Mismatch);
  Reply created;
  created.status = 201;
  created.body = json::object{{"id", "r-1"}};
  created.location = "/v1/rollouts/r-1";
  ask(control_->idempotency.keep("k", "f", created));
  start();
  const auto again = ask(control_->idempotency.look_up("k", "f"));
  EXPECT_EQ(again.kind, Answer::Replay);
  EXPECT_EQ(again.reply.status, 201);
  EXPECT_EQ(again.reply.location, "/v1/rollouts/r-1");
  EXPECT_EQ(ask(control_->idempotency.look_up("k", "other")).kind, Answer::Mismatch);
  wall_ms_ += 25 * 3600 * 1000;
  EXPECT_EQ(ask(control_->idempotency.look_up("k", "f")).kind, Answer::Miss) << "kept 24 h";
}

TEST_F(ControlPlaneTest, AFailedOperationMayBeTriedAgainWithItsKey) {
  start();
  ask(control_->idempotency.look_up("k", "f"));
  ask(control_->idempotency.keep("k", "f", problem(507, "storage_full", "full")));
  EXPECT_EQ(ask(control_->idempotency.look_up("k", "f")).kind, IdempotentAnswer::Kind::Miss);
}

TEST_F(ControlPlaneTest, ExplainSaysWhichRuleChoseAndWhy) {
  start();
  put(R"({"blue": 95, "green": 5})");
  const Reply flag = control_->services_asked.explain("shop", {{"cookies", {{"beta", "on"}}}});
  EXPECT_EQ(flag.body.at("version").as_string(), "green");
  EXPECT_EQ(flag.body.at("flag").as_string(), "beta");
  const Reply visitor =
      control_->services_asked.explain("shop", {{"path", "/x?y=1"}, {"host", "shop.test"}});
  EXPECT_EQ(visitor.status, 200) << to_text(visitor.body);
  EXPECT_TRUE(visitor.body.at("sets_cookie").as_bool());
  EXPECT_EQ(control_->services_asked.explain("shop", {{"pth", "/"}}).status, 422);
  EXPECT_EQ(control_->services_asked.explain("nope", {}).status, 404);
}

TEST_F(ControlPlaneTest, EventsCanBeFollowedFromWhereOneStopped) {
  start();
  std::vector<Event> seen;
  {
    const auto guard = control_->proxy.subscribe(0, [&](const Event& e) { seen.push_back(e); });
    put(R"({"blue": 95, "green": 5})");
  }
  const std::size_t heard = seen.size();
  ASSERT_GE(heard, 2u);
  put(R"({"blue": 90, "green": 10})");
  EXPECT_EQ(seen.size(), heard) << "the subscription has ended";
  std::vector<Event> rest;
  const auto guard =
      control_->proxy.subscribe(seen.back().id, [&](const Event& e) { rest.push_back(e); });
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest.front().id, seen.back().id + 1);
}

TEST_F(ControlPlaneTest, AServiceShowsWhatItShouldDoAndWhatItDoes) {
  start();
  put(R"({"blue": 95, "green": 5})");
  succeed("blue", 90);
  succeed("green", 10);
  pass_time(1s);
  const Reply reply = control_->services_asked.service("shop");
  EXPECT_EQ(reply.etag, 2u);
  EXPECT_EQ(to_text(reply.body.at("weights_actual")), R"({"blue":90,"green":10,"red":0})");
  const auto& green = reply.body.at("versions").at(1);
  EXPECT_EQ(green.at("windows").at("10s").at("requests").to_number<int>(), 10);
  EXPECT_NEAR(green.at("windows").at("10s").at("p95_ms").to_number<double>(), 3.0, 0.05);
  EXPECT_EQ(green.at("verdict").as_string(), "inconclusive");
  EXPECT_EQ(reply.body.at("versions").at(0).at("verdict").as_string(), "pass")
      << "stable is watched while something is held against it";
}

}  // namespace
}  // namespace cutwater::control
