#include "control/operations/versions.hpp"

#include <boost/algorithm/string/join.hpp>
#include <utility>
#include <variant>

#include "control/base/json_member.hpp"
#include "control/operations/policy.hpp"
#include "control/operations/replies.hpp"
#include "control/operations/services.hpp"
#include "control/operations/version_change.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

// Says what a person wants of a version and what will be said about it, or the problem when it
// cannot be.
std::variant<Why, Reply> change_version(Draft& draft, const std::string& version,
                                        VersionAction action, const Actor& actor) {
  ServiceState& state = draft.state;
  if (action == VersionAction::Unlock) {
    if (state.locked_out.erase(version) == 0)
      return problem(409, "not_locked_out", "`" + version + "` is not locked out");
    return Why{"unlocked", "manual", version + " unlocked by " + actor.name, actor.name};
  }
  if (version == state.stable)
    return problem(409, "version_stable",
                   "`" + version +
                       "` is the stable version: there is nobody else to answer its requests; make "
                       "another one stable first");
  if (draft.rollout && (draft.rollout->to == version || draft.rollout->from == version))
    return problem(409, "rollout_active",
                   "`" + version + "` is part of rollout " + draft.rollout->id + "; abort it first",
                   {{"rollout", draft.rollout->id}});
  state.weights[state.stable].millionths += state.weights[version].millionths;
  state.weights[version] = Share{};
  state.locked_out.insert(version);
  return Why{"drained", "manual",
             version + " is drained by " + actor.name + ": its share goes to " + state.stable,
             actor.name};
}

Reply in_use(const std::string& detail) {
  return problem(409, "version_in_use", detail);
}

}  // namespace

Awaitable<Reply> VersionsOperations::act_on_version(std::string service, std::string version,
                                                    VersionAction action, Actor actor) {
  if (action != VersionAction::Show) {
    const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
    const ServiceEntry* entry = parts_.services.find(service);
    if (entry == nullptr) co_return no_service(service);
    if (!entry->state.weights.contains(version)) co_return no_version(service, version);
    const Policy policy(parts_.services.config(), *parts_.services.find_config(service), actor);
    if (action == VersionAction::Unlock)
      if (auto refused = policy.unlock(version)) co_return *std::move(refused);
    // To drain a version that is shut already is no change.
    if (action == VersionAction::Unlock || !entry->state.locked_out.contains(version)) {
      Draft draft = steering_.draft_of(*entry);
      auto changed = change_version(draft, version, action, actor);
      if (auto* refused = std::get_if<Reply>(&changed)) co_return std::move(*refused);
      draft.decide(std::get<Why>(changed));
      const auto failed = co_await steering_.commit(std::move(draft), Order::StoreFirst);
      if (failed) co_return store_problem(*failed);
    }
  }
  const std::uint64_t active =
      co_await parts_.tasks.count_active(parts_.publisher.endpoints(service, version));
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  if (!entry->state.weights.contains(version)) co_return no_version(service, version);
  Reply reply;
  json::object body = version_view(parts_, *parts_.services.find_config(service), *entry, version);
  body["active"] = active;
  body["drained"] = active == 0 && entry->state.locked_out.contains(version);
  reply.body = std::move(body);
  reply.etag = entry->state.generation;
  co_return reply;
}

Awaitable<std::optional<Reply>> VersionsOperations::change_where(ServiceState state,
                                                                 std::string version, Why why) {
  const ServiceEntry& entry = parts_.services.at(state.name);
  NextConfig next = takeover_.fit(parts_.services.written(), &state);
  if (!next.problems.empty()) co_return in_use(next.problems.front().message);
  next.put = {state.name, version};
  const config::Service& before = *parts_.services.find_config(state.name);
  const config::Service& after = *next.config.find_service(state.name);
  const EngineState* rollout = entry.active();
  Draft draft = steering_.draft_of(entry);
  draft.decide(why);
  Decision& decision = draft.decisions.front();
  decision.evidence = {{"version", version},
                       {"endpoints_before", json_texts(before.urls_of(version))},
                       {"endpoints", json_texts(after.urls_of(version))}};
  decision.after = state_summary(next.entries.at(state.name).state, rollout);
  next.change.decisions.insert(next.change.decisions.begin(), std::move(decision));
  const auto failed = co_await takeover_.take_over(std::move(next));
  if (failed) co_return not_taken(*failed);
  co_return std::nullopt;
}

