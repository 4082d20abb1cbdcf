// Reads and writes the engine's state as the store keeps it.
#include "control/rollout/engine.hpp"

#include <array>

#include "control/base/json_member.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

constexpr std::array<std::string_view, kPhases> kNames{
    "pending",   "preview", "progressing", "paused",       "awaiting_approval", "inconclusive",
    "promoting", "baking",  "succeeded",   "rolling_back", "rolled_back",       "aborted"};

constexpr std::array<std::string_view, 6> kTasks{"before_gate", "smoke",  "step_gate",
                                                 "drain",       "deploy", "health"};
constexpr std::array<bool Checks::*, 8> kChecks{
    &Checks::before,  &Checks::drained, &Checks::deployed, &Checks::healthy,
    &Checks::on_duty, &Checks::smoke,   &Checks::gate,     &Checks::approved};

json::array checks_json(const Checks& checks) {
  json::array out;
  for (const auto check : kChecks) out.emplace_back(checks.*check);
  return out;
}

Checks checks_from(const json::array& in) {
  Checks checks;
  for (std::size_t i = 0; i < kChecks.size(); ++i) checks.*kChecks[i] = in.at(i).as_bool();
  return checks;
}

json::value task_json(const std::optional<Task>& task) {
  if (!task) return nullptr;
  return json::object{{"kind", to_string(task->kind)}, {"id", task->id}, {"undo", task->undo}};
}

std::optional<Task> task_from(const json::value& in) {
  if (in.is_null()) return std::nullopt;
  const auto kind = task_kind_from(in.at("kind").as_string());
  if (!kind) throw std::invalid_argument("task");
  return Task{*kind, in.at("id").to_number<std::uint64_t>(), in.at("undo").as_bool()};
}

json::array places_json(const std::vector<Place>& places) {
  json::array out;
  for (const Place place : places) out.emplace_back(static_cast<int>(place));
  return out;
}

std::vector<Place> places_from(const json::array& in) {
  std::vector<Place> places;
  for (const auto& item : in) {
    const int place = item.to_number<int>();
    if (place < 0 || place > static_cast<int>(Place::Lost)) throw std::invalid_argument("place");
    places.push_back(static_cast<Place>(place));
  }
  return places;
}

Phase phase(const json::object& in, const char* key) {
  const auto found = phase_from(in.at(key).as_string());
  if (!found) throw std::invalid_argument("phase");
  return *found;
}

void read_work(const json::object& in, EngineState& state) {
  state.end_as = phase(in, "end_as");
  state.checks = checks_from(in.at("checks").as_array());
  state.task = task_from(in.at("task"));
  state.tasks = in.at("tasks").to_number<std::uint64_t>();
  // The member is absent in states written before alpha was divided.
  if (const auto* restarts = in.if_contains("restarts"))
    state.restarts = restarts->to_number<std::uint32_t>();
  state.places = places_from(in.at("places").as_array());
  state.approval_due_ms = in.at("approval_due_ms").to_number<std::int64_t>();
  state.call_due = text_at(in, "call_due");
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

std::string_view to_string(Task::Kind kind) {
  return kTasks[static_cast<std::size_t>(kind)];
}

std::optional<Task::Kind> task_kind_from(std::string_view text) {
  for (std::size_t i = 0; i < kTasks.size(); ++i)
    if (kTasks[i] == text) return static_cast<Task::Kind>(i);
  return std::nullopt;
}

json::object to_json(const EngineState& state) {
  json::object out{{"id", state.id},
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
                   {"end_as", to_string(state.end_as)},
                   {"checks", checks_json(state.checks)},
                   {"task", task_json(state.task)},
                   {"tasks", state.tasks},
                   {"restarts", state.restarts},
                   {"places", places_json(state.places)},
                   {"approval_due_ms", state.approval_due_ms},
                   {"call_due", state.call_due},
                   {"hold_cause", state.hold_cause},
                   {"cause", state.cause},
                   {"reason", state.reason},
                   {"verdict", state.verdict},
                   {"evidence", state.evidence}};
  if (state.taken_back) out["taken_back"] = to_json(*state.taken_back);
  return out;
}

std::optional<EngineState> engine_state_from_json(const json::value& value) try {
  const json::object& in = value.as_object();
  EngineState state;
  state.id = text_at(in, "id");
  state.service = text_at(in, "service");
  state.from = text_at(in, "from");
  state.to = text_at(in, "to");
  auto plan = plan_from_json(in.at("plan"));
  auto before = weights_from_json(in.at("before"));
  if (!plan || !before) return std::nullopt;
  state.plan = std::move(*plan);
  state.before = std::move(*before);
  state.actor = text_at(in, "actor");
  state.commit_time = text_at(in, "commit_time");
  state.started_ms = in.at("started_ms").to_number<std::int64_t>();
  state.finished_ms = in.at("finished_ms").to_number<std::int64_t>();
  state.phase = phase(in, "phase");
  state.resume_to = phase(in, "resume_to");
  state.step = in.at("step").to_number<std::size_t>();
  if (state.step >= state.plan.stages.size()) return std::nullopt;
  if (in.contains("end_as"))
    read_work(in, state);
  else
    state.checks.before = true;  // schema 1: no gates
  if (!state.places.empty() && state.places.size() != state.plan.endpoints.size())
    return std::nullopt;
  state.weight = Share{in.at("weight").to_number<std::int32_t>()};
  state.switching = in.at("switching").as_bool();
  state.hold_cause = text_at(in, "hold_cause");
  state.cause = text_at(in, "cause");
  state.reason = text_at(in, "reason");
  state.verdict = text_at(in, "verdict");
  state.evidence = in.at("evidence").as_object();
  if (const auto* taken = in.if_contains("taken_back"))
    state.taken_back = withdrawal_from_json(taken->as_object());
  return state;
} catch (const std::exception&) {
  return std::nullopt;
}

}  // namespace cutwater::control
