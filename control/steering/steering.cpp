// The life of a change: draft -> durable -> guards -> published -> switched -> told. And the two
// things that change by themselves: a tripped guard and the tick.
#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>

#include "config/diff.hpp"
#include "control/base/json_text.hpp"
#include "control/guards/flag_ramp.hpp"
#include "control/state/views.hpp"
#include "control/steering/steering.hpp"
#include "proxy/guard/comparison.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;

ControllerImpl::ControllerImpl(asio::io_context& context, AsyncStore& store, DataPlane& data_plane,
                               Publisher& publisher, ControllerSetup setup)
    : context_(context),
      store_(store),
      data_plane_(data_plane),
      publisher_(publisher),
      setup_(std::move(setup)),
      config_(std::move(setup_.restored.config)),
      operations_(setup_.operations),
      turns_(context.get_executor()),
      events_(0),
      recorder_(context, store) {
  if (!setup_.wall_ms) {
    setup_.wall_ms = [] {
      return std::chrono::duration_cast<std::chrono::milliseconds>(
                 std::chrono::system_clock::now().time_since_epoch())
          .count();
    };
  }
  if (!setup_.load) setup_.load = [path = setup_.config_path] { return config::load(path); };
  if (!setup_.restart_needed) setup_.restart_needed = config::restart_needed;
  if (!setup_.resolver) setup_.resolver = system_resolver();
  events_ = EventLog(static_cast<std::uint64_t>(setup_.wall_ms()));
  started_ = setup_.now();
  for (auto& [name, restored] : setup_.restored.services) {
    Entry& entry = entries_[name];
    static_cast<RestoredService&>(entry) = std::move(restored);
    publisher_.shut(name, {}, entry.state.locked_out);
    const EngineState* active = entry.rollout ? &*entry.rollout : nullptr;
    for (const auto& version : guarded(entry.state, active))
      arm(name, {version, entry.state.stable}, active);
    sync_flag_guards(name);
  }
  sample_windows();
  rebuild();
  for (const auto& [name, entry] : entries_) {
    sync_task(name);
    start_calls(name);
  }
}

void ControllerImpl::stop() {
  for (auto& [id, timer] : waiters_) timer->cancel();
  waiters_.clear();
  turns_.clear();
}

// --- drafts ------------------------------------------------------------------------------------

std::optional<Refusal> ControllerImpl::run(Draft& draft, const RolloutEvent& event) {
  Transition transition = apply(*draft.rollout, event);
  if (transition.refusal) return transition.refusal;
  for (const Effect& effect : transition.effects) {
    apply_to_service(effect, draft.state);
    if (std::holds_alternative<effect::Arm>(effect)) draft.rearm.insert(draft.rollout->to);
    if (std::holds_alternative<effect::MakeStable>(effect) && !draft.state.last_good.empty())
      draft.state.keep_old_until_ms = setup_.wall_ms() + draft.rollout->plan.keep_old.count();
    const auto* said = std::get_if<effect::Decide>(&effect);
    if (said == nullptr) continue;
    decide(draft, *said);
    if (said->action == "started") continue;  // nothing is known yet
    draft.decisions.back().evidence = evidence_view(draft.state.name, draft.rollout->to);
    draft.rollout->evidence = draft.decisions.back().evidence;
  }
  if (is_terminal(draft.rollout->phase)) draft.rollout->finished_ms = setup_.wall_ms();
  return std::nullopt;
}

void ControllerImpl::decide(Draft& draft, const Why& why) {
  const Entry& entry = entries_.at(draft.state.name);
  Decision decision = decision_of(draft.state.name, why, setup_.wall_ms());
  decision.rollout = draft.rollout ? draft.rollout->id : "";
  decision.before = state_summary(entry.state, entry.rollout ? &*entry.rollout : nullptr);
  draft.decisions.push_back(std::move(decision));
}

