#include "proxy/routing/smooth_sequence.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "builders.hpp"

namespace cutwater::routing {
namespace {

using test::service;

std::vector<int> count(SmoothSequence& sequence, const ServiceSnapshot& snapshot, int picks) {
  std::vector<int> counts(snapshot.versions.size());
  for (int i = 0; i < picks; ++i) ++counts[sequence.pick(snapshot)];
  return counts;
}

TEST(SmoothSequence, AMillionPicksAreExactToOneRequest) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SmoothSequence sequence(seed);
    const auto two = count(sequence, service({{"blue", 947'531}, {"green", 52'469}}), 1'000'000);
    EXPECT_NEAR(two[1], 52'469, 1);
    ServiceSnapshot three = service({{"blue", 900'000}, {"green", 66'667}, {"red", 33'333}});
    three.id = 2;
    const auto counts = count(sequence, three, 1'000'000);
    EXPECT_NEAR(counts[0], 900'000, 2);
    EXPECT_NEAR(counts[1], 66'667, 2);
    EXPECT_NEAR(counts[2], 33'333, 2);
  }
}

TEST(SmoothSequence, AtFivePercentExactlyEveryTwentiethGoesToTheCandidate) {
  const ServiceSnapshot snapshot = service({{"blue", 950'000}, {"green", 50'000}});
  SmoothSequence sequence(9);
  int last = -1;
  for (int i = 0; i < 10'000; ++i) {
    if (sequence.pick(snapshot) != 1) continue;
    if (last >= 0) {
      ASSERT_EQ(i - last, 20) << "no bursts, no gaps";
    }
    last = i;
  }
  EXPECT_GE(last, 9'980);
}

TEST(SmoothSequence, AVersionOfWeightZeroIsNeverPicked) {
  const ServiceSnapshot off = service({{"blue", 1'000'000}, {"green", 0}});
  const ServiceSnapshot on = service({{"blue", 500'000}, {"green", 500'000}});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SmoothSequence sequence(seed);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(sequence.pick(off), 0u);
    count(sequence, on, 7);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(sequence.pick(off), 0u) << "also after it had weight";
  }
}

TEST(SmoothSequence, KeepsItsPlaceWhenWeightsChange) {
  // Control moves the weight after every third request: the share must come out all the same.
  SmoothSequence sequence(4);
  ServiceSnapshot snapshot = service({{"blue", 0}, {"green", 0}});
  double due = 0;
  int got = 0;
  for (int i = 0; i < 30'000; ++i) {
    const std::int32_t weight = 10'000 * (1 + (i / 3) % 7);
    snapshot.versions[0].weight = Share::kWhole - weight;
    snapshot.versions[1].weight = weight;
    got += sequence.pick(snapshot) == 1;
    due += weight / 1e6;
  }
  EXPECT_NEAR(got, due, 1.5) << "a restart at every change would lose the small shares";
}

TEST(SmoothSequence, ServicesDoNotDisturbEachOther) {
  SmoothSequence sequence(4);
  ServiceSnapshot shop = service({{"blue", 900'000}, {"green", 100'000}});
  ServiceSnapshot cart = shop;
  cart.id = 7;
  int in_shop = 0, in_cart = 0;
  for (int i = 0; i < 1'000; ++i) {
    in_shop += sequence.pick(shop) == 1;
    in_cart += sequence.pick(cart) == 1;
  }
  EXPECT_NEAR(in_shop, 100, 1);
  EXPECT_NEAR(in_cart, 100, 1);
}

TEST(SmoothSequence, WorkersStartAtDifferentPhases) {
  const ServiceSnapshot snapshot = service({{"blue", 950'000}, {"green", 50'000}});
  std::vector<int> firsts(20);
  for (std::uint64_t worker = 0; worker < 2000; ++worker) {
    SmoothSequence sequence(worker);
    int i = 0;
    while (sequence.pick(snapshot) != 1) ++i;
    ASSERT_LT(i, 20);
    ++firsts[static_cast<std::size_t>(i)];
  }
  for (const int n : firsts) EXPECT_NEAR(n, 100, 45) << "every phase is as likely";
}

TEST(SmoothSequence, AVersionAddedToTheListIsTakenUp) {
  SmoothSequence sequence(4);
  count(sequence, service({{"blue", 500'000}, {"green", 500'000}}), 10);
  const auto counts =
      count(sequence, service({{"blue", 500'000}, {"green", 250'000}, {"red", 250'000}}), 1000);
  EXPECT_NEAR(counts[2], 250, 2);
}

TEST(SmoothSequence, WithoutAnyWeightItIsStable) {
  SmoothSequence sequence;
  EXPECT_EQ(sequence.pick(service({{"blue", 0}, {"green", 0}})), 0u);
}

}  // namespace
}  // namespace cutwater::routing
