// Describes what survives a restart, as plain values, and how they are written as JSON. The control
// thread (which decides) and the store thread (which writes) exchange copies of them and share
// none.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "config/share.hpp"
#include "control/store/flag_state.hpp"
#include "control/store/history_records.hpp"
#include "control/store/version_state.hpp"

namespace cutwater::control {

// Sets weights for a while: unless they are set again in time, those before come back. A lease ends
// with any other change of the weights.
struct Lease {
  std::map<std::string, Share> weights;  // as leased
  std::map<std::string, Share> before;   // where it falls back to
  std::int64_t expires_ms = 0;           // wall clock, unix time: it runs on while the process is
                                         // down
  std::string actor;

  friend bool operator==(const Lease&, const Lease&) = default;
};

// Says which decision took a version's traffic, for people who ask why it has none.
struct Withdrawal {
  std::uint64_t decision = 0;  // its number; 0 until the store has given it one
  std::string time;            // RFC 3339, as the decision's
  std::string action;          // rolled_back, drained
  std::string cause;
  std::string reason;
  std::string actor;

  friend bool operator==(const Withdrawal&, const Withdrawal&) = default;
};

// Holds the steering state of one service. Stored state wins over the file's `weights:`.
struct ServiceState {
  std::string name;
  std::map<std::string, Share> weights;  // for every version there is; the sum is Share::kWhole
  std::string stable;
  std::string last_good;             // stable before the last promotion; empty if none
  std::uint64_t salt = 0;            // of the running or last rollout: it decides who is in the 5 %
  std::uint64_t generation = 1;      // the ETag; grows by one with every change
  std::set<std::string> locked_out;  // reverted by a guard or a person; may not get traffic
  // Says where each locked-out version ran when it was locked out; absent if it was stored before
  // that was noted.
  std::map<std::string, std::set<std::string>> locked_endpoints;
  // Says why each of them is locked out; absent if it was stored before that was noted.
  std::map<std::string, Withdrawal> withdrawals;
  // Lists the endpoints that get no requests, by version: a rolling rollout has taken them out.
  std::map<std::string, std::set<std::string>> off_duty;
  std::int64_t keep_old_until_ms = 0;  // `last_good` stays this long for a rollback; 0: no promise
  VersionStates versions;              // places set at run time; absent: as in the file
  std::map<std::string, FlagState> flags;  // changed at run time; absent: as in the file
  std::optional<Share> mirror;             // share set at run time; absent: as in the file
  std::optional<Lease> lease;

  // Returns what was changed about a flag; nullptr if it is as in the file.
  const FlagState* find_flag(const std::string& flag) const;
  // Returns true if no rolling rollout has taken this endpoint of the version out.
  bool in_service(const std::string& version, const std::string& url) const;
  // Returns true if stable has all the traffic, and the version before it is kept for a rollback.
  bool can_go_back() const;
  friend bool operator==(const ServiceState&, const ServiceState&) = default;
};

boost::json::object to_json(const ServiceState& state);
// Returns nullopt when a member is missing or of the wrong type.
std::optional<ServiceState> service_state_from_json(const boost::json::value& json);

// Writes weights in millionths, as stored; views show percent.
boost::json::object weights_to_json(const std::map<std::string, Share>& weights);
std::optional<std::map<std::string, Share>> weights_from_json(const boost::json::value& json);
// A version without a share counts as no version.
bool same_traffic(const std::map<std::string, Share>& a, const std::map<std::string, Share>& b);

// Records one shift of traffic, or a decision against one, permanently.
struct Decision {
  std::uint64_t seq = 0;  // given by the store
  std::string time;       // RFC 3339, UTC, milliseconds
  std::string service;
  std::string rollout;  // empty outside a rollout
  std::string action;   // started, advanced, held, promoted, rolled_back, weights_set, ...
  std::string cause;    // manual, passed, guard, no_traffic, inconclusive, restart, ...
  std::string actor;    // a token's name, "local", or "cutwater" for its own decisions
  std::string reason;   // a sentence for 3 am
  boost::json::object evidence;
  boost::json::object before;
  boost::json::object after;
};

Withdrawal withdrawal_by(const Decision& decision);
boost::json::object to_json(const Withdrawal& withdrawal);
// Throws like at() when a member is missing.
Withdrawal withdrawal_from_json(const boost::json::object& json);
// Gives the withdrawal the number of its decision, if that is among those just stored.
void number_withdrawal(Withdrawal& withdrawal, const std::string& service,
                       const std::vector<Decision>& stored);

struct RolloutRecord {
  std::string id;
  std::string service;
  bool active = false;
  boost::json::object state;  // EngineState as JSON
  // Says what took the version back after the rollout had succeeded. The store keeps it in `state`,
  // where EngineState has it, because the number of the decision is known only there.
  std::optional<Withdrawal> taken_back = std::nullopt;
};

struct IdempotencyRecord {
  std::string key;
  std::string fingerprint;
  int status = 0;
  std::string body;  // JSON text
  std::string location;
  std::int64_t etag = -1;  // -1 means none
  std::int64_t expires_unix_s = 0;
};

// These are written together or not at all.
struct Change {
  std::vector<ServiceState> services;
  std::vector<RolloutRecord> rollouts;
  std::vector<Decision> decisions;
  std::vector<OutboxItem> outbox;  // messages about the decisions; filled in just before writing

  bool empty() const { return services.empty() && rollouts.empty() && decisions.empty(); }
};

}  // namespace cutwater::control
