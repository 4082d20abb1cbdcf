// The two clocks of the control plane as functions, so that tests hold time in their hand. Values;
// any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "proxy/base/clock.hpp"

namespace cutwater::control {

struct Clocks {
  // The steady one: durations, windows, evidence.
  std::function<TimePoint()> now = [] { return Clock::now(); };
  // Unix milliseconds: what is stored and shown.
  std::function<std::int64_t()> wall_ms = [] {
    return static_cast<std::int64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                         std::chrono::system_clock::now().time_since_epoch())
                                         .count());
  };
};

}  // namespace cutwater::control
