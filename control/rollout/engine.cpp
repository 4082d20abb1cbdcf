// Puts the parts of the engine together for one event. The life of a stage is in stage_life.cpp,
// the commands of persons in person_commands.cpp, the endpoints of a rolling rollout in
// endpoint_replacement.cpp; transition_builder.cpp has the moves that all of them make.
#include "control/rollout/engine.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "control/rollout/endpoint_replacement.hpp"
#include "control/rollout/person_commands.hpp"
#include "control/rollout/stage_life.hpp"
#include "control/rollout/transition_builder.hpp"

namespace cutwater::control {

Transition apply(EngineState& state, const RolloutEvent& event) {
  TransitionBuilder out(state);
  EndpointReplacement endpoints(state, out);
  StageLife stages(state, out, endpoints);
  PersonCommands persons(state, out, endpoints, stages);
  const auto on = [&]<class Event>(const Event& e) {
    if constexpr (std::is_same_v<Event, event::Command>)
      persons.on(e);
    else
      stages.on(e);
  };
  std::visit(on, event);
  return out.take();
}

std::vector<std::string> EngineState::endpoints_out() const {
  std::vector<std::string> urls;
  for (std::size_t i = 0; i < places.size(); ++i)
    if (places[i] == Place::Out) urls.push_back(plan.endpoints[i].from);
  return urls;
}

double EngineState::alpha_share() const {
  return std::ldexp(plan.alpha_share(), -static_cast<int>(std::min(restarts, 20U)));
}

guard::Verdict step_verdict(const EngineState& state, const guard::GuardReport& report) {
  if (failed(report)) return guard::Verdict::Fail;
  if (samples(report) <= state.samples_before_step) return guard::Verdict::NoTraffic;
  return report.verdict;
}

void apply_to_service(const Effect& effect, ServiceState& service) {
  if (const auto* set = std::get_if<effect::SetWeights>(&effect)) {
    // The plan knows the versions that existed when it began; a reload may have added more since.
    for (auto& [version, share] : service.weights) share = Share{};
    for (const auto& [version, share] : set->weights)
      if (share.millionths > 0) service.weights[version] = share;
  } else if (const auto* lock = std::get_if<effect::LockOut>(&effect)) {
    service.locked_out.insert(lock->version);
  } else if (const auto* stable = std::get_if<effect::MakeStable>(&effect)) {
    if (service.stable != stable->version) service.last_good = service.stable;
    service.stable = stable->version;
  } else if (const auto* serve = std::get_if<effect::Serve>(&effect)) {
    if (service.stable != serve->version) {
      service.last_good.clear();
      service.keep_old_until_ms = 0;
    }
    service.stable = serve->version;
  } else if (const auto* duty = std::get_if<effect::SetOffDuty>(&effect)) {
    for (const auto& [version, urls] : duty->urls) {
      if (urls.empty())
        service.off_duty.erase(version);
      else
        service.off_duty[version] = urls;
    }
  }
}

}  // namespace cutwater::control
