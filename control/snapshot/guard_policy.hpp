// Converts the limits the operator wrote into what a version's monitor is armed with. It is pure.
#pragma once

#include <memory>

#include "config/model.hpp"
#include "proxy/guard/comparison.hpp"
#include "proxy/guard/version_monitor.hpp"

namespace cutwater::control {

inline guard::GuardPolicy policy_of(const config::Guards& guards) {
  guard::GuardPolicy policy;
  policy.error_rate = guards.error_rate.ratio();
  policy.p95 = guards.p95;
  policy.p95_critical = guards.p95_critical;
  // Four guards share the budget; the latency share covers two indicators (proxy/guard/README.md,
  // "Absolute guard").
  policy.alpha_errors = guards.false_rollback / 4;
  policy.alpha_latency = guards.false_rollback / 8;
  policy.dry_run = guards.dry_run;
  return policy;
}

// Does the same for the comparison with the stable version.
inline guard::ComparisonPolicy comparison_policy_of(const config::Guards& guards) {
  guard::ComparisonPolicy policy;
  policy.tolerance = 1 + guards.relative_tolerance.ratio();
  policy.latency_tolerance = {guards.latency_tolerance.share.ratio(),
                              guards.latency_tolerance.floor};
  policy.alpha_errors = guards.false_rollback / 4;
  policy.alpha_latency = guards.false_rollback / 4;
  return policy;
}

// Makes the comparison itself, which begins now. A request is waited for as long as it may run.
inline std::shared_ptr<guard::Comparison> make_comparison(guard::ComparisonPolicy policy,
                                                          const config::Timeouts& timeouts,
                                                          unsigned workers, TimePoint now) {
  policy.patience = timeouts.request;
  return std::make_shared<guard::Comparison>(policy, workers, now);
}

}  // namespace cutwater::control
