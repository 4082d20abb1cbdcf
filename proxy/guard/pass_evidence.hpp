// Is a rate below p0? The mirror of the alarm (statistics.md 5): without it, "no alarm yet" would
// be taken for "good". Alternatives are 4, 20, 40 and 60 % of p0 (0.2, 1, 2, 3 % for p0 = 5 %).
// Pure functions of the counts.
#pragma once

#include <cstdint>

namespace cutwater::guard {

// E': PASS when >= 1/beta. At p0 = 5 %, beta = 5 %: 76 clean observations.
double pass_evidence(double p0, std::uint64_t bad, std::uint64_t good);

// Further good observations, if no bad one comes, until PASS. 0 = passed.
std::uint64_t good_needed_to_pass(double p0, double beta, std::uint64_t bad, std::uint64_t good);

}  // namespace cutwater::guard
