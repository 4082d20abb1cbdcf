// Tests whether the candidate fails more often than the version it is compared with. It looks only
// at failing requests (proxy/guard/README.md, "Relative guard"; the thinning argument of Lindon &
// Malek 2022): when the candidate's rate is at most r0 times the baseline's, a failing request that
// was assigned at random is the candidate's with probability at most w0 = w r0 / (w r0 + 1 - w),
// whatever the rates are and however they move. No estimate of the baseline is needed. The test is
// an e-process when the failures come in the order in which their requests arrived (comparison.hpp
// ensures that).
//
// The start masses are 3/4 at the first failure, 1/8 over the first 1000, then 1/16, 1/32, ... on
// blocks of doubling length; together they are 1. Most bad versions are worse from their first
// request on; a later fault is clear enough for the little mass that is kept for it. The class is
// pure: it has no clock and no thread, and the owner serialises the calls.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/guard/start_masses.hpp"

namespace cutwater::guard {

// The alternatives: how many times r0 worse the candidate may be.
inline constexpr std::array kRateRatios = {1.5, 2.0, 4.0, 10.0, 40.0, 200.0};

// Computes the same mixture without late starts and with one weight, for test vectors, and for
// judging one run of failures after the fact.
struct FailureCounts {
  std::uint64_t candidate = 0;
  std::uint64_t baseline = 0;
};
double plain_relative_evidence(double tolerance, FailureCounts failures, double weight);

class RelativeEvidence {
 public:
  static constexpr std::uint64_t kFirstBlock = 1000;

  explicit RelativeEvidence(double tolerance);  // r0 >= 1; 1 is strict

  // Adds one failing request and the probability, when it was assigned, that it would be the
  // candidate's rather than the baseline's. A probability of 0 or 1 says nothing, because there was
  // no choice.
  void add(bool candidate, double weight);
  // Adds all failures of a tick with its weight, for counts whose order within the tick is not
  // known; look at the evidence afterwards. For a tick with a single failure it equals add().
  void add_tick(const FailureCounts& failures, double weight);

  double evidence() const;  // alarm when >= 1/alpha
  // Takes evidence away: 0 <= share <= 1 of it is left. A test may always do that.
  void keep(double share);
  // Returns the start mass that no failure has used, which a later test of the same question may
  // still spend.
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
