// Measures one version and guards it. A shared_ptr owns the monitor: snapshots and control hold it,
// so it outlives every request that was admitted through it.
//
// Any worker may call admit(), leave() and record(); the control thread calls the other functions.
// On the success path a worker touches only its own cell (plain relaxed stores, no
// read-modify-write), except the few attempts counted while the version is unproven. Errors and
// slow responses take a mutex: they are rare, and when they are not, the version is about to lose
// its traffic. See proxy/guard/README.md for the tests.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/clock.hpp"
#include "proxy/guard/report.hpp"
#include "proxy/stats/outcome.hpp"
#include "proxy/stats/version_cell.hpp"

namespace cutwater::guard {

struct GuardPolicy {
  double error_rate = 0.05;                // p0 of the error guard
  Nanoseconds p95 = Seconds(2);            // slow indicator 1: more than 5 % slower than this
  Nanoseconds p95_critical = Seconds(3);   // slow indicator 2
  double alpha_errors = 0.0025;            // part of the rollout's 1 % (proxy/guard/README.md,
                                           // "Absolute guard")
  double alpha_latency = 0.00125;          // for each of the two latency guards
  double pass_beta = 0.05;                 // for the PASS test: 76 clean requests
  std::uint32_t min_failed_attempts = 5;   // floor of the trip
  std::uint32_t min_distinct_clients = 3;  // waived while < 10 distinct clients were seen in 60 s
  std::uint32_t unproven_in_flight = 16;   // the cap until `proven_after` good completions
  std::uint32_t proven_after = 20;
  // A witness only measures: it is the version a candidate is compared with. It never trips and
  // caps nothing.
  bool witness = false;
  // The guard says what it would have done and does not do it.
  bool dry_run = false;
};

class Alarm;
struct AlarmLimits;
class Comparison;
class VersionMonitor;

// Says what the policy means for the alarms, by Indicator.
std::array<AlarmLimits, stats::kIndicators> alarm_limits(const GuardPolicy& policy);

// Says what a candidate is held against.
struct Against {
  std::shared_ptr<const VersionMonitor> baseline = nullptr;  // armed as a witness
  std::shared_ptr<Comparison> comparison = nullptr;          // the relative guard, if there is one
};

enum class Admission : std::uint8_t {
  Admitted,  // send it; record() must follow exactly once
  Tripped,   // the version lost its traffic
  Capped,    // unproven and enough in flight already: the request goes to stable, with its weight
             // recorded as 0
};

// Holds what admit() says. `value` goes back unchanged in AttemptResult::ticket, so that the
// attempt is judged by the arming it was admitted under and leaves the in-flight count it entered.
struct Ticket {
  Admission admission = Admission::Admitted;
  std::uint32_t value = 0;
  operator Admission() const { return admission; }  // NOLINT: reads as `admit() == Admitted`
};

class VersionMonitor {
 public:
  VersionMonitor(std::string service, std::string version, unsigned workers);
  ~VersionMonitor();
  VersionMonitor(const VersionMonitor&) = delete;
  VersionMonitor& operator=(const VersionMonitor&) = delete;

  const std::string& service() const { return service_; }
  const std::string& version() const { return version_; }

  // --- worker side -------------------------------------------------------------------------
  bool tripped() const { return tripped_.load(std::memory_order_acquire); }
  Ticket admit();
  // The attempt became a tunnel or an endless stream: it stops counting as in flight, because
  // otherwise sixteen WebSockets would keep the version capped. The call updates the ticket;
  // record() still follows.
  void leave(std::uint32_t& ticket);
  // Counts open WebSockets and other upgraded connections, in the worker's own cell.
  stats::Gauge& tunnels(unsigned worker) { return cells_[worker]->tunnels(); }
  // Call it exactly once per admitted attempt, with its ticket.
  void record(unsigned worker, const stats::AttemptResult& result, TimePoint now);
  // The attempt is still under way, but its client seems to have given up: `so_far` is what it
  // would say. record() still follows, with `told` set to its latency.
  void note_waiting(unsigned worker, const stats::AttemptResult& so_far, TimePoint now);
  // Call this instead for an attempt that says nothing about a version (guards.ignore).
  void record_ignored(unsigned worker, std::uint32_t ticket);

