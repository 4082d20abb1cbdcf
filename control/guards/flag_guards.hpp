// Guards feature flags: a flag that ramps is judged from its first request on, stable is its
// witness, and one flag of a service at a time is compared with its control group. It belongs to
// control's thread and lives as long as the control plane. When a guard speaks on a worker's
// thread, the call comes back on control's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "control/guards/guards.hpp"

namespace cutwater::control {

class FlagGuards {
 public:
  using OnTrip = std::function<void(const std::string& service, const std::string& flag)>;

  FlagGuards(boost::asio::io_context& context, const Services& services, const Publisher& publisher,
             Guards& guards, const Clocks& clocks)
      : context_(context),
        services_(services),
        publisher_(publisher),
        guards_(guards),
        clocks_(clocks) {}

  // Sets who is told, on the control thread, when a flag's guard has spoken. Call it before the
  // workers run.
  void on_trip(OnTrip on_trip) { on_trip_ = std::move(on_trip); }

  // Call it before a new snapshot, with the new state in place. The comparison with the control
  // group begins when it is the flag's turn, outlasts a pause, and ends with the ramp.
  void sync(const std::string& service);
  Evidence evidence(const std::string& service, const std::string& flag) const;

  // A ramp's step counts from zero again: the flag is armed anew, or a person has changed it.
  void begin_step(const std::string& service, const std::string& flag) {
    ++steps_begun_[{service, flag}];
  }
  // Returns how often that was. Whoever remembers where a step stood compares it with what it was
  // then.
  std::uint64_t steps_begun(const std::string& service, const std::string& flag) const;

 private:
  void arm(const std::string& service, const std::string& flag);

  boost::asio::io_context& context_;
  const Services& services_;
  const Publisher& publisher_;
  Guards& guards_;
  const Clocks& clocks_;
  OnTrip on_trip_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> steps_begun_;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // callbacks from workers check it
};

}  // namespace cutwater::control
