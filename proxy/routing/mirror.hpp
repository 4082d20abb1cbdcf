// Describes the mirror (shadow traffic) of a service as workers see it. It is part of a snapshot
// and immutable, except for the counters, which live as long as the configuration names the mirror.
// Workers write the counters; control reads them. Shadow attempts have a monitor of their own and
// never touch the version's.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/guard/version_monitor.hpp"

namespace cutwater::routing {

// Says why a copy that was drawn was not made.
enum class MirrorDrop : std::uint8_t {
  Concurrency,  // as many copies under way as may be
  Body,         // longer than max_body, or not all of it came with the head
  Unavailable,  // the version has no usable endpoint, or this worker is stopping
};
inline constexpr std::size_t kMirrorDrops = 3;
constexpr std::string_view to_string(MirrorDrop drop) {
  constexpr std::string_view kNames[] = {"dropped_concurrency", "dropped_body",
                                         "dropped_unavailable"};
  return kNames[static_cast<std::size_t>(drop)];
}

struct MirrorStats {
  MirrorStats(std::string service, std::string version, unsigned workers)
      : monitor(std::move(service), std::move(version), workers) {}

  guard::VersionMonitor monitor;
  // All workers share this count: mirrored requests are few beside the rest, and so the cap is
  // exact.
  std::atomic<std::uint32_t> under_way{0};
  std::array<std::atomic<std::uint64_t>, kMirrorDrops> dropped{};

  void drop(MirrorDrop why) {
    dropped[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
  }
};

struct MirrorSnapshot {
  std::size_t version = 0;     // index into service.versions
  std::int32_t share = 0;      // out of 1 000 000; 0 = no mirror
  std::uint32_t methods = 0;   // one bit for each http::Method
  std::uint64_t max_body = 0;  // bytes
  std::uint32_t concurrency = 0;
  std::shared_ptr<MirrorStats> stats;
};

}  // namespace cutwater::routing
