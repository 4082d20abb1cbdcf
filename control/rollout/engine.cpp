#include "control/rollout/engine.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;
using Command = event::Command;

std::string percent(Share share) {
  return cutwater::to_string(share);
}

// One event on one state.
class Machine {
 public:
  explicit Machine(EngineState& state) : state_(state) {}
  Transition take() { return std::move(out_); }

  void on(const event::Start&) {
    if (state_.phase != Phase::Pending) return refuse("rollout_active", "it has already begun");
    out_.effects.emplace_back(effect::Arm{});
    // Who has the version already keeps it: begin at the first step that does not take it away.
    const auto had = state_.before.find(state_.to);
    const Share now = had == state_.before.end() ? Share{} : had->second;
    std::size_t first = 0;
    while (first + 1 < state_.plan.steps.size() && state_.plan.steps[first] < now) ++first;
    decide("started", "manual",
           "rollout of " + state_.to + " started by " + state_.actor + " at " +
               percent(state_.plan.steps[first]),
           state_.actor);
    go_to_step(first);
  }

  void on(const event::Tick& tick) {
    if (is_terminal(state_.phase) || state_.phase == Phase::RollingBack) return;
    if (failed(tick.evidence.report)) return revert_by_guard(tick.evidence);
    const Verdict verdict = step_verdict(state_, tick.evidence.report);
    state_.verdict = guard::to_string(verdict);
    if (verdict == Verdict::CommonCause && state_.step_since &&
        tick.now - *state_.step_since <= tick.evidence.limits.blame_window)
      return revert("common_cause", blame_sentence(state_.to, tick.evidence), kSelf);
    const bool waiting = state_.phase == Phase::Progressing || state_.phase == Phase::Baking ||
                         state_.phase == Phase::Inconclusive;
    if (!waiting || state_.switching || !state_.step_since) return;
    if (baseline_failing(tick.evidence) && verdict == Verdict::Pass)
      return hold("baseline_failing",
                  tick.evidence.report.baseline + " itself is failing: no step goes up meanwhile");
    const auto elapsed = tick.now - *state_.step_since;
    if (elapsed < state_.plan.bake) return;
    if (verdict == Verdict::Pass)
      return advance("passed", "every guard passed after " + done_weight(), kSelf);
    if (state_.phase == Phase::Inconclusive) return;
    hold(hold_cause(verdict), hold_sentence(state_.to, verdict, tick.evidence.report));
    if (elapsed >= state_.plan.max_step) out_of_time(tick, verdict);
  }

  void on(const event::Tripped& trip) {
    if (is_terminal(state_.phase) || state_.phase == Phase::RollingBack) return;
    revert_by_guard(trip.evidence);
  }

  void on(const event::Unhealthy& unhealthy) {
    if (is_terminal(state_.phase) || state_.phase == Phase::RollingBack) return;
    revert(unhealthy.cause, unhealthy.reason, kSelf);
  }

  void on(const Command& command) {
    if (is_terminal(state_.phase) || state_.phase == Phase::RollingBack)
      return refuse("rollout_finished",
                    "rollout " + state_.id + " is " + std::string(to_string(state_.phase)));
    switch (command.kind) {
      case Command::Kind::Pause:
        return pause(command);
      case Command::Kind::Resume:
        return resume(command);
      case Command::Kind::Promote:
        return promote(command);
      case Command::Kind::PromoteFull:
        return promote_full(command);
      case Command::Kind::Abort:
        return abort(command);
      case Command::Kind::Rollback:
        return revert("manual", said(command, "rolled back by "), command.actor);
    }
  }

  void on(const event::WeightsSwitched& switched) {
    if (!state_.switching) return;
    state_.switching = false;
    state_.step_since = switched.now;
    state_.samples_before_step = samples(switched.report);
    if (state_.phase == Phase::RollingBack) return enter(Phase::RolledBack);
    if (state_.phase == Phase::Promoting) return enter(Phase::Baking);
    if (state_.resume_to == Phase::Promoting) state_.resume_to = Phase::Baking;
  }

