// Where versions run, said by a deploy script instead of the file: it holds over restarts, the
// file's later word overrules it, and nobody gets around the guards by it.
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

class VersionsTest : public ControlPlaneTest {
 protected:
  Reply put_version(const std::string& version, const char* body, Actor actor) {
    return ask(control_->versions.put_version("shop", version, json::parse(body).as_object(),
                                              {Precondition::Kind::Any, 0}, std::move(actor)));
  }
  Reply put_version(const std::string& version, const char* body) {
    return put_version(version, body, ana_);
  }
  Reply remove(const std::string& version, bool dry_run = false) {
    return ask(control_->versions.remove_version("shop", version, {Precondition::Kind::Any, 0},
                                                 ana_, dry_run));
  }
  Reply drain(const std::string& version) {
    return ask(control_->versions.act_on_version("shop", version, VersionAction::Drain, ana_));
  }
  Reply show(const std::string& version) {
    return ask(control_->versions.act_on_version("shop", version, VersionAction::Show, ana_));
  }
  Reply reload(config::Config config) {
    next_config_ = {std::move(config), {}};
    return ask(control_->configuration.reload(ana_));
  }
  // Blue is kept for a rollback, and red is watched on.
  void promote_red() {
    auto config = shop_config();
    config.services[0].rollout.keep_old = 1h;
    config.services[0].rollout.steps = {Share::percent(100)};
    config.services[0].rollout.bake = 1s;
    start(config);
    const std::string rollout = id(roll_out(R"({"to":"red"})"));
    succeed("red", 2000);
    pass_time(10s);
    ASSERT_EQ(phase(rollout), "succeeded");
    ASSERT_EQ(control_->services_asked.service("shop").body.at("last_good"), "blue");
  }
  std::vector<std::string> urls(const std::string& version) {
    std::vector<std::string> out;
    for (const auto& endpoint : publisher_->endpoints("shop", version))
      out.push_back(endpoint->url());
    return out;
  }
  std::string detail(const Reply& reply) {
    return std::string(reply.body.at("detail").as_string());
  }

  using Urls = std::vector<std::string>;
  const Actor root_{"root", config::Role::Admin};
};

constexpr const char* kNewPlace = R"({"endpoints":["http://127.0.0.1:9101"]})";

TEST_F(VersionsTest, ANewVersionArrivesWithNoTrafficAndCanBeRolledOut) {
  start();
  const Reply made = put_version("v43", kNewPlace);
  EXPECT_EQ(made.status, 201) << to_text(made.body);
  EXPECT_EQ(made.location, "/v1/services/shop/versions/v43");
  EXPECT_EQ(made.body.at("endpoints_by"), "api");
  EXPECT_EQ(made.etag, 2u);
  EXPECT_EQ(workers_.percent("v43"), 0);
  const json::object said = decision();
  EXPECT_EQ(said.at("action"), "version_put");
  EXPECT_EQ(said.at("reason"), "v43 runs at http://127.0.0.1:9101, says ana");
  EXPECT_EQ(to_text(said.at("evidence")),
            R"({"version":"v43","endpoints_before":[],"endpoints":["http://127.0.0.1:9101"]})");
  EXPECT_EQ(said.at("after").at("generation").to_number<int>(), 2);
  EXPECT_EQ(roll_out(R"({"to":"v43"})").status, 201);
  EXPECT_EQ(workers_.percent("v43"), 5);
  EXPECT_TRUE(publisher_->monitor("shop", "v43")->report(now_).armed);
}

TEST_F(VersionsTest, IsThereAfterARestartWithTheTrafficItHad) {
  start();
  put_version("v43", kNewPlace);
  put(R"({"blue":90,"v43":10})");
  start();
  EXPECT_EQ(urls("v43"), Urls{"http://127.0.0.1:9101"});
  EXPECT_EQ(workers_.percent("v43"), 10);
  reload(shop_config());
  EXPECT_EQ(workers_.percent("v43"), 10) << "a reload of the same file is no other word";
}

TEST_F(VersionsTest, TheSameWordsAgainChangeNothing) {
  start();
  put_version("v43", kNewPlace);
  const int published = workers_.published;
  const Reply again = put_version("v43", kNewPlace);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.etag, 2u);
  EXPECT_EQ(workers_.published, published);
}

