#include "control/operations/rollouts.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "config/windows.hpp"
#include "control/base/json_text.hpp"
#include "control/base/rfc3339.hpp"
#include "control/operations/policy.hpp"
#include "control/operations/replies.hpp"
#include "control/state/views.hpp"
#include "proxy/base/random.hpp"

namespace cutwater::control {
namespace json = boost::json;
namespace {

// This is enough of the alphabet to be read out on the phone.
std::string new_rollout_id() {
  static constexpr char kLetters[] = "0123456789abcdefghjkmnpqrstvwxyz";
  std::uint64_t bits = random_u64();
  std::string id = "r-";
  for (int i = 0; i < 10; ++i, bits >>= 5) id += kLetters[bits & 31];
  return id;
}

Reply no_rollout(const std::string& id) {
  return problem(404, "rollout_unknown", "there is no rollout `" + id + "`");
}

event::Command::Kind kind_of(RolloutAction action) {
  using Kind = event::Command::Kind;
  switch (action) {
    case RolloutAction::Pause:
      return Kind::Pause;
    case RolloutAction::Resume:
      return Kind::Resume;
    case RolloutAction::Promote:
      return Kind::Promote;
    case RolloutAction::PromoteFull:
      return Kind::PromoteFull;
    case RolloutAction::Abort:
      return Kind::Abort;
    case RolloutAction::Approve:
      return Kind::Approve;
    case RolloutAction::Reject:
      return Kind::Reject;
    case RolloutAction::Ready:
      return Kind::Ready;
    case RolloutAction::Retry:
      break;  // not for a rollout under way
  }
  return Kind::Abort;
}

// The body is {"reason": "...", "force": true}, both optional.
std::optional<Reply> read_command(const json::object& body, event::Command& command) {
  for (const auto& [key, value] : body) {
    if (key == "reason" && value.is_string())
      command.reason = std::string(value.as_string());
    else if (key == "force" && value.is_bool())
      command.force = value.as_bool();
    else if (key == "undo" && value.is_bool())
      command.undo = value.as_bool();
    else
      return problem(422, "invalid_body",
                     "`" + std::string(key) +
                         "`: only a text `reason`, and `force` and `undo` (true or false) are "
                         "known here");
  }
  return std::nullopt;
}

bool may_approve(const Actor& actor) {
  return actor.role >= config::Role::Approver;
}

Reply rollout_reply(const Services::OfRollout& found) {
  Reply reply;
  reply.body = rollout_view(*found.rollout);
  reply.etag = found.entry->state.generation;
  return reply;
}

// This is the record without its ticks, by the limits that are in force now.
ReplayCase case_of(const EngineState& rollout, const config::Service* config) {
  const config::Guards guards = config == nullptr ? config::Guards{} : config->guards;
  return {rollout.id, rollout.service, rollout.from, rollout.to, rollout.plan, guards, {}};
}

}  // namespace

std::optional<Reply> RolloutsOperations::check_new(const ServiceEntry& entry,
                                                   RolloutRequest& request) const {
  const ServiceState& state = entry.state;
  if (!state.weights.contains(request.to))
    return problem(422, "version_unknown",
                   "`to`: `" + state.name + "` has no version `" + request.to + "`",
                   {{"member", "to"}});
  if (entry.rollout)
    return problem(409, "rollout_active",
                   "rollout " + entry.rollout->id + " to `" + entry.rollout->to +
                       "` is active; abort or promote it first",
                   {{"rollout", entry.rollout->id}});
  if (request.to == state.stable)
    return problem(409, "already_stable", "`" + request.to + "` already is the stable version");
  if (state.locked_out.contains(request.to) && !request.retry)
    return problem(409, "locked_out",
                   "`" + request.to + "` is locked out: it " + withdrawal_text(state, request.to) +
                       ". Send \"retry\": true (--retry) when it has been mended",
                   {{"version", request.to}});
  for (const auto& [version, share] : state.weights)
    if (share.millionths > 0 && version != state.stable && version != request.to)
      return problem(409, "other_version_has_traffic",
                     "`" + version + "` has " + to_string(share) +
                         " of the traffic; a rollout moves it between two versions only",
                     {{"version", version}});
  if (auto refused = check_fit(entry, request)) return refused;
  return request.force ? std::nullopt : check_moment(state, request);
}

std::optional<Reply> RolloutsOperations::check_fit(const ServiceEntry& entry,
                                                   RolloutRequest& request) const {
  const ServiceState& state = entry.state;
  Plan& plan = request.plan;
  const auto has = state.weights.find(request.to);
  const bool from_zero = plan.strategy != "canary";
  if (from_zero && has->second.millionths > 0)
    return problem(409, "version_has_traffic",
                   "`" + request.to + "` has " + to_string(has->second) + " of the traffic; " +
                       plan.strategy + " begins at 0%",
                   {{"version", request.to}});
  const config::Service& service = *parts_.services.find_config(state.name);
  if (plan.is_rolling()) {
    const auto out = state.off_duty.find(state.stable);
    if (out != state.off_duty.end() && !out->second.empty() && !request.force)
      return problem(409, "endpoint_out",
                     "`" + *out->second.begin() + "` of `" + state.stable +
                         "` is out of service since an undo did not end; put `" + state.stable +
                         "` back on it, then \"force\": true");
    plan.endpoints.clear();
    if (auto refused = plan_rolling(plan, *service.find_version(state.stable),
                                    *service.find_version(request.to), service.rollout))
      return refused;
  }
  if (!plan.wants_approval()) return std::nullopt;
  const auto& tokens = parts_.services.config().admin.tokens;
  const auto may_approve = [](const config::Token& token) {
    return token.role >= config::Role::Approver;
  };
  const auto is_another = [&](const config::Token& token) {
    return may_approve(token) && token.name != request.starter;
  };
  if (!tokens.empty() && std::none_of(tokens.begin(), tokens.end(), may_approve))
    return problem(422, "invalid_rollout",
                   "`approval`: no token in the configuration has the role approver or admin",
                   {{"member", "approval"}});
  if (plan.four_eyes && tokens.empty())
    return problem(422, "invalid_rollout",
                   "`four_eyes`: without tokens everybody has the same name",
                   {{"member", "four_eyes"}});
  if (plan.four_eyes && std::none_of(tokens.begin(), tokens.end(), is_another))
    return problem(422, "invalid_rollout",
                   "`four_eyes`: nobody but " + request.starter +
                       " may approve, who starts it; another token has to",
                   {{"member", "four_eyes"}});
  return std::nullopt;
}

std::optional<Reply> RolloutsOperations::check_moment(const ServiceState& state,
                                                      const RolloutRequest& request) const {
  const Plan& plan = request.plan;
  const std::int64_t now = parts_.clocks.wall_ms();
  if (!config::is_open(plan.windows, plan.utc_offset_minutes, now))
    return problem(409, "outside_window",
                   "outside the deployment windows; the next opens at " +
                       time_text(config::next_opening(plan.windows, plan.utc_offset_minutes, now)) +
                       "; \"force\": true does it all the same");
  if (plan.is_rolling()) return std::nullopt;  // its endpoints come one by one
  return check_capacity(parts_.capacity, state, request.to, plan.stages.front().weight);
}

std::optional<Reply> RolloutsOperations::check_policy(const ServiceEntry& entry,
                                                      const RolloutRequest& request,
                                                      const Actor& actor) const {
  const config::Service& service = *parts_.services.find_config(entry.state.name);
  const Policy policy(parts_.services.config(), service, actor);
  if (!policy.binds()) return std::nullopt;
  auto parsed = parse_rollout_request({{"to", request.to}}, service.rollout);
  if (auto* refused = std::get_if<Reply>(&parsed)) return std::move(*refused);
  Plan file = std::get<RolloutRequest>(std::move(parsed)).plan;
  // Where the versions do not fit a rolling plan, the file's plan is no measure for the steps.
  if (Plan filled = file;
      file.is_rolling() && !plan_rolling(filled, *service.find_version(entry.state.stable),
                                         *service.find_version(request.to), service.rollout))
    file = std::move(filled);
  return policy.start(request, file);
}

Awaitable<Reply> RolloutsOperations::start_rollout(std::string service, json::object body,
                                                   Actor actor, bool dry_run) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) co_return no_service(service);
  auto parsed = parse_rollout_request(body, parts_.services.find_config(service)->rollout);
  if (auto* refused = std::get_if<Reply>(&parsed)) co_return std::move(*refused);
  RolloutRequest& request = std::get<RolloutRequest>(parsed);
  request.starter = actor.name;
  if (auto refused = check_new(*entry, request)) co_return *std::move(refused);
  if (auto refused = check_policy(*entry, request, actor)) co_return *std::move(refused);
  if (dry_run) {
    EngineState rollout = new_rollout(*entry, request, actor);
    rollout.id.clear();
    Reply plan;
    json::object view = rollout_view(rollout);
    view["dry_run"] = true;
    plan.body = std::move(view);
    co_return plan;
  }
  co_return co_await begin(*entry, std::move(request), std::move(actor));
}

