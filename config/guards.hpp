// Says by which limits a version under rollout is judged: `guards` and `memory` of a service. They
// are values; the initialisers are the documented defaults.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/share.hpp"

namespace cutwater::config {

// An answer is slower than stable's when it took longer than both: (1 + share) times as long, and
// `floor` more.
struct LatencyTolerance {
  Share share = Share::percent(10);
  std::chrono::milliseconds floor{5};
};

struct Guards {
  using Duration = std::chrono::milliseconds;
  Share error_rate = Share::percent(5);
  Duration p95 = std::chrono::seconds(2);
  Duration p95_critical = std::chrono::seconds(3);
  double false_rollback = 0.01;  // alpha: probability of ever reverting a healthy version
  // The version is also compared with the stable version: one that is this much worse does not
  // fail.
  bool relative = true;
  Share relative_tolerance = Share::percent(25);
  LatencyTolerance latency_tolerance;
  // If both versions fail alike, a candidate whose weight rose at most this long ago is reverted.
  Duration blame_window = std::chrono::minutes(5);
  // Every route is also judged separately, and false_rollback is divided among the routes and the
  // whole.
  bool per_route = false;
  bool dry_run = false;  // says what it would have reverted, and reverts nothing
  // Requests for these paths say nothing about a version, because machines send them: exact,
  // without the query; or "/a/*", everything below. If the file does not say it, it is the
  // service's own health path, unless that is "/", and gRPC's health checks.
  static constexpr std::size_t kMostIgnored = 64;
  std::vector<std::string> ignore;
};

// Replaces the limits of `guards:` for a step, a route or a ramping flag.
struct GuardLimits {
  using Duration = std::chrono::milliseconds;
  std::optional<Share> error_rate;
  std::optional<Duration> p95;
  std::optional<Duration> p95_critical;
  bool any() const { return error_rate || p95 || p95_critical; }
  friend bool operator==(const GuardLimits&, const GuardLimits&) = default;
};

// These bound p95 and p95_critical, in the file and in the API.
inline constexpr std::chrono::milliseconds kLeastLatencyLimit{1};
inline constexpr std::chrono::milliseconds kMostLatencyLimit = std::chrono::hours(1);

// Limits how much memory the endpoints use, as they report it in the Prometheus text format.
struct Memory {
  bool enabled = false;  // true when the section is present
  std::string url = "http://{endpoint}/metrics";
  std::string used = "process_resident_memory_bytes";
  std::uint64_t limit_bytes = 0;
  Share threshold = Share::percent(90);
};

}  // namespace cutwater::config
