// Holds what a version did in the last 10 s and 60 s, for people; verdicts come from the sequential
// tests. One total per second is kept and a window is a difference of two. It belongs to control's
// thread.
#pragma once

#include <deque>

#include "proxy/base/clock.hpp"
#include "proxy/stats/version_cell.hpp"

namespace cutwater::control {

struct Window {
  stats::VersionTotals totals;
  double seconds = 0;  // how much of the asked time there was

  double requests_per_second() const {
    return seconds > 0 ? static_cast<double>(totals.attempts()) / seconds : 0;
  }
};

class Windows {
 public:
  static constexpr Seconds kShort{10};
  static constexpr Seconds kLong{60};

  void sample(TimePoint now, stats::VersionTotals totals);
  // Returns the last `length` before `now`, whose totals are `live`.
  Window last(Seconds length, TimePoint now, const stats::VersionTotals& live) const;

 private:
  struct Sample {
    TimePoint at;
    stats::VersionTotals totals;
  };
  std::deque<Sample> samples_;  // oldest first, one a second, a little more than kLong
};

}  // namespace cutwater::control
