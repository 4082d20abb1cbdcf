// The one place where traffic is steered: checks what people and guards want, writes it down,
// publishes it, waits until every worker has switched, answers. Thread: control's io_context,
// always; lives as long as the application. Changes happen one at a time (TurnQueue). Split over
// controller_*.cpp: change (the life of a change), weights, rollout, read, explain, reload.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/parse.hpp"
#include "control/controller.hpp"
#include "control/data_plane.hpp"
#include "control/event_log.hpp"
#include "control/publisher.hpp"
#include "control/recent_counts.hpp"
#include "control/restore.hpp"
#include "control/store/async_store.hpp"
#include "control/turn_queue.hpp"
#include "control/windows.hpp"

namespace cutwater::control {

// What the application knows about itself; for GET /v1/proxy.
struct ProxyFacts {
  std::vector<std::pair<std::string, std::string>> listeners;  // name, "ip:port"
  std::string admin;
  unsigned workers = 0;
};

struct ControllerSetup {
  config::Config config;
  std::string config_path;
  Restored restored;
  // Replaceable, so that tests hold time, names and files in their hand.
  std::function<TimePoint()> now = [] { return Clock::now(); };
  std::function<std::int64_t()> wall_ms;  // unix; default: the system's
  std::function<config::Parsed()> load;   // default: config_path
  std::function<std::vector<std::string>(const config::Config&, const config::Config&)>
      restart_needed;                  // default: config::restart_needed
  Resolver resolver;                   // default: the system's
  std::function<void()> on_drain;      // POST /v1/proxy:drain
  std::function<void()> on_published;  // endpoints may have changed: probes, access log settings
  std::function<ProxyFacts()> facts;
};

// What metrics and probes need to walk over.
struct VersionView {
  const config::Service* service;
  const ServiceState* state;
  const EngineState* rollout;  // the active one, else the last; nullptr if there was none
  std::string version;
  std::shared_ptr<guard::VersionMonitor> monitor;
  const std::vector<std::shared_ptr<upstream::Endpoint>>* endpoints;
  Window last_minute;
  double actual_share;  // of the service's attempts in the last minute, 0..1
};

class ControllerImpl : public Controller {
 public:
  // `publisher` has adopted the configuration; guards are armed here, before traffic.
  ControllerImpl(boost::asio::io_context& context, AsyncStore& store, DataPlane& data_plane,
                 Publisher& publisher, ControllerSetup setup);

  // What restore() found out; once the workers serve. On a full disk it is written later.
  Awaitable<void> record_start(Change change) { return write_or_keep(std::move(change)); }
  TimePoint started() const { return started_; }
  bool is_ready() const { return ready_; }

  // The snapshot the workers start with.
  std::shared_ptr<const routing::RoutingSnapshot> snapshot() const { return snapshot_; }

  // Once a second: windows, rollouts, unsaved changes. Skips what stands behind a person's change.
  Awaitable<void> tick();
  // Some ten times a second: the relative guards judge what has become ripe.
  void compare_guards();
  // An endpoint uses too much memory, fails its health check on and on, or none can be reached.
  struct Unfit {
    std::string service, version;
    std::string cause;  // of the decision: "memory", "health"
    std::string reason;
  };
  Awaitable<void> unfit(Unfit what);
  bool is_guarded(const std::string& service, const std::string& version);
  // Guarded versions to which connections failed since the last tick: service, version.
  std::vector<std::pair<std::string, std::string>> refusing_lately();
  // A probe has changed its mind about an endpoint. Reverts a candidate that has none left.
  struct ProbedEndpoint {
    std::string service, version, url;
  };
  Awaitable<void> health_changed(ProbedEndpoint endpoint, bool healthy, std::string why);
  // Wakes and forgets whoever waits; call before the io_context goes.
  void stop();
  void set_ready(bool ready) { ready_ = ready; }
  bool state_writable() const { return state_writable_; }
  bool last_reload_ok() const { return last_reload_ok_; }
  const config::Config& current_config() const { return config_; }
  std::vector<VersionView> versions();
  // action and cause -> how many since start.
  const std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t>&
  decisions_counted() const {
    return decisions_counted_;  // service, action, cause
  }

  // --- Controller -----------------------------------------------------------------------
  Reply services() override;
  Reply service(const std::string& name) override;
  Reply weights(const std::string& service) override;
  Reply rollouts(const std::string& service) override;
  Reply rollout(const std::string& id) override;
  Reply analysis(const std::string& rollout_id) override;
  Reply explain(const std::string& service, const boost::json::object& request) override;
  Reply flags(const std::string& service) override;
  Awaitable<Reply> decisions(std::string service, std::optional<std::uint64_t> after,
                             std::size_t limit) override;
  Reply config() override;
  Reply validate(const std::string& yaml) override;
  bool live() override { return true; }
  bool ready() override { return ready_; }
  Reply proxy() override;
  Awaitable<Reply> put_weights(std::string service, boost::json::object weights,
                               Precondition precondition, Actor actor, bool dry_run) override;
  Awaitable<Reply> start_rollout(std::string service, boost::json::object body, Actor actor,
                                 bool dry_run) override;
  Awaitable<Reply> act(std::string rollout_id, RolloutAction action, boost::json::object body,
                       Actor actor) override;
  Awaitable<Reply> rollback(std::string service, boost::json::object body, Actor actor) override;
  Awaitable<Reply> unlock(std::string service, std::string version, Actor actor) override;
  Awaitable<Reply> set_flag(std::string service, std::string flag, bool enabled,
                            Actor actor) override;
  Awaitable<Reply> reload(Actor actor) override;
  Awaitable<Reply> drain(Actor actor) override;
  Awaitable<IdempotentAnswer> idempotent_lookup(std::string key, std::string fingerprint) override;
  Awaitable<void> idempotent_store(std::string key, std::string fingerprint, Reply reply) override;
  Awaitable<Reply> wait_rollout(std::string id, std::chrono::milliseconds wait) override;
  std::shared_ptr<void> subscribe(std::uint64_t after,
                                  std::function<void(const Event&)> sink) override;

