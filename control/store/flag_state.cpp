#include "control/store/flag_state.hpp"

#include <stdexcept>

#include "control/base/json_member.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

Share share_from(const json::value& value) {
  const std::int64_t millionths = value.as_int64();
  if (millionths < 0 || millionths > Share::kWhole) throw std::out_of_range("share");
  return Share{static_cast<std::int32_t>(millionths)};
}

bool same_versions(const std::map<std::string, Share>& shares,
                   const std::vector<config::FlagArm>& arms) {
  if (shares.size() != arms.size()) return false;
  for (const config::FlagArm& arm : arms)
    if (!shares.contains(arm.version)) return false;
  return true;
}

}  // namespace

json::value to_json(const FlagState& state) {
  json::object out;
  if (state.enabled) out["enabled"] = *state.enabled;
  if (state.percentage) out["percentage"] = state.percentage->millionths;
  if (state.ramping) out["ramping"] = *state.ramping;
  if (state.arms) out["arms"] = weights_to_json(*state.arms);
  if (state.allow) out["allow"] = json_texts(*state.allow);
  if (state.deny) out["deny"] = json_texts(*state.deny);
  return out;
}

FlagState flag_state_from_json(const json::value& value) {
  FlagState state;
  if (value.is_bool()) {  // schema 1 knew only on and off
    state.enabled = value.as_bool();
    return state;
  }
  for (const auto& [key, member] : value.as_object()) {
    if (key == "enabled") state.enabled = member.as_bool();
    if (key == "percentage") state.percentage = share_from(member);
    if (key == "ramping") state.ramping = member.as_bool();
    if (key == "allow") state.allow = texts_from_json(member);
    if (key == "deny") state.deny = texts_from_json(member);
    if (key != "arms") continue;
    state.arms = weights_from_json(member);
    if (!state.arms) throw std::invalid_argument("arms");
  }
  return state;
}

config::Flag with_changes(config::Flag flag, const FlagState* state) {
  if (state == nullptr) return flag;
  if (state->enabled) flag.enabled = *state->enabled;
  if (state->percentage) flag.percentage = *state->percentage;
  if (state->allow) flag.allow = config::IdList(*state->allow);
  if (state->deny) flag.deny = config::IdList(*state->deny);
  if (state->arms)
    for (config::FlagArm& arm : flag.arms) arm.share = state->arms->at(arm.version);
  return flag;
}

void fit_to_flag(FlagState& state, const config::Flag& flag) {
  if (!flag.percentage) state.percentage.reset();
  if (!flag.ramp) state.ramping.reset();
  if (!flag.key) state.allow.reset();
  if (!flag.key) state.deny.reset();
  if (state.arms && !same_versions(*state.arms, flag.arms)) state.arms.reset();
}

}  // namespace cutwater::control
