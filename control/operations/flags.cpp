// Feature flags at run time: shown, changed, killed and revived by people, raised and killed by
// their own ramp. And the mirror's share.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>

#include "config/show_flag.hpp"
#include "config/units.hpp"
#include "control/base/json_text.hpp"
#include "control/guards/flag_ramp.hpp"
#include "control/operations/flag_change.hpp"
#include "control/operations/ofrep.hpp"
#include "control/snapshot/guard_policy.hpp"
#include "control/state/views.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;

json::object ControllerImpl::flag_view_of(const Entry& entry, const config::Flag& flag) {
  std::optional<guard::GuardReport> report;
  if (const auto monitor = publisher_.flag_monitor(entry.state.name, flag.name); flag.ramp)
    report = monitor->report(setup_.now());
  return flag_view({&flag, entry.state.find_flag(flag.name), report ? &*report : nullptr});
}

Reply ControllerImpl::flags(const std::string& service) {
  const Entry* entry = find(service);
  if (entry == nullptr) return no_service(service);
  json::array list;
  for (const auto& flag : find_config(service)->flags) list.push_back(flag_view_of(*entry, flag));
  Reply reply;
  reply.body = json::object{{"service", service}, {"flags", std::move(list)}};
  reply.etag = entry->state.generation;
  return reply;
}

Awaitable<Reply> ControllerImpl::set_flag(std::string service, std::string flag, bool enabled,
                                          Actor actor) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  Entry* entry = find(service);
  if (entry == nullptr) co_return no_service(service);
  const config::Flag* known = find_config(service)->find_flag(flag);
  if (known == nullptr)
    co_return problem(404, "flag_unknown", "`" + service + "` has no flag `" + flag + "`");
  FlagState after;
  if (const FlagState* state = entry->state.find_flag(flag)) after = *state;
  const bool same = with_changes(*known, &after).enabled == enabled;
  if (!same) after.enabled = enabled;
  const std::string what = enabled ? "revived" : "killed";
  Why why{"flag_" + what, "manual", "flag " + flag + " " + what + " by " + actor.name, actor.name};
  co_return co_await change_flag(service, *known, std::move(after), std::move(why));
}

Awaitable<Reply> ControllerImpl::put_flag(std::string service, std::string flag, json::object body,
                                          Precondition precondition, Actor actor) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  Entry* entry = find(service);
  if (entry == nullptr) co_return no_service(service);
  const config::Flag* known = find_config(service)->find_flag(flag);
  if (known == nullptr)
    co_return problem(404, "flag_unknown",
                      "`" + service + "` has no flag `" + flag + "`; flags are made in the file");
  if (auto refused = check_precondition(entry->state, precondition)) co_return *std::move(refused);
  const FlagState* state = entry->state.find_flag(flag);
  auto read = read_flag_change(body, {known, state, nullptr});
  if (auto* refused = std::get_if<Reply>(&read)) co_return std::move(*refused);
  FlagState after = std::get<FlagState>(std::move(read));
  const std::string said = spoken(state != nullptr ? *state : FlagState{}, after);
  Why why{"flag_set", "manual", "flag " + flag + " set by " + actor.name + ": " + said, actor.name};
  co_return co_await change_flag(service, *known, std::move(after), std::move(why));
}

// A kill reaches the workers before the disk, like a revert: a full or stalled disk must not keep
// users on it. The answer says so when it could not be written yet.
Awaitable<Reply> ControllerImpl::change_flag(std::string service, config::Flag file,
                                             FlagState after, Why why) {
  Entry& entry = entries_.at(service);
  const FlagState* before = entry.state.find_flag(file.name);
  const Order order = why.action == "flag_killed" ? Order::PublishFirst : Order::StoreFirst;
  bool durable = true;
  if (!((before != nullptr ? *before : FlagState{}) == after)) {
    Draft draft = draft_of(entry);
    draft.state.flags[file.name] = std::move(after);
    decide(draft, why);
    auto failed = co_await commit(std::move(draft), order);
    if (failed) co_return *std::move(failed);
    durable = state_writable_;
    flag_steps_.erase({service, file.name});
  }
  Reply reply;
  reply.body = flag_view_of(entries_.at(service), file);
  if (!durable) reply.body.as_object()["durable"] = false;
  reply.etag = entries_.at(service).state.generation;
  co_return reply;
}

