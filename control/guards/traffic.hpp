// Follows what the versions do, second by second: the windows that people see, the past that a
// version at 100 % is held against, and the record of every rollout. It belongs to control's thread
// and lives as long as the control plane.
#pragma once

#include <boost/asio/io_context.hpp>
#include <string>

#include "control/base/awaitable.hpp"
#include "control/base/clocks.hpp"
#include "control/rollout/recorder.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/services.hpp"

namespace cutwater::control {

class TrafficWatch {
 public:
  TrafficWatch(boost::asio::io_context& context, AsyncStore& store, Services& services,
               const Publisher& publisher, const Clocks& clocks)
      : services_(services), publisher_(publisher), clocks_(clocks), recorder_(context, store) {}

  // Call it once a second; it takes the totals of every service.
  void sample();
  // Call it whenever a rollout begins, moves or ends.
  void record(const ServiceEntry& entry);
  // Returns all there is of a rollout, written or not.
  Awaitable<StoreResult<Traffic>> recorded(std::string rollout) const;

 private:
  Services& services_;
  const Publisher& publisher_;
  const Clocks& clocks_;
  Recorder recorder_;
};

}  // namespace cutwater::control
