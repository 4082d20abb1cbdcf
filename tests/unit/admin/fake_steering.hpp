// Fakes of the resources that steer traffic; each answers from the shared state.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <stdexcept>
#include <string>

#include "tests/unit/admin/fake_state.hpp"

namespace cutwater::control {

class FakeServices : public ServicesResource {
 public:
  explicit FakeServices(FakeState& state) : state_(state) {}

  Reply services() override {
    if (state_.throws) throw std::runtime_error("out of cheese");
    return state_.ok({{"services", {service_view()}}});
  }
  Reply service(const std::string& name) override {
    return name == "shop" ? state_.ok(service_view()) : fake_unknown("service", name);
  }
  Reply explain(const std::string& name, const boost::json::object& request) override {
    state_.note("explain " + name + " " + boost::json::serialize(request));
    return state_.ok({{"service", name},
                      {"version", "green"},
                      {"reason", "flag"},
                      {"text", "flag `beta` matched, which forces `green`"}});
  }

 private:
  boost::json::object service_view() const {
    boost::json::object view{
        {"name", "shop"},
        {"generation", state_.generation},
        {"stable", "blue"},
        {"weights", state_.shares()},
        {"weights_actual", {{"blue", 95.1}, {"green", 4.9}}},
        {"weights_actual_10s", {{"blue", 96.2}, {"green", 3.8}}},
        {"versions",
         {fake_version_view("blue", "pass"), fake_version_view("green", "inconclusive")}},
        {"rollout", state_.rollout_views.front()}};
    for (const auto& [name, value] : state_.service_overrides) view[name] = value;
    return view;
  }

  FakeState& state_;
};

class FakeWeights : public WeightsResource {
 public:
  explicit FakeWeights(FakeState& state) : state_(state) {}

  Reply weights(const std::string& name) override {
    return name == "shop" ? state_.weights_reply() : fake_unknown("service", name);
  }
  Awaitable<Reply> put_weights(std::string name, boost::json::object wanted,
                               Precondition precondition, Actor actor, bool dry_run) override {
    state_.note("put_weights " + name + " " + boost::json::serialize(wanted) + " if-match " +
                fake_text(precondition) + " by " + actor.name + (dry_run ? " dry" : ""));
    if (state_.refusal) co_return *state_.refusal;
    if (precondition.kind == Precondition::Kind::Absent) {
      co_return problem(428, "if_match_missing", "Send If-Match.");
    }
    if (precondition.kind != Precondition::Kind::Any &&
        precondition.generation != state_.generation) {
      co_return problem(412, "stale", "Someone was faster.",
                        {{"current_generation", state_.generation}});
    }
    if (!dry_run) {
      for (const auto& [key, value] : wanted) {
        if (value.is_number()) state_.split[std::string(key)] = value.to_number<double>();
      }
      ++state_.generation;
    }
    co_return state_.weights_reply();
  }
  Awaitable<Reply> rollback(std::string name, boost::json::object body, Actor actor) override {
    if (state_.throws) throw std::runtime_error("out of cheese");
    state_.note("rollback " + name + " " + boost::json::serialize(body) + " by " + actor.name);
    if (state_.refusal) co_return *state_.refusal;
    if (name != "shop") co_return fake_unknown("service", name);
    state_.split = {{"blue", 100}, {"green", 0}};
    ++state_.generation;
    co_return state_.weights_reply();
  }

 private:
  FakeState& state_;
};

class FakeRollouts : public RolloutsResource {
 public:
  explicit FakeRollouts(FakeState& state) : state_(state) {}

  Reply rollouts(const std::string& name) override {
    return name == "shop" ? state_.ok({{"rollouts", {state_.rollout_views.front()}}})
                          : fake_unknown("service", name);
  }
  Reply rollout(const std::string& id) override {
    return id == "r-1" ? state_.ok(state_.rollout_views.front()) : fake_unknown("rollout", id);
  }
  // A change is there at once while views are left, otherwise `wait` passes.
  Awaitable<Reply> wait_rollout(std::string id, std::chrono::milliseconds wait) override {
    state_.note("wait_rollout " + id + " " + std::to_string(wait.count()) + "ms");
    ++state_.waits;
    if (id != "r-1") co_return fake_unknown("rollout", id);
    if (state_.rollout_views.size() > 1) {
      state_.rollout_views.pop_front();
      co_return state_.ok(state_.rollout_views.front());
    }
    boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor, wait);
    co_await timer.async_wait(boost::asio::use_awaitable);
    co_return state_.ok(state_.rollout_views.front());
  }
  Reply analysis(const std::string& id) override {
    return state_.ok({{"rollout", id}, {"verdict", "pass"}});
  }
  Awaitable<Reply> record(std::string id) override {
    state_.note("record " + id);
    co_return state_.ok({{"rollout", id}, {"ticks", boost::json::array{}}});
  }
  Awaitable<Reply> replay(std::string id, boost::json::object guards) override {
    state_.note("replay " + id + " " + boost::json::serialize(guards));
    co_return state_.ok(state_.replay_view);
  }
  Awaitable<Reply> start_rollout(std::string name, boost::json::object body, Actor actor,
                                 bool dry_run) override {
    state_.note("start_rollout " + name + " " + boost::json::serialize(body) + " by " + actor.name +
                (dry_run ? " dry" : ""));
    if (state_.refusal) co_return *state_.refusal;
    Reply reply = state_.ok(state_.rollout_views.front());
    reply.status = 201;
    reply.location = "/v1/rollouts/r-1";
    co_return reply;
  }
  Awaitable<Reply> command(std::string id, RolloutAction action, boost::json::object body,
                           Actor actor) override {
    static constexpr const char* kNames[] = {"pause",        "resume", "promote",
                                             "promote-full", "abort",  "approve",
                                             "reject",       "retry",  "ready"};
    state_.note(std::string(kNames[static_cast<int>(action)]) + " " + id + " " +
                boost::json::serialize(body) + " by " + actor.name);
    if (state_.refusal) co_return *state_.refusal;
    co_return state_.ok(state_.rollout_views.front());
  }

