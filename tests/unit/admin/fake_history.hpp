// The part of the fake controller that looks back, and what all of it shares.
#pragma once

#include <string>
#include <vector>

#include "control/operations/resources.hpp"
#include "tests/unit/admin/fake_views.hpp"

namespace cutwater::control {

class FakeHistory : public Controller {
 public:
  // When set, every change is answered with it.
  std::optional<Reply> refusal;
  // What was asked, newest last: "put_weights shop {"blue":95} if-match 7 by local".
  std::vector<std::string> asked;
  std::uint64_t generation = 7;
  std::vector<AuditEntry> audited;
  bool test_delivered = true;
  boost::json::object dora_view = fake_dora_view();

  boost::json::object replay_view = fake_replay_view("rolled_back");

  Awaitable<Reply> record(std::string id) override {
    note("record " + id);
    co_return ok({{"rollout", id}, {"ticks", boost::json::array{}}});
  }
  Awaitable<Reply> replay(std::string id, boost::json::object guards) override {
    note("replay " + id + " " + boost::json::serialize(guards));
    co_return ok(replay_view);
  }
  Awaitable<Reply> audit(HistoryQuery asked_for) override {
    note("audit " + asked_for.service + " limit " + std::to_string(asked_for.limit));
    co_return ok({{"audit",
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
  Awaitable<Reply> dora(std::chrono::milliseconds window, std::string name) override {
    note("dora " + std::to_string(window.count()) + "ms " + name);
    co_return ok(dora_view);
  }
  Awaitable<Reply> notifications(std::optional<OutboxItem::State> state,
                                 std::size_t limit) override {
    note("notifications " + (state ? std::string(to_string(*state)) : "all") + " limit " +
         std::to_string(limit));
    co_return ok({{"pending", {{"slack", 1}}},
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
    note("notify_test " + channel);
    co_return ok({{"delivered", test_delivered},
                  {"channels",
                   {{{"channel", "slack"},
                     {"kind", "slack"},
                     {"delivered", test_delivered},
                     {"detail", test_delivered ? "" : "connect: Connection refused"}}}}});
  }
  Awaitable<void> record_audit(AuditEntry entry) override {
    audited.push_back(std::move(entry));
    co_return;
  }

 protected:
  static std::string text(const Precondition& precondition) {
    switch (precondition.kind) {
      case Precondition::Kind::Absent:
        return "absent";
      case Precondition::Kind::Any:
        return "any";
      case Precondition::Kind::Unusable:
        return "unusable";
      case Precondition::Kind::Generation:
        break;
    }
    return std::to_string(precondition.generation);
  }
  void note(std::string what) { asked.push_back(std::move(what)); }
  Reply ok(boost::json::value body) const {
    Reply reply;
    reply.body = std::move(body);
    reply.etag = generation;
    return reply;
  }
};

}  // namespace cutwater::control
