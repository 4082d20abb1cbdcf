// Something that a ramping flag's users and everybody else depend on breaks: whose fault is it?
#include "tests/unit/control_plane/flag_fixture.hpp"

namespace cutwater::control {
namespace {

class FlagIncident : public FlagTest {
 protected:
  FlagIncident() { start(ramping_config()); }

  static config::Config ramping_config() {
    config::Config config = shop_config();
    config.services[0].flags = {ramping("ramp", 5)};
    config.services[0].flags[0].ramp->max_step = 10min;
    return config;
  }
  const routing::FlagSnapshot& live() { return FlagTest::live("ramp"); }
  std::string verdict() { return std::string(view("ramp").at("ramp").at("verdict").as_string()); }
  // Three of ten requests fail, of the flag's users and of a version's.
  void incident(const std::string& version, int times) {
    for (int i = 0; i < times; ++i) {
      fail(version, 3);
      succeed(version, 7);
      flagged("ramp", 3, stats::Outcome::Status5xx);
      flagged("ramp", 7, stats::Outcome::Success);
    }
  }
  void rise() {
    pass_time(1s);
    flagged("ramp", 200, stats::Outcome::Success);
    pass_time(61s);
    ASSERT_EQ(live().percentage, 500'000);
  }
  void settle() {
    run_until([this] { return context_->poll() == 0; });
  }
};

TEST_F(FlagIncident, WhatStableSuffersAsWellKillsNoFlagAndRaisesNone) {
  incident("blue", 20);
  settle();
  EXPECT_TRUE(live().enabled);
  EXPECT_EQ(verdict(), "common_cause");
  flagged("ramp", 300, stats::Outcome::Success);
  pass_time(70s);
  EXPECT_EQ(live().percentage, 50'000) << "it has to prove itself again, and so has stable";
  EXPECT_FALSE(publisher_->monitor("shop", "blue")->tripped()) << "a witness";
}

TEST_F(FlagIncident, IsToldWhenTheStepWaitsForTooLong) {
  for (int second = 0; second < 601; ++second) {
    incident("blue", 2);
    pass_time(1s);
  }
  EXPECT_EQ(told("action"), "flag_held");
  EXPECT_EQ(told("cause"), "common_cause");
  EXPECT_NE(told("reason").find("fail alike"), std::string::npos) << told("reason");
  EXPECT_TRUE(live().enabled);
}

TEST_F(FlagIncident, IsTheFlagsFaultRightAfterItWasRaised) {
  rise();
  incident("blue", 20);
  settle();
  pass_time(1s);
  EXPECT_FALSE(live().enabled);
  EXPECT_EQ(told("action"), "flag_killed");
  EXPECT_EQ(told("cause"), "common_cause");
  EXPECT_NE(told("reason").find("rose within the last 5m"), std::string::npos) << told("reason");
}

TEST_F(FlagIncident, IsNotItsFaultLongAfter) {
  rise();
  pass_time(301s);
  incident("blue", 20);
  settle();
  pass_time(1s);
  EXPECT_TRUE(live().enabled);
}

TEST_F(FlagIncident, InADryRunItsFaultIsToldOnce) {
  auto config = ramping_config();
  config.services[0].guards.dry_run = true;
  start(config);
  rise();
  incident("blue", 20);
  settle();
  pass_time(1s);
  EXPECT_EQ(told("action"), "flag_would_be_killed");
  EXPECT_EQ(told("cause"), "common_cause");
  const auto seq = decision().at("seq");
  pass_time(5s);
  EXPECT_EQ(decision().at("seq"), seq);
  EXPECT_TRUE(live().enabled);
}

TEST_F(FlagIncident, OfTheFlagAloneKillsIt) {
  succeed("blue", 1000);
  incident("red", 20);
  run_until([&] { return !live().enabled; });
  EXPECT_EQ(told("cause"), "guard");
}

TEST_F(FlagIncident, OfStableAloneRaisesNoFlag) {
  pass_time(1s);
  flagged("ramp", 200, stats::Outcome::Success);
  for (int second = 0; second < 61; ++second) {
    fail("blue", 3);
    succeed("blue", 7);
    pass_time(1s);
  }
  EXPECT_EQ(live().percentage, 50'000);
  pass_time(61s);
  EXPECT_EQ(live().percentage, 500'000) << "stable is well again";
}

TEST_F(FlagIncident, IsSeenOnTheStableVersionOfTheMoment) {
  put(R"({"blue":0,"red":100})");
  succeed("red", 2000);
  pass_time(2s);
  ASSERT_EQ(control_->services_asked.service("shop").body.at("stable"), "red");
  incident("red", 20);
  settle();
  EXPECT_TRUE(live().enabled);
  EXPECT_EQ(verdict(), "common_cause");
}

TEST_F(FlagIncident, StableIsAWitnessOnlyWhileAFlagIsJudged) {
  EXPECT_TRUE(publisher_->monitor("shop", "blue")->report(now_).armed);
  ask(control_->flags.set_flag("shop", "ramp", false, ana_));
  EXPECT_FALSE(publisher_->monitor("shop", "blue")->report(now_).armed);
  ask(control_->flags.set_flag("shop", "ramp", true, ana_));
  EXPECT_TRUE(publisher_->monitor("shop", "blue")->report(now_).armed);
  next_config_ = {shop_config(), {}};
  EXPECT_EQ(ask(control_->configuration.reload(ana_)).status, 200);
  EXPECT_FALSE(publisher_->monitor("shop", "blue")->report(now_).armed);
}

}  // namespace
}  // namespace cutwater::control
