#include "control/steering/draft.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "control/state/views.hpp"

namespace cutwater::control {

std::optional<Refusal> Draft::run(const RolloutEvent& event) {
  Transition transition = apply(*rollout, event);
  if (transition.refusal) return transition.refusal;
  for (const Effect& effect : transition.effects) {
    apply_to_service(effect, state);
    if (std::holds_alternative<effect::Arm>(effect)) rearm.insert(rollout->to);
    if (std::holds_alternative<effect::MakeStable>(effect) && !state.last_good.empty())
      state.keep_old_until_ms = clocks_->wall_ms() + rollout->plan.keep_old.count();
    const auto* said = std::get_if<effect::Decide>(&effect);
    if (said == nullptr) continue;
    decide(*said);
    if (said->action == "started") continue;  // nothing is known yet
    decisions.back().evidence = guards_->evidence_view(state.name, rollout->to);
    rollout->evidence = decisions.back().evidence;
  }
  if (is_terminal(rollout->phase)) rollout->finished_ms = clocks_->wall_ms();
  return std::nullopt;
}

void Draft::decide(const Why& why) {
  Decision decision = decision_of(state.name, why, clocks_->wall_ms());
  decision.rollout = rollout ? rollout->id : "";
  decision.before = state_summary(entry_->state, entry_->active());
  decisions.push_back(std::move(decision));
}

void Draft::decide_about(const std::string& version, const Why& why) {
  decide(why);
  decisions.back().evidence = guards_->evidence_view(state.name, version);
}

void Draft::take_back(const std::string& version) {
  const auto& ended = entry_->finished;
  const auto made_stable = std::find_if(ended.rbegin(), ended.rend(), [&](const auto& rollout) {
    return rollout.phase == Phase::Succeeded && rollout.to == version;
  });
  if (made_stable == ended.rend() || made_stable->taken_back) return;
  taken_back = *made_stable;
  taken_back->taken_back = withdrawal_by(decisions.back());
}

}  // namespace cutwater::control
