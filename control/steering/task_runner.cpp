#include "control/steering/task_runner.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "control/base/json_text.hpp"
#include "control/state/views.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace {

constexpr std::chrono::milliseconds kDrainPoll{200};

}  // namespace

TaskOrder TaskRunner::order_of(const EngineState& rollout, const Task& task) const {
  TaskOrder order;
  order.task = task;
  order.rollout = rollout.id;
  order.about = rollout_view(rollout);
  if (const auto* config = services_.find_config(rollout.service)) {
    order.how = config->rollout;
    order.health = config->health;
  }
  // An endpoint that goes out serves one version, an endpoint that comes in serves the other.
  const bool leaving = task.kind == Task::Kind::Drain;
  const bool old_one = leaving != task.undo;
  const std::string& serving = old_one ? rollout.from : rollout.to;
  if (const auto* config = services_.find_config(rollout.service))
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

void TaskRunner::sync(const std::string& service) {
  const ServiceEntry* entry = services_.find(service);
  const EngineState* rollout = entry != nullptr ? entry->active() : nullptr;
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
  asio::co_spawn(context_, run(service, order_of(*rollout, *wanted)),
                 asio::bind_cancellation_slot(cancel->slot(), [cancel](std::exception_ptr) {}));
}

Awaitable<TaskResult> TaskRunner::perform(TaskOrder order) {
  if (do_task_) return do_task_(std::move(order));
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

std::optional<RunningTask> TaskRunner::take(const std::string& service, const RunningTask& done) {
  const auto running = running_.find(service);
  const bool mine = running != running_.end() && running->second.rollout == done.rollout &&
                    running->second.task == done.task;
  if (!mine) return std::nullopt;
  RunningTask taken = std::move(running->second);
  running_.erase(running);
  return taken;
}

void TaskRunner::give_back(const std::string& service, RunningTask task) {
  running_[service] = std::move(task);
}

Awaitable<void> TaskRunner::run(std::string service, TaskOrder order) {
  RunningTask done{order.rollout, order.task.id, nullptr};
  TaskResult result{true, "drained"};
  if (order.task.kind == Task::Kind::Drain && !do_task_)
    co_await drain_endpoints(std::move(order));
  else
    result = co_await perform(std::move(order));
  // The task has its answer: from here on nothing may end it half way, least of all in the queue.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  co_await on_done_(std::move(service), std::move(done), std::move(result));
}

Awaitable<std::uint64_t> TaskRunner::count_active(Endpoints endpoints) {
  std::vector<std::uint32_t> ids;
  for (const auto& endpoint : endpoints) ids.push_back(endpoint->id());
  return await_callback<std::uint64_t>(
      [this, ids = std::move(ids)](auto done) { data_plane_.count_active(ids, std::move(done)); });
}

// This waits until nothing is under way, or the time is over.
Awaitable<void> TaskRunner::drain_endpoints(TaskOrder order) {
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

void TaskRunner::start_calls(const std::string& service) {
  const ServiceEntry* entry = services_.find(service);
  if (entry == nullptr) return;
  const auto start = [&](const EngineState& rollout) {
    if (rollout.call_due.empty() || !calling_.insert(rollout.id).second) return;
    const auto at =
        rollout.call_due == "after" ? config::Hook::At::After : config::Hook::At::Rollback;
    asio::co_spawn(context_, make_calls(order_of(rollout, {}), at), asio::detached);
  };
  if (entry->rollout) start(*entry->rollout);
  for (const EngineState& finished : entry->finished) start(finished);
}

Awaitable<void> TaskRunner::make_calls(TaskOrder order, config::Hook::At at) {
  const bool after = at == config::Hook::At::After;
  const std::string text = to_text(
      boost::json::object{{"event", after ? "after" : "rollback"}, {"rollout", order.about}});
  std::string problem;
  for (const auto& hook : order.how.hooks) {
    if (hook.at != at) continue;
    const TaskResult result = co_await ask_hook(hook, text, Patience::Bounded);
    if (!result.ok) problem += (problem.empty() ? "" : "; ") + result.reason;
  }
  co_await on_told_(order.rollout, std::move(problem));
  calling_.erase(order.rollout);
}

}  // namespace cutwater::control
