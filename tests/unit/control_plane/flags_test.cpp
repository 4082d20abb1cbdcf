// Feature flags at run time: changed, killed, revived, kept over restarts and reloads, raised and
// killed by their own ramp; and the mirror's share.
#include "tests/unit/control_plane/flag_fixture.hpp"

namespace cutwater::control {
namespace {

class FlagControl : public FlagTest {
 protected:
  FlagControl() { start(flagged_config()); }

  static config::Config flagged_config() {
    config::Config config = shop_config();
    config::Service& shop = config.services[0];
    shop.flags.push_back(test::flag_share("new-ui", Share::percent(10)));
    config::Flag colours = test::flag_share("colours", {});
    colours.percentage.reset();
    colours.version.clear();
    colours.arms = {{"blue", Share::percent(50)}, {"green", Share::percent(50)}};
    shop.flags.push_back(colours);
    shop.flags.push_back(ramping("ramp", 5));
    shop.mirror = config::Mirror{};
    shop.mirror->version = "green";
    shop.mirror->share = Share::percent(5);
    return config;
  }
  void flagged_requests(int count, stats::Outcome outcome) { flagged("ramp", count, outcome); }
};

TEST_F(FlagControl, APercentageSetByHandIsWithTheWorkersAndSurvivesARestart) {
  const Reply reply = set("new-ui", R"({"percentage": 25})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body.at("percentage").to_number<double>(), 25);
  EXPECT_EQ(reply.body.at("changed").as_bool(), true);
  EXPECT_EQ(live("new-ui").percentage, 250'000);
  EXPECT_EQ(decision().at("action").as_string(), "flag_set");
  EXPECT_EQ(decision().at("reason").as_string(), "flag new-ui set by ana: percentage 25%");
  start(flagged_config());
  EXPECT_EQ(live("new-ui").percentage, 250'000) << "the stored state wins over the file";
}

TEST_F(FlagControl, ListsAndArmsCanBeChanged) {
  EXPECT_EQ(set("new-ui", R"({"allow": ["u2", "u1"], "deny": ["u9"]})").status, 200);
  EXPECT_TRUE(live("new-ui").allow.contains("u1"));
  EXPECT_TRUE(live("new-ui").deny.contains("u9"));
  EXPECT_EQ(set("colours", R"({"arms": {"blue": 20, "green": 80}})").status, 200);
  EXPECT_EQ(live("colours").arms[1].weight, 800'000);
}

TEST_F(FlagControl, WhatAReaderSendsBackIsNoChange) {
  const json::object shown = view("new-ui");
  const std::uint64_t generation = *control_->flags.flags("shop").etag;
  const Reply reply = set("new-ui", to_text(shown).c_str());
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(*reply.etag, generation);
}

TEST_F(FlagControl, AWrongBodyChangesNothingAndSaysWhy) {
  const auto refused = [&](const char* flag, const char* body) {
    const Reply reply = set(flag, body);
    EXPECT_EQ(reply.status, 422) << body;
    return std::string(reply.body.at("detail").as_string());
  };
  EXPECT_EQ(refused("beta", R"({"percentage": 5})"),
            "`percentage`: this flag has none in the file");
  EXPECT_NE(refused("new-ui", R"({"percentage": 101})").find("from 0 to 100"), std::string::npos);
  EXPECT_NE(refused("new-ui", R"({"percentage": "5%"})").find("a number"), std::string::npos);
  EXPECT_EQ(refused("colours", R"({"arms": {"blue": 50, "green": 40}})"),
            "`arms`: the shares must sum to exactly 100");
  EXPECT_NE(refused("colours", R"({"arms": {"blue": 100}})").find("`green`"), std::string::npos);
  EXPECT_EQ(refused("new-ui", R"({"version": "blue"})"),
            "`version`: this can only be changed in the file");
  EXPECT_EQ(refused("new-ui", R"({"percentag": 5})"),
            "`percentag`: known are enabled, percentage, arms, allow, deny and ramping");
  EXPECT_EQ(refused("beta", R"({"allow": ["u1"]})"),
            "`allow`: this flag has no `key` in the file that tells users apart");
  EXPECT_EQ(live("new-ui").percentage, 100'000);
  EXPECT_EQ(set("nope", "{}").status, 404);
}

TEST_F(FlagControl, OfTwoWritersWithTheSameEtagOneWins) {
  const Precondition seen{Precondition::Kind::Generation, *control_->flags.flags("shop").etag};
  EXPECT_EQ(set("new-ui", R"({"percentage": 20})", seen).status, 200);
  EXPECT_EQ(set("new-ui", R"({"percentage": 30})", seen).status, 412);
  EXPECT_EQ(set("new-ui", R"({"percentage": 30})", {}).status, 428);
  EXPECT_EQ(live("new-ui").percentage, 200'000);
}

TEST_F(FlagControl, AKillTakesEffectEvenWhenTheDiskIsFull) {
  store_file_->limit_pages_for_test(1);
  ana_.name = std::string(100'000, 'a');  // more than fits into the pages there are
  const Reply reply = ask(control_->flags.set_flag("shop", "new-ui", false, ana_));
  EXPECT_EQ(reply.status, 200);
  EXPECT_FALSE(live("new-ui").enabled);
  EXPECT_EQ(reply.body.at("durable").as_bool(), false);
  EXPECT_EQ(set("new-ui", R"({"percentage": 20})").status, 507) << "others wait for the disk";
  EXPECT_EQ(live("new-ui").percentage, 100'000);
}

TEST_F(FlagControl, AReloadKeepsWhatStillFitsTheFlag) {
  set("new-ui", R"({"percentage": 25})");
  set("colours", R"({"arms": {"blue": 20, "green": 80}})");
  config::Config next = flagged_config();
  next.services[0].flags[2].arms = {{"blue", Share::percent(50)}, {"red", Share::percent(50)}};
  next_config_.config = next;
  EXPECT_EQ(ask(control_->configuration.reload(ana_)).status, 200);
  EXPECT_EQ(live("new-ui").percentage, 250'000);
  EXPECT_EQ(live("colours").arms[1].weight, 500'000) << "other versions: the file's shares";
}

TEST_F(FlagControl, ARampGoesUpWhenItsGuardHasPassed) {
  flagged_requests(100, stats::Outcome::Success);
  pass_time(30s);
  EXPECT_EQ(live("ramp").percentage, 50'000) << "not before the bake is over";
  flagged_requests(100, stats::Outcome::Success);
  pass_time(31s);
  EXPECT_EQ(live("ramp").percentage, 500'000);
  EXPECT_EQ(decision().at("action").as_string(), "flag_advanced");
  pass_time(120s);
  EXPECT_EQ(live("ramp").percentage, 500'000) << "no traffic at this step says nothing";
  flagged_requests(100, stats::Outcome::Success);
  pass_time(2s);
  EXPECT_EQ(live("ramp").percentage, 1'000'000);
  EXPECT_EQ(view("ramp").at("ramp").at("state").as_string(), "done");
}

TEST_F(FlagControl, ARampKillsItsFlagWhenItsGuardFails) {
  flagged_requests(50, stats::Outcome::Status5xx);
  run_until([&] { return !live("ramp").enabled; });
  EXPECT_EQ(decision().at("action").as_string(), "flag_killed");
  EXPECT_EQ(decision().at("cause").as_string(), "guard");
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped()) << "the version is not blamed";
  const Reply revived = ask(control_->flags.set_flag("shop", "ramp", true, ana_));
  EXPECT_EQ(revived.status, 200);
  EXPECT_TRUE(live("ramp").is_on()) << "with fresh evidence";
}

TEST_F(FlagControl, ARampIsJudgedByItsOwnLimitsWhereItHasAny) {
  config::Config config = flagged_config();
  config.services[0].guards.error_rate = Share::percent(60);
  config.services[0].flags.back().ramp->guards.error_rate = Share::percent(5);
  start(config);
  EXPECT_EQ(view("ramp").at("ramp").at("guards").at("error_rate").as_string(), "5%");
  for (int i = 0; i < 30; ++i) {  // every second fails: fine by the service, not by the flag
    flagged_requests(1, stats::Outcome::Success);
    flagged_requests(1, stats::Outcome::Status5xx);
  }
  run_until([&] { return !live("ramp").enabled; });
  EXPECT_NE(decision().at("reason").as_string().find("above 5%"), json::string::npos);
}

TEST_F(FlagControl, AStepWithoutAnAnswerIsToldOnceAndGoesOnWaiting) {
  config::Config config = flagged_config();
  config.services[0].flags.back().ramp->max_step = 120s;
  start(config);
  pass_time(119s);
  EXPECT_TRUE(
      ask(control_->history.decisions("shop", {}, 1)).body.at("decisions").as_array().empty());
  pass_time(2s);
  EXPECT_EQ(decision().at("action").as_string(), "flag_held");
  EXPECT_EQ(decision().at("cause").as_string(), "no_traffic");
  const auto told = decision().at("seq");
  pass_time(200s);
  EXPECT_EQ(decision().at("seq"), told);
  flagged_requests(100, stats::Outcome::Success);
  pass_time(1s);
  EXPECT_EQ(live("ramp").percentage, 500'000) << "it goes on by itself when traffic returns";
}

TEST_F(FlagControl, AShadowThatFailsIsToldOnce) {
  const auto shadow = publisher_->mirror_stats("shop");
  attempts(shadow->monitor, 20, stats::Outcome::Status5xx);
  pass_time(1s);
  EXPECT_EQ(decision().at("action").as_string(), "mirror_failed");
  const auto told = decision().at("seq");
  pass_time(3s);
  EXPECT_EQ(decision().at("seq"), told);
  EXPECT_EQ(workers_.percent("green"), 0) << "and nothing is done about it";
}

TEST_F(FlagControl, AKilledRampThatIsARampNoLongerCanBeRevived) {
  flagged_requests(50, stats::Outcome::Status5xx);
  run_until([&] { return !live("ramp").enabled; });
  config::Config next = flagged_config();
  next.services[0].flags.back().ramp.reset();
  next_config_.config = next;
  EXPECT_EQ(ask(control_->configuration.reload(ana_)).status, 200);
  EXPECT_EQ(ask(control_->flags.set_flag("shop", "ramp", true, ana_)).status, 200);
  EXPECT_TRUE(live("ramp").is_on()) << "there is no guard any more that could keep it shut";
}

TEST_F(FlagControl, ADryRunOnlySaysThatItWouldKillTheFlag) {
  config::Config config = flagged_config();
  config.services[0].guards.dry_run = true;
  start(config);
  flagged_requests(50, stats::Outcome::Status5xx);
  run_until([&] { return decision().at("action").as_string() == "flag_would_be_killed"; });
  EXPECT_TRUE(live("ramp").is_on());
}

TEST_F(FlagControl, APersonsHandPausesTheRamp) {
  set("ramp", R"({"percentage": 20})");
  EXPECT_EQ(view("ramp").at("ramp").at("state").as_string(), "paused");
  flagged_requests(200, stats::Outcome::Success);
  pass_time(120s);
  EXPECT_EQ(live("ramp").percentage, 200'000);
  set("ramp", R"({"ramping": true})");
  pass_time(1s);
  flagged_requests(200, stats::Outcome::Success);
  pass_time(61s);
  EXPECT_EQ(live("ramp").percentage, 500'000);
}

TEST_F(FlagControl, TheMirrorsShareIsSetAndStopped) {
  EXPECT_EQ(workers_.current->services[0]->mirror.share, 50'000);
  const auto put = [&](const char* body) {
    return ask(control_->mirror.put_mirror("shop", json::parse(body).as_object(),
                                           {Precondition::Kind::Any, 0}, ana_));
  };
  EXPECT_EQ(put(R"({"share": 0})").status, 200);
  EXPECT_EQ(workers_.current->services[0]->mirror.share, 0);
  start(flagged_config());
  EXPECT_EQ(workers_.current->services[0]->mirror.share, 0) << "still stopped after a restart";
  EXPECT_EQ(put(R"({"share": 2.5})").body.at("share").to_number<double>(), 2.5);
  EXPECT_EQ(put(R"({"version": "blue"})").status, 422);
  EXPECT_EQ(control_->mirror.mirror("shop").body.at("results").at("success").to_number<int>(), 0);
}

TEST_F(FlagControl, ExplainShowsRuleAndBucket) {
  set("new-ui", R"({"percentage": 100})");
  const Reply reply = control_->services_asked.explain("shop", {{"cookies", {{"uid", "u1"}}}});
  EXPECT_EQ(reply.body.at("flag").as_string(), "new-ui");
  const std::string text(reply.body.at("text").as_string());
  EXPECT_NE(text.find("whose percentage takes in bucket"), std::string::npos) << text;
  const auto& flags = reply.body.at("flags").as_array();
  EXPECT_EQ(flags.size(), 4u);
  EXPECT_EQ(flags.at(0).at("rule").as_string(), "when");
  EXPECT_EQ(flags.at(0).at("matched").as_bool(), false);
  EXPECT_EQ(flags.at(1).at("rule").as_string(), "percentage");
  EXPECT_GE(flags.at(1).at("bucket").to_number<double>(), 0);
  EXPECT_TRUE(flags.at(2).at("version").is_string());
}

// --- OFREP: the conversation an SDK has ---------------------------------------------------------

TEST_F(FlagControl, OfrepSaysWhatTheEdgeDecides) {
  set("new-ui", R"({"percentage": 50})");
  int in = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string uid = "u" + std::to_string(i);
    const Reply edge = control_->services_asked.explain("shop", {{"cookies", {{"uid", uid}}}});
    const bool flagged =
        edge.body.at("rule").as_string() == "flag" && edge.body.at("flag").as_string() == "new-ui";
    const Reply asked =
        control_->flags.ofrep_flag("new-ui", {{"context", {{"targetingKey", uid}}}});
    ASSERT_EQ(asked.status, 200);
    EXPECT_EQ(asked.body.at("value").as_bool(), flagged) << uid;
    EXPECT_EQ(asked.body.at("reason").as_string(), "SPLIT");
    EXPECT_EQ(asked.body.at("variant").as_string(), flagged ? "green" : "off");
    in += flagged ? 1 : 0;
  }
  EXPECT_GT(in, 50);
  EXPECT_LT(in, 150);
}

TEST_F(FlagControl, OfrepReasonsAndFailures) {
  const auto ask_for = [&](const char* key, const char* context) {
    return control_->flags.ofrep_flag(key, {{"context", json::parse(context)}});
  };
  const auto reason = [](const Reply& reply) {
    return std::string(reply.body.at("reason").as_string());
  };
  const auto code = [](const Reply& reply) {
    return std::string(reply.body.at("errorCode").as_string());
  };
  EXPECT_EQ(reason(ask_for("beta", R"({"beta": "on"})")), "TARGETING_MATCH");
  EXPECT_EQ(ask_for("beta", R"({"cookies": {"beta": "on"}})").body.at("value").as_bool(), true);
  EXPECT_EQ(reason(ask_for("beta", R"({"beta": "off"})")), "DEFAULT");
  EXPECT_EQ(reason(ask_for("colours", R"({"targetingKey": "u1"})")), "SPLIT");
  EXPECT_TRUE(ask_for("colours", R"({"targetingKey": "u1"})").body.at("value").is_string());
  ask(control_->flags.set_flag("shop", "colours", false, ana_));
  EXPECT_EQ(ask_for("colours", R"({"targetingKey": "u1"})").body.at("value").as_string(), "off");
  ask(control_->flags.set_flag("shop", "colours", true, ana_));
  set("new-ui", R"({"percentage": 100})");
  EXPECT_EQ(reason(ask_for("new-ui", R"({"targetingKey": "u1"})")), "STATIC");
  EXPECT_EQ(reason(ask_for("new-ui", R"({"uid": "u1"})")), "STATIC") << "by the flag's own key";
  ask(control_->flags.set_flag("shop", "new-ui", false, ana_));
  const Reply off = ask_for("new-ui", R"({"targetingKey": "u1"})");
  EXPECT_EQ(reason(off), "DISABLED");
  EXPECT_EQ(off.body.at("value").as_bool(), false);

  const Reply unknown = ask_for("nope", "{}");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(code(unknown), "FLAG_NOT_FOUND");
  const Reply nobody = ask_for("colours", "{}");
  EXPECT_EQ(nobody.status, 400);
  EXPECT_EQ(code(nobody), "TARGETING_KEY_MISSING");
  EXPECT_EQ(code(ask_for("colours", R"({"targetingKey": 7})")), "INVALID_CONTEXT");
  EXPECT_EQ(code(ask_for("colours", "[]")), "INVALID_CONTEXT");
  EXPECT_EQ(code(ask_for("colours", R"({"headers": "X"})")), "INVALID_CONTEXT");
}

TEST_F(FlagControl, OfrepSaysOffForAVersionThatIsShut) {
  set("new-ui", R"({"percentage": 100})");
  publisher_->monitor("shop", "green")->set_tripped(true);
  const Reply reply = control_->flags.ofrep_flag("new-ui", {{"context", {{"targetingKey", "u1"}}}});
  EXPECT_EQ(reply.body.at("value").as_bool(), false);
  EXPECT_EQ(reply.body.at("metadata").at("fell_to_stable").as_bool(), true);
}

TEST_F(FlagControl, OfrepTellsAllFlagsAndWhetherAnythingChanged) {
  const json::object request{{"context", {{"targetingKey", "u1"}}}};
  const Reply first = control_->flags.ofrep_flags(request);
  EXPECT_EQ(first.body.at("flags").as_array().size(), 4u);
  EXPECT_EQ(control_->flags.ofrep_flags(request).etag, first.etag);
  set("new-ui", R"({"percentage": 100})");
  EXPECT_NE(control_->flags.ofrep_flags(request).etag, first.etag);
  const Reply nobody = control_->flags.ofrep_flags({});
  EXPECT_EQ(nobody.status, 200) << "one flag's trouble is not the others'";
  EXPECT_EQ(nobody.body.at("flags").at(1).at("errorCode").as_string(), "TARGETING_KEY_MISSING");
}

}  // namespace
}  // namespace cutwater::control
