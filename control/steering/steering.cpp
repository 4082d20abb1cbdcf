#include "control/steering/steering.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "control/base/json_text.hpp"
#include "control/base/log_text.hpp"
#include "control/guards/flag_ramp.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

const EngineState* active_of(const Draft& draft) {
  return draft.rollout ? &*draft.rollout : nullptr;
}

// Of the versions that are locked out from now on, says which decision did it.
void note_withdrawals(Draft& draft) {
  const auto by = std::find_if(
      draft.decisions.begin(), draft.decisions.end(),
      [](const auto& said) { return said.action == "rolled_back" || said.action == "drained"; });
  if (by == draft.decisions.end()) return;
  for (const std::string& version : draft.state.locked_out)
    draft.state.withdrawals.try_emplace(version, withdrawal_by(*by));
}

}  // namespace

Steering::Steering(asio::io_context& context, SteeredParts parts, WriteHooks hooks)
    : parts_(parts),
      hooks_(std::move(hooks)),
      turns_(context.get_executor()),
      // The id is taken from the clock, so ids keep growing over restarts.
      events_(static_cast<std::uint64_t>(parts_.clocks.wall_ms())),
      followers_(context) {}

void Steering::start() {
  for (const auto& [name, entry] : parts_.services.entries()) {
    parts_.publisher.shut(name, {}, entry.state.locked_out);
    parts_.guards.arm_all(name);
    parts_.flag_guards.sync(name);
  }
  parts_.traffic.sample();
  parts_.guards.freeze_due_latencies();
  rebuild();
  for (const auto& [name, entry] : parts_.services.entries()) {
    parts_.tasks.sync(name);
    parts_.tasks.start_calls(name);
  }
}

void Steering::stop() {
  followers_.wake_all();
  turns_.clear();
}

// --- drafts ------------------------------------------------------------------------------------

void Steering::revert_directly(Draft& draft, const std::string& version, const Why& why) const {
  ServiceState& state = draft.state;
  const bool was_stable = version == state.stable;
  if (was_stable) {
    if (parts_.capacity.of(state, state.last_good).millionths == 0) {
      draft.decide({"held", why.cause,
                    why.reason + "; " + state.last_good +
                        " has no healthy endpoint to go back to, so " + version + " stays",
                    kSelf});
      state.keep_old_until_ms = 0;
      return;
    }
    state.stable = std::exchange(state.last_good, "");
    state.keep_old_until_ms = 0;
  }
  for (auto& [name, share] : draft.state.weights) share = Share{};
  draft.state.weights[draft.state.stable] = Share::percent(100);
  draft.state.locked_out.insert(version);
  draft.decide_about(version, why);
  if (was_stable) draft.take_back(version);
}

Change Steering::make_change(Draft& draft) const {
  ++draft.state.generation;
  note_lock_outs(draft.state, *parts_.services.find_config(draft.state.name));
  note_withdrawals(draft);
  // A lease is about these weights; a rollout or a revert steers for good.
  const auto& lease = draft.state.lease;
  if (lease && (draft.rollout || !same_traffic(draft.state.weights, lease->weights)))
    draft.state.lease.reset();
  const json::object after = state_summary(draft.state, active_of(draft));
  for (Decision& decision : draft.decisions) decision.after = after;
  Change change;
  change.services.push_back(draft.state);
  if (draft.rollout) change.rollouts.push_back(rollout_record(*draft.rollout));
  if (draft.taken_back) change.rollouts.push_back(rollout_record(*draft.taken_back));
  change.decisions = draft.decisions;
  return change;
}

// --- writing -----------------------------------------------------------------------------------

Awaitable<std::optional<StoreError>> Steering::write(Change change) {
  Change all = unsaved_;
  for (auto& state : change.services) all.services.push_back(std::move(state));
  for (auto& record : change.rollouts) all.rollouts.push_back(std::move(record));
  for (auto& decision : change.decisions) all.decisions.push_back(std::move(decision));
  if (all.empty()) co_return std::nullopt;
  if (hooks_.before) hooks_.before(all);
  const auto written = co_await parts_.store.commit(all);
  if (written.has_error()) {
    if (state_writable_)
      spdlog::error("state cannot be written error=\"{}\"", written.error().message);
    state_writable_ = false;
    co_return written.error();
  }
  if (!state_writable_) spdlog::info("state can be written again");
  state_writable_ = true;
  unsaved_ = {};
  announce(all, *written);
  if (hooks_.after) hooks_.after(all);
  co_return std::nullopt;
}

