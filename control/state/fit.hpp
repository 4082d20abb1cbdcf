// Fits a service's state to a configuration: at a start, at a reload, and when a version is put
// somewhere else. What does not fit is a problem for a person, never a guess. It is pure (values
// in, values out) and may run on any thread.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "control/rollout/engine.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {

struct RestoredService {
  ServiceState state;
  std::optional<EngineState> rollout;  // the one under way
  std::deque<EngineState> finished;    // newest last

  // This is the rollout under way, or nullptr.
  const EngineState* active() const { return rollout ? &*rollout : nullptr; }
};

// Returns the service of the file with what was said at run time of its versions. It forgets what
// the file has overruled since, and says so.
config::Service in_force(ServiceState& state, const config::Service& written, std::int64_t wall_ms,
                         std::vector<Decision>& decisions);
// Gives new versions weight 0 and forgets vanished ones. `config` is what is in force. It answers
// what makes that impossible: a version with traffic, the stable one, or one under rollout is
// missing.
std::vector<std::string> fit_to_config(RestoredService& service, const config::Service& config);
// A way back leads to what was good, and not to a version that got an endpoint it did not have
// then. A promise to keep it (`keep_old`) ends, and a decision says so.
void forget_moved(ServiceState& state, const config::Service& before, const config::Service& after,
                  std::int64_t wall_ms, std::vector<Decision>& decisions);
// Says whether requests of users come to the version, by its weight, a rollout, a flag or the
// mirror.
bool has_users(const RestoredService& service, const config::Service& config,
               const std::string& version);
// A version that was reverted and now runs elsewhere altogether is another version: it is unlocked.
// A version with one endpoint more or less is not. note_lock_outs() is owed afterwards.
void lift_lock_outs(ServiceState& state, const config::Service& config, std::int64_t wall_ms,
                    std::vector<Decision>& decisions);
// Notes, before a state is stored, where the versions run that are newly locked out.
void note_lock_outs(ServiceState& state, const config::Service& config);
// Returns the state as the file says, with a fresh salt.
ServiceState first_state(const config::Service& config);
// Forgets `last_good`. Ends the promise to keep it (`keep_old`), if there was one, and says so:
// "<version> <why>: it is not kept ...".
void release_last_good(ServiceState& state, const std::string& cause, const std::string& why,
                       std::int64_t wall_ms, std::vector<Decision>& decisions);
// Returns a decision about one version that nobody has commanded.
Decision decision_about(const std::string& version, const ServiceState& state,
                        const effect::Decide& said, std::int64_t wall_ms);

}  // namespace cutwater::control