TEST_F(VersionsTest, OfTheFileCanMoveUntilTheFileSaysSomethingElse) {
  start();
  EXPECT_EQ(put_version("red", kNewPlace).status, 200);
  EXPECT_EQ(urls("red"), Urls{"http://127.0.0.1:9101"});
  start();
  EXPECT_EQ(urls("red"), Urls{"http://127.0.0.1:9101"});

  auto config = shop_config();
  config.services[0].versions[2].endpoints = {{"http://127.0.0.1:9202", {"127.0.0.1", 9202}}};
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_EQ(urls("red"), Urls{"http://127.0.0.1:9202"});
  EXPECT_EQ(show("red").body.at("endpoints_by"), "file");
  const Reply said = ask(control_->history.decisions("shop", std::nullopt, 1));
  EXPECT_EQ(said.body.at("decisions").at(0).at("action"), "version_overruled");
  start(config);
  EXPECT_EQ(urls("red"), Urls{"http://127.0.0.1:9202"});
}

TEST_F(VersionsTest, AFileChangedWhileTheProcessWasDownHasTheLastWordToo) {
  start();
  put_version("red", kNewPlace);
  put_version("v43", kNewPlace);
  auto config = shop_config();
  config.services[0].versions[2].endpoints = {{"http://127.0.0.1:9202", {"127.0.0.1", 9202}}};
  config.services[0].versions.push_back({"v43", {{"http://127.0.0.1:9203", {"127.0.0.1", 9203}}}});
  const Restored restored = start(config);
  EXPECT_EQ(urls("red"), Urls{"http://127.0.0.1:9202"});
  EXPECT_EQ(urls("v43"), Urls{"http://127.0.0.1:9203"});
  ASSERT_EQ(restored.change.decisions.size(), 2u);
  EXPECT_EQ(restored.change.decisions[1].cause, "file");
}

