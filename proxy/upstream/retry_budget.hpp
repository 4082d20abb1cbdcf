// Limits how many retries a worker may have under way: a fifth of its active exchanges, at least
// three (Envoy's retry_budget). This keeps a failing service from being hit by its own retries.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cutwater::upstream {

class RetryBudget {
 public:
  bool try_take(std::uint64_t active_exchanges) {
    if (retrying_ >= std::max<std::uint64_t>(kMinimum, active_exchanges / kShare)) return false;
    ++retrying_;
    return true;
  }
  void give_back() { --retrying_; }

 private:
  static constexpr std::uint64_t kMinimum = 3;
  static constexpr std::uint64_t kShare = 5;
  std::uint64_t retrying_ = 0;
};

}  // namespace cutwater::upstream
