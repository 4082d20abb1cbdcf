#include "control/operations/flag_change.hpp"

#include "config/names.hpp"
#include "config/show_flag.hpp"
#include "config/show_rollout.hpp"
#include "config/units.hpp"
#include "control/base/json_text.hpp"
#include "control/rollout/verdict.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

Reply invalid(std::string_view member, const std::string& what) {
  return problem(422, "invalid_flag", "`" + std::string(member) + "`: " + what,
                 {{"member", member}});
}

std::optional<Share> percent(const json::value& value) {
  return value.is_number() ? share_from_percent(value.to_number<double>()) : std::nullopt;
}

constexpr const char* kPercent =
    "a number of percent from 0 to 100 with at most 4 decimals is meant";

std::optional<Reply> read_percentage(const json::value& value, const config::Flag& file,
                                     FlagState& state) {
  if (!file.percentage) return invalid("percentage", "this flag has none in the file");
  const auto share = percent(value);
  if (!share) return invalid("percentage", kPercent);
  state.percentage = *share;
  return std::nullopt;
}

std::optional<Reply> read_arms(const json::value& value, const config::Flag& file,
                               FlagState& state) {
  if (file.arms.empty()) return invalid("arms", "this flag has one version, no arms");
  const auto* object = value.if_object();
  std::map<std::string, Share> arms;
  std::int64_t sum = 0;
  for (const config::FlagArm& arm : file.arms) {
    const auto* given = object != nullptr ? object->if_contains(arm.version) : nullptr;
    const auto share = given != nullptr ? percent(*given) : std::nullopt;
    if (!share) return invalid("arms", "`" + arm.version + "`: " + kPercent);
    arms[arm.version] = *share;
    sum += share->millionths;
  }
  if (object->size() != arms.size())
    return invalid("arms", "which versions are in it can only be changed in the file");
  if (sum != Share::kWhole) return invalid("arms", "the shares must sum to exactly 100");
  state.arms = std::move(arms);
  return std::nullopt;
}

std::optional<Reply> read_ids(std::string_view member, const json::value& value,
                              const config::Flag& file,
                              std::optional<std::vector<std::string>>& out) {
  if (!file.key)
    return invalid(member, "this flag has no `key` in the file that tells users apart");
  const auto* list = value.if_array();
  if (list == nullptr) return invalid(member, "a list of texts is meant");
  std::vector<std::string> ids;
  for (const auto& id : *list) {
    const std::string text = id.is_string() ? std::string(id.as_string()) : "";
    if (!config::is_plain_value(text))
      return invalid(member, to_text(id) + " is no id: a text of visible ASCII is meant");
    if (file.key->kind == config::FlagKey::Kind::ClientIp && !config::is_ip(text))
      return invalid(member, "`" + text + "` is no IP address, as `key` is client_ip");
    ids.push_back(text);
  }
  out = config::IdList(std::move(ids)).ids();
  return std::nullopt;
}

std::optional<Reply> read_switch(std::string_view member, const json::value& value,
                                 std::optional<bool>& out) {
  if (!value.is_bool()) return invalid(member, "true or false is meant");
  out = value.as_bool();
  return std::nullopt;
}

json::object arms_view(const config::Flag& flag) {
  json::object arms;
  for (const config::FlagArm& arm : flag.arms) arms[arm.version] = number(arm.share.as_percent());
  return arms;
}

// A long list from a file is shown by its size.
json::value ids_view(const config::IdList& ids) {
  json::value shown = config::show_ids(ids);
  if (shown.is_object()) shown.as_object()["count"] = ids.ids().size();
  return shown;
}

json::object ramp_view(const config::Flag& flag, const FlagFacts& facts) {
  json::array steps;
  for (const Share step : flag.ramp->steps) steps.emplace_back(number(step.as_percent()));
  const bool paused = facts.state != nullptr && facts.state->ramping && !*facts.state->ramping;
  json::object out{{"steps", std::move(steps)}, {"bake", config::to_string(flag.ramp->bake)}};
  if (flag.ramp->guards.any()) out["guards"] = config::show(flag.ramp->guards);
  out["state"] = *flag.percentage >= flag.ramp->steps.back() ? "done"
                 : !flag.enabled                             ? "off"
                 : paused                                    ? "paused"
                                                             : "running";
  // What the guard finds comes last, see settings_of().
  out["verdict"] = facts.guard == nullptr
                       ? json::value(nullptr)
                       : json::value(json::string(guard::to_string(facts.guard->verdict)));
  if (facts.guard == nullptr) return out;
  json::array tests;
  for (const auto& test : facts.guard->tests) tests.push_back(test_json(test));
  out["tests"] = std::move(tests);
  return out;
}

