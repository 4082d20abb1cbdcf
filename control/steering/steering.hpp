// The one place where traffic is steered: checks what people and guards want, writes it down,
// publishes it, waits until every worker has switched, answers. Thread: control's io_context,
// always; lives as long as the application. Changes happen one at a time (TurnQueue). Split over
// controller_*.cpp: change (the life of a change), weights, rollout, read, replay, and more.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/operations/resources.hpp"
#include "control/rollout/recorder.hpp"
#include "control/snapshot/data_plane.hpp"
#include "control/snapshot/publisher.hpp"
#include "control/state/restore.hpp"
#include "control/steering/draft.hpp"
#include "control/steering/event_log.hpp"
#include "control/steering/setup.hpp"
#include "control/steering/turn_queue.hpp"
#include "control/store/async_store.hpp"

namespace cutwater::control {

class ControllerImpl : public Controller {
 public:
  // `publisher` has adopted the configuration; guards are armed here, before traffic.
  ControllerImpl(boost::asio::io_context& context, AsyncStore& store, DataPlane& data_plane,
                 Publisher& publisher, ControllerSetup setup);

  // What restore() found out; once the workers serve. On a full disk it is written later.
  Awaitable<void> record_start(Change change) { return write_or_keep(std::move(change)); }
  TimePoint started() const { return started_; }
  bool is_ready() const { return ready_; }
  // The workers start with it.
  std::shared_ptr<const routing::RoutingSnapshot> snapshot() const { return snapshot_; }

  // Once a second: windows, rollouts, unsaved changes. Skips what stands behind a person's change.
  Awaitable<void> tick();
  // Some ten times a second: the relative guards judge what has become ripe.
  void compare_guards();
  // Reverts a version that is not fit to serve, if it is guarded.
  Awaitable<void> unfit(Unfit what);
  bool is_guarded(const std::string& service, const std::string& version);
  // Those in service; none of a version that is not guarded.
  Endpoints guarded_endpoints(const std::string& service, const std::string& version);
  // Guarded versions to which connections failed since the last tick: service, version.
  std::vector<std::pair<std::string, std::string>> refusing_lately();
  // A probe has changed its mind about an endpoint. Reverts a candidate that has none left.
  Awaitable<void> health_changed(ProbedEndpoint endpoint, bool healthy, std::string why);
  // Wakes and forgets whoever waits; call before the io_context goes.
  void stop();
  void set_ready(bool ready) { ready_ = ready; }
  bool state_writable() const { return state_writable_; }
  bool last_reload_ok() const { return last_reload_ok_; }
  const config::Config& current_config() const { return config_; }
  const config::Operations& current_operations() const { return operations_; }
  std::vector<VersionView> versions();
  const Publisher& publisher() const { return publisher_; }
  const DecisionCounts& decisions_counted() const { return decisions_counted_; }

