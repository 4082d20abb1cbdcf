// A Controller that remembers and answers from plain members; also for the command line's tests.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/admin/fake_versions.hpp"

namespace cutwater::control {

class FakeController : public FakeVersions {
 public:
  std::map<std::string, double> split{{"blue", 95}, {"green", 5}};
  bool is_live = true, is_ready = true;
  bool throws = false;
  // What following a rollout shows, one after the other; the last stays.
  std::deque<boost::json::object> rollout_views{fake_rollout_view("progressing")};
  std::vector<Event> events;
  std::function<void(const Event&)> sink;
  int waits = 0;
  std::set<std::string> keys_in_flight;
  std::map<std::string, std::pair<std::string, Reply>> keys_kept;  // key -> fingerprint, answer

  Reply services() override {
    if (throws) throw std::runtime_error("out of cheese");
    return ok({{"services", {service_view()}}});
  }
  Reply service(const std::string& name) override {
    return name == "shop" ? ok(service_view()) : unknown("service", name);
  }
  Reply weights(const std::string& name) override {
    return name == "shop" ? weights_reply() : unknown("service", name);
  }
  Reply rollouts(const std::string& name) override {
    return name == "shop" ? ok({{"rollouts", {rollout_views.front()}}}) : unknown("service", name);
  }
  Reply rollout(const std::string& id) override {
    return id == "r-1" ? ok(rollout_views.front()) : unknown("rollout", id);
  }
  Reply analysis(const std::string& id) override {
    return ok({{"rollout", id}, {"verdict", "pass"}});
  }
  Reply explain(const std::string& name, const boost::json::object& request) override {
    note("explain " + name + " " + boost::json::serialize(request));
    return ok({{"service", name},
               {"version", "green"},
               {"reason", "flag"},
               {"text", "flag `beta` matched, which forces `green`"}});
  }
  Reply flags(const std::string& name) override {
    if (name != "shop") return unknown("service", name);
    return ok({{"flags",
                {{{"name", "beta"},
                  {"version", "green"},
                  {"enabled", true},
                  {"when", {{"cookie", "beta=on"}}}}}}});
  }
  Awaitable<Reply> decisions(std::string name, std::optional<std::uint64_t> after,
                             std::size_t limit, std::int64_t since_ms) override {
    const std::string from = after ? " after " + std::to_string(*after) : " newest";
    note("decisions " + name + from + " limit " + std::to_string(limit) +
         (since_ms == 0 ? "" : " since " + std::to_string(since_ms)));
    co_return ok({{"decisions",
                   {{{"seq", 3},
                     {"time", "2026-01-02T03:04:05Z"},
                     {"service", "shop"},
                     {"rollout", "r-1"},
                     {"action", "rolled_back"},
                     {"cause", "error_rate"},
                     {"actor", "cutwater"},
                     {"reason", "6 of 6 requests to green failed"},
                     {"evidence", {{"failed", 6}}},
                     {"before", {{"weights", {{"blue", 95}, {"green", 5}}}}},
                     {"after", {{"weights", {{"blue", 100}, {"green", 0}}}}}}}}});
  }
  boost::json::value steering_of(const std::string& name) override {
    if (name != "shop" && name != "r-1") return nullptr;
    return {{"service", "shop"}, {"generation", generation}, {"weights", shares()}};
  }
  Reply config() override { return ok({{"version", 1}}); }
  Reply validate(const std::string& yaml) override {
    note("validate " + yaml);
    return ok({{"valid", true}});
  }
  bool live() override { return is_live; }
  bool ready() override { return is_ready; }
  Reply proxy() override { return ok({{"version", "0.1.0"}, {"generation", generation}}); }

