// Tests the formulas of proxy/guard/README.md against its test vectors.
#include <gtest/gtest.h>

#include <cmath>

#include "proxy/guard/change_point_evidence.hpp"
#include "proxy/guard/confidence.hpp"
#include "proxy/guard/pass_evidence.hpp"

namespace cutwater::guard {
namespace {

struct Vector {
  std::uint64_t bad, good;
  double evidence;
};

// The same mixture without late starts: sum_k a_k^bad * b_k^good / 7.
double plain_evidence(double p0, double bad, double good) {
  double sum = 0;
  for (const double odds : kOddsRatios) {
    const double q = p0 * odds / (1 - p0 + p0 * odds);
    sum += std::exp(bad * std::log(q / p0) + good * std::log((1 - q) / (1 - p0)));
  }
  return sum / static_cast<double>(kOddsRatios.size());
}

TEST(ChangePoint, StartsBelowOneSoThatNothingIsNoEvidence) {
  EXPECT_DOUBLE_EQ(ChangePointEvidence(0.05).evidence(), 3.0 / 8);
}

TEST(ChangePoint, ThreeErrorsAtTheStartAreEnoughForAlphaOfAQuarterPercent) {
  ChangePointEvidence test(0.05);
  test.add_bad();
  test.add_bad();
  EXPECT_LT(test.evidence(), 400);
  test.add_bad();
  EXPECT_GT(test.evidence(), 400);
  EXPECT_NEAR(test.evidence(), 1274.376836 * 3 / 8, 0.1) << "late starts add next to nothing yet";
}

// Computes the recursion by hand, one observation at a time, in long double.
long double by_hand(const std::vector<int>& observations, double p0) {
  const long double start = 0.375L / 100'000;
  long double sum = 0;
  for (const double odds : kOddsRatios) {
    const long double q = p0 * odds / (1 - p0 + p0 * odds);
    long double r = 0.375L;
    for (const int bad : observations) r = (r + start) * (bad ? q / p0 : (1 - q) / (1 - p0));
    sum += r;
  }
  return sum / kOddsRatios.size();
}

TEST(ChangePoint, ARunOfGoodOnesInOneStepIsTheSameAsOneByOne) {
  std::vector<int> observations;
  ChangePointEvidence test(0.05);
  for (const std::uint64_t good : {0, 17, 400, 3, 5000, 1, 0, 12}) {
    test.add_good(good);
    test.add_bad();
    observations.insert(observations.end(), good, 0);
    observations.push_back(1);
    const auto expected = static_cast<double>(by_hand(observations, 0.05));
    EXPECT_NEAR(test.evidence() / expected, 1, 1e-9);
  }
}

TEST(ChangePoint, SeesALateFaultAlmostAsFastAsAnEarlyOne) {
  ChangePointEvidence test(0.05);
  test.add_good(50'000);
  int errors = 0;
  while (test.evidence() < 400) test.add_bad(), ++errors;
  EXPECT_EQ(errors, 7);
  // The plain form would need hundreds: it has been learning how healthy the version is.
  EXPECT_LT(plain_evidence(0.05, 100, 50'000), 1);
}

TEST(ChangePoint, EvidenceOfAGoodRunStaysFarBelowAnyAlarm) {
  ChangePointEvidence test(0.05);
  for (int i = 0; i < 60; ++i) {
    test.add_good(std::uint64_t{1} << std::min(i, 40));
    EXPECT_LT(test.evidence(), 1);
  }
}

TEST(ChangePoint, BlocksAfterTheHorizonDoubleAndKeepTheSystemAwake) {
  // After 10 million good requests a broken version is still found in a dozen requests.
  ChangePointEvidence test(0.05);
  test.add_good(10'000'000);
  int errors = 0;
  while (test.evidence() < 400 && errors < 100) test.add_bad(), ++errors;
  EXPECT_LE(errors, 12);
  EXPECT_GT(errors, 7) << "less mass per request: a little slower than within the horizon";
}

TEST(ChangePoint, CrossingABlockBoundaryInsideARunIsTheSameAsStoppingThere) {
  ChangePointEvidence whole(0.05), split(0.05);
  whole.add_good(300'050);
  split.add_good(99'999);
  split.add_good(1);
  split.add_good(200'000);
  split.add_good(50);
  whole.add_bad();
  split.add_bad();
  EXPECT_DOUBLE_EQ(whole.evidence(), split.evidence());
}

TEST(ChangePoint, NeverOverflows) {
  ChangePointEvidence test(0.05);
  for (int i = 0; i < 100'000; ++i) test.add_bad();
  EXPECT_TRUE(std::isfinite(test.evidence()));
}

// --- a tick as one observation -----------------------------------------------------------------

TEST(ChangePointTick, OfOneAttemptIsThatAttempt) {
  ChangePointEvidence one_by_one(0.05), ticks(0.05);
  for (int i = 0; i < 3000; ++i) {
    const bool bad = i % 97 < 3;
    if (bad)
      one_by_one.add_bad();
    else
      one_by_one.add_good(1);
    ticks.add_tick(bad ? 1 : 0, bad ? 0 : 1);
    ASSERT_NEAR(ticks.evidence() / one_by_one.evidence(), 1, 1e-9) << i;
  }
}

TEST(ChangePointTick, TheFirstMatchesTheTestVectors) {
  for (const Vector& v :
       {Vector{1, 0, 6.887478}, Vector{2, 0, 83.119841}, Vector{3, 0, 1274.376836},
        Vector{3, 10, 4.916331}, Vector{10, 90, 2.438720}, Vector{5, 95, 0.129115},
        Vector{20, 180, 14.691135}}) {
    ChangePointEvidence test(0.05);
    test.add_tick(v.bad, v.good);
    // The evidence is (3/8 + what may begin in this tick) times the plain form.
    const auto born = 0.375 / 100'000 * static_cast<double>(v.bad + v.good);
    EXPECT_NEAR(test.evidence() / (v.evidence * (0.375 + born)), 1, 1e-5) << v.bad << "," << v.good;
  }
}

TEST(ChangePointTick, SeesALateFaultAndCrossesTheBlocks) {
  ChangePointEvidence test(0.05);
  for (int i = 0; i < 5000; ++i) test.add_tick(0, 100);
  EXPECT_LT(test.evidence(), 1);
  test.add_tick(12, 0);
  EXPECT_GT(test.evidence(), 400);
}

TEST(ChangePointTick, NeverOverflowsAndNothingIsNothing) {
  ChangePointEvidence test(0.05);
  const double before = test.evidence();
  test.add_tick(0, 0);
  EXPECT_DOUBLE_EQ(test.evidence(), before);
  test.add_tick(1ULL << 47, 0);
  EXPECT_TRUE(std::isfinite(test.evidence()));
  test.add_tick(0, 1ULL << 47);
  EXPECT_LT(test.evidence(), 1);
  test.add_tick(1ULL << 47, 1ULL << 47);
  EXPECT_TRUE(std::isfinite(test.evidence()));
}

TEST(Pass, ZeroErrorsNeedExactly76And113) {
  EXPECT_LT(pass_evidence(0.05, 0, 75), 20);
  EXPECT_GE(pass_evidence(0.05, 0, 76), 20);
  EXPECT_LT(pass_evidence(0.05, 0, 112), 100);
  EXPECT_GE(pass_evidence(0.05, 0, 113), 100);
  EXPECT_EQ(good_needed_to_pass(0.05, 0.05, 0, 0), 76u);
  EXPECT_EQ(good_needed_to_pass(0.05, 0.01, 0, 0), 113u);
}

TEST(Pass, OneErrorNeeds126And166InAll) {
  EXPECT_EQ(1 + good_needed_to_pass(0.05, 0.05, 1, 0), 126u);
  EXPECT_EQ(1 + good_needed_to_pass(0.05, 0.01, 1, 0), 166u);
}

TEST(Pass, TheCountdownEndsWhereThePassBegins) {
  for (std::uint64_t bad = 0; bad < 30; bad += 3) {
    const std::uint64_t more = good_needed_to_pass(0.05, 0.05, bad, 40);
    EXPECT_GE(pass_evidence(0.05, bad, 40 + more), 20);
    EXPECT_LT(pass_evidence(0.05, bad, 40 + more - 1), 20);
    EXPECT_EQ(good_needed_to_pass(0.05, 0.05, bad, 40 + more), 0u);
  }
}

TEST(Interval, NothingSeenIsNothingKnown) {
  const Interval interval = always_valid_interval(0, 0, 0.01);
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 1);
}

TEST(Interval, ItsEndsAreWhereTheMixtureCrossesTheThreshold) {
  // At both ends, B(1/2+S, 1/2+F) / (B(1/2,1/2) p^S (1-p)^F) = 1/alpha.
  const double bad = 30, good = 970, alpha = 0.01;
  const Interval interval = always_valid_interval(30, 970, alpha);
  for (const double p : {interval.low, interval.high}) {
    const double log_ratio = std::lgamma(bad + 0.5) + std::lgamma(good + 0.5) -
                             std::lgamma(bad + good + 1) - std::log(M_PI) - bad * std::log(p) -
                             good * std::log(1 - p);
    EXPECT_NEAR(log_ratio, std::log(1 / alpha), 1e-6);
  }
  EXPECT_LT(interval.low, 0.03);
  EXPECT_GT(interval.high, 0.03);
}

TEST(Interval, NarrowsWithTrafficAndTouchesZeroOnlyWithoutErrors) {
  const Interval clean = always_valid_interval(0, 1000, 0.01);
  EXPECT_EQ(clean.low, 0);
  EXPECT_GT(clean.high, 0.001);
  EXPECT_LT(clean.high, 0.02);
  const Interval all_bad = always_valid_interval(50, 0, 0.01);
  EXPECT_EQ(all_bad.high, 1);
  EXPECT_GT(all_bad.low, 0.7);
  const Interval wide = always_valid_interval(5, 95, 0.01);
  const Interval narrow = always_valid_interval(500, 9500, 0.01);
  EXPECT_LT(narrow.high - narrow.low, (wide.high - wide.low) / 5);
}

}  // namespace
}  // namespace cutwater::guard
