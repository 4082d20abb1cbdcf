// What may be written in the body of a new rollout, and what is said about what may not.
#include "control/rollout/plan.hpp"

#include <gtest/gtest.h>

namespace cutwater::control {
namespace {

using namespace std::chrono_literals;

RolloutRequest accepted(const char* body) {
  auto parsed = parse_rollout_request(boost::json::parse(body).as_object(), {});
  const auto* request = std::get_if<RolloutRequest>(&parsed);
  EXPECT_NE(request, nullptr) << body;
  return request ? *request : RolloutRequest{};
}
std::string refused(const char* body) {
  auto parsed = parse_rollout_request(boost::json::parse(body).as_object(), {});
  const auto* reply = std::get_if<Reply>(&parsed);
  EXPECT_NE(reply, nullptr) << body << " was accepted";
  if (reply == nullptr) return {};
  EXPECT_EQ(reply->status, 422);
  return std::string(reply->body.at("detail").as_string());
}

TEST(PlanTest, The_name_of_the_version_is_enough) {
  const auto request = accepted(R"({"to":"green"})");
  EXPECT_EQ(request.to, "green");
  EXPECT_EQ(request.plan.steps.size(), 5u);
  EXPECT_EQ(request.plan.bake, 60s);
}

TEST(PlanTest, Steps_are_percent_as_numbers_or_text_and_end_at_the_whole) {
  const auto request = accepted(R"({"to":"green","steps":[0.5,"5%",50],"bake":"5s"})");
  EXPECT_EQ(request.plan.steps, (std::vector<Share>{Share{5000}, Share::percent(5),
                                                    Share::percent(50), Share::percent(100)}));
  EXPECT_EQ(request.plan.bake, 5s);
}

TEST(PlanTest, A_long_bake_needs_no_max_step_of_its_own) {
  EXPECT_EQ(accepted(R"({"to":"green","bake":"2h"})").plan.max_step, 2h);
}

TEST(PlanTest, What_is_wrong_is_named) {
  EXPECT_NE(refused("{}").find("`to`"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","steps":[25,5]})").find("greater"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","steps":[0]})").find("`0`"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","steps":[101]})").find("`101`"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","bake":60})").find("\"60s\""), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","bakee":"60s"})").find("unknown member"), std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","bake":"2m","max_step":"1m"})").find("max_step"),
            std::string::npos);
  EXPECT_NE(refused(R"({"to":"g","commit_time":"yesterday"})").find("commit_time"),
            std::string::npos);
}

TEST(PlanTest, Other_strategies_are_refused_honestly) {
  EXPECT_NE(refused(R"({"to":"g","strategy":"blue_green"})").find("not available in this version"),
            std::string::npos);
}

TEST(PlanTest, A_plan_survives_the_store) {
  const auto plan = accepted(R"({"to":"g","steps":[1,2],"on_inconclusive":"rollback"})").plan;
  const auto again = plan_from_json(to_json(plan));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(to_json(*again), to_json(plan));
}

}  // namespace
}  // namespace cutwater::control
