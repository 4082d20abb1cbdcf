#include "control/operations/policy.hpp"

#include <algorithm>

#include "control/operations/policy_plan.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

using Weights = config::DeployerPolicy::Weights;
using Strictness = config::DeployerPolicy::Guards;

Share share_of(const std::map<std::string, Share>& weights, const std::string& version) {
  const auto found = weights.find(version);
  return found == weights.end() ? Share{} : found->second;
}

// Who has more than before, besides stable: "`green` would rise from 0% to 100%"; empty if nobody.
std::string risen(const ServiceState& state, const Policy::WeightsAsked& asked) {
  for (const auto& [version, share] : asked.weights) {
    if (version == state.stable) continue;
    const Share now = share_of(state.weights, version);
    if (share > now)
      return "`" + version + "` would rise from " + to_string(now) + " to " + to_string(share);
    // Weights for a while: to keep them longer is to raise what they fall back to.
    if (!state.lease || share <= share_of(state.lease->before, version)) continue;
    if (asked.until_ms == 0 || asked.until_ms > state.lease->expires_ms)
      return "`" + version + "` would keep " + to_string(share) +
             " longer than until the lease of " + state.lease->actor + " ends";
  }
  return "";
}

// The versions besides stable that a flag sends users to.
std::map<std::string, Share> others(const config::Flag& flag, const std::string& stable) {
  std::map<std::string, Share> out;
  for (const config::FlagArm& arm : flag.arms)
    if (arm.version != stable && arm.share.millionths > 0) out[arm.version] = arm.share;
  if (!flag.version.empty() && flag.version != stable) out[flag.version] = Share::percent(100);
  return out;
}

bool includes(const config::IdList& all, const config::IdList& some) {
  return std::includes(all.ids().begin(), all.ids().end(), some.ids().begin(), some.ids().end());
}

// How a flag would send more users to a version that is not stable; empty if it would not. A flag
// that is off is judged as if it were on: whoever switches it on later expects what it was.
std::string raised(const config::Flag& before, const config::Flag& after,
                   const std::string& stable) {
  const auto to = others(after, stable);
  const auto had = others(before, stable);
  for (const auto& [version, share] : to)
    if (share > share_of(had, version))
      return "its arm `" + version + "` would rise to " + to_string(share);
  if (to.empty()) return "";
  const std::string where = " `" + to.begin()->first + "`, which is not stable";
  if (after.enabled && !before.enabled) return "it would send users to" + where + ", again";
  if (after.percentage && *after.percentage > *before.percentage)
    return "its percentage would rise from " + to_string(*before.percentage) + " to " +
           to_string(*after.percentage) + ", and it leads to" + where;
  if (!includes(before.allow, after.allow)) return "`allow` would let more users in to" + where;
  if (!includes(after.deny, before.deny)) return "`deny` would keep fewer users out of" + where;
  return "";
}

}  // namespace

Reply Policy::forbid(std::string_view rule, const std::string& what,
                     const std::string& old_way) const {
  const std::string key = "policy: {deployer: {" + old_way + "}}";
  return problem(403, "policy",
                 "the role deployer may not do this to `" + service_.name + "` (rule `" +
                     std::string(rule) + "`): " + what + ". An approver or an admin may; `" + key +
                     "` in the configuration lets deployers do it",
                 {{"rule", rule}, {"role_needed", "approver"}, {"key", key}});
}

std::optional<Reply> Policy::weights(const ServiceState& state, const WeightsAsked& asked) const {
  if (!binds_) return std::nullopt;
  const std::string rise = risen(state, asked);
  if (rules_.weights == Weights::None)
    return forbid("weights", "weights are not set by hand here", "weights: any");
  if (rise.empty()) return std::nullopt;  // back to stable is always free
  if (rules_.weights == Weights::LowerOnly)
    return forbid("weights",
                  "weights may only be lowered, towards `" + state.stable + "`, and " + rise,
                  "weights: any");
  if (asked.force && !*rules_.force)
    return forbid("force", "`force` goes past the capacity of endpoints", "force: true");
  return std::nullopt;
}

std::optional<Reply> Policy::flag(const config::Flag& file, const FlagState& before,
                                  const FlagState& after, const std::string& stable) const {
  if (!binds_ || rules_.weights == Weights::Any) return std::nullopt;
  const config::Flag now = with_changes(file, &before), then = with_changes(file, &after);
  std::string what = raised(now, then, stable);
  const bool goes_on = after.ramping.value_or(true) && !before.ramping.value_or(true);
  if (what.empty() && goes_on && !others(then, stable).empty())
    what = "its ramp would go on, to a version that is not stable";
  if (what.empty()) return std::nullopt;
  return forbid("weights",
                "a flag may be raised only on `" + stable + "`, and of `" + file.name + "` " + what,
                "weights: any");
}

std::optional<Reply> Policy::start(const RolloutRequest& asked, const Plan& file) const {
  if (!binds_) return std::nullopt;
  if (asked.force && !*rules_.force)
    return forbid("force", "`force` goes past windows and the capacity of endpoints",
                  "force: true");
  if (asked.retry && !*rules_.retry)
    return forbid("retry", "`retry` lifts the lock-out of `" + asked.to + "`", "retry: true");
  const auto looser = find_looser(asked.plan, file, service_.guards, rules_);
  if (!looser) return std::nullopt;
  return forbid(looser->rule, looser->what, looser->old_way);
}

std::optional<Reply> Policy::promote(bool force) const {
  if (!binds_) return std::nullopt;
  if (force && !*rules_.force)
    return forbid("force", "`force` goes past windows and the capacity of endpoints",
                  "force: true");
  const std::string what = "to promote by hand is to skip what the plan still asks for";
  if (rules_.guards == Strictness::StricterOnly) return forbid("guards", what, "guards: any");
  if (rules_.bake_at_least) return forbid("bake_at_least", what, "bake_at_least: 1s");
  return std::nullopt;
}

std::optional<Reply> Policy::unlock(const std::string& version) const {
  if (!binds_ || *rules_.unlock) return std::nullopt;
  return forbid("unlock", "it lifts the lock-out of `" + version + "`", "unlock: true");
}

Reply forbidden(const ForbiddenPlace& place) {
  json::object extra{{"rule", place.rule}};
  std::string detail = place.detail;
  if (place.rule == "hosts") {
    const char* key = "policy: {deployer: {hosts: [\"*\"]}}";
    detail += ". An approver or an admin may; `" + std::string(key) +
              "` in the configuration lets deployers do it";
    extra["role_needed"] = "approver";
    extra["key"] = key;
  }
  return problem(403, "policy", std::move(detail), std::move(extra));
}

}  // namespace cutwater::control
