#include "control/flag_ramp.hpp"

#include "control/rollout/verdict.hpp"

namespace cutwater::control {

bool ramp_is_over(const config::Flag& flag) {
  return !flag.ramp || !flag.percentage || *flag.percentage >= flag.ramp->steps.back();
}

bool is_ramping(const config::Flag& flag, const FlagState* state) {
  const bool paused = state != nullptr && state->ramping && !*state->ramping;
  return flag.enabled && !paused && !ramp_is_over(flag);
}

config::Guards flag_limits(const config::Service& service, const std::string& flag) {
  for (const auto& known : service.flags)
    if (known.name == flag && known.ramp) return limits_of(service.guards, known.ramp->guards);
  return service.guards;
}

std::string compared_flag(const config::Service& service, const ServiceState& state) {
  if (!service.guards.relative) return "";
  for (const auto& file : service.flags) {
    if (!file.ramp) continue;
    const FlagState* changes = state.find_flag(file.name);
    const config::Flag flag = with_changes(file, changes);
    if (is_ramping(flag, changes) && flag.percentage->millionths > 0) return flag.name;
  }
  return "";
}

}  // namespace cutwater::control
