// Weights for a while: what a deploy script that dies leaves behind.
#include <gmock/gmock.h>

#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

using testing::HasSubstr;

class LeaseTest : public ControlPlaneTest {
 protected:
  LeaseTest() { start(); }
  json::value weights() { return control_->weights.weights("shop").body; }
  bool leased() { return weights().as_object().contains("lease"); }
};

TEST_F(LeaseTest, FallsBackWhenNobodyRenewsIt) {
  const Reply set = put(R"({"blue": 90, "green": 10, "ttl": "15m"})");
  ASSERT_EQ(set.status, 200);
  const json::value& lease = set.body.at("lease");
  EXPECT_EQ(lease.at("falls_back_to").at("blue").to_number<int>(), 100);
  EXPECT_EQ(lease.at("actor").as_string(), "ana");
  pass_time(15min - 1s);
  EXPECT_EQ(workers_.percent("green"), 10);
  pass_time(1s);
  EXPECT_EQ(workers_.percent("green"), 0);
  EXPECT_EQ(workers_.percent("blue"), 100);
  EXPECT_FALSE(leased());
  EXPECT_EQ(decision().at("action").as_string(), "lease_expired");
  EXPECT_THAT(std::string(decision().at("reason").as_string()),
              HasSubstr("not renewed in time: back to blue 100%"));
}

TEST_F(LeaseTest, RenewedItStaysAndStillFallsBackToWhereItBegan) {
  put(R"({"blue": 90, "green": 10, "ttl": "1m"})");
  pass_time(50s);
  put(R"({"blue": 80, "green": 20, "ttl": "1m"})");
  pass_time(50s);
  EXPECT_EQ(workers_.percent("green"), 20);
  pass_time(10s);
  EXPECT_EQ(workers_.percent("green"), 0);
}

TEST_F(LeaseTest, WeightsWithoutTtlAreForGood) {
  put(R"({"blue": 90, "green": 10, "ttl": "1m"})");
  put(R"({"blue": 90, "green": 10})");
  EXPECT_FALSE(leased());
  pass_time(2min);
  EXPECT_EQ(workers_.percent("green"), 10);
}

TEST_F(LeaseTest, SurvivesARestartAndCountsOnMeanwhile) {
  put(R"({"blue": 90, "green": 10, "ttl": "15m"})");
  wall_ms_ += 10 * 60 * 1000;  // down for ten minutes
  start();
  EXPECT_TRUE(leased());
  EXPECT_EQ(workers_.percent("green"), 10);
  pass_time(5min);
  EXPECT_EQ(workers_.percent("green"), 0);
}

TEST_F(LeaseTest, ExpiredWhileDownItFallsBackAtOnce) {
  put(R"({"blue": 90, "green": 10, "ttl": "1m"})");
  wall_ms_ += 10 * 60 * 1000;
  start();
  pass_time(1s);
  EXPECT_EQ(workers_.percent("green"), 0);
}

TEST_F(LeaseTest, ARolloutSteersForGood) {
  put(R"({"blue": 95, "green": 5, "ttl": "1m"})");
  ASSERT_EQ(roll_out(R"({"to": "green", "steps": ["5%", "100%"], "bake": "1h"})").status, 201);
  EXPECT_FALSE(leased()) << "even though the first step has the same weights";
  pass_time(2min);
  EXPECT_EQ(workers_.percent("green"), 5);
}

TEST_F(LeaseTest, AGuardThatTripsEndsIt) {
  put(R"({"blue": 90, "green": 10, "ttl": "1m"})");
  fail("green", 30);
  run_until([&] { return workers_.percent("green") == 0; });
  EXPECT_FALSE(leased());
  pass_time(2min);
  EXPECT_EQ(decision().at("action").as_string(), "rolled_back");
}

TEST_F(LeaseTest, AVersionLockedOutMeanwhileDoesNotComeBack) {
  put(R"({"blue": 90, "green": 10})");
  put(R"({"blue": 80, "green": 10, "red": 10, "ttl": "1m"})");
  fail("red", 30);  // all goes to blue, the lease ends
  run_until([&] { return workers_.percent("blue") == 100; });
  pass_time(2min);
  EXPECT_EQ(workers_.percent("blue"), 100);
}

TEST_F(LeaseTest, AReloadThatAddsAVersionKeepsIt) {
  put(R"({"blue": 90, "green": 10, "ttl": "1m"})");
  config::Config next = shop_config();
  next.services[0] = make_service("shop", {"blue", "green", "red", "pink"});
  next_config_ = {next, {}};
  ASSERT_EQ(ask(control_->configuration.reload(ana_)).status, 200);
  ASSERT_EQ(ask(control_->flags.set_flag("shop", "beta", false, ana_)).status, 404);
  EXPECT_TRUE(leased());
  pass_time(1min);
  EXPECT_EQ(workers_.percent("green"), 0);
}

TEST_F(LeaseTest, WholeTrafficForAWhileMakesNothingStable) {
  put(R"({"blue": 0, "green": 100, "ttl": "10m"})");
  succeed("green", 1000);
  pass_time(1min);
  EXPECT_EQ(control_->services_asked.service("shop").body.at("stable").as_string(), "blue");
  pass_time(9min);
  EXPECT_EQ(workers_.percent("blue"), 100);
}

TEST_F(LeaseTest, ABadTtlIsRefused) {
  for (const char* bad : {R"("15")", "15", R"("0s")", R"("31d")", "null", R"("-1m")"}) {
    const Reply reply =
        put((R"({"blue": 90, "green": 10, "ttl": )" + std::string(bad) + "}").c_str());
    EXPECT_EQ(reply.status, 422) << bad;
    EXPECT_THAT(std::string(reply.body.at("detail").as_string()), HasSubstr("`ttl`"));
  }
}

}  // namespace
}  // namespace cutwater::control
