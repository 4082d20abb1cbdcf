// Writes and reads plans as JSON, to be stored and shown.
#include "control/rollout/plan.hpp"

#include <algorithm>
#include <array>

#include "config/show_rollout.hpp"
#include "config/units.hpp"
#include "config/windows.hpp"
#include "control/base/json_text.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

using OnInconclusive = Plan::OnInconclusive;
constexpr std::array<std::pair<const char*, OnInconclusive>, 4> kOnInconclusive{
    {{"hold", OnInconclusive::Hold},
     {"extend", OnInconclusive::Extend},
     {"promote", OnInconclusive::Promote},
     {"rollback", OnInconclusive::Rollback}}};

json::object guards_json(const config::GuardLimits& guards) {
  json::object out;
  if (guards.error_rate) out["error_rate"] = guards.error_rate->millionths;
  if (guards.p95) out["p95_ms"] = guards.p95->count();
  if (guards.p95_critical) out["p95_critical_ms"] = guards.p95_critical->count();
  return out;
}

config::Duration duration_at(const json::object& in, const char* key) {
  return config::Duration(in.at(key).to_number<std::int64_t>());
}

config::GuardLimits guards_from(const json::object& in) {
  config::GuardLimits guards;
  if (const auto* rate = in.if_contains("error_rate"))
    guards.error_rate = Share{rate->to_number<std::int32_t>()};
  if (in.contains("p95_ms")) guards.p95 = duration_at(in, "p95_ms");
  if (in.contains("p95_critical_ms")) guards.p95_critical = duration_at(in, "p95_critical_ms");
  return guards;
}

json::object gates_json(const Gates& gates) {
  return {{"before", gates.before},
          {"smoke", gates.smoke},
          {"step", gates.step},
          {"after", gates.after},
          {"rollback", gates.rollback}};
}

Gates gates_from(const json::object& in) {
  return {in.at("before").as_bool(), in.at("smoke").as_bool(), in.at("step").as_bool(),
          in.at("after").as_bool(), in.at("rollback").as_bool()};
}

json::object guards_view(const config::GuardLimits& guards) {
  json::object out;
  if (guards.error_rate) out["error_rate"] = to_string(*guards.error_rate);
  if (guards.p95) out["p95"] = config::to_string(*guards.p95);
  if (guards.p95_critical) out["p95_critical"] = config::to_string(*guards.p95_critical);
  return out;
}

json::array windows_json(const std::vector<config::Window>& windows) {
  json::array out;
  for (const auto& window : windows) out.emplace_back(window.text);
  return out;
}

}  // namespace

double Plan::alpha_share() const {
  int stretches = 1;
  for (std::size_t i = 1; i < stages.size(); ++i)
    if (!(stages[i].guards == stages[i - 1].guards)) ++stretches;
  return 1.0 / stretches;
}

bool Plan::wants_approval() const {
  return std::any_of(stages.begin(), stages.end(), [](const Stage& s) { return s.approval; });
}

std::optional<OnInconclusive> on_inconclusive_from(std::string_view text) {
  for (const auto& [name, value] : kOnInconclusive)
    if (text == name) return value;
  return std::nullopt;
}

std::string to_string(OnInconclusive value) {
  for (const auto& [name, known] : kOnInconclusive)
    if (value == known) return name;
  return "hold";
}

json::object to_json(const Plan& plan) {
  json::array stages;
  for (const Stage& stage : plan.stages)
    stages.push_back(json::object{{"weight", stage.weight.millionths},
                                  {"bake_ms", stage.bake.count()},
                                  {"approval", stage.approval},
                                  {"guards", guards_json(stage.guards)}});
  json::array endpoints;
  for (const EndpointPair& pair : plan.endpoints)
    endpoints.push_back(json::object{{"from", pair.from}, {"to", pair.to}});
  json::object out{{"strategy", plan.strategy},
                   {"stages", std::move(stages)},
                   {"max_step_ms", plan.max_step.count()},
                   {"on_inconclusive", to_string(plan.on_inconclusive)},
                   {"holdback", plan.holdback.millionths},
                   {"four_eyes", plan.four_eyes},
                   {"approval_expiry_ms", plan.approval_expiry.count()},
                   {"windows", windows_json(plan.windows)},
                   {"utc_offset_minutes", plan.utc_offset_minutes},
                   {"gates", gates_json(plan.gates)},
                   {"keep_old_ms", plan.keep_old.count()},
                   {"endpoints", std::move(endpoints)},
                   {"max_unavailable", plan.max_unavailable}};
  if (plan.adaptive)
    out["adaptive"] = json::object{{"failed_requests", plan.adaptive->failed_requests},
                                   {"least", plan.adaptive->least.millionths},
                                   {"most", plan.adaptive->most.millionths}};
  return out;
}

