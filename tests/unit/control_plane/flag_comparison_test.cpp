// A ramping flag held against its control group: who is killed, who is not, and whose turn it is.
#include "proxy/guard/comparison.hpp"
#include "proxy/routing/assignment.hpp"
#include "tests/unit/control_plane/flag_fixture.hpp"

namespace cutwater::control {
namespace {

class FlagComparison : public FlagTest {
 protected:
  FlagComparison() { start(compared_config()); }

  // The error limit is 5 %, as in the documentation.
  static config::Config compared_config() {
    config::Config config = shop_config();
    config.services[0].flags = {ramping("first", 10), ramping("second", 20)};
    config.services[0].flags[0].deny = config::IdList({"denied"});
    return config;
  }
  // One request of this user, as an exchange routes it and tells of it.
  routing::Assignment request(const std::string& uid, bool failed) {
    const std::string cookie = "uid=" + uid;
    http::RequestHead head;
    head.fields.push_back({"Cookie", cookie, http::FieldId::Cookie});
    const auto assignment =
        routing::assign(*workers_.current->services[0], {&head, "192.0.2.7"}, random_, cookie_ids_);
    stats::AttemptResult result;
    result.outcome = failed ? stats::Outcome::Status5xx : stats::Outcome::Success;
    result.status = failed ? 500 : 200;
    result.latency = 3ms;
    const bool flagged = assignment.reason == routing::Reason::Flag;
    guard::CohortTicket ticket;
    const routing::FlagDraw& draw = assignment.draw;
    if (draw.comparison != nullptr)
      ticket = draw.comparison->enter(0, now_, {draw.in, draw.share, draw.client});
    if (flagged) assignment.flag_monitor->record(0, result, now_);
    if (ticket.joined()) draw.comparison->leave(0, ticket, result, true);
    return assignment;
  }
  // Users, each once. Of a hundred that the first flag has let in `flagged` fail, likewise
  // `others`.
  void users(int count, int flagged, int others) {
    std::array<int, 2> seen{};
    for (int i = 0; i < count; ++i) {
      const std::string uid = "u" + std::to_string(next_user_++);
      const bool in = routing::evaluate(live("first"), {}, uid).matched;
      const int failing = in ? flagged : others;
      request(uid, seen[in ? 1 : 0]++ % 100 < failing);
    }
  }
  void good_step() {
    pass_time(1s);
    users(5000, 0, 0);
    pass_time(61s);
  }
  void judge() {
    now_ += 1s;
    control_->guards.compare();
  }
  guard::TestReport relative(const std::string& flag) {
    for (auto& test : publisher_->flag_monitor("shop", flag)->report(now_).tests)
      if (test.name == "relative_error_rate") return test;
    return {};
  }
  bool anything_told() {
    return !ask(control_->history.decisions("shop", {}, 1)).body.at("decisions").as_array().empty();
  }
  bool is_compared(const std::string& flag) { return live(flag).comparison != nullptr; }