Awaitable<void> Steering::write_or_keep(Change change) {
  const auto failed = co_await write(change);
  if (!failed) co_return;
  for (auto& state : change.services) unsaved_.services.push_back(std::move(state));
  for (auto& record : change.rollouts) unsaved_.rollouts.push_back(std::move(record));
  for (auto& decision : change.decisions) unsaved_.decisions.push_back(std::move(decision));
}

void Steering::announce(const Change& change, const std::vector<std::uint64_t>& seqs) {
  just_stored_ = change.decisions;
  for (std::size_t i = 0; i < change.decisions.size(); ++i) {
    Decision& decision = just_stored_[i];
    decision.seq = i < seqs.size() ? seqs[i] : 0;
    ++decisions_counted_[{decision.service, decision.action, decision.cause}];
    spdlog::info("decision seq={} service={} action={} cause={} actor={} reason=\"{}\"",
                 decision.seq, decision.service, decision.action, decision.cause,
                 log_text(decision.actor), log_text(decision.reason));
    events_.publish("decision", decision_view(decision));
  }
  for (auto& [name, entry] : parts_.services.entries()) number_withdrawals(entry);
}

// What a person may have asked for already learns the number of its decision.
void Steering::number_withdrawals(ServiceEntry& entry) const {
  const std::string& service = entry.state.name;
  for (auto& [version, withdrawal] : entry.state.withdrawals)
    number_withdrawal(withdrawal, service, just_stored_);
  for (EngineState& rollout : entry.finished)
    if (rollout.taken_back) number_withdrawal(*rollout.taken_back, service, just_stored_);
}

Awaitable<void> Steering::write_what_is_owed() {
  if (unsaved_.empty()) co_return;
  Change nothing_new;
  co_await write(std::move(nothing_new));
}

// --- making it true ----------------------------------------------------------------------------

bool Steering::install(const Draft& draft) {
  ServiceEntry& entry = parts_.services.at(draft.state.name);
  parts_.guards.sync(entry, draft.state, active_of(draft), draft.rearm);
  const bool moves = !(entry.state.weights == draft.state.weights);
  ServiceState same = entry.state;
  same.generation = draft.state.generation;
  const auto id = [](const std::optional<EngineState>& rollout) {
    return rollout ? rollout->id : std::string();
  };
  // A version that is armed anew is compared anew: the workers must hear of it.
  const bool publish =
      !(same == draft.state) || id(entry.rollout) != id(draft.rollout) || !draft.rearm.empty();
  entry.state = draft.state;
  entry.rollout = draft.rollout;
  if (draft.taken_back)
    for (EngineState& ended : entry.finished)
      if (ended.id == draft.taken_back->id) ended = *draft.taken_back;
  number_withdrawals(entry);  // of a decision that is stored before it is true
  parts_.traffic.record(entry);
  parts_.flag_guards.sync(entry.state.name);
  if (moves) parts_.guards.freeze_latency(entry.state.name);
  if (entry.rollout) events_.publish("rollout", rollout_view(*entry.rollout));
  if (moves) {
    json::object data = weights_view(entry.state);
    data["service"] = entry.state.name;
    events_.publish("weights", data);
  }
  return publish;
}

void Steering::rebuild() {
  std::map<std::string, Publisher::Steering> steering;
  for (const auto& [name, entry] : parts_.services.entries()) {
    // While it rolls back the candidate has no part in what happens to requests.
    const bool active = entry.rollout && !is_terminal(entry.rollout->phase) &&
                        entry.rollout->phase != Phase::RollingBack;
    steering[name] = {&entry.state, active ? entry.rollout->id : "",
                      active ? entry.rollout->to : "", compared(entry),
                      compared_flag(*parts_.services.find_config(name), entry.state)};
  }
  snapshot_ = parts_.publisher.build(parts_.services.config(), steering);
}

