// Holds what the tests of the monitor share: attempts as an exchange reports them, and a monitor of
// two workers.
#pragma once

#include <gtest/gtest.h>

#include "proxy/guard/version_monitor.hpp"

namespace cutwater::guard {

using namespace std::chrono_literals;
using stats::AttemptResult;
using stats::Outcome;

inline constexpr TimePoint kNoon = TimePoint(12h);

inline AttemptResult good(Nanoseconds latency = 10ms) {
  AttemptResult result;
  result.status = 200;
  result.latency = latency;
  return result;
}

inline AttemptResult bad(Outcome outcome = Outcome::Status5xx) {
  AttemptResult result;
  result.outcome = outcome;
  result.status = outcome == Outcome::Status5xx ? 500 : 0;
  result.latency = 10ms;
  return result;
}

inline AttemptResult with(AttemptResult result, const Ticket& ticket) {
  result.ticket = ticket.value;
  return result;
}

class Monitor : public testing::Test {
 protected:
  void arm(GuardPolicy policy = {}) {
    monitor.arm(policy, [this] { ++trips; });
  }
  void many(int count, const AttemptResult& result) {
    for (int i = 0; i < count; ++i) monitor.record(static_cast<unsigned>(i) % 2, result, kNoon);
  }
  GuardReport report() { return monitor.report(kNoon); }

  VersionMonitor monitor{"shop", "green", 2};
  int trips = 0;
};

}  // namespace cutwater::guard
