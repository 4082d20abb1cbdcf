#include "proxy/stats/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

namespace cutwater::stats {
namespace {

using namespace std::chrono_literals;

HistogramCounts counts_of(const std::vector<Nanoseconds>& latencies) {
  auto histogram = std::make_unique<LatencyHistogram>();
  for (const Nanoseconds latency : latencies) histogram->record(latency);
  HistogramCounts counts;
  histogram->add_to(counts);
  return counts;
}

TEST(LatencyHistogram, EveryLatencyFromAMicrosecondToAnHourIsReadBackWithinOnePercent) {
  double worst = 0;
  for (double ns = 1e3; ns <= 3.6e12; ns *= 1.0007) {
    const Nanoseconds latency(static_cast<std::int64_t>(ns));
    const Nanoseconds read = LatencyBuckets::middle(LatencyBuckets::index(latency));
    const double error = std::abs(static_cast<double>((read - latency).count())) / ns;
    worst = std::max(worst, error);
  }
  EXPECT_LE(worst, 0.01);
  EXPECT_GT(worst, 0.001) << "the sweep must have met bucket edges";
}

TEST(LatencyHistogram, BucketsTouchWithoutGapOrOverlap) {
  for (std::size_t i = 0; i < LatencyBuckets::kCount; ++i) {
    const Nanoseconds first(LatencyBuckets::lower_ns(i));
    const Nanoseconds last(LatencyBuckets::lower_ns(i + 1) - 1);
    ASSERT_EQ(LatencyBuckets::index(first), i);
    ASSERT_EQ(LatencyBuckets::index(last), i);
  }
}

TEST(LatencyHistogram, OutOfRangeIsClampedNotLost) {
  const HistogramCounts counts = counts_of({-5ns, 0ns, 1ns, 48h, Nanoseconds::max()});
  EXPECT_EQ(counts.count, 5u);
  EXPECT_EQ(counts.buckets.front(), 3u);
  EXPECT_EQ(counts.buckets.back(), 2u);
}

TEST(LatencyHistogram, QuantilesOfALongTailAreWithinOnePercentOfTheSortedTruth) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> lognormal(std::log(5e6), 1.2);
  std::vector<Nanoseconds> latencies;
  for (int i = 0; i < 20'000; ++i)
    latencies.emplace_back(static_cast<std::int64_t>(lognormal(random)));
  const HistogramCounts counts = counts_of(latencies);
  std::sort(latencies.begin(), latencies.end());
  for (const double q : {0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(q * 20'000)) - 1;
    const auto truth = static_cast<double>(latencies[rank].count());
    EXPECT_NEAR(static_cast<double>(counts.quantile(q).count()), truth, truth * 0.01) << q;
  }
}

TEST(LatencyHistogram, AnEmptyHistogramHasNoQuantile) {
  EXPECT_EQ(HistogramCounts{}.quantile(0.95), 0ns);
  EXPECT_EQ(HistogramCounts{}.count_at_most(1h), 0u);
}

TEST(LatencyHistogram, CountAtMostFillsPrometheusBuckets) {
  const HistogramCounts counts = counts_of({1ms, 5ms, 5ms, 9ms, 2s});
  EXPECT_EQ(counts.count_at_most(500us), 0u);
  EXPECT_EQ(counts.count_at_most(1ms), 1u) << "le includes its own bound";
  EXPECT_EQ(counts.count_at_most(5ms), 3u);
  EXPECT_EQ(counts.count_at_most(10ms), 4u);
  EXPECT_EQ(counts.count_at_most(10s), 5u);
  EXPECT_EQ(counts.count_at_most(500h), counts.count);
  EXPECT_EQ(counts.sum_ns, 2'020'000'000u);
}

TEST(LatencyHistogram, SumsOverWorkersAndSubtractsToAWindow) {
  const HistogramCounts early = counts_of({1ms, 1ms});
  HistogramCounts later = early;
  later += counts_of({3s, 3s, 3s});
  EXPECT_EQ(later.count, 5u);
  const HistogramCounts window = later - early;
  EXPECT_EQ(window.count, 3u);
  EXPECT_EQ(window.count_at_most(1s), 0u);
  EXPECT_EQ(window.sum_ns, 9'000'000'000u);
  EXPECT_EQ((early - HistogramCounts{}).count, 2u) << "nothing was before the first window";
}

}  // namespace
}  // namespace cutwater::stats
