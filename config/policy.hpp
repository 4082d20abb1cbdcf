// Holds what `policy:` says: what somebody with the role deployer may do to a service. Approvers
// and admins are not bound. A key that is not written has the value of the same key at the top
// level, else the default of policy_of(). Plain values, included by model.hpp.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "config/rollout.hpp"

namespace cutwater::config {

struct DeployerPolicy {
  // Of weights and flags by hand: LowerOnly gives users back to stable and never takes them away
  // from there.
  enum class Weights { Any, LowerOnly, None };
  // Of a start: StricterOnly is at least as strict as the file's plan, and skips nothing of it.
  enum class Guards { Any, StricterOnly };

  std::optional<Weights> weights;
  std::optional<Guards> guards;
  std::optional<Duration> bake_at_least;
  std::optional<Share> first_step_at_most;
  std::optional<std::vector<RolloutDefaults::OnInconclusive>> inconclusive;
  std::optional<bool> retry;
  std::optional<bool> force;
  std::optional<bool> unlock;
  // Where versions may run that a deployer puts somewhere: networks, and names such as
  // "*.internal".
  std::optional<std::vector<std::string>> hosts;

  bool any() const {
    return weights || guards || bake_at_least || first_step_at_most || inconclusive || retry ||
           force || unlock || hosts;
  }
};

// Returns true when a rollout has to ask somebody, or has to wait for the hour: approvals, windows,
// webhooks at `before` or `step`.
bool is_gated(const RolloutDefaults& rollout);

struct Config;
struct Service;
// What holds for deployers of the service. `weights`, `guards`, `retry`, `force` and `unlock` are
// set: without a word in the file they are strict where is_gated(), else as free as can be.
DeployerPolicy policy_of(const Config& config, const Service& service);

}  // namespace cutwater::config
