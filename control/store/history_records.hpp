// Describes what the history tables hold besides decisions: messages to be delivered (the outbox)
// and the audit log. They are plain values, copied between the control thread and the store thread.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cutwater::control {

// Holds one message for one channel. It is written with the change that caused it, so that neither
// exists without the other; it leaves the outbox when it is delivered or given up.
struct OutboxItem {
  enum class Operation {
    Tell = 0,
    Trigger = 1,
    Resolve = 2
  };  // ends an incident, where there is one
  enum class State { Pending = 0, Delivered = 1, Dead = 2 };

  std::int64_t id = 0;  // given by the store; the order of delivery within a channel
  std::string channel;
  // The id is the same for every attempt and every restart; a second item of the same channel and
  // event is dropped. "{seq}" in it stands for the seq of `decision`.
  std::string event_id;
  std::optional<std::size_t> decision;  // index in the same change; its seq goes into the event
  std::string topic;                    // the rollout, or else its subject: threads, incidents
  Operation operation = Operation::Tell;
  boost::json::object event;  // what happened, for every kind of channel
  std::int64_t created_ms = 0;
  std::int64_t not_before_ms = 0;
  std::int64_t expires_ms = 0;

  // The members below say how the delivery went.
  State state = State::Pending;
  std::int64_t next_ms = 0;  // the next attempt
  int attempts = 0;
  std::string error;    // of the last attempt
  std::string receipt;  // Slack: the message's ts
  std::int64_t finished_ms = 0;
};
std::string_view to_string(OutboxItem::State state);

// Says what a channel has to do now.
struct OutboxHead {
  std::optional<OutboxItem> item;  // the oldest pending item that may be sent by now
  std::string thread;              // the receipt of the first delivered item of its topic
  std::int64_t wake_ms = 0;        // without item: when one may be sent; 0 if none is waiting
};

// Describes an incident that a channel has opened and not resolved.
struct OpenTopic {
  std::string channel;
  std::string topic;
};

// Describes a call that changed something, or tried to.
struct AuditEntry {
  std::uint64_t seq = 0;  // given by the store
  std::int64_t time_ms = 0;
  std::string actor;
  std::string role;
  std::string method;
  std::string path;  // with the query
  int status = 0;
  std::string request_id;
  std::string service;  // the service it is about; empty if none
  boost::json::value before;
  boost::json::value after;
};

// Says what is asked for of decisions and audit.
struct HistoryQuery {
  std::string service;                 // empty means all
  std::optional<std::uint64_t> after;  // if absent, the newest
  std::int64_t since_ms = 0;
  std::size_t limit = 100;
};

}  // namespace cutwater::control
