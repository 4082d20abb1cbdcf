// Does the candidate fail more often than the version it is compared with? Looks only at failing
// requests (statistics.md 3, the thinning argument of Lindon & Malek 2022): when the candidate's
// rate is at most r0 times the baseline's, a failing request that was assigned at random is the
// candidate's with probability at most w0 = w r0 / (w r0 + 1 - w), whatever the rates are and
// however they move. No estimate of the baseline is needed. An e-process when the failures come in
// the order in which their requests arrived (comparison.hpp sees to that).
//
// Start masses: 3/4 at the first failure, 1/8 over the first 1000, then blocks of doubling length
// with 1/16, 1/32, ...: together 1. A version is worse from its first request on, or its fault is
// loud enough for the little mass that waits for it. Pure: no clock, no thread; the owner
// serialises.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/guard/start_masses.hpp"

namespace cutwater::guard {

// How many times r0 worse the candidate may be: the alternatives.
inline constexpr std::array kRateRatios = {1.5, 2.0, 4.0, 10.0, 40.0, 200.0};

// The same mixture without late starts and with one weight: for test vectors, and for judging one
// run of failures after the fact.
struct FailureCounts {
  std::uint64_t candidate = 0;
  std::uint64_t baseline = 0;
};
double plain_relative_evidence(double tolerance, FailureCounts failures, double weight);

class RelativeEvidence {
 public:
  static constexpr std::uint64_t kFirstBlock = 1000;

  explicit RelativeEvidence(double tolerance);  // r0 >= 1; 1 is strict

  // One failing request and the probability, when it was assigned, that it would be the
  // candidate's among the two. 0 or 1 says nothing: there was no choice.
  void add(bool candidate, double weight);
  // All failures of a tick with its weight, for counts whose order within it is not known: look at
  // the evidence then. Of a tick with a single failure it is the same as add().
  void add_tick(const FailureCounts& failures, double weight);

  double evidence() const;  // alarm when >= 1/alpha
  // Start mass that no failure has used: what a later test of the same question may still spend.
  double unspent() const;
  const FailureCounts& failures() const { return failures_; }

 private:
  struct Alternative {
    double ratio;
    double evidence;  // R_k
  };
  double tolerance_;
  std::array<Alternative, kRateRatios.size()> alternatives_;
  StartMasses starts_;
  FailureCounts failures_;
};

}  // namespace cutwater::guard
