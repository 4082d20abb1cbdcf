// How much a counter has grown in the last 10 s and 60 s. One value per second is kept, and a
// window is a difference of two. Thread: control's.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

#include "proxy/base/clock.hpp"

namespace cutwater::control {

class CountWindow {
 public:
  static constexpr Seconds kLong{60};

  // `total` is monotonic.
  void sample(TimePoint now, std::uint64_t total) {
    samples_.push_back({now, total});
    // The newest that is old enough must stay: the window begins there.
    while (samples_.size() > 1 && samples_[1].at <= now - kLong) samples_.pop_front();
  }
  // The growth within the last `length`, which is at most kLong, up to `live`. What was counted
  // before the first sample counts as grown since then.
  std::uint64_t last(Seconds length, TimePoint now, std::uint64_t live) const {
    std::uint64_t before = 0;
    for (const Sample& sample : samples_)
      if (sample.at <= now - length) before = sample.total;
    return live - std::min(before, live);  // a service that came back counts anew
  }

 private:
  struct Sample {
    TimePoint at;
    std::uint64_t total;
  };
  std::deque<Sample> samples_;  // oldest first
};

}  // namespace cutwater::control