Change ControllerImpl::make_change(Draft& draft) {
  ++draft.state.generation;
  note_lock_outs(draft.state, *find_config(draft.state.name));
  // A lease is of these weights; a rollout or a revert steers for good.
  const auto& lease = draft.state.lease;
  if (lease && (draft.rollout || !same_traffic(draft.state.weights, lease->weights)))
    draft.state.lease.reset();
  const json::object after = state_summary(draft.state, draft.rollout ? &*draft.rollout : nullptr);
  for (Decision& decision : draft.decisions) decision.after = after;
  Change change;
  change.services.push_back(draft.state);
  if (draft.rollout) change.rollouts.push_back(rollout_record(*draft.rollout));
  change.decisions = draft.decisions;
  return change;
}

// --- writing -----------------------------------------------------------------------------------

Awaitable<std::optional<StoreError>> ControllerImpl::write(Change change) {
  Change all = unsaved_;
  for (auto& state : change.services) all.services.push_back(std::move(state));
  for (auto& record : change.rollouts) all.rollouts.push_back(std::move(record));
  for (auto& decision : change.decisions) all.decisions.push_back(std::move(decision));
  if (all.empty()) co_return std::nullopt;
  if (setup_.before_write) setup_.before_write(all);
  const auto written = co_await store_.commit(all);
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
  if (setup_.after_write) setup_.after_write(all);
  co_return std::nullopt;
}

// For what has already happened: kept in memory and written with the next write or tick.
Awaitable<void> ControllerImpl::write_or_keep(Change change) {
  const auto failed = co_await write(change);
  if (!failed) co_return;
  for (auto& state : change.services) unsaved_.services.push_back(std::move(state));
  for (auto& record : change.rollouts) unsaved_.rollouts.push_back(std::move(record));
  for (auto& decision : change.decisions) unsaved_.decisions.push_back(std::move(decision));
}

void ControllerImpl::announce(const Change& change, const std::vector<std::uint64_t>& seqs) {
  for (std::size_t i = 0; i < change.decisions.size(); ++i) {
    Decision decision = change.decisions[i];
    decision.seq = i < seqs.size() ? seqs[i] : 0;
    ++decisions_counted_[{decision.service, decision.action, decision.cause}];
    spdlog::info("decision seq={} service={} action={} cause={} actor={} reason=\"{}\"",
                 decision.seq, decision.service, decision.action, decision.cause, decision.actor,
                 decision.reason);
    events_.publish("decision", decision_view(decision));
  }
}

// --- making it true ----------------------------------------------------------------------------

// Before the new snapshot: who gets traffic is guarded first, who lost it is shut.
void ControllerImpl::sync_guards(const Entry& before, const Draft& draft) {
  const std::string& service = draft.state.name;
  publisher_.shut(service, before.state.locked_out, draft.state.locked_out);
  const auto was = guarded(before.state, before.rollout ? &*before.rollout : nullptr);
  const EngineState* rollout = draft.rollout ? &*draft.rollout : nullptr;
  const auto now = guarded(draft.state, rollout);
  // It was watched itself; from now on it is what others are held against.
  const std::string& stable = draft.state.stable;
  if (was.contains(stable) && !now.contains(stable)) publisher_.disarm(service, stable);
  for (const auto& version : now)
    if (!was.contains(version) || draft.rearm.contains(version))
      arm(service, {version, draft.state.stable}, rollout);
}

// After it: who has no traffic left needs no guard. What was found stays readable.
void ControllerImpl::retire_guards(const std::string& service) {
  const Entry& entry = entries_.at(service);
  const auto keep = guarded(entry.state, entry.rollout ? &*entry.rollout : nullptr);
  const bool needed = !keep.empty() || judges_flags(*find_config(service), entry.state);
  for (const auto& [version, share] : entry.state.weights) {
    const auto monitor = publisher_.monitor(service, version);
    // Stable is watched as long as something is held against it.
    const bool watched = version == entry.state.stable && needed;
    if (!monitor || keep.contains(version)) continue;
    if (!watched) publisher_.disarm(service, version);
    // Tripped in the very moment a person took its traffic: nobody locked it out.
    if (!entry.state.locked_out.contains(version)) monitor->set_tripped(false);
  }
}

