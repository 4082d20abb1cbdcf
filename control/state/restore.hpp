// What a start begins with: the stored state fitted to the configuration. Pure; the caller writes
// `change` before it serves. Stored state wins over the file's weights; what does not fit is a
// problem for a person, never a guess.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "config/parse.hpp"
#include "control/base/rfc3339.hpp"
#include "control/rollout/engine.hpp"
#include "control/store/store.hpp"

namespace cutwater::control {

struct RestoredService {
  ServiceState state;
  std::optional<EngineState> rollout;  // the active one
  std::deque<EngineState> finished;    // newest last
};

struct Moment {
  TimePoint now;         // steady
  std::int64_t wall_ms;  // unix
};

struct Restored {
  config::Config config;  // in force: the file with what was said at run time
  std::map<std::string, RestoredService> services;
  Change change;
  std::vector<config::Problem> problems;
};
// Whether an endpoint's host has an address; may block.
using Resolves = std::function<bool(const config::Endpoint&)>;
// With `resolves`, a version that was put somewhere at run time, has no traffic and does not
// resolve any more is forgotten: its container is gone, and that must not keep the process from
// starting.
Restored restore(const config::Config& written, const std::string& file, const Loaded& loaded,
                 Moment at, const Resolves& resolves = {});

// The service of the file with what was said at run time of its versions. Forgets what the file
// has overruled since, and says so.
config::Service in_force(ServiceState& state, const config::Service& written, std::int64_t wall_ms,
                         std::vector<Decision>& decisions);
// Gives new versions weight 0 and forgets vanished ones. `config` is what is in force. Answers what
// makes that impossible: a version with traffic, the stable one, or one under rollout is missing.
std::vector<std::string> fit_to_config(RestoredService& service, const config::Service& config);
// A way back leads to what was good: not to a version that got an endpoint it did not have then. A
// promise to keep it (`keep_old`) ends, and that is said.
void forget_moved(ServiceState& state, const config::Service& before, const config::Service& after,
                  std::int64_t wall_ms, std::vector<Decision>& decisions);
// Requests of users come to it, by its weight, a rollout, a flag or the mirror.
bool has_users(const RestoredService& service, const config::Service& config,
               const std::string& version);
// A version that was reverted and now runs elsewhere altogether is another version: it is unlocked.
// One endpoint more or less is not. note_lock_outs() is owed afterwards.
void lift_lock_outs(ServiceState& state, const config::Service& config, std::int64_t wall_ms,
                    std::vector<Decision>& decisions);
// Before a state is stored: where those run that are newly locked out.
void note_lock_outs(ServiceState& state, const config::Service& config);
// As the file says, with a fresh salt.
ServiceState first_state(const config::Service& config);

std::uint64_t random_u64();

}  // namespace cutwater::control
