#include "control/rollout/plan.hpp"

#include <array>

#include "config/units.hpp"
#include "control/json_text.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

using OnInconclusive = Plan::OnInconclusive;
constexpr std::array<std::pair<const char*, OnInconclusive>, 4> kOnInconclusive{
    {{"hold", OnInconclusive::Hold},
     {"extend", OnInconclusive::Extend},
     {"promote", OnInconclusive::Promote},
     {"rollback", OnInconclusive::Rollback}}};

std::optional<OnInconclusive> on_inconclusive_from(std::string_view text) {
  for (const auto& [name, value] : kOnInconclusive)
    if (text == name) return value;
  return std::nullopt;
}

Reply invalid(const std::string& member, const std::string& what) {
  return problem(422, "invalid_rollout", "`" + member + "`: " + what, {{"member", member}});
}

// 5, 0.5 or "5%".
std::optional<Share> share_of(const json::value& value) {
  if (const auto* text = value.if_string()) return parse_share(std::string_view(*text));
  if (!value.is_number()) return std::nullopt;
  return share_from_percent(value.to_number<double>());
}

std::optional<Reply> read_steps(const json::value& value, Plan& plan) {
  const auto* steps = value.if_array();
  if (steps == nullptr || steps->empty() || steps->size() > 100)
    return invalid("steps", "a list of 1 to 100 shares is meant, such as [5, 25, 100]");
  plan.steps.clear();
  for (const auto& step : *steps) {
    const auto share = share_of(step);
    if (!share || share->millionths == 0)
      return invalid("steps", "`" + to_text(step) +
                                  "` is not a share above 0 and up to 100 percent with at most 4 "
                                  "decimals");
    if (!plan.steps.empty() && *share <= plan.steps.back())
      return invalid("steps", "each step must be greater than the one before it");
    plan.steps.push_back(*share);
  }
  return std::nullopt;
}

std::optional<Reply> read_duration(const std::string& member, const json::value& value,
                                   config::Duration& out) {
  const auto* text = value.if_string();
  const auto duration = text ? config::parse_duration(std::string_view(*text)) : std::nullopt;
  if (!duration) return invalid(member, "a duration is meant, such as \"60s\" or \"10m\"");
  out = *duration;
  return std::nullopt;
}

// Only the outline of RFC 3339; the exact moment is used by the DORA figures, not by the rollout.
bool looks_like_time(std::string_view text) {
  constexpr std::string_view kOutline = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kOutline.size() + 1 || text.size() > 40) return false;
  for (std::size_t i = 0; i < kOutline.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kOutline[i] == 'd' ? !digit : text[i] != kOutline[i]) return false;
  }
  return true;
}

std::optional<Reply> read_text(const std::string& member, const json::value& value,
                               RolloutRequest& out) {
  const auto* text = value.if_string();
  if (text == nullptr) return invalid(member, "a text is meant");
  const std::string_view view(*text);
  if (member == "to") {
    out.to = view;
  } else if (member == "strategy") {
    if (view != "canary")
      return problem(
          422, "strategy_unavailable",
          "strategy `" + std::string(view) + "` is not available in this version; `canary` is",
          {{"member", "strategy"}});
    out.plan.strategy = view;
  } else if (member == "on_inconclusive") {
    const auto value_of = on_inconclusive_from(view);
    if (!value_of) return invalid(member, "hold, extend, promote or rollback is meant");
    out.plan.on_inconclusive = *value_of;
  } else {
    if (!looks_like_time(view)) return invalid(member, "a time like 2026-11-23T10:00:00Z is meant");
    out.commit_time = view;
  }
  return std::nullopt;
}

std::optional<Reply> read_member(const std::string& member, const json::value& value,
                                 RolloutRequest& out) {
  if (member == "to" || member == "strategy" || member == "on_inconclusive" ||
      member == "commit_time")
    return read_text(member, value, out);
  if (member == "steps") return read_steps(value, out.plan);
  if (member == "bake") return read_duration(member, value, out.plan.bake);
  if (member == "max_step") return read_duration(member, value, out.plan.max_step);
  if (member == "retry") {
    const auto* retry = value.if_bool();
    if (retry == nullptr) return invalid(member, "true or false is meant");
    out.retry = *retry;
    return std::nullopt;
  }
  return invalid(member,
                 "unknown member; known are to, strategy, steps, bake, max_step, on_inconclusive, "
                 "retry, commit_time");
}

}  // namespace

std::variant<RolloutRequest, Reply> parse_rollout_request(const json::object& body,
                                                          const config::RolloutDefaults& defaults) {
  RolloutRequest out;
  out.plan = {defaults.strategy, defaults.steps, defaults.bake, defaults.max_step,
              defaults.on_inconclusive};
  for (const auto& [name, value] : body)
    if (auto refused = read_member(std::string(name), value, out)) return *std::move(refused);
  if (out.to.empty()) return invalid("to", "the version to roll out is missing");
  if (out.plan.strategy != "canary")
    return problem(422, "strategy_unavailable",
                   "strategy `" + out.plan.strategy +
                       "` of the configuration is not available in this version; `canary` is");
  if (out.plan.max_step < out.plan.bake) {
    if (body.contains("max_step")) return invalid("max_step", "must not be shorter than `bake`");
    out.plan.max_step = out.plan.bake;  // a long bake alone must not fail on a default
  }
  // A rollout ends at the whole; steps that stop before it mean "and then all".
  if (out.plan.steps.empty() || out.plan.steps.back() != Share::percent(100))
    out.plan.steps.push_back(Share::percent(100));
  return out;
}

std::string to_string(OnInconclusive value) {
  for (const auto& [name, known] : kOnInconclusive)
    if (value == known) return name;
  return "hold";
}

json::object to_json(const Plan& plan) {
  json::array steps;
  for (const Share step : plan.steps) steps.emplace_back(step.millionths);
  return {{"strategy", plan.strategy},
          {"steps", std::move(steps)},
          {"bake_ms", plan.bake.count()},
          {"max_step_ms", plan.max_step.count()},
          {"on_inconclusive", to_string(plan.on_inconclusive)}};
}

json::object plan_view(const Plan& plan) {
  json::array steps;
  for (const Share step : plan.steps) steps.push_back(number(step.as_percent()));
  return {{"strategy", plan.strategy},
          {"steps", std::move(steps)},
          {"bake", config::to_string(plan.bake)},
          {"max_step", config::to_string(plan.max_step)},
          {"on_inconclusive", to_string(plan.on_inconclusive)}};
}

std::optional<Plan> plan_from_json(const json::value& value) try {
  const json::object& in = value.as_object();
  Plan plan;
  plan.strategy = std::string(in.at("strategy").as_string());
  for (const auto& step : in.at("steps").as_array())
    plan.steps.push_back(Share{step.to_number<std::int32_t>()});
  plan.bake = config::Duration(in.at("bake_ms").as_int64());
  plan.max_step = config::Duration(in.at("max_step_ms").as_int64());
  const auto on_inconclusive = on_inconclusive_from(in.at("on_inconclusive").as_string());
  if (plan.steps.empty() || !on_inconclusive) return std::nullopt;
  plan.on_inconclusive = *on_inconclusive;
  return plan;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
