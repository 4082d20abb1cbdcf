// JSON as the real controller gives it, with made-up numbers.
#pragma once

#include <boost/json.hpp>
#include <string_view>

namespace cutwater::control {

inline boost::json::object fake_rollout_view(std::string_view phase,
                                             std::string_view verdict = "pass",
                                             std::string_view reason = "") {
  return {{"id", "r-1"},          {"service", "shop"}, {"from", "blue"},     {"to", "green"},
          {"strategy", "canary"}, {"phase", phase},    {"step", 1},          {"steps", 5},
          {"steps", 5},           {"weight", 5},       {"verdict", verdict}, {"reason", reason}};
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