// This leaves out what the guard has found, which moves on while somebody reads.
std::string settings_of(std::string_view member, json::value value) {
  if (member == "ramp" && value.is_object())
    for (const char* finding : {"verdict", "tests"}) value.as_object().erase(finding);
  return to_text(value);
}

}  // namespace

json::object flag_view(const FlagFacts& facts) {
  const config::Flag flag = with_changes(*facts.file, facts.state);
  json::object out{{"name", flag.name}};
  if (!flag.version.empty()) out["version"] = flag.version;
  if (!flag.arms.empty()) out["arms"] = arms_view(flag);
  out["enabled"] = flag.enabled;
  if (flag.when) {
    json::object when = config::show_condition(*flag.when);
    if (when.contains("file")) when["count"] = flag.when->values.ids().size();
    out["when"] = std::move(when);
  }
  if (flag.percentage) out["percentage"] = number(flag.percentage->as_percent());
  if (flag.key) {
    out["key"] = config::to_string(*flag.key);
    out["allow"] = ids_view(flag.allow);
    out["deny"] = ids_view(flag.deny);
  }
  if (flag.ramp) {
    out["ramping"] = facts.state == nullptr || facts.state->ramping.value_or(true);
    out["ramp"] = ramp_view(flag, facts);
  }
  out["changed"] = facts.state != nullptr && !facts.state->empty();
  return out;
}

std::variant<FlagState, Reply> read_flag_change(const json::object& body, const FlagFacts& facts) {
  FlagState state = facts.state != nullptr ? *facts.state : FlagState{};
  const json::object now = flag_view(facts);
  for (const auto& [key, value] : body) {
    // What a reader sends back as it was is no change.
    const auto* as_is = now.if_contains(key);
    const std::string_view member(key.data(), key.size());
    if (as_is != nullptr && settings_of(member, *as_is) == settings_of(member, value)) continue;
    std::optional<Reply> refused;
    if (member == "enabled") {
      refused = read_switch(member, value, state.enabled);
    } else if (member == "percentage") {
      refused = read_percentage(value, *facts.file, state);
    } else if (member == "arms") {
      refused = read_arms(value, *facts.file, state);
    } else if (member == "allow") {
      refused = read_ids(member, value, *facts.file, state.allow);
    } else if (member == "deny") {
      refused = read_ids(member, value, *facts.file, state.deny);
    } else if (member == "ramping") {
      refused = facts.file->ramp ? read_switch(member, value, state.ramping)
                                 : invalid(member, "this flag has no `ramp` in the file");
    } else {
      refused =
          invalid(member, as_is != nullptr
                              ? "this can only be changed in the file"
                              : "known are enabled, percentage, arms, allow, deny and ramping");
    }
    if (refused) return *std::move(refused);
  }
  // A person's hand on the percentage stops the automatic steps, unless asked for in one go.
  const FlagState before = facts.state != nullptr ? *facts.state : FlagState{};
  if (facts.file->ramp && state.percentage != before.percentage && !body.contains("ramping"))
    state.ramping = false;
  return state;
}

std::string spoken(const FlagState& before, const FlagState& after) {
  std::string out;
  const auto add = [&](const std::string& text) { out += (out.empty() ? "" : ", ") + text; };
  if (after.enabled != before.enabled) add(*after.enabled ? "on" : "off");
  if (after.percentage != before.percentage) add("percentage " + to_string(*after.percentage));
  if (after.arms != before.arms)
    for (const auto& [version, share] : *after.arms) add(version + " " + to_string(share));
  if (after.allow != before.allow) add("allow " + std::to_string(after.allow->size()));
  if (after.deny != before.deny) add("deny " + std::to_string(after.deny->size()));
  if (after.ramping != before.ramping) add(*after.ramping ? "ramp goes on" : "ramp paused");
  return out;
}

}  // namespace cutwater::control
