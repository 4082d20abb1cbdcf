// Tests what may be written in the body of a new rollout, and what is said about the rest.
#include "control/rollout/plan.hpp"

#include <gtest/gtest.h>

#include "config/windows.hpp"
#include "control/base/json_text.hpp"

namespace cutwater::control {
namespace {

using namespace std::chrono_literals;

RolloutRequest accepted(const char* body, const config::RolloutDefaults& defaults = {}) {
  auto parsed = parse_rollout_request(boost::json::parse(body).as_object(), defaults);
  const auto* request = std::get_if<RolloutRequest>(&parsed);
  EXPECT_NE(request, nullptr) << body;
  return request ? *request : RolloutRequest{};
}
std::string refused(const char* body, const config::RolloutDefaults& defaults = {}) {
  auto parsed = parse_rollout_request(boost::json::parse(body).as_object(), defaults);
  const auto* reply = std::get_if<Reply>(&parsed);
  EXPECT_NE(reply, nullptr) << body << " was accepted";
  if (reply == nullptr) return {};
  EXPECT_EQ(reply->status, 422);
  return std::string(reply->body.at("detail").as_string());
}

TEST(PlanTest, TheNameOfTheVersionIsEnough) {
  const auto request = accepted(R"({"to":"green"})");
  EXPECT_EQ(request.to, "green");
  EXPECT_EQ(request.plan.stages.size(), 5u);
  EXPECT_EQ(request.plan.stages[0].bake, 60s);
}

TEST(PlanTest, StepsArePercentAsNumbersOrTextAndEndAtTheWhole) {
  const auto request = accepted(R"({"to":"green","steps":[0.5,"5%",50],"bake":"5s"})");
  EXPECT_EQ(to_text(plan_view(request.plan).at("steps")), "[0.5,5,50,100]");
  EXPECT_EQ(request.plan.stages[0].bake, 5s);
}

TEST(PlanTest, ALongBakeNeedsNoMaxStepOfItsOwn) {
  EXPECT_EQ(accepted(R"({"to":"green","bake":"2h"})").plan.max_step, 2h);
}

TEST(PlanTest, WhatIsWrongIsNamed) {
  EXPECT_NE(refused("{}").find("`to`"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","steps":[25,5]})").find("greater"), std::string::npos);
  for (const char* p95 : {"0s", "2h"}) {
    const std::string body =
        R"({"to":"g","steps":[{"weight":5,"guards":{"p95":")" + std::string(p95) + R"("}},100]})";
    EXPECT_NE(refused(body.c_str()).find("`p95` of a step"), std::string::npos) << p95;
  }
  EXPECT_NE(refused(R"({"to":"g","steps":[0]})").find("`0`"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","steps":[101]})").find("`101`"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","bake":60})").find("\"60s\""), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","bakee":"60s"})").find("unknown member"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","bake":"2m","max_step":"1m"})").find("max_step"),
            std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","commit_time":"yesterday"})").find("commit_time"),
            std::string::npos);
}

TEST(PlanTest, AnUnknownStrategyIsNamed) {
  EXPECT_NE(refused(R"({"to":"g","strategy":"big_bang"})").find("known are canary, blue_green"),
            std::string::npos);
}

TEST(PlanTest, APlanSurvivesTheStore) {
  config::RolloutDefaults defaults;
  defaults.adaptive.emplace();
  defaults.windows = {*config::parse_window("Mon-Fri 08:00-17:00")};
  defaults.smoke.emplace_back();
  const auto plan =
      accepted(R"({"to":"g","steps":[1,{"weight":2,"bake":"5m","guards":{"p95":"1s"}}],
                   "on_inconclusive":"rollback","approval":[2],"holdback":"1%"})",
               defaults)
          .plan;
  const auto again = plan_from_json(to_json(plan));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(to_json(*again), to_json(plan));
}

