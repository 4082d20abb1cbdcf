// Decides whether a version is bad, or both versions fail because of something they share. It is
// asked when an alarm of the candidate has enough evidence. The functions are pure, over the counts
// since the candidate's run of failures began.
#pragma once

#include <cstdint>

#include "proxy/guard/alarm.hpp"

namespace cutwater::guard {

struct RunCounts {
  std::uint64_t bad = 0;
  std::uint64_t attempts = 0;  // the bad attempts included
};

// Both versions fail: since the candidate's run of failures began, the baseline has been above the
// limit as well, and the run itself does not show the candidate to be worse. To take the
// candidate's traffic away would then help nobody.
bool fail_alike(const RunCounts& candidate, const RunCounts& baseline, const AlarmLimits& limits);

}  // namespace cutwater::guard
