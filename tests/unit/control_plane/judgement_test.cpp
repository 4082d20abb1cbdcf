// What the guards' findings come to: reverted, held, written down.
#include "proxy/guard/comparison.hpp"
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

class Judgement : public ControlPlaneTest {
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
  control_->guards.compare();
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

TEST_F(Judgement, NoStepGoesUpOnWhatWasShownBeforeStableFailed) {
  start_rollout();
  pass_time(58s);
  succeed("green", 200);
  fail("blue", 50);
  pass_time(3s);
  EXPECT_EQ(phase(id_), "progressing");
  EXPECT_EQ(told("cause"), "baseline_failing");
  pass_time(40s);
  EXPECT_NE(phase(id_), "progressing") << "it ends by itself";
}

TEST_F(Judgement, WhatPassesWhileStableFailsIsItsRepair) {
  start_rollout();
  for (int second = 0; second < 62; ++second) {
    fail("blue", 6);
    succeed("blue", 4);
    succeed("green", 2);
    pass_time(1s);
  }
  EXPECT_EQ(phase(id_), "baking") << "at 100%";
  EXPECT_EQ(told("cause"), "repair");
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
  const Reply all = ask(control_->history.decisions("shop", std::nullopt, 100));
  int said = 0;
  for (const auto& one : all.body.at("decisions").as_array())
    said += one.at("action") == "would_roll_back";
  EXPECT_EQ(said, 1);
}

TEST_F(Judgement, ADryRunStaysWhereTheRelativeGuardWouldHaveReverted) {
  start_rollout([](config::Service& shop) { shop.guards.dry_run = true; });
  pass_time(1s);
  for (int i = 0; i < 20; ++i) {
    dealt("blue", 900, false);
    dealt("green", 99, false);
    dealt("green", 1, true);  // 1 %: proven to be below the limit of 5 %
  }
  now_ += 1s;
  control_->guards.compare();
  run_until([&] { return told("action") == "would_roll_back"; });
  pass_time(61s);
  EXPECT_EQ(workers_.percent("green"), 10);
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
  ask(control_->reverts.unfit({"shop", "blue", "memory", "memory of blue: too much"}));
  EXPECT_EQ(phase(id_), "progressing");
  ask(control_->reverts.unfit({"shop", "green", "memory", "memory of green: too much"}));
  EXPECT_EQ(phase(id_), "rolled_back");
  EXPECT_EQ(told("cause"), "memory");
  EXPECT_EQ(told("reason"), "memory of green: too much");
}

TEST_F(Judgement, OnlyWhoIsUnderRolloutIsLookedAt) {
  start_rollout();
  EXPECT_TRUE(control_->guards.endpoints("shop", "blue").empty());
  EXPECT_EQ(control_->guards.endpoints("shop", "green").size(), 1u);
  EXPECT_TRUE(control_->guards.refusing_lately().empty());
  requests("green", 1, stats::Outcome::ConnectFailed);
  const auto refusing = control_->guards.refusing_lately();
  ASSERT_EQ(refusing.size(), 1u);
  EXPECT_EQ(refusing[0].second, "green");
}

// A shop whose checkout is judged apart: one request in a hundred goes there.
class RouteJudgement : public Judgement {
 protected:
  void start_routes(const std::function<void(config::Config&)>& change = [](auto&) {}) {
    config::Config config = shop_config();
    config.services[0].guards.per_route = true;
    config.routes = {{"*", "/", "shop"}, {"*", "/checkout", "shop"}, {"*", "/search", "shop"}};
    change(config);
    start(config);
    id_ = id(roll_out(R"({"to": "green", "steps": ["10%", "100%"], "bake": "60s"})"));
  }
  const Publisher::RouteGuard& route(const std::string& version, const std::string& name) {
    for (const auto& guard : publisher_->route_guards("shop", version))
      if (guard.route == name) return guard;
    throw std::runtime_error("no route " + name);
  }
  // Does what the exchange does: it names the version, and the route.
  void ask_route(const std::string& version, const std::string& name, int count, bool failed) {
    requests(version, count, failed ? stats::Outcome::Status5xx : stats::Outcome::Success);
    for (int i = 0; i < count; ++i) {
      stats::AttemptResult result;
      result.outcome = failed ? stats::Outcome::Status5xx : stats::Outcome::Success;
      result.status = failed ? 500 : 200;
      result.latency = 3ms;
      route(version, name).monitor->record(0, result, now_);
    }
  }
  double alarm_at(const guard::VersionMonitor& monitor) {
    return monitor.report(now_).tests.at(0).alarm_at;
  }
};

TEST_F(RouteJudgement, ABrokenRouteRevertsTheVersionThoughTheRestHidesIt) {
  start_routes();
  for (int i = 0; i < 8; ++i) {  // 0.8 % of all
    ask_route("green", "/", 125, false);
    ask_route("green", "/checkout", 1, true);
  }
  run_until([&] { return phase(id_) == "rolled_back"; });
  EXPECT_EQ(told("cause"), "guard");
  EXPECT_NE(told("reason").find("error rate of green on /checkout is above 5%: "),
            std::string::npos)
      << told("reason");
  const json::object evidence = decision().at("evidence").as_object();
  EXPECT_EQ(evidence.at("route"), "/checkout");
  EXPECT_EQ(evidence.at("routes").at(0).at("route"), "/checkout") << "the worst comes first";
}

TEST_F(RouteJudgement, TheVersionIsShutBeforeControlHearsOfIt) {
  start_routes();
  ask_route("green", "/checkout", 8, true);
  EXPECT_TRUE(publisher_->monitor("shop", "green")->tripped());
}

TEST_F(RouteJudgement, TheBudgetForFalseAlarmsIsDividedAmongTheRoutesAndTheWhole) {
  start_routes();
  EXPECT_DOUBLE_EQ(alarm_at(*publisher_->monitor("shop", "green")), 4 * 400);
  EXPECT_DOUBLE_EQ(alarm_at(*route("green", "/search").monitor), 4 * 400);
}

TEST_F(RouteJudgement, OnlyARouteWithGuardsIsJudgedApartWhereTheServiceDoesNotAskForIt) {
  start_routes([](config::Config& config) {
    config.services[0].guards.per_route = false;
    config.routes[1].guards = config::GuardLimits{};
    config.routes[1].guards->error_rate = Share::percent(60);
  });
  EXPECT_EQ(publisher_->route_guards("shop", "green").size(), 1u);
  ask_route("green", "/checkout", 40, false);
  ask_route("green", "/checkout", 20, true);  // a third: within its own limit
  EXPECT_FALSE(route("green", "/checkout").monitor->tripped());
}

TEST_F(RouteJudgement, WhatStableFailsAtTooIsNotHeldAgainstTheRoute) {
  start_routes(
      [](config::Config& config) { config.services[0].guards.error_rate = Share::percent(5); });
  ask_route("green", "/", 1000, false);
  ask_route("blue", "/", 1000, false);
  for (int i = 0; i < 10; ++i) {
    ask_route("blue", "/checkout", 9, true);
    ask_route("green", "/checkout", 1, true);
  }
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
}

TEST_F(RouteJudgement, ADryRunNamesTheRouteAndShutsNothing) {
  start_routes([](config::Config& config) { config.services[0].guards.dry_run = true; });
  for (int i = 0; i < 8; ++i) {
    ask_route("green", "/", 125, false);
    ask_route("green", "/checkout", 1, true);
  }
  run_until([&] { return told("action") == "would_roll_back"; });
  EXPECT_NE(told("reason").find("green on /checkout"), std::string::npos) << told("reason");
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
  EXPECT_EQ(phase(id_), "progressing");
}

TEST_F(RouteJudgement, ARetryBeginsWithFreshEvidence) {
  start_routes();
  ask_route("green", "/checkout", 8, true);
  run_until([&] { return phase(id_) == "rolled_back"; });
  EXPECT_EQ(act(id_, RolloutAction::Retry).status, 201);
  EXPECT_FALSE(route("green", "/checkout").monitor->tripped());
  EXPECT_EQ(route("green", "/checkout").monitor->report(now_).failed_attempts, 0u);
}

class AfterThePromotion : public Judgement {
 protected:
  void promote(const std::function<void(config::Service&)>& change = [](auto&) {}) {
    start_rollout(change);
    for (int step = 0; step < 2; ++step) {
      succeed("green", 200);
      pass_time(61s);
    }
    ASSERT_EQ(phase(id_), "succeeded");
  }
  std::string stable() {
    return std::string(control_->services_asked.service("shop").body.at("stable").as_string());
  }
};

TEST_F(AfterThePromotion, TheGuardWatchesOnAsLongAsTheOldVersionIsKept) {
  promote();
  pass_time(30min);
  fail("green", 8);
  run_until([&] { return stable() == "blue"; });
  EXPECT_EQ(workers_.percent("blue"), 100);
  run_until([&] { return told("action") == "rolled_back"; });
  EXPECT_EQ(told("cause"), "guard");
  EXPECT_TRUE(publisher_->monitor("shop", "green")->tripped()) << "locked out like any other";
  fail("blue", 50);
  pass_time(2s);
  EXPECT_EQ(stable(), "blue") << "there is nothing left to go back to";
}

TEST_F(AfterThePromotion, AndNoLonger) {
  promote();
  pass_time(61min);
  EXPECT_EQ(told("action"), "old_released");
  fail("green", 50);
  pass_time(2s);
  EXPECT_EQ(stable(), "green");
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
}

TEST_F(AfterThePromotion, WithoutAHealthyOldVersionItSaysSoAndStays) {
  promote();
  publisher_->endpoints("shop", "blue")[0]->set_healthy(false);
  fail("green", 8);
  run_until([&] { return told("action") == "held"; });
  EXPECT_NE(told("reason").find("blue has no healthy endpoint to go back to"), std::string::npos);
  EXPECT_EQ(stable(), "green");
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
}

TEST_F(AfterThePromotion, TheNextCandidateIsHeldAgainstItAndItIsNotJudged) {
  promote([](config::Service& shop) { shop.guards.blame_window = 0ms; });
  id_ = id(roll_out(R"({"to": "red", "steps": ["10%", "100%"]})"));
  EXPECT_TRUE(workers_.current->services[0]->compared.comparison);
  fail("green", 50);
  pass_time(2s);
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
  EXPECT_EQ(stable(), "green");
  for (int i = 0; i < 10; ++i) {
    fail("green", 9);
    fail("red", 1);
  }
  pass_time(1s);
  EXPECT_EQ(phase(id_), "progressing") << "both fail alike: it is the witness";
}

TEST_F(RouteJudgement, ARouteOfTheVersionThatWasWatchedIsOnlyAWitnessOfTheNext) {
  start_routes([](config::Config& config) { config.services[0].guards.blame_window = 0ms; });
  for (int step = 0; step < 2; ++step) {
    succeed("green", 200);
    pass_time(61s);
  }
  ASSERT_EQ(phase(id_), "succeeded");
  id_ = id(roll_out(R"({"to": "red", "steps": ["10%", "100%"]})"));
  ask_route("green", "/checkout", 20, true);
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped()) << "it is what red is held against";
}

