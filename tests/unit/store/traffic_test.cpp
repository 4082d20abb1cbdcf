// Tests the record of a rollout's traffic: kept, bounded, forgotten; and its form as JSON.
#include <gmock/gmock.h>

#include <algorithm>

#include "control/base/rfc3339.hpp"
#include "control/store/schema.hpp"
#include "store_fixture.hpp"

namespace cutwater::control {
namespace {

constexpr std::int64_t kRecordBegan = 1'795'000'000'000;

TrafficTick second(int number, std::size_t step = 0) {
  TrafficTick tick;
  tick.end_ms = kRecordBegan + 1000LL * (number + 1);
  tick.span_ms = 1000;
  tick.step = step;
  tick.weight = Share::percent(5);
  tick.to = {10, 1, 0, {{500, 6}, {501, 4}}};
  tick.from = {190, 2, 0, {{499, 90}, {505, 100}}};
  return tick;
}

Traffic seconds(int count, std::size_t step = 0) {
  Traffic out;
  for (int i = 0; i < count; ++i) out.push_back(second(i, step));
  return out;
}

TrafficCounts sum_of(const Traffic& ticks) {
  TrafficCounts sum;
  for (const TrafficTick& tick : ticks) sum += tick.to;
  return sum;
}

using TrafficStoreTest = StoreTest;

TEST_F(TrafficStoreTest, WhatWasRecordedIsThereAfterARestart) {
  {
    auto store = open();
    ASSERT_TRUE(store->append_traffic("r-1", seconds(10)).has_value());
    ASSERT_TRUE(store->append_traffic("r-2", {second(3)}).has_value());
    ASSERT_TRUE(store->append_traffic("r-1", {second(10)}).has_value());
  }
  auto store = open();
  EXPECT_EQ(*store->traffic("r-1"), seconds(11));
  EXPECT_EQ(*store->traffic("r-2"), Traffic{second(3)});
  EXPECT_TRUE(store->traffic("r-3")->empty());
}

TEST_F(TrafficStoreTest, ALongRolloutIsKeptInLongerTicks) {
  auto store = open();
  const Traffic all = seconds(5000);
  for (int i = 0; i < 5000; i += 100)
    ASSERT_TRUE(
        store->append_traffic("r-1", Traffic(all.begin() + i, all.begin() + i + 100)).has_value());
  const Traffic kept = *store->traffic("r-1");
  EXPECT_LE(kept.size(), kMostTicks);
  EXPECT_GT(kept.size(), kMostTicks / 4) << "no coarser than it has to be";
  EXPECT_EQ(sum_of(kept), sum_of(all)) << "nothing is lost";
  EXPECT_EQ(kept.back().end_ms, all.back().end_ms);
  for (const TrafficTick& tick : kept) EXPECT_LE(tick.span_ms, 8000);
}

TEST_F(TrafficStoreTest, TheRecordGoesWithItsRollout) {
  auto store = open();
  Change change;
  change.rollouts = {{"old", "shop", false, {{"started_ms", 1000}}},
                     {"running", "shop", true, {{"started_ms", 1000}}},
                     {"new", "shop", false, {{"started_ms", kRecordBegan}}}};
  ASSERT_TRUE(store->commit(change).has_value());
  for (const char* id : {"old", "running", "new"})
    ASSERT_TRUE(store->append_traffic(id, seconds(3)).has_value());
  ASSERT_TRUE(store->prune({kRecordBegan, time_text(kRecordBegan), kRecordBegan}).has_value());
  EXPECT_TRUE(store->traffic("old")->empty());
  EXPECT_EQ(store->traffic("running")->size(), 3u);
  EXPECT_EQ(store->traffic("new")->size(), 3u);
}

TEST_F(TrafficStoreTest, OnlyRolloutsThatCanBeAskedForHaveARecord) {
  auto store = open();
  Change change;
  for (int i = 0; i < 60; ++i)
    change.rollouts.push_back(
        {"r-" + std::to_string(i), "shop", false, {{"started_ms", kRecordBegan + i}}});
  ASSERT_TRUE(store->commit(change).has_value());
  for (int i = 0; i < 60; ++i)
    ASSERT_TRUE(store->append_traffic("r-" + std::to_string(i), {second(0)}).has_value());
  ASSERT_TRUE(store->prune({0, time_text(0), 0}).has_value());
  EXPECT_TRUE(store->traffic("r-9")->empty());
  EXPECT_EQ(store->traffic("r-10")->size(), 1u);
}

TEST_F(TrafficStoreTest, AFlippedBitInARecordIsDamage) {
  ASSERT_TRUE(open()->append_traffic("r-1", seconds(3)).has_value());
  std::string content = bytes();
  const auto at = content.rfind("\"requests\":190");
  ASSERT_NE(at, std::string::npos);
  content[at + 11] = '7';
  overwrite(content);
  auto store = open();
  ASSERT_TRUE(store) << "it is no reason not to serve";
  EXPECT_TRUE(store->traffic("r-1").has_error());
}

TEST_F(TrafficStoreTest, FilesOfOlderVersionsGetTheTable) {
  for (const std::string schema : {"1", "2"}) {
    ASSERT_TRUE(open()->commit(weights_change(2)).has_value());
    {
      Database database(file(), SQLITE_OPEN_READWRITE);
      database.exec("DROP TABLE traffic;");
      if (schema == "1") database.exec("DROP TABLE outbox; DROP TABLE audit;");
      Statement(database, "UPDATE meta SET value=?1, sum=?2 WHERE key='schema'")
          .bind(1, schema)
          .bind(2, row_sum({"schema", schema}))
          .run();
    }
    auto store = open();
    ASSERT_TRUE(store) << schema;
    EXPECT_TRUE(store->append_traffic("r-1", seconds(3)).has_value()) << schema;
    EXPECT_TRUE(store->append_audit({}).has_value()) << schema;
  }
  EXPECT_EQ(open()->traffic("r-1")->size(), 3u);
}

TEST(TrafficRecord, TicksOfDifferentStepsOrWeightsStayApart) {
  Traffic ticks = seconds(10);
  ticks[5].weight = Share::percent(25);
  for (std::size_t i = 6; i < 10; ++i) ticks[i].step = 1;
  coalesce(ticks, 4);
  ASSERT_EQ(ticks.size(), 3u);
  EXPECT_EQ(ticks[0].to.requests, 50u);
  EXPECT_EQ(ticks[1].to.requests, 10u);
  EXPECT_EQ(ticks[2].span_ms, 4000);
}

TEST(TrafficRecord, WhatDoesNotFitIsBoundedWhateverHappens) {
  Traffic ticks = seconds(100);
  for (std::size_t i = 0; i < ticks.size(); ++i) ticks[i].step = i;
  coalesce(ticks, 10);
  ASSERT_EQ(ticks.size(), 10u);
  EXPECT_EQ(ticks.back().step, 99u) << "the latest are kept";
}

TEST(TrafficRecord, AClockThatIsSetBackChangesNoCounts) {
  Traffic ticks = seconds(10);
  for (std::size_t i = 5; i < 10; ++i) ticks[i].end_ms -= 3'600'000;
  coalesce(ticks, 2);
  EXPECT_LE(ticks.size(), 2u);
  EXPECT_EQ(sum_of(ticks), sum_of(seconds(10)));
}

TEST(TrafficRecord, CountsSlowOnesByBucket) {
  const TrafficCounts counts{3, 0, 0, {{100, 1}, {200, 2}}};
  EXPECT_EQ(counts.slower_than(stats::LatencyBuckets::middle(100)), 2u);
  EXPECT_EQ(counts.slower_than(stats::LatencyBuckets::middle(200)), 0u);
  EXPECT_EQ(counts.slower_than(Nanoseconds(1)), 3u);
}

TEST(TrafficRecord, IsTheDifferenceOfTwoMoments) {
  stats::VersionCell cell;
  const auto answer = [&](stats::Outcome outcome, Nanoseconds latency) {
    stats::AttemptResult result;
    result.outcome = outcome;
    result.latency = latency;
    cell.record(result, TimePoint{});
  };
  const auto totals = [&] {
    stats::VersionTotals out;
    cell.add_to(out);
    return out;
  };
  answer(stats::Outcome::Success, std::chrono::milliseconds(3));
  const auto before = totals();
  answer(stats::Outcome::Success, std::chrono::milliseconds(3));
  answer(stats::Outcome::Status5xx, std::chrono::milliseconds(9));
  answer(stats::Outcome::ClientAbort, std::chrono::milliseconds(9));
  const TrafficCounts counts = counts_between(before, totals());
  EXPECT_EQ(counts.requests, 2u);
  EXPECT_EQ(counts.errors, 1u);
  EXPECT_EQ(counts.timed(), 1u) << "a failure has no latency";
  EXPECT_EQ(counts.slower_than(std::chrono::milliseconds(5)), 0u);
  EXPECT_EQ(counts.slower_than(std::chrono::milliseconds(2)), 1u);
  EXPECT_EQ(counts_between(totals(), before).requests, 0u) << "measured anew in between";
}

TEST(TrafficRecord, WhatIsNoRecordIsRefused) {
  const auto text = to_json(Traffic{second(0)});
  EXPECT_EQ(traffic_from_json(text), Traffic{second(0)});
  const auto broken = [&](const char* member, boost::json::value value,
                          const char* side = nullptr) {
    boost::json::array copy = text;
    boost::json::object& tick = copy[0].as_object();
    (side == nullptr ? tick : tick.at(side).as_object())[member] = std::move(value);
    return traffic_from_json(copy).has_value();
  };
  EXPECT_FALSE(broken("step", 0));
  EXPECT_FALSE(broken("end_ms", -1));
  EXPECT_FALSE(broken("weight", 101));
  EXPECT_FALSE(broken("weight", "5%"));
  EXPECT_FALSE(broken("requests", 0, "to")) << "fewer than errors";
  EXPECT_FALSE(broken("requests", 1e300, "to"));
  EXPECT_FALSE(broken("latency", {5}, "to"));
  EXPECT_FALSE(broken("latency", {5, 1, 5, 1}, "to"));
  EXPECT_FALSE(broken("latency", {9999, 1}, "from"));
  EXPECT_FALSE(traffic_from_json(boost::json::object{}).has_value());
  EXPECT_TRUE(broken("latency", boost::json::array{}, "to")) << "none was timed";
}

}  // namespace
}  // namespace cutwater::control