EngineState RolloutsOperations::new_rollout(const ServiceEntry& entry,
                                            const RolloutRequest& request,
                                            const Actor& actor) const {
  EngineState rollout;
  rollout.id = new_rollout_id();
  rollout.service = entry.state.name;
  rollout.from = entry.state.stable;
  rollout.to = request.to;
  rollout.plan = request.plan;
  rollout.before = entry.state.weights;
  rollout.actor = actor.name;
  rollout.commit_time = request.commit_time;
  rollout.started_ms = parts_.clocks.wall_ms();
  return rollout;
}

// The caller has the turn, and every check has passed.
Awaitable<Reply> RolloutsOperations::begin(ServiceEntry& entry, RolloutRequest request,
                                           Actor actor) {
  Draft draft = steering_.draft_of(entry);
  draft.rollout = new_rollout(entry, request, actor);
  draft.state.locked_out.erase(request.to);
  if (request.plan.is_rolling() || request.force) draft.state.off_duty.clear();
  // Other people go first this time. Users who already have the version keep it.
  if (draft.state.weights[request.to].millionths == 0) draft.state.salt = random_u64();
  const std::string id = draft.rollout->id;
  draft.run(event::Start{});
  const auto failed = co_await steering_.commit(std::move(draft), Order::StoreFirst);
  if (failed) co_return store_problem(*failed);
  Reply reply = rollout(id);
  reply.status = 201;
  reply.location = "/v1/rollouts/" + id;
  co_return reply;
}