bool ControllerImpl::install(Draft& draft) {
  Entry& entry = entries_.at(draft.state.name);
  sync_guards(entry, draft);
  const bool moves = !(entry.state.weights == draft.state.weights);
  ServiceState same = entry.state;
  same.generation = draft.state.generation;
  const auto id = [](const std::optional<EngineState>& rollout) {
    return rollout ? rollout->id : std::string();
  };
  // Who is armed anew is compared anew: the workers must hear of it.
  const bool publish =
      !(same == draft.state) || id(entry.rollout) != id(draft.rollout) || !draft.rearm.empty();
  entry.state = draft.state;
  entry.rollout = draft.rollout;
  record_traffic(entry);
  sync_flag_guards(entry.state.name);
  if (moves) freeze_latency(entry.state.name);
  if (entry.rollout) events_.publish("rollout", rollout_view(*entry.rollout));
  if (moves) {
    json::object data = weights_view(entry.state);
    data["service"] = entry.state.name;
    events_.publish("weights", data);
  }
  return publish;
}

void ControllerImpl::rebuild() {
  std::map<std::string, Publisher::Steering> steering;
  for (const auto& [name, entry] : entries_) {
    // While it rolls back the candidate has no part in what happens to requests.
    const bool active = entry.rollout && !is_terminal(entry.rollout->phase) &&
                        entry.rollout->phase != Phase::RollingBack;
    steering[name] = {&entry.state, active ? entry.rollout->id : "",
                      active ? entry.rollout->to : "", compared(entry),
                      compared_flag(*find_config(name), entry.state)};
  }
  snapshot_ = publisher_.build(config_, steering);
}

