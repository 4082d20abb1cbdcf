// Answers what another policy would have decided about a rollout. Its recorded ticks go through the
// guards' own tests (proxy/guard) in their tick form: a tick is one observation, so a moment found
// here is that of the live guard, rounded up to its tick. What the record does not hold cannot be
// replayed: who the clients were (the guard counts a client's failures once a minute; here each
// failure counts), the relative latency, health checks and memory. It is pure: values go in, values
// come out; any thread may call it.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "control/base/reply.hpp"
#include "control/rollout/plan.hpp"
#include "control/store/traffic_record.hpp"
#include "proxy/guard/report.hpp"

namespace cutwater::control {

// Holds a rollout's record, and the limits by which it is to be judged.
struct ReplayCase {
  std::string rollout, service, from, to;
  Plan plan;
  config::Guards guards;
  Traffic ticks;
};

struct ReplayedGuard {
  guard::TestReport test;  // the report when the guard decided, else at the end
  // Says when the guard would have taken the version's traffic away.
  struct Failure {
    std::int64_t at_ms = 0;
    std::size_t step = 0;
    std::uint64_t requests = 0;  // of `to`, since the record began
    std::uint64_t errors = 0;
    std::string why;  // why, in the words of a decision
  };
  std::optional<Failure> failure;
  // Says when it first had enough evidence while the other version failed alike.
  std::optional<std::int64_t> common_cause_ms;
};

struct ReplayedStep {
  std::size_t step = 0;  // index into the plan's stages
  Share weight;
  std::int64_t began_ms = 0, ended_ms = 0;
  std::uint64_t requests = 0, errors = 0;  // of `to`
  std::optional<std::int64_t> proven_ms;   // when every guard had passed at this step
  std::uint64_t needed = 0;                // further good requests needed, at its end
  bool reached = true;                     // false if it begins after the failure
};

struct Replay {
  enum class Outcome { RolledBack, Passed, PassedSoFar, Held, NoTraffic };
  Outcome outcome = Outcome::NoTraffic;
  std::string summary;  // a sentence
  std::vector<ReplayedGuard> guards;
  std::vector<ReplayedStep> steps;
  std::uint64_t requests = 0, errors = 0;  // of `to`

  const ReplayedGuard* decisive() const;  // the guard that failed first; nullptr if none did
};
std::string_view to_string(Replay::Outcome outcome);

Replay replay(const ReplayCase& asked);

// --- replay_json.cpp -----------------------------------------------------------------------------
// {"error_rate": "2%", "p95": "800ms", "relative": false, ...}: the given limits replace the limits
// in force, at every step. A problem (422) names the member that is wrong.
std::optional<Reply> change_guards(const boost::json::object& body, ReplayCase& changed);
boost::json::object replay_view(const ReplayCase& asked, const Replay& found);
// Writes the record with everything that a replay elsewhere needs, and reads it back.
boost::json::object record_view(const ReplayCase& record);
std::optional<ReplayCase> case_from_record(const boost::json::value& record);

}  // namespace cutwater::control
