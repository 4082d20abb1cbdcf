// What survives a restart, as plain values, and how they are written as JSON. Shared between the
// control thread (which decides) and the store thread (which writes); copied, never shared.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/share.hpp"

namespace cutwater::control {

// The steering state of one service. Stored state wins over the file's `weights:`.
struct ServiceState {
  std::string name;
  std::map<std::string, Share> weights;  // every version of the file; sums to Share::kWhole
  std::string stable;
  std::string last_good;              // stable before the last promotion; empty if none
  std::uint64_t salt = 0;             // of the running or last rollout: who is in the 5 %
  std::uint64_t generation = 1;       // the ETag; grows by one with every change
  std::set<std::string> locked_out;   // reverted by a guard or a person; may not get traffic
  std::map<std::string, bool> flags;  // enabled or killed at run time; absent: as in the file

  friend bool operator==(const ServiceState&, const ServiceState&) = default;
};

boost::json::object to_json(const ServiceState& state);
// nullopt when a member is missing or of the wrong type.
std::optional<ServiceState> service_state_from_json(const boost::json::value& json);

// Weights in millionths, as stored; views show percent.
boost::json::object weights_to_json(const std::map<std::string, Share>& weights);
std::optional<std::map<std::string, Share>> weights_from_json(const boost::json::value& json);

// One shift of traffic or decision not to, for ever.
struct Decision {
  std::uint64_t seq = 0;  // given by the store
  std::string time;       // RFC 3339, UTC, milliseconds
  std::string service;
  std::string rollout;  // empty: outside a rollout
  std::string action;   // started, advanced, held, promoted, rolled_back, weights_set, ...
  std::string cause;    // manual, passed, guard, no_traffic, inconclusive, restart, ...
  std::string actor;    // a token's name, "local", or "cutwater" for its own decisions
  std::string reason;   // a sentence for 3 am
  boost::json::object evidence;
  boost::json::object before;
  boost::json::object after;
};

struct RolloutRecord {
  std::string id;
  std::string service;
  bool active = false;
  boost::json::object state;  // EngineState as JSON
};

struct IdempotencyRecord {
  std::string key;
  std::string fingerprint;
  int status = 0;
  std::string body;  // JSON text
  std::string location;
  std::int64_t etag = -1;  // -1: none
  std::int64_t expires_unix_s = 0;
};

// Written together or not at all.
struct Change {
  std::vector<ServiceState> services;
  std::vector<RolloutRecord> rollouts;
  std::vector<Decision> decisions;

  bool empty() const { return services.empty() && rollouts.empty() && decisions.empty(); }
};

}  // namespace cutwater::control
