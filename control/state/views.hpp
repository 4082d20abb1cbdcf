// How state looks as JSON (contract.md section 3): percent as numbers, times as RFC 3339. Pure.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>

#include "control/rollout/engine.hpp"
#include "control/state/traffic_windows.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {

// {"blue": 95, "green": 5}
boost::json::object percent_view(const std::map<std::string, Share>& weights);
// "blue 95%, green 5%": those that have traffic.
std::string weights_text(const std::map<std::string, Share>& weights);
boost::json::object weights_view(const ServiceState& state);
// {"time", "decision", "action", "cause", "reason", "actor"}
boost::json::object withdrawal_view(const Withdrawal& withdrawal);
// Says why a version is locked out: "was rolled back at 2026-11-23T10:00:00.000Z by decision 12:
// error rate ...".
std::string withdrawal_text(const ServiceState& state, const std::string& version);
// What became of a rollout that has ended, in few members.
boost::json::object outcome_view(const EngineState& rollout);
boost::json::object rollout_view(const EngineState& rollout);
boost::json::object decision_view(const Decision& decision);
// {"seconds", "requests", "requests_per_second", "errors", "error_rate", "p50_ms", ...}
// p50_ms, p95_ms, p99_ms; null where nothing was timed.
boost::json::object latency_view(const stats::HistogramCounts& latency);
boost::json::object window_view(const Window& window);
// `before` and `after` of a decision.
boost::json::object state_summary(const ServiceState& state, const EngineState* rollout);

// What is said, at this moment; `before`, `after` and the evidence are the caller's. `service` may
// be empty: it is about the proxy.
Decision decision_of(const std::string& service, const effect::Decide& said, std::int64_t wall_ms);
RolloutRecord rollout_record(const EngineState& rollout);

}  // namespace cutwater::control
