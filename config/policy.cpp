#include "config/policy.hpp"

#include <algorithm>

#include "config/model.hpp"

namespace cutwater::config {
namespace {

// Fills in what is not set yet.
template <typename T>
void fill(std::optional<T>& value, const std::optional<T>& from) {
  if (!value) value = from;
}

}  // namespace

bool is_gated(const RolloutDefaults& rollout) {
  const auto asks = [](const Hook& hook) {
    return hook.at == Hook::At::Before || hook.at == Hook::At::Step;
  };
  return !rollout.approval.empty() || !rollout.windows.empty() ||
         std::any_of(rollout.hooks.begin(), rollout.hooks.end(), asks);
}

DeployerPolicy policy_of(const Config& config, const Service& service) {
  using Weights = DeployerPolicy::Weights;
  using Strictness = DeployerPolicy::Guards;
  const bool gated = is_gated(service.rollout);
  DeployerPolicy policy = service.policy;
  const DeployerPolicy& all = config.policy;
  fill(policy.weights, all.weights);
  fill(policy.guards, all.guards);
  fill(policy.bake_at_least, all.bake_at_least);
  fill(policy.first_step_at_most, all.first_step_at_most);
  fill(policy.inconclusive, all.inconclusive);
  fill(policy.retry, all.retry);
  fill(policy.force, all.force);
  fill(policy.unlock, all.unlock);
  fill(policy.hosts, all.hosts);
  fill(policy.weights, std::optional(gated ? Weights::LowerOnly : Weights::Any));
  fill(policy.guards, std::optional(gated ? Strictness::StricterOnly : Strictness::Any));
  fill(policy.retry, std::optional(!gated));
  fill(policy.force, std::optional(!gated));
  fill(policy.unlock, std::optional(!gated));
  return policy;
}

}  // namespace cutwater::config