  // --- Controller -----------------------------------------------------------------------
  Reply services() override;
  Reply service(const std::string& name) override;
  Reply weights(const std::string& service) override;
  Reply rollouts(const std::string& service) override;
  Reply rollout(const std::string& id) override;
  Reply analysis(const std::string& rollout_id) override;
  Awaitable<Reply> record(std::string rollout_id) override;
  Awaitable<Reply> replay(std::string rollout_id, boost::json::object guards) override;
  Reply explain(const std::string& service, const boost::json::object& request) override;
  Reply flags(const std::string& service) override;
  Reply mirror(const std::string& service) override;
  Reply ofrep_flag(const std::string& key, const boost::json::object& request) override;
  Reply ofrep_flags(const boost::json::object& request) override;
  Awaitable<Reply> decisions(std::string service, std::optional<std::uint64_t> after,
                             std::size_t limit, std::int64_t since_ms = 0) override;
  Awaitable<Reply> audit(HistoryQuery asked) override;
  Awaitable<Reply> dora(std::chrono::milliseconds window, std::string service) override;
  Awaitable<Reply> notifications(std::optional<OutboxItem::State> state,
                                 std::size_t limit) override;
  boost::json::value steering_of(const std::string& name) override;
  Awaitable<Reply> notify_test(std::string channel) override;
  Awaitable<void> record_audit(AuditEntry entry) override;
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
  Awaitable<Reply> version(std::string service, std::string version, VersionAction action,
                           Actor actor) override;
  Awaitable<Reply> put_version(std::string service, std::string version, boost::json::object body,
                               Precondition precondition, Actor actor) override;
  Awaitable<Reply> remove_version(std::string service, std::string version,
                                  Precondition precondition, Actor actor, bool dry_run) override;
  Awaitable<Reply> set_flag(std::string service, std::string flag, bool enabled,
                            Actor actor) override;
  Awaitable<Reply> put_flag(std::string service, std::string flag, boost::json::object body,
                            Precondition precondition, Actor actor) override;
  Awaitable<Reply> put_mirror(std::string service, boost::json::object body,
                              Precondition precondition, Actor actor) override;
  Awaitable<Reply> reload(Actor actor) override;
  Awaitable<Reply> drain(Actor actor) override;
  Awaitable<IdempotentAnswer> idempotent_lookup(std::string key, std::string fingerprint) override;
  Awaitable<void> idempotent_store(std::string key, std::string fingerprint, Reply reply) override;
  Awaitable<Reply> wait_rollout(std::string id, std::chrono::milliseconds wait) override;
  std::shared_ptr<void> subscribe(std::uint64_t after,
                                  std::function<void(const Event&)> sink) override;

 private:
  using Entry = ServiceEntry;

  // --- controller_change.cpp ------------------------------------------------------------
  Draft draft_of(const Entry& entry) const { return {entry.state, entry.rollout, {}, {}}; }
  Surroundings surroundings(const std::string& service, const EngineState* rollout);
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
  void record_traffic(const Entry& entry);  // controller_replay.cpp
  // --- controller_guards.cpp ------------------------------------------------------------
  // By the limits of the rollout's present stage, if it is about this version.
  void arm(const std::string& service, const GuardedPair& pair, const EngineState* rollout);
  void arm_routes(const std::string& service, const GuardedPair& pair,
                  const config::Guards& limits);
  void witness(const std::string& service, guard::VersionMonitor& baseline);
  std::function<void()> trip_of(const std::string& service, const std::string& version);
  std::optional<Evidence> failed_route(const std::string& service, const std::string& version);
  boost::json::array routes_view(const std::string& service, const std::string& version);
  std::string compared(const Entry& entry) const;
  void freeze_latency(const std::string& service);
  void hold_against_past(const std::string& service);
  Awaitable<void> take_traffic(Unfit what);
  std::set<std::string> guarded(const ServiceState& state, const EngineState* rollout) const;
  void rebuild();
  Awaitable<void> switch_workers();
  Awaitable<void> settle(const std::string& service);
  void announce(const Change& change, const std::vector<std::uint64_t>& seqs);
  Awaitable<void> on_trip(std::string service, std::string version);
  void revert_directly(Draft& draft, const std::string& version, const Why& why);
  std::optional<Draft> overtaken(const Draft& draft);
  Awaitable<void> tick_service(std::string name);
  bool release_old_version(Draft& draft);

  // --- controller_task.cpp --------------------------------------------------------------
  // Makes what runs what the stored state wants: starts its task, ends another.
  void sync_task(const std::string& service);
  TaskOrder order_of(const EngineState& rollout, const Task& task) const;
  Awaitable<TaskResult> perform(TaskOrder order);
  Awaitable<void> run_task(std::string service, TaskOrder order);
  Awaitable<bool> report_task(std::string service, RunningTask done, TaskResult result);
  Awaitable<void> drain_endpoints(TaskOrder order);
  Awaitable<std::uint64_t> count_active(Endpoints endpoints);
  void start_calls(const std::string& service);
  Awaitable<void> make_calls(TaskOrder order, config::Hook::At at);
  // What the healthy endpoints in service of a version are enough for.
  Share capacity(const ServiceState& state, const std::string& version) const;
  std::optional<Reply> check_weights_fit(const ServiceState& state,
                                         const std::map<std::string, Share>& next) const;
  std::optional<Reply> check_capacity(const ServiceState& state, const std::string& version,
                                      Share share) const;
  Awaitable<void> expire_lease(std::string service);
  void sample_windows();

