#include "control/state/restore.hpp"

#include <stdexcept>
#include <utility>

#include "control/state/views.hpp"

namespace cutwater::control {
namespace {

// A rollout that was under way goes on from the beginning of its step, with fresh evidence.
void resume(RestoredService& service, Moment at, Change& change) {
  const auto before = state_summary(service.state, service.rollout ? &*service.rollout : nullptr);
  const Transition transition = apply(*service.rollout, event::Restarted{at.now});
  for (const Effect& effect : transition.effects) {
    apply_to_service(effect, service.state);
    const auto* decide = std::get_if<effect::Decide>(&effect);
    if (decide == nullptr) continue;
    Decision decision = decision_of(service.state.name, *decide, at.wall_ms);
    decision.rollout = service.rollout->id;
    decision.before = before;
    decision.after = state_summary(service.state, &*service.rollout);
    change.decisions.push_back(std::move(decision));
  }
  if (is_terminal(service.rollout->phase)) service.rollout->finished_ms = at.wall_ms;
  change.rollouts.push_back(rollout_record(*service.rollout));
  if (is_terminal(service.rollout->phase)) {
    service.finished.push_back(*service.rollout);
    service.rollout.reset();
  }
}

void load_rollouts(const std::string& name, const Loaded& loaded, RestoredService& service) {
  for (const RolloutRecord& record : loaded.rollouts) {
    if (record.service != name) continue;
    auto state = engine_state_from_json(record.state);
    // Its checksum was right, so this is a format this version should know.
    if (!state) throw std::runtime_error("rollout " + record.id + " cannot be read");
    if (record.active)
      service.rollout = std::move(*state);
    else
      service.finished.push_back(std::move(*state));
  }
}

// Says for instance "`http://app-7:8080` does not resolve any more"; it is empty when all endpoints
// of the version are good.
std::string gone(const config::Service& service, const VersionState& where,
                 const WhyGone& why_gone) {
  for (const config::Endpoint& endpoint : endpoints_of(where))
    if (const std::string why = why_gone(service, where, endpoint); !why.empty())
      return "`" + endpoint.url + "` " + why;
  return "";
}

void forget_gone(RestoredService& service, const config::Service& written, const WhyGone& why_gone,
                 std::int64_t wall_ms, std::vector<Decision>& decisions) {
  ServiceState& state = service.state;
  for (auto it = state.versions.begin(); it != state.versions.end();) {
    const auto [version, where] = *it;
    const std::string wrong =
        has_users(service, written, version) ? "" : gone(written, where, why_gone);
    if (wrong.empty()) {
      ++it;
      continue;
    }
    it = state.versions.erase(it);
    if (version == state.last_good)
      release_last_good(state, "unresolved", "does not resolve any more", wall_ms, decisions);
    const std::string why = wrong + ", and it had no traffic";
    const effect::Decide said =
        written.find_version(version)
            ? effect::Decide{"version_overruled", "unresolved",
                             version + " runs where the file says: " + why, kSelf}
            : effect::Decide{"version_removed", "unresolved", version + " is forgotten: " + why,
                             kSelf};
    decisions.push_back(decision_about(version, state, said, wall_ms));
  }
}

}  // namespace

Restored restore(const config::Config& written, const std::string& file, const Loaded& loaded,
                 Moment at, const WhyGone& why_gone) {
  Restored out;
  out.config = written;
  for (config::Service& service : out.config.services) {
    RestoredService restored;
    const ServiceState* stored = nullptr;
    for (const ServiceState& state : loaded.services)
      if (state.name == service.name) stored = &state;
    restored.state = stored ? *stored : first_state(service);
    load_rollouts(service.name, loaded, restored);
    if (restored.state.keep_old_until_ms <= at.wall_ms) restored.state.keep_old_until_ms = 0;
    if (why_gone) forget_gone(restored, service, why_gone, at.wall_ms, out.change.decisions);
    service = in_force(restored.state, service, at.wall_ms, out.change.decisions);
    for (auto& problem : fit_to_config(restored, service))
      out.problems.push_back({file, 0, 0, std::move(problem) + " (stored state)"});
    lift_lock_outs(restored.state, service, at.wall_ms, out.change.decisions);
    if (restored.rollout) resume(restored, at, out.change);
    note_lock_outs(restored.state, service);
    if (stored == nullptr || !(restored.state == *stored)) {
      if (stored != nullptr) ++restored.state.generation;
      out.change.services.push_back(restored.state);
    }
    out.services[service.name] = std::move(restored);
  }
  return out;
}

}  // namespace cutwater::control
