// What people read when something went wrong: who took a version back, why an endpoint is down, and
// what nobody answered.
#include "control/metrics/metrics_source.hpp"
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

class Reading : public ControlPlaneTest {
 protected:
  json::object service() { return control_->services_asked.service("shop").body.as_object(); }
  json::object version(std::size_t index) { return service().at("versions").at(index).as_object(); }
  // Brings green to all users.
  std::string promote() {
    const std::string rollout = id(roll_out(R"({"to":"green","bake":"5s","steps":[50,100]})"));
    for (int step = 0; step < 2; ++step) {
      succeed("green", 100);
      pass_time(6s);
    }
    EXPECT_EQ(phase(rollout), "succeeded");
    return rollout;
  }
  std::optional<std::string> phase_in_metrics() {
    const MetricsInput input = collect_metrics({control_->services, *publisher_, control_->steering,
                                                control_->configuration, control_->proxy},
                                               {}, now_);
    return input.services.at(0).rollout_phase;
  }
  json::object taken_back(const std::string& rollout) {
    const json::value view = control_->rollouts.rollout(rollout).body.at("taken_back");
    return view.is_object() ? view.as_object() : json::object();
  }
};

TEST_F(Reading, ARolloutWhoseVersionTheGuardTookBackSaysSo) {
  start();
  const std::string rollout = promote();
  EXPECT_TRUE(taken_back(rollout).empty());
  EXPECT_EQ(phase_in_metrics(), "succeeded");
  fail("green", 8);
  run_until([&] { return told("action") == "rolled_back"; });
  const json::object back = taken_back(rollout);
  EXPECT_EQ(back.at("decision"), decision().at("seq"));
  EXPECT_EQ(back.at("time"), decision().at("time"));
  EXPECT_EQ(back.at("cause").as_string(), "guard");
  EXPECT_EQ(back.at("reason"), decision().at("reason"));
  EXPECT_EQ(phase(rollout), "succeeded") << "scripts rely on it";
  EXPECT_EQ(phase_in_metrics(), "taken_back");
  EXPECT_EQ(service().at("last_rollout").at("taken_back"), json::value(back));
  start();
  EXPECT_EQ(taken_back(rollout), back) << "and after a restart, number and all";
}

TEST_F(Reading, ARolloutThatAPersonTookBackNamesThePerson) {
  start();
  const std::string rollout = promote();
  ask(control_->weights.rollback("shop", {{"reason", "bad feeling"}}, ana_));
  EXPECT_EQ(taken_back(rollout).at("actor").as_string(), "ana");
  EXPECT_EQ(taken_back(rollout).at("cause").as_string(), "manual");
}

TEST_F(Reading, ATakenBackVersionThatIsDeployedAgainIsANewRollout) {
  start();
  const std::string first = promote();
  fail("green", 8);
  run_until([&] { return told("action") == "rolled_back"; });
  const std::string second =
      id(roll_out(R"({"to":"green","bake":"5s","steps":[50,100],"retry":true})"));
  for (int step = 0; step < 2; ++step) {
    succeed("green", 100);
    pass_time(6s);
  }
  EXPECT_TRUE(taken_back(second).empty());
  EXPECT_FALSE(taken_back(first).empty());
  EXPECT_EQ(phase_in_metrics(), "succeeded");
}

TEST_F(Reading, ALockOutSaysWhyWhenAndByWhatAndADrainIsNone) {
  start();
  put(R"({"blue": 95, "green": 5})");
  fail("green", 5);
  run_until([&] { return told("action") == "rolled_back"; });
  const json::object by = version(1).at("lock_out").as_object();
  EXPECT_EQ(by.at("action").as_string(), "rolled_back");
  EXPECT_EQ(by.at("decision"), decision().at("seq"));
  EXPECT_EQ(by.at("reason"), decision().at("reason"));
  const std::string refused(roll_out(R"({"to":"green"})").body.at("detail").as_string());
  EXPECT_NE(refused.find("was rolled back at 2026-"), std::string::npos) << refused;
  EXPECT_NE(refused.find("error rate of green is above 5%"), std::string::npos) << refused;

  ask(control_->versions.act_on_version("shop", "red", VersionAction::Drain, ana_));
  EXPECT_EQ(version(2).at("lock_out").at("action").as_string(), "drained");
  EXPECT_EQ(version(2).at("lock_out").at("decision"), decision().at("seq"));
  const std::string drained(put(R"({"blue": 95, "red": 5})").body.at("detail").as_string());
  EXPECT_NE(drained.find("was drained at"), std::string::npos) << drained;
  ask(control_->versions.act_on_version("shop", "red", VersionAction::Unlock, ana_));
  EXPECT_TRUE(version(2).at("lock_out").is_null());
  start();
  EXPECT_EQ(version(1).at("lock_out"), json::value(by));
}

