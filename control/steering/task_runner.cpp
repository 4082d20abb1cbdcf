// What a rollout needs done outside. The stored state says what; this file makes it run, once, and
// tells the engine how it ended. And capacity: what a version's endpoints are enough for.
#include <spdlog/spdlog.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

#include "config/units.hpp"
#include "control/base/json_text.hpp"
#include "control/state/views.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::milliseconds kDrainPoll{200};
constexpr std::chrono::seconds kWriteAgain{1};

}  // namespace

// --- tasks -------------------------------------------------------------------------------------

TaskOrder ControllerImpl::order_of(const EngineState& rollout, const Task& task) const {
  TaskOrder order;
  order.task = task;
  order.rollout = rollout.id;
  order.about = rollout_view(rollout);
  if (const auto* config = find_config(rollout.service)) {
    order.how = config->rollout;
    order.health = config->health;
  }
  // What goes out serves one version, what comes in the other.
  const bool leaving = task.kind == Task::Kind::Drain;
  const bool old_one = leaving != task.undo;
  const std::string& serving = old_one ? rollout.from : rollout.to;
  if (const auto* config = find_config(rollout.service))
    if (const auto* version = config->find_version(serving)) order.tls = version->tls;
  if (task.kind == Task::Kind::Smoke) {
    order.endpoints = publisher_.endpoints(rollout.service, rollout.to);
    return order;
  }
  for (const auto& endpoint : publisher_.endpoints(rollout.service, serving))
    for (std::size_t i = 0; i < rollout.places.size(); ++i) {
      const EndpointPair& pair = rollout.plan.endpoints[i];
      if (rollout.places[i] == Place::Out && endpoint->url() == (old_one ? pair.from : pair.to))
        order.endpoints.push_back(endpoint);
    }
  return order;
}

void ControllerImpl::sync_task(const std::string& service) {
  const auto found = entries_.find(service);
  const EngineState* rollout =
      found != entries_.end() && found->second.rollout ? &*found->second.rollout : nullptr;
  const Task* wanted = rollout != nullptr && rollout->task ? &*rollout->task : nullptr;
  const auto running = running_.find(service);
  if (running != running_.end()) {
    const RunningTask& now = running->second;
    if (wanted != nullptr && now.rollout == rollout->id && now.task == wanted->id) return;
    const auto cancel = now.cancel;
    running_.erase(running);
    cancel->emit(asio::cancellation_type::terminal);
  }
  if (wanted == nullptr) return;
  const auto cancel = std::make_shared<asio::cancellation_signal>();
  running_[service] = {rollout->id, wanted->id, cancel};
  // A withdrawn task ends by an exception out of its wait; that is its orderly end.
  asio::co_spawn(context_, run_task(service, order_of(*rollout, *wanted)),
                 asio::bind_cancellation_slot(cancel->slot(), [cancel](std::exception_ptr) {}));
}

Awaitable<TaskResult> ControllerImpl::perform(TaskOrder order) {
  if (setup_.do_task) return setup_.do_task(std::move(order));
  switch (order.task.kind) {
    case Task::Kind::BeforeGate:
      return ask_gates(std::move(order), config::Hook::At::Before);
    case Task::Kind::StepGate:
      return ask_gates(std::move(order), config::Hook::At::Step);
    case Task::Kind::Smoke:
      return run_smoke_checks(std::move(order));
    case Task::Kind::Deploy:
      return await_deployment(std::move(order));
    case Task::Kind::Health:
    case Task::Kind::Drain:
      break;
  }
  return await_health(std::move(order));
}

// False: it could not be written.
Awaitable<bool> ControllerImpl::report_task(std::string service, RunningTask done,
                                            TaskResult result) {
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  const auto running = running_.find(service);
  const bool mine = running != running_.end() && running->second.rollout == done.rollout &&
                    running->second.task == done.task;
  Entry* entry = find(service);
  if (!mine || entry == nullptr || !entry->rollout || entry->rollout->id != done.rollout)
    co_return true;  // nobody wants to know any more
  RunningTask kept = std::move(running->second);
  running_.erase(running);
  Draft draft = draft_of(*entry);
  run(draft, event::Done{done.task, result.ok, result.reason});
  const bool reverting = draft.rollout->phase == Phase::RollingBack;
  const auto failed =
      co_await commit(std::move(draft), reverting ? Order::PublishFirst : Order::StoreFirst);
  if (failed) running_[service] = std::move(kept);
  co_return !failed;
}

Awaitable<void> ControllerImpl::run_task(std::string service, TaskOrder order) {
  const std::uint64_t task = order.task.id;
  const std::string rollout = order.rollout;
  TaskResult result{true, "drained"};
  if (order.task.kind == Task::Kind::Drain && !setup_.do_task)
    co_await drain_endpoints(std::move(order));
  else
    result = co_await perform(std::move(order));
  // It has its answer: from here on nothing may end it half way, least of all in the queue.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  const RunningTask done{rollout, task, nullptr};
  asio::steady_timer timer(context_);
  for (bool written = false; !written;) {
    written = co_await report_task(service, done, result);
    if (written) break;
    timer.expires_after(kWriteAgain);  // the disk refuses: the answer is kept, not asked for again
    co_await timer.async_wait(asio::use_awaitable);
  }
  // Go on at once, unless a person or a guard is waiting.
  if (const auto turn = turns_.try_take(); turn && find(service) != nullptr)
    co_await tick_service(service);
}

