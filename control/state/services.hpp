// Holds what is, in memory: the configuration and the state of every service. Whoever changes
// something has a turn (steering/turn_queue.hpp) and goes through steering/; everybody may read.
// Services belongs to control's thread and lives as long as the control plane.
#pragma once

#include <map>
#include <string>

#include "config/model.hpp"
#include "config/notify.hpp"
#include "control/state/count_window.hpp"
#include "control/state/fit.hpp"
#include "control/state/recent_counts.hpp"
#include "control/state/traffic_windows.hpp"

namespace cutwater::control {

// Says why an endpoint is out of use.
struct EndpointDown {
  std::int64_t since_ms = 0;  // wall clock, unix
  std::string why;
};

// Holds a service while the proxy runs.
struct ServiceEntry : RestoredService {
  std::map<std::string, Windows> windows;      // by version
  std::map<std::string, RecentCounts> recent;  // by version
  CountWindow unavailable;                     // requests that no endpoint was there for
  std::map<std::pair<std::string, std::string>, EndpointDown> down;  // by version and URL
};
using ServiceEntries = std::map<std::string, ServiceEntry>;  // by name

class Services {
 public:
  // `written` is the file; `in_force` has what was said at run time, too.
  Services(config::Config written, config::Config in_force, config::Operations operations,
           std::map<std::string, RestoredService> restored);

  const config::Config& written() const { return written_; }
  const config::Config& config() const { return config_; }
  const config::Operations& operations() const { return operations_; }
  void set_operations(config::Operations operations) { operations_ = std::move(operations); }

  // Returns nullptr when there is no such service.
  const config::Service* find_config(const std::string& service) const {
    return config_.find_service(service);
  }
  ServiceEntry* find(const std::string& service);
  const ServiceEntry* find(const std::string& service) const;
  // The service is known to exist.
  ServiceEntry& at(const std::string& service) { return entries_.at(service); }
  const ServiceEntry& at(const std::string& service) const { return entries_.at(service); }

  struct OfRollout {
    ServiceEntry* entry = nullptr;         // nullptr: there is no such rollout
    const EngineState* rollout = nullptr;  // under way or ended
  };
  OfRollout find_rollout(const std::string& id);

  ServiceEntries& entries() { return entries_; }
  const ServiceEntries& entries() const { return entries_; }

  // Takes a whole new configuration with its services, and returns the services that were before.
  ServiceEntries replace(config::Config written, config::Config in_force, ServiceEntries entries);

 private:
  config::Config written_;
  config::Config config_;
  config::Operations operations_;
  ServiceEntries entries_;
};

}  // namespace cutwater::control
