#include "control/operations/flags.hpp"

#include <utility>
#include <variant>

#include "control/operations/flag_change.hpp"
#include "control/operations/ofrep.hpp"
#include "control/operations/policy.hpp"
#include "control/operations/replies.hpp"

namespace cutwater::control {
namespace json = boost::json;

json::object FlagsOperations::view_of(const ServiceEntry& entry, const config::Flag& flag) const {
  std::optional<guard::GuardReport> report;
  if (const auto monitor = parts_.publisher.flag_monitor(entry.state.name, flag.name); flag.ramp)
    report = monitor->report(parts_.clocks.now());
  return flag_view({&flag, entry.state.find_flag(flag.name), report ? &*report : nullptr});
}

Reply FlagsOperations::flags(const std::string& service) {
  const ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) return no_service(service);
  json::array list;
  for (const auto& flag : parts_.services.find_config(service)->flags)
    list.push_back(view_of(*entry, flag));
  Reply reply;
  reply.body = json::object{{"service", service}, {"flags", std::move(list)}};
  reply.etag = entry->state.generation;
  return reply;
}

Awaitable<Reply> FlagsOperations::set_flag(std::string service, std::string flag, bool enabled,
                                           Actor actor) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  const config::Flag* known = parts_.services.find_config(service)->find_flag(flag);
  if (known == nullptr)
    co_return problem(404, "flag_unknown", "`" + service + "` has no flag `" + flag + "`");
  FlagState after;
  if (const FlagState* state = entry->state.find_flag(flag)) after = *state;
  const bool same = with_changes(*known, &after).enabled == enabled;
  if (!same) after.enabled = enabled;
  const std::string what = enabled ? "revived" : "killed";
  Why why{"flag_" + what, "manual", "flag " + flag + " " + what + " by " + actor.name, actor.name};
  co_return co_await change(service, actor, *known, std::move(after), std::move(why));
}

Awaitable<Reply> FlagsOperations::put_flag(std::string service, std::string flag, json::object body,
                                           Precondition precondition, Actor actor) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  const config::Flag* known = parts_.services.find_config(service)->find_flag(flag);
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
  co_return co_await change(service, actor, *known, std::move(after), std::move(why));
}

// A kill reaches the workers before the disk, like a revert: a full or stalled disk must not keep
// users on the flag. The answer says so when the kill could not be written yet.
Awaitable<Reply> FlagsOperations::change(std::string service, Actor actor, config::Flag file,
                                         FlagState after, Why why) {
  ServiceEntry& entry = parts_.services.at(service);
  const FlagState* known = entry.state.find_flag(file.name);
  const FlagState before = known != nullptr ? *known : FlagState{};
  const Policy policy(parts_.services.config(), *parts_.services.find_config(service), actor);
  if (auto refused = policy.flag(file, before, after, entry.state.stable))
    co_return *std::move(refused);
  const Order order = why.action == "flag_killed" ? Order::PublishFirst : Order::StoreFirst;
  bool durable = true;
  if (!(before == after)) {
    Draft draft = steering_.draft_of(entry);
    draft.state.flags[file.name] = std::move(after);
    draft.decide(why);
    const auto failed = co_await steering_.commit(std::move(draft), order);
    if (failed) co_return store_problem(*failed);
    durable = steering_.state_writable();
    parts_.flag_guards.begin_step(service, file.name);
  }
  Reply reply;
  reply.body = view_of(parts_.services.at(service), file);
  if (!durable) reply.body.as_object()["durable"] = false;
  reply.etag = parts_.services.at(service).state.generation;
  co_return reply;
}

Reply FlagsOperations::ofrep_flag(const std::string& key, const json::object& request) {
  return control::ofrep_flag(*steering_.snapshot(), key, request);
}

Reply FlagsOperations::ofrep_flags(const json::object& request) {
  return control::ofrep_flags(*steering_.snapshot(), request);
}

}  // namespace cutwater::control
