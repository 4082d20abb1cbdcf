#include "control/rollout/transition_builder.hpp"

namespace cutwater::control {
namespace {

std::map<std::string, Share> split(const EngineState& state, Share to) {
  std::map<std::string, Share> weights;
  for (const auto& [version, ignored] : state.before) weights[version] = Share{};
  weights[state.from] = Share{Share::kWhole - to.millionths};
  weights[state.to] = to;
  return weights;
}

}  // namespace

void TransitionBuilder::decide(std::string action, std::string cause, std::string reason,
                               std::string actor) {
  if (state_.phase != Phase::RollingBack) {  // the reason why it turned back stays
    state_.cause = cause;
    state_.reason = reason;
  }
  add(effect::Decide{std::move(action), std::move(cause), std::move(reason), std::move(actor)});
}

void TransitionBuilder::enter(Phase phase) {
  if (phase == state_.phase) return;
  add(effect::PhaseChanged{state_.phase, phase});
  state_.phase = phase;
  if (is_terminal(phase)) state_.task.reset();  // nobody waits for the task any longer
}

void TransitionBuilder::set_weights(Share to) {
  state_.weight_before_switch = state_.weight;
  state_.weight = to;
  state_.switching = true;
  add(effect::SetWeights{split(state_, to)});
}

void TransitionBuilder::give_task(Task::Kind kind, const std::string& reason) {
  state_.task = Task{kind, ++state_.tasks, state_.phase == Phase::RollingBack};
  if (!reason.empty()) hold(std::string(to_string(kind)), reason);
}

void TransitionBuilder::hold(const std::string& cause, const std::string& reason) {
  say_once("held", cause, reason);
}

void TransitionBuilder::say_once(const std::string& action, const std::string& cause,
                                 const std::string& reason) {
  if (state_.hold_cause == cause) return;
  state_.hold_cause = cause;
  decide(action, cause, reason, kSelf);
}

void TransitionBuilder::start_clock(TimePoint now) {
  state_.step_since = now;
  state_.hold_cause.clear();
}

void TransitionBuilder::refuse(std::string type, std::string detail) {
  out_.refusal = Refusal{std::move(type), std::move(detail)};
}

}  // namespace cutwater::control
