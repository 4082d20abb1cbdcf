// Tests which requests of an endpoint are its first ones.
#include "proxy/routing/warm_up.hpp"

#include <gtest/gtest.h>

#include "proxy/routing/endpoint.hpp"

namespace cutwater::upstream {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNoon = TimePoint(12h);

// Returns how many of the next requests, one each `apart`, are first ones.
int first_ones(WarmUp& warm_up, TimePoint from, Nanoseconds apart = 1ms) {
  int count = 0;
  for (int i = 0; i < 1000; ++i) count += warm_up.count(from + i * apart);
  return count;
}

TEST(WarmUpTest, CoversTheFirstHundredRequests) {
  WarmUp warm_up;
  EXPECT_EQ(first_ones(warm_up, kNoon), 100);
  EXPECT_EQ(first_ones(warm_up, kNoon + 1s), 0);
}

TEST(WarmUpTest, EndsTwoMinutesAfterTheFirstRequest) {
  WarmUp warm_up;
  EXPECT_EQ(first_ones(warm_up, kNoon, 10s), 12);
}

TEST(WarmUpTest, BeginsWithTheFirstRequestHoweverLateThatIs) {
  WarmUp warm_up;
  warm_up.begin();
  EXPECT_EQ(first_ones(warm_up, kNoon + 240h), 100);
}

TEST(WarmUpTest, ARolloutBeginsItAnew) {
  WarmUp warm_up;
  first_ones(warm_up, kNoon);
  warm_up.begin();
  EXPECT_EQ(first_ones(warm_up, kNoon + 1h), 100);
}

TEST(WarmUpTest, AnEndpointThatCrashesAgainAndAgainIsExcusedTwice) {
  Endpoint endpoint(1, "http://127.0.0.1:1", "127.0.0.1:1", sockaddr_storage{}, 0);
  EXPECT_EQ(first_ones(endpoint.warm_up(), kNoon), 100);
  for (const int expected : {100, 0, 0}) {
    endpoint.set_healthy(false);
    endpoint.set_healthy(true);
    EXPECT_EQ(first_ones(endpoint.warm_up(), kNoon + 1h), expected);
  }
}

TEST(WarmUpTest, AProbeThatFindsItHealthyAsBeforeChangesNothing) {
  Endpoint endpoint(1, "http://127.0.0.1:1", "127.0.0.1:1", sockaddr_storage{}, 0);
  first_ones(endpoint.warm_up(), kNoon);
  endpoint.set_healthy(true);
  EXPECT_EQ(first_ones(endpoint.warm_up(), kNoon + 1s), 0);
}

}  // namespace
}  // namespace cutwater::upstream
