// Tests what counts as evidence: one failure per client and minute, the floor, the waiver.
#include "proxy/guard/alarm.hpp"

#include <gtest/gtest.h>

namespace cutwater::guard {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNoon = TimePoint(12h);
const auto many_clients = [] { return false; };
const auto few_clients = [] { return true; };

TEST(Alarm, FiveFailuresOfDifferentClientsTripAtOnce) {
  Alarm alarm({});
  for (std::uint64_t client = 1; client <= 4; ++client)
    EXPECT_FALSE(alarm.on_bad({client, 0, kNoon}, many_clients)) << "floor of five";
  EXPECT_TRUE(alarm.on_bad({5, 0, kNoon}, many_clients));
}

TEST(Alarm, OneStickyVisitorWithABrokenSessionNeverTrips) {
  Alarm alarm({});
  for (int i = 0; i < 5000; ++i)
    ASSERT_FALSE(alarm.on_bad({42, 0, kNoon + i * 10ms}, many_clients));
  EXPECT_EQ(alarm.bad(), 1u) << "one minute, one failure of evidence";
  EXPECT_EQ(alarm.raw_bad(), 5000u);
}

TEST(Alarm, TheSameVisitorIsEvidenceAgainAfterAMinute) {
  Alarm alarm({});
  alarm.on_bad({42, 0, kNoon}, many_clients);
  alarm.on_bad({42, 0, kNoon + 59s}, many_clients);
  EXPECT_EQ(alarm.bad(), 1u);
  alarm.on_bad({42, 0, kNoon + 60s}, many_clients);
  EXPECT_EQ(alarm.bad(), 2u);
}

TEST(Alarm, TwoVisitorsAreNotEnoughThreeAre) {
  Alarm alarm({});
  for (int minute = 0; minute < 10; ++minute)
    for (std::uint64_t client : {1, 2})
      ASSERT_FALSE(alarm.on_bad({client, 0, kNoon + minute * 60s}, many_clients));
  EXPECT_GT(alarm.evidence(), 400) << "the evidence is there, the third client is not";
  EXPECT_TRUE(alarm.on_bad({3, 0, kNoon + 10min}, many_clients));
}

TEST(Alarm, ASingleCallerAloneCanShowThatEverythingIsBroken) {
  Alarm alarm({});
  int failures = 0;
  while (!alarm.on_bad({42, 0, kNoon}, few_clients)) ASSERT_LT(++failures, 8);
  EXPECT_EQ(alarm.raw_bad(), 5u);
}

TEST(Alarm, RequestsWithoutASubjectCountOneByOne) {
  Alarm alarm({});
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(alarm.on_bad({0, 0, kNoon}, many_clients));
  EXPECT_TRUE(alarm.on_bad({0, 0, kNoon}, many_clients));
}

TEST(Alarm, TheFloorIsMetByRepeatsOnceTheEvidenceIsThere) {
  Alarm alarm({});
  for (std::uint64_t client : {1, 2, 3})
    EXPECT_FALSE(alarm.on_bad({client, 0, kNoon}, many_clients));
  EXPECT_FALSE(alarm.on_bad({1, 0, kNoon}, many_clients));
  EXPECT_TRUE(alarm.on_bad({2, 0, kNoon}, many_clients)) << "fifth failure users saw";
}

TEST(Alarm, ADeployBlipOfFourIsForgottenByWhatIsGoodAfterIt) {
  Alarm alarm({});
  for (std::uint64_t client = 1; client <= 4; ++client)
    alarm.on_bad({client, 0, kNoon}, many_clients);
  EXPECT_FALSE(alarm.on_bad({5, 2000, kNoon + 1h}, many_clients)) << "evidence is of now, not kept";
}

TEST(Alarm, AsksForThePopulationOnlyWhenItMatters) {
  Alarm alarm({});
  int asked = 0;
  const auto counting = [&] { return ++asked, false; };
  for (std::uint64_t client = 1; client <= 4; ++client)
    alarm.on_bad({client, client * 1000, kNoon}, counting);
  EXPECT_EQ(asked, 0) << "new clients, little evidence: no need to read the workers' cells";
  alarm.on_bad({1, 5000, kNoon}, counting);
  EXPECT_EQ(asked, 1);
}

TEST(Alarm, TellsWhereTheRunOfFailuresBegan) {
  Alarm alarm({});
  alarm.on_bad({1, 100, kNoon}, many_clients);  // a lonely error, long before
  std::uint64_t client = 10;
  while (!alarm.on_bad({client, 30'000, kNoon + 1h + (client - 10) * 1s}, many_clients)) ++client;
  EXPECT_EQ(alarm.onset(), kNoon + 1h);
  EXPECT_EQ(alarm.attempts_at_onset(), 30'001u);
}

TEST(FailingClients, MemoryIsBoundedAndTheOldestGivesWay) {
  FailingClients clients(3);
  for (std::uint64_t i = 1; i <= 20'000; ++i)
    EXPECT_TRUE(clients.first_failure(i, kNoon + std::chrono::milliseconds(i)));
  EXPECT_FALSE(clients.first_failure(20'000, kNoon + 21s)) << "the newest are remembered";
  EXPECT_TRUE(clients.first_failure(1, kNoon + 21s)) << "the oldest gave way";
  EXPECT_EQ(clients.distinct(), 3u);
}

}  // namespace
}  // namespace cutwater::guard
