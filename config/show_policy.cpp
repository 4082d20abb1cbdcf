#include "config/show_policy.hpp"

#include <boost/json/array.hpp>

#include "config/show_rollout.hpp"
#include "config/units.hpp"

namespace cutwater::config {
namespace json = boost::json;

json::object show_policy(const DeployerPolicy& policy) {
  using Weights = DeployerPolicy::Weights;
  json::object shown;
  if (policy.weights)
    shown["weights"] = *policy.weights == Weights::Any         ? "any"
                       : *policy.weights == Weights::LowerOnly ? "lower_only"
                                                               : "none";
  if (policy.guards)
    shown["guards"] = *policy.guards == DeployerPolicy::Guards::Any ? "any" : "stricter_only";
  if (policy.bake_at_least) shown["bake_at_least"] = to_string(*policy.bake_at_least);
  if (policy.first_step_at_most)
    shown["first_step_at_most"] = to_string(*policy.first_step_at_most);
  if (policy.inconclusive) {
    json::array words;
    for (const auto value : *policy.inconclusive) words.emplace_back(show(value));
    shown["inconclusive"] = std::move(words);
  }
  if (policy.retry) shown["retry"] = *policy.retry;
  if (policy.force) shown["force"] = *policy.force;
  if (policy.unlock) shown["unlock"] = *policy.unlock;
  if (policy.hosts) shown["hosts"] = json::array(policy.hosts->begin(), policy.hosts->end());
  return {{"deployer", std::move(shown)}};
}

}  // namespace cutwater::config
