#include "proxy/stats/latency_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace cutwater::stats {

HistogramCounts& HistogramCounts::operator+=(const HistogramCounts& other) {
  if (other.buckets.empty()) return *this;
  if (buckets.empty()) buckets.resize(LatencyBuckets::kCount);
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  count += other.count;
  sum_ns += other.sum_ns;
  return *this;
}

HistogramCounts HistogramCounts::operator-(const HistogramCounts& earlier) const {
  HistogramCounts window = *this;
  if (earlier.buckets.empty() || buckets.empty()) return window;
  for (std::size_t i = 0; i < window.buckets.size(); ++i) window.buckets[i] -= earlier.buckets[i];
  window.count -= earlier.count;
  window.sum_ns -= earlier.sum_ns;
  return window;
}

Nanoseconds HistogramCounts::quantile(double q) const {
  if (count == 0) return Nanoseconds(0);
  const auto rank =
      static_cast<std::uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * static_cast<double>(count)));
  const std::uint64_t wanted = std::clamp<std::uint64_t>(rank, 1, count);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    seen += buckets[i];
    if (seen >= wanted) return LatencyBuckets::middle(i);
  }
  return LatencyBuckets::middle(LatencyBuckets::kCount - 1);
}

std::uint64_t HistogramCounts::count_at_most(Nanoseconds limit) const {
  if (buckets.empty() || limit.count() < 0) return 0;
  const std::size_t last = LatencyBuckets::index(limit);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i <= last; ++i) seen += buckets[i];
  return seen;
}

void LatencyHistogram::add_to(HistogramCounts& counts) const {
  if (counts.buckets.empty()) counts.buckets.resize(LatencyBuckets::kCount);
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    // Counting while reading keeps `count` equal to the sum of the buckets, whatever the writer
    // does meanwhile.
    const std::uint64_t n = buckets_[i].load(std::memory_order_relaxed);
    counts.buckets[i] += n;
    counts.count += n;
  }
  counts.sum_ns += sum_ns_.load(std::memory_order_relaxed);
}

}  // namespace cutwater::stats
