// Counts latencies in log-linear buckets: 64 per octave, so that a bucket's middle is at most 0.79
// % away from any value in it. The buckets cover 1 us .. 73 min (shorter and longer latencies are
// clamped). There is one writer (a worker) and any number of readers; recording takes two plain
// stores, without read-modify-write or loop.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/base/clock.hpp"

namespace cutwater::stats {

// Says in which bucket a latency belongs. The live histogram and the value type share it.
struct LatencyBuckets {
  static constexpr unsigned kSubBits = 6;
  static constexpr unsigned kFirstOctave = 9;  // 2^9 ns = 512 ns
  static constexpr unsigned kLastOctave = 41;  // up to 2^42 ns = 4398 s
  static constexpr std::size_t kCount = (kLastOctave - kFirstOctave + 1) << kSubBits;

  static constexpr std::size_t index(Nanoseconds latency) {
    constexpr std::int64_t lowest = std::int64_t{1} << kFirstOctave;
    constexpr std::int64_t highest = (std::int64_t{1} << (kLastOctave + 1)) - 1;
    const std::int64_t raw = latency.count();
    const auto ns = static_cast<std::uint64_t>(raw < lowest    ? lowest
                                               : raw > highest ? highest
                                                               : raw);
    const unsigned octave = static_cast<unsigned>(std::bit_width(ns)) - 1;
    // The leading one is bit 6 after the shift: it adds one octave, hence "- 1".
    return ((octave - kFirstOctave) << kSubBits) + (ns >> (octave - kSubBits)) -
           (std::size_t{1} << kSubBits);
  }
  static constexpr std::int64_t lower_ns(std::size_t index) {
    const unsigned octave = static_cast<unsigned>(index >> kSubBits) + kFirstOctave;
    const auto sub = static_cast<std::int64_t>(index & ((1U << kSubBits) - 1));
    return ((std::int64_t{1} << kSubBits) + sub) << (octave - kSubBits);
  }
  static constexpr Nanoseconds middle(std::size_t index) {
    return Nanoseconds((lower_ns(index) + lower_ns(index + 1)) / 2);
  }
};

// Holds counts as a value: summed over workers, or the difference of two moments (a window).
struct HistogramCounts {
  std::vector<std::uint64_t> buckets;  // empty, or LatencyBuckets::kCount
  std::uint64_t count = 0;
  std::uint64_t sum_ns = 0;

  HistogramCounts& operator+=(const HistogramCounts& other);
  HistogramCounts operator-(const HistogramCounts& earlier) const;
  // Returns the nearest-rank quantile, q in 0..1, within 1 %. It is 0 when empty.
  Nanoseconds quantile(double q) const;
  // Counts the observations <= limit. It never misses one; it may include some that are up to 1.6 %
  // longer (one bucket).
  std::uint64_t count_at_most(Nanoseconds limit) const;
};

class LatencyHistogram {
 public:
  void record(Nanoseconds latency) {  // the owning worker only
    bump(buckets_[LatencyBuckets::index(latency)], 1);
    bump(sum_ns_, latency.count() > 0 ? static_cast<std::uint64_t>(latency.count()) : 0);
  }
  void add_to(HistogramCounts& counts) const;

 private:
  // There is a single writer, so this is a plain add instead of a locked one.
  static void bump(std::atomic<std::uint64_t>& value, std::uint64_t by) {
    value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::array<std::atomic<std::uint64_t>, LatencyBuckets::kCount> buckets_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

}  // namespace cutwater::stats
