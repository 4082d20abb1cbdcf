#include "proxy/guard/common_cause.hpp"

#include "proxy/guard/relative_evidence.hpp"

namespace cutwater::guard {

bool fail_alike(const RunCounts& candidate, const RunCounts& baseline, const AlarmLimits& limits) {
  const auto attempts = static_cast<double>(baseline.attempts);
  if (baseline.bad == 0 || static_cast<double>(baseline.bad) <= limits.p0 * attempts) return false;
  const double own = static_cast<double>(candidate.attempts);
  const FailureCounts failures{candidate.bad, baseline.bad};
  return plain_relative_evidence(1, failures, own / (own + attempts)) < 1 / limits.alpha;
}

}  // namespace cutwater::guard
