// Tests whether a rate is below p0. This is the mirror of the alarm (proxy/guard/README.md,
// "Outcomes"): without it, "no alarm yet" would be taken for "good". The alternatives are 4, 20, 40
// and 60 % of p0 (0.2, 1, 2, 3 % for p0 = 5 %). The functions are pure, over the counts.
#pragma once

#include <cstdint>

namespace cutwater::guard {

// Counts what the PASS test of a latency limit looks at. The cold ones are those of the endpoints'
// first requests (proxy/routing/warm_up.hpp).
struct PassCounts {
  std::uint64_t bad = 0;
  std::uint64_t good = 0;
  std::uint64_t cold_bad = 0;
  std::uint64_t cold_good = 0;
};

// Returns E'; the outcome is PASS when it is >= 1/beta. At p0 = 5 %, beta = 5 %, that takes 76
// clean observations.
double pass_evidence(double p0, std::uint64_t bad, std::uint64_t good);

// Returns how many further good observations PASS needs, if no bad one comes. 0 means passed.
std::uint64_t good_needed_to_pass(double p0, double beta, std::uint64_t bad, std::uint64_t good);

// Do the same for counts with cold requests. PASS is when all requests together pass, or when those
// that are not cold do and the cold ones are at most 30 % of all: a version must not be proven by
// the little that is left.
inline constexpr double kMostCold = 0.3;
double pass_evidence(double p0, const PassCounts& counts);
std::uint64_t good_needed_to_pass(double p0, double beta, const PassCounts& counts);

}  // namespace cutwater::guard
