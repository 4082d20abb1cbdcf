// Keeps the last 1024 events and knows who follows them (GET /v1/events). It belongs to control's
// thread. Subscriptions may outlive the log.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace cutwater::control {

// Holds one entry of the event stream (GET /v1/events).
struct Event {
  std::uint64_t id = 0;  // increases by one; resumable with Last-Event-ID
  std::string type;      // "decision", "rollout", "weights", "config", "health"
  std::string data;      // JSON
};

class EventLog {
 public:
  // `first_id` - 1 was the last id of an earlier life. Because it is taken from the clock, ids keep
  // growing over restarts and a client's Last-Event-ID stays usable.
  explicit EventLog(std::uint64_t first_id) : next_id_(first_id) {}

  void publish(std::string type, const boost::json::object& data);
  std::shared_ptr<void> subscribe(std::uint64_t after, std::function<void(const Event&)> sink);

  static constexpr std::size_t kKept = 1024;

 private:
  using Sinks = std::map<std::uint64_t, std::function<void(const Event&)>>;
  std::uint64_t next_id_;
  std::uint64_t next_sink_ = 1;
  std::deque<Event> kept_;
  std::shared_ptr<Sinks> sinks_ = std::make_shared<Sinks>();
};

}  // namespace cutwater::control
