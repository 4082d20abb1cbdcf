// Does what a rollout needs done outside. The stored state says what; the runner makes it run,
// once, and hands on how it ended. A task that the state no longer wants is cancelled, until it has
// its answer. The runner belongs to control's io_context and lives as long as the control plane.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "control/base/awaitable.hpp"
#include "control/rollout/tasks.hpp"
#include "control/snapshot/data_plane.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/services.hpp"

namespace cutwater::control {

// Holds a task under way for a rollout; `cancel` ends it.
struct RunningTask {
  std::string rollout;
  std::uint64_t task;
  std::shared_ptr<boost::asio::cancellation_signal> cancel;
};

class TaskRunner {
 public:
  // Does a task and says how it ended. If it is empty, the task is done by hooks, smoke checks,
  // drain and health over the network.
  using DoTask = std::function<Awaitable<TaskResult>(TaskOrder)>;
  // Is called when a task has its answer, within the task's coroutine, which nothing cancels any
  // more. It returns when the answer is written or nobody wants it.
  using OnDone =
      std::function<Awaitable<void>(std::string service, RunningTask done, TaskResult result)>;
  // Is called when the webhooks of a rollout's end were told; `problem` is empty when all went
  // well.
  using OnTold = std::function<Awaitable<void>(std::string rollout, std::string problem)>;

  TaskRunner(boost::asio::io_context& context, Services& services, const Publisher& publisher,
             DataPlane& data_plane, DoTask do_task)
      : context_(context),
        services_(services),
        publisher_(publisher),
        data_plane_(data_plane),
        do_task_(std::move(do_task)) {}

  void on_done(OnDone on_done) { on_done_ = std::move(on_done); }
  void on_told(OnTold on_told) { on_told_ = std::move(on_told); }

  // Makes what runs what the stored state wants: starts its task, ends another.
  void sync(const std::string& service);
  // Tells the webhooks of the rollouts that have ended. Nothing waits for them.
  void start_calls(const std::string& service);

  // Returns the task, if it still is the one that runs for the service. The task then runs no more.
  std::optional<RunningTask> take(const std::string& service, const RunningTask& done);
  // The task's answer could not be written: the task counts as running, so that it is not started
  // again.
  void give_back(const std::string& service, RunningTask task);

  // Counts requests and tunnels under way to these endpoints, on all workers.
  Awaitable<std::uint64_t> count_active(Endpoints endpoints);

 private:
  TaskOrder order_of(const EngineState& rollout, const Task& task) const;
  Awaitable<TaskResult> perform(TaskOrder order);
  Awaitable<void> run(std::string service, TaskOrder order);
  Awaitable<void> drain_endpoints(TaskOrder order);
  Awaitable<void> make_calls(TaskOrder order, config::Hook::At at);

  boost::asio::io_context& context_;
  Services& services_;
  const Publisher& publisher_;
  DataPlane& data_plane_;
  DoTask do_task_;
  OnDone on_done_;
  OnTold on_told_;
  std::map<std::string, RunningTask> running_;  // by service
  std::set<std::string> calling_;               // rollouts whose webhooks are being told
};

}  // namespace cutwater::control
