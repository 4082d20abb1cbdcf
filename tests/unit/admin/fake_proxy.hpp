// Fakes of the resources that are about the proxy as a whole and its past; each answers from the
// shared state.
#pragma once

#include <memory>
#include <string>

#include "control/admin/idempotency.hpp"
#include "tests/unit/admin/fake_state.hpp"

namespace cutwater::control {

class FakeConfiguration : public ConfigurationResource {
 public:
  explicit FakeConfiguration(FakeState& state) : state_(state) {}

  Reply config() override { return state_.ok({{"version", 1}}); }
  Reply validate(const std::string& yaml) override {
    state_.note("validate " + yaml);
    return state_.ok({{"valid", true}});
  }
  Awaitable<Reply> reload(Actor actor) override {
    state_.note("reload by " + actor.name);
    if (state_.refusal) co_return *state_.refusal;
    co_return state_.ok({{"generation", state_.generation}});
  }

 private:
  FakeState& state_;
};

class FakeHistory : public HistoryResource {
 public:
  explicit FakeHistory(FakeState& state) : state_(state) {}

  Awaitable<Reply> decisions(std::string name, std::optional<std::uint64_t> after,
                             std::size_t limit, std::int64_t since_ms) override {
    const std::string from = after ? " after " + std::to_string(*after) : " newest";
    state_.note("decisions " + name + from + " limit " + std::to_string(limit) +
                (since_ms == 0 ? "" : " since " + std::to_string(since_ms)));
    boost::json::array shown;
    for (const auto& decision : state_.decision_views)
      if (decision.at("seq").to_number<std::uint64_t>() > after.value_or(0))
        shown.push_back(decision);
    co_return state_.ok({{"decisions", std::move(shown)}});
  }
  Awaitable<Reply> audit(HistoryQuery asked_for) override {
    state_.note("audit " + asked_for.service + " limit " + std::to_string(asked_for.limit));
    co_return state_.ok({{"audit",
                          {{{"seq", 8},
                            {"time", "2026-01-02T03:04:05Z"},
                            {"actor", "bot"},
                            {"role", "deployer"},
                            {"method", "PUT"},
                            {"path", "/v1/services/shop/weights"},
                            {"status", 200},
                            {"request_id", "q-1"},
                            {"service", "shop"},
                            {"before", {{"weights", {{"blue", 100}, {"green", 0}}}}},
                            {"after", {{"weights", {{"blue", 95}, {"green", 5}}}}}}}}});
  }
  Awaitable<void> record_audit(AuditEntry entry) override {
    state_.audited.push_back(std::move(entry));
    co_return;
  }
  boost::json::value steering_of(const std::string& name) override {
    if (name != "shop" && name != "r-1") return nullptr;
    return {{"service", "shop"}, {"generation", state_.generation}, {"weights", state_.shares()}};
  }
  Awaitable<Reply> dora(std::chrono::milliseconds window, std::string name) override {
    state_.note("dora " + std::to_string(window.count()) + "ms " + name);
    co_return state_.ok(state_.dora_view);
  }
  Awaitable<Reply> notifications(std::optional<OutboxItem::State> state,
                                 std::size_t limit) override {
    state_.note("notifications " + (state ? std::string(to_string(*state)) : "all") + " limit " +
                std::to_string(limit));
    co_return state_.ok({{"pending", {{"slack", 1}}},
                         {"notifications",
                          {{{"id", 4},
                            {"channel", "slack"},
                            {"event", "r-1-rolled_back"},
                            {"title", "shop: rolled back (guard)"},
                            {"state", "dead"},
                            {"attempts", 9},
                            {"error", "answered 400"}}}}});
  }
  Awaitable<Reply> notify_test(std::string channel) override {
    state_.note("notify_test " + channel);
    co_return state_.ok(
        {{"delivered", state_.test_delivered},
         {"channels",
          {{{"channel", "slack"},
            {"kind", "slack"},
            {"delivered", state_.test_delivered},
            {"detail", state_.test_delivered ? "" : "connect: Connection refused"}}}}});
  }

 private:
  FakeState& state_;
};

class FakeProxy : public ProxyResource {
 public:
  explicit FakeProxy(FakeState& state) : state_(state) {}

  bool live() override { return state_.is_live; }
  bool ready() override { return state_.is_ready; }
  Reply proxy() override {
    return state_.ok({{"version", "0.1.0"}, {"generation", state_.generation}});
  }
  Awaitable<Reply> drain(Actor actor) override {
    state_.note("drain by " + actor.name);
    if (state_.refusal) co_return *state_.refusal;
    Reply reply = state_.ok({{"draining", true}});
    reply.status = 202;
    co_return reply;
  }
  std::shared_ptr<void> subscribe(std::uint64_t after,
                                  std::function<void(const Event&)> new_sink) override {
    state_.note("subscribe after " + std::to_string(after));
    for (const Event& event : state_.events) {
      if (event.id > after) new_sink(event);
    }
    state_.sink = std::move(new_sink);
    return std::shared_ptr<void>(nullptr, [this](void*) { state_.sink = nullptr; });
  }

 private:
  FakeState& state_;
};

class FakeIdempotency : public Idempotency {
 public:
  explicit FakeIdempotency(FakeState& state) : state_(state) {}

  Awaitable<IdempotentAnswer> look_up(std::string key, std::string fingerprint) override {
    using Kind = IdempotentAnswer::Kind;
    if (state_.keys_in_flight.contains(key)) co_return IdempotentAnswer{Kind::InFlight, {}};
    const auto kept = state_.keys_kept.find(key);
    if (kept == state_.keys_kept.end()) {
      state_.keys_in_flight.insert(key);
      co_return IdempotentAnswer{};
    }
    if (kept->second.first != fingerprint) co_return IdempotentAnswer{Kind::Mismatch, {}};
    co_return IdempotentAnswer{Kind::Replay, kept->second.second};
  }
  Awaitable<void> keep(std::string key, std::string fingerprint, Reply reply) override {
    state_.keys_in_flight.erase(key);
    if (reply.status < 500) state_.keys_kept[key] = {fingerprint, reply};
    co_return;
  }

 private:
  FakeState& state_;
};

}  // namespace cutwater::control
