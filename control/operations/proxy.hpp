// Answers for the proxy as a whole: alive, ready, drained, and its stream of events. It belongs to
// control's io_context and lives as long as the control plane.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "control/operations/configuration.hpp"
#include "control/operations/resources.hpp"
#include "control/steering/steering.hpp"

namespace cutwater::control {

// Holds what the application knows about itself.
struct ProxyFacts {
  std::vector<std::pair<std::string, std::string>> listeners;  // name, "ip:port"
  std::string admin;
  std::string probes;  // empty: there is no such address
  unsigned workers = 0;
};

class ProxyOperations : public ProxyResource {
 public:
  // Both may be empty.
  struct Application {
    std::function<ProxyFacts()> facts;
    std::function<void()> on_drain;
  };
  ProxyOperations(Application application, Steering& steering,
                  const ConfigurationOperations& configuration, const Clocks& clocks)
      : application_(std::move(application)),
        steering_(steering),
        configuration_(configuration),
        clocks_(clocks),
        started_(clocks.now()) {}

  bool live() override { return true; }
  bool ready() override { return ready_; }
  Reply proxy() override;
  Awaitable<Reply> drain(Actor actor) override;
  std::shared_ptr<void> subscribe(std::uint64_t after,
                                  std::function<void(const Event&)> sink) override;

  void set_ready(bool ready) { ready_ = ready; }
  TimePoint started() const { return started_; }

 private:
  const Application application_;
  Steering& steering_;
  const ConfigurationOperations& configuration_;
  const Clocks& clocks_;
  const TimePoint started_;
  bool ready_ = false;
};

}  // namespace cutwater::control