// This runs the same plan once more, for a version that has been mended.
Awaitable<Reply> RolloutsOperations::retry(ServiceEntry& entry, const EngineState& ended,
                                           Actor actor, bool force) {
  if (!is_terminal(ended.phase) || ended.phase == Phase::Succeeded)
    co_return problem(409, "nothing_to_retry",
                      "rollout " + ended.id + " is " + std::string(to_string(ended.phase)) +
                          "; only one that was rolled back or aborted can be retried");
  RolloutRequest request;
  request.to = ended.to;
  request.starter = actor.name;
  request.retry = true;
  request.force = force;
  request.commit_time = ended.commit_time;
  request.plan = ended.plan;
  if (auto refused = check_new(entry, request)) co_return *std::move(refused);
  if (auto refused = check_policy(entry, request, actor)) co_return *std::move(refused);
  co_return co_await begin(entry, std::move(request), std::move(actor));
}

Awaitable<Reply> RolloutsOperations::command(std::string rollout_id, RolloutAction action,
                                             json::object body, Actor actor) {
  const auto turn = co_await steering_.turns().take(TurnQueue::Urgency::Person);
  const auto [entry, state] = parts_.services.find_rollout(rollout_id);
  if (entry == nullptr) co_return no_rollout(rollout_id);
  event::Command asked{
      kind_of(action),    actor.name, "", parts_.capacity.surroundings(state->service, state),
      may_approve(actor), false};
  if (auto refused = read_command(body, asked)) co_return *std::move(refused);
  if (action == RolloutAction::Retry) {
    const EngineState ended = *state;
    co_return co_await retry(*entry, ended, std::move(actor), asked.force);
  }
  Draft draft = steering_.draft_of(*entry);
  if (!draft.rollout || draft.rollout->id != rollout_id)
    co_return problem(409, "rollout_finished",
                      "rollout " + rollout_id + " is " + std::string(to_string(state->phase)) +
                          " and cannot be changed any more");
  if (const auto refusal = draft.run(asked))
    co_return problem(
        refusal->type == "approval_needed" || refusal->type == "four_eyes" ? 403 : 409,
        refusal->type, refusal->detail);
  if (action == RolloutAction::Promote || action == RolloutAction::PromoteFull) {
    const config::Service& service = *parts_.services.find_config(state->service);
    const Policy policy(parts_.services.config(), service, actor);
    if (auto refused = policy.promote(asked.force)) co_return *std::move(refused);
  }
  // The way back does not wait for the disk.
  const Phase after = draft.rollout->phase;
  const bool back = after == Phase::RollingBack || after == Phase::Aborted;
  const auto failed =
      co_await steering_.commit(std::move(draft), back ? Order::PublishFirst : Order::StoreFirst);
  if (failed) co_return store_problem(*failed);
  Reply reply = rollout(rollout_id);
  if (back && !steering_.state_writable()) reply.body.as_object()["durable"] = false;
  co_return reply;
}

Reply RolloutsOperations::rollout(const std::string& id) {
  const auto found = parts_.services.find_rollout(id);
  return found.entry == nullptr ? no_rollout(id) : rollout_reply(found);
}

