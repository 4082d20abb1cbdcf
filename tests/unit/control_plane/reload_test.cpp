// A new configuration is taken over as a whole or not at all; what stays, stays the same object.
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

class ReloadTest : public ControlPlaneTest {
 protected:
  Reply reload(config::Config config) {
    next_config_ = {std::move(config), {}};
    return ask(control_->configuration.reload(ana_));
  }
};

TEST_F(ReloadTest, ANewVersionArrivesWithNoTraffic) {
  start();
  auto config = shop_config();
  config.services[0].versions.push_back({"pink", {{"http://127.0.0.1:9009", {"127.0.0.1", 9009}}}});
  const Reply reply = reload(config);
  EXPECT_EQ(reply.status, 200) << to_text(reply.body);
  EXPECT_EQ(workers_.percent("pink"), 0);
  EXPECT_EQ(put(R"({"blue":95,"pink":5})").status, 200);
}

TEST_F(ReloadTest, EndpointsAndMonitorsThatStayAreTheSameObjects) {
  start();
  const auto before = *workers_.current->services[0];
  auto config = shop_config();
  config.services[0].versions[1].endpoints.push_back(
      {"http://127.0.0.1:9099", {"127.0.0.1", 9099}});
  reload(config);
  const auto& after = *workers_.current->services[0];
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.versions[1].monitor, before.versions[1].monitor);
  EXPECT_EQ(after.versions[1].endpoints[0], before.versions[1].endpoints[0]);
  EXPECT_GT(after.versions[1].endpoints[1]->id(), before.versions[2].endpoints[0]->id());
}

TEST_F(ReloadTest, TheWeightsOfTheFileDoNotTouchTheStoredOnes) {
  start();
  put(R"({"blue":95,"green":5})");
  auto config = shop_config();
  config.services[0].weights = {{"blue", Share{}}, {"green", Share::percent(100)}};
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_EQ(workers_.percent("green"), 5);
}

TEST_F(ReloadTest, AVersionWithTrafficCannotBeRemoved) {
  start();
  put(R"({"blue":95,"green":5})");
  auto config = shop_config();
  config.services[0].flags.clear();
  config.services[0].versions.erase(config.services[0].versions.begin() + 1);
  const int published = workers_.published;
  const Reply reply = reload(config);
  EXPECT_EQ(reply.status, 422);
  EXPECT_NE(reply.body.at("detail").as_string().find("`green` still has 5%"), std::string::npos);
  EXPECT_EQ(workers_.published, published);
  EXPECT_FALSE(control_->configuration.last_reload_ok());
  put(R"({"blue":100})");
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_TRUE(control_->configuration.last_reload_ok());
}

TEST_F(ReloadTest, AVersionUnderRolloutCannotBeRemoved) {
  start();
  roll_out(R"({"to":"green"})");
  auto config = shop_config();
  config.services[0].versions.erase(config.services[0].versions.begin() + 1);
  EXPECT_EQ(reload(config).status, 422);
}

TEST_F(ReloadTest, AVersionThatArrivesDuringARolloutCanBeSteeredAfterIt) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  auto config = shop_config();
  config.services[0].versions.push_back({"pink", {{"http://127.0.0.1:9009", {"127.0.0.1", 9009}}}});
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_EQ(workers_.percent("green"), 5) << "the rollout goes on";
  act(rollout, RolloutAction::Promote);
  act(rollout, RolloutAction::Abort);
  EXPECT_EQ(put(R"({"blue":95,"pink":5})").status, 200);
}

TEST_F(ReloadTest, ARevertedVersionThatRunsElsewhereNowIsAnotherVersion) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  fail("green", 8);
  run_until([&] { return phase(rollout) == "rolled_back"; });
  auto config = shop_config();
  auto& green = config.services[0].versions[1].endpoints;
  green.push_back({"http://127.0.0.1:9012", {"127.0.0.1", 9012}});
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_EQ(put(R"({"blue":95,"green":5})").status, 409) << "one endpoint more is the same version";
  green.erase(green.begin());
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
  EXPECT_EQ(put(R"({"blue":95,"green":5})").status, 200);
  const Reply said = ask(control_->history.decisions("shop", std::nullopt, 2));
  EXPECT_EQ(said.body.at("decisions").at(0).at("action"), "unlocked");
  EXPECT_EQ(said.body.at("decisions").at(0).at("cause"), "new_version");
}