Reply ControllerImpl::ofrep_flag(const std::string& key, const json::object& request) {
  return control::ofrep_flag(*snapshot_, key, request);
}

Reply ControllerImpl::ofrep_flags(const json::object& request) {
  return control::ofrep_flags(*snapshot_, request);
}

// --- the ramp ----------------------------------------------------------------------------------

// Before the new snapshot: a flag that ramps is judged from its first request on, and stable is its
// witness. The comparison with its control group begins when it is the flag's turn, outlasts a
// pause, and ends with the ramp.
void ControllerImpl::sync_flag_guards(const std::string& service) {
  const ServiceState& state = entries_.at(service).state;
  const config::Service& config = *find_config(service);
  const std::string compared = compared_flag(config, state);
  const auto stable = publisher_.monitor(service, state.stable);
  if (judges_flags(config, state)) witness(service, *stable);
  for (const auto& file : config.flags) {
    const auto monitor = publisher_.flag_monitor(service, file.name);
    if (!monitor) continue;
    const config::Flag flag = with_changes(file, state.find_flag(file.name));
    const bool on = file.ramp && flag.enabled;
    const bool armed = monitor->report(setup_.now()).armed;
    if (on && !armed) arm_flag(service, file.name);
    if (on) monitor->set_baseline(stable);
    if (!on && armed) monitor->disarm();
    if (!file.ramp) monitor->set_tripped(false);  // shut while it was a ramp
    if (on && ramp_is_over(flag)) monitor->set_comparison(nullptr);
    if (file.name != compared || monitor->comparison()) continue;
    guard::ComparisonPolicy policy = comparison_policy_of(flag_limits(config, file.name));
    policy.control_group = true;
    monitor->set_comparison(
        make_comparison(policy, config.timeouts, publisher_.workers(), setup_.now()));
  }
}

void ControllerImpl::arm_flag(const std::string& service, const std::string& flag) {
  flag_steps_.erase({service, flag});  // it counts from zero again
  const std::weak_ptr<int> alive = alive_;
  publisher_.flag_monitor(service, flag)
      ->arm(policy_of(flag_limits(*find_config(service), flag)), [this, alive, service, flag] {
        // On a worker: only hand over. The flag matches nobody any more.
        asio::post(context_, [this, alive, service, flag] {
          if (alive.expired()) return;
          asio::co_spawn(context_, on_flag_trip(service, flag), asio::detached);
        });
      });
}

Evidence ControllerImpl::flag_evidence(const std::string& service, const std::string& flag) {
  const auto monitor = publisher_.flag_monitor(service, flag);
  const auto stable = publisher_.monitor(service, entries_.at(service).state.stable);
  return {monitor->report(setup_.now()), flag_limits(*find_config(service), flag),
          stable->report(setup_.now())};
}

Awaitable<bool> ControllerImpl::decide_flag(Draft draft, Why why, Evidence evidence) {
  decide(draft, why);
  draft.decisions.back().evidence = evidence_json(evidence.report);
  const bool kill = why.action == "flag_killed";
  const auto failed =
      co_await commit(std::move(draft), kill ? Order::PublishFirst : Order::StoreFirst);
  co_return !failed;
}

Awaitable<void> ControllerImpl::on_flag_trip(std::string service, std::string flag) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Trip);
  Entry* entry = find(service);
  if (entry == nullptr || find_config(service)->find_flag(flag) == nullptr) co_return;
  Evidence evidence = flag_evidence(service, flag);
  // A person was faster, or it was revived since.
  if (!evidence.report.armed || !evidence.report.failed_test) co_return;
  const bool kill = !evidence.report.dry_run;
  Draft draft = draft_of(*entry);
  if (kill) draft.state.flags[flag].enabled = false;
  Why why{kill ? "flag_killed" : "flag_would_be_killed", "guard",
          failure_sentence("flag " + flag, evidence), kSelf};
  co_await decide_flag(std::move(draft), std::move(why), std::move(evidence));
}

