// Counts one version on one worker: one writer, any number of readers, no atomic read-modify-write.
// Totals are sums over workers by value.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "proxy/stats/distinct_clients.hpp"
#include "proxy/stats/latency_histogram.hpp"
#include "proxy/stats/outcome.hpp"

namespace cutwater::stats {

// The counter has a single writer: it uses a relaxed load and store, which compile to a plain add.
class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Holds a number that goes up and down; it has a single writer and any number of readers.
class Gauge {
 public:
  void up() { value_.store(get() + 1, std::memory_order_relaxed); }
  void down() { value_.store(get() - 1, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct VersionTotals {
  std::array<std::uint64_t, kOutcomes> outcomes{};
  std::array<std::uint64_t, 6> code_class{};  // [1]..[5] = 1xx..5xx, [0] = no response
  HistogramCounts latency;                    // of good answers only
  std::uint64_t ignored = 0;  // attempts of guards.ignore, which are in no other member

  std::uint64_t attempts() const;  // attempts charged to the version: client aborts are not among
                                   // them
  std::uint64_t errors() const;
  VersionTotals& operator+=(const VersionTotals& other);
  VersionTotals operator-(const VersionTotals& earlier) const;  // a window
};

// Names the guard's three indicators (proxy/guard/README.md, "What is observed").
enum class Indicator : std::uint8_t { Error, SlowP95, SlowCritical };
inline constexpr std::size_t kIndicators = 3;

// A cell takes about 17 KiB. It is aligned, so that two workers' cells never share a cache line.
class alignas(64) VersionCell {
 public:
  // Only the owning worker calls it.
  void record(const AttemptResult& result, TimePoint now);
  Counter& good(Indicator indicator) { return good_[static_cast<std::size_t>(indicator)]; }
  Counter& bad(Indicator indicator) { return bad_[static_cast<std::size_t>(indicator)]; }
  // Of an endpoint's first requests, which `good` and `bad` leave out.
  Counter& cold_good(Indicator indicator) {
    return cold_good_[static_cast<std::size_t>(indicator)];
  }
  Counter& cold_bad(Indicator indicator) { return cold_bad_[static_cast<std::size_t>(indicator)]; }
  // Of `bad`, those that the client gave up.
  Counter& given_up(Indicator indicator) { return given_up_[static_cast<std::size_t>(indicator)]; }
  Counter& ignored() { return ignored_; }
  Gauge& tunnels() { return tunnels_; }

  // Any thread may call it.
  std::uint64_t good_count(Indicator indicator) const {
    return good_[static_cast<std::size_t>(indicator)].get();
  }
  std::uint64_t bad_count(Indicator indicator) const {
    return bad_[static_cast<std::size_t>(indicator)].get();
  }
  std::uint64_t cold_good_count(Indicator indicator) const {
    return cold_good_[static_cast<std::size_t>(indicator)].get();
  }
  std::uint64_t cold_bad_count(Indicator indicator) const {
    return cold_bad_[static_cast<std::size_t>(indicator)].get();
  }
  std::uint64_t given_up_count(Indicator indicator) const {
    return given_up_[static_cast<std::size_t>(indicator)].get();
  }
  std::uint64_t ignored_count() const { return ignored_.get(); }
  std::uint64_t tunnels_open() const { return tunnels_.get(); }
  const DistinctClients& clients() const { return clients_; }
  void add_to(VersionTotals& totals) const;

 private:
  std::array<Counter, kOutcomes> outcomes_;
  std::array<Counter, 6> code_class_;
  std::array<Counter, kIndicators> good_;  // attempts the armed guard found good, per indicator
  std::array<Counter, kIndicators> bad_;   // attempts it found bad, including every repeat of a
                                           // client
  std::array<Counter, kIndicators> cold_good_;
  std::array<Counter, kIndicators> cold_bad_;
  std::array<Counter, kIndicators> given_up_;
  Counter ignored_;
  Gauge tunnels_;
  DistinctClients clients_;
  LatencyHistogram latency_;
};

}  // namespace cutwater::stats