TEST(PlanTest, BlueGreenBeginsWithAPreviewAndSwitchesAtOnceOrOverARamp) {
  const auto steps = [](const char* body) {
    return to_text(plan_view(accepted(body).plan).at("steps"));
  };
  EXPECT_EQ(steps(R"({"to":"g","strategy":"blue_green"})"), "[0,100]");
  EXPECT_EQ(steps(R"({"to":"g","strategy":"blue_green","steps":[20,60]})"), "[0,20,60,100]");
}

TEST(PlanTest, AHoldbackIsLeftToTheOldVersionByTheLastStep) {
  EXPECT_EQ(to_text(plan_view(accepted(R"({"to":"g","steps":[5],"holdback":2})").plan).at("steps")),
            "[5,98]");
  EXPECT_NE(refused(R"({"to":"g","steps":[99],"holdback":2})").find("last but one"),
            std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","holdback":50})").find("up to 10%"), std::string::npos);
}

TEST(PlanTest, AnApprovalBelongsToAStep) {
  const auto request = accepted(R"({"to":"g","steps":[5,50],"approval":["50%"]})");
  EXPECT_FALSE(request.plan.stages[0].approval);
  EXPECT_TRUE(request.plan.stages[1].approval);
  EXPECT_NE(refused(R"({"to":"g","steps":[5,50],"approval":[40]})").find("40% is none"),
            std::string::npos);
}

TEST(PlanTest, NobodyGetsAroundTheConfiguredApprovalWithStepsOfHisOwn) {
  config::RolloutDefaults defaults;
  defaults.approval = {Share::percent(50)};
  EXPECT_TRUE(accepted(R"({"to":"g","steps":[10,100]})", defaults).plan.stages[0].approval);
  EXPECT_NE(refused(R"({"to":"g","steps":[100]})", defaults).find("approval at 50%"),
            std::string::npos);
}

TEST(PlanTest, ABakeShorterThanATickIsRefused) {
  EXPECT_NE(refused(R"({"to":"g","bake":"100ms"})").find("at least 1s"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","steps":[{"weight":5,"bake":"999ms"}]})").find("at least 1s"),
            std::string::npos);
}

config::Version version(const std::string& name, std::vector<std::string> urls) {
  config::Version out;
  out.name = name;
  for (auto& url : urls) out.endpoints.push_back({url, {}});
  return out;
}

TEST(PlanTest, ARollingPlanPairsEndpointsInPlaceOrInOrder) {
  auto plan = accepted(R"({"to":"g","strategy":"rolling"})").plan;
  const auto blue = version("blue", {"http://a", "http://b", "http://c"});
  ASSERT_FALSE(plan_rolling(plan, blue, version("g", {"http://x", "http://b", "http://y"}), {}));
  ASSERT_EQ(plan.endpoints.size(), 3u);
  EXPECT_EQ(plan.endpoints[0].to, "http://x");
  EXPECT_EQ(plan.endpoints[1].to, "http://b");
  EXPECT_EQ(plan.endpoints[2].to, "http://y");
  EXPECT_EQ(to_text(plan_view(plan).at("steps")), "[33.3333,66.6666,100]");
}

TEST(PlanTest, ARollingPlanThatCannotWorkSaysWhy) {
  auto plan = accepted(R"({"to":"g","strategy":"rolling","max_unavailable":2})").plan;
  const auto two = version("blue", {"http://a", "http://b"});
  const auto fewer = plan_rolling(plan, two, version("g", {"http://a"}), {});
  ASSERT_TRUE(fewer);
  EXPECT_NE(fewer->body.at("detail").as_string().find("`blue` has 2 and `g` has 1"),
            std::string::npos);
  const auto none_left = plan_rolling(plan, two, version("g", {"http://a", "http://b"}), {});
  ASSERT_TRUE(none_left);
  EXPECT_EQ(none_left->body.at("member").as_string(), "max_unavailable");
  EXPECT_NE(refused(R"({"to":"g","strategy":"rolling","steps":[5]})").find("every endpoint"),
            std::string::npos);
}

}  // namespace
}  // namespace cutwater::control
