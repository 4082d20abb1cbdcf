#include "proxy/stats/version_cell.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <set>
#include <vector>

#include "proxy/stats/proxy_totals.hpp"

namespace cutwater::stats {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNoon = TimePoint(12h);

AttemptResult answered(int status, Nanoseconds latency) {
  AttemptResult result;
  result.outcome = status >= 500 ? Outcome::Status5xx : Outcome::Success;
  result.status = status;
  result.latency = latency;
  return result;
}

AttemptResult ended(Outcome outcome) {
  AttemptResult result;
  result.outcome = outcome;
  result.latency = 10ms;
  return result;
}

VersionTotals totals_of(const VersionCell& cell) {
  VersionTotals totals;
  cell.add_to(totals);
  return totals;
}

TEST(VersionCell, CountsOutcomesAndCodeClasses) {
  const auto cell = std::make_unique<VersionCell>();
  cell->record(answered(200, 3ms), kNoon);
  cell->record(answered(404, 1ms), kNoon);
  cell->record(answered(503, 2ms), kNoon);
  cell->record(ended(Outcome::ConnectFailed), kNoon);
  const VersionTotals totals = totals_of(*cell);
  EXPECT_EQ(totals.attempts(), 4u);
  EXPECT_EQ(totals.errors(), 2u) << "404 is the client's mistake, not the version's";
  EXPECT_EQ(totals.code_class[2], 1u);
  EXPECT_EQ(totals.code_class[4], 1u);
  EXPECT_EQ(totals.code_class[5], 1u);
  EXPECT_EQ(totals.code_class[0], 1u) << "no response at all";
  EXPECT_EQ(totals.latency.count, 2u) << "a failure has no latency";
}

TEST(VersionCell, AClientThatLeftIsCountedButNeverCharged) {
  const auto cell = std::make_unique<VersionCell>();
  cell->record(ended(Outcome::ClientAbort), kNoon);
  const VersionTotals totals = totals_of(*cell);
  EXPECT_EQ(totals.outcomes[static_cast<std::size_t>(Outcome::ClientAbort)], 1u);
  EXPECT_EQ(totals.attempts(), 0u);
  EXPECT_EQ(totals.errors(), 0u);
  EXPECT_EQ(totals.latency.count, 0u);
}

TEST(VersionCell, ATunnelIsCountedButNotTimed) {
  const auto cell = std::make_unique<VersionCell>();
  AttemptResult tunnel = answered(101, 1h);
  tunnel.latency_valid = false;
  cell->record(tunnel, kNoon);
  EXPECT_EQ(totals_of(*cell).attempts(), 1u);
  EXPECT_EQ(totals_of(*cell).latency.count, 0u);
}

TEST(VersionCell, TotalsOfTwoMomentsGiveAWindow) {
  const auto cell = std::make_unique<VersionCell>();
  cell->record(answered(200, 3ms), kNoon);
  const VersionTotals before = totals_of(*cell);
  cell->record(answered(500, 4s), kNoon);
  cell->record(answered(200, 4s), kNoon);
  const VersionTotals window = totals_of(*cell) - before;
  EXPECT_EQ(window.attempts(), 2u);
  EXPECT_EQ(window.errors(), 1u);
  EXPECT_EQ(window.code_class[2], 1u);
  EXPECT_EQ(window.latency.count_at_most(1s), 0u);

  VersionTotals both = before;
  both += window;
  EXPECT_EQ(both.attempts(), 3u);
  EXPECT_EQ(both.latency.count, 2u);
}

TEST(VersionCell, FitsIntoTwentyKibibytes) {
  EXPECT_LE(sizeof(VersionCell), 20u * 1024);
}

double clients_seen(const std::vector<const DistinctClients*>& workers, TimePoint now) {
  ClientUnion all;
  for (const DistinctClients* worker : workers) worker->merge_into(all, now);
  return all.estimate();
}

std::uint64_t client_number(std::uint64_t n) {
  return std::mt19937_64(n)();
}

TEST(DistinctClients, ACallerSeenOnTwoWorkersIsOneClient) {
  DistinctClients one, two;
  one.add(client_number(1), kNoon);
  two.add(client_number(1), kNoon);
  two.add(client_number(2), kNoon);
  EXPECT_NEAR(clients_seen({&one, &two}, kNoon), 2, 0.1);
}

TEST(DistinctClients, RequestsWithoutASubjectAreClientsOfTheirOwn) {
  DistinctClients worker;
  for (int i = 0; i < 30; ++i) worker.add(0, kNoon);
  EXPECT_EQ(clients_seen({&worker}, kNoon), 30);
}

TEST(DistinctClients, EstimatesAFewHundredWithinTenPercent) {
  DistinctClients worker;
  for (std::uint64_t i = 1; i <= 400; ++i)
    for (int visits = 0; visits < 5; ++visits) worker.add(client_number(i), kNoon);
  EXPECT_NEAR(clients_seen({&worker}, kNoon), 400, 40);
}

TEST(DistinctClients, AFullBitmapSaysVeryManyAndStaysFinite) {
  DistinctClients worker;
  for (std::uint64_t i = 1; i <= 20'000; ++i) worker.add(client_number(i), kNoon);
  EXPECT_GT(clients_seen({&worker}, kNoon), 5000);
  EXPECT_LT(clients_seen({&worker}, kNoon), 10'000);
}

TEST(DistinctClients, ForgetsWhoWasNotSeenForTwoMinutes) {
  DistinctClients worker;
  for (std::uint64_t i = 1; i <= 50; ++i) worker.add(client_number(i), kNoon);
  EXPECT_NEAR(clients_seen({&worker}, kNoon + 59s), 50, 5);
  EXPECT_NEAR(clients_seen({&worker}, kNoon + 61s), 50, 5) << "still within the last 60 s";
  EXPECT_EQ(clients_seen({&worker}, kNoon + 120s), 0) << "an idle worker's bitmap is stale";
  worker.add(client_number(99), kNoon + 120s);
  EXPECT_NEAR(clients_seen({&worker}, kNoon + 120s), 1, 0.1) << "the generation was reused";
}

TEST(Outcome, EveryOutcomeHasItsOwnLabel) {
  std::set<std::string_view> labels;
  for (std::size_t i = 0; i < kOutcomes; ++i) labels.insert(to_string(static_cast<Outcome>(i)));
  EXPECT_EQ(labels.size(), kOutcomes);
  EXPECT_FALSE(labels.contains("unknown"));
}

TEST(ProxyTotals, AddsCountersAndMergesLabels) {
  ProxyTotals one, two;
  one.requests = 3;
  one.local_replies = {{400, 1}, {503, 2}};
  two.requests = 4;
  two.fallbacks = 5;
  two.local_replies = {{503, 1}};
  two.bad_requests = {{"bad_host", 7}};
  one += two;
  EXPECT_EQ(one.requests, 7u);
  EXPECT_EQ(one.fallbacks, 5u);
  EXPECT_EQ(one.local_replies, (std::map<int, std::uint64_t>{{400, 1}, {503, 3}}));
  EXPECT_EQ(one.bad_requests.at("bad_host"), 7u);
}

}  // namespace
}  // namespace cutwater::stats
