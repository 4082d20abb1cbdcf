// By which limits a version under rollout is judged: `guards` and `memory` of a service. Values;
// the initialisers are the documented defaults.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "config/share.hpp"

namespace cutwater::config {

struct Guards {
  using Duration = std::chrono::milliseconds;
  Share error_rate = Share::percent(5);
  Duration p95 = std::chrono::seconds(2);
  Duration p95_critical = std::chrono::seconds(3);
  double false_rollback = 0.01;  // alpha: probability of ever reverting a healthy version
  // Also compared with the stable version: this much worse is still no failure.
  bool relative = true;
  Share relative_tolerance = Share::percent(25);
  // Both versions fail alike: a candidate whose weight rose at most this long ago is reverted.
  Duration blame_window = std::chrono::minutes(5);
  bool dry_run = false;  // says what it would have reverted, and reverts nothing
};

// How much memory the endpoints use, as they say themselves in the Prometheus text format.
struct Memory {
  bool enabled = false;  // true when the section is present
  std::string url = "http://{endpoint}/metrics";
  std::string used = "process_resident_memory_bytes";
  std::uint64_t limit_bytes = 0;
  Share threshold = Share::percent(90);
};

}  // namespace cutwater::config
