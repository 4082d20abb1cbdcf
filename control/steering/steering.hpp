// Makes a decided change true: writes it down, arms the guards, publishes it, waits until every
// worker has switched, and tells who wants to know. Knows neither people nor HTTP nor timers. Who
// changes something takes a turn first and holds it until commit() has completed. Thread: control's
// io_context, always; lives as long as the control plane and longer than the io_context, in which
// its coroutines wait.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "control/base/awaitable.hpp"
#include "control/base/clocks.hpp"
#include "control/guards/flag_guards.hpp"
#include "control/guards/guards.hpp"
#include "control/guards/traffic.hpp"
#include "control/snapshot/data_plane.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/capacity.hpp"
#include "control/state/services.hpp"
#include "control/steering/draft.hpp"
#include "control/steering/event_log.hpp"
#include "control/steering/followers.hpp"
#include "control/steering/task_runner.hpp"
#include "control/steering/turn_queue.hpp"
#include "control/store/async_store.hpp"

namespace cutwater::control {

// How many since the start, by service, action and cause.
using DecisionCounts = std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t>;

// Around every write of decisions: who is told of them goes into the same transaction. Both may be
// empty.
struct WriteHooks {
  std::function<void(Change&)> before;
  std::function<void(const Change&)> after;
};

// What a change goes through. All of it outlives Steering.
struct SteeredParts {
  AsyncStore& store;
  DataPlane& data_plane;
  Publisher& publisher;
  Services& services;
  const Capacity& capacity;
  Guards& guards;
  FlagGuards& flag_guards;
  TrafficWatch& traffic;
  TaskRunner& tasks;
  const Clocks& clocks;
};

class Steering {
 public:
  Steering(boost::asio::io_context& context, SteeredParts parts, WriteHooks hooks);

  // Arms the guards and builds the first snapshot, before traffic; then starts what the stored
  // rollouts want done. `publisher` has adopted the configuration.
  void start();
  // Wakes and forgets whoever waits; call before the io_context goes.
  void stop();

  Draft draft_of(const ServiceEntry& entry) const { return {entry, parts_.guards, parts_.clocks}; }
  // Without a rollout: all to stable, the bad version out. If that is stable itself, back to the
  // one before, or nowhere when that cannot serve.
  void revert_directly(Draft& draft, const std::string& version, const Why& why) const;

  // In a turn. nullopt: done, switched on every worker; a revert also when it could not be written
  // yet. Else nothing has changed.
  Awaitable<std::optional<StoreError>> commit(Draft draft, Order order);
  // In a turn. Durable, with all that is owed, and told; the caller makes it true.
  Awaitable<std::optional<StoreError>> write(Change change);
  // For what has already happened: kept in memory and written with the next write or tick.
  Awaitable<void> write_or_keep(Change change);
  // Tries again what could not be written.
  Awaitable<void> write_what_is_owed();
  // A new snapshot of everything, in force on every worker when it completes.
  Awaitable<void> switch_workers();

  const SteeredParts& parts() const { return parts_; }
  TurnQueue& turns() { return turns_; }
  EventLog& events() { return events_; }
  Followers& followers() { return followers_; }
  // The newest that was built; the workers start with the first one.
  std::shared_ptr<const routing::RoutingSnapshot> snapshot() const { return snapshot_; }
  bool state_writable() const { return state_writable_; }
  const DecisionCounts& decisions_counted() const { return decisions_counted_; }

 private:
  Change make_change(Draft& draft) const;
  bool install(const Draft& draft);  // true: the workers need a new snapshot
  void rebuild();
  void number_withdrawals(ServiceEntry& entry) const;
  void announce(const Change& change, const std::vector<std::uint64_t>& seqs);
  Awaitable<void> settle(const std::string& service);
  void finish_if_terminal(ServiceEntry& entry);
  std::optional<Draft> overtaken(const Draft& draft) const;

  SteeredParts parts_;
  WriteHooks hooks_;
  TurnQueue turns_;
  EventLog events_;
  Followers followers_;
  std::shared_ptr<const routing::RoutingSnapshot> snapshot_;
  // Reverts that are true but not on disk yet; every write takes them along.
  Change unsaved_;
  std::vector<Decision> just_stored_;  // by the last write, with their numbers
  bool state_writable_ = true;
  DecisionCounts decisions_counted_;
};

}  // namespace cutwater::control
