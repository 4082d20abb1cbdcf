// Makes a decided change true: it writes the change down, arms the guards, publishes a snapshot,
// waits until every worker has switched, and tells whoever wants to know. It knows neither people
// nor HTTP nor timers. Whoever changes something takes a turn first and holds the turn until
// commit() has completed. Steering belongs to control's io_context. It lives as long as the control
// plane, and longer than the io_context, in which its coroutines wait.
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

// Counts decisions since the start, by service, action and cause.
using DecisionCounts = std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t>;

// These run around every write of decisions: who is told of them goes into the same transaction.
// Both may be empty.
struct WriteHooks {
  std::function<void(Change&)> before;
  std::function<void(const Change&)> after;
};

// Holds what a change goes through. All of it outlives Steering.
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
  // Wakes and forgets everybody who waits. Call it before the io_context goes.
  void stop();

  Draft draft_of(const ServiceEntry& entry) const { return {entry, parts_.guards, parts_.clocks}; }
  // Reverts without a rollout: stable gets everything and the bad version nothing. If the bad
  // version is stable itself, the version before it gets everything, or nobody does when that one
  // cannot serve.
  void revert_directly(Draft& draft, const std::string& version, const Why& why) const;

  // Call it in a turn. nullopt means that the change is done and in force on every worker; a revert
  // is done also when it could not be written yet. Otherwise nothing has changed.
  Awaitable<std::optional<StoreError>> commit(Draft draft, Order order);
  // Call it in a turn. Afterwards the change is durable, with all that is owed, and told; the
  // caller makes it true.
  Awaitable<std::optional<StoreError>> write(Change change);
  // Keeps in memory what has already happened; the next write or tick writes it.
  Awaitable<void> write_or_keep(Change change);
  // Tries again what could not be written.
  Awaitable<void> write_what_is_owed();
  // Makes a new snapshot of everything, which is in force on every worker when this completes.
  Awaitable<void> switch_workers();

  const SteeredParts& parts() const { return parts_; }
  TurnQueue& turns() { return turns_; }
  EventLog& events() { return events_; }
  Followers& followers() { return followers_; }
  // Returns the newest snapshot that was built; the workers start with the first one.
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
  // These reverts are true but not on disk yet; every write takes them along.
  Change unsaved_;
  std::vector<Decision> just_stored_;  // by the last write, with their numbers
  bool state_writable_ = true;
  DecisionCounts decisions_counted_;
};

}  // namespace cutwater::control
