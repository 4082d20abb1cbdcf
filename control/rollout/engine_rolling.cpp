// Replaces a version endpoint by endpoint. The endpoints of `from` and `to` are paired; each pair
// is Old (its `from` serves), Out (none serves: it is drained, deployed, checked), New (its `to`
// serves) or Lost (its undo failed). Endpoints in service decide the traffic: `to` has the share
// New / (Old + New), so every endpoint carries the same. On a revert everything goes to `from` at
// once as long as one of its endpoints is in service; then the pairs go back in reverse order.
#include "control/rollout/engine_machine.hpp"

#include <algorithm>

namespace cutwater::control {

std::vector<std::string> EngineState::endpoints_out() const {
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i] == Place::Out) urls.push_back(plan.endpoints[i].from);
  return urls;
}

std::size_t Machine::count(Place place) const {
  return static_cast<std::size_t>(std::count(state_.places.begin(), state_.places.end(), place));
}

void Machine::move(Place from, Place to) {
  std::replace(state_.places.begin(), state_.places.end(), from, to);
}

std::string Machine::names_of(Place place) const {
  std::string names;
  for (std::size_t i = 0; i < state_.places.size(); ++i) {
    if (state_.places[i] != place) continue;
    const EndpointPair& pair = state_.plan.endpoints[i];
    names += (names.empty() ? "" : ", ") + pair.from;
    if (pair.to != pair.from) names += " (" + pair.to + ")";
  }
  return names;
}

// Takes out the next few: Old ones in the order of the plan, New ones in reverse.
void Machine::take_out(Place place) {
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

void Machine::place_traffic() {
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
  out_.effects.emplace_back(std::move(duty));
  if (old_ones > 0)
    out_.effects.emplace_back(effect::Serve{state_.from});
  else if (new_ones > 0)
    out_.effects.emplace_back(effect::Serve{state_.to});
  if (reverting && old_ones > 0 && state_.end_as == Phase::RolledBack)
    out_.effects.emplace_back(effect::LockOut{state_.to});
  set_weights(to);
}

// Does drain, deploy, health: the first that is missing. Returns true while there is one.
bool Machine::replace_next() {
  if (state_.task) return true;
  const Checks& checks = state_.checks;
  if (!checks.drained) {
    give_task(Task::Kind::Drain, names_of(Place::Out) + " finishes its requests");
  } else if (!checks.deployed) {
    give_task(Task::Kind::Deploy, names_of(Place::Out) + " waits for its deployment");
  } else if (!checks.healthy) {
    give_task(Task::Kind::Health, names_of(Place::Out) + " must show that it is healthy");
  } else {
    decide("endpoint_replaced", "rolling", names_of(Place::Out) + " serves " + state_.to, kSelf);
    move(Place::Out, Place::New);
    state_.checks.on_duty = true;
    state_.hold_cause.clear();
    place_traffic();
    enter(state_.is_last_stage() ? Phase::Promoting : Phase::Progressing);
    return false;
  }
  return true;
}

void Machine::replaced(const event::Done& done) {
  const Task task = *state_.task;
  state_.task.reset();
  if (done.ok) {
    if (task.kind == Task::Kind::Drain) state_.checks.drained = true;
    if (task.kind == Task::Kind::Deploy) state_.checks.deployed = true;
    if (task.kind == Task::Kind::Health) state_.checks.healthy = true;
    return;
  }
  if (!task.undo)
    return revert(std::string(to_string(task.kind)),
                  names_of(Place::Out) + " could not be replaced: " + done.reason, kSelf);
  decide("undo_failed", std::string(to_string(task.kind)),
         names_of(Place::Out) + " stays out of service: " + done.reason, kSelf);
  move(Place::Out, Place::Lost);
  state_.checks = {};
}

// An endpoint that was only being drained goes back as it is; one that may already have changed is
// deployed again.
void Machine::turn_back() {
  const bool touched = state_.checks.drained;
  state_.checks = {};
  state_.checks.drained = touched;
  if (!touched) move(Place::Out, Place::Old);
  state_.step_since.reset();
  state_.hold_cause.clear();
  enter(Phase::RollingBack);
  place_traffic();
}

void Machine::undo_next() {
  if (state_.switching || state_.task) return;
  if (count(Place::Out) > 0) {
    const Checks& checks = state_.checks;
    if (!checks.drained)
      return give_task(Task::Kind::Drain, names_of(Place::Out) + " finishes its requests");
    if (!checks.deployed)
      return give_task(Task::Kind::Deploy,
                       names_of(Place::Out) + " waits for the old version's deployment");
    if (!checks.healthy)
      return give_task(Task::Kind::Health, names_of(Place::Out) + " must show that it is healthy");
    decide("endpoint_restored", "rolling", names_of(Place::Out) + " serves " + state_.from, kSelf);
    move(Place::Out, Place::Old);
    state_.checks = {};
    return place_traffic();
  }
  const std::size_t new_ones = count(Place::New);
  const bool last_in_service = count(Place::Old) == 0 && new_ones > 0 &&
                               (new_ones <= state_.plan.max_unavailable || count(Place::Lost) > 0);
  if (new_ones == 0 || last_in_service) {
    if (last_in_service)
      decide("undo_failed", "rolling",
             names_of(Place::New) + " stays: there is no other endpoint in service", kSelf);
    return enter(state_.end_as);
  }
  state_.checks = {};
  state_.hold_cause.clear();
  take_out(Place::New);
}

}  // namespace cutwater::control
