// Is a version bad, or do both fail because of something they share? Asked when an alarm of the
// candidate has enough evidence. Pure functions of the counts since its run of failures began.
#pragma once

#include <cstdint>

#include "proxy/guard/alarm.hpp"

namespace cutwater::guard {

struct RunCounts {
  std::uint64_t bad = 0;
  std::uint64_t attempts = 0;  // the bad ones included
};

// Both fail: since the candidate's run of failures began, the baseline is above the limit as well,
// and the run itself does not show the candidate to be worse. Then taking the candidate's traffic
// away would help nobody.
bool fail_alike(const RunCounts& candidate, const RunCounts& baseline, const AlarmLimits& limits);

}  // namespace cutwater::guard
