// Implements one alarm of the guard: the change-point test together with the rules that make it fit
// for real traffic. A client's failure counts once a minute, and a trip needs a floor of failures
// and of different clients. The class is pure: time and counts are arguments, and the owner
// serialises the calls.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/guard/change_point_evidence.hpp"
#include "proxy/guard/failing_clients.hpp"

namespace cutwater::guard {

struct AlarmLimits {
  double p0 = 0.05;
  double alpha = 0.0025;
  std::uint32_t min_bad = 5;  // raw failures, including a client's repeats
  std::uint32_t min_distinct_clients = 3;
};

// A failure that finds the evidence back at, or below, the level where the run began starts another
// run. One failure after a long good stretch multiplies the evidence by more than two, so up to one
// and a half times that level counts as "back".
inline constexpr double kBackAtGround = 1.5;

struct BadAttempt {
  std::uint64_t client = 0;  // 0 makes the failure a client of its own
  std::uint64_t good = 0;    // good attempts since arming, up to now
  TimePoint now{};
};

class Alarm {
 public:
  // Below this many distinct clients on the version the per-client rules are waived: a single
  // caller must be able to show that everything is broken.
  static constexpr double kFewClients = 10;

  explicit Alarm(const AlarmLimits& limits);

  // Returns true when the evidence is enough. `few_clients()` tells whether fewer than kFewClients
  // were seen lately; it is called only when the answer matters, because it reads every worker's
  // cell.
  template <typename FewClients>
  bool on_bad(const BadAttempt& bad, FewClients&& few_clients) {
    ++raw_bad_;
    const bool first = clients_.first_failure(bad.client, bad.now);
    advance(bad.good);
    if (first || few_clients()) feed(bad);
    if (evidence() < 1 / limits_.alpha || raw_bad_ < limits_.min_bad) return false;
    return clients_.distinct() >= limits_.min_distinct_clients || few_clients();
  }

  const AlarmLimits& limits() const { return limits_; }
  double evidence() const { return test_.evidence(); }
  double evidence_after(std::uint64_t good) const;  // the evidence if looked at now, without a
                                                    // failure
  std::uint64_t bad() const { return fed_bad_; }    // failures that were evidence
  std::uint64_t raw_bad() const { return raw_bad_; }
  // Returns where the present run of failures began (the last failure before which the evidence had
  // sunk to its ground), and how many attempts had completed, and how many had failed, before it.
  TimePoint onset() const { return onset_; }
  std::uint64_t attempts_at_onset() const { return attempts_at_onset_; }
  std::uint64_t raw_bad_at_onset() const { return raw_bad_at_onset_; }
  std::uint64_t runs() const { return runs_; }  // runs that have begun so far

  // The evidence was explained otherwise (both versions fail), so it must not grow meanwhile: the
  // test would remember the incident long after it is over.
  void explain_away() { test_.limit_evidence(1 / limits_.alpha); }

 private:
  void advance(std::uint64_t good);
  void feed(const BadAttempt& bad);

  AlarmLimits limits_;
  ChangePointEvidence test_;
  FailingClients clients_;
  std::uint64_t good_fed_ = 0;
  std::uint64_t fed_bad_ = 0;
  std::uint64_t raw_bad_ = 0;
  double evidence_at_onset_ = 0;
  TimePoint onset_{};
  std::uint64_t attempts_at_onset_ = 0;
  std::uint64_t raw_bad_at_onset_ = 0;
  std::uint64_t runs_ = 0;
};

}  // namespace cutwater::guard
