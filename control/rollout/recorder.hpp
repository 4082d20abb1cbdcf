// Writes down what the two versions of every rollout under way do, tick by tick, for a replay. It
// runs beside everything else: nobody waits for it, and what the disk does not take now is written
// later, shortened if need be. A crash loses what was not written yet, about the last ten seconds.
// It runs on control's thread and lives as long as the control plane.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "control/rollout/engine.hpp"
#include "control/store/async_store.hpp"

namespace cutwater::control {

class Recorder {
 public:
  static constexpr std::int64_t kWriteEveryMs = 10'000;

  Recorder(boost::asio::io_context& context, AsyncStore& store);

  // Tells what is true of a service from now on. It is called once a second, and whenever the
  // rollout begins, moves or ends: what came since the last call belongs to the step and weight of
  // that time.
  struct Present {
    const EngineState* rollout = nullptr;
    std::function<stats::VersionTotals(const std::string& version)> totals;
    std::int64_t wall_ms = 0;
  };
  void sample(const std::string& service, const Present& present);

  // Returns all there is of a rollout, written or not.
  boost::asio::awaitable<StoreResult<Traffic>> recorded(std::string rollout) const;

 private:
  // Holds a rollout under way, as it was at the last sample.
  struct Watched {
    std::string rollout, to, from;
    std::size_t step = 0;
    Share weight;
    stats::VersionTotals to_totals, from_totals;
    std::int64_t at_ms = 0;
  };
  struct Unwritten {
    Traffic ticks;
    std::int64_t due_ms = 0;
  };
  // Holds ticks by rollout. The writes under way share it, and put back what could not be written.
  struct Waiting {
    std::map<std::string, Unwritten> rollouts;
    bool failing = false;  // the failure was reported already
  };

  void close_tick(const Watched& begin, const Watched& end);
  void write_due(std::int64_t now_ms);
  static boost::asio::awaitable<void> write(AsyncStore& store, std::shared_ptr<Waiting> waiting,
                                            std::string rollout, Unwritten what);

  boost::asio::io_context& context_;
  AsyncStore& store_;
  std::map<std::string, Watched> watched_;  // by service
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

}  // namespace cutwater::control