Awaitable<void> ControllerImpl::switch_workers() {
  rebuild();
  auto start = [this](auto handler) {
    auto home = asio::get_associated_executor(handler);
    auto keep = asio::make_work_guard(home);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    data_plane_.publish(
        snapshot_, [home, keep, shared] { asio::post(home, [shared] { std::move (*shared)(); }); });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(std::move(start),
                                                                       asio::use_awaitable);
}

void ControllerImpl::finish_if_terminal(Entry& entry) {
  if (!entry.rollout) return;
  const std::string id = entry.rollout->id;
  if (is_terminal(entry.rollout->phase)) {
    entry.finished.push_back(std::move(*entry.rollout));
    entry.rollout.reset();
    if (entry.finished.size() > kRolloutsInMemory) entry.finished.pop_front();
  }
  wake_waiters(id);
}

// Every worker has switched: the rollout's clock starts, or its revert is complete.
Awaitable<void> ControllerImpl::settle(const std::string& service) {
  Entry& entry = entries_.at(service);
  if (entry.rollout && entry.rollout->switching) {
    const Phase before = entry.rollout->phase;
    Draft draft = draft_of(entry);
    run(draft,
        event::WeightsSwitched{setup_.now(), evidence_of(service, entry.rollout->to).report});
    entry.rollout = draft.rollout;
    if (entry.rollout->phase != before) {
      events_.publish("rollout", rollout_view(*entry.rollout));
      Change change;
      change.rollouts.push_back(rollout_record(*entry.rollout));
      co_await write_or_keep(std::move(change));
    }
  }
  retire_guards(service);
  hold_against_past(service);
  finish_if_terminal(entries_.at(service));
  sync_task(service);
  start_calls(service);
}

// A guard that spoke while the disk was written must not be forgotten by what was written.
std::optional<Draft> ControllerImpl::overtaken(const Draft& draft) {
  const std::string& service = draft.state.name;
  const Entry& now = entries_.at(service);
  const bool in_rollout = now.rollout && draft.rollout && now.rollout->id == draft.rollout->id;
  const bool promoted = !draft.rollout && draft.state.stable != now.state.stable;
  const bool forgets =
      in_rollout && now.rollout->phase != Phase::RollingBack &&
      (draft.rollout->phase == Phase::Succeeded || draft.rearm.contains(draft.rollout->to));
  if (!forgets && !promoted) return std::nullopt;
  const std::string version = forgets ? now.rollout->to : draft.state.stable;
  const Evidence evidence = evidence_of(service, version);
  if (!evidence.report.armed || !failed(evidence.report)) return std::nullopt;
  Draft revert = draft_of(now);
  revert.state.generation = draft.state.generation;
  if (forgets)
    run(revert, event::Tripped{evidence});
  else
    revert_directly(revert, version,
                    {"rolled_back", "guard", failure_sentence(version, evidence), kSelf});
  return revert;
}

Awaitable<std::optional<Reply>> ControllerImpl::commit(Draft draft, Order order) {
  const std::string service = draft.state.name;
  Change change = make_change(draft);
  if (order == Order::StoreFirst) {
    const auto failed = co_await write(change);
    if (failed) co_return store_problem(*failed);
    if (auto revert = overtaken(draft))
      co_return co_await commit(*std::move(revert), Order::PublishFirst);
    if (install(draft)) co_await switch_workers();
  } else {
    if (install(draft)) co_await switch_workers();
    for (Decision& decision : change.decisions) {
      const auto* version = decision.evidence.if_contains("version");
      if (version == nullptr) continue;
      const auto decided = evidence_of(service, std::string(version->as_string())).report.decided;
      if (!decided) continue;
      const auto took = std::chrono::duration<double, std::milli>(setup_.now() - *decided);
      decision.evidence["switched_ms"] = rounded(took.count(), 3);
      if (Entry& entry = entries_.at(service); entry.rollout)
        entry.rollout->evidence = decision.evidence;
    }
    co_await write_or_keep(std::move(change));
  }
  co_await settle(service);
  co_return std::nullopt;
}

// --- what happens by itself ----------------------------------------------------------------------

Awaitable<void> ControllerImpl::on_trip(std::string service, std::string version) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Trip);
  Entry* entry = find(service);
  if (entry == nullptr) co_return;
  const auto at_stake = guarded(entry->state, entry->rollout ? &*entry->rollout : nullptr);
  Evidence evidence = evidence_of(service, version);
  if (!evidence.report.failed_test)  // a route's, in a dry run
    if (auto route = failed_route(service, version)) evidence = *std::move(route);
  // A person was faster, or a retry has begun since.
  if (!at_stake.contains(version) || !evidence.report.failed_test) co_return;
  Draft draft = draft_of(*entry);
  if (evidence.report.dry_run) {
    decide(draft, {"would_roll_back", "guard", failure_sentence(version, evidence), kSelf});
    draft.decisions.back().evidence = evidence_view(service, version);
    co_await commit(std::move(draft), Order::StoreFirst);
    co_return;
  }
  if (draft.rollout && draft.rollout->to == version)
    run(draft, event::Tripped{evidence});
  else
    revert_directly(draft, version,
                    {"rolled_back", "guard", failure_sentence(version, evidence), kSelf});
  co_await commit(std::move(draft), Order::PublishFirst);
}

Awaitable<void> ControllerImpl::health_changed(ProbedEndpoint probed, bool healthy,
                                               std::string why) {
  spdlog::log(healthy ? spdlog::level::info : spdlog::level::warn,
              "health service={} version={} endpoint={} healthy={} why=\"{}\"", probed.service,
              probed.version, probed.url, healthy, why);
  events_.publish("health", {{"service", probed.service},
                             {"version", probed.version},
                             {"endpoint", probed.url},
                             {"healthy", healthy},
                             {"why", why}});
  const std::string& service = probed.service;
  const std::string& version = probed.version;
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Trip);
  const Entry* entry = find(service);
  if (entry == nullptr) co_return;
  // One that a rolling rollout has taken out is expected to be away.
  const auto in_service = endpoints_in_service(entry->state, version);
  const auto is_healthy = [](const auto& endpoint) { return endpoint->healthy(); };
  if (in_service.empty() || std::any_of(in_service.begin(), in_service.end(), is_healthy))
    co_return;
  // Named: GCC 12 and braces around a co_await do not agree.
  Unfit what{service, version, "health", version + " has no healthy endpoint left: " + why};
  co_await take_traffic(std::move(what));
}

