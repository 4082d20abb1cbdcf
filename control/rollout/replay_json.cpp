// Handles replays as JSON: which limits are to be tried, what came of them, and the record itself.
#include "control/rollout/replay.hpp"

#include <algorithm>
#include <cmath>

#include "config/units.hpp"
#include "control/base/json_member.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/rollout/verdict.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

using namespace std::chrono_literals;

Reply bad_guard(const std::string& member, const std::string& what) {
  return problem(422, "invalid_guards", "`" + member + "`: " + what, {{"member", member}});
}

// The ranges are those of the configuration's `guards:`.
std::optional<Reply> read_share_limit(const std::string& member, const json::value& value,
                                      std::pair<Share, Share> range, Share& out) {
  const auto share = share_of(value);
  if (!share || *share < range.first || *share > range.second)
    return bad_guard(member, "a share from " + to_string(range.first) + " to " +
                                 to_string(range.second) + " is meant, such as \"2%\"");
  out = *share;
  return std::nullopt;
}

std::optional<Reply> read_time_limit(const std::string& member, const json::value& value,
                                     std::pair<config::Duration, config::Duration> range,
                                     config::Duration& out) {
  const auto* text = value.if_string();
  const auto time = text ? config::parse_duration(std::string_view(*text)) : std::nullopt;
  if (!time || *time < range.first || *time > range.second)
    return bad_guard(member, "a duration from " + config::to_string(range.first) + " to " +
                                 config::to_string(range.second) +
                                 " is meant, such as \"800ms\" or \"2s\"");
  out = *time;
  return std::nullopt;
}

std::optional<Reply> read_guard(const std::string& member, const json::value& value,
                                config::Guards& guards) {
  constexpr Share kLeast{1}, kAlmostAll{Share::kWhole - 1};
  const std::pair<config::Duration, config::Duration> latency{config::kLeastLatencyLimit,
                                                              config::kMostLatencyLimit};
  if (member == "error_rate")
    return read_share_limit(member, value, {kLeast, kAlmostAll}, guards.error_rate);
  if (member == "p95") return read_time_limit(member, value, latency, guards.p95);
  if (member == "p95_critical") return read_time_limit(member, value, latency, guards.p95_critical);
  if (member == "relative_tolerance")
    return read_share_limit(member, value, {Share{}, Share::percent(100)},
                            guards.relative_tolerance);
  if (member == "blame_window")
    return read_time_limit(member, value, {0ms, 24h}, guards.blame_window);
  if (member == "false_rollback") {
    Share alpha;
    if (auto refused = read_share_limit(member, value, {kLeast, Share::percent(50)}, alpha))
      return refused;
    guards.false_rollback = alpha.ratio();
    return std::nullopt;
  }
  if (member == "relative") {
    const auto* given = value.if_bool();
    if (given == nullptr) return bad_guard(member, "true or false is meant");
    guards.relative = *given;
    return std::nullopt;
  }
  return bad_guard(member,
                   "unknown member; known are error_rate, p95, p95_critical, false_rollback, "
                   "relative, relative_tolerance, blame_window");
}

json::object guards_words(const config::Guards& guards) {
  const auto alpha = static_cast<std::int32_t>(std::lround(guards.false_rollback * Share::kWhole));
  return {{"error_rate", to_string(guards.error_rate)},
          {"p95", config::to_string(guards.p95)},
          {"p95_critical", config::to_string(guards.p95_critical)},
          {"false_rollback", to_string(Share{alpha})},
          {"relative", guards.relative},
          {"relative_tolerance", to_string(guards.relative_tolerance)},
          {"blame_window", config::to_string(guards.blame_window)}};
}

json::object guard_json(const ReplayedGuard& guard) {
  json::object out = test_json(guard.test);
  if (guard.common_cause_ms) out["common_cause"] = time_text(*guard.common_cause_ms);
  if (const auto& failure = guard.failure)
    out["failed"] = json::object{{"time", time_text(failure->at_ms)},
                                 {"step", failure->step + 1},
                                 {"requests", failure->requests},
                                 {"errors", failure->errors},
                                 {"reason", failure->why}};
  return out;
}

json::object step_json(const ReplayedStep& step, const ReplayedGuard* decisive) {
  const bool failed_here = decisive != nullptr && decisive->failure->step == step.step;
  std::string verdict = step.proven_ms       ? "pass"
                        : !step.reached      ? "not_reached"
                        : step.requests == 0 ? "no_traffic"
                                             : "inconclusive";
  if (failed_here) verdict = "fail";
  return {{"step", step.step + 1},
          {"weight", number(step.weight.as_percent())},
          {"began", time_text(step.began_ms)},
          {"ended", time_text(step.ended_ms)},
          {"requests", step.requests},
          {"errors", step.errors},
          {"verdict", verdict},
          {"proven", step.proven_ms ? json::value(time_text(*step.proven_ms)) : json::value()},
          {"requests_needed_to_pass", step.needed}};
}

