// Estimates how many different clients a version served lately, for the guard's per-client rule
// (proxy/guard/README.md, "What is observed"). It uses linear counting (Whang et al. 1990) over
// 1024 bits in two generations of 60 s: the estimate covers the last 60 to 120 s and saturates near
// 7000. A request without a confirmed subject counts as a client of its own. One worker writes
// DistinctClients with plain stores and anyone reads it; ClientUnion is a value on the reader's
// stack.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "proxy/base/clock.hpp"

namespace cutwater::stats {

inline constexpr std::size_t kClientBits = 1024;
inline constexpr std::size_t kClientWords = kClientBits / 64;

class ClientUnion {
 public:
  double estimate() const;

 private:
  friend class DistinctClients;
  std::array<std::uint64_t, kClientWords> words_{};
  std::uint64_t anonymous_ = 0;
};

class DistinctClients {
 public:
  void add(std::uint64_t client, TimePoint now);  // the owning worker only; 0 means anonymous
  void merge_into(ClientUnion& all, TimePoint now) const;

 private:
  struct Generation {
    std::atomic<std::int64_t> minute{-1};
    std::atomic<std::uint64_t> anonymous{0};
    std::array<std::atomic<std::uint64_t>, kClientWords> words{};
  };
  static std::int64_t minute_of(TimePoint now);
  void start(Generation& generation, std::int64_t minute);

  std::array<Generation, 2> generations_;  // for the even and the odd minutes
};

}  // namespace cutwater::stats
