// Turns a request into a plan that can work, or says which member is wrong and why.
#include "control/rollout/plan.hpp"

#include <algorithm>

#include "config/units.hpp"
#include "control/base/json_text.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

constexpr std::size_t kMostSteps = 100;
// The engine looks once a second, so a shorter time could never be kept.
constexpr config::Duration kTick{1000};

// Holds what the body says; the rest comes from the configuration.
struct Asked {
  RolloutRequest request;
  std::optional<std::vector<config::RolloutStep>> steps;
  std::vector<Share> approval;
  std::optional<config::Duration> bake, max_step;
};

Reply invalid(const std::string& member, const std::string& what) {
  return problem(422, "invalid_rollout", "`" + member + "`: " + what, {{"member", member}});
}

std::optional<Reply> read_duration(const std::string& member, const json::value& value,
                                   config::Duration& out) {
  const auto* text = value.if_string();
  const auto duration = text ? config::parse_duration(std::string_view(*text)) : std::nullopt;
  if (!duration) return invalid(member, "a duration is meant, such as \"60s\" or \"10m\"");
  out = *duration;
  return std::nullopt;
}

std::optional<Reply> read_bake(const json::value& value, config::Duration& out) {
  if (auto refused = read_duration("bake", value, out)) return refused;
  if (out < kTick) return invalid("bake", "must be at least 1s: steps are looked at once a second");
  return std::nullopt;
}

std::optional<Reply> read_step_guards(const json::value& value, config::GuardLimits& guards) {
  const auto* object = value.if_object();
  if (object == nullptr) return invalid("steps", "`guards` of a step is an object");
  for (const auto& [key, limit] : *object) {
    config::Duration duration{};
    if (key == "error_rate") {
      guards.error_rate = share_of(limit);
      if (!guards.error_rate || guards.error_rate->millionths == 0)
        return invalid("steps", "`error_rate` of a step is a share such as 5 or \"5%\"");
    } else if (key == "p95" || key == "p95_critical") {
      if (auto refused = read_duration("steps", limit, duration)) return refused;
      if (duration < config::kLeastLatencyLimit || duration > config::kMostLatencyLimit)
        return invalid("steps", "`" + std::string(key) + "` of a step is between 1ms and 1h");
      (key == "p95" ? guards.p95 : guards.p95_critical) = duration;
    } else {
      return invalid("steps", "unknown guard `" + std::string(key) +
                                  "`; known are error_rate, p95, p95_critical");
    }
  }
  return std::nullopt;
}

// Reads {"weight": 25, "bake": "10m", "guards": {...}}.
std::optional<Reply> read_step_object(const json::object& object, config::RolloutStep& step) {
  for (const auto& [key, value] : object) {
    std::optional<Reply> refused;
    config::Duration bake{};
    if (key == "bake") {
      refused = read_bake(value, bake);
      step.bake = bake;
    } else if (key == "guards") {
      refused = read_step_guards(value, step.guards);
    } else if (key != "weight") {
      refused = invalid("steps", "unknown member `" + std::string(key) +
                                     "` of a step; known are weight, bake, guards");
    }
    if (refused) return refused;
  }
  return std::nullopt;
}

std::optional<Reply> read_steps(const json::value& value,
                                std::optional<std::vector<config::RolloutStep>>& out) {
  const auto* steps = value.if_array();
  if (steps == nullptr || steps->empty() || steps->size() > kMostSteps)
    return invalid("steps", "a list of 1 to 100 shares is meant, such as [5, 25, 100]");
  out.emplace();
  for (const auto& item : *steps) {
    config::RolloutStep step;
    const json::value* weight = &item;
    if (const auto* object = item.if_object()) {
      if (auto refused = read_step_object(*object, step)) return refused;
      weight = object->if_contains("weight");
      if (weight == nullptr) return invalid("steps", "a step has no `weight`");
    }
    const auto share = share_of(*weight);
    if (!share || share->millionths == 0)
      return invalid("steps", "`" + to_text(*weight) +
                                  "` is not a share above 0 and up to 100 percent with at most 4 "
                                  "decimals");
    if (!out->empty() && *share <= out->back().weight)
      return invalid("steps", "each step must be greater than the one before it");
    step.weight = *share;
    out->push_back(std::move(step));
  }
  return std::nullopt;
}

std::optional<Reply> read_approval(const json::value& value, std::vector<Share>& out) {
  const auto* list = value.if_array();
  if (list == nullptr || list->size() > kMostSteps)
    return invalid("approval", "a list of steps is meant, such as [50]");
  for (const auto& item : *list) {
    const auto share = share_of(item);
    if (!share) return invalid("approval", "`" + to_text(item) + "` is no share");
    out.push_back(*share);
  }
  return std::nullopt;
}

