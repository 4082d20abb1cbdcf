// What the controller needs of the workers, so that tests can stand in for them. Called on the
// control thread only.
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
  // Requests and tunnels under way to these endpoints, by id. `counted` runs once, on any thread.
  virtual void count_active(const std::vector<std::uint32_t>& endpoints,
                            std::function<void(std::uint64_t)> counted) = 0;
};

}  // namespace cutwater::control
