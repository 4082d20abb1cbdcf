#include "control/operations/weights.hpp"

#include <utility>
#include <variant>

#include "config/units.hpp"
#include "control/base/json_text.hpp"
#include "control/operations/policy.hpp"
#include "control/operations/replies.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

using Weights = std::map<std::string, Share>;

Reply invalid_weights(const std::string& detail) {
  return problem(422, "invalid_weights", detail);
}

std::string names(const Weights& weights) {
  std::string out;
  for (const auto& [version, share] : weights) out += (out.empty() ? "`" : ", `") + version + "`";
  return out;
}

constexpr config::Duration kShortestLease = std::chrono::seconds(1);
constexpr config::Duration kLongestLease = std::chrono::hours(24 * 30);

// Reads "ttl" of the body of PUT weights; 0 means that there is none.
std::variant<config::Duration, Reply> parse_ttl(const json::object& body) {
  const auto* written = body.if_contains("ttl");
  if (written == nullptr) return config::Duration(0);
  const auto ttl =
      written->is_string() ? config::parse_duration(written->as_string()) : std::nullopt;
  if (!ttl || *ttl < kShortestLease || *ttl > kLongestLease)
    return invalid_weights("`ttl` is a duration from 1s to 30d, such as \"15m\"");
  return *ttl;
}

// Reads the body of PUT weights: percent per version, missing ones are 0. `known` has every
// version.
std::variant<Weights, Reply> parse_weights(const json::object& body, const Weights& known) {
  Weights out;
  for (const auto& [version, share] : known) out[version] = Share{};
  std::int64_t sum = 0;
  for (const auto& [key, value] : body) {
    const std::string version(key);
    if (version == "ttl" && !known.contains(version)) continue;
    const auto found = out.find(version);
    if (found == out.end()) {
      return invalid_weights("unknown version `" + version + "`; known are " + names(known));
    }
    std::optional<Share> share;
    if (value.is_number()) share = share_from_percent(value.to_number<double>());
    if (!share)
      return invalid_weights("`" + version + "`: " + to_text(value) +
                             " is not a number of percent from 0 to 100 with at most 4 decimals");
    found->second = *share;
    sum += share->millionths;
  }
  if (sum != Share::kWhole)
    return invalid_weights("the weights sum to " +
                           to_text(number(static_cast<double>(sum) / 10000.0)) +
                           " percent; they must sum to exactly 100");
  return out;
}

// Takes `force` out of the body, unless a version is called so.
std::optional<Reply> take_force(json::object& body, const Weights& known, bool& force) {
  const auto* given = body.if_contains("force");
  if (given == nullptr || known.contains("force")) return std::nullopt;
  if (!given->is_bool()) return invalid_weights("`force` is true or false");
  force = given->as_bool();
  body.erase("force");
  return std::nullopt;
}

std::optional<Reply> read_reason(const json::object& body, std::string& reason) {
  for (const auto& [key, value] : body) {
    if (key != "reason" || !value.is_string())
      return problem(422, "invalid_body",
                     "`" + std::string(key) + "`: only a text `reason` is known here");
    reason = std::string(value.as_string());
  }
  return std::nullopt;
}

}  // namespace

Reply WeightsOperations::weights(const std::string& service) {
  const ServiceEntry* entry = parts_.services.find(service);
  return entry == nullptr ? no_service(service) : weights_reply(entry->state);
}

// Stable may always have more, because that is the way back.
std::optional<Reply> WeightsOperations::check_fit(const ServiceState& state,
                                                  const Weights& next) const {
  for (const auto& [version, share] : next) {
    const auto had = state.weights.find(version);
    const bool rises = had == state.weights.end() || share > had->second;
    if (version == state.stable || !rises) continue;
    if (auto refused = check_capacity(parts_.capacity, state, version, share)) return refused;
  }
  return std::nullopt;
}