// Checks only the outline of RFC 3339; the DORA figures use the exact moment, the rollout does not.
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
    if (view != "canary" && view != "blue_green" && view != "rolling")
      return problem(
          422, "strategy_unknown",
          "unknown strategy `" + std::string(view) + "`; known are canary, blue_green and rolling",
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

std::optional<Reply> read_bool(const std::string& member, const json::value& value, bool& out) {
  const auto* given = value.if_bool();
  if (given == nullptr) return invalid(member, "true or false is meant");
  out = *given;
  return std::nullopt;
}

std::optional<Reply> read_count(const std::string& member, const json::value& value,
                                std::size_t& out) {
  boost::system::error_code error;
  const auto count = value.is_number() ? value.to_number<std::uint64_t>(error) : 0;
  if (error || count == 0 || count > 1000) return invalid(member, "a number from 1 is meant");
  out = count;
  return std::nullopt;
}

std::optional<Reply> read_member(const std::string& member, const json::value& value, Asked& out) {
  RolloutRequest& request = out.request;
  config::Duration duration{};
  std::optional<Reply> refused;
  if (member == "to" || member == "strategy" || member == "on_inconclusive" ||
      member == "commit_time")
    return read_text(member, value, request);
  if (member == "steps") return read_steps(value, out.steps);
  if (member == "approval") return read_approval(value, out.approval);
  if (member == "retry") return read_bool(member, value, request.retry);
  if (member == "force") return read_bool(member, value, request.force);
  if (member == "max_unavailable") return read_count(member, value, request.plan.max_unavailable);
  if (member == "keep_old") return read_duration(member, value, request.plan.keep_old);
  if (member == "bake") {
    refused = read_bake(value, duration);
    out.bake = duration;
    return refused;
  }
  if (member == "max_step") {
    refused = read_duration(member, value, duration);
    out.max_step = duration;
    return refused;
  }
  if (member == "holdback") {
    const auto share = share_of(value);
    if (!share || *share > Share::percent(10))
      return invalid(member, "a share up to 10% is meant, such as \"2%\"");
    request.plan.holdback = *share;
    return std::nullopt;
  }
  return invalid(member,
                 "unknown member; known are to, strategy, steps, bake, max_step, on_inconclusive, "
                 "approval, holdback, keep_old, max_unavailable, retry, force, commit_time");
}

// The configuration's approvals hold for every plan: nothing goes above such a share without a
// person. If the steps differ from the configuration's, the approval stands at the last step that
// is not above the share.
std::optional<Reply> keep_configured_approvals(std::vector<Stage>& stages,
                                               const std::vector<Share>& approval) {
  for (const Share share : approval) {
    Stage* last = nullptr;
    for (Stage& stage : stages)
      if (stage.weight <= share) last = &stage;
    if (last == nullptr)
      return invalid("steps", "the configuration wants an approval at " + to_string(share) +
                                  "; begin at or below it");
    last->approval = true;
  }
  return std::nullopt;
}

std::optional<Reply> add_approvals(std::vector<Stage>& stages, const std::vector<Share>& approval) {
  for (const Share share : approval) {
    const auto found = std::find_if(stages.begin(), stages.end(),
                                    [&](const Stage& stage) { return stage.weight == share; });
    if (found == stages.end())
      return invalid("approval", to_string(share) + " is none of the steps");
    found->approval = true;
  }
  return std::nullopt;
}

void add_stages(const Asked& asked, const config::RolloutDefaults& defaults, Plan& plan) {
  std::vector<config::RolloutStep> steps = defaults.steps;
  if (asked.steps)
    steps = *asked.steps;
  else if (plan.strategy == "blue_green" && defaults.strategy != "blue_green")
    steps = {Share::percent(100)};
  const config::Duration bake = asked.bake.value_or(defaults.bake);
  for (const auto& step : steps) {
    // A bake given with the rollout is meant for all its steps.
    const auto own = asked.bake && !asked.steps ? bake : step.bake.value_or(bake);
    plan.stages.push_back({step.weight, own, false, step.guards});
  }
  // A rollout ends at 100 %; steps that stop before it mean "and then all".
  if (plan.stages.back().weight != Share::percent(100))
    plan.stages.push_back({Share::percent(100), bake, false, plan.stages.back().guards});
  const bool approval_of_nothing =
      std::count(defaults.approval.begin(), defaults.approval.end(), Share{}) +
          std::count(asked.approval.begin(), asked.approval.end(), Share{}) >
      0;
  if (plan.strategy == "blue_green" || defaults.preview || plan.gates.smoke ||
      approval_of_nothing) {
    const auto least = defaults.preview ? defaults.preview->bake : config::Duration(0);
    plan.stages.insert(plan.stages.begin(), Stage{Share{}, least, false, {}});
  }
}

std::optional<Reply> set_max_step(const Asked& asked, const config::RolloutDefaults& defaults,
                                  Plan& plan) {
  config::Duration longest = asked.bake.value_or(defaults.bake);
  for (const Stage& stage : plan.stages) longest = std::max(longest, stage.bake);
  plan.max_step = asked.max_step.value_or(defaults.max_step);
  if (plan.max_step >= longest) return std::nullopt;
  if (asked.max_step) return invalid("max_step", "must not be shorter than `bake`");
  plan.max_step = longest;  // so that a long bake alone does not fail because of a default
  return std::nullopt;
}

// Leaves the holdback to the old version in the last stage.
std::optional<Reply> keep_back(Plan& plan) {
  if (plan.holdback.millionths == 0) return std::nullopt;
  const Share kept{Share::kWhole - plan.holdback.millionths};
  if (plan.stages.size() > 1 && plan.stages[plan.stages.size() - 2].weight >= kept)
    return invalid("holdback", "the last but one step already leaves less than that");
  plan.stages.back().weight = kept;
  return std::nullopt;
}

void take_defaults(const config::RolloutDefaults& defaults, Plan& plan) {
  plan.strategy = defaults.strategy;
  plan.on_inconclusive = defaults.on_inconclusive;
  plan.holdback = defaults.holdback;
  plan.four_eyes = defaults.four_eyes;
  plan.approval_expiry = defaults.approval_expiry;
  plan.adaptive = defaults.adaptive;
  plan.windows = defaults.windows;
  plan.utc_offset_minutes = defaults.utc_offset_minutes;
  plan.keep_old = defaults.keep_old;
  plan.max_unavailable = defaults.rolling.max_unavailable;
  plan.gates.smoke = !defaults.smoke.empty();
  for (const auto& hook : defaults.hooks) {
    plan.gates.before |= hook.at == config::Hook::At::Before;
    plan.gates.step |= hook.at == config::Hook::At::Step;
    plan.gates.after |= hook.at == config::Hook::At::After;
    plan.gates.rollback |= hook.at == config::Hook::At::Rollback;
  }
}

}  // namespace

