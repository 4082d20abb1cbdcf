// A new configuration as a whole or not at all; draining; idempotency keys.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "control/controller_impl.hpp"
#include "control/json_text.hpp"
#include "control/views.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

constexpr std::int64_t kKeepKeysSeconds = 24 * 3600;

Reply refused(const std::vector<config::Problem>& problems) {
  json::array list;
  for (const auto& problem : problems)
    list.push_back(json::object{{"file", problem.file},
                                {"line", problem.line},
                                {"column", problem.column},
                                {"message", problem.message}});
  return problem(422, "invalid_config",
                 "the configuration was not taken over, the running one stays: " +
                     config::to_string(problems.front()),
                 {{"problems", std::move(list)}});
}

config::Problem whole_file(const std::string& file, std::string message) {
  return {file, 0, 0, std::move(message)};
}

}  // namespace

Awaitable<Reply> ControllerImpl::reload(Actor actor) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  last_reload_ok_ = false;
  config::Parsed parsed = setup_.load();
  const std::string& file = setup_.config_path;
  if (!parsed.problems.empty()) co_return refused(parsed.problems);
  config::Config& next = *parsed.config;
  if (const auto names = setup_.restart_needed(config_, next); !names.empty()) {
    std::vector<config::Problem> problems;
    for (const auto& name : names)
      problems.push_back(whole_file(file, "`" + name + "` can only change with a restart"));
    co_return refused(problems);
  }

  // Everything is worked out beside the running state; from here on nothing is half done.
  std::vector<config::Problem> problems;
  std::map<std::string, Entry> entries;
  Change change;
  for (const auto& service : next.services) {
    const Entry* running = find(service.name);
    if (const auto old = retired_.find(service.name); running == nullptr && old != retired_.end())
      running = &old->second;  // back again, with what was decided about it
    Entry entry;
    if (running != nullptr)
      entry = *running;
    else
      entry.state = first_state(service);
    for (auto& text : fit_to_config(entry, service)) problems.push_back(whole_file(file, text));
    lift_lock_outs(entry.state, service, setup_.wall_ms(), change.decisions);
    note_lock_outs(entry.state, service);
    if (running == nullptr || !(entry.state == running->state)) {
      ++entry.state.generation;
      change.services.push_back(entry.state);
    }
    entries[service.name] = std::move(entry);
  }
  for (const auto& [name, entry] : entries_)
    if (!entries.contains(name) && entry.rollout)
      problems.push_back(whole_file(file, "services: `" + name + "` has the active rollout " +
                                              entry.rollout->id + "; end it before removing it"));
  if (problems.empty()) {
    std::function<Resolution(Store&)> resolve = [&next, &file, this,
                                                 known = publisher_.known()](Store&) {
      return resolve_endpoints(next, file, setup_.resolver, known);
    };
    const Resolution resolution = co_await store_.run<Resolution>(std::move(resolve));
    problems = resolution.problems;
    if (problems.empty()) {
      Decision decision;
      decision.time = time_text(setup_.wall_ms());
      decision.action = "reloaded";
      decision.cause = "manual";
      decision.actor = actor.name;
      decision.reason = "configuration reloaded by " + actor.name;
      change.decisions.push_back(std::move(decision));
      const auto failed = co_await write(change);
      if (failed) co_return store_problem(*failed);
      publisher_.adopt(next, resolution);
    }
  }
  if (!problems.empty()) co_return refused(problems);

  for (const auto& [name, entry] : entries) {
    const Entry* before = find(name);  // one that came back is still locked out
    publisher_.shut(name, before == nullptr ? std::set<std::string>{} : before->state.locked_out,
                    entry.state.locked_out);
  }
  config_ = std::move(next);
  operations_ = std::move(parsed.operations);
  for (auto& [name, entry] : entries_)
    if (!entries.contains(name)) retired_[name] = std::move(entry);
  for (const auto& [name, entry] : entries) retired_.erase(name);
  entries_ = std::move(entries);
  for (const auto& [name, entry] : entries_) {
    // A service that came back has new monitors; evidence of those that stayed goes on.
    const EngineState* rollout = entry.rollout ? &*entry.rollout : nullptr;
    for (const auto& version : guarded(entry.state, rollout))
      if (!evidence_of(name, version).report.armed)
        arm(name, {version, entry.state.stable}, rollout);
    sync_flag_guards(name);
  }
  co_await switch_workers();
  last_reload_ok_ = true;
  spdlog::info("configuration reloaded generation={} actor={}", snapshot_->generation, actor.name);
  events_.publish("config", {{"generation", snapshot_->generation}, {"actor", actor.name}});
  if (setup_.on_published) setup_.on_published();
  Reply reply;
  reply.body = json::object{{"reloaded", true}, {"generation", snapshot_->generation}};
  co_return reply;
}

Awaitable<Reply> ControllerImpl::drain(Actor actor) {
  spdlog::info("drain asked for actor={}", actor.name);
  if (setup_.on_drain) setup_.on_drain();
  Reply reply;
  reply.status = 202;
  reply.body = json::object{{"draining", true}};
  co_return reply;
}

// --- idempotency ---------------------------------------------------------------------------------

Awaitable<IdempotentAnswer> ControllerImpl::idempotent_lookup(std::string key,
                                                              std::string fingerprint) {
  using Kind = IdempotentAnswer::Kind;
  if (const auto running = in_flight_keys_.find(key); running != in_flight_keys_.end())
    co_return IdempotentAnswer{running->second == fingerprint ? Kind::InFlight : Kind::Mismatch,
                               {}};
  // Taken before the store is asked: the same key must not pass twice while it looks.
  in_flight_keys_[key] = fingerprint;
  const auto found = co_await store_.find_idempotent(key, setup_.wall_ms() / 1000);
  // An unreadable memory must not stop the work; the operation itself will say so if it matters.
  if (found.has_error() || found->empty()) co_return IdempotentAnswer{};
  in_flight_keys_.erase(key);
  const IdempotencyRecord& record = found->front();
  if (record.fingerprint != fingerprint) co_return IdempotentAnswer{Kind::Mismatch, {}};
  IdempotentAnswer answer;
  answer.kind = Kind::Replay;
  answer.reply.status = record.status;
  answer.reply.body = json::parse(record.body);
  answer.reply.location = record.location;
  if (record.etag >= 0) answer.reply.etag = static_cast<std::uint64_t>(record.etag);
  co_return answer;
}

Awaitable<void> ControllerImpl::idempotent_store(std::string key, std::string fingerprint,
                                                 Reply reply) {
  if (reply.status < 500) {
    const std::int64_t now = setup_.wall_ms() / 1000;
    IdempotencyRecord record{key,
                             fingerprint,
                             reply.status,
                             to_text(reply.body),
                             reply.location,
                             reply.etag ? static_cast<std::int64_t>(*reply.etag) : -1,
                             now + kKeepKeysSeconds};
    const auto written = co_await store_.remember(std::move(record), now);
    if (written.has_error())
      spdlog::warn("an idempotency key could not be kept error=\"{}\"", written.error().message);
  }
  in_flight_keys_.erase(key);
}

}  // namespace cutwater::control
