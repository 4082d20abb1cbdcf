// Implements what persons tell a rollout to do. Their commands go before everything that happens by
// itself, except a guard.
#include "control/rollout/engine_machine.hpp"

namespace cutwater::control {

using event::Command;

void Machine::on(const Command& command) {
  // This stops an undo that waits for endpoints: the endpoints that are back stay back, the others
  // stay out.
  const bool undoing = state_.phase == Phase::RollingBack && state_.plan.is_rolling();
  if (is_terminal(state_.phase) ||
      (state_.phase == Phase::RollingBack && !undoing && command.kind != Command::Kind::Abort))
    return refuse("rollout_finished",
                  "rollout " + state_.id + " is " + std::string(to_string(state_.phase)));
  if (undoing && command.kind != Command::Kind::Abort && command.kind != Command::Kind::Ready)
    return refuse("rolling_back", "rollout " + state_.id + " is being undone");
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
    case Command::Kind::Approve:
      return approve(command);
    case Command::Kind::Reject:
      return reject(command);
    case Command::Kind::Ready:
      return ready(command);
  }
}

void Machine::pause(const Command& command) {
  if (state_.phase == Phase::Paused) return refuse("rollout_paused", "it is already paused");
  if (state_.phase != Phase::Inconclusive) state_.resume_to = state_.phase;
  decide("paused", "manual", said(command, "paused by "), command.actor);
  enter(Phase::Paused);
}

void Machine::resume(const Command& command) {
  if (state_.phase != Phase::Paused && state_.phase != Phase::Inconclusive)
    return refuse("rollout_not_paused",
                  "only a paused or inconclusive rollout can be resumed; this one is " +
                      std::string(to_string(state_.phase)));
  decide("resumed", "manual", said(command, "resumed by "), command.actor);
  if (state_.step_since) start_clock(command.at.now);
  enter(state_.resume_to);
}

void Machine::promote(const Command& command) {
  if (effective() == Phase::Promoting)
    return refuse("rollout_promoting", "it is already on its way to 100%");
  if (state_.phase == Phase::Pending || effective() == Phase::Pending) {
    decide("advanced", "manual", said(command, "begun without the webhook by "), command.actor);
    return go_to_stage(0);
  }
  if (state_.plan.is_rolling() && !state_.checks.on_duty)
    return refuse("endpoint_out", names_of(Place::Out) + " is being replaced; that comes first");
  if (wants_approval(state_.step, state_.step) && !may_approve(command)) return;
  if (const auto shut = closed(command.at); shut && !command.force)
    return refuse("outside_" + shut->first,
                  shut->second + "; \"force\": true does it all the same");
  advance("manual", said(command, "promoted by "), command.actor);
}

void Machine::promote_full(const Command& command) {
  if (effective() == Phase::Promoting || effective() == Phase::Baking)
    return refuse("rollout_promoting", "it already is at 100%; promote ends the bake and makes " +
                                           state_.to + " stable");
  if (state_.plan.is_rolling())
    return refuse("rolling", "endpoints are replaced one after the other, not all at once");
  const std::size_t last = state_.plan.stages.size() - 1;
  if (last > state_.step && wants_approval(state_.step, last - 1) && !may_approve(command)) return;
  const Surroundings& at = command.at;
  if (const auto shut = closed(at); shut && !command.force)
    return refuse("outside_" + shut->first,
                  shut->second + "; \"force\": true does it all the same");
  if (!command.force && state_.plan.stages[last].weight > at.can_carry)
    return refuse("outside_capacity", "the healthy endpoints of " + state_.to + " can carry " +
                                          cutwater::to_string(at.can_carry) +
                                          "; \"force\": true does it all the same");
  decide("advanced", "manual", said(command, "promoted to 100% by "), command.actor);
  go_to_stage(last);
}

void Machine::abort(const Command& command) {
  if (state_.phase != Phase::RollingBack)
    return stop_unjudged("aborted", "manual", said(command, "aborted by "), command.actor);
  const std::string out = names_of(Place::Out);
  decide("aborted", "manual",
         said(command, "the undo was stopped by ") +
             (out.empty() ? "" : "; " + out + " stays out of service"),
         command.actor);
  state_.task.reset();
  state_.switching = false;
  enter(Phase::Aborted);
}

// --- approval ------------------------------------------------------------------------------------

void Machine::approve(const Command& command) {
  if (state_.phase != Phase::AwaitingApproval)
    return refuse("not_awaiting_approval",
                  "rollout " + state_.id + " is " + std::string(to_string(state_.phase)));
  if (!may_approve(command)) return;
  state_.checks.approved = true;
  state_.approval_due_ms = 0;
  decide("approved", "manual", said(command, "approved by "), command.actor);
  enter(work_phase());
}

void Machine::reject(const Command& command) {
  if (state_.phase != Phase::AwaitingApproval)
    return refuse("not_awaiting_approval",
                  "rollout " + state_.id + " is " + std::string(to_string(state_.phase)));
  if (!command.may_approve) return refuse("approval_needed", "rejecting takes the role approver");
  stop_unjudged("rejected", "manual", said(command, "rejected by "), command.actor);
}

bool Machine::wants_approval(std::size_t first, std::size_t last) const {
  for (std::size_t step = first; step <= last; ++step)
    if (state_.plan.stages[step].approval && !(step == state_.step && state_.checks.approved))
      return true;
  return false;
}

// Refuses the command when the person may not approve.
bool Machine::may_approve(const Command& command) {
  if (!command.may_approve) {
    refuse("approval_needed", "this step needs the approval of somebody with the role approver");
    return false;
  }
  if (state_.plan.four_eyes && command.actor == state_.actor) {
    refuse("four_eyes", command.actor + " started this rollout; somebody else has to approve it");
    return false;
  }
  return true;
}

// --- deploy scripts ------------------------------------------------------------------------------

void Machine::ready(const Command& command) {
  // An answer that was meant for the new version says nothing about the old one.
  if (!state_.task || state_.task->kind != Task::Kind::Deploy || state_.task->undo != command.undo)
    return refuse("nothing_to_be_ready", "no endpoint of this rollout waits for its deployment");
  decide("endpoint_ready", "manual", said(command, names_of(Place::Out) + " reported ready by "),
         command.actor);
  replaced({state_.task->id, true, ""});
}

std::string Machine::said(const Command& command, const std::string& what) {
  std::string out = what + command.actor;
  if (!command.reason.empty()) out += ": " + command.reason;
  return out;
}

}  // namespace cutwater::control
