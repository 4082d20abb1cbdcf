// Small values that the controller's files share. Thread: control's io_context.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/publisher.hpp"
#include "control/restore.hpp"
#include "control/windows.hpp"

namespace cutwater::control {

// What metrics and probes need to walk over.
struct VersionView {
  const config::Service* service;
  const ServiceState* state;
  const EngineState* rollout;  // the active one, else the last; nullptr if there was none
  std::string version;
  std::shared_ptr<guard::VersionMonitor> monitor;
  const std::vector<std::shared_ptr<upstream::Endpoint>>* endpoints;
  Window last_minute;
  double actual_share;  // of the service's attempts in the last minute, 0..1
};

// Where a ramping flag stands: since when, and how many requests had been judged then.
struct FlagStep {
  TimePoint at;
  std::uint64_t requests;  // judged until then
};

// What is being done for a rollout; `cancel` ends it.
struct RunningTask {
  std::string rollout;
  std::uint64_t task;
  std::shared_ptr<boost::asio::cancellation_signal> cancel;
};

}  // namespace cutwater::control