std::optional<Share> share_of(const json::value& value) {
  if (const auto* text = value.if_string()) return parse_share(std::string_view(*text));
  if (!value.is_number()) return std::nullopt;
  return share_from_percent(value.to_number<double>());
}

std::variant<RolloutRequest, Reply> parse_rollout_request(const json::object& body,
                                                          const config::RolloutDefaults& defaults) {
  Asked asked;
  Plan& plan = asked.request.plan;
  take_defaults(defaults, plan);
  for (const auto& [name, value] : body)
    if (auto refused = read_member(std::string(name), value, asked)) return *std::move(refused);
  if (asked.request.to.empty()) return invalid("to", "the version to roll out is missing");
  if (plan.is_rolling()) {
    if (asked.steps) return invalid("steps", "a rolling plan has a step for every endpoint");
    if (body.contains("holdback")) return invalid("holdback", "a rolling plan has none");
    plan.holdback = {};
    plan.adaptive.reset();
    plan.gates.smoke = false;  // there is nothing to ask before the first endpoint is replaced
    plan.stages.push_back({Share::percent(100), asked.bake.value_or(defaults.bake), false, {}});
  } else {
    if (body.contains("max_unavailable"))
      return invalid("max_unavailable", "only a rolling plan has one");
    add_stages(asked, defaults, plan);
    if (auto refused = add_approvals(plan.stages, asked.approval)) return *std::move(refused);
    if (auto refused = keep_configured_approvals(plan.stages, defaults.approval))
      return *std::move(refused);
    if (auto refused = keep_back(plan)) return *std::move(refused);
  }
  if (plan.is_rolling() && !asked.approval.empty())
    return invalid("approval", "give approvals of a rolling plan in the configuration");
  if (auto refused = set_max_step(asked, defaults, plan)) return *std::move(refused);
  return std::move(asked.request);
}

std::optional<Reply> plan_rolling(Plan& plan, const config::Version& from,
                                  const config::Version& to,
                                  const config::RolloutDefaults& defaults) {
  const std::size_t count = from.endpoints.size();
  if (to.endpoints.size() != count)
    return invalid("to", "a rolling plan replaces endpoint by endpoint, but `" + from.name +
                             "` has " + std::to_string(count) + " and `" + to.name + "` has " +
                             std::to_string(to.endpoints.size()));
  if (plan.max_unavailable >= count)
    return invalid("max_unavailable", "is " + std::to_string(plan.max_unavailable) + " of " +
                                          std::to_string(count) +
                                          " endpoints; at least one must stay in service");
  // An endpoint at the same address in both versions is replaced in place; the others are paired in
  // the order written.
  std::vector<std::string> others;
  const auto has = [](const config::Version& version, const std::string& url) {
    return std::any_of(version.endpoints.begin(), version.endpoints.end(),
                       [&](const config::Endpoint& endpoint) { return endpoint.url == url; });
  };
  for (const auto& endpoint : to.endpoints)
    if (!has(from, endpoint.url)) others.push_back(endpoint.url);
  auto next = others.begin();
  for (const auto& endpoint : from.endpoints)
    plan.endpoints.push_back({endpoint.url, has(to, endpoint.url) ? endpoint.url : *next++});

  Stage pattern = plan.stages.back();
  pattern.approval = false;
  plan.stages.clear();
  for (std::size_t moved = 0; moved < count;) {
    moved = std::min(moved + plan.max_unavailable, count);
    Stage stage = pattern;
    stage.weight = Share{static_cast<std::int32_t>(Share::kWhole * moved / count)};
    plan.stages.push_back(stage);
  }
  return keep_configured_approvals(plan.stages, defaults.approval);
}

}  // namespace cutwater::control