  // --- controller_flags.cpp -------------------------------------------------------------
  boost::json::object flag_view_of(const Entry& entry, const config::Flag& flag);
  Awaitable<Reply> change_flag(std::string service, config::Flag file, FlagState after, Why why);
  void sync_flag_guards(const std::string& service);
  void arm_flag(const std::string& service, const std::string& flag);
  Awaitable<void> on_flag_trip(std::string service, std::string flag);
  Awaitable<void> tick_flags(std::string service);
  Awaitable<void> tick_mirror(std::string service);
  Awaitable<bool> decide_flag(Draft draft, Why why, Evidence evidence);  // true: it is done
  Evidence flag_evidence(const std::string& service, const std::string& flag);

  // --- controller_reload.cpp ------------------------------------------------------------
  // `changed`, with the generation it has now, takes the place of the state of its service.
  NextConfig fit(config::Config written, const ServiceState* changed = nullptr);
  // Durable and in force on every worker; or a problem, and nothing has changed.
  Awaitable<std::optional<Reply>> take_over(NextConfig next);
  // controller_versions.cpp
  Awaitable<std::optional<Reply>> change_where(ServiceState state, std::string version, Why why);

  // --- helpers ----------------------------------------------------------------------------
  const config::Service* find_config(const std::string& service) const;
  Entry* find(const std::string& service);
  Entry* find_by_rollout(const std::string& id, const EngineState** state);
  Evidence evidence_of(const std::string& service, const std::string& version);
  // Those a rolling rollout has not taken out.
  Endpoints endpoints_in_service(const ServiceState& state, const std::string& version) const;
  boost::json::object evidence_view(const std::string& service, const std::string& version);
  boost::json::object service_view(const config::Service& config, Entry& entry);
  boost::json::object version_view(const config::Service& config, Entry& entry,
                                   const std::string& version);
  Reply rollout_reply(const std::string& id);
  EngineState new_rollout(const Entry& entry, const RolloutRequest& request,
                          const Actor& actor) const;
  Awaitable<Reply> begin_rollout(Entry& entry, RolloutRequest request, Actor actor);
  Awaitable<Reply> retry_rollout(Entry& entry, const EngineState& ended, Actor actor, bool force);
  std::optional<Reply> check_new_rollout(const Entry& entry, RolloutRequest& request) const;
  std::optional<Reply> check_rollout_fits(const Entry& entry, RolloutRequest& request) const;
  std::optional<Reply> check_moment(const ServiceState& state, const RolloutRequest& request) const;
  void wake_waiters(const std::string& rollout_id);

  boost::asio::io_context& context_;
  AsyncStore& store_;
  DataPlane& data_plane_;
  Publisher& publisher_;
  ControllerSetup setup_;
  config::Config config_;
  config::Operations operations_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Entry> retired_;  // services a reload removed; they may come back
  std::shared_ptr<const routing::RoutingSnapshot> snapshot_;
  std::map<std::pair<std::string, std::string>, FlagStep> flag_steps_;  // of ramping flags
  std::set<std::shared_ptr<routing::MirrorStats>> mirrors_told_;        // that they fail
  TurnQueue turns_;
  EventLog events_;
  // Reverts that are true but not on disk yet; every write takes them along.
  Change unsaved_;
  bool state_writable_ = true, ready_ = false, last_reload_ok_ = true;
  TimePoint started_;
  DecisionCounts decisions_counted_;
  std::map<std::string, std::string> in_flight_keys_;  // idempotency key -> fingerprint
  std::multimap<std::string, std::shared_ptr<boost::asio::steady_timer>> waiters_;
  Recorder recorder_;
  std::map<std::string, RunningTask> running_;             // by service
  std::set<std::string> calling_;                          // rollouts whose webhooks are being told
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // callbacks from workers check it
};

}  // namespace cutwater::control
