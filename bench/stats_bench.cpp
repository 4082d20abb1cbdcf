// Measures what it costs to measure: the histogram a worker writes, and the summaries control
// reads.
#include <benchmark/benchmark.h>

#include <array>
#include <memory>

#include "proxy/base/random.hpp"
#include "proxy/stats/latency_histogram.hpp"
#include "proxy/stats/version_cell.hpp"

namespace cutwater::stats {
namespace {

// Makes latencies of 1 to 100 ms, as a service answers.
std::array<Nanoseconds, 1024> make_latencies() {
  std::array<Nanoseconds, 1024> latencies;
  Random random(7);
  for (Nanoseconds& latency : latencies)
    latency = Nanoseconds(1'000'000 + random.below(99'000'000));
  return latencies;
}

void BM_HistogramRecord(benchmark::State& state) {
  const auto latencies = make_latencies();
  const auto histogram = std::make_unique<LatencyHistogram>();
  std::size_t at = 0;
  for (auto _ : state) histogram->record(latencies[at++ & 1023]);
}
BENCHMARK(BM_HistogramRecord);

HistogramCounts filled(const LatencyHistogram& histogram) {
  HistogramCounts counts;
  histogram.add_to(counts);
  return counts;
}

void BM_HistogramSum(benchmark::State& state) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  for (const Nanoseconds latency : make_latencies()) histogram->record(latency);
  HistogramCounts sum = filled(*histogram);
  for (auto _ : state) {
    histogram->add_to(sum);
    benchmark::DoNotOptimize(sum.count);
  }
}
BENCHMARK(BM_HistogramSum);

void BM_HistogramQuantile(benchmark::State& state) {
  const auto histogram = std::make_unique<LatencyHistogram>();
  for (const Nanoseconds latency : make_latencies()) histogram->record(latency);
  const HistogramCounts counts = filled(*histogram);
  for (auto _ : state) benchmark::DoNotOptimize(counts.quantile(0.95));
}
BENCHMARK(BM_HistogramQuantile);

void BM_VersionCellRecord(benchmark::State& state) {
  const auto latencies = make_latencies();
  const auto cell = std::make_unique<VersionCell>();
  const TimePoint now = Clock::now();
  AttemptResult result;
  result.status = 200;
  std::size_t at = 0;
  for (auto _ : state) {
    result.latency = latencies[at & 1023];
    result.client = at++;
    cell->record(result, now);
  }
}
BENCHMARK(BM_VersionCellRecord);

}  // namespace
}  // namespace cutwater::stats
