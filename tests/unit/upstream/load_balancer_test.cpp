#include "proxy/upstream/load_balancer.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <map>

#include "proxy/upstream/retry_budget.hpp"

namespace cutwater::upstream {
namespace {

class Balancing : public testing::Test {
 protected:
  explicit Balancing(std::uint32_t endpoints = 4) {
    for (std::uint32_t id = 0; id < endpoints; ++id)
      version.endpoints.push_back(
          std::make_shared<Endpoint>(id, "http://e" + std::to_string(id), "e" + std::to_string(id),
                                     sockaddr_storage{}, socklen_t{sizeof(sockaddr_in)}));
  }
  const Endpoint* pick() { return pick_endpoint(version, pool, tried, now); }
  std::map<std::uint32_t, int> picks(int count) {
    std::map<std::uint32_t, int> by_id;
    for (int i = 0; i < count; ++i) ++by_id[pick()->id()];
    return by_id;
  }
  EndpointStats& stats(std::size_t index) { return pool.stats(*version.endpoints[index]); }

  net::EventLoop loop;
  net::BlockPool blocks{64 * 1024, 4};
  std::vector<char> scratch = std::vector<char>(64 * 1024);
  http::ClientContext context{loop, blocks, scratch};
  stats::WorkerCounters counters;
  ConnectionPool pool{context, counters};
  routing::VersionSnapshot version;
  TriedEndpoints tried;
  TimePoint now = Clock::now();
};

TEST_F(Balancing, IdleEndpointsAreUsedAlike) {
  for (const auto& [id, count] : picks(4000)) EXPECT_NEAR(count, 1000, 200) << id;
}

TEST_F(Balancing, TheBusiestIsNeverTheBetterOfTwo) {
  stats(2).active = 10;
  EXPECT_EQ(picks(1000)[2], 0);
}

TEST_F(Balancing, UnhealthyAndTriedOnesAreLeftOut) {
  version.endpoints[0]->set_healthy(false);
  tried.add(*version.endpoints[1]);
  const auto by_id = picks(500);
  EXPECT_FALSE(by_id.contains(0));
  EXPECT_FALSE(by_id.contains(1));
  EXPECT_EQ(by_id.size(), 2u);
}

TEST_F(Balancing, NothingLeftIsNull) {
  for (const auto& endpoint : version.endpoints) tried.add(*endpoint);
  EXPECT_EQ(pick(), nullptr);
  version.endpoints.clear();
  EXPECT_EQ(pick(), nullptr);
}

TEST_F(Balancing, FiveFailuresInARowEject) {
  for (int i = 0; i < 4; ++i) note_failure(stats(0), now);
  EXPECT_TRUE(picks(200).contains(0));
  note_failure(stats(0), now);
  EXPECT_FALSE(picks(200).contains(0));
  now += Seconds(5);
  EXPECT_TRUE(picks(200).contains(0)) << "back after five seconds";
}

TEST_F(Balancing, ASuccessInBetweenStartsTheCountAnew) {
  for (int i = 0; i < 4; ++i) note_failure(stats(0), now);
  note_success(stats(0));
  for (int i = 0; i < 4; ++i) note_failure(stats(0), now);
  EXPECT_TRUE(picks(200).contains(0));
}

TEST_F(Balancing, EjectionGrowsToAMinuteAndShrinksWithSuccess) {
  const auto eject = [&] {
    for (int i = 0; i < 5; ++i) note_failure(stats(0), now);
    return std::chrono::duration_cast<Seconds>(stats(0).ejected_until - now).count();
  };
  EXPECT_EQ(eject(), 5);
  EXPECT_EQ(eject(), 10);
  for (int i = 0; i < 20; ++i) eject();
  EXPECT_EQ(eject(), 60);
  note_success(stats(0));
  note_success(stats(0));
  EXPECT_EQ(eject(), 55);
}

TEST_F(Balancing, WhenAllAreEjectedAGuessBeatsACertainFailure) {
  for (std::size_t i = 0; i < 4; ++i)
    for (int n = 0; n < 5; ++n) note_failure(stats(i), now);
  EXPECT_NE(pick(), nullptr);
  for (const auto& endpoint : version.endpoints) endpoint->set_healthy(false);
  EXPECT_EQ(pick(), nullptr) << "unhealthy ones stay out all the same";
}

TEST(RetryBudgetTest, ThreeAtLeastAFifthOfTheExchangesAtMost) {
  RetryBudget budget;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.try_take(1));
  EXPECT_FALSE(budget.try_take(1));
  EXPECT_FALSE(budget.try_take(19));
  EXPECT_TRUE(budget.try_take(20));
  EXPECT_FALSE(budget.try_take(20));
  budget.give_back();
  EXPECT_TRUE(budget.try_take(20));
}

}  // namespace
}  // namespace cutwater::upstream
