// Implements the state machine of a rollout: state and event go in, new state and effects come out.
// It is pure: it has no I/O and no Asio, and time is an argument; steering/ carries the effects out
// and stores the state.
//
// A plan is a list of stages, whatever the strategy, and every stage has the same life:
//   enter      new weights go out; the clock starts when every worker has switched
//   replace    (rolling only) drain, deploy, health of the endpoints whose turn it is
//   bake       the stage's time has passed AND every guard has PASSed with requests of this stage
//   gates      smoke checks, webhook, a person's approval, deployment window, capacity
//   leave      to the next stage; after the last the new version is stable
// What has to be done outside (ask a hook, wait for a deployment) is `task`: a part of the stored
// state, so that a restart does it again. The task runner does it and reports back with Done.
//
//   pending -> preview(0 %) -> progressing(stage i) -> promoting(last) -> baking -> succeeded
//   any of these <-> paused, <-> inconclusive, <-> awaiting_approval
//   any of these -> rolling_back -> rolled_back        any of these -> aborted
//
// A failed guard reverts in every phase that is not terminal, including paused and waiting phases.
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

// Describes something to be done outside before the rollout can go on.
struct Task {
  enum class Kind : std::uint8_t { BeforeGate, Smoke, StepGate, Drain, Deploy, Health };
  Kind kind = Kind::BeforeGate;
  std::uint64_t id = 0;  // number within this rollout; an answer to an older task is ignored
  bool undo = false;     // for Drain, Deploy, Health: back to the old version
};
std::string_view to_string(Task::Kind kind);
std::optional<Task::Kind> task_kind_from(std::string_view text);

// Says what the present stage has completed.
struct Checks {
  bool before = false;   // of the rollout, not of the stage
  bool drained = false;  // for rolling, in this order
  bool deployed = false;
  bool healthy = false;
  bool on_duty = false;
  bool smoke = false;
  bool gate = false;
  bool approved = false;
};

// For a rolling rollout, says where each endpoint pair of the plan is.
enum class Place : std::uint8_t { Old, Out, New, Lost };

struct EngineState {
  std::string id;
  std::string service;
  std::string from;  // stable when it began; a revert goes back to it
  std::string to;
  Plan plan;
  std::map<std::string, Share> before;  // weights when it began; an abort goes back to them
  std::string actor;                    // the actor who started it
  std::string commit_time;
  std::int64_t started_ms = 0;   // wall clock, unix
  std::int64_t finished_ms = 0;  // 0 while active
  Phase phase = Phase::Pending;
  Phase resume_to = Phase::Progressing;  // while Paused or Inconclusive
  Phase end_as = Phase::RolledBack;      // while RollingBack
  std::size_t step = 0;                  // index into plan.stages
  Share weight;                          // of `to`, as last commanded
  bool switching = false;                // commanded, not yet acknowledged by all workers
  Checks checks;
  std::optional<Task> task;
  std::uint64_t tasks = 0;               // tasks given so far
  std::uint32_t restarts = 0;            // restarts of the proxy while the rollout was under way
  std::vector<Place> places;             // for rolling: of plan.endpoints
  std::int64_t approval_due_ms = 0;      // wall clock, while AwaitingApproval
  std::string call_due;                  // "after" or "rollback": a webhook that must still be told
  std::string hold_cause;                // the last cause recorded at this step
  std::string cause;                     // of the last transition
  std::string reason;                    // the same as a sentence
  std::string verdict = "no_traffic";    // last seen, for views
  std::optional<Withdrawal> taken_back;  // what undid it after it had succeeded
  boost::json::object evidence;  // evidence of the last decision; steering/draft fills it in

  // These are not stored: a restart starts the step's clock again.
  std::optional<TimePoint> step_since;
  std::optional<TimePoint> rose_at;  // when `weight` last went up, on all workers
  Share weight_before_switch;
  std::uint64_t samples_before_step = 0;
  std::optional<guard::GuardReport> when_baseline_failed;  // of `to`; set while `from` fails

  const Stage& stage() const { return plan.stages[step]; }
  bool is_last_stage() const { return step + 1 == plan.stages.size(); }
  std::vector<std::string> endpoints_out() const;  // urls of `from` that are being replaced
  // Returns the part of the budget for false alarms that the present evidence may spend. It is the
  // plan's share, halved by each restart, where the evidence starts again; all restarts together
  // spend at most one more share.
  double alpha_share() const;
};
boost::json::object to_json(const EngineState& state);
std::optional<EngineState> engine_state_from_json(const boost::json::value& json);

// Holds what is true around the rollout at the moment of an event.
struct Surroundings {
  TimePoint now;
  std::int64_t wall_ms = 0;               // unix time
  Share can_carry = Share::percent(100);  // the share that the healthy endpoints of `to` can carry
  double requests_per_second = 0;         // of the service
  double latency_s = 0;                   // seconds until a request is answered
};

namespace event {
struct Start {};
struct Tick {
  Surroundings at;
  Evidence evidence;
};
struct Tripped {
  Evidence evidence;
};
// A rule without statistics (health, memory) failed the version: it reverts like a failed guard.
struct Unhealthy {
  std::string reason;
  std::string cause = "health";
};
struct Command {
  enum class Kind {
    Pause,
    Resume,
    Promote,
    PromoteFull,
    Abort,
    Rollback,
    Approve,
    Reject,
    Ready,
  };
  Kind kind;
  std::string actor;
  std::string reason;  // given by the person, or empty
  Surroundings at;
  bool may_approve = false;  // the person has the role
  bool force = false;        // also outside the windows and beyond the capacity
  bool undo = false;         // with Ready: the old version is back
};
struct WeightsSwitched {
  TimePoint now;
  guard::GuardReport report;
};
// The task has been done, or its answer is no.
struct Done {
  std::uint64_t task = 0;
  bool ok = false;
  std::string reason;
};
struct Restarted {
  TimePoint now;
};
}  // namespace event
using RolloutEvent =
    std::variant<event::Start, event::Tick, event::Tripped, event::Unhealthy, event::Command,
                 event::WeightsSwitched, event::Done, event::Restarted>;

namespace effect {
struct SetWeights {
  std::map<std::string, Share> weights;
};
struct Arm {};  // fresh evidence for `to`, by the limits of the present stage
struct LockOut {
  std::string version;
};
struct MakeStable {
  std::string version;
};
// For a rolling rollout, names the version that takes all requests, because it alone has endpoints
// in service. This is no verdict: the version before is not "last good", it is gone.
struct Serve {
  std::string version;
};
// For a rolling rollout, lists the endpoints that get no requests, by version.
struct SetOffDuty {
  std::map<std::string, std::set<std::string>> urls;
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
using Effect =
    std::variant<effect::SetWeights, effect::Arm, effect::LockOut, effect::MakeStable,
                 effect::Serve, effect::SetOffDuty, effect::Decide, effect::PhaseChanged>;

// Says why an event was not possible; the state is then as before and there are no effects.
struct Refusal {
  std::string type;  // of the problem
  std::string detail;
};

struct Transition {
  std::vector<Effect> effects;
  std::optional<Refusal> refusal;
};

// Names the actor of what happens by itself.
inline constexpr const char* kSelf = "cutwater";

Transition apply(EngineState& state, const RolloutEvent& event);

// PASS counts only with requests at this step: evidence is carried over steps, traffic is not.
guard::Verdict step_verdict(const EngineState& state, const guard::GuardReport& report);

// Applies what the effects mean for the service: weights, stable, lock-outs. steering/ does
// decisions and arming.
void apply_to_service(const Effect& effect, ServiceState& service);

}  // namespace cutwater::control
