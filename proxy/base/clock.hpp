// Time is an argument. Pure code takes a TimePoint; the worker reads the clock once and passes it
// down, so that tests can set it.
#pragma once

#include <chrono>

namespace cutwater {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Nanoseconds = std::chrono::nanoseconds;
using Milliseconds = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

}  // namespace cutwater
