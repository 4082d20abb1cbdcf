// Remembers which clients already failed within the last minute. Only a client's first failure in
// 60 s is evidence (proxy/guard/README.md, "What is observed"); otherwise one visitor with a broken
// session would look like a broken version. The memory is fixed: 1024 sets of 4, where the oldest
// entry of a set gives way. The guard's mutex protects it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "proxy/base/clock.hpp"

namespace cutwater::guard {

class FailingClients {
 public:
  static constexpr Seconds kWindow{60};

  // Counting stops at `enough` distinct failing clients.
  explicit FailingClients(std::uint32_t enough, Nanoseconds window = kWindow);

  // Returns true when this failure is the client's first in the window. Client 0 is always a new
  // one.
  bool first_failure(std::uint64_t client, TimePoint now);
  // The next failure of every client is its first again.
  void forget();
  // Returns how many distinct clients failed since the start, at most `enough`.
  std::uint32_t distinct() const { return distinct_; }

 private:
  static constexpr std::size_t kSets = 1024;
  static constexpr std::size_t kWays = 4;
  struct Entry {
    std::uint64_t client = 0;  // 0 = free
    TimePoint since{};
  };
  void count(std::uint64_t client);

  std::vector<std::array<Entry, kWays>> sets_;
  std::vector<std::uint64_t> counted_;  // never grows beyond its reserved `enough_`
  std::uint32_t enough_;
  Nanoseconds window_;
  std::uint32_t distinct_ = 0;
};

}  // namespace cutwater::guard