json::object plan_view(const Plan& plan) {
  json::array steps, stages;
  for (const Stage& stage : plan.stages) {
    steps.push_back(number(stage.weight.as_percent()));
    json::object view{{"weight", number(stage.weight.as_percent())},
                      {"bake", config::to_string(stage.bake)},
                      {"approval", stage.approval}};
    if (stage.guards.any()) view["guards"] = guards_view(stage.guards);
    stages.push_back(std::move(view));
  }
  json::object out{{"strategy", plan.strategy},
                   {"steps", std::move(steps)},
                   {"stages", std::move(stages)},
                   {"max_step", config::to_string(plan.max_step)},
                   {"on_inconclusive", to_string(plan.on_inconclusive)},
                   {"keep_old", config::to_string(plan.keep_old)},
                   {"gates", gates_json(plan.gates)}};
  if (plan.holdback.millionths > 0) out["holdback"] = number(plan.holdback.as_percent());
  if (plan.wants_approval()) {
    out["four_eyes"] = plan.four_eyes;
    out["approval_expiry"] = config::to_string(plan.approval_expiry);
  }
  if (plan.adaptive)
    out["adaptive"] = json::object{{"failed_requests", plan.adaptive->failed_requests},
                                   {"least", number(plan.adaptive->least.as_percent())},
                                   {"most", number(plan.adaptive->most.as_percent())}};
  if (!plan.windows.empty()) {
    out["windows"] = windows_json(plan.windows);
    out["utc_offset"] = config::show_utc_offset(plan.utc_offset_minutes);
  }
  if (plan.is_rolling()) out["max_unavailable"] = plan.max_unavailable;
  return out;
}

std::optional<Plan> plan_from_json(const json::value& value) try {
  const json::object& in = value.as_object();
  Plan plan;
  plan.strategy = std::string(in.at("strategy").as_string());
  const bool of_schema_1 = !in.contains("stages");  // schema 1 had shares, and one bake for all
  if (of_schema_1) {
    for (const auto& step : in.at("steps").as_array())
      plan.stages.push_back(
          {Share{step.to_number<std::int32_t>()}, duration_at(in, "bake_ms"), false, {}});
  } else {
    for (const auto& item : in.at("stages").as_array()) {
      const json::object& stage = item.as_object();
      plan.stages.push_back({Share{stage.at("weight").to_number<std::int32_t>()},
                             duration_at(stage, "bake_ms"), stage.at("approval").as_bool(),
                             guards_from(stage.at("guards").as_object())});
    }
  }
  plan.max_step = duration_at(in, "max_step_ms");
  const auto on_inconclusive = on_inconclusive_from(in.at("on_inconclusive").as_string());
  if (plan.stages.empty() || !on_inconclusive) return std::nullopt;
  plan.on_inconclusive = *on_inconclusive;
  if (of_schema_1) return plan;
  plan.holdback = Share{in.at("holdback").to_number<std::int32_t>()};
  plan.four_eyes = in.at("four_eyes").as_bool();
  plan.approval_expiry = duration_at(in, "approval_expiry_ms");
  for (const auto& text : in.at("windows").as_array()) {
    auto window = config::parse_window(std::string_view(text.as_string()));
    if (!window) return std::nullopt;
    plan.windows.push_back(std::move(*window));
  }
  plan.utc_offset_minutes = in.at("utc_offset_minutes").to_number<int>();
  plan.gates = gates_from(in.at("gates").as_object());
  plan.keep_old = duration_at(in, "keep_old_ms");
  for (const auto& pair : in.at("endpoints").as_array())
    plan.endpoints.push_back(
        {std::string(pair.at("from").as_string()), std::string(pair.at("to").as_string())});
  plan.max_unavailable = in.at("max_unavailable").to_number<std::size_t>();
  if (const auto* adaptive = in.if_contains("adaptive"))
    plan.adaptive =
        config::AdaptiveSteps{adaptive->at("failed_requests").to_number<std::uint64_t>(),
                              Share{adaptive->at("least").to_number<std::int32_t>()},
                              Share{adaptive->at("most").to_number<std::int32_t>()}};
  return plan;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
