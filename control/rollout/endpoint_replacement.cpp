#include "control/rollout/endpoint_replacement.hpp"

#include <algorithm>

namespace cutwater::control {

std::size_t EndpointReplacement::count(Place place) const {
  return static_cast<std::size_t>(std::count(state_.places.begin(), state_.places.end(), place));
}

void EndpointReplacement::move(Place from, Place to) {
  std::replace(state_.places.begin(), state_.places.end(), from, to);
}

std::string EndpointReplacement::names_of(Place place) const {
  std::string names;
  for (std::size_t i = 0; i < state_.places.size(); ++i) {
    if (state_.places[i] != place) continue;
    const EndpointPair& pair = state_.plan.endpoints[i];
    names += (names.empty() ? "" : ", ") + pair.from;
    if (pair.to != pair.from) names += " (" + pair.to + ")";
  }
  return names;
}

void EndpointReplacement::take_out(Place place) {
  std::size_t left = state_.plan.max_unavailable;
  const std::size_t all = state_.places.size();
  for (std::size_t i = 0; i < all && left > 0; ++i) {
    Place& at = state_.places[place == Place::Old ? i : all - 1 - i];
    if (at != place) continue;
    at = Place::Out;
    --left;
  }
  place_traffic();
}

void EndpointReplacement::place_traffic() {
  const std::size_t old_ones = count(Place::Old), new_ones = count(Place::New);
  const bool reverting = state_.phase == Phase::RollingBack;
  Share to = state_.weight;  // if no endpoint is in service it does not matter
  if (old_ones + new_ones > 0)
    to = Share{static_cast<std::int32_t>(Share::kWhole * new_ones / (old_ones + new_ones))};
  if (reverting && old_ones > 0) to = Share{};
  effect::SetOffDuty duty;
  auto& from_off = duty.urls[state_.from];
  auto& to_off = duty.urls[state_.to];
  for (std::size_t i = 0; i < state_.places.size(); ++i) {
    if (state_.places[i] != Place::Old) from_off.insert(state_.plan.endpoints[i].from);
    if (state_.places[i] != Place::New) to_off.insert(state_.plan.endpoints[i].to);
  }
  out_.add(std::move(duty));
  if (old_ones > 0)
    out_.add(effect::Serve{state_.from});
  else if (new_ones > 0)
    out_.add(effect::Serve{state_.to});
  if (reverting && old_ones > 0 && state_.end_as == Phase::RolledBack)
    out_.add(effect::LockOut{state_.to});
  out_.set_weights(to);
}

void EndpointReplacement::replace_next() {
  if (state_.task) return;
  const Checks& checks = state_.checks;
  if (!checks.drained) {
    out_.give_task(Task::Kind::Drain, names_of(Place::Out) + " finishes its requests");
  } else if (!checks.deployed) {
    out_.give_task(Task::Kind::Deploy, names_of(Place::Out) + " waits for its deployment");
  } else if (!checks.healthy) {
    out_.give_task(Task::Kind::Health, names_of(Place::Out) + " must show that it is healthy");
  } else {
    out_.decide("endpoint_replaced", "rolling", names_of(Place::Out) + " serves " + state_.to,
                kSelf);
    move(Place::Out, Place::New);
    state_.checks.on_duty = true;
    state_.hold_cause.clear();
    place_traffic();
    out_.enter(state_.is_last_stage() ? Phase::Promoting : Phase::Progressing);
  }
}

void EndpointReplacement::task_done() {
  if (state_.task->kind == Task::Kind::Drain) state_.checks.drained = true;
  if (state_.task->kind == Task::Kind::Deploy) state_.checks.deployed = true;
  if (state_.task->kind == Task::Kind::Health) state_.checks.healthy = true;
  state_.task.reset();
}

void EndpointReplacement::turn_back() {
  const bool touched = state_.checks.drained;
  state_.checks = {};
  state_.checks.drained = touched;
  if (!touched) move(Place::Out, Place::Old);
  state_.step_since.reset();
  state_.hold_cause.clear();
  out_.enter(Phase::RollingBack);
  place_traffic();
}

void EndpointReplacement::undo_next() {
  if (state_.switching || state_.task) return;
  if (count(Place::Out) > 0) {
    const Checks& checks = state_.checks;
    if (!checks.drained)
      return out_.give_task(Task::Kind::Drain, names_of(Place::Out) + " finishes its requests");
    if (!checks.deployed)
      return out_.give_task(Task::Kind::Deploy,
                            names_of(Place::Out) + " waits for the old version's deployment");
    if (!checks.healthy)
      return out_.give_task(Task::Kind::Health,
                            names_of(Place::Out) + " must show that it is healthy");
    out_.decide("endpoint_restored", "rolling", names_of(Place::Out) + " serves " + state_.from,
                kSelf);
    move(Place::Out, Place::Old);
    state_.checks = {};
    return place_traffic();
  }
  const std::size_t new_ones = count(Place::New);
  const bool last_in_service = count(Place::Old) == 0 && new_ones > 0 &&
                               (new_ones <= state_.plan.max_unavailable || count(Place::Lost) > 0);
  if (new_ones == 0 || last_in_service) {
    if (last_in_service)
      out_.decide("undo_failed", "rolling",
                  names_of(Place::New) + " stays: there is no other endpoint in service", kSelf);
    return out_.enter(state_.end_as);
  }
  state_.checks = {};
  state_.hold_cause.clear();
  take_out(Place::New);
}

void EndpointReplacement::undo_failed(const std::string& reason) {
  const Task::Kind kind = state_.task->kind;
  state_.task.reset();
  out_.decide("undo_failed", std::string(to_string(kind)),
              names_of(Place::Out) + " stays out of service: " + reason, kSelf);
  move(Place::Out, Place::Lost);
  state_.checks = {};
}

}  // namespace cutwater::control