Awaitable<Reply> WeightsOperations::put_weights(std::string service, json::object weights,
                                                Precondition precondition, Actor actor,
                                                bool dry_run) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  if (auto refused = check_precondition(entry->state, precondition)) co_return *std::move(refused);
  bool force = false;  // beyond the capacity of the healthy endpoints
  if (auto refused = take_force(weights, entry->state.weights, force))
    co_return *std::move(refused);
  auto parsed = parse_weights(weights, entry->state.weights);
  if (auto* refused = std::get_if<Reply>(&parsed)) co_return std::move(*refused);
  const Weights& next = std::get<Weights>(parsed);
  auto leased = parse_ttl(weights);
  if (auto* refused = std::get_if<Reply>(&leased)) co_return std::move(*refused);
  const config::Duration ttl = std::get<config::Duration>(leased);
  const std::int64_t until_ms = ttl.count() > 0 ? parts_.clocks.wall_ms() + ttl.count() : 0;
  const Policy policy(parts_.services.config(), *parts_.services.find_config(service), actor);
  if (auto refused = policy.weights(entry->state, {next, until_ms, force}))
    co_return *std::move(refused);
  if (entry->rollout)
    co_return problem(409, "rollout_active",
                      "rollout " + entry->rollout->id + " is steering `" + service +
                          "`; abort or promote it first, or use its commands",
                      {{"rollout", entry->rollout->id}});
  for (const auto& [version, share] : next)
    if (share.millionths > 0 && entry->state.locked_out.contains(version))
      co_return problem(409, "locked_out",
                        "`" + version + "` is locked out: it " +
                            withdrawal_text(entry->state, version) +
                            ". Unlock it first (POST /v1/services/" + service + "/versions/" +
                            version + ":unlock)",
                        {{"version", version}});
  if (!force)
    if (auto refused = check_fit(entry->state, next)) co_return *std::move(refused);
  Draft draft = steering_.draft_of(*entry);
  draft.state.weights = next;
  const auto running = std::exchange(draft.state.lease, std::nullopt);
  if (ttl.count() > 0) {
    // A lease that is renewed still falls back to where the first one began.
    draft.state.lease =
        Lease{next, running ? running->before : entry->state.weights, until_ms, actor.name};
  }
  if (dry_run) {
    Reply plan;
    plan.body = json::object{{"dry_run", true},
                             {"generation", entry->state.generation},
                             {"weights", percent_view(next)},
                             {"before", percent_view(entry->state.weights)}};
    co_return plan;
  }
  draft.decide({"weights_set", "manual",
                "weights set to " + weights_text(next) + " by " + actor.name +
                    (ttl.count() > 0 ? " for " + config::to_string(ttl) : ""),
                actor.name});
  const auto failed = co_await steering_.commit(std::move(draft), Order::StoreFirst);
  if (failed) co_return store_problem(*failed);
  co_return weights_reply(parts_.services.at(service).state);
}

Awaitable<Reply> WeightsOperations::rollback(std::string service, json::object body, Actor actor) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  std::string reason;
  if (auto refused = read_reason(body, reason)) co_return *std::move(refused);
  const std::string by = "rolled back by " + actor.name + (reason.empty() ? "" : ": " + reason);

  Draft draft = steering_.draft_of(*entry);
  ServiceState& state = draft.state;
  if (draft.rollout) {
    const event::Command command{event::Command::Kind::Rollback,
                                 actor.name,
                                 reason,
                                 parts_.capacity.surroundings(service, &*draft.rollout),
                                 false,
                                 false};
    if (const auto refusal = draft.run(command))
      co_return problem(409, refusal->type, refusal->detail);
  } else {
    std::string given_up;  // stable until now
    if (state.weights[state.stable] == Share::percent(100)) {
      const bool usable = !state.last_good.empty() && !state.locked_out.contains(state.last_good);
      if (!usable)
        co_return problem(409, "nothing_to_roll_back",
                          "`" + state.stable + "` already has all traffic of `" + service +
                              "` and no earlier good version is known");
      const bool gone = parts_.capacity.of(state, state.last_good).millionths == 0;
      if (gone)
        co_return problem(409, "nothing_to_roll_back",
                          "`" + state.last_good + "` has no healthy endpoint in service");
      given_up = std::exchange(state.stable, std::exchange(state.last_good, ""));
      state.keep_old_until_ms = 0;
    }
    for (auto& [version, share] : state.weights) share = Share{};
    state.weights[state.stable] = Share::percent(100);
    draft.decide({"rolled_back", "manual", by, actor.name});
    if (!given_up.empty()) draft.take_back(given_up);
  }
  const std::string rollout = draft.rollout ? draft.rollout->id : "";
  const auto failed = co_await steering_.commit(std::move(draft), Order::PublishFirst);
  if (failed) co_return store_problem(*failed);
  Reply reply = weights_reply(parts_.services.at(service).state);
  json::object& view = reply.body.as_object();
  view["service"] = service;
  view["stable"] = parts_.services.at(service).state.stable;
  if (!steering_.state_writable()) view["durable"] = false;
  view["rollout"] = rollout.empty() ? json::value(nullptr)
                                    : rollout_view(*parts_.services.find_rollout(rollout).rollout);
  co_return reply;
}

}  // namespace cutwater::control