TEST_F(RouteJudgement, AnAlarmIsTheStepsWhereTheStepHasLimits) {
  start_routes();
  act(id_, RolloutAction::Abort);
  id_ = id(roll_out(R"({"to": "green", "bake": "60s",
                        "steps": [{"weight": "10%", "guards": {"error_rate": "2%"}}, "100%"]})"));
  for (int i = 0; i < 8; ++i) {
    ask_route("green", "/", 125, false);
    ask_route("green", "/checkout", 1, true);
  }
  run_until([&] { return phase(id_) == "rolled_back"; });
  EXPECT_NE(told("reason").find("above 2%"), std::string::npos) << told("reason");
}

TEST_F(Judgement, LimitsOfItsOwnAtAStepDivideTheBudgetForFalseAlarms) {
  start(shop_config());
  id_ = id(roll_out(R"({"to": "green", "bake": "60s",
                        "steps": ["10%", {"weight": "50%", "guards": {"p95": "1s"}}, "100%"]})"));
  const auto report = publisher_->monitor("shop", "green")->report(now_);
  EXPECT_DOUBLE_EQ(report.tests.at(0).alarm_at, 3 * 400) << "armed three times, on 1 % in all";
}

TEST_F(Judgement, ARestartSpendsHalfOfTheShareBefore) {
  start_rollout();
  for (const double expected : {2 * 400.0, 4 * 400.0}) {
    start(shop_config());
    const auto report = publisher_->monitor("shop", "green")->report(now_);
    EXPECT_DOUBLE_EQ(report.tests.at(0).alarm_at, expected);
  }
}

}  // namespace
}  // namespace cutwater::control
