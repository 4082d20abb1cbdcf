// Tests a recorded rollout under other limits: reverted, held or passed, and at which tick.
#include "control/rollout/replay.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/snapshot/guard_policy.hpp"
#include "proxy/guard/alarm.hpp"

namespace cutwater::control {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Outcome = Replay::Outcome;

constexpr std::int64_t kBegan = 1'795'000'000'000;

TrafficCounts did(std::uint64_t requests, std::uint64_t errors, Nanoseconds latency = 3ms) {
  TrafficCounts out;
  out.requests = requests;
  out.errors = errors;
  out.latency.emplace_back(static_cast<std::uint16_t>(stats::LatencyBuckets::index(latency)),
                           requests);
  return out;
}

// Holds a rollout of three steps, which the test writes down second by second.
class Recorded : public testing::Test {
 protected:
  Recorded() {
    asked.rollout = "r-1";
    asked.service = "shop";
    asked.from = "blue";
    asked.to = "green";
    for (const int weight : {5, 25, 100})
      asked.plan.stages.push_back({Share::percent(weight), 60s, false, {}});
  }
  void tick(std::size_t step, const TrafficCounts& to, const TrafficCounts& from = {}) {
    now += 1000;
    asked.ticks.push_back({now, 1000, step, asked.plan.stages[step].weight, to, from});
  }
  void healthy(std::size_t step, int seconds) {
    for (int i = 0; i < seconds; ++i) tick(step, did(50, i % 4 == 3 ? 1 : 0), did(950, 5));
  }
  Replay with(const char* guards) {
    ReplayCase changed = asked;
    const auto refused = change_guards(boost::json::parse(guards).as_object(), changed);
    EXPECT_FALSE(refused) << to_text(refused->body);
    return control::replay(changed);
  }
  std::string refused_member(const char* guards) {
    ReplayCase changed = asked;
    const auto refused = change_guards(boost::json::parse(guards).as_object(), changed);
    if (!refused) return "";
    EXPECT_EQ(refused->status, 422);
    return std::string(refused->body.at("member").as_string());
  }