void ControllerImpl::sample_windows() {
  const TimePoint now = setup_.now();
  for (auto& [name, entry] : entries_) {
    for (const auto& [version, share] : entry.state.weights) {
      const auto monitor = publisher_.monitor(name, version);
      if (!monitor) continue;
      const stats::VersionTotals totals = monitor->totals();
      entry.recent[version].sample({totals.attempts(), totals.errors()});
      entry.windows[version].sample(now, totals);
    }
    record_traffic(entry);
    const auto monitor = publisher_.monitor(name, compared(entry));
    const auto comparison = monitor ? monitor->comparison() : nullptr;
    if (comparison && !comparison->has_latency_limits()) freeze_latency(name);
  }
}

Awaitable<void> ControllerImpl::tick() {
  sample_windows();
  const auto turn = turns_.try_take();
  if (!turn) co_return;  // somebody's change comes first; there is a tick every second
  Change nothing_new;
  if (!unsaved_.empty()) co_await write(std::move(nothing_new));
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  for (const auto& name : names) {
    co_await tick_service(name);
    co_await tick_flags(name);
    co_await tick_mirror(name);
  }
}

// The promise to keep the version before for a rollback is over.
bool ControllerImpl::release_old_version(Draft& draft) {
  std::int64_t& until = draft.state.keep_old_until_ms;
  if (until == 0 || setup_.wall_ms() < until) return false;
  until = 0;
  decide(draft, {"old_released", "keep_old",
                 draft.state.last_good + " need not be kept for a rollback any longer", kSelf});
  return true;
}

Awaitable<void> ControllerImpl::tick_service(std::string name) {
  Entry& entry = entries_.at(name);
  if (entry.state.lease) {
    if (setup_.wall_ms() >= entry.state.lease->expires_ms) co_await expire_lease(name);
    co_return;  // weights for a while prove nothing for good
  }
  Draft draft = draft_of(entry);
  if (entry.rollout) {
    const event::Tick tick{surroundings(name, &*entry.rollout),
                           evidence_of(name, entry.rollout->to)};
    run(draft, tick);
    const bool quiet = draft.decisions.empty() && draft.state == entry.state &&
                       draft.rollout->phase == entry.rollout->phase &&
                       draft.rollout->tasks == entry.rollout->tasks;
    if (quiet) {
      entry.rollout = draft.rollout;  // the verdict shown
      co_return;
    }
    const bool reverting = draft.rollout->phase == Phase::RollingBack;
    co_await commit(std::move(draft), reverting ? Order::PublishFirst : Order::StoreFirst);
    co_return;
  }
  if (release_old_version(draft)) {
    co_await commit(std::move(draft), Order::StoreFirst);
    co_return;
  }
  // Set to the whole by hand and proven good: it is what stable means.
  for (const auto& [version, share] : entry.state.weights) {
    if (version == entry.state.stable || share != Share::percent(100)) continue;
    if (evidence_of(name, version).report.verdict != guard::Verdict::Pass) continue;
    apply_to_service(effect::MakeStable{version}, draft.state);
    decide(
        draft,
        {"promoted", "passed",
         version + " is the new stable version: it has all traffic and every guard passed", kSelf});
    draft.decisions.back().evidence = evidence_view(name, version);
    co_await commit(std::move(draft), Order::StoreFirst);
    co_return;
  }
}

}  // namespace cutwater::control
