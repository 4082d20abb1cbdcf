#include "control/views.hpp"

#include "control/json_text.hpp"
#include "control/restore.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

json::value milliseconds(Nanoseconds value) {
  return rounded(std::chrono::duration<double, std::milli>(value).count(), 3);
}

json::value time_or_null(std::int64_t unix_ms) {
  if (unix_ms == 0) return nullptr;
  return json::string(time_text(unix_ms));
}

json::value text_or_null(const std::string& text) {
  if (text.empty()) return nullptr;
  return json::string(text);
}

}  // namespace

json::object percent_view(const std::map<std::string, Share>& weights) {
  json::object out;
  for (const auto& [version, share] : weights) out[version] = number(share.as_percent());
  return out;
}

json::object weights_view(const ServiceState& state) {
  return {{"generation", state.generation}, {"weights", percent_view(state.weights)}};
}

json::object rollout_view(const EngineState& rollout) {
  return {{"id", rollout.id},
          {"service", rollout.service},
          {"from", rollout.from},
          {"to", rollout.to},
          {"strategy", rollout.plan.strategy},
          {"phase", to_string(rollout.phase)},
          {"step", rollout.step + 1},
          {"steps", rollout.plan.steps.size()},
          {"weight", number(rollout.weight.as_percent())},
          {"verdict", rollout.verdict},
          {"cause", rollout.cause},
          {"reason", rollout.reason},
          {"held", text_or_null(rollout.hold_cause)},
          {"actor", rollout.actor},
          {"started", time_or_null(rollout.started_ms)},
          {"finished", time_or_null(rollout.finished_ms)},
          {"commit_time", text_or_null(rollout.commit_time)},
          {"plan", plan_view(rollout.plan)},
          {"before", percent_view(rollout.before)}};
}

json::object decision_view(const Decision& decision) {
  return {{"seq", decision.seq},           {"time", decision.time},
          {"service", decision.service},   {"rollout", text_or_null(decision.rollout)},
          {"action", decision.action},     {"cause", decision.cause},
          {"actor", decision.actor},       {"reason", decision.reason},
          {"evidence", decision.evidence}, {"before", decision.before},
          {"after", decision.after}};
}

json::object window_view(const Window& window) {
  const std::uint64_t attempts = window.totals.attempts();
  const std::uint64_t errors = window.totals.errors();
  const auto& latency = window.totals.latency;
  const double rate =
      attempts == 0 ? 0 : static_cast<double>(errors) / static_cast<double>(attempts);
  json::object out{{"seconds", rounded(window.seconds, 1)},
                   {"requests", attempts},
                   {"requests_per_second", rounded(window.requests_per_second(), 2)},
                   {"errors", errors},
                   {"error_rate", rounded(rate, 6)}};
  const bool timed = latency.count > 0;  // no requests have no p95, not one of 0 ms
  out["p50_ms"] = timed ? milliseconds(latency.quantile(0.50)) : json::value(nullptr);
  out["p95_ms"] = timed ? milliseconds(latency.quantile(0.95)) : json::value(nullptr);
  out["p99_ms"] = timed ? milliseconds(latency.quantile(0.99)) : json::value(nullptr);
  return out;
}

json::object state_summary(const ServiceState& state, const EngineState* rollout) {
  json::object out{{"generation", state.generation},
                   {"weights", percent_view(state.weights)},
                   {"stable", state.stable}};
  if (!state.locked_out.empty()) {
    json::array locked;
    for (const auto& version : state.locked_out) locked.emplace_back(version);
    out["locked_out"] = std::move(locked);
  }
  if (rollout != nullptr) {
    out["phase"] = to_string(rollout->phase);
    out["step"] = rollout->step + 1;
  }
  return out;
}

RolloutRecord rollout_record(const EngineState& rollout) {
  return {rollout.id, rollout.service, !is_terminal(rollout.phase), to_json(rollout)};
}

}  // namespace cutwater::control