  void on(const event::Restarted& restarted) {
    if (is_terminal(state_.phase)) return;
    state_.switching = false;  // the workers started with the stored weights
    if (state_.phase == Phase::RollingBack) return enter(Phase::RolledBack);
    out_.effects.emplace_back(effect::Arm{});
    start_clock(restarted.now);
    if (state_.phase == Phase::Promoting) enter(Phase::Baking);
    if (state_.resume_to == Phase::Promoting) state_.resume_to = Phase::Baking;
    decide("resumed", "restart",
           "the proxy was restarted: the step at " + percent(state_.weight) +
               " begins again with fresh evidence",
           kSelf);
  }

 private:
  // --- commands ---------------------------------------------------------------------------
  void pause(const Command& command) {
    if (state_.phase == Phase::Paused) return refuse("rollout_paused", "it is already paused");
    if (state_.phase != Phase::Inconclusive) state_.resume_to = state_.phase;
    decide("paused", "manual", said(command, "paused by "), command.actor);
    enter(Phase::Paused);
  }

  void resume(const Command& command) {
    if (state_.phase != Phase::Paused && state_.phase != Phase::Inconclusive)
      return refuse("rollout_not_paused",
                    "only a paused or inconclusive rollout can be resumed; this one is " +
                        std::string(to_string(state_.phase)));
    decide("resumed", "manual", said(command, "resumed by "), command.actor);
    start_clock(command.now);
    enter(state_.resume_to);
  }

  void promote(const Command& command) {
    if (effective() == Phase::Promoting)
      return refuse("rollout_promoting", "it is already on its way to 100%");
    advance("manual", said(command, "promoted by "), command.actor);
  }

  void promote_full(const Command& command) {
    if (effective() == Phase::Promoting || effective() == Phase::Baking)
      return refuse("rollout_promoting", "it already is at 100%; promote ends the bake and makes " +
                                             state_.to + " stable");
    decide("advanced", "manual", said(command, "promoted to 100% by "), command.actor);
    go_to_step(state_.plan.steps.size() - 1);
  }

  void abort(const Command& command) {
    decide("aborted", "manual", said(command, "aborted by "), command.actor);
    const auto had = state_.before.find(state_.to);
    state_.weight = had == state_.before.end() ? Share{} : had->second;
    state_.switching = false;
    out_.effects.emplace_back(effect::SetWeights{state_.before});
    enter(Phase::Aborted);
  }

  // --- moves ------------------------------------------------------------------------------
  void go_to_step(std::size_t step) {
    state_.step = step;
    state_.weight = state_.plan.steps[step];
    state_.switching = true;
    state_.step_since.reset();
    state_.hold_cause.clear();
    out_.effects.emplace_back(effect::SetWeights{split(state_.weight)});
    enter(state_.weight == Share::percent(100) ? Phase::Promoting : Phase::Progressing);
  }

  void advance(const std::string& cause, const std::string& reason, const std::string& actor) {
    if (effective() == Phase::Baking) return succeed(cause, reason, actor);
    decide("advanced", cause, reason, actor);
    go_to_step(state_.step + 1);
  }

  void succeed(const std::string& cause, const std::string& reason, const std::string& actor) {
    out_.effects.emplace_back(effect::MakeStable{state_.to});
    decide("promoted", cause, state_.to + " is the new stable version: " + reason, actor);
    enter(Phase::Succeeded);
  }

  void revert_by_guard(const Evidence& evidence) {
    state_.verdict = guard::to_string(Verdict::Fail);
    revert("guard", failure_sentence(state_.to, evidence), kSelf);
  }

  void revert(const std::string& cause, const std::string& reason, const std::string& actor) {
    state_.weight = Share{};
    state_.switching = true;
    out_.effects.emplace_back(effect::LockOut{state_.to});
    out_.effects.emplace_back(effect::SetWeights{split(Share{})});
    decide("rolled_back", cause, reason, actor);
    enter(Phase::RollingBack);
  }

