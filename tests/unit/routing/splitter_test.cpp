#include "proxy/routing/splitter.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "builders.hpp"

namespace cutwater::routing {
namespace {

using test::service;

std::string user(int i) {
  return "user-" + std::to_string(i);
}

std::string_view name_of(const ServiceSnapshot& snapshot, std::string_view subject) {
  return snapshot.versions[split(snapshot, subject)].name;
}

// Makes random weights that sum to 1 000 000; some are 0.
std::vector<std::int32_t> random_weights(std::mt19937_64& random, std::size_t versions) {
  std::vector<std::int32_t> weights(versions, 0);
  std::int32_t left = Share::kWhole;
  for (std::size_t i = 0; i + 1 < versions; ++i) {
    if (random() % 4 == 0) continue;
    weights[i] = static_cast<std::int32_t>(random() % static_cast<std::uint64_t>(left + 1));
    left -= weights[i];
  }
  weights.back() = left;
  std::shuffle(weights.begin(), weights.end(), random);
  return weights;
}

ServiceSnapshot with_weights(const std::vector<std::int32_t>& weights) {
  static const std::vector<std::string> kNames = {"blue", "green", "red", "teal"};
  std::vector<std::pair<std::string, std::int32_t>> versions;
  for (std::size_t i = 0; i < weights.size(); ++i) versions.emplace_back(kNames[i], weights[i]);
  return service(versions);
}

TEST(Splitter, TheMappingNeverChangesSilently) {
  // If this fails, every user of every running rollout is assigned again. Do not adjust the
  // numbers.
  EXPECT_EQ(bucket_of("user-1", 0), 486'176u);
  EXPECT_EQ(bucket_of("user-1", 1), 422'653u);
  EXPECT_EQ(bucket_of("", 42), 688'129u);
  EXPECT_EQ(bucket_of(std::string_view("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16), 0x5eed),
            84'853u);
  const ServiceSnapshot three = service({{"blue", 500'000}, {"green", 300'000}, {"red", 200'000}});
  std::string dealt;
  for (int i = 0; i < 24; ++i) dealt += name_of(three, user(i))[0];
  EXPECT_EQ(dealt, "gbbbbbbgbbrgbbbbbbbgbggb");
}

TEST(Splitter, AMillionSubjectsAtFivePercentAreWithinFourStandardDeviations) {
  const ServiceSnapshot two = service({{"blue", 950'000}, {"green", 50'000}});
  const ServiceSnapshot three = service({{"blue", 900'000}, {"green", 50'000}, {"red", 50'000}});
  constexpr int kSubjects = 1'000'000;
  int of_two = 0, of_three = 0;
  for (int i = 0; i < kSubjects; ++i) {
    const std::string subject = user(i);
    of_two += split(two, subject) == 1;
    of_three += split(three, subject) == 1;
  }
  const double four_sigma = 4 * std::sqrt(kSubjects * 0.05 * 0.95);
  EXPECT_NEAR(of_two, kSubjects * 0.05, four_sigma);
  EXPECT_NEAR(of_three, kSubjects * 0.05, four_sigma);
}

TEST(Splitter, NobodyLeavesTheCandidateOnTheWayUp) {
  const std::vector<std::int32_t> ramp = {0, 50'000, 100'000, 250'000, 500'000, 1'000'000};
  std::vector<ServiceSnapshot> steps;
  for (const std::int32_t weight : ramp)
    steps.push_back(service({{"blue", Share::kWhole - weight}, {"green", weight}}));
  for (int i = 0; i < 20'000; ++i) {
    bool candidate = false;
    for (const ServiceSnapshot& step : steps) {
      const bool now = split(step, user(i)) == 1;
      ASSERT_FALSE(candidate && !now) << user(i) << " at " << step.versions[1].weight;
      candidate = now;
    }
    ASSERT_TRUE(candidate) << "at 100 % everybody is in";
  }
}

TEST(Splitter, ZeroMeansZeroAndAllMeansAll) {
  const ServiceSnapshot off = service({{"blue", 1'000'000}, {"green", 0}});
  const ServiceSnapshot full = service({{"blue", 0}, {"green", 1'000'000}});
  const ServiceSnapshot one_of_three = service({{"blue", 0}, {"green", 1'000'000}, {"red", 0}});
  for (int i = 0; i < 100'000; ++i) {
    ASSERT_EQ(split(off, user(i)), 0u);
    ASSERT_EQ(split(full, user(i)), 1u);
    ASSERT_EQ(split(one_of_three, user(i)), 1u);
  }
  EXPECT_EQ(split(service({{"blue", 0}, {"green", 0}, {"red", 0}}), "x"), 0u) << "stable";
  EXPECT_EQ(split(service({{"blue", 1'000'000}}), "x"), 0u);
}

TEST(Splitter, WhoeverMovesMovesTowardsTheVersionThatGrewAgainstTheOther) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::size_t versions = 2 + random() % 3;
    const ServiceSnapshot before = with_weights(random_weights(random, versions));
    const ServiceSnapshot after = with_weights(random_weights(random, versions));
    for (int i = 0; i < 200; ++i) {
      const std::size_t from = split(before, user(i));
      const std::size_t to = split(after, user(i));
      if (from == to) continue;
      // Compares w'(to) / w(to) > w'(from) / w(from), without dividing by zero.
      const auto weight = [](const ServiceSnapshot& s, std::size_t v) {
        return static_cast<double>(s.versions[v].weight);
      };
      ASSERT_GT(weight(after, to) * weight(before, from), weight(after, from) * weight(before, to));
    }
  }
}

TEST(Splitter, RaisingOneWeightMovesUsersOnlyIntoItAndLoweringOnlyOutOfIt) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 300; ++round) {
    // Rendezvous looks at ratios: the others keep theirs, one grows.
    std::vector<std::int32_t> weights = random_weights(random, 4);
    const std::size_t grown = random() % 4;
    const ServiceSnapshot before = with_weights(weights);
    weights[grown] += 100'000;
    const ServiceSnapshot after = with_weights(weights);
    for (int i = 0; i < 200; ++i) {
      const std::size_t from = split(before, user(i));
      const std::size_t to = split(after, user(i));
      ASSERT_TRUE(from == to || to == grown);
      ASSERT_TRUE(from == to || from != grown);
    }
  }
}

TEST(Splitter, TheOrderOfTheListDoesNotMatter) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 100; ++round) {
    const std::vector<std::int32_t> w = random_weights(random, 3);
    const ServiceSnapshot listed = service({{"blue", w[0]}, {"green", w[1]}, {"red", w[2]}});
    ServiceSnapshot turned = service({{"red", w[2]}, {"blue", w[0]}, {"green", w[1]}});
    turned.stable = 1;
    const ServiceSnapshot pair = service({{"blue", w[0]}, {"green", Share::kWhole - w[0]}});
    ServiceSnapshot turned_pair = service({{"green", Share::kWhole - w[0]}, {"blue", w[0]}});
    turned_pair.stable = 1;
    for (int i = 0; i < 200; ++i) {
      ASSERT_EQ(name_of(listed, user(i)), name_of(turned, user(i)));
      ASSERT_EQ(name_of(pair, user(i)), name_of(turned_pair, user(i)));
    }
  }
}

TEST(Splitter, AnotherSaltDealsAnew) {
  ServiceSnapshot one = service({{"blue", 500'000}, {"green", 500'000}});
  ServiceSnapshot two = one;
  two.salt = one.salt + 1;
  int same = 0;
  for (int i = 0; i < 10'000; ++i) same += split(one, user(i)) == split(two, user(i));
  EXPECT_NEAR(same, 5000, 200) << "the same users must not be the guinea pigs of every rollout";
}

TEST(Splitter, AClientsIdentityIsNotItsBucketAndNeverZero) {
  EXPECT_NE(client_hash("user-1"), client_hash("user-2"));
  EXPECT_EQ(client_hash("user-1"), client_hash("user-1"));
  EXPECT_NE(client_hash(""), 0u);
}

// --- requests without a subject ----------------------------------------------------------------

TEST(Draw, GivesEachVersionItsShare) {
  const ServiceSnapshot three = service({{"blue", 900'000}, {"green", 70'000}, {"red", 30'000}});
  Random random(3);
  std::vector<int> counts(3);
  for (int i = 0; i < 1'000'000; ++i) ++counts[draw(three, random)];
  // Five standard deviations.
  EXPECT_NEAR(counts[0], 900'000, 1500);
  EXPECT_NEAR(counts[1], 70'000, 1280);
  EXPECT_NEAR(counts[2], 30'000, 860);
}

// A client that alternates between two pages: in an even sequence at 50 % each page would have one
// version, and the page that fails more would be one version's.
TEST(Draw, IsIndependentOfTheRequestsBefore) {
  const ServiceSnapshot half = service({{"blue", 500'000}, {"green", 500'000}});
  Random random(5);
  std::vector<int> first_page(2), after_green(2);
  std::size_t last = 0;
  for (int i = 0; i < 100'000; ++i) {
    const std::size_t version = draw(half, random);
    if (i % 2 == 0) ++first_page[version];
    if (last == 1) ++after_green[version];
    last = version;
  }
  EXPECT_NEAR(first_page[1], 25'000, 560);
  EXPECT_NEAR(after_green[1], after_green[0], 1200);
}

TEST(Draw, WithoutAChoiceNothingIsDrawn) {
  Random random(7), untouched(7);
  EXPECT_EQ(draw(service({{"blue", 1'000'000}, {"green", 0}}), random), 0u);
  EXPECT_EQ(draw(service({{"blue", 0}, {"green", 1'000'000}}), random), 1u);
  EXPECT_EQ(draw(service({{"blue", 0}, {"green", 0}}), random), 0u) << "stable";
  EXPECT_EQ(random.next(), untouched.next());
}

TEST(Draw, AVersionOfWeightZeroIsNeverDrawn) {
  const ServiceSnapshot off = service({{"blue", 0}, {"green", 1}, {"red", 999'999}, {"teal", 0}});
  Random random(9);
  for (int i = 0; i < 10'000; ++i) {
    const std::size_t version = draw(off, random);
    ASSERT_TRUE(version == 1 || version == 2) << version;
  }
}

TEST(Draw, WorkersDrawDifferently) {
  const ServiceSnapshot half = service({{"blue", 500'000}, {"green", 500'000}});
  Random one, other;
  int alike = 0;
  for (int i = 0; i < 1000; ++i) alike += draw(half, one) == draw(half, other);
  EXPECT_LT(alike, 700) << "each is seeded by the kernel";
}

}  // namespace
}  // namespace cutwater::routing