Awaitable<Reply> VersionsOperations::put_version(std::string service, std::string version,
                                                 json::object body, Precondition precondition,
                                                 Actor actor) {
  bool is_new = false;
  {
    const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
    const ServiceEntry* entry = parts_.services.find(service);
    if (entry == nullptr) co_return no_service(service);
    if (auto refused = check_precondition(entry->state, precondition))
      co_return *std::move(refused);
    const config::Service& now = *parts_.services.find_config(service);
    is_new = now.find_version(version) == nullptr;
    auto placed = read_version_change(
        body,
        {version, parts_.services.written().find_service(service), &now, entry->state.stable});
    if (auto* refused = std::get_if<Reply>(&placed)) co_return std::move(*refused);
    VersionState& place = std::get<VersionState>(placed);
    place.by_deployer = Policy(parts_.services.config(), now, actor).binds();
    const std::string where = boost::algorithm::join(place.endpoints, ", ");
    ServiceState state = entry->state;
    if (std::set(place.endpoints.begin(), place.endpoints.end()) == place.in_file)
      state.versions.erase(version);
    else
      state.versions[version] = std::move(place);
    const bool changes = state != entry->state;
    if (changes && actor.role < config::Role::Admin && has_users(*entry, now, version))
      co_return problem(403, "role_too_low",
                        "requests of users go to `" + version +
                            "`; to say where without a rollout takes the role admin");
    if (changes) {
      Why why{"version_put", "manual", version + " runs at " + where + ", says " + actor.name,
              actor.name};
      auto failed = co_await change_where(std::move(state), version, std::move(why));
      if (failed) co_return *std::move(failed);
    }
  }
  Reply reply = co_await act_on_version(service, version, VersionAction::Show, actor);
  if (is_new) reply.status = 201;
  if (is_new) reply.location = "/v1/services/" + service + "/versions/" + version;
  co_return reply;
}

// A trial asks only whether something other than the requests under way stands in the way.
Awaitable<Reply> VersionsOperations::remove_version(std::string service, std::string version,
                                                    Precondition precondition, Actor actor,
                                                    bool dry_run) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  const ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  if (!entry->state.weights.contains(version)) co_return no_version(service, version);
  if (auto refused = check_precondition(entry->state, precondition)) co_return *std::move(refused);
  if (const auto sender = sender_to(*parts_.services.find_config(service), version);
      !sender.empty())
    co_return in_use(sender + " sends requests to `" + version + "`; change the file first");
  ServiceState state = entry->state;
  // What was said about the version goes with it: under this name something else may come.
  state.locked_out.erase(version);
  state.locked_endpoints.erase(version);
  state.versions.erase(version);
  if (auto in_file = parts_.services.written().find_service(service)->urls_of(version);
      !in_file.empty())
    state.versions[version] = VersionState{{}, std::move(in_file)};
  if (dry_run) {
    state.weights[version] = Share{};  // as after the drain
    const NextConfig next = takeover_.fit(parts_.services.written(), &state);
    if (!next.problems.empty()) co_return in_use(next.problems.front().message);
    Reply plan = weights_reply(entry->state);
    plan.body.as_object()["dry_run"] = true;
    co_return plan;
  }
  const std::uint64_t active =
      co_await parts_.tasks.count_active(parts_.publisher.endpoints(service, version));
  if (active > 0 || !entry->state.locked_out.contains(version))
    co_return problem(409, "not_drained",
                      "`" + version + "` is not drained (POST /v1/services/" + service +
                          "/versions/" + version + ":drain)" +
                          (active == 0 ? ""
                                       : "; " + std::to_string(active) +
                                             " requests or tunnels are under way there"),
                      {{"active", active}});
  Why why{"version_removed", "manual", version + " removed by " + actor.name, actor.name};
  auto failed = co_await change_where(std::move(state), version, std::move(why));
  if (failed) co_return *std::move(failed);
  Reply reply = weights_reply(parts_.services.at(service).state);
  reply.body.as_object()["removed"] = version;
  co_return reply;
}

}  // namespace cutwater::control