Reply RolloutsOperations::rollouts(const std::string& service) {
  const ServiceEntry* entry = parts_.services.find(service);
  if (entry == nullptr) return no_service(service);
  json::array list;
  for (const EngineState& finished : entry->finished) list.push_back(rollout_view(finished));
  if (entry->rollout) list.push_back(rollout_view(*entry->rollout));
  Reply reply;
  reply.body = json::object{{"service", service}, {"rollouts", std::move(list)}};
  reply.etag = entry->state.generation;
  return reply;
}

Reply RolloutsOperations::analysis(const std::string& rollout_id) {
  const auto [entry, state] = parts_.services.find_rollout(rollout_id);
  if (entry == nullptr) return no_rollout(rollout_id);
  json::object out{{"rollout", rollout_id},
                   {"service", state->service},
                   {"version", state->to},
                   {"phase", to_string(state->phase)},
                   {"active", !is_terminal(state->phase)}};
  if (is_terminal(state->phase)) {
    // The monitor may have been armed again since; what counted was kept.
    out["verdict"] = state->verdict;
    out["evidence"] = state->evidence;
    Reply reply;
    reply.body = std::move(out);
    return reply;
  }
  const auto report = parts_.guards.evidence_of(state->service, state->to).report;
  const auto monitor = parts_.publisher.monitor(state->service, state->to);
  const stats::VersionTotals live = monitor ? monitor->totals() : stats::VersionTotals{};
  const Windows& windows = entry->windows[state->to];
  const Window recent = windows.last(Windows::kShort, parts_.clocks.now(), live);
  out["verdict"] = guard::to_string(step_verdict(*state, report));
  out["armed"] = report.armed;
  out["evidence"] = parts_.guards.evidence_view(state->service, state->to);
  out["requests_at_this_step"] =
      samples(report) - std::min(samples(report), state->samples_before_step);
  out["requests_needed_to_pass"] = report.requests_needed_to_pass;
  const double rate = recent.requests_per_second();
  // With no traffic there is no estimate, not an infinite one.
  out["eta_to_pass_s"] =
      report.requests_needed_to_pass == 0 ? json::value(0)
      : rate > 0 ? rounded(static_cast<double>(report.requests_needed_to_pass) / rate, 1)
                 : json::value(nullptr);
  out["windows"] =
      json::object{{"10s", window_view(recent)},
                   {"60s", window_view(windows.last(Windows::kLong, parts_.clocks.now(), live))}};
  Reply reply;
  reply.body = std::move(out);
  return reply;
}

Awaitable<Reply> RolloutsOperations::wait_rollout(std::string id, std::chrono::milliseconds wait) {
  const auto found = parts_.services.find_rollout(id);
  if (found.entry == nullptr) co_return no_rollout(id);
  if (!is_terminal(found.rollout->phase)) co_await steering_.followers().wait(id, wait);
  co_return rollout(id);
}

Awaitable<std::optional<Reply>> RolloutsOperations::add_ticks(ReplayCase& out) const {
  auto ticks = co_await parts_.traffic.recorded(out.rollout);
  if (ticks.has_error()) co_return history_unreadable(ticks.error());
  if (ticks->empty())
    co_return problem(409, "nothing_recorded",
                      "nothing is recorded of rollout " + out.rollout + ": neither `" + out.from +
                          "` nor `" + out.to +
                          "` had requests while it was under way, or it is older than the record");
  out.ticks = *std::move(ticks);
  co_return std::nullopt;
}

Awaitable<Reply> RolloutsOperations::record(std::string rollout_id) {
  const EngineState* found = parts_.services.find_rollout(rollout_id).rollout;
  if (found == nullptr) co_return no_rollout(rollout_id);
  ReplayCase record = case_of(*found, parts_.services.find_config(found->service));
  auto refused = co_await add_ticks(record);
  if (refused) co_return *std::move(refused);
  Reply reply;
  reply.body = record_view(record);
  co_return reply;
}

Awaitable<Reply> RolloutsOperations::replay(std::string rollout_id, boost::json::object guards) {
  const EngineState* found = parts_.services.find_rollout(rollout_id).rollout;
  if (found == nullptr) co_return no_rollout(rollout_id);
  ReplayCase asked = case_of(*found, parts_.services.find_config(found->service));
  if (auto refused = change_guards(guards, asked)) co_return *std::move(refused);
  auto missing = co_await add_ticks(asked);
  if (missing) co_return *std::move(missing);
  const Replay result = control::replay(asked);
  Reply reply;
  reply.body = replay_view(asked, result);
  co_return reply;
}

}  // namespace cutwater::control