TEST_F(VersionsTest, WhatTheFileSaysAlreadyIsNoChangeOfIt) {
  start();
  put_version("red", kNewPlace);
  EXPECT_EQ(put_version("red", R"({"endpoints":["http://127.0.0.1:9003"]})").status, 200);
  EXPECT_EQ(show("red").body.at("endpoints_by"), "file");
}

TEST_F(VersionsTest, EndpointsThatStayAreTheSameObjects) {
  start();
  const auto before = publisher_->endpoints("shop", "red").front();
  put_version("red", R"({"endpoints":["http://127.0.0.1:9101","http://127.0.0.1:9003"]})");
  EXPECT_EQ(urls("red"), (Urls{"http://127.0.0.1:9101", "http://127.0.0.1:9003"}));
  EXPECT_EQ(publisher_->endpoints("shop", "red").back(), before);
}

TEST_F(VersionsTest, ADeployerDoesNotMoveWhatUsersGetPastTheGuards) {
  start();
  const Reply refused = put_version("blue", kNewPlace);
  EXPECT_EQ(refused.status, 403) << "stable";
  EXPECT_EQ(type(refused), "role_too_low");
  EXPECT_EQ(put_version("green", kNewPlace).status, 403) << "flag beta sends its users there";
  const std::string rollout = id(roll_out(R"({"to":"red"})"));
  EXPECT_EQ(put_version("red", kNewPlace).status, 403) << "it is being judged";
  EXPECT_EQ(put_version("blue", kNewPlace, root_).status, 200);
  EXPECT_EQ(urls("blue"), Urls{"http://127.0.0.1:9101"});
  act(rollout, RolloutAction::Abort);
  EXPECT_EQ(put_version("red", kNewPlace).status, 200);
}

TEST_F(VersionsTest, BadWordsAreRefusedWithWhatWasMeant) {
  start();
  const int published = workers_.published;
  const auto refused = [&](const std::string& version, const char* body, const char* why) {
    const Reply reply = put_version(version, body);
    EXPECT_EQ(reply.status, 422) << body;
    EXPECT_NE(to_text(reply.body).find(why), std::string::npos) << to_text(reply.body);
  };
  refused("v43", "{}", "needs at least one URL");
  refused("v43", R"({"endpoints":[]})", "needs at least one URL");
  refused("v43", R"({"endpoints":["127.0.0.1:1"]})", "did you mean `http://127.0.0.1:1`");
  refused("v43", R"({"endpoints":[7]})", "expected http://HOST:PORT");
  refused("v43", R"({"endpoints":["http://u:secret@h"]})", "no user or password");
  refused("v43", R"({"endpoints":["http://h:1","http://h:1"]})", "duplicate endpoint");
  refused("v43", R"({"endpoint":["http://h:1"]})", "`endpoint`: known are");
  refused("v43", R"({"endpoints":["http://127.0.0.1:1"],"like":"gren"})", "no version `gren`");
  refused("red", R"({"endpoints":["http://127.0.0.1:1"],"like":"blue"})", "said in the file");
  refused("v/43", kNewPlace, "expected up to 63 letters");
  refused("v43", R"({"endpoints":["http://no-such-host.invalid:80"]})", "does not resolve");
  EXPECT_EQ(
      to_text(put_version("v43", R"({"endpoints":["http://u:secret@h"]})").body).find("secret"),
      std::string::npos);
  EXPECT_EQ(workers_.published, published);
  EXPECT_EQ(show("v43").status, 404);
}

TEST_F(VersionsTest, TwoScriptsWithTheSameTagOneWins) {
  start();
  const auto put_at = [&](std::uint64_t generation) {
    return ask(control_->versions.put_version("shop", "v43", json::parse(kNewPlace).as_object(),
                                              {Precondition::Kind::Generation, generation}, ana_));
  };
  EXPECT_EQ(put_at(1).status, 201);
  EXPECT_EQ(put_at(1).status, 412);
  EXPECT_EQ(ask(control_->versions.put_version("shop", "v44", json::parse(kNewPlace).as_object(),
                                               {}, ana_))
                .status,
            428);
}

TEST_F(VersionsTest, ANewVersionIsSpokenToAsStableIsOrAsAnotherOne) {
  auto config = shop_config();
  config.services[0].versions[0].protocol = config::UpstreamProtocol::Http2;
  start(config);
  put_version("v43", kNewPlace);
  put_version("v44", R"({"endpoints":["http://127.0.0.1:9102"],"like":"red"})");
  start(config);
  EXPECT_EQ(publisher_->endpoints("shop", "v43").front()->options().protocol,
            config::UpstreamProtocol::Http2);
  EXPECT_EQ(publisher_->endpoints("shop", "v44").front()->options().protocol,
            config::UpstreamProtocol::Http1);
}

TEST_F(VersionsTest, AServiceHasAtMost64) {
  start();
  for (int i = 0; i < 61; ++i)
    ASSERT_EQ(put_version("v" + std::to_string(i), kNewPlace).status, 201);
  const Reply refused = put_version("v61", kNewPlace);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(type(refused), "too_many_versions");
}

TEST_F(VersionsTest, ARevertedVersionThatIsPutElsewhereMayTryAgain) {
  start();
  put_version("v43", kNewPlace);
  const std::string rollout = id(roll_out(R"({"to":"v43"})"));
  fail("v43", 8);
  run_until([&] { return phase(rollout) == "rolled_back"; });
  EXPECT_EQ(roll_out(R"({"to":"v43"})").status, 409);
  EXPECT_EQ(put_version("v43", R"({"endpoints":["http://127.0.0.1:9111"]})").status, 200);
  EXPECT_FALSE(publisher_->monitor("shop", "v43")->tripped());
  EXPECT_EQ(roll_out(R"({"to":"v43"})").status, 201);
}

TEST_F(VersionsTest, OnlyADrainedVersionIsRemoved) {
  start();
  put_version("v43", kNewPlace);
  EXPECT_EQ(type(remove("v43")), "not_drained");
  drain("v43");
  workers_.active = 2;
  const Reply refused = remove("v43");
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(detail(refused).find("2 requests or tunnels are under way"), std::string::npos);
  workers_.active = 0;
  const Reply removed = remove("v43");
  EXPECT_EQ(removed.status, 200) << to_text(removed.body);
  EXPECT_EQ(to_text(removed.body.at("weights")), R"({"blue":100,"green":0,"red":0})");
  EXPECT_EQ(decision().at("action"), "version_removed");
  EXPECT_EQ(show("v43").status, 404);
  EXPECT_EQ(remove("v43").status, 404);
  start();
  EXPECT_EQ(show("v43").status, 404);
}

TEST_F(VersionsTest, WhatComesUnderTheNameOfARemovedOneIsSomethingNew) {
  start();
  put_version("v43", kNewPlace);
  fail("v43", 7);
  drain("v43");
  remove("v43");
  const Reply made = put_version("v43", kNewPlace);
  EXPECT_EQ(made.status, 201);
  EXPECT_FALSE(made.body.at("locked_out").as_bool());
  EXPECT_EQ(made.body.at("requests_total").to_number<int>(), 0);
  EXPECT_EQ(made.body.at("windows").at("60s").at("requests").to_number<int>(), 0);
  EXPECT_EQ(roll_out(R"({"to":"v43"})").status, 201);
}

TEST_F(VersionsTest, OneOfTheFileStaysRemovedUntilTheFileSaysSomethingElse) {
  start();
  drain("red");
  EXPECT_EQ(remove("red").status, 200);
  EXPECT_EQ(to_text(control_->services_asked.service("shop").body.at("removed")), R"(["red"])");
  EXPECT_EQ(reload(shop_config()).status, 200);
  start();
  EXPECT_EQ(show("red").status, 404);
  auto config = shop_config();
  config.services[0].flags.push_back(
      test::flag_when("team", config::FlagCondition::Source::Cookie, "team", "on"));
  config.services[0].flags.back().version = "red";
  EXPECT_EQ(reload(config).status, 200);
  EXPECT_EQ(show("red").status, 200) << "a flag of the file sends users there now";
  EXPECT_EQ(to_text(control_->services_asked.service("shop").body.at("removed")), "[]");
}

TEST_F(VersionsTest, ATrialSaysWhatStandsInTheWayBeforeAnythingIsDrained) {
  start();
  put_version("v43", kNewPlace);
  const int published = workers_.published;
  workers_.active = 2;
  EXPECT_EQ(remove("v43", true).status, 200) << "what is under way will end";
  EXPECT_EQ(type(remove("green", true)), "version_in_use");
  EXPECT_EQ(type(remove("blue", true)), "version_in_use");
  const std::string rollout = id(roll_out(R"({"to":"v43"})"));
  EXPECT_NE(detail(remove("v43", true)).find("is part of rollout"), std::string::npos);
  EXPECT_EQ(show("v43").status, 200);
  EXPECT_EQ(workers_.published, published + 1) << "only the rollout was published";
}

TEST_F(VersionsTest, WhatIsNeededIsNotRemoved) {
  start();
  drain("green");
  const Reply refused = remove("green");
  EXPECT_EQ(refused.status, 409);
  EXPECT_NE(detail(refused).find("flag `beta` sends requests"), std::string::npos);
  EXPECT_EQ(type(remove("blue")), "not_drained") << "and stable cannot be drained";
  EXPECT_EQ(drain("blue").status, 409);
}

TEST_F(VersionsTest, TheWayBackLeadsOnlyToWhatWasGood) {
  promote_red();
  ASSERT_TRUE(publisher_->monitor("shop", "red")->report(now_).armed) << "watched on";

  EXPECT_EQ(put_version("blue", kNewPlace).status, 200) << "the next release goes to the free one";
  EXPECT_TRUE(control_->services_asked.service("shop").body.at("last_good").is_null());
  EXPECT_EQ(decision().at("action"), "old_released");
  EXPECT_FALSE(publisher_->monitor("shop", "red")->report(now_).armed) << "where would it go?";
  EXPECT_EQ(type(ask(control_->weights.rollback("shop", {}, ana_))), "nothing_to_roll_back");
}

TEST_F(VersionsTest, TheWayBackIsNoWayAroundTheGuardsEndpointByEndpoint) {
  promote_red();
  EXPECT_EQ(
      put_version("blue", R"({"endpoints":["http://127.0.0.1:9001","http://127.0.0.1:9101"]})")
          .status,
      200);
  EXPECT_TRUE(control_->services_asked.service("shop").body.at("last_good").is_null())
      << "nobody has judged what runs at the second one";
}

TEST_F(VersionsTest, TheSameJobAgainNeedsNoOtherRole) {
  start();
  put_version("v43", kNewPlace);
  roll_out(R"({"to":"v43"})");
  EXPECT_EQ(put_version("v43", kNewPlace).status, 200) << "nothing changes";
}

class RestoredVersions : public ::testing::Test {
 protected:
  RestoredVersions() {
    loaded.services = {first_state(config.services[0])};
    shop().versions = {{"v42", {{"http://old-container:80"}, {}}},
                       {"v43", {{"http://here:80"}, {}}}};
  }
  ServiceState& shop() { return loaded.services[0]; }
  Restored start() {
    const auto why_gone = [](const config::Service&, const VersionState&,
                             const config::Endpoint& endpoint) {
      return endpoint.address.host == "old-container" ? "does not resolve any more" : "";
    };
    return restore(config, "cutwater.yaml", loaded, {}, why_gone);
  }
  config::Config config = shop_config();
  Loaded loaded;
};

TEST_F(RestoredVersions, WhoseContainerIsGoneAreForgotten) {
  const Restored restored = start();
  EXPECT_EQ(restored.config.services[0].find_version("v42"), nullptr);
  EXPECT_NE(restored.config.services[0].find_version("v43"), nullptr);
  ASSERT_EQ(restored.change.decisions.size(), 1u);
  EXPECT_EQ(restored.change.decisions[0].reason,
            "v42 is forgotten: `http://old-container:80` does not resolve any more, and it had no "
            "traffic");
  ASSERT_EQ(restored.change.services.size(), 1u) << "and that is written down";
  EXPECT_FALSE(restored.change.services[0].versions.contains("v42"));
}

TEST_F(RestoredVersions, AreNotForgottenWhileTheyHaveUsers) {
  shop().weights = {{"blue", Share::percent(90)}, {"v42", Share::percent(10)}};
  EXPECT_NE(start().config.services[0].find_version("v42"), nullptr) << "the start will say why";
  shop().versions["green"] = {{"http://old-container:81"}, {"http://127.0.0.1:9002"}};
  EXPECT_EQ(start().config.services[0].find_version("green")->endpoints[0].url,
            "http://old-container:81")
      << "flag beta sends users there";
}

TEST_F(RestoredVersions, DoNotKeepTheProcessFromStartingByThePromiseToKeepThem) {
  shop().last_good = "v42";
  shop().keep_old_until_ms = 1'000;
  const Restored restored = start();
  EXPECT_TRUE(restored.problems.empty());
  EXPECT_EQ(restored.services.at("shop").state.last_good, "");
  ASSERT_EQ(restored.change.decisions.size(), 2u);
  EXPECT_EQ(restored.change.decisions[0].action, "old_released");
}

TEST_F(RestoredVersions, GoBackToWhereTheFileSays) {
  shop().versions = {{"red", {{"http://old-container:80"}, {"http://127.0.0.1:9003"}}}};
  const Restored restored = start();
  EXPECT_EQ(restored.config.services[0].find_version("red")->endpoints[0].url,
            "http://127.0.0.1:9003");
  EXPECT_EQ(restored.change.decisions.at(0).action, "version_overruled");
}

TEST_F(RestoredVersions, AreTogetherWithTheFilesNoMoreThan64) {
  for (int i = 0; i < 61; ++i)
    shop().versions["n" + std::to_string(i)] = {{"http://here:" + std::to_string(100 + i)}, {}};
  const Restored restored = start();
  ASSERT_EQ(restored.problems.size(), 1u);
  EXPECT_NE(restored.problems[0].message.find("65 versions; a service may have 64"),
            std::string::npos)
      << restored.problems[0].message;
}

TEST_F(VersionsTest, AFullDiskChangesNothing) {
  start();
  store_file_->limit_pages_for_test(1);
  const Actor wordy{std::string(100'000, 'a'), config::Role::Deployer};
  const Reply refused = put_version("v43", kNewPlace, wordy);
  EXPECT_EQ(refused.status, 507) << to_text(refused.body);
  EXPECT_EQ(show("v43").status, 404);
  store_file_->limit_pages_for_test(1'000'000);
  EXPECT_EQ(put_version("v43", kNewPlace).status, 201);
}

}  // namespace
}  // namespace cutwater::control
