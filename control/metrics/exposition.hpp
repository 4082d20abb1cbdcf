// Turns values into Prometheus text (exposition format 0.0.4). prometheus-cpp serves only as a
// serializer: its own counters and histograms would take a mutex per request. The functions are
// pure; any thread may call them. Label values are bounded by the configuration and by fixed lists,
// never by what clients send.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "config/share.hpp"
#include "control/history/dora.hpp"
#include "control/snapshot/certificates.hpp"
#include "proxy/guard/version_monitor.hpp"
#include "proxy/stats/proxy_totals.hpp"
#include "proxy/stats/version_cell.hpp"

namespace cutwater::control {

struct MetricsInput {
  struct Endpoint {
    std::string url;
    bool up = true;
  };
  // Holds the quantiles of the last minute; they are zero without traffic.
  struct Quantiles {
    Nanoseconds p50{0};
    Nanoseconds p95{0};
    Nanoseconds p99{0};
  };
  struct Version {
    std::string name;
    stats::VersionTotals totals;  // monotonic over the process life
    std::uint64_t tunnels_open = 0;
    Quantiles last_minute;
    Share weight_configured;
    Share weight_actual;  // what the workers really apply: 0 when the version is tripped or has no
                          // endpoints
    guard::GuardReport guard;
    std::vector<Endpoint> endpoints;
  };
  // Counts shadow traffic: it has its own numbers, which are never part of a version's.
  struct Mirror {
    std::string version;
    stats::VersionTotals totals;
    std::map<std::string, std::uint64_t> dropped;  // by reason
    std::uint64_t under_way = 0;
  };
  // Counts the requests that the flag has placed; they are in their version's numbers, too.
  struct Flag {
    std::string name;
    bool on = true;              // neither switched off nor shut by its guard
    std::optional<Share> share;  // of the users; absent for a flag without a percentage
    stats::VersionTotals totals;
    guard::GuardReport guard;  // set for a ramp
  };
  struct Service {
    std::string name;
    std::vector<Version> versions;
    std::optional<std::string> rollout_phase;  // of the active or last rollout
    std::optional<Mirror> mirror = {};
    std::vector<Flag> flags = {};
    std::uint64_t unavailable = 0;  // requests answered 503, because no endpoint was there
  };
  using DecisionKey = std::tuple<std::string, std::string, std::string>;  // service, action, cause

  std::vector<Service> services;
  stats::ProxyTotals proxy;
  std::map<std::pair<std::string, std::string>, std::uint64_t> notifications;  // channel, result
  std::map<std::string, std::uint64_t> notifications_pending;                  // by channel
  std::optional<dora::Report> dora;  // of the last 30 days
  std::vector<Certificates::Facts> certificates;
  std::map<DecisionKey, std::uint64_t> decisions;
  std::uint64_t config_generation = 0;
  bool last_reload_success = true;
  bool state_writable = true;
  bool ready = true;
  double uptime_seconds = 0;
  std::string build_version = CUTWATER_VERSION;
};

// Writes the families in the order below, which is stable; the text ends with a newline. It is
// clean under `promtool check metrics`.
std::string render_metrics(const MetricsInput& input);

}  // namespace cutwater::control
