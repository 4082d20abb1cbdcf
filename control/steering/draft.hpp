// Holds a change before it is made: a copy of a service's state and rollout to work on, and what
// will be said about it. Nothing has changed until Steering::commit() takes the draft. It belongs
// to control's thread and lives within the turn of whoever makes the change.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/guards/guards.hpp"

namespace cutwater::control {

// Says what will be recorded about a change.
using Why = effect::Decide;

enum class Order {
  StoreFirst,    // what people ask: durable before it is true
  PublishFirst,  // a revert: users first, the disk after
};

class Draft {
 public:
  Draft(const ServiceEntry& entry, const Guards& guards, const Clocks& clocks)
      : state(entry.state),
        rollout(entry.rollout),
        entry_(&entry),
        guards_(&guards),
        clocks_(&clocks) {}

  // Gives the event to the engine and takes over its effects, or says why the event is not
  // possible.
  std::optional<Refusal> run(const RolloutEvent& event);
  // Adds a decision about this service.
  void decide(const Why& why);
  // Does the same, with what is known about the version.
  void decide_about(const std::string& version, const Why& why);
  // Notes that the last decision takes `version` back after a rollout had made it stable.
  void take_back(const std::string& version);

  ServiceState state;
  std::optional<EngineState> rollout;
  std::optional<EngineState> taken_back;  // a rollout that ended, and what undid it now
  std::vector<Decision> decisions;
  std::set<std::string> rearm;  // versions whose evidence begins anew

 private:
  const ServiceEntry* entry_;  // as it still is
  const Guards* guards_;
  const Clocks* clocks_;
};

}  // namespace cutwater::control
