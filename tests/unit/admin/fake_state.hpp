// Holds what the fakes of all resources share: what was asked, and plain members to answer from.
#pragma once

#include <boost/json.hpp>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/operations/resources.hpp"
#include "tests/unit/admin/fake_views.hpp"

namespace cutwater::control {

struct FakeState {
  // When set, every change is answered with it.
  std::optional<Reply> refusal;
  // Lists what was asked, newest last: "put_weights shop {"blue":95} if-match 7 by local".
  std::vector<std::string> asked;
  std::uint64_t generation = 7;
  std::map<std::string, double> split{{"blue", 95}, {"green", 5}};
  bool is_live = true, is_ready = true;
  bool throws = false;
  bool drained = false;  // every version
  // These are shown to whoever follows a rollout, one after the other; the last stays.
  std::deque<boost::json::object> rollout_views{fake_rollout_view("progressing")};
  int waits = 0;
  boost::json::object replay_view = fake_replay_view("rolled_back");
  boost::json::object dora_view = fake_dora_view();
  std::vector<boost::json::object> decision_views{fake_decision_view()};
  boost::json::object service_overrides;  // members of the service that are other than usual
  std::vector<AuditEntry> audited;
  bool test_delivered = true;
  std::vector<Event> events;
  std::function<void(const Event&)> sink;
  std::set<std::string> keys_in_flight;
  std::map<std::string, std::pair<std::string, Reply>> keys_kept;  // key -> fingerprint, answer

  void publish(const Event& event) {
    events.push_back(event);
    if (sink) sink(event);
  }
  void note(std::string what) { asked.push_back(std::move(what)); }
  Reply ok(boost::json::value body) const {
    Reply reply;
    reply.body = std::move(body);
    reply.etag = generation;
    return reply;
  }
  boost::json::object shares() const {
    boost::json::object object;
    for (const auto& [name, percent] : split) object[name] = percent;
    return object;
  }
  Reply weights_reply() const { return ok({{"generation", generation}, {"weights", shares()}}); }
};

inline Reply fake_unknown(std::string_view what, const std::string& name) {
  return problem(404, "not_found", "There is no " + std::string(what) + " '" + name + "'.");
}

inline std::string fake_text(const Precondition& precondition) {
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

}  // namespace cutwater::control
