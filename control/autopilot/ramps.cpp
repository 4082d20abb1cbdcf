#include "control/autopilot/ramps.hpp"

#include <utility>
#include <vector>

namespace cutwater::control {

Awaitable<bool> Ramps::decide(Draft draft, Why why, Evidence evidence) {
  draft.decide(why);
  draft.decisions.back().evidence = evidence_json(evidence.report);
  const bool kill = why.action == "flag_killed";
  const auto failed =
      co_await steering_.commit(std::move(draft), kill ? Order::PublishFirst : Order::StoreFirst);
  co_return !failed;
}

Awaitable<void> Ramps::tripped(std::string service, std::string flag) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Trip);
  const ServiceEntry* entry = services_.find(service);
  if (entry == nullptr || services_.find_config(service)->find_flag(flag) == nullptr) co_return;
  Evidence evidence = flag_guards_.evidence(service, flag);
  // A person was faster, or the flag was revived since.
  if (!evidence.report.armed || !evidence.report.failed_test) co_return;
  const bool kill = !evidence.report.dry_run;
  Draft draft = steering_.draft_of(*entry);
  if (kill) draft.state.flags[flag].enabled = false;
  Why why{kill ? "flag_killed" : "flag_would_be_killed", "guard",
          failure_sentence("flag " + flag, evidence), kSelf};
  co_await decide(std::move(draft), std::move(why), std::move(evidence));
}

Awaitable<void> Ramps::tick(std::string service) {
  std::vector<std::string> names;
  for (const auto& flag : services_.find_config(service)->flags)
    if (flag.ramp) names.push_back(flag.name);
  for (const auto& name : names) {
    const std::pair key{service, name};
    const ServiceEntry& entry = services_.at(service);
    const FlagState* state = entry.state.find_flag(name);
    const config::Flag flag = with_changes(*services_.find_config(service)->find_flag(name), state);
    if (!is_ramping(flag, state)) {
      standing_.erase(key);
      continue;
    }
    Evidence evidence = flag_guards_.evidence(service, name);
    const FlagStep fresh{clocks_.now(), evidence.report.requests_since_arming};
    const std::uint64_t begun = flag_guards_.steps_begun(service, name);
    Standing& standing = standing_.try_emplace(key, Standing{fresh, begun}).first->second;
    if (standing.steps_begun != begun) standing = {fresh, begun};
    FlagStep step = standing.step;
    auto move = next_move(flag, step, evidence, clocks_.now());
    if (!move) continue;
    Draft draft = steering_.draft_of(entry);
    if (move->kind == RampMove::Kind::Tell) step.told = true;
    if (move->kind == RampMove::Kind::Kill) draft.state.flags[name].enabled = false;
    if (move->kind == RampMove::Kind::Raise) {
      draft.state.flags[name].percentage = move->share;
      step = fresh;
      step.rose = fresh.at;
    }
    const bool done = co_await decide(std::move(draft), std::move(move->said), std::move(evidence));
    // What could not be written has not happened.
    if (done) standing_[key] = {step, flag_guards_.steps_begun(service, name)};
  }
}

}  // namespace cutwater::control
