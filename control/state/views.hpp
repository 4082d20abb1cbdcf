// Shows state as JSON (control/admin/README.md, "Shapes scripts rely on"): percent as numbers,
// times as RFC 3339. It is pure.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>

#include "control/rollout/engine.hpp"
#include "control/state/traffic_windows.hpp"
#include "control/store/records.hpp"

namespace cutwater::control {

// Returns for example {"blue": 95, "green": 5}.
boost::json::object percent_view(const std::map<std::string, Share>& weights);
// Returns for example "blue 95%, green 5%": the versions that have traffic.
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
// Returns {"seconds", "requests", "requests_per_second", "errors", "error_rate", "p50_ms", ...}
// with p50_ms, p95_ms and p99_ms; they are null where nothing was timed.
boost::json::object latency_view(const stats::HistogramCounts& latency);
boost::json::object window_view(const Window& window);
// Shows `before` and `after` of a decision.
boost::json::object state_summary(const ServiceState& state, const EngineState* rollout);

// Returns a decision made at this moment; `before`, `after` and the evidence are the caller's. An
// empty `service` means that the decision is about the proxy.
Decision decision_of(const std::string& service, const effect::Decide& said, std::int64_t wall_ms);
RolloutRecord rollout_record(const EngineState& rollout);

}  // namespace cutwater::control
