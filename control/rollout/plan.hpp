// Says what a rollout will do: stages, gates, times, and what happens when evidence does not come.
// A plan is made from the service's defaults and the body of POST .../rollouts. Plans are pure
// values.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "control/base/reply.hpp"

namespace cutwater::control {

// Describes one stretch of a rollout at one weight. Every strategy is a list of these:
//   canary       5 %, 25 %, 100 %
//   blue_green   0 % (preview), 100 %        or over a ramp
//   rolling      1/n, 2/n, ... n/n           an endpoint, or a few, are replaced in each
struct Stage {
  Share weight;             // of the new version; 0 % is the preview
  config::Duration bake{};  // least time; never enough alone
  bool approval = false;    // a person must agree before the rollout leaves it
  config::GuardLimits guards;
};

// Says what else stands between two stages.
struct Gates {
  bool before = false;    // webhook, before anything changes
  bool smoke = false;     // requests to the candidate, before it is given traffic
  bool step = false;      // webhook, when a stage has proved itself
  bool after = false;     // webhook, told about the success
  bool rollback = false;  // webhook, told about the revert; the rollout never waits for it
};

// Holds, for a rolling rollout, an endpoint of the old version and the one of the new version that
// takes its place. The same address in both means a deployment in place.
struct EndpointPair {
  std::string from;
  std::string to;
};

struct Plan {
  using OnInconclusive = config::RolloutDefaults::OnInconclusive;
  std::string strategy = "canary";
  std::vector<Stage> stages;    // strictly rising; after the last the version is stable
  config::Duration max_step{};  // then on_inconclusive applies
  OnInconclusive on_inconclusive = OnInconclusive::Hold;
  Share holdback;  // the last stage leaves this to the old version until it has baked
  bool four_eyes = false;
  config::Duration approval_expiry{};
  std::optional<config::AdaptiveSteps> adaptive;
  std::vector<config::Window> windows;
  int utc_offset_minutes = 0;
  Gates gates;
  config::Duration keep_old{};
  std::vector<EndpointPair> endpoints;  // for rolling only
  std::size_t max_unavailable = 1;

  bool is_rolling() const { return strategy == "rolling"; }
  bool wants_approval() const;
  // Returns the part of the budget for false alarms that the evidence under one set of limits may
  // spend: evidence starts again where the limits change, so the stretches of equal limits divide
  // the budget.
  double alpha_share() const;
};

// Holds the body of POST /v1/services/{s}/rollouts, after it was checked.
struct RolloutRequest {
  std::string to;
  std::string starter = {};  // the actor who asks for it
  bool retry = false;        // unlocks `to` first if it is locked out
  bool force = false;        // also outside the windows and beyond the capacity
  std::string commit_time;   // RFC 3339, for lead time; empty if not given
  Plan plan;                 // a rolling plan is still without endpoints and stages
};
// Returns a Reply for a problem (422) that names the member and what was meant.
std::variant<RolloutRequest, Reply> parse_rollout_request(const boost::json::object& body,
                                                          const config::RolloutDefaults& defaults);
// Fills in endpoints and stages of a rolling plan; returns a problem when the two versions do not
// fit together.
std::optional<Reply> plan_rolling(Plan& plan, const config::Version& from,
                                  const config::Version& to,
                                  const config::RolloutDefaults& defaults);

std::string to_string(Plan::OnInconclusive value);
boost::json::object to_json(const Plan& plan);    // as stored: millionths, ms
boost::json::object plan_view(const Plan& plan);  // as shown: percent, "60s"
std::optional<Plan> plan_from_json(const boost::json::value& json);

// Reads a share as it is given to the API: 5, 0.5 or "5%".
std::optional<Share> share_of(const boost::json::value& value);

// The two files of the plan share these functions.
std::optional<Plan::OnInconclusive> on_inconclusive_from(std::string_view text);

}  // namespace cutwater::control