TEST_F(ReloadTest, SoIsOneWhoseFileChangedWhileTheProcessWasDown) {
  start();
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  fail("green", 8);
  run_until([&] { return phase(rollout) == "rolled_back"; });
  start();
  EXPECT_EQ(put(R"({"blue":95,"green":5})").status, 409) << "it runs where it ran";
  auto config = shop_config();
  config.services[0].versions[1].endpoints.front() = {"http://127.0.0.1:9013", {"127.0.0.1", 9013}};
  start(config);
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped());
  EXPECT_EQ(put(R"({"blue":95,"green":5})").status, 200);
  const Reply said = ask(control_->history.decisions("shop", std::nullopt, 2));
  EXPECT_EQ(said.body.at("decisions").at(0).at("cause"), "new_version");
}

TEST_F(ReloadTest, AServiceThatComesBackIsAsItWas) {
  auto config = shop_config();
  config.services.push_back(make_service("cart", {"one", "two"}));
  config.routes = {{"*", "/", "shop"}, {"*", "/cart", "cart"}};
  start(config);
  ask(control_->weights.put_weights("cart", {{"one", 90}, {"two", 10}},
                                    {Precondition::Kind::Any, 0}, ana_, false));
  auto without = config;
  without.services.pop_back();
  without.routes.pop_back();
  EXPECT_EQ(reload(without).status, 200);
  EXPECT_EQ(control_->services_asked.service("cart").status, 404);
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_EQ(to_text(control_->weights.weights("cart").body.at("weights")),
            R"({"one":90,"two":10})");
  EXPECT_TRUE(publisher_->monitor("cart", "two")->report(now_).armed);
}

TEST_F(ReloadTest, ABadFileChangesNothingAndEveryProblemIsTold) {
  start();
  next_config_ = {
      std::nullopt,
      {{"cutwater.yaml", 3, 5, "unknown key `wieght`"}, {"cutwater.yaml", 9, 1, "another"}}};
  const Reply reply = ask(control_->configuration.reload(ana_));
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.body.at("problems").as_array().size(), 2u);
  EXPECT_EQ(reply.body.at("problems").at(0).at("line").to_number<int>(), 3);
  EXPECT_EQ(workers_.published, 0);
}

TEST_F(ReloadTest, WhatNeedsARestartIsNamed) {
  start();
  auto config = shop_config();
  config.admin.listen.port = 9999;
  const Reply reply = reload(config);
  EXPECT_EQ(reply.status, 422);
  EXPECT_NE(to_text(reply.body).find("admin"), std::string::npos) << to_text(reply.body);
}

TEST_F(ReloadTest, ANameThatDoesNotResolveIsAProblemWithItsPlace) {
  start();
  auto config = shop_config();
  config.services[0].versions[1].endpoints[0] = {"http://no-such-host.invalid:80",
                                                 {"no-such-host.invalid", 80}};
  const Reply reply = reload(config);
  EXPECT_EQ(reply.status, 422);
  EXPECT_NE(reply.body.at("detail").as_string().find("services.shop.versions.green"),
            std::string::npos)
      << to_text(reply.body);
}

TEST_F(ReloadTest, AStartRefusesAFileThatLostAVersionWithTraffic) {
  start();
  put(R"({"blue":95,"green":5})");
  auto config = shop_config();
  config.services[0].versions.erase(config.services[0].versions.begin() + 1);
  const Restored restored = start(config);
  ASSERT_EQ(restored.problems.size(), 1u);
  EXPECT_NE(restored.problems[0].message.find("`green` still has 5%"), std::string::npos);
}

TEST_F(ReloadTest, TheOneServiceWithoutRoutesGetsEverything) {
  start();
  ASSERT_EQ(workers_.current->routes.size(), 1u);
  EXPECT_EQ(workers_.current->routes[0].host, "*");
  EXPECT_EQ(workers_.current->routes[0].path, "/");
}

}  // namespace
}  // namespace cutwater::control