  void hold(const std::string& cause, const std::string& reason) {
    if (state_.hold_cause == cause) return;  // once per change, not per tick
    state_.hold_cause = cause;
    decide("held", cause, reason, kSelf);
  }

  void out_of_time(const event::Tick& tick, Verdict verdict) {
    const std::string cause = hold_cause(verdict);
    const std::string after = "no decision was possible within max_step at " + done_weight();
    switch (state_.plan.on_inconclusive) {
      case Plan::OnInconclusive::Hold:
        decide("inconclusive", cause, after + "; waiting for a person or for evidence", kSelf);
        state_.resume_to = state_.phase;
        return enter(Phase::Inconclusive);
      case Plan::OnInconclusive::Extend:
        decide("extended", cause, after + "; the step begins again", kSelf);
        return start_clock(tick.now);
      case Plan::OnInconclusive::Promote:
        return advance(cause, after + "; on_inconclusive says promote", kSelf);
      case Plan::OnInconclusive::Rollback:
        return revert(cause, after + "; on_inconclusive says rollback", kSelf);
    }
  }

  // --- helpers ----------------------------------------------------------------------------
  // The phase under a pause.
  Phase effective() const {
    const bool above = state_.phase == Phase::Paused || state_.phase == Phase::Inconclusive;
    return above ? state_.resume_to : state_.phase;
  }

  std::string done_weight() const { return "the step at " + percent(state_.weight); }

  void start_clock(TimePoint now) {
    state_.step_since = now;
    state_.hold_cause.clear();
  }

  std::map<std::string, Share> split(Share to) const {
    std::map<std::string, Share> weights;
    for (const auto& [version, ignored] : state_.before) weights[version] = Share{};
    weights[state_.from] = Share{Share::kWhole - to.millionths};
    weights[state_.to] = to;
    return weights;
  }

  static std::string said(const Command& command, const std::string& what) {
    std::string out = what + command.actor;
    if (!command.reason.empty()) out += ": " + command.reason;
    return out;
  }

  void decide(std::string action, std::string cause, std::string reason, std::string actor) {
    state_.cause = cause;
    state_.reason = reason;
    out_.effects.emplace_back(
        effect::Decide{std::move(action), std::move(cause), std::move(reason), std::move(actor)});
  }

  void enter(Phase phase) {
    if (phase == state_.phase) return;
    out_.effects.emplace_back(effect::PhaseChanged{state_.phase, phase});
    state_.phase = phase;
  }

  void refuse(std::string type, std::string detail) {
    out_.refusal = Refusal{std::move(type), std::move(detail)};
  }

  EngineState& state_;
  Transition out_;
};

}  // namespace

Transition apply(EngineState& state, const RolloutEvent& event) {
  Machine machine(state);
  std::visit([&](const auto& e) { machine.on(e); }, event);
  return machine.take();
}

Verdict step_verdict(const EngineState& state, const guard::GuardReport& report) {
  if (failed(report)) return Verdict::Fail;
  if (samples(report) <= state.samples_before_step) return Verdict::NoTraffic;
  return report.verdict;
}

void apply_to_service(const Effect& effect, ServiceState& service) {
  if (const auto* set = std::get_if<effect::SetWeights>(&effect)) {
    // The plan knows the versions of when it began; a reload may have brought more since.
    for (auto& [version, share] : service.weights) share = Share{};
    for (const auto& [version, share] : set->weights)
      if (share.millionths > 0) service.weights[version] = share;
  } else if (const auto* lock = std::get_if<effect::LockOut>(&effect)) {
    service.locked_out.insert(lock->version);
  } else if (const auto* stable = std::get_if<effect::MakeStable>(&effect)) {
    if (service.stable != stable->version) service.last_good = service.stable;
    service.stable = stable->version;
  }
}

}  // namespace cutwater::control