 private:
  FakeState& state_;
};

class FakeVersions : public VersionsResource {
 public:
  explicit FakeVersions(FakeState& state) : state_(state) {}

  Awaitable<Reply> act_on_version(std::string name, std::string version, VersionAction action,
                                  Actor actor) override {
    static constexpr const char* kActions[] = {"show ", "drain ", "unlock "};
    state_.note(kActions[static_cast<int>(action)] + name + " " + version + " by " + actor.name);
    if (state_.refusal) co_return *state_.refusal;
    co_return state_.ok({{"name", version},
                         {"locked_out", false},
                         {"active", state_.drained ? 0 : 3},
                         {"drained", state_.drained}});
  }
  Awaitable<Reply> put_version(std::string name, std::string version, boost::json::object body,
                               Precondition precondition, Actor actor) override {
    state_.note("put_version " + name + " " + version + " " + boost::json::serialize(body) +
                " if-match " + fake_text(precondition) + " by " + actor.name);
    if (state_.refusal) co_return *state_.refusal;
    Reply reply = state_.ok({{"name", version}, {"endpoints", body.at("endpoints")}});
    reply.status = 201;
    co_return reply;
  }
  Awaitable<Reply> remove_version(std::string name, std::string version, Precondition precondition,
                                  Actor actor, bool dry_run) override {
    state_.note("remove_version " + name + " " + version + " if-match " + fake_text(precondition) +
                " by " + actor.name + (dry_run ? " dry" : ""));
    if (state_.refusal) co_return *state_.refusal;
    co_return state_.ok({{"generation", state_.generation}, {"weights", {{"blue", 100}}}});
  }

 private:
  FakeState& state_;
};

class FakeFlags : public FlagsResource {
 public:
  explicit FakeFlags(FakeState& state) : state_(state) {}

  Reply flags(const std::string& name) override {
    if (name != "shop") return fake_unknown("service", name);
    return state_.ok({{"flags",
                       {{{"name", "beta"},
                         {"version", "green"},
                         {"enabled", true},
                         {"when", {{"cookie", "beta=on"}}}}}}});
  }
  Awaitable<Reply> set_flag(std::string name, std::string flag, bool enabled,
                            Actor actor) override {
    state_.note((enabled ? "revive " : "kill ") + name + " " + flag + " by " + actor.name);
    if (state_.refusal) co_return *state_.refusal;
    co_return state_.ok({{"name", flag}, {"enabled", enabled}});
  }
  Awaitable<Reply> put_flag(std::string name, std::string flag, boost::json::object body,
                            Precondition, Actor actor) override {
    state_.note("set " + name + " " + flag + " " + boost::json::serialize(body) + " by " +
                actor.name);
    co_return state_.ok(
        {{"name", flag}, {"version", "green"}, {"percentage", 25}, {"key", "cookie:uid"}});
  }
  Reply ofrep_flag(const std::string& key, const boost::json::object& request) override {
    state_.note("ofrep " + key + " " + boost::json::serialize(request));
    return state_.ok({{"key", key}, {"value", true}});
  }
  Reply ofrep_flags(const boost::json::object&) override {
    Reply reply = state_.ok({{"flags", boost::json::array{}}});
    reply.etag = 7;
    return reply;
  }

 private:
  FakeState& state_;
};

class FakeMirror : public MirrorResource {
 public:
  explicit FakeMirror(FakeState& state) : state_(state) {}

  Reply mirror(const std::string&) override { return state_.ok({{"share", 5}}); }
  Awaitable<Reply> put_mirror(std::string name, boost::json::object body, Precondition,
                              Actor actor) override {
    state_.note("mirror " + name + " " + boost::json::serialize(body) + " by " + actor.name);
    co_return state_.ok({{"share", 0}});
  }

 private:
  FakeState& state_;
};

}  // namespace cutwater::control
