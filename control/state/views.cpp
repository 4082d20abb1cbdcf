#include "control/state/views.hpp"

#include "control/base/json_member.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"

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

// Says what has to be done outside before it goes on.
json::value task_view(const EngineState& rollout) {
  if (!rollout.task) return nullptr;
  json::array out;
  for (const auto& url : rollout.endpoints_out()) out.emplace_back(url);
  return json::object{{"task", to_string(rollout.task->kind)},
                      {"undo", rollout.task->undo},
                      {"endpoints", std::move(out)}};
}

// Says where each endpoint of a rolling rollout is.
json::array endpoints_view(const EngineState& rollout) {
  static constexpr const char* kPlaces[] = {"old", "out", "new", "lost"};
  json::array out;
  for (std::size_t i = 0; i < rollout.places.size(); ++i)
    out.push_back(json::object{{"from", rollout.plan.endpoints[i].from},
                               {"to", rollout.plan.endpoints[i].to},
                               {"place", kPlaces[static_cast<int>(rollout.places[i])]}});
  return out;
}

}  // namespace

json::object percent_view(const std::map<std::string, Share>& weights) {
  json::object out;
  for (const auto& [version, share] : weights) out[version] = number(share.as_percent());
  return out;
}

json::object weights_view(const ServiceState& state) {
  json::object out{{"generation", state.generation}, {"weights", percent_view(state.weights)}};
  if (state.lease)
    out["lease"] = json::object{{"expires", time_text(state.lease->expires_ms)},
                                {"falls_back_to", percent_view(state.lease->before)},
                                {"actor", state.lease->actor}};
  return out;
}

std::string weights_text(const std::map<std::string, Share>& weights) {
  std::string out;
  for (const auto& [version, share] : weights)
    if (share.millionths > 0) out += (out.empty() ? "" : ", ") + version + " " + to_string(share);
  return out;
}

json::object withdrawal_view(const Withdrawal& withdrawal) {
  return {{"time", withdrawal.time},
          {"decision",
           withdrawal.decision == 0 ? json::value(nullptr) : json::value(withdrawal.decision)},
          {"action", withdrawal.action},
          {"cause", withdrawal.cause},
          {"reason", withdrawal.reason},
          {"actor", withdrawal.actor}};
}

std::string withdrawal_text(const ServiceState& state, const std::string& version) {
  const auto known = state.withdrawals.find(version);
  if (known == state.withdrawals.end()) return "was rolled back or drained";
  const Withdrawal& by = known->second;
  return (by.action == "drained" ? "was drained at " : "was rolled back at ") + by.time +
         (by.decision == 0 ? "" : " by decision " + std::to_string(by.decision)) + ": " + by.reason;
}

json::object outcome_view(const EngineState& rollout) {
  return {{"id", rollout.id},
          {"from", rollout.from},
          {"to", rollout.to},
          {"phase", to_string(rollout.phase)},
          {"finished", time_or_null(rollout.finished_ms)},
          {"reason", rollout.reason},
          {"taken_back", rollout.taken_back ? json::value(withdrawal_view(*rollout.taken_back))
                                            : json::value(nullptr)}};
}

json::object rollout_view(const EngineState& rollout) {
  return {{"id", rollout.id},
          {"service", rollout.service},
          {"from", rollout.from},
          {"to", rollout.to},
          {"strategy", rollout.plan.strategy},
          {"phase", to_string(rollout.phase)},
          {"step", rollout.step + 1},
          {"steps", rollout.plan.stages.size()},
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
          {"before", percent_view(rollout.before)},
          {"waits_for", task_view(rollout)},
          {"approval_due", time_or_null(rollout.approval_due_ms)},
          {"taken_back", rollout.taken_back ? json::value(withdrawal_view(*rollout.taken_back))
                                            : json::value(nullptr)},
          {"endpoints", endpoints_view(rollout)}};
}

json::object decision_view(const Decision& decision) {
  return {{"seq", decision.seq},           {"time", decision.time},
          {"service", decision.service},   {"rollout", text_or_null(decision.rollout)},
          {"action", decision.action},     {"cause", decision.cause},
          {"actor", decision.actor},       {"reason", decision.reason},
          {"evidence", decision.evidence}, {"before", decision.before},
          {"after", decision.after}};
}

json::object latency_view(const stats::HistogramCounts& latency) {
  const bool timed = latency.count > 0;  // no requests have no p95, not one of 0 ms
  const auto at = [&](double q) {
    return timed ? milliseconds(latency.quantile(q)) : json::value(nullptr);
  };
  return {{"p50_ms", at(0.50)}, {"p95_ms", at(0.95)}, {"p99_ms", at(0.99)}};
}

json::object window_view(const Window& window) {
  const std::uint64_t attempts = window.totals.attempts();
  const std::uint64_t errors = window.totals.errors();
  const double rate =
      attempts == 0 ? 0 : static_cast<double>(errors) / static_cast<double>(attempts);
  json::object out{{"seconds", rounded(window.seconds, 1)},
                   {"requests", attempts},
                   {"requests_per_second", rounded(window.requests_per_second(), 2)},
                   {"errors", errors},
                   {"error_rate", rounded(rate, 6)}};
  for (auto& [key, value] : latency_view(window.totals.latency)) out[key] = std::move(value);
  return out;
}

json::object state_summary(const ServiceState& state, const EngineState* rollout) {
  json::object out{{"generation", state.generation},
                   {"weights", percent_view(state.weights)},
                   {"stable", state.stable}};
  if (!state.locked_out.empty()) out["locked_out"] = json_texts(state.locked_out);
  if (rollout != nullptr) {
    out["phase"] = to_string(rollout->phase);
    out["step"] = rollout->step + 1;
  }
  return out;
}

Decision decision_of(const std::string& service, const effect::Decide& said, std::int64_t wall_ms) {
  Decision decision;
  decision.time = time_text(wall_ms);
  decision.service = service;
  decision.action = said.action;
  decision.cause = said.cause;
  decision.reason = said.reason;
  decision.actor = said.actor;
  return decision;
}

RolloutRecord rollout_record(const EngineState& rollout) {
  return {rollout.id, rollout.service, !is_terminal(rollout.phase), to_json(rollout),
          rollout.taken_back};
}

}  // namespace cutwater::control
