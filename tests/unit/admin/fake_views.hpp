// JSON as the real operations give it, with made-up numbers.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace cutwater::control {

inline boost::json::object fake_rollout_view(std::string_view phase,
                                             std::string_view verdict = "pass",
                                             std::string_view reason = "") {
  return {{"id", "r-1"},          {"service", "shop"}, {"from", "blue"},     {"to", "green"},
          {"strategy", "canary"}, {"phase", phase},    {"step", 1},          {"steps", 5},
          {"steps", 5},           {"weight", 5},       {"verdict", verdict}, {"reason", reason}};
}

inline boost::json::object fake_replay_view(std::string_view outcome) {
  boost::json::object out{{"rollout", "r-1"},
                          {"service", "shop"},
                          {"from", "blue"},
                          {"to", "green"},
                          {"outcome", outcome},
                          {"summary", "would have been " + std::string(outcome)},
                          {"requests", 1520},
                          {"errors", 31},
                          {"guards",
                           {{{"name", "error_rate"},
                             {"verdict", "fail"},
                             {"bad", 31},
                             {"good", 1489},
                             {"rate", 0.020395},
                             {"threshold_rate", 0.01},
                             {"e_value", 1274.4},
                             {"alarm_at", 400},
                             {"failed",
                              {{"time", "2026-01-02T03:04:05.000Z"},
                               {"step", 1},
                               {"requests", 1520},
                               {"errors", 31},
                               {"reason", "error rate of green is above 1%"}}}},
                            {{"name", "p95"},
                             {"verdict", "pass"},
                             {"bad", 0},
                             {"good", 1520},
                             {"rate", 0},
                             {"threshold_rate", 0.05},
                             {"e_value", 0.01},
                             {"alarm_at", 800}}}},
                          {"steps",
                           {{{"step", 1},
                             {"weight", 5},
                             {"began", "2026-01-02T03:04:00.000Z"},
                             {"ended", "2026-01-02T03:04:05.000Z"},
                             {"requests", 1520},
                             {"errors", 31},
                             {"verdict", "fail"},
                             {"proven", nullptr}}}},
                          {"ticks", 5},
                          {"notes", {"a tick counts as one observation"}}};
  return out;
}

inline boost::json::object fake_dora_view() {
  return {{"window", "30d"},
          {"deployments", 12},
          {"succeeded", 11},
          {"failed", 1},
          {"deployment_frequency",
           {{"value", 0.4},
            {"unit", "per_day"},
            {"target", 1},
            {"alert", nullptr},
            {"higher_is_better", true},
            {"standing", "off_target"},
            {"samples", 11}}},
          {"lead_time",
           {{"value", nullptr},
            {"unit", "seconds"},
            {"target", 86400},
            {"alert", 259200},
            {"higher_is_better", false},
            {"standing", "no_data"},
            {"samples", 0}}},
          {"change_failure_rate",
           {{"value", 0.3},
            {"unit", "ratio"},
            {"target", 0.15},
            {"alert", 0.25},
            {"higher_is_better", false},
            {"standing", "alert"},
            {"samples", 12}}},
          {"time_to_recovery",
           {{"value", 0.25},
            {"unit", "seconds"},
            {"target", 3600},
            {"alert", 14400},
            {"higher_is_better", false},
            {"standing", "on_target"},
            {"samples", 1}}},
          {"success_rate",
           {{"value", 0.92},
            {"unit", "ratio"},
            {"target", 0.95},
            {"alert", 0.9},
            {"higher_is_better", true},
            {"standing", "off_target"},
            {"samples", 12}}}};
}

inline boost::json::object fake_decision_view() {
  return {{"seq", 3},
          {"time", "2026-01-02T03:04:05Z"},
          {"service", "shop"},
          {"rollout", "r-1"},
          {"action", "rolled_back"},
          {"cause", "error_rate"},
          {"actor", "cutwater"},
          {"reason", "6 of 6 requests to green failed"},
          {"evidence", {{"failed", 6}}},
          {"before", {{"weights", {{"blue", 95}, {"green", 5}}}}},
          {"after", {{"weights", {{"blue", 100}, {"green", 0}}}}}};
}

inline boost::json::object fake_version_view(std::string_view name, std::string_view verdict) {
  return {{"name", name},
          {"verdict", verdict},
          {"locked_out", false},
          {"endpoints", {{{"url", "http://127.0.0.1:9001"}, {"healthy", true}}}},
          {"windows",
           {{"10s", {{"requests_per_second", 1000.0}}},
            {"60s",
             {{"requests_per_second", 941.25},
              {"error_rate", 0.001},
              {"p50_ms", 12.0},
              {"p95_ms", 48.5},
              {"p99_ms", 1250.0}}}}}};
}

}  // namespace cutwater::control
