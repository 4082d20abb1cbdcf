#include "control/autopilot/clock.hpp"

#include <utility>
#include <vector>

#include "control/state/views.hpp"

namespace cutwater::control {

Awaitable<void> RolloutClock::tick() {
  parts_.traffic.sample();
  parts_.guards.freeze_due_latencies();
  const auto turn = steering_.turns().try_take();
  if (!turn) co_return;  // somebody's change comes first; there is a tick every second
  co_await steering_.write_what_is_owed();
  std::vector<std::string> names;
  for (const auto& [name, entry] : parts_.services.entries()) names.push_back(name);
  for (const auto& name : names) {
    co_await tick_service(name);
    co_await ramps_.tick(name);
    co_await tick_mirror(name);
  }
}

// The promise to keep the version before for a rollback is over.
bool RolloutClock::release_old_version(Draft& draft) const {
  std::int64_t& until = draft.state.keep_old_until_ms;
  if (until == 0 || parts_.clocks.wall_ms() < until) return false;
  until = 0;
  draft.decide({"old_released", "keep_old",
                draft.state.last_good + " need not be kept for a rollback any longer", kSelf});
  return true;
}

Awaitable<void> RolloutClock::tick_service(std::string name) {
  ServiceEntry& entry = parts_.services.at(name);
  if (entry.state.lease) {
    if (parts_.clocks.wall_ms() >= entry.state.lease->expires_ms) co_await expire_lease(name);
    co_return;  // weights for a while prove nothing for good
  }
  Draft draft = steering_.draft_of(entry);
  if (entry.rollout) {
    const event::Tick tick{parts_.capacity.surroundings(name, &*entry.rollout),
                           parts_.guards.evidence_of(name, entry.rollout->to)};
    draft.run(tick);
    const bool quiet = draft.decisions.empty() && draft.state == entry.state &&
                       draft.rollout->phase == entry.rollout->phase &&
                       draft.rollout->tasks == entry.rollout->tasks;
    if (quiet) {
      entry.rollout = draft.rollout;  // the verdict shown
      co_return;
    }
    const bool reverting = draft.rollout->phase == Phase::RollingBack;
    co_await steering_.commit(std::move(draft),
                              reverting ? Order::PublishFirst : Order::StoreFirst);
    co_return;
  }
  if (release_old_version(draft)) {
    co_await steering_.commit(std::move(draft), Order::StoreFirst);
    co_return;
  }
  // The version was set to the whole by hand and proven good: that is what stable means.
  for (const auto& [version, share] : entry.state.weights) {
    if (version == entry.state.stable || share != Share::percent(100)) continue;
    if (parts_.guards.evidence_of(name, version).report.verdict != guard::Verdict::Pass) continue;
    apply_to_service(effect::MakeStable{version}, draft.state);
    draft.decide_about(
        version,
        {"promoted", "passed",
         version + " is the new stable version: it has all traffic and every guard passed", kSelf});
    co_await steering_.commit(std::move(draft), Order::StoreFirst);
    co_return;
  }
}

// The script that set these weights for a while has not set them again: it is dead or done.
Awaitable<void> RolloutClock::expire_lease(std::string service) {
  Draft draft = steering_.draft_of(parts_.services.at(service));
  ServiceState& state = draft.state;
  const Lease lease = *std::exchange(state.lease, std::nullopt);
  // Versions may have gone or been locked out since; what they had goes to stable.
  std::int32_t given = 0;
  for (auto& [version, share] : state.weights) {
    const auto had = lease.before.find(version);
    const bool usable = had != lease.before.end() && !state.locked_out.contains(version);
    share = usable && version != state.stable ? had->second : Share{};
    given += share.millionths;
  }
  state.weights[state.stable] = Share{Share::kWhole - given};
  draft.decide({"lease_expired", "lease",
                "the weights set by " + lease.actor + " were not renewed in time: back to " +
                    weights_text(state.weights),
                kSelf});
  co_await steering_.commit(std::move(draft), Order::StoreFirst);
}

// A shadow that fails hurts nobody. People are told once, before they give it users.
Awaitable<void> RolloutClock::tick_mirror(std::string service) {
  const auto stats = parts_.publisher.mirror_stats(service);
  if (!stats) co_return;
  const Evidence evidence{stats->monitor.report(parts_.clocks.now()),
                          parts_.services.find_config(service)->guards};
  if (!evidence.report.failed_test || !mirrors_told_.insert(stats).second) co_return;
  const std::string name = "mirror to " + stats->monitor.version();
  Draft draft = steering_.draft_of(parts_.services.at(service));
  draft.decide({"mirror_failed", "guard", failure_sentence(name, evidence), kSelf});
  draft.decisions.back().evidence = evidence_json(evidence.report);
  co_await steering_.commit(std::move(draft), Order::StoreFirst);
}

}  // namespace cutwater::control