  Awaitable<Reply> put_weights(std::string name, boost::json::object wanted,
                               Precondition precondition, Actor actor, bool dry_run) override {
    note("put_weights " + name + " " + boost::json::serialize(wanted) + " if-match " +
         text(precondition) + " by " + actor.name + (dry_run ? " dry" : ""));
    if (refusal) co_return *refusal;
    if (precondition.kind == Precondition::Kind::Absent) {
      co_return problem(428, "if_match_missing", "Send If-Match.");
    }
    if (precondition.kind != Precondition::Kind::Any && precondition.generation != generation) {
      co_return problem(412, "stale", "Someone was faster.", {{"current_generation", generation}});
    }
    if (!dry_run) {
      for (const auto& [key, value] : wanted) {
        if (value.is_number()) split[std::string(key)] = value.to_number<double>();
      }
      ++generation;
    }
    co_return weights_reply();
  }
  Awaitable<Reply> start_rollout(std::string name, boost::json::object body, Actor actor,
                                 bool dry_run) override {
    note("start_rollout " + name + " " + boost::json::serialize(body) + " by " + actor.name +
         (dry_run ? " dry" : ""));
    if (refusal) co_return *refusal;
    Reply reply = ok(rollout_views.front());
    reply.status = 201;
    reply.location = "/v1/rollouts/r-1";
    co_return reply;
  }
  Awaitable<Reply> act(std::string id, RolloutAction action, boost::json::object body,
                       Actor actor) override {
    static constexpr const char* kNames[] = {"pause",        "resume", "promote",
                                             "promote-full", "abort",  "approve",
                                             "reject",       "retry",  "ready"};
    note(std::string(kNames[static_cast<int>(action)]) + " " + id + " " +
         boost::json::serialize(body) + " by " + actor.name);
    if (refusal) co_return *refusal;
    co_return ok(rollout_views.front());
  }
  Awaitable<Reply> rollback(std::string name, boost::json::object body, Actor actor) override {
    if (throws) throw std::runtime_error("out of cheese");
    note("rollback " + name + " " + boost::json::serialize(body) + " by " + actor.name);
    if (refusal) co_return *refusal;
    if (name != "shop") co_return unknown("service", name);
    split = {{"blue", 100}, {"green", 0}};
    ++generation;
    co_return weights_reply();
  }
  Awaitable<Reply> set_flag(std::string name, std::string flag, bool enabled,
                            Actor actor) override {
    note((enabled ? "revive " : "kill ") + name + " " + flag + " by " + actor.name);
    if (refusal) co_return *refusal;
    co_return ok({{"name", flag}, {"enabled", enabled}});
  }
  Awaitable<Reply> reload(Actor actor) override {
    note("reload by " + actor.name);
    if (refusal) co_return *refusal;
    co_return ok({{"generation", generation}});
  }
  Awaitable<Reply> drain(Actor actor) override {
    note("drain by " + actor.name);
    if (refusal) co_return *refusal;
    Reply reply = ok({{"draining", true}});
    reply.status = 202;
    co_return reply;
  }
  Awaitable<IdempotentAnswer> idempotent_lookup(std::string key, std::string fingerprint) override {
    using Kind = IdempotentAnswer::Kind;
    if (keys_in_flight.contains(key)) co_return IdempotentAnswer{Kind::InFlight, {}};
    const auto kept = keys_kept.find(key);
    if (kept == keys_kept.end()) {
      keys_in_flight.insert(key);
      co_return IdempotentAnswer{};
    }
    if (kept->second.first != fingerprint) co_return IdempotentAnswer{Kind::Mismatch, {}};
    co_return IdempotentAnswer{Kind::Replay, kept->second.second};
  }
  Awaitable<void> idempotent_store(std::string key, std::string fingerprint, Reply reply) override {
    keys_in_flight.erase(key);
    if (reply.status < 500) keys_kept[key] = {fingerprint, reply};
    co_return;
  }
  // A change is there at once while views are left, otherwise `wait` passes.
  Awaitable<Reply> wait_rollout(std::string id, std::chrono::milliseconds wait) override {
    note("wait_rollout " + id + " " + std::to_string(wait.count()) + "ms");
    ++waits;
    if (id != "r-1") co_return unknown("rollout", id);
    if (rollout_views.size() > 1) {
      rollout_views.pop_front();
      co_return ok(rollout_views.front());
    }
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, wait);
    co_await timer.async_wait(boost::asio::use_awaitable);
    co_return ok(rollout_views.front());
  }
  std::shared_ptr<void> subscribe(std::uint64_t after,
                                  std::function<void(const Event&)> new_sink) override {
    note("subscribe after " + std::to_string(after));
    for (const Event& event : events) {
      if (event.id > after) new_sink(event);
    }
    sink = std::move(new_sink);
    return std::shared_ptr<void>(nullptr, [this](void*) { sink = nullptr; });
  }
  void publish(const Event& event) {
    events.push_back(event);
    if (sink) sink(event);
  }

 private:
  static Reply unknown(std::string_view what, const std::string& name) {
    return problem(404, "not_found", "There is no " + std::string(what) + " '" + name + "'.");
  }
  boost::json::object shares() const {
    boost::json::object object;
    for (const auto& [name, percent] : split) object[name] = percent;
    return object;
  }
  Reply weights_reply() const { return ok({{"generation", generation}, {"weights", shares()}}); }
  boost::json::object service_view() const {
    return {{"name", "shop"},
            {"generation", generation},
            {"stable", "blue"},
            {"weights", shares()},
            {"weights_actual", {{"blue", 95.1}, {"green", 4.9}}},
            {"versions",
             {fake_version_view("blue", "pass"), fake_version_view("green", "inconclusive")}},
            {"rollout", rollout_views.front()}};
  }
};

}  // namespace cutwater::control