  // --- control side ------------------------------------------------------------------------
  // Starts fresh evidence and opens the version if it was tripped. `on_trip` runs at most once per
  // arming, on the worker that saw the deciding request, without the guard's mutex held; it must
  // only wake control.
  void arm(const GuardPolicy& policy, std::function<void()> on_trip, Against against = {});
  // Stops judging; what was found stays readable in report().
  void disarm();
  // Closes the version by hand (lock-out, kill switch) or opens it again.
  void set_tripped(bool tripped);

  // Lets the relative guard judge what has become ripe; control calls it some ten times a second.
  void compare(TimePoint now);
  // Sets the version whose failures may explain this version's failures from now on: the baseline
  // of a flag changes with stable.
  void set_baseline(std::shared_ptr<const VersionMonitor> baseline);
  // A flag is compared only while it ramps; what its limits have found stays. nullptr ends the
  // comparison.
  void set_comparison(std::shared_ptr<Comparison> comparison);
  // Returns the comparison of this arming, or nullptr when there is no relative guard.
  std::shared_ptr<Comparison> comparison() const;
  // From now on no request goes to the baseline at random, so there is nothing to compare with: the
  // error rate is held against this limit, which is made of the baseline's past. Call it once per
  // arming.
  void hold_against_past(double limit);

  GuardReport report(TimePoint now) const;
  std::uint64_t tunnels_open() const;
  stats::VersionTotals totals() const;  // summed over workers, monotonic over the process life

 private:
  struct Tests;  // the mutex-guarded evidence
  struct Counts {
    std::uint64_t bad = 0;
    std::uint64_t good = 0;
  };

  std::uint64_t good_since_arming(std::size_t indicator) const;
  Counts counts(std::size_t indicator) const;
  double distinct_clients(TimePoint now) const;
  bool few_compared(TimePoint now) const;
  bool judged_now(std::uint32_t ticket) const;
  unsigned bad_indicators(stats::VersionCell& cell, const stats::AttemptResult& result) const;
  void prove();
  void judge(unsigned bad, const stats::AttemptResult& result, TimePoint now);
  void note_run(std::size_t indicator);
  bool explained_by_baseline(std::size_t indicator) const;
  void decide(const std::string& test, const Alarm& alarm, std::vector<FailureKind> kinds,
              TimePoint now);
  void judge_by_past(const stats::AttemptResult& result, TimePoint now);
  void report_limits(GuardReport& report, TimePoint now) const;
  void report_past(GuardReport& report) const;

  const std::string service_;
  const std::string version_;
  std::vector<std::unique_ptr<stats::VersionCell>> cells_;  // one per worker
  std::atomic<bool> tripped_{false};
  std::atomic<bool> armed_{false};
  std::atomic<bool> unproven_{false};
  // arm() writes the members below, and workers read them without the mutex.
  std::atomic<std::uint32_t> arming_{1};  // even a version never armed hands out non-zero tickets
  std::atomic<std::int64_t> p95_ns_{0};
  std::atomic<std::int64_t> p95_critical_ns_{0};
  std::atomic<std::uint32_t> in_flight_cap_{0};
  std::atomic<std::uint64_t> proven_at_{0};  // sum of good attempts
  // Counts the attempts that admit() counted and that are not back yet, over all armings. It is
  // never reset, so attempts that were under way when a new arming began cannot make it wrong.
  alignas(64) std::atomic<std::uint32_t> in_flight_{0};
  std::unique_ptr<Tests> tests_;
};

}  // namespace cutwater::guard
