// Takes what comes back from outside: a rollout's task has its answer, a webhook was told. It
// belongs to control's io_context and lives as long as the control plane.
#pragma once

#include <boost/asio/io_context.hpp>
#include <string>

#include "control/autopilot/clock.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

class Answers {
 public:
  Answers(boost::asio::io_context& context, Steering& steering, Services& services,
          TaskRunner& tasks, RolloutClock& clock)
      : context_(context), steering_(steering), services_(services), tasks_(tasks), clock_(clock) {}

  // Tells the engine, again as often as the disk refuses it, and lets the rollout go on at once. It
  // must not be cancelled.
  Awaitable<void> task_done(std::string service, RunningTask done, TaskResult result);
  // `problem` is empty when every webhook took it.
  Awaitable<void> hook_told(std::string rollout, std::string problem);

 private:
  // Returns false when the answer could not be written.
  Awaitable<bool> report(std::string service, RunningTask done, TaskResult result);

  boost::asio::io_context& context_;
  Steering& steering_;
  Services& services_;
  TaskRunner& tasks_;
  RolloutClock& clock_;
};

}  // namespace cutwater::control
