// Declares what the control plane needs of the workers, so that tests can replace them. Only the
// control thread calls it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "proxy/routing/snapshot.hpp"

namespace cutwater::control {

class DataPlane {
 public:
  virtual ~DataPlane() = default;
  // `on_switched` runs once, on any thread, when no worker will start another request by an older
  // snapshot.
  virtual void publish(std::shared_ptr<const routing::RoutingSnapshot> snapshot,
                       std::function<void()> on_switched) = 0;
  // Counts the requests and tunnels under way to these endpoints, by id. `counted` runs once, on
  // any thread.
  virtual void count_active(const std::vector<std::uint32_t>& endpoints,
                            std::function<void(std::uint64_t)> counted) = 0;
};

}  // namespace cutwater::control
