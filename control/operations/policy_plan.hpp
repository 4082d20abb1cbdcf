// Compares a plan that is asked for with the plan of the file, for policy.cpp. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "config/model.hpp"
#include "control/rollout/plan.hpp"

namespace cutwater::control {

// What a plan has that a deployer may not ask for.
struct Looser {
  std::string rule;     // the key of the policy
  std::string what;     // "`bake` of 1s is shorter than the file's 60s"
  std::string old_way;  // what to write: "guards: any"
};

// The first of what is looser in `asked`; nullopt when a deployer may start it. What the file says
// is always allowed. Without `guards: stricter_only`, only what the policy names is compared.
std::optional<Looser> find_looser(const Plan& asked, const Plan& file, const config::Guards& guards,
                                  const config::DeployerPolicy& policy);

}  // namespace cutwater::control
