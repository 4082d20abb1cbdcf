// What a controller is made from: configuration, restored state, and the outside world as
// functions, so that tests hold time, names, files and other people's answers in their hand.
// Values, moved in.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "config/parse.hpp"
#include "control/operations/resources.hpp"
#include "control/rollout/tasks.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/restore.hpp"

namespace cutwater::control {

class Historian;
namespace notify {
class Notifier;
}

// What the application knows about itself; for GET /v1/proxy.
struct ProxyFacts {
  std::vector<std::pair<std::string, std::string>> listeners;  // name, "ip:port"
  std::string admin;
  unsigned workers = 0;
};

struct ControllerSetup {
  config::Config config;  // the file; what is in force is `restored.config`
  config::Operations operations = {};
  std::string config_path;
  Restored restored;
  // Replaceable, so that tests hold time, names and files in their hand.
  std::function<TimePoint()> now = [] { return Clock::now(); };
  std::function<std::int64_t()> wall_ms;  // unix; default: the system's
  std::function<config::Parsed()> load;   // default: config_path
  std::function<std::vector<std::string>(const config::Config&, const config::Config&)>
      restart_needed;                  // default: config::restart_needed
  Resolver resolver;                   // default: the system's
  std::function<void()> on_drain;      // POST /v1/proxy:drain
  std::function<void()> on_published;  // endpoints may have changed: probes
  std::function<void()> on_reloaded;   // so may everything else
  std::function<ProxyFacts()> facts;
  // Does a rollout's task; default: hooks, smoke checks, drain and health over the network.
  std::function<Awaitable<TaskResult>(TaskOrder)> do_task;
  // Around every write of decisions: who is told of them goes into the same transaction.
  std::function<void(Change&)> before_write;
  std::function<void(const Change&)> after_write;
  Historian* historian = nullptr;        // lives as long as the controller is asked
  notify::Notifier* notifier = nullptr;  // the same
};

}  // namespace cutwater::control
