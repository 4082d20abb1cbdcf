// Declares everything that can be asked of a running proxy, with a small interface for each noun.
// The admin server is their only HTTP face; tests use fakes. All calls come on control's
// io_context. Writes are durable and in force on every worker when the awaitable completes.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/base/awaitable.hpp"
#include "control/base/reply.hpp"
#include "control/steering/event_log.hpp"
#include "control/store/history_records.hpp"

namespace cutwater::control {

enum class RolloutAction {
  Pause,
  Resume,
  Promote,
  PromoteFull,
  Abort,
  Approve,
  Reject,
  Retry,
  Ready
};

enum class VersionAction {
  Show,
  Drain,   // no request goes there any more, what is under way may finish
  Unlock,  // after a drain or a rollback: it may have traffic again
};

class ServicesResource {
 public:
  virtual ~ServicesResource() = default;
  virtual Reply services() = 0;
  virtual Reply service(const std::string& name) = 0;
  // Answers which version a sample request would get, and why.
  virtual Reply explain(const std::string& service, const boost::json::object& request) = 0;
};

class WeightsResource {
 public:
  virtual ~WeightsResource() = default;
  virtual Reply weights(const std::string& service) = 0;
  virtual Awaitable<Reply> put_weights(std::string service, boost::json::object weights,
                                       Precondition precondition, Actor actor, bool dry_run) = 0;
  virtual Awaitable<Reply> rollback(std::string service, boost::json::object body, Actor actor) = 0;
};

class RolloutsResource {
 public:
  virtual ~RolloutsResource() = default;
  virtual Reply rollouts(const std::string& service) = 0;
  virtual Reply rollout(const std::string& id) = 0;
  // Completes when the rollout changes or `wait` has passed, with the rollout's view at that
  // moment.
  virtual Awaitable<Reply> wait_rollout(std::string id, std::chrono::milliseconds wait) = 0;
  virtual Reply analysis(const std::string& rollout_id) = 0;
  // Answer what the rollout's versions did, tick by tick, and what other limits would have made of
  // it.
  virtual Awaitable<Reply> record(std::string rollout_id) = 0;
  virtual Awaitable<Reply> replay(std::string rollout_id, boost::json::object guards) = 0;
  virtual Awaitable<Reply> start_rollout(std::string service, boost::json::object body, Actor actor,
                                         bool dry_run) = 0;
  virtual Awaitable<Reply> command(std::string rollout_id, RolloutAction action,
                                   boost::json::object body, Actor actor) = 0;
};

class VersionsResource {
 public:
  virtual ~VersionsResource() = default;
  virtual Awaitable<Reply> act_on_version(std::string service, std::string version,
                                          VersionAction action, Actor actor) = 0;
  // Says where a version runs; 201 means that a new one was made, with no traffic. Whoever is below
  // the role admin may do this only while no user's requests go there: users are moved by rollouts
  // and weights, which are guarded.
  virtual Awaitable<Reply> put_version(std::string service, std::string version,
                                       boost::json::object body, Precondition precondition,
                                       Actor actor) = 0;
  // Removes the version, only when it is drained. The answer has the weights of the others.
  // `dry_run` says whether it could be removed once it is drained.
  virtual Awaitable<Reply> remove_version(std::string service, std::string version,
                                          Precondition precondition, Actor actor, bool dry_run) = 0;
};

class FlagsResource {
 public:
  virtual ~FlagsResource() = default;
  virtual Reply flags(const std::string& service) = 0;
  virtual Awaitable<Reply> set_flag(std::string service, std::string flag, bool enabled,
                                    Actor actor) = 0;
  virtual Awaitable<Reply> put_flag(std::string service, std::string flag, boost::json::object body,
                                    Precondition precondition, Actor actor) = 0;
  // Evaluates one flag by its key, or all of them (OFREP). `request` is the body of the evaluation.
  virtual Reply ofrep_flag(const std::string& key, const boost::json::object& request) = 0;
  virtual Reply ofrep_flags(const boost::json::object& request) = 0;
};

class MirrorResource {
 public:
  virtual ~MirrorResource() = default;
  virtual Reply mirror(const std::string& service) = 0;
  virtual Awaitable<Reply> put_mirror(std::string service, boost::json::object body,
                                      Precondition precondition, Actor actor) = 0;
};

class ConfigurationResource {
 public:
  virtual ~ConfigurationResource() = default;
  virtual Reply config() = 0;                           // secrets masked
  virtual Reply validate(const std::string& yaml) = 0;  // 200 {"valid":true} or 422 with problems
  virtual Awaitable<Reply> reload(Actor actor) = 0;
};

class HistoryResource {
 public:
  virtual ~HistoryResource() = default;
  // Answers the first `limit` with a seq greater than `after` (0 means from the beginning); without
  // `after`, the newest `limit`. The newest is the last.
  virtual Awaitable<Reply> decisions(std::string service, std::optional<std::uint64_t> after,
                                     std::size_t limit, std::int64_t since_ms) = 0;
  virtual Awaitable<Reply> audit(HistoryQuery asked) = 0;
  // Completes when the entry is written, and never fails the call that the entry is about.
  virtual Awaitable<void> record_audit(AuditEntry entry) = 0;
  // Returns the steering of the service or rollout of that name, for the audit log; null for
  // anything else.
  virtual boost::json::value steering_of(const std::string& name) = 0;
  virtual Awaitable<Reply> dora(std::chrono::milliseconds window, std::string service) = 0;
  // Lists what waits for delivery, was delivered or given up; the newest is the first.
  virtual Awaitable<Reply> notifications(std::optional<OutboxItem::State> state,
                                         std::size_t limit) = 0;
  // Sends a test message to one channel (empty: to all) and answers what its receiver said.
  virtual Awaitable<Reply> notify_test(std::string channel) = 0;
};

class ProxyResource {
 public:
  virtual ~ProxyResource() = default;
  virtual bool live() = 0;
  virtual bool ready() = 0;   // false while starting or draining
  virtual Reply proxy() = 0;  // version, uptime, generation, listeners with bound ports, workers
  virtual Awaitable<Reply> drain(Actor actor) = 0;  // same as SIGTERM
  // Calls `sink` for kept events after `after`, then for each new one, until the returned guard
  // dies. The sink runs on the control thread and must not block.
  virtual std::shared_ptr<void> subscribe(std::uint64_t after,
                                          std::function<void(const Event&)> sink) = 0;
};

// Holds all of them; they outlive whoever asks.
struct Resources {
  ServicesResource& services;
  WeightsResource& weights;
  RolloutsResource& rollouts;
  VersionsResource& versions;
  FlagsResource& flags;
  MirrorResource& mirror;
  ConfigurationResource& configuration;
  HistoryResource& history;
  ProxyResource& proxy;
};

}  // namespace cutwater::control
