// Says which requests are an endpoint's first ones. They may be slow on any version, because caches
// and connection pools are empty, so they say nothing about its latency (proxy/guard/README.md,
// "Relative guard"). They are the first hundred, or those of the first two minutes, whichever ends
// first; an endpoint that becomes healthy again has them once more. Control begins a warm-up; any
// worker counts. Only a load and a store are used, without read-modify-write: two workers that
// count at the same time make it a request or two longer.
#pragma once

#include <atomic>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace cutwater::upstream {

class WarmUp {
 public:
  static constexpr std::uint32_t kRequests = 100;
  static constexpr Nanoseconds kLongest = std::chrono::minutes(2);

  // --- control ---
  // The next requests are the first ones, once more: a rollout to this endpoint begins.
  void begin() {
    restarts_left_ = kRestarts;
    start();
  }
  // The endpoint has become healthy again, so it has probably been started anew. A version whose
  // endpoints crash again and again must not go on being excused.
  void restarted() {
    if (restarts_left_ == 0) return;
    --restarts_left_;
    start();
  }

  // --- a worker ---
  // Counts a request that is about to be sent; returns true if it is one of the first.
  bool count(TimePoint now) {
    const std::uint32_t left = left_.load(std::memory_order_relaxed);
    if (left == 0) return false;
    const std::int64_t over = over_.load(std::memory_order_relaxed);
    const std::int64_t at = now.time_since_epoch() / Nanoseconds(1);
    if (over == kNotBegun) over_.store(at + kLongest.count(), std::memory_order_relaxed);
    const bool first = over == kNotBegun || at < over;
    left_.store(first ? left - 1 : 0, std::memory_order_relaxed);
    return first;
  }

 private:
  static constexpr std::uint32_t kRestarts = 1;
  static constexpr std::int64_t kNotBegun = 0;

  void start() {
    over_.store(kNotBegun, std::memory_order_relaxed);
    left_.store(kRequests, std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> left_{kRequests};
  std::atomic<std::int64_t> over_{kNotBegun};  // the clock's nanoseconds
  std::uint32_t restarts_left_ = kRestarts;    // control's own
};

}  // namespace cutwater::upstream