Awaitable<void> Steering::switch_workers() {
  rebuild();
  return await_callback<>(
      [this](auto done) { parts_.data_plane.publish(snapshot_, std::move(done)); });
}

void Steering::finish_if_terminal(ServiceEntry& entry) {
  if (!entry.rollout) return;
  const std::string id = entry.rollout->id;
  if (is_terminal(entry.rollout->phase)) {
    entry.finished.push_back(std::move(*entry.rollout));
    entry.rollout.reset();
    if (entry.finished.size() > kRolloutsInMemory) entry.finished.pop_front();
  }
  followers_.wake(id);
}

// This runs when every worker has switched: the rollout's clock starts, or its revert is complete.
Awaitable<void> Steering::settle(const std::string& service) {
  ServiceEntry& entry = parts_.services.at(service);
  if (entry.rollout && entry.rollout->switching) {
    const Phase before = entry.rollout->phase;
    Draft draft = draft_of(entry);
    draft.run(event::WeightsSwitched{parts_.clocks.now(),
                                     parts_.guards.evidence_of(service, entry.rollout->to).report});
    entry.rollout = draft.rollout;
    if (entry.rollout->phase != before) {
      events_.publish("rollout", rollout_view(*entry.rollout));
      Change change;
      change.rollouts.push_back(rollout_record(*entry.rollout));
      co_await write_or_keep(std::move(change));
    }
  }
  parts_.guards.retire(service);
  parts_.guards.hold_against_past(service);
  finish_if_terminal(parts_.services.at(service));
  parts_.tasks.sync(service);
  parts_.tasks.start_calls(service);
}

// A guard that spoke while the disk was written must not be forgotten by what was written.
std::optional<Draft> Steering::overtaken(const Draft& draft) const {
  const std::string& service = draft.state.name;
  const ServiceEntry& now = parts_.services.at(service);
  const bool in_rollout = now.rollout && draft.rollout && now.rollout->id == draft.rollout->id;
  const bool promoted = !draft.rollout && draft.state.stable != now.state.stable;
  const bool forgets =
      in_rollout && now.rollout->phase != Phase::RollingBack &&
      (draft.rollout->phase == Phase::Succeeded || draft.rearm.contains(draft.rollout->to));
  if (!forgets && !promoted) return std::nullopt;
  const std::string version = forgets ? now.rollout->to : draft.state.stable;
  const Evidence evidence = parts_.guards.evidence_of(service, version);
  if (!evidence.report.armed || !failed(evidence.report)) return std::nullopt;
  Draft revert = draft_of(now);
  revert.state.generation = draft.state.generation;
  if (forgets)
    revert.run(event::Tripped{evidence});
  else
    revert_directly(revert, version,
                    {"rolled_back", "guard", failure_sentence(version, evidence), kSelf});
  return revert;
}

Awaitable<std::optional<StoreError>> Steering::commit(Draft draft, Order order) {
  const std::string service = draft.state.name;
  Change change = make_change(draft);
  if (order == Order::StoreFirst) {
    auto failed = co_await write(change);
    if (failed) co_return failed;
    if (auto revert = overtaken(draft))
      co_return co_await commit(*std::move(revert), Order::PublishFirst);
    if (install(draft)) co_await switch_workers();
  } else {
    if (install(draft)) co_await switch_workers();
    for (Decision& decision : change.decisions) {
      const auto* version = decision.evidence.if_contains("version");
      if (version == nullptr) continue;
      const auto decided =
          parts_.guards.evidence_of(service, std::string(version->as_string())).report.decided;
      if (!decided) continue;
      const auto took = std::chrono::duration<double, std::milli>(parts_.clocks.now() - *decided);
      decision.evidence["switched_ms"] = rounded(took.count(), 3);
      if (ServiceEntry& entry = parts_.services.at(service); entry.rollout)
        entry.rollout->evidence = decision.evidence;
    }
    co_await write_or_keep(std::move(change));
  }
  co_await settle(service);
  co_return std::nullopt;
}

}  // namespace cutwater::control
