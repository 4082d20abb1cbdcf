// Counts how a version did over its last 10 000 requests, however long ago they began: a version is
// held against this when nothing is left beside it to compare with. It holds a few hundred numbers
// and belongs to control's thread.
#pragma once

#include <cstdint>
#include <deque>

namespace cutwater::control {

class RecentCounts {
 public:
  static constexpr std::uint64_t kRequests = 10'000;

  struct Counts {
    std::uint64_t requests = 0;
    std::uint64_t errors = 0;
  };
  // Takes the totals since the process began, again and again.
  void sample(const Counts& totals) {
    constexpr std::uint64_t kApart = kRequests / 100;
    if (marks_.empty() || totals.requests >= marks_.back().requests + kApart)
      marks_.push_back(totals);
    // One mark at or before the beginning must stay.
    while (marks_.size() > 1 && totals.requests - marks_[1].requests >= kRequests)
      marks_.pop_front();
  }
  Counts until(const Counts& totals) const {
    if (marks_.empty()) return {};
    return {totals.requests - marks_.front().requests, totals.errors - marks_.front().errors};
  }

 private:
  std::deque<Counts> marks_;  // oldest first
};

}  // namespace cutwater::control
