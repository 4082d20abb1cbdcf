// What a rollout will do: steps, times and what happens when evidence does not come. Made from the
// service's defaults and the body of POST .../rollouts. Pure values.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "control/reply.hpp"

namespace cutwater::control {

struct Plan {
  using OnInconclusive = config::RolloutDefaults::OnInconclusive;
  std::string strategy = "canary";  // blue_green and rolling come with their own issue
  std::vector<Share> steps;         // strictly rising; the last is 100 %
  config::Duration bake{};          // least time at a step; never enough alone
  config::Duration max_step{};      // then on_inconclusive
  OnInconclusive on_inconclusive = OnInconclusive::Hold;
};

// The body of POST /v1/services/{s}/rollouts, checked.
struct RolloutRequest {
  std::string to;
  bool retry = false;       // unlocks `to` first if it is locked out
  std::string commit_time;  // RFC 3339, for lead time; empty if not given
  Plan plan;
};
// A Reply is a problem (422) that names the member and what was meant.
std::variant<RolloutRequest, Reply> parse_rollout_request(const boost::json::object& body,
                                                          const config::RolloutDefaults& defaults);

std::string to_string(Plan::OnInconclusive value);
boost::json::object to_json(const Plan& plan);    // as stored: millionths, ms
boost::json::object plan_view(const Plan& plan);  // as shown: percent, "60s"
std::optional<Plan> plan_from_json(const boost::json::value& json);

}  // namespace cutwater::control