  ReplayCase asked;
  std::int64_t now = kBegan;
};

TEST_F(Recorded, AHealthyRolloutPassesAndSaysWhenEachStepWasProven) {
  for (const std::size_t step : {0U, 1U, 2U}) healthy(step, 20);
  const Replay found = control::replay(asked);
  EXPECT_EQ(found.outcome, Outcome::Passed) << found.summary;
  EXPECT_EQ(found.requests, 3000u);
  EXPECT_EQ(found.errors, 15u);
  ASSERT_EQ(found.steps.size(), 3u);
  EXPECT_EQ(found.steps[0].proven_ms, kBegan + 2000) << "76 clean requests are in the second tick";
  EXPECT_EQ(found.steps[1].proven_ms, kBegan + 21'000)
      << "evidence is carried over, traffic is not";
  for (const ReplayedGuard& guard : found.guards) EXPECT_FALSE(guard.failure) << guard.test.name;
  EXPECT_EQ(found.guards[0].test.verdict, guard::Verdict::Pass);
}

TEST_F(Recorded, TheSameUnderAStricterLimitIsRevertedAtTheTickTheTestSays) {
  for (const std::size_t step : {0U, 1U}) healthy(step, 20);
  for (int i = 0; i < 60; ++i) tick(2, did(1000, 20));  // 2 %
  EXPECT_EQ(control::replay(asked).outcome, Outcome::Passed);

  guard::ChangePointEvidence test(0.01);
  std::size_t at = 0;
  for (; test.evidence() < 400; ++at)
    test.add_tick(asked.ticks[at].to.errors,
                  asked.ticks[at].to.requests - asked.ticks[at].to.errors);
  const Replay found = with(R"({"error_rate": "1%"})");
  EXPECT_EQ(found.outcome, Outcome::RolledBack);
  const ReplayedGuard* decisive = found.decisive();
  ASSERT_TRUE(decisive);
  EXPECT_EQ(decisive->test.name, "error_rate");
  EXPECT_EQ(decisive->failure->at_ms, asked.ticks[at - 1].end_ms);
  EXPECT_EQ(decisive->failure->step, 2u);
  EXPECT_DOUBLE_EQ(decisive->test.evidence, test.evidence());
  EXPECT_THAT(found.summary,
              HasSubstr("would have been rolled back at " + time_text(asked.ticks[at - 1].end_ms)));
  EXPECT_THAT(found.summary, HasSubstr("step 3 of 3 (100%)"));
  EXPECT_THAT(found.summary, HasSubstr("error rate of green is above 1%"));
  EXPECT_FALSE(found.steps[0].proven_ms) << "0.5 % in 1000 requests is no proof of less than 1 %";
}

TEST_F(Recorded, ATickOfOneRequestIsJudgedAsTheLiveGuardJudgesARequest) {
  guard::Alarm alarm(guard::alarm_limits(policy_of(asked.guards)).front());
  std::optional<std::int64_t> live;
  std::uint64_t good = 0;
  for (int i = 0; i < 3000; ++i) {
    const bool bad = i % 50 == 7 || (i > 2500 && i % 3 == 0);
    tick(0, did(1, bad ? 1 : 0));
    if (!bad) ++good;
    if (bad && !live && alarm.on_bad({0, good, TimePoint{}}, [] { return false; })) live = now;
  }
  ASSERT_TRUE(live) << "or this test compares nothing";
  const Replay found = with(R"({"relative": false})");
  ASSERT_TRUE(found.guards[0].failure);
  EXPECT_EQ(found.guards[0].failure->at_ms, *live);
  EXPECT_NEAR(found.guards[0].test.evidence / alarm.evidence(), 1, 0.9)
      << "the live one went on counting";
}

TEST_F(Recorded, FewerFailuresThanTheFloorRevertNothing) {
  tick(0, did(4, 4));
  EXPECT_FALSE(with(R"({"relative": false})").decisive());
  tick(0, did(1, 1));
  EXPECT_TRUE(with(R"({"relative": false})").decisive());
}

TEST_F(Recorded, AnyLatencyLimitCanBeTried) {
  healthy(0, 20);
  for (int i = 0; i < 20; ++i) tick(0, did(50, 0, 900ms));
  EXPECT_FALSE(control::replay(asked).decisive());
  const Replay found = with(R"({"p95": "800ms", "relative": false})");
  ASSERT_TRUE(found.decisive());
  EXPECT_EQ(found.decisive()->test.name, "p95");
  EXPECT_GT(found.decisive()->failure->at_ms, asked.ticks[19].end_ms);
  EXPECT_THAT(found.summary, HasSubstr("p95 of green is above 800ms"));
  EXPECT_FALSE(with(R"({"p95": "1s"})").decisive());
  EXPECT_EQ(with(R"({"p95": "500ms", "p95_critical": "700ms"})").guards[2].failure.has_value(),
            true);
}

TEST_F(Recorded, NoTrafficIsNoDecision) {
  EXPECT_EQ(control::replay(asked).outcome, Outcome::NoTraffic);
  for (int i = 0; i < 60; ++i) tick(0, {}, did(950, 0));
  const Replay found = control::replay(asked);
  EXPECT_EQ(found.outcome, Outcome::NoTraffic);
  EXPECT_EQ(found.summary, "no decision possible: green had no requests");
}

TEST_F(Recorded, AStepWithoutEnoughEvidenceWouldHaveBeenHeld) {
  tick(0, did(40, 0));
  healthy(1, 20);
  const Replay found = control::replay(asked);
  EXPECT_EQ(found.outcome, Outcome::Held);
  EXPECT_THAT(found.summary, HasSubstr("would have been held at step 1 of 3 (5%)"));
  EXPECT_THAT(found.summary, HasSubstr("about 36 more good requests"));
  EXPECT_TRUE(found.steps[1].proven_ms);
}

TEST_F(Recorded, ARecordThatEndsEarlySaysSo) {
  healthy(0, 20);
  const Replay found = control::replay(asked);
  EXPECT_EQ(found.outcome, Outcome::PassedSoFar);
  EXPECT_THAT(found.summary, HasSubstr("the record ends at step 1 of 3"));
}

TEST_F(Recorded, WorseThanTheOldVersionIsFoundUnlessNotAsked) {
  for (int i = 0; i < 60; ++i) tick(0, did(50, 2), did(950, 1));  // 4 % against 0.1 %
  const Replay found = control::replay(asked);
  ASSERT_TRUE(found.decisive());
  EXPECT_EQ(found.decisive()->test.name, "relative_error_rate");
  EXPECT_THAT(found.summary, HasSubstr("that of blue"));
  EXPECT_FALSE(with(R"({"relative": false})").decisive());
  for (TrafficTick& one : asked.ticks) one.from.errors = 20;  // 2.1 %: not twice as bad
  EXPECT_FALSE(with(R"({"relative_tolerance": "100%"})").decisive());
  EXPECT_TRUE(with(R"({"relative_tolerance": "0%", "false_rollback": "50%"})").decisive());
}

TEST_F(Recorded, WhenBothFailAlikeItIsHeldUnlessTheWeightHasJustRisen) {
  for (int i = 0; i < 400; ++i) tick(0, did(50, 0), did(950, 0));
  for (int i = 0; i < 60; ++i) tick(0, did(50, 15), did(950, 285));
  const Replay held = control::replay(asked);
  EXPECT_FALSE(held.decisive()) << held.summary;
  ASSERT_TRUE(held.guards[0].common_cause_ms);
  EXPECT_EQ(held.guards[0].test.verdict, guard::Verdict::CommonCause);
  const Replay blamed = with(R"({"blame_window": "1h"})");
  ASSERT_TRUE(blamed.decisive());
  EXPECT_THAT(blamed.summary, HasSubstr("the weight of green rose within the last 1h"));
}

TEST_F(Recorded, LimitsOfAStepHoldUnlessOthersAreAsked) {
  asked.plan.stages[0].guards.error_rate = Share::percent(1);
  for (int i = 0; i < 60; ++i) tick(0, did(50, 1));  // 2 %
  ASSERT_TRUE(with(R"({"relative": false})").decisive());
  EXPECT_THAT(with(R"({"relative": false})").summary, HasSubstr("above 1%"));
  EXPECT_FALSE(with(R"({"relative": false, "error_rate": "5%"})").decisive());
}

TEST_F(Recorded, FreshLimitsBeginWithFreshEvidence) {
  asked.plan.stages[1].guards.error_rate = Share::percent(1);
  healthy(0, 20);
  tick(1, did(50, 0));
  const Replay found = control::replay(asked);
  EXPECT_TRUE(found.steps[0].proven_ms);
  EXPECT_FALSE(found.steps[1].proven_ms);
  EXPECT_EQ(found.guards[0].test.good, 50u);
}

TEST_F(Recorded, WhatCannotBeALimitIsRefusedByName) {
  EXPECT_EQ(refused_member(R"({"error_rate": "200%"})"), "error_rate");
  EXPECT_EQ(refused_member(R"({"error_rate": 0})"), "error_rate");
  EXPECT_EQ(refused_member(R"({"p95": 800})"), "p95");
  EXPECT_EQ(refused_member(R"({"p95": "2s", "p95_critical": "1s"})"), "p95_critical");
  EXPECT_EQ(refused_member(R"({"false_rollback": "60%"})"), "false_rollback");
  EXPECT_EQ(refused_member(R"({"relative": "no"})"), "relative");
  EXPECT_EQ(refused_member(R"({"errorrate": "2%"})"), "errorrate");
  EXPECT_EQ(refused_member(R"({"error_rate": 2, "relative_tolerance": "50%"})"), "");
}

TEST_F(Recorded, ARecordGivenOutCanBeReplayedElsewhere) {
  for (const std::size_t step : {0U, 1U}) healthy(step, 20);
  asked.guards.error_rate = Share::percent(1);
  asked.guards.relative = false;
  const auto again = case_from_record(boost::json::parse(to_text(record_view(asked))));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->ticks, asked.ticks);
  EXPECT_EQ(to_text(replay_view(*again, control::replay(*again))),
            to_text(replay_view(asked, control::replay(asked))));
  for (const char* garbage : {"[]", "{}", R"({"rollout": "r", "service": "s"})"})
    EXPECT_FALSE(case_from_record(boost::json::parse(garbage))) << garbage;
  boost::json::object broken = record_view(asked);
  broken["ticks"].at(0).at("to").as_object()["errors"] = 51;
  EXPECT_FALSE(case_from_record(broken)) << "more errors than requests";
}

TEST_F(Recorded, TheViewHasWhatAScriptNeeds) {
  asked.guards.relative = false;
  for (int i = 0; i < 60; ++i) tick(0, did(50, 10));
  const auto view = replay_view(asked, control::replay(asked));
  EXPECT_EQ(view.at("outcome").as_string(), "rolled_back");
  EXPECT_EQ(view.at("guard").as_string(), "error_rate");
  EXPECT_EQ(view.at("limits").at("error_rate").as_string(), "5%");
  EXPECT_EQ(view.at("guards").at(0).at("failed").at("step"), 1);
  EXPECT_EQ(view.at("steps").at(0).at("verdict").as_string(), "fail");
  EXPECT_THAT(to_text(view.at("notes")), HasSubstr("a tick counts as one observation"));
  EXPECT_THAT(to_text(view.at("notes")), HasSubstr("know no clients"));
}

}  // namespace
}  // namespace cutwater::control
