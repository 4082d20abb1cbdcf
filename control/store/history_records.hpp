// What the history tables hold besides decisions: messages to be delivered (the outbox) and the
// audit log. Plain values, copied between the control thread and the store thread.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cutwater::control {

// One message for one channel. Written with the change that caused it, so that neither is without
// the other; taken out by its delivery or given up.
struct OutboxItem {
  enum class Operation {
    Tell = 0,
    Trigger = 1,
    Resolve = 2
  };  // of an incident, where there is one
  enum class State { Pending = 0, Delivered = 1, Dead = 2 };

  std::int64_t id = 0;  // given by the store; the order of delivery within a channel
  std::string channel;
  // The same for every attempt and every restart; a second item of the same channel and event is
  // dropped. "{seq}" in it stands for the seq of `decision`.
  std::string event_id;
  std::optional<std::size_t> decision;  // index in the same change; its seq goes into the event
  std::string topic;                    // the rollout, else what it is about: threads, incidents
  Operation operation = Operation::Tell;
  boost::json::object event;  // what happened, for every kind of channel
  std::int64_t created_ms = 0;
  std::int64_t not_before_ms = 0;
  std::int64_t expires_ms = 0;

  // How it went.
  State state = State::Pending;
  std::int64_t next_ms = 0;  // the next attempt
  int attempts = 0;
  std::string error;    // of the last attempt
  std::string receipt;  // Slack: the message's ts
  std::int64_t finished_ms = 0;
};
std::string_view to_string(OutboxItem::State state);

// What a channel has to do now.
struct OutboxHead {
  std::optional<OutboxItem> item;  // the oldest pending one that may be sent by now
  std::string thread;              // the receipt of the first delivered one of its topic
  std::int64_t wake_ms = 0;        // without item: when one may be sent; 0: none is waiting
};

// An incident a channel has opened and not resolved.
struct OpenTopic {
  std::string channel;
  std::string topic;
};

// A call that changed something, or tried to.
struct AuditEntry {
  std::uint64_t seq = 0;  // given by the store
  std::int64_t time_ms = 0;
  std::string actor;
  std::string role;
  std::string method;
  std::string path;  // with the query
  int status = 0;
  std::string request_id;
  std::string service;  // the one it is about; empty if none
  boost::json::value before;
  boost::json::value after;
};

// Of decisions and audit: what is asked for.
struct HistoryQuery {
  std::string service;                 // empty: all
  std::optional<std::uint64_t> after;  // without: the newest
  std::int64_t since_ms = 0;
  std::size_t limit = 100;
};

}  // namespace cutwater::control