Awaitable<std::uint64_t> ControllerImpl::count_active(Endpoints endpoints) {
  std::vector<std::uint32_t> ids;
  for (const auto& endpoint : endpoints) ids.push_back(endpoint->id());
  auto start = [this, ids = std::move(ids)](auto handler) {
    auto home = asio::get_associated_executor(handler);
    auto keep = asio::make_work_guard(home);
    auto shared = std::make_shared<decltype(handler)>(std::move(handler));
    data_plane_.count_active(ids, [home, keep, shared](std::uint64_t active) {
      asio::post(home, [shared, active] { std::move (*shared)(active); });
    });
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(std::uint64_t)>(
      std::move(start), asio::use_awaitable);
}

// Until nothing is under way, or the time is over.
Awaitable<void> ControllerImpl::drain_endpoints(TaskOrder order) {
  const auto until = Clock::now() + order.how.rolling.drain_timeout;
  asio::steady_timer timer(context_);
  for (;;) {
    const std::uint64_t active = co_await count_active(order.endpoints);
    if (active == 0) co_return;
    if (Clock::now() >= until) {
      spdlog::warn("drain timeout rollout={} still_active={}", order.rollout, active);
      co_return;
    }
    timer.expires_after(kDrainPoll);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

// --- webhooks that are only told -----------------------------------------------------------------

// After the fact: nothing waits for them, and how it went is in the history.
void ControllerImpl::start_calls(const std::string& service) {
  const auto found = entries_.find(service);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  const auto start = [&](const EngineState& rollout) {
    if (rollout.call_due.empty() || !calling_.insert(rollout.id).second) return;
    const auto at =
        rollout.call_due == "after" ? config::Hook::At::After : config::Hook::At::Rollback;
    asio::co_spawn(context_, make_calls(order_of(rollout, {}), at), asio::detached);
  };
  if (entry.rollout) start(*entry.rollout);
  for (const EngineState& finished : entry.finished) start(finished);
}

Awaitable<void> ControllerImpl::make_calls(TaskOrder order, config::Hook::At at) {
  const bool after = at == config::Hook::At::After;
  const std::string text = to_text(
      boost::json::object{{"event", after ? "after" : "rollback"}, {"rollout", order.about}});
  std::string problem;
  for (const auto& hook : order.how.hooks) {
    if (hook.at != at) continue;
    const TaskResult result = co_await ask_hook(hook, text, Patience::Bounded);
    if (!result.ok) problem += (problem.empty() ? "" : "; ") + result.reason;
  }
  const auto turn = co_await turns_.take(TurnQueue::Urgency::Person);
  calling_.erase(order.rollout);
  const EngineState* told = nullptr;
  Entry* entry = find_by_rollout(order.rollout, &told);
  if (entry == nullptr) co_return;
  Draft draft = draft_of(*entry);
  decide(draft,
         {problem.empty() ? "hook_told" : "hook_failed", "hook",
          problem.empty() ? "the webhook was told of the end of the rollout" : problem, kSelf});
  draft.decisions.back().rollout = order.rollout;
  Change change;
  change.decisions = draft.decisions;
  change.decisions.back().after = change.decisions.back().before;
  if (entry->rollout && entry->rollout->id == order.rollout) {
    entry->rollout->call_due.clear();
    change.rollouts.push_back(rollout_record(*entry->rollout));
  }
  for (EngineState& finished : entry->finished) {
    if (finished.id != order.rollout) continue;
    finished.call_due.clear();
    change.rollouts.push_back(rollout_record(finished));
  }
  co_await write_or_keep(std::move(change));
}

// --- capacity ------------------------------------------------------------------------------------

Endpoints ControllerImpl::endpoints_in_service(const ServiceState& state,
                                               const std::string& version) const {
  return in_service(publisher_.endpoints(state.name, version), state, version);
}

Share ControllerImpl::capacity(const ServiceState& state, const std::string& version) const {
  const auto endpoints = endpoints_in_service(state, version);
  const auto healthy = std::count_if(endpoints.begin(), endpoints.end(),
                                     [](const auto& endpoint) { return endpoint->healthy(); });
  const auto all = static_cast<std::int64_t>(publisher_.endpoints(state.name, version).size());
  const config::Service* config = find_config(state.name);
  if (all == 0 || config == nullptr) return {};
  const auto& most = config->rollout.max_share_per_endpoint;
  const std::int64_t millionths = most ? most->millionths * healthy : Share::kWhole * healthy / all;
  return Share{static_cast<std::int32_t>(std::min<std::int64_t>(millionths, Share::kWhole))};
}

std::optional<Reply> ControllerImpl::check_capacity(const ServiceState& state,
                                                    const std::string& version, Share share) const {
  const Share most = capacity(state, version);
  if (share <= most) return std::nullopt;
  return problem(409, "outside_capacity",
                 "the healthy endpoints of `" + version + "` can carry " + to_string(most) +
                     " of the traffic, not " + to_string(share) + "; `force` does it all the same",
                 {{"version", version}, {"can_carry", most.as_percent()}});
}

Surroundings ControllerImpl::surroundings(const std::string& service, const EngineState* rollout) {
  Surroundings at;
  at.now = setup_.now();
  at.wall_ms = setup_.wall_ms();
  if (rollout == nullptr) return at;
  Entry& entry = entries_.at(service);
  at.can_carry = capacity(entry.state, rollout->to);
  for (auto& [version, windows] : entry.windows) {
    const auto monitor = publisher_.monitor(service, version);
    if (!monitor) continue;
    const Window last = windows.last(Windows::kLong, at.now, monitor->totals());
    at.requests_per_second += last.requests_per_second();
    if (last.totals.latency.count > 0)
      at.latency_s = std::max(
          at.latency_s, std::chrono::duration<double>(last.totals.latency.quantile(0.95)).count());
  }
  return at;
}

}  // namespace cutwater::control