  int next_user_ = 0;
  Random random_;
  routing::CookieIdSource cookie_ids_;
};

TEST_F(FlagComparison, AFlagWorseThanItsControlGroupIsKilledBelowItsLimit) {
  users(10'000, 3, 0);
  judge();
  run_until([&] { return !live("first").enabled; });
  EXPECT_EQ(told("action"), "flag_killed");
  EXPECT_EQ(told("cause"), "guard");
  const std::string reason = told("reason");
  EXPECT_NE(reason.find("error rate of flag first is above that of the control group: "),
            std::string::npos)
      << reason;
  EXPECT_NE(reason.find("of the control group 0 of "), std::string::npos) << reason;
  const json::object evidence = decision().at("evidence").as_object();
  EXPECT_EQ(evidence.at("guard"), "relative_error_rate");
  EXPECT_EQ(evidence.at("baseline"), "the control group");
  EXPECT_LT(evidence.at("tests").at(0).at("rate").to_number<double>(), 0.05) << "within its limit";
  EXPECT_FALSE(publisher_->monitor("shop", "green")->tripped()) << "the version is not blamed";
}

TEST_F(FlagComparison, BothFailingAlikeKillsNothing) {
  users(10'000, 3, 3);
  judge();
  EXPECT_GT(relative("first").bad, 20u);
  EXPECT_GT(relative("first").baseline->bad, 200u);
  EXPECT_LT(relative("first").evidence, relative("first").alarm_at);
  EXPECT_TRUE(live("first").is_on());
  EXPECT_FALSE(anything_told());
}

TEST_F(FlagComparison, FailuresOfDeniedUsersAreNoComfort) {
  for (int i = 0; i < 2000; ++i)
    EXPECT_EQ(request("denied", true).draw.comparison, nullptr) << "neither in nor beside";
  users(10'000, 3, 0);
  judge();
  run_until([&] { return !live("first").enabled; });
  EXPECT_NE(told("reason").find("of the control group 0 of "), std::string::npos) << told("reason");
}

TEST_F(FlagComparison, OneFlagAtATimeIsComparedAndTheNextHasItsTurnWhenTheFirstHasEnded) {
  EXPECT_TRUE(is_compared("first"));
  EXPECT_FALSE(is_compared("second"));
  EXPECT_FALSE(publisher_->flag_monitor("shop", "second")->comparison());
  users(10'000, 3, 0);
  judge();
  run_until([&] { return !live("first").enabled; });
  EXPECT_FALSE(is_compared("first"));
  EXPECT_TRUE(is_compared("second"));
  EXPECT_TRUE(live("second").is_on());
  for (int i = 0; i < 4000; ++i) {
    const std::string uid = "v" + std::to_string(i);
    const bool in = routing::evaluate(live("second"), {}, uid).matched;
    request(uid, in && i % 30 == 0);
  }
  judge();
  run_until([&] { return !live("second").enabled; });
  EXPECT_NE(told("reason").find("flag second is above that of the control group"),
            std::string::npos)
      << told("reason");
}

TEST_F(FlagComparison, AKilledFlagThatIsRevivedIsComparedWithFreshEvidence) {
  users(10'000, 3, 0);
  judge();
  run_until([&] { return !live("first").enabled; });
  EXPECT_GT(relative("first").bad, 0u) << "what was found stays readable";
  ask(control_->flags.set_flag("shop", "first", true, ana_));
  EXPECT_TRUE(live("first").is_on());
  EXPECT_TRUE(is_compared("first"));
  EXPECT_FALSE(is_compared("second"));
  EXPECT_EQ(relative("first").bad, 0u);
}

TEST_F(FlagComparison, APausedRampGivesItsTurnAwayAndKeepsWhatWasFound) {
  users(1000, 3, 0);
  judge();
  const std::uint64_t found = relative("first").bad;
  EXPECT_GT(found, 0u);
  set("first", R"({"ramping": false})");
  EXPECT_FALSE(is_compared("first"));
  EXPECT_TRUE(is_compared("second"));
  set("first", R"({"ramping": true})");
  EXPECT_TRUE(is_compared("first"));
  EXPECT_FALSE(is_compared("second"));
  EXPECT_EQ(relative("first").bad, found) << "evidence is not spent anew with each pause";
}

TEST_F(FlagComparison, AFlagThatHasNoUsersYetDoesNotTakeTheTurn) {
  set("first", R"({"percentage": 0, "ramping": true})");
  EXPECT_FALSE(is_compared("first"));
  EXPECT_TRUE(is_compared("second"));
}

TEST_F(FlagComparison, TheShareOfTheMomentGoesWithEachRequest) {
  EXPECT_DOUBLE_EQ(request("u1", false).draw.share, 0.1);
  good_step();
  EXPECT_DOUBLE_EQ(request("u1", false).draw.share, 0.5);
  EXPECT_EQ(live("first").comparison, publisher_->flag_monitor("shop", "first")->comparison());
  judge();
  EXPECT_GT(relative("first").good, 400u) << "evidence is carried over the steps";
}

TEST_F(FlagComparison, AtTheWholeThereIsNothingToCompareWithAndNothingHangs) {
  set("second", R"({"ramping": false})");
  good_step();
  good_step();
  EXPECT_EQ(live("first").percentage, Share::kWhole);
  EXPECT_EQ(view("first").at("ramp").at("state").as_string(), "done");
  EXPECT_FALSE(is_compared("first"));
  set("second", R"({"ramping": true})");
  EXPECT_TRUE(is_compared("second")) << "it has its turn";
  users(1000, 3, 0);  // below its limit; with nobody beside it that is all there is
  judge();
  pass_time(10s);
  EXPECT_TRUE(live("first").is_on());
}

TEST_F(FlagComparison, ADryRunSaysThatItWouldKillTheFlagAndRaisesItNoFurther) {
  config::Config config = compared_config();
  config.services[0].guards.dry_run = true;
  start(config);
  pass_time(1s);
  users(40'000, 1, 0);  // proven to be below 5 %, and above the others
  judge();
  run_until([&] { return anything_told(); });
  EXPECT_EQ(told("action"), "flag_would_be_killed");
  EXPECT_NE(told("reason").find("above that of the control group"), std::string::npos);
  EXPECT_TRUE(live("first").is_on());
  pass_time(61s);
  EXPECT_EQ(live("first").percentage, 100'000);
}

TEST_F(FlagComparison, WithoutTheRelativeGuardNothingIsCompared) {
  config::Config config = compared_config();
  config.services[0].guards.relative = false;
  start(config);
  EXPECT_FALSE(is_compared("first"));
  users(10'000, 3, 0);
  judge();
  EXPECT_TRUE(live("first").is_on());
}

TEST_F(FlagComparison, WhatItFindsIsShownAndIsNoSettingOfTheFlag) {
  users(10'000, 3, 3);
  judge();
  const json::object shown = view("first");
  const json::array& tests = shown.at("ramp").at("tests").as_array();
  ASSERT_EQ(tests.size(), 4u);
  EXPECT_EQ(tests.at(3).at("name").as_string(), "relative_error_rate");
  EXPECT_GT(tests.at(3).at("baseline").at("bad").to_number<int>(), 200);
  users(1000, 0, 0);
  judge();
  const std::uint64_t generation = *control_->flags.flags("shop").etag;
  const Reply reply = set("first", to_text(shown));
  EXPECT_EQ(reply.status, 200) << "sent back as it was read";
  EXPECT_EQ(*reply.etag, generation);
}

TEST_F(FlagComparison, ARestartAndAReloadBeginAndKeepTheComparison) {
  start(compared_config());
  ASSERT_TRUE(is_compared("first"));
  const auto before = live("first").comparison;
  next_config_.config = compared_config();
  EXPECT_EQ(ask(control_->configuration.reload(ana_)).status, 200);
  EXPECT_EQ(live("first").comparison, before);
  next_config_.config->services[0].flags[0].ramp.reset();
  EXPECT_EQ(ask(control_->configuration.reload(ana_)).status, 200);
  EXPECT_FALSE(is_compared("first"));
  EXPECT_TRUE(is_compared("second"));
}

}  // namespace
}  // namespace cutwater::control
