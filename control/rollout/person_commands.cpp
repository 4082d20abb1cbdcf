#include "control/rollout/person_commands.hpp"

namespace cutwater::control {

using event::Command;

namespace {

std::string said(const Command& command, const std::string& what) {
  std::string out = what + command.actor;
  if (!command.reason.empty()) out += ": " + command.reason;
  return out;
}

Phase phase_under_pause(const EngineState& state) {
  const bool above = state.phase == Phase::Paused || state.phase == Phase::Inconclusive;
  return above ? state.resume_to : state.phase;
}

}  // namespace

void PersonCommands::on(const Command& command) {
  // This stops an undo that waits for endpoints: the endpoints that are back stay back, the others
  // stay out.
  const bool undoing = state_.phase == Phase::RollingBack && state_.plan.is_rolling();
  if (is_terminal(state_.phase) ||
      (state_.phase == Phase::RollingBack && !undoing && command.kind != Command::Kind::Abort))
    return out_.refuse("rollout_finished",
                       "rollout " + state_.id + " is " + std::string(to_string(state_.phase)));
  if (undoing && command.kind != Command::Kind::Abort && command.kind != Command::Kind::Ready)
    return out_.refuse("rolling_back", "rollout " + state_.id + " is being undone");
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
      return stages_.revert("manual", said(command, "rolled back by "), command.actor);
    case Command::Kind::Approve:
      return approve(command);
    case Command::Kind::Reject:
      return reject(command);
    case Command::Kind::Ready:
      return ready(command);
  }
}

void PersonCommands::pause(const Command& command) {
  if (state_.phase == Phase::Paused) return out_.refuse("rollout_paused", "it is already paused");
  if (state_.phase != Phase::Inconclusive) state_.resume_to = state_.phase;
  out_.decide("paused", "manual", said(command, "paused by "), command.actor);
  out_.enter(Phase::Paused);
}

void PersonCommands::resume(const Command& command) {
  if (state_.phase != Phase::Paused && state_.phase != Phase::Inconclusive)
    return out_.refuse("rollout_not_paused",
                       "only a paused or inconclusive rollout can be resumed; this one is " +
                           std::string(to_string(state_.phase)));
  out_.decide("resumed", "manual", said(command, "resumed by "), command.actor);
  if (state_.step_since) out_.start_clock(command.at.now);
  out_.enter(state_.resume_to);
}

void PersonCommands::promote(const Command& command) {
  if (phase_under_pause(state_) == Phase::Promoting)
    return out_.refuse("rollout_promoting", "it is already on its way to 100%");
  if (state_.phase == Phase::Pending || phase_under_pause(state_) == Phase::Pending) {
    out_.decide("advanced", "manual", said(command, "begun without the webhook by "),
                command.actor);
    return stages_.go_to_stage(0);
  }
  if (state_.plan.is_rolling() && !state_.checks.on_duty)
    return out_.refuse("endpoint_out",
                       endpoints_.names_of(Place::Out) + " is being replaced; that comes first");
  if (wants_approval(state_.step, state_.step) && !may_approve(command)) return;
  if (const auto shut = stages_.closed(command.at); shut && !command.force)
    return out_.refuse("outside_" + shut->first,
                       shut->second + "; \"force\": true does it all the same");
  stages_.advance("manual", said(command, "promoted by "), command.actor);
}

void PersonCommands::promote_full(const Command& command) {
  if (phase_under_pause(state_) == Phase::Promoting || phase_under_pause(state_) == Phase::Baking)
    return out_.refuse(
        "rollout_promoting",
        "it already is at 100%; promote ends the bake and makes " + state_.to + " stable");
  if (state_.plan.is_rolling())
    return out_.refuse("rolling", "endpoints are replaced one after the other, not all at once");
  const std::size_t last = state_.plan.stages.size() - 1;
  if (last > state_.step && wants_approval(state_.step, last - 1) && !may_approve(command)) return;
  const Surroundings& at = command.at;
  if (const auto shut = stages_.closed(at); shut && !command.force)
    return out_.refuse("outside_" + shut->first,
                       shut->second + "; \"force\": true does it all the same");
  if (!command.force && state_.plan.stages[last].weight > at.can_carry)
    return out_.refuse("outside_capacity", "the healthy endpoints of " + state_.to + " can carry " +
                                               cutwater::to_string(at.can_carry) +
                                               "; \"force\": true does it all the same");
  out_.decide("advanced", "manual", said(command, "promoted to 100% by "), command.actor);
  stages_.go_to_stage(last);
}

void PersonCommands::abort(const Command& command) {
  if (state_.phase != Phase::RollingBack)
    return stages_.stop_unjudged("aborted", "manual", said(command, "aborted by "), command.actor);
  const std::string out = endpoints_.names_of(Place::Out);
  out_.decide("aborted", "manual",
              said(command, "the undo was stopped by ") +
                  (out.empty() ? "" : "; " + out + " stays out of service"),
              command.actor);
  state_.task.reset();
  state_.switching = false;
  out_.enter(Phase::Aborted);
}

// --- approval ------------------------------------------------------------------------------------

void PersonCommands::approve(const Command& command) {
  if (state_.phase != Phase::AwaitingApproval)
    return out_.refuse("not_awaiting_approval",
                       "rollout " + state_.id + " is " + std::string(to_string(state_.phase)));
  if (!may_approve(command)) return;
  state_.checks.approved = true;
  state_.approval_due_ms = 0;
  out_.decide("approved", "manual", said(command, "approved by "), command.actor);
  out_.enter(stages_.work_phase());
}

void PersonCommands::reject(const Command& command) {
  if (state_.phase != Phase::AwaitingApproval)
    return out_.refuse("not_awaiting_approval",
                       "rollout " + state_.id + " is " + std::string(to_string(state_.phase)));
  if (!command.may_approve)
    return out_.refuse("approval_needed", "rejecting takes the role approver");
  stages_.stop_unjudged("rejected", "manual", said(command, "rejected by "), command.actor);
}

bool PersonCommands::wants_approval(std::size_t first, std::size_t last) const {
  for (std::size_t step = first; step <= last; ++step)
    if (state_.plan.stages[step].approval && !(step == state_.step && state_.checks.approved))
      return true;
  return false;
}

bool PersonCommands::may_approve(const Command& command) {
  if (!command.may_approve) {
    out_.refuse("approval_needed",
                "this step needs the approval of somebody with the role approver");
    return false;
  }
  if (state_.plan.four_eyes && command.actor == state_.actor) {
    out_.refuse("four_eyes",
                command.actor + " started this rollout; somebody else has to approve it");
    return false;
  }
  return true;
}

// --- deploy scripts ------------------------------------------------------------------------------

void PersonCommands::ready(const Command& command) {
  // An answer that was meant for the new version says nothing about the old one.
  if (!state_.task || state_.task->kind != Task::Kind::Deploy || state_.task->undo != command.undo)
    return out_.refuse("nothing_to_be_ready",
                       "no endpoint of this rollout waits for its deployment");
  out_.decide("endpoint_ready", "manual",
              said(command, endpoints_.names_of(Place::Out) + " reported ready by "),
              command.actor);
  endpoints_.task_done();
}

}  // namespace cutwater::control
