// Records what the two versions of a rollout did, tick by tick, as counts, so that they can be
// replayed through another policy (rollout/replay.hpp). They are plain values, copied between the
// control thread and the store thread, with one form as JSON: in the database, in the API, in a
// file.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "config/share.hpp"
#include "proxy/stats/version_cell.hpp"

namespace cutwater::control {

// At most this many ticks of a rollout are kept: beyond it they are merged into longer ones.
inline constexpr std::size_t kMostTicks = 2048;

struct TrafficCounts {
  std::uint64_t requests = 0;  // attempts charged to the version: client aborts are not among them
  std::uint64_t errors = 0;
  std::uint64_t timeouts = 0;  // of the errors: slow by any measure, and in no bucket
  // Lists the buckets of stats::LatencyBuckets that are not empty, rising, and how many are in
  // each.
  std::vector<std::pair<std::uint16_t, std::uint64_t>> latency;

  std::uint64_t timed() const;  // good answers and timeouts
  // Never counts one that was not slower; it may miss some that were up to 1.6 % slower (one
  // bucket).
  std::uint64_t slower_than(Nanoseconds limit) const;
  TrafficCounts& operator+=(const TrafficCounts& other);
  friend bool operator==(const TrafficCounts&, const TrafficCounts&) = default;
};
// Returns nothing if `now` is not the later one: the version's counts started again in between.
TrafficCounts counts_between(const stats::VersionTotals& before, const stats::VersionTotals& now);

struct TrafficTick {
  std::int64_t end_ms = 0;  // wall clock, unix time
  std::int64_t span_ms = 0;
  std::size_t step = 0;  // index into the plan's stages
  Share weight;          // share of `to`, in force from the tick's beginning on
  TrafficCounts to;
  TrafficCounts from;

  bool empty() const { return to.requests + from.requests == 0; }
  friend bool operator==(const TrafficTick&, const TrafficTick&) = default;
};
using Traffic = std::vector<TrafficTick>;  // oldest first

// Merges neighbours of the same step and weight, the shortest first, until there is room again
// below `most`.
void coalesce(Traffic& ticks, std::size_t most);

// Writes {"end_ms", "span_ms", "step": 1, "weight": 5, "to": {"requests", "errors", "timeouts",
// "latency": [bucket, count, ...]}, "from": ...}. Bucket b begins at (64 + b mod 64) * 2^(b / 64 +
// 3) nanoseconds. "timeouts" may be missing: older records have them in their buckets.
boost::json::array to_json(const Traffic& ticks);
// Returns nullopt when a member is missing, of the wrong type or impossible.
std::optional<Traffic> traffic_from_json(const boost::json::value& json);

}  // namespace cutwater::control
