// Tests whether a rate is below p0. This is the mirror of the alarm (proxy/guard/README.md,
// "Outcomes"): without it, "no alarm yet" would be taken for "good". The alternatives are 4, 20, 40
// and 60 % of p0 (0.2, 1, 2, 3 % for p0 = 5 %). The functions are pure, over the counts.
#pragma once

#include <cstdint>

namespace cutwater::guard {

// Returns E'; the outcome is PASS when it is >= 1/beta. At p0 = 5 %, beta = 5 %, that takes 76
// clean observations.
double pass_evidence(double p0, std::uint64_t bad, std::uint64_t good);

// Returns how many further good observations PASS needs, if no bad one comes. 0 means passed.
std::uint64_t good_needed_to_pass(double p0, double beta, std::uint64_t bad, std::uint64_t good);

}  // namespace cutwater::guard
