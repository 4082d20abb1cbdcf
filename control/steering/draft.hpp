// Small values that the controller's files share. Thread: control's io_context.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "control/guards/flag_ramp.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/recent_counts.hpp"
#include "control/state/restore.hpp"
#include "control/state/traffic_windows.hpp"

namespace cutwater::control {

// What metrics and probes need to walk over.
struct VersionView {
  const config::Service* service;
  const ServiceState* state;
  const EngineState* rollout;  // the active one, else the last; nullptr if there was none
  std::string version;
  std::shared_ptr<guard::VersionMonitor> monitor;
  const Endpoints* endpoints;
  Window last_minute;
  double actual_share;  // of the service's attempts in the last minute, 0..1
};

// A service as the controller keeps it.
struct ServiceEntry : RestoredService {
  std::map<std::string, Windows> windows;      // by version
  std::map<std::string, RecentCounts> recent;  // by version
};

// Who is judged, and the version it is held against: stable.
struct GuardedPair {
  std::string version, baseline;
};

// A configuration fitted to what runs, worked out beside it: nothing has changed yet.
struct NextConfig {
  std::string from;        // where it comes from, for messages: the file, or a request
  config::Config written;  // the file
  config::Config config;   // in force: with what was said at run time
  std::map<std::string, ServiceEntry> entries;
  Change change;
  std::vector<config::Problem> problems;  // why it cannot be

  void object(std::string text) { problems.push_back({from, 0, 0, std::move(text)}); }
};

// How many since the start, by service, action and cause.
using DecisionCounts = std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t>;

// A change before it is one: a copy to work on and what will be said about it.
struct Draft {
  ServiceState state;
  std::optional<EngineState> rollout;
  std::vector<Decision> decisions;
  std::set<std::string> rearm;  // versions whose evidence begins anew
};
// What will be said about it.
using Why = effect::Decide;

enum class Order {
  StoreFirst,    // what people ask: durable before it is true
  PublishFirst,  // a revert: users first, the disk after
};

struct ProbedEndpoint {
  std::string service, version, url;
};

// A rule without statistics has spoken: an endpoint uses too much memory, none can be reached, all
// fail their health checks.
struct Unfit {
  std::string service, version;
  std::string cause;  // of the decision: "memory", "health"
  std::string reason;
};

// What is being done for a rollout; `cancel` ends it.
struct RunningTask {
  std::string rollout;
  std::uint64_t task;
  std::shared_ptr<boost::asio::cancellation_signal> cancel;
};

}  // namespace cutwater::control