 private:
  struct Entry : RestoredService {
    std::map<std::string, Windows> windows;      // by version
    std::map<std::string, RecentCounts> recent;  // by version
  };
  // A change before it is one: a copy to work on and what will be said about it.
  struct Draft {
    ServiceState state;
    std::optional<EngineState> rollout;
    std::vector<Decision> decisions;
    std::set<std::string> rearm;  // versions whose evidence begins anew
  };
  struct Why {
    std::string action, cause, reason, actor;
  };
  enum class Order {
    StoreFirst,    // what people ask: durable before it is true
    PublishFirst,  // a revert: users first, the disk after
  };

  // --- controller_change.cpp ------------------------------------------------------------
  Draft draft_of(const Entry& entry) const { return {entry.state, entry.rollout, {}, {}}; }
  std::optional<Refusal> run(Draft& draft, const RolloutEvent& event);
  void decide(Draft& draft, const Why& why);
  // nullopt: done, switched on every worker. Else a problem, and nothing has changed.
  Awaitable<std::optional<Reply>> commit(Draft draft, Order order);
  Awaitable<std::optional<StoreError>> write(Change change);
  Awaitable<void> write_or_keep(Change change);
  Change make_change(Draft& draft);
  bool install(Draft& draft);  // true: the workers need a new snapshot
  void finish_if_terminal(Entry& entry);
  void sync_guards(const Entry& before, const Draft& draft);
  void retire_guards(const std::string& service);
  // --- controller_guards.cpp ------------------------------------------------------------
  struct Pair {
    std::string version;
    std::string baseline;  // what it is held against: stable
  };
  void arm(const std::string& service, const Pair& pair);
  std::shared_ptr<guard::VersionMonitor> watch_baseline(const std::string& service,
                                                        const Pair& pair);
  std::string compared(const Entry& entry) const;
  void freeze_latency(const std::string& service);
  void hold_against_past(const std::string& service);
  std::set<std::string> guarded(const ServiceState& state, const EngineState* rollout) const;
  void rebuild();
  Awaitable<void> switch_workers();
  Awaitable<void> settle(const std::string& service);
  void announce(const Change& change, const std::vector<std::uint64_t>& seqs);
  Awaitable<void> on_trip(std::string service, std::string version);
  void revert_directly(Draft& draft, const std::string& version, const Why& why);
  Awaitable<void> tick_service(std::string name);
  void sample_windows();
  Reply store_problem(const StoreError& error) const;

  // --- helpers ----------------------------------------------------------------------------
  const config::Service* find_config(const std::string& service) const;
  Entry* find(const std::string& service);
  Entry* find_by_rollout(const std::string& id, const EngineState** state);
  Evidence evidence_of(const std::string& service, const std::string& version);
  boost::json::object evidence_view(const std::string& service, const std::string& version);
  boost::json::object service_view(const config::Service& config, Entry& entry);
  boost::json::object version_view(const config::Service& config, Entry& entry,
                                   const std::string& version);
  Reply weights_reply(const Entry& entry) const;
  Reply rollout_reply(const std::string& id);
  std::optional<Reply> check_precondition(const Entry& entry, const Precondition& given) const;
  std::optional<Reply> check_new_rollout(const Entry& entry, const RolloutRequest& request) const;
  void wake_waiters(const std::string& rollout_id);

  boost::asio::io_context& context_;
  AsyncStore& store_;
  DataPlane& data_plane_;
  Publisher& publisher_;
  ControllerSetup setup_;
  config::Config config_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Entry> retired_;  // services a reload removed; they may come back
  std::shared_ptr<const routing::RoutingSnapshot> snapshot_;
  TurnQueue turns_;
  EventLog events_;
  // Reverts that are true but not on disk yet; every write takes them along.
  Change unsaved_;
  bool state_writable_ = true;
  bool ready_ = false;
  bool last_reload_ok_ = true;
  TimePoint started_;
  std::map<std::tuple<std::string, std::string, std::string>, std::uint64_t> decisions_counted_;
  std::map<std::string, std::string> in_flight_keys_;  // idempotency key -> fingerprint
  std::multimap<std::string, std::shared_ptr<boost::asio::steady_timer>> waiters_;
  // Dies with the controller; callbacks from workers check it.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace cutwater::control
