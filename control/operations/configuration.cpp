// A new configuration as a whole or not at all; draining; idempotency keys.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "control/base/json_text.hpp"
#include "control/state/views.hpp"
#include "control/steering/steering.hpp"

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

}  // namespace

NextConfig ControllerImpl::fit(config::Config written, const ServiceState* changed) {
  NextConfig next;
  next.from = changed == nullptr ? setup_.config_path : "request";
  next.config = next.written = std::move(written);
  for (config::Service& service : next.config.services) {
    const Entry* running = find(service.name);
    const Entry* known = running;
    if (const auto old = retired_.find(service.name); running == nullptr && old != retired_.end())
      known = &old->second;  // back again, with what was decided about it
    Entry& entry = next.entries[service.name];
    if (known != nullptr)
      entry = *known;
    else
      entry.state = first_state(service);
    if (changed != nullptr && changed->name == service.name) entry.state = *changed;
    service = in_force(entry.state, service, setup_.wall_ms(), next.change.decisions);
    for (auto& text : fit_to_config(entry, service)) next.object(std::move(text));
    if (running != nullptr)
      forget_moved(entry.state, *find_config(service.name), service, setup_.wall_ms(),
                   next.change.decisions);
    lift_lock_outs(entry.state, service, setup_.wall_ms(), next.change.decisions);
    note_lock_outs(entry.state, service);
    // Should a version of that name come again, its counters begin at zero.
    const auto gone = [&service](const auto& kept) { return !service.find_version(kept.first); };
    std::erase_if(entry.windows, gone);
    std::erase_if(entry.recent, gone);
    if (known == nullptr || !(entry.state == known->state)) {
      ++entry.state.generation;
      next.change.services.push_back(entry.state);
    }
  }
  for (const auto& [name, entry] : entries_)
    if (!next.entries.contains(name) && entry.rollout)
      next.object("services: `" + name + "` has the active rollout " + entry.rollout->id +
                  "; end it before removing it");
  return next;
}

Awaitable<std::optional<Reply>> ControllerImpl::take_over(NextConfig next) {
  std::function<Resolution(Store&)> resolve = [&next, this, known = publisher_.known()](Store&) {
    return resolve_endpoints(next.config, next.from, setup_.resolver, known);
  };
  const Resolution resolution = co_await store_.run<Resolution>(std::move(resolve));
  if (!resolution.problems.empty()) co_return refused(resolution.problems);
  const auto failed = co_await write(next.change);
  if (failed) co_return store_problem(*failed);
  publisher_.adopt(next.config, resolution);

  setup_.config = std::move(next.written);
  config_ = std::move(next.config);
  std::map<std::string, Entry> before = std::exchange(entries_, std::move(next.entries));
  for (const auto& [name, entry] : entries_) {
    retired_.erase(name);
    const auto old = before.find(name);
    // One that came back has new monitors, and is still locked out. Evidence of the others goes on.
    sync_guards(old == before.end() ? Entry{} : old->second, draft_of(entry));
    sync_flag_guards(name);
  }
  for (auto& [name, entry] : before)
    if (!entries_.contains(name)) retired_[name] = std::move(entry);
  co_await switch_workers();
  for (const auto& [name, entry] : entries_) retire_guards(name);
  if (setup_.on_published) setup_.on_published();
  co_return std::nullopt;
}

Awaitable<Reply> ControllerImpl::reload(Actor actor) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  last_reload_ok_ = false;
  config::Parsed parsed = setup_.load();
  if (!parsed.problems.empty()) co_return refused(parsed.problems);
  if (const auto names = setup_.restart_needed(config_, *parsed.config); !names.empty()) {
    std::vector<config::Problem> problems;
    for (const auto& name : names)
      problems.push_back(
          {setup_.config_path, 0, 0, "`" + name + "` can only change with a restart"});
    co_return refused(problems);
  }
  NextConfig next = fit(std::move(*parsed.config));
  if (!next.problems.empty()) co_return refused(next.problems);
  const Why why{"reloaded", "manual", "configuration reloaded by " + actor.name, actor.name};
  next.change.decisions.push_back(decision_of("", why, setup_.wall_ms()));
  auto failed = co_await take_over(std::move(next));
  if (failed) co_return *std::move(failed);

  operations_ = std::move(parsed.operations);
  last_reload_ok_ = true;
  spdlog::info("configuration reloaded generation={} actor={}", snapshot_->generation, actor.name);
  events_.publish("config", {{"generation", snapshot_->generation}, {"actor", actor.name}});
  if (setup_.on_reloaded) setup_.on_reloaded();
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
