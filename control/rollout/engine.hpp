// The state machine of a rollout: state and event in, new state and effects out. Pure: no I/O, no
// Asio, time is an argument; the controller carries the effects out (driver) and stores the state.
//
//   pending -> progressing(step 1..n-1) -> promoting(100 %) -> baking -> succeeded
//   any of these <-> paused, <-> inconclusive
//   any of these -> rolling_back -> rolled_back        any of these -> aborted
//
// A step's clock starts when every worker has acknowledged its weights. Time alone never advances
// a step: its bake must have passed and every guard must have PASSed, with requests at this step.
// A failed guard reverts in every phase that is not terminal, paused ones included.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/rollout/plan.hpp"
#include "control/rollout/verdict.hpp"
#include "control/store/records.hpp"
#include "proxy/base/clock.hpp"

namespace cutwater::control {

enum class Phase : std::uint8_t {
  Pending,
  Preview,
  Progressing,
  Paused,
  AwaitingApproval,
  Inconclusive,
  Promoting,
  Baking,
  Succeeded,
  RollingBack,
  RolledBack,
  Aborted,
};
inline constexpr int kPhases = 12;
std::string_view to_string(Phase phase);
std::optional<Phase> phase_from(std::string_view text);
constexpr bool is_terminal(Phase phase) {
  return phase == Phase::Succeeded || phase == Phase::RolledBack || phase == Phase::Aborted;
}

struct EngineState {
  std::string id;
  std::string service;
  std::string from;  // stable when it began; where a revert goes
  std::string to;
  Plan plan;
  std::map<std::string, Share> before;  // weights when it began; where an abort goes
  std::string actor;                    // who started it
  std::string commit_time;
  std::int64_t started_ms = 0;   // wall clock, unix
  std::int64_t finished_ms = 0;  // 0 while active

  Phase phase = Phase::Pending;
  Phase resume_to = Phase::Progressing;  // while Paused or Inconclusive
  std::size_t step = 0;                  // index into plan.steps
  Share weight;                          // of `to`, as last commanded
  bool switching = false;                // commanded, not yet acknowledged by all workers
  std::string hold_cause;                // last one recorded at this step
  std::string cause;                     // of the last transition
  std::string reason;                    // the same as a sentence
  std::string verdict = "no_traffic";    // last seen, for views
  boost::json::object evidence;          // of the last decision; the controller fills it in

  // Not stored: a restart begins the step's clock anew.
  std::optional<TimePoint> step_since;
  std::uint64_t samples_before_step = 0;
};
boost::json::object to_json(const EngineState& state);
std::optional<EngineState> engine_state_from_json(const boost::json::value& json);

namespace event {
struct Start {};
struct Tick {
  TimePoint now;
  Evidence evidence;
};
struct Tripped {
  Evidence evidence;
};
// A rule without statistics has spoken (health checks, memory): reverts like a failed guard.
struct Unhealthy {
  std::string reason;
  std::string cause = "health";
};
struct Command {
  enum class Kind { Pause, Resume, Promote, PromoteFull, Abort, Rollback };
  Kind kind;
  std::string actor;
  std::string reason;  // given by the person; may be empty
  TimePoint now;
};
struct WeightsSwitched {
  TimePoint now;
  guard::GuardReport report;
};
struct Restarted {
  TimePoint now;
};
}  // namespace event
using RolloutEvent = std::variant<event::Start, event::Tick, event::Tripped, event::Unhealthy,
                                  event::Command, event::WeightsSwitched, event::Restarted>;

namespace effect {
struct SetWeights {
  std::map<std::string, Share> weights;
};
struct Arm {};  // fresh evidence for `to`
struct LockOut {
  std::string version;
};
struct MakeStable {
  std::string version;
};
struct Decide {
  std::string action;
  std::string cause;
  std::string reason;
  std::string actor;
};
struct PhaseChanged {
  Phase from;
  Phase to;
};
}  // namespace effect
using Effect = std::variant<effect::SetWeights, effect::Arm, effect::LockOut, effect::MakeStable,
                            effect::Decide, effect::PhaseChanged>;

// Why an event was not possible; the state is then as before and there are no effects.
struct Refusal {
  std::string type;  // of the problem
  std::string detail;
};

struct Transition {
  std::vector<Effect> effects;
  std::optional<Refusal> refusal;
};

// The actor of what happens by itself.
inline constexpr const char* kSelf = "cutwater";

Transition apply(EngineState& state, const RolloutEvent& event);

// PASS only counts with requests at this step: evidence is carried over steps, traffic is not.
guard::Verdict step_verdict(const EngineState& state, const guard::GuardReport& report);

// What the effects mean for the service: weights, stable, lock-outs. Decisions and arming are the
// controller's.
void apply_to_service(const Effect& effect, ServiceState& service);

}  // namespace cutwater::control
