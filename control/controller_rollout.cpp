// Rollouts: start, command, follow, and what the guard has found so far.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "control/controller_impl.hpp"
#include "control/json_text.hpp"
#include "control/views.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace json = boost::json;
namespace {

// Enough of the alphabet to be read out on the phone.
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
  }
  return Kind::Abort;
}

}  // namespace

std::optional<Reply> ControllerImpl::check_new_rollout(const Entry& entry,
                                                       const RolloutRequest& request) const {
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
                   "`" + request.to +
                       "` was rolled back and is locked out; send \"retry\": true (--retry) "
                       "when it has been mended",
                   {{"version", request.to}});
  for (const auto& [version, share] : state.weights)
    if (share.millionths > 0 && version != state.stable && version != request.to)
      return problem(409, "other_version_has_traffic",
                     "`" + version + "` has " + to_string(share) +
                         " of the traffic; a rollout moves it between two versions only",
                     {{"version", version}});
  return std::nullopt;
}

Awaitable<Reply> ControllerImpl::start_rollout(std::string service, json::object body, Actor actor,
                                               bool dry_run) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  Entry* entry = find(service);
  if (entry == nullptr)
    co_return problem(404, "service_unknown", "there is no service `" + service + "`");
  auto parsed = parse_rollout_request(body, find_config(service)->rollout);
  if (auto* refused = std::get_if<Reply>(&parsed)) co_return std::move(*refused);
  const RolloutRequest& request = std::get<RolloutRequest>(parsed);
  if (auto refused = check_new_rollout(*entry, request)) co_return *std::move(refused);

  Draft draft = draft_of(*entry);
  EngineState rollout;
  rollout.id = new_rollout_id();
  rollout.service = service;
  rollout.from = draft.state.stable;
  rollout.to = request.to;
  rollout.plan = request.plan;
  rollout.before = draft.state.weights;
  rollout.actor = actor.name;
  rollout.commit_time = request.commit_time;
  rollout.started_ms = setup_.wall_ms();
  if (dry_run) {
    rollout.id.clear();
    Reply plan;
    json::object view = rollout_view(rollout);
    view["dry_run"] = true;
    plan.body = std::move(view);
    co_return plan;
  }
  draft.state.locked_out.erase(request.to);
  // Other people go first this time, unless some already have the version: they keep it.
  if (draft.state.weights[request.to].millionths == 0) draft.state.salt = random_u64();
  draft.rollout = std::move(rollout);
  const std::string id = draft.rollout->id;
  run(draft, event::Start{});
  auto failed = co_await commit(std::move(draft), Order::StoreFirst);
  if (failed) co_return *std::move(failed);
  Reply reply = rollout_reply(id);
  reply.status = 201;
  reply.location = "/v1/rollouts/" + id;
  co_return reply;
}

Awaitable<Reply> ControllerImpl::act(std::string rollout_id, RolloutAction action,
                                     json::object body, Actor actor) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  const EngineState* state = nullptr;
  Entry* entry = find_by_rollout(rollout_id, &state);
  if (entry == nullptr) co_return no_rollout(rollout_id);
  std::string reason;
  for (const auto& [key, value] : body) {
    if (key != "reason" || !value.is_string())
      co_return problem(422, "invalid_body",
                        "`" + std::string(key) + "`: only a text `reason` is known here");
    reason = std::string(value.as_string());
  }
  Draft draft = draft_of(*entry);
  if (!draft.rollout || draft.rollout->id != rollout_id)
    co_return problem(409, "rollout_finished",
                      "rollout " + rollout_id + " is " + std::string(to_string(state->phase)) +
                          " and cannot be changed any more");
  const event::Command command{kind_of(action), actor.name, reason, setup_.now()};
  if (const auto refusal = run(draft, command))
    co_return problem(409, refusal->type, refusal->detail);
  auto failed = co_await commit(std::move(draft), Order::StoreFirst);
  if (failed) co_return *std::move(failed);
  co_return rollout_reply(rollout_id);
}

ControllerImpl::Entry* ControllerImpl::find_by_rollout(const std::string& id,
                                                       const EngineState** state) {
  for (auto& [name, entry] : entries_) {
    if (entry.rollout && entry.rollout->id == id) {
      *state = &*entry.rollout;
      return &entry;
    }
    for (const EngineState& finished : entry.finished) {
      if (finished.id != id) continue;
      *state = &finished;
      return &entry;
    }
  }
  return nullptr;
}

Reply ControllerImpl::rollout_reply(const std::string& id) {
  const EngineState* state = nullptr;
  const Entry* entry = find_by_rollout(id, &state);
  if (entry == nullptr) return no_rollout(id);
  Reply reply;
  reply.body = rollout_view(*state);
  reply.etag = entry->state.generation;
  return reply;
}

Reply ControllerImpl::rollout(const std::string& id) {
  return rollout_reply(id);
}

Reply ControllerImpl::rollouts(const std::string& service) {
  const Entry* entry = find(service);
  if (entry == nullptr)
    return problem(404, "service_unknown", "there is no service `" + service + "`");
  json::array list;
  for (const EngineState& finished : entry->finished) list.push_back(rollout_view(finished));
  if (entry->rollout) list.push_back(rollout_view(*entry->rollout));
  Reply reply;
  reply.body = json::object{{"service", service}, {"rollouts", std::move(list)}};
  reply.etag = entry->state.generation;
  return reply;
}

Reply ControllerImpl::analysis(const std::string& rollout_id) {
  const EngineState* state = nullptr;
  Entry* entry = find_by_rollout(rollout_id, &state);
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
  const auto report = evidence_of(state->service, state->to).report;
  const auto monitor = publisher_.monitor(state->service, state->to);
  const stats::VersionTotals live = monitor ? monitor->totals() : stats::VersionTotals{};
  const Windows& windows = entry->windows[state->to];
  const Window recent = windows.last(Windows::kShort, setup_.now(), live);
  out["verdict"] = guard::to_string(step_verdict(*state, report));
  out["armed"] = report.armed;
  out["evidence"] = evidence_view(state->service, state->to);
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
                   {"60s", window_view(windows.last(Windows::kLong, setup_.now(), live))}};
  Reply reply;
  reply.body = std::move(out);
  return reply;
}

void ControllerImpl::wake_waiters(const std::string& rollout_id) {
  const auto [first, last] = waiters_.equal_range(rollout_id);
  for (auto it = first; it != last; ++it) it->second->cancel();
  waiters_.erase(first, last);
}

Awaitable<Reply> ControllerImpl::wait_rollout(std::string id, std::chrono::milliseconds wait) {
  const EngineState* state = nullptr;
  if (find_by_rollout(id, &state) == nullptr) co_return no_rollout(id);
  if (!is_terminal(state->phase)) {
    auto timer = std::make_shared<asio::steady_timer>(context_, wait);
    const auto place = waiters_.emplace(id, timer);
    const auto [error] = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
    if (!error) waiters_.erase(place);  // timed out; a change has taken it out already
  }
  co_return rollout_reply(id);
}

}  // namespace cutwater::control
