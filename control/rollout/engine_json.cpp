// The engine's state as the store keeps it.
#include <array>

#include "control/rollout/engine.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, kPhases> kNames{
    "pending",   "preview", "progressing", "paused",       "awaiting_approval", "inconclusive",
    "promoting", "baking",  "succeeded",   "rolling_back", "rolled_back",       "aborted"};

std::string text(const json::object& in, const char* key) {
  return std::string(in.at(key).as_string());
}

Phase phase(const json::object& in, const char* key) {
  const auto found = phase_from(in.at(key).as_string());
  if (!found) throw std::invalid_argument("phase");
  return *found;
}

}  // namespace

std::string_view to_string(Phase phase) {
  return kNames[static_cast<std::size_t>(phase)];
}

std::optional<Phase> phase_from(std::string_view text) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == text) return static_cast<Phase>(i);
  return std::nullopt;
}

json::object to_json(const EngineState& state) {
  return {{"id", state.id},
          {"service", state.service},
          {"from", state.from},
          {"to", state.to},
          {"plan", to_json(state.plan)},
          {"before", weights_to_json(state.before)},
          {"actor", state.actor},
          {"commit_time", state.commit_time},
          {"started_ms", state.started_ms},
          {"finished_ms", state.finished_ms},
          {"phase", to_string(state.phase)},
          {"resume_to", to_string(state.resume_to)},
          {"step", state.step},
          {"weight", state.weight.millionths},
          {"switching", state.switching},
          {"hold_cause", state.hold_cause},
          {"cause", state.cause},
          {"reason", state.reason},
          {"verdict", state.verdict},
          {"evidence", state.evidence}};
}

std::optional<EngineState> engine_state_from_json(const json::value& value) try {
  const json::object& in = value.as_object();
  EngineState state;
  state.id = text(in, "id");
  state.service = text(in, "service");
  state.from = text(in, "from");
  state.to = text(in, "to");
  auto plan = plan_from_json(in.at("plan"));
  auto before = weights_from_json(in.at("before"));
  if (!plan || !before) return std::nullopt;
  state.plan = std::move(*plan);
  state.before = std::move(*before);
  state.actor = text(in, "actor");
  state.commit_time = text(in, "commit_time");
  state.started_ms = in.at("started_ms").to_number<std::int64_t>();
  state.finished_ms = in.at("finished_ms").to_number<std::int64_t>();
  state.phase = phase(in, "phase");
  state.resume_to = phase(in, "resume_to");
  state.step = in.at("step").to_number<std::size_t>();
  if (state.step >= state.plan.steps.size()) return std::nullopt;
  state.weight = Share{in.at("weight").to_number<std::int32_t>()};
  state.switching = in.at("switching").as_bool();
  state.hold_cause = text(in, "hold_cause");
  state.cause = text(in, "cause");
  state.reason = text(in, "reason");
  state.verdict = text(in, "verdict");
  state.evidence = in.at("evidence").as_object();
  return state;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