TEST_F(Reading, AnEndpointThatIsDownSaysWhyAndSinceWhen) {
  start();
  const auto blue = publisher_->endpoints("shop", "blue").at(0);
  const ProbedEndpoint probed{"shop", "blue", blue->url()};
  blue->set_healthy(false);
  ask(control_->reverts.health_changed(probed, false, "connect: Connection refused"));
  json::object seen = version(0).at("endpoints").at(0).as_object();
  EXPECT_EQ(seen.at("why").as_string(), "connect: Connection refused");
  EXPECT_EQ(seen.at("down_since").as_string(), "2026-11-18T11:06:40.000Z");
  blue->set_healthy(true);
  ask(control_->reverts.health_changed(probed, true, "answered 200"));
  seen = version(0).at("endpoints").at(0).as_object();
  EXPECT_TRUE(seen.at("why").is_null());
  EXPECT_TRUE(seen.at("down_since").is_null());
}

TEST_F(Reading, RequestsThatNoEndpointWasThereForAreCountedByService) {
  start();
  pass_time(1s);
  publisher_->counters("shop")->unavailable += 7;
  EXPECT_EQ(to_text(service().at("unavailable")), R"({"total":7,"10s":7,"60s":7})");
  pass_time(30s);
  EXPECT_EQ(to_text(service().at("unavailable")), R"({"total":7,"10s":0,"60s":7})");
  pass_time(60s);
  EXPECT_EQ(to_text(service().at("unavailable")), R"({"total":7,"10s":0,"60s":0})");
}

TEST_F(Reading, ExplainSaysThatNobodyIsThere) {
  start();
  EXPECT_TRUE(control_->services_asked.explain("shop", {}).body.at("available").as_bool());
  publisher_->endpoints("shop", "blue").at(0)->set_healthy(false);
  const Reply reply = control_->services_asked.explain("shop", {});
  EXPECT_FALSE(reply.body.at("available").as_bool());
  const std::string text(reply.body.at("text").as_string());
  EXPECT_NE(text.find("the only endpoint of `blue` is down, so the proxy answers 503 itself"),
            std::string::npos)
      << text;
}

TEST_F(Reading, ExplainSaysWhyAVersionIsShut) {
  start();
  put(R"({"blue": 95, "green": 5})");
  fail("green", 5);
  run_until([&] { return told("action") == "rolled_back"; });
  const Reply reply = control_->services_asked.explain("shop", {{"cookies", {{"beta", "on"}}}});
  const std::string text(reply.body.at("text").as_string());
  EXPECT_NE(text.find("but `green` was rolled back at"), std::string::npos) << text;
}

TEST_F(Reading, ExplainSaysThatAChainNamesNoClient) {
  config::Config config = shop_config();
  config.listeners[0].trusted_proxies = {{"10.0.0.0/8"}};
  config.services[0].sticky.key = config::Sticky::Key::ClientIp;
  start(config);
  const auto explain = [&](json::object headers) {
    return control_->services_asked.explain("shop", {{"headers", std::move(headers)}}).body;
  };
  const json::value known = explain({{"X-Forwarded-For", "6.6.6.6, 192.0.2.1:99, 10.0.0.7"}});
  EXPECT_EQ(known.at("client").as_string(), "192.0.2.1") << "the walk, not the claim";
  EXPECT_FALSE(known.at("bucket").is_null());
  const json::value unknown = explain({{"X-Forwarded-For", "unknown"}});
  EXPECT_TRUE(unknown.at("client").is_null());
  EXPECT_TRUE(unknown.at("bucket").is_null());
  const std::string text(unknown.at("text").as_string());
  EXPECT_NE(text.find("the chain of trusted proxies names no client"), std::string::npos) << text;
}

}  // namespace
}  // namespace cutwater::control