Awaitable<void> ControllerImpl::tick_flags(std::string service) {
  std::vector<std::string> names;
  for (const auto& flag : find_config(service)->flags)
    if (flag.ramp) names.push_back(flag.name);
  for (const auto& name : names) {
    const Entry& entry = entries_.at(service);
    const FlagState* state = entry.state.find_flag(name);
    const config::Flag flag = with_changes(*find_config(service)->find_flag(name), state);
    if (!is_ramping(flag, state)) {
      flag_steps_.erase({service, name});
      continue;
    }
    Evidence evidence = flag_evidence(service, name);
    const FlagStep fresh{setup_.now(), evidence.report.requests_since_arming};
    FlagStep step = flag_steps_.try_emplace({service, name}, fresh).first->second;
    auto move = next_move(flag, step, evidence, setup_.now());
    if (!move) continue;
    Draft draft = draft_of(entry);
    if (move->kind == RampMove::Kind::Tell) step.told = true;
    if (move->kind == RampMove::Kind::Kill) draft.state.flags[name].enabled = false;
    if (move->kind == RampMove::Kind::Raise) {
      draft.state.flags[name].percentage = move->share;
      step = fresh;
      step.rose = fresh.at;
    }
    const bool done =
        co_await decide_flag(std::move(draft), std::move(move->said), std::move(evidence));
    // What could not be written has not happened.
    if (done) flag_steps_[{service, name}] = step;
  }
}

// --- the mirror --------------------------------------------------------------------------------

Reply ControllerImpl::mirror(const std::string& service) {
  Entry* entry = find(service);
  if (entry == nullptr) return no_service(service);
  const auto& file = find_config(service)->mirror;
  const auto stats = publisher_.mirror_stats(service);
  if (!file || !stats)
    return problem(404, "no_mirror", "`" + service + "` has no `mirror` in the file");
  const stats::VersionTotals totals = stats->monitor.totals();
  json::object results;
  for (std::size_t i = 0; i < stats::kOutcomes; ++i)
    results[stats::to_string(static_cast<stats::Outcome>(i))] = totals.outcomes[i];
  for (std::size_t i = 0; i < routing::kMirrorDrops; ++i)
    results[routing::to_string(static_cast<routing::MirrorDrop>(i))] = stats->dropped[i].load();
  json::object out = config::show_mirror(*file);
  out["share"] = number(entry->state.mirror.value_or(file->share).as_percent());
  out["under_way"] = stats->under_way.load();
  out["results"] = std::move(results);
  out["latency"] = latency_view(totals.latency);
  const guard::GuardReport report = stats->monitor.report(setup_.now());
  out["verdict"] = guard::to_string(report.verdict);
  Reply reply;
  reply.body = std::move(out);
  reply.etag = entry->state.generation;
  return reply;
}

// A shadow that fails hurts nobody; people are told once, before they give it users.
Awaitable<void> ControllerImpl::tick_mirror(std::string service) {
  const auto stats = publisher_.mirror_stats(service);
  if (!stats) co_return;
  const Evidence evidence{stats->monitor.report(setup_.now()), find_config(service)->guards};
  if (!evidence.report.failed_test || !mirrors_told_.insert(stats).second) co_return;
  const std::string name = "mirror to " + stats->monitor.version();
  Draft draft = draft_of(entries_.at(service));
  decide(draft, {"mirror_failed", "guard", failure_sentence(name, evidence), kSelf});
  draft.decisions.back().evidence = evidence_json(evidence.report);
  co_await commit(std::move(draft), Order::StoreFirst);
}

Awaitable<Reply> ControllerImpl::put_mirror(std::string service, json::object body,
                                            Precondition precondition, Actor actor) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  Entry* entry = find(service);
  if (entry == nullptr) co_return no_service(service);
  if (!find_config(service)->mirror)
    co_return problem(404, "no_mirror", "`" + service + "` has no `mirror` in the file");
  if (auto refused = check_precondition(entry->state, precondition)) co_return *std::move(refused);
  const auto* share = body.size() == 1 ? body.if_contains("share") : nullptr;
  const auto given = share != nullptr && share->is_number()
                         ? share_from_percent(share->to_number<double>())
                         : std::nullopt;
  if (!given)
    co_return problem(422, "invalid_mirror",
                      "`share`, a number of percent from 0 to 100, is all that can be set here");
  Draft draft = draft_of(*entry);
  draft.state.mirror = *given;
  decide(draft, {"mirror_set", "manual", "mirror set to " + to_string(*given) + " by " + actor.name,
                 actor.name});
  // To stop the shadow is to protect users: it does not wait for the disk.
  const Order order = given->millionths == 0 ? Order::PublishFirst : Order::StoreFirst;
  auto failed = co_await commit(std::move(draft), order);
  if (failed) co_return *std::move(failed);
  co_return mirror(service);
}

}  // namespace cutwater::control
