#include "control/rollout/stage_life.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>

#include "config/windows.hpp"

namespace cutwater::control {
namespace {

using guard::Verdict;

// It takes at most this many failed requests (95 %) to be sure of a version that fails every time.
constexpr double kFailuresToBeSure = 8;
// This time passes between the deciding failure and the last worker's switch.
constexpr double kSwitchSeconds = 0.05;

std::string percent(Share share) {
  return cutwater::to_string(share);
}

// Writes RFC 3339 to the minute, for sentences.
std::string minute_text(std::int64_t unix_ms) {
  const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%MZ", &utc);
  return text;
}

bool is_over(const EngineState& state) {
  return is_terminal(state.phase) || state.phase == Phase::RollingBack;
}

}  // namespace

// --- events --------------------------------------------------------------------------------------

void StageLife::on(const event::Start&) {
  if (state_.phase != Phase::Pending || state_.task || state_.tasks > 0)
    return out_.refuse("rollout_active", "it has already begun");
  out_.add(effect::Arm{});
  if (state_.plan.is_rolling()) state_.places.assign(state_.plan.endpoints.size(), Place::Old);
  if (!state_.plan.gates.before) {
    begin();
    return;
  }
  out_.decide(
      "started", "manual",
      "rollout of " + state_.to + " started by " + state_.actor + "; first the webhook is asked",
      state_.actor);
  out_.give_task(Task::Kind::BeforeGate, "");
}

void StageLife::on(const event::Tick& tick) {
  if (is_terminal(state_.phase)) return;
  if (state_.phase == Phase::RollingBack) return endpoints_.undo_next();
  note_baseline(tick.evidence);
  if (failed(tick.evidence.report)) return revert_by_guard(tick.evidence);
  if (is_to_blame(tick)) {
    const std::string why = blame_sentence(state_.to, tick.evidence);
    if (!tick.evidence.report.dry_run) return revert("common_cause", why, kSelf);
    out_.say_once("would_roll_back", "common_cause", why);
  }
  const Verdict verdict = step_verdict(state_, tick.evidence.report);
  state_.verdict = guard::to_string(verdict);
  if (state_.phase == Phase::AwaitingApproval && tick.at.wall_ms >= state_.approval_due_ms)
    return stop_unjudged(
        "expired", "approval_expired",
        "nobody approved " + state_.to + " at " + percent(state_.weight) + " in time", kSelf);
  const bool waits_for_a_person =
      state_.phase == Phase::Paused || state_.phase == Phase::AwaitingApproval;
  if (waits_for_a_person || state_.switching) return;
  if (state_.phase == Phase::Pending) {
    if (state_.checks.before) {
      if (!config::is_open(state_.plan.windows, state_.plan.utc_offset_minutes, tick.at.wall_ms))
        return out_.hold("window", "outside the deployment windows");
      return begin();
    }
    if (tick.at.wall_ms - state_.started_ms >= state_.plan.max_step.count())
      stop_unjudged("expired", "hook", "the webhook did not answer within max_step", kSelf);
    return;
  }
  if (state_.plan.is_rolling() && !state_.checks.on_duty) {
    endpoints_.replace_next();
    return;
  }
  if (state_.step_since) try_leave(tick, verdict);
}

void StageLife::on(const event::Tripped& trip) {
  if (!is_over(state_)) revert_by_guard(trip.evidence);
}

void StageLife::on(const event::Unhealthy& unhealthy) {
  if (!is_over(state_)) revert(unhealthy.cause, unhealthy.reason, kSelf);
}

void StageLife::on(const event::WeightsSwitched& switched) {
  if (!state_.switching) return;
  state_.switching = false;
  if (state_.phase == Phase::RollingBack) {
    if (!state_.plan.is_rolling()) out_.enter(state_.end_as);
    return;
  }
  // the stage's endpoints come first
  if (state_.plan.is_rolling() && !state_.checks.on_duty) return;
  state_.step_since = switched.now;
  if (state_.weight > state_.weight_before_switch) state_.rose_at = switched.now;
  state_.samples_before_step = samples(switched.report);
  if (state_.phase == Phase::Promoting) return out_.enter(Phase::Baking);
  if (state_.resume_to == Phase::Promoting) state_.resume_to = Phase::Baking;
}

// The result is noted; the next tick goes on from there, unless the rollout is paused.
void StageLife::on(const event::Done& done) {
  if (is_terminal(state_.phase) || !state_.task || state_.task->id != done.task) return;
  const Task task = *state_.task;
  switch (task.kind) {
    case Task::Kind::BeforeGate:
      state_.task.reset();
      if (!done.ok)
        return stop_unjudged("rejected", "hook", "the webhook said no: " + done.reason, kSelf);
      state_.checks.before = true;
      return;
    case Task::Kind::Smoke:
      state_.task.reset();
      if (!done.ok) return revert("smoke", "smoke check failed: " + done.reason, kSelf);
      out_.decide("smoke_passed", "smoke", done.reason, kSelf);
      state_.checks.smoke = true;
      return;
    case Task::Kind::StepGate:
      state_.task.reset();
      if (!done.ok) return revert("hook", "the webhook said no: " + done.reason, kSelf);
      state_.checks.gate = true;
      return;
    case Task::Kind::Drain:
    case Task::Kind::Deploy:
    case Task::Kind::Health:
      if (done.ok) return endpoints_.task_done();
      if (task.undo) return endpoints_.undo_failed(done.reason);
      return revert(std::string(to_string(task.kind)),
                    endpoints_.names_of(Place::Out) + " could not be replaced: " + done.reason,
                    kSelf);
  }
}

void StageLife::on(const event::Restarted& restarted) {
  if (is_terminal(state_.phase)) return;
  state_.switching = false;  // the workers started with the stored weights
  if (state_.phase == Phase::RollingBack) {
    if (!state_.plan.is_rolling()) out_.enter(state_.end_as);
    return;
  }
  ++state_.restarts;
  out_.add(effect::Arm{});
  if (state_.phase != Phase::Pending && (!state_.plan.is_rolling() || state_.checks.on_duty))
    out_.start_clock(restarted.now);
  if (state_.phase == Phase::Promoting) out_.enter(Phase::Baking);
  if (state_.resume_to == Phase::Promoting) state_.resume_to = Phase::Baking;
  out_.decide("resumed", "restart",
              "the proxy was restarted: the step at " + percent(state_.weight) +
                  " begins again with fresh evidence",
              kSelf);
}

// --- a stage -------------------------------------------------------------------------------------

void StageLife::begin() {
  // A version that has traffic already keeps it: begin at the first step that does not take it
  // away.
  const auto had = state_.before.find(state_.to);
  const Share now = had == state_.before.end() ? Share{} : had->second;
  const auto& stages = state_.plan.stages;
  std::size_t first = 0;
  while (first + 1 < stages.size() && stages[first].weight < now) ++first;
  const bool asked_before = state_.plan.gates.before;
  const std::string where = state_.plan.is_rolling()
                                ? std::to_string(state_.plan.endpoints.size()) + " endpoints"
                                : percent(stages[first].weight);
  if (asked_before)
    out_.decide("advanced", "hook", "the webhook agreed; begins at " + where, kSelf);
  else
    out_.decide("started", "manual",
                "rollout of " + state_.to + " started by " + state_.actor + " at " + where,
                state_.actor);
  go_to_stage(first);
}

void StageLife::try_leave(const event::Tick& tick, Verdict verdict) {
  if (tick.at.now - *state_.step_since < state_.stage().bake) return;
  if (!has_proof(tick, verdict)) return;
  const auto obstacle = obstacle_to_leaving(tick);
  if (state_.phase == Phase::Inconclusive && !state_.task) {
    if (obstacle && obstacle->first == state_.hold_cause) return;  // it stands here because of that
    out_.enter(work_phase());
  }
  if (state_.task) {
    if (state_.phase != Phase::Inconclusive && is_out_of_time(tick.at.now))
      out_of_time(tick.at.now, "hook", "no answer within max_step at " + done_weight());
    return;
  }
  if (!is_through_gates(tick.at)) return;
  if (obstacle) return wait_for(*obstacle, tick.at.now);
  adapt_next_stage(tick.at);
  if (passes_beside(state_.when_baseline_failed, tick.evidence.report))
    return advance("repair", repair_sentence(state_.to, state_.from) + ", after " + done_weight(),
                   kSelf);
  const std::string reason = state_.stage().weight.millionths == 0
                                 ? "the preview is over"
                                 : "every guard passed after " + done_weight();
  advance("passed", reason, kSelf);
}

void StageLife::note_baseline(const Evidence& evidence) {
  if (!baseline_failing(evidence))
    state_.when_baseline_failed.reset();
  else if (!state_.when_baseline_failed)
    state_.when_baseline_failed = evidence.report;
}

// Says what holds a candidate that has passed. Beside a stable that is above a limit only its
// repair goes up: a candidate that has passed all of its own limits since then. What it had passed
// before does not count, because in an outage that both share, stable's many requests show it long
// before the candidate's few.
std::optional<StageLife::Obstacle> StageLife::obstacle_to_leaving(const event::Tick& tick) const {
  if (!state_.is_last_stage() && baseline_failing(tick.evidence) &&
      !passes_beside(state_.when_baseline_failed, tick.evidence.report))
    return Obstacle{"baseline_failing", state_.from + " is above a limit, and " + state_.to +
                                            " has not passed since then: no step goes up on that"};
  return closed(tick.at);
}

// No hold is without an end, except for a window, whose end is known.
void StageLife::wait_for(const Obstacle& obstacle, TimePoint now) {
  out_.hold(obstacle.first, obstacle.second);
  if (obstacle.first != "window" && is_out_of_time(now))
    out_of_time(now, obstacle.first, obstacle.second + "; max_step is over at " + done_weight());
}

bool StageLife::is_out_of_time(TimePoint now) const {
  return now - *state_.step_since >= state_.plan.max_step;
}

bool StageLife::has_proof(const event::Tick& tick, Verdict verdict) {
  const bool preview = state_.stage().weight.millionths == 0;
  if (preview || verdict == Verdict::Pass) return true;
  if (state_.phase == Phase::Inconclusive) return false;
  const std::string cause = hold_cause(verdict);
  out_.hold(cause, hold_sentence(state_.to, verdict, tick.evidence.report));
  if (is_out_of_time(tick.at.now))
    out_of_time(tick.at.now, cause, "no decision was possible within max_step at " + done_weight());
  return false;
}

// Both versions fail, and this one was given more traffic not long ago: it may have overloaded what
// both depend on.
bool StageLife::is_to_blame(const event::Tick& tick) const {
  return tick.evidence.report.verdict == Verdict::CommonCause && state_.rose_at &&
         tick.at.now - *state_.rose_at < tick.evidence.limits.blame_window;
}

// Asks the first gate that has not been passed yet; returns false while there is one.
bool StageLife::is_through_gates(const Surroundings& at) {
  const bool preview = state_.stage().weight.millionths == 0;
  if (preview && state_.plan.gates.smoke && !state_.checks.smoke) {
    out_.give_task(Task::Kind::Smoke, "the smoke checks are asked of " + state_.to);
    return false;
  }
  if (!preview && state_.plan.gates.step && !state_.checks.gate) {
    out_.give_task(Task::Kind::StepGate, "the webhook is asked whether to go on");
    return false;
  }
  if (!state_.stage().approval || state_.checks.approved) return true;
  state_.approval_due_ms = at.wall_ms + state_.plan.approval_expiry.count();
  out_.decide("awaiting_approval", "approval",
              state_.to + " waits for approval at " + percent(state_.weight) + " until " +
                  minute_text(state_.approval_due_ms),
              kSelf);
  out_.enter(Phase::AwaitingApproval);
  return false;
}

std::optional<StageLife::Obstacle> StageLife::closed(const Surroundings& at) const {
  if (state_.is_last_stage()) return std::nullopt;
  const Plan& plan = state_.plan;
  if (!config::is_open(plan.windows, plan.utc_offset_minutes, at.wall_ms))
    return std::pair{
        std::string("window"),
        "outside the deployment windows; the next opens at " +
            minute_text(config::next_opening(plan.windows, plan.utc_offset_minutes, at.wall_ms))};
  const Share next = plan.stages[state_.step + 1].weight;
  if (plan.is_rolling() || next <= at.can_carry) return std::nullopt;
  return std::pair{std::string("capacity"), "the healthy endpoints of " + state_.to +
                                                " can carry " + percent(at.can_carry) + ", not " +
                                                percent(next)};
}

void StageLife::go_to_stage(std::size_t step) {
  const auto& stages = state_.plan.stages;
  // Evidence gathered under one limit says nothing about another.
  if (!(stages[step].guards == state_.stage().guards)) {
    out_.add(effect::Arm{});
    state_.when_baseline_failed.reset();
  }
  state_.step = step;
  state_.checks = {};
  state_.checks.before = true;
  state_.task.reset();
  state_.step_since.reset();
  state_.hold_cause.clear();
  if (state_.plan.is_rolling()) {
    endpoints_.take_out(Place::Old);
    return out_.enter(Phase::Progressing);
  }
  out_.set_weights(stages[step].weight);
  out_.enter(state_.is_last_stage() ? Phase::Promoting : work_phase());
}

void StageLife::advance(const std::string& cause, const std::string& reason,
                        const std::string& actor) {
  if (state_.is_last_stage()) return succeed(cause, reason, actor);
  out_.decide("advanced", cause, reason, actor);
  go_to_stage(state_.step + 1);
}

// Inserts a smaller step when the planned one would risk more than the budget: if the version is
// bad from its first request on, users see the failures it takes to be sure, and those under way.
void StageLife::adapt_next_stage(const Surroundings& at) {
  const auto& adaptive = state_.plan.adaptive;
  if (!adaptive || state_.is_last_stage()) return;
  const double under_way = at.requests_per_second * (at.latency_s + kSwitchSeconds);
  const double left = static_cast<double>(adaptive->failed_requests) - kFailuresToBeSure;
  const double ratio = under_way <= left ? 1 : left / under_way;
  const auto present = state_.stage().weight.millionths;
  auto next = static_cast<std::int32_t>(std::lround(ratio * Share::kWhole));
  next =
      std::clamp(next, present + adaptive->least.millionths, present + adaptive->most.millionths);
  Stage stage = state_.plan.stages[state_.step + 1];
  if (next >= stage.weight.millionths) return;
  stage.weight = Share{next};
  stage.approval = false;
  state_.plan.stages.insert(
      state_.plan.stages.begin() + static_cast<std::ptrdiff_t>(state_.step + 1), stage);
}

void StageLife::succeed(const std::string& cause, const std::string& reason,
                        const std::string& actor) {
  if (!state_.plan.is_rolling() && state_.weight != Share::percent(100)) {
    out_.set_weights(Share::percent(100));  // the holdback has done its work
    state_.switching = false;
  }
  out_.add(effect::MakeStable{state_.to});
  if (state_.plan.gates.after) state_.call_due = "after";
  out_.decide("promoted", cause, state_.to + " is the new stable version: " + reason, actor);
  out_.enter(Phase::Succeeded);
}

// --- holding and turning back --------------------------------------------------------------------

void StageLife::out_of_time(TimePoint now, const std::string& cause, const std::string& after) {
  auto what = state_.plan.on_inconclusive;
  // A gate that has not spoken has not agreed, and endpoints cannot carry what they cannot carry.
  const bool impossible = cause == "hook" || cause == "capacity";
  if (impossible && what == Plan::OnInconclusive::Promote) what = Plan::OnInconclusive::Hold;
  switch (what) {
    case Plan::OnInconclusive::Hold:
      out_.decide("inconclusive", cause, after + "; waiting for a person or for evidence", kSelf);
      state_.resume_to = state_.phase;
      return out_.enter(Phase::Inconclusive);
    case Plan::OnInconclusive::Extend:
      out_.decide("extended", cause, after + "; the step begins again", kSelf);
      return out_.start_clock(now);
    case Plan::OnInconclusive::Promote:
      if (state_.stage().approval && !state_.checks.approved) {
        out_.hold("approval", after + "; on_inconclusive cannot stand in for an approval");
        return;
      }
      return advance(cause, after + "; on_inconclusive says promote", kSelf);
    case Plan::OnInconclusive::Rollback:
      return revert(cause, after + "; on_inconclusive says rollback", kSelf);
  }
}

void StageLife::stop_unjudged(const std::string& action, const std::string& cause,
                              const std::string& reason, const std::string& actor) {
  out_.decide(action, cause, reason, actor);
  state_.task.reset();
  if (state_.plan.is_rolling() && endpoints_.count(Place::Old) < state_.places.size()) {
    state_.end_as = Phase::Aborted;
    return endpoints_.turn_back();
  }
  const auto had = state_.before.find(state_.to);
  state_.weight = had == state_.before.end() ? Share{} : had->second;
  out_.add(effect::SetWeights{state_.before});
  state_.switching = false;
  out_.enter(Phase::Aborted);
}

void StageLife::revert_by_guard(const Evidence& evidence) {
  state_.verdict = guard::to_string(Verdict::Fail);
  revert("guard", failure_sentence(state_.to, evidence), kSelf);
}

void StageLife::revert(const std::string& cause, const std::string& reason,
                       const std::string& actor) {
  out_.decide("rolled_back", cause, reason, actor);
  state_.task.reset();
  state_.end_as = Phase::RolledBack;
  if (state_.plan.gates.rollback) state_.call_due = "rollback";
  if (state_.plan.is_rolling()) return endpoints_.turn_back();
  out_.add(effect::LockOut{state_.to});
  out_.set_weights(Share{});
  out_.enter(Phase::RollingBack);
}

// --- helpers
// --------------------------------------------------------------------------------------

Phase StageLife::work_phase() const {
  if (state_.is_last_stage() && (!state_.plan.is_rolling() || state_.checks.on_duty))
    return Phase::Baking;
  return state_.stage().weight.millionths == 0 ? Phase::Preview : Phase::Progressing;
}

std::string StageLife::done_weight() const {
  return "the step at " + percent(state_.weight);
}

}  // namespace cutwater::control