json::array notes_of(const ReplayCase& asked) {
  std::int64_t longest = 0;
  for (const TrafficTick& tick : asked.ticks) longest = std::max(longest, tick.span_ms);
  return {
      "recorded counts know no clients: the guard counts a client's failures once a minute, "
      "here each one counts",
      "a tick counts as one observation, so times are rounded up to its end (the longest here: " +
          config::to_string(config::Duration(longest)) + ")",
      "latencies are recorded to within 1.6 %; relative latency, health checks and memory are "
      "not replayed",
      "the traffic is what the rollout really had: after another decision it would have been "
      "another"};
}

bool is_usable(const config::GuardLimits& guards) {
  const auto is_limit = [](const std::optional<config::Duration>& limit) {
    return !limit || (*limit >= config::kLeastLatencyLimit && *limit <= config::kMostLatencyLimit);
  };
  const auto& rate = guards.error_rate;
  return (!rate || (rate->millionths > 0 && rate->millionths < Share::kWhole)) &&
         is_limit(guards.p95) && is_limit(guards.p95_critical);
}

}  // namespace

std::optional<Reply> change_guards(const json::object& body, ReplayCase& changed) {
  config::Guards& guards = changed.guards;
  for (const auto& [member, value] : body)
    if (auto refused = read_guard(std::string(member), value, guards)) return refused;
  const bool p95 = body.contains("p95"), critical = body.contains("p95_critical");
  if (p95 && critical && guards.p95_critical < guards.p95)
    return bad_guard("p95_critical", "is below `p95`");
  // A request that moves only one of the two limits keeps their order, as in the configuration.
  if (p95 && !critical) guards.p95_critical = std::max(guards.p95_critical, guards.p95 * 3 / 2);
  if (critical && !p95) guards.p95 = std::min(guards.p95, guards.p95_critical);
  for (Stage& stage : changed.plan.stages) {
    if (body.contains("error_rate")) stage.guards.error_rate.reset();
    if (p95) stage.guards.p95.reset();
    if (critical) stage.guards.p95_critical.reset();
    if (critical && stage.guards.p95)
      stage.guards.p95 = std::min(*stage.guards.p95, guards.p95_critical);
  }
  return std::nullopt;
}

json::object replay_view(const ReplayCase& asked, const Replay& found) {
  const ReplayedGuard* decisive = found.decisive();
  json::array guards, steps;
  for (const ReplayedGuard& guard : found.guards) guards.push_back(guard_json(guard));
  for (const ReplayedStep& step : found.steps) steps.push_back(step_json(step, decisive));
  json::object out{{"rollout", asked.rollout},
                   {"service", asked.service},
                   {"from", asked.from},
                   {"to", asked.to},
                   {"outcome", to_string(found.outcome)},
                   {"summary", found.summary},
                   {"requests", found.requests},
                   {"errors", found.errors},
                   {"limits", guards_words(asked.guards)},
                   {"guards", std::move(guards)},
                   {"steps", std::move(steps)},
                   {"ticks", asked.ticks.size()},
                   {"notes", notes_of(asked)}};
  if (decisive != nullptr) {
    out["guard"] = decisive->test.name;
    out["time"] = time_text(decisive->failure->at_ms);
    out["step"] = decisive->failure->step + 1;
  }
  return out;
}

json::object record_view(const ReplayCase& record) {
  return {{"rollout", record.rollout},     {"service", record.service},
          {"from", record.from},           {"to", record.to},
          {"plan", to_json(record.plan)},  {"guards", guards_words(record.guards)},
          {"ticks", to_json(record.ticks)}};
}

std::optional<ReplayCase> case_from_record(const json::value& record) try {
  const json::object& in = record.as_object();
  ReplayCase out;
  out.rollout = text_at(in, "rollout");
  out.service = text_at(in, "service");
  out.from = text_at(in, "from");
  out.to = text_at(in, "to");
  auto plan = plan_from_json(in.at("plan"));
  auto ticks = traffic_from_json(in.at("ticks"));
  if (!plan || !ticks) return std::nullopt;
  out.plan = *std::move(plan);
  out.ticks = *std::move(ticks);
  for (const Stage& stage : out.plan.stages)
    if (!is_usable(stage.guards)) return std::nullopt;
  for (const auto& [member, value] : in.at("guards").as_object())
    if (read_guard(std::string(member), value, out.guards)) return std::nullopt;
  return out;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
