// Holds everything a worker needs to route a request, as one immutable value. Control builds it and
// publishes it as a whole; a worker holds one pointer and swaps it between two events. Weights,
// flags, health-independent membership and timeouts therefore never change separately under a
// reader.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/guard/version_monitor.hpp"
#include "proxy/routing/endpoint.hpp"
#include "proxy/routing/flag.hpp"
#include "proxy/routing/mirror.hpp"
#include "proxy/routing/sticky_cookie.hpp"

namespace cutwater::routing {

struct VersionSnapshot {
  std::string name;
  std::int32_t weight = 0;  // out of 1 000 000
  std::vector<std::shared_ptr<upstream::Endpoint>> endpoints;
  std::shared_ptr<guard::VersionMonitor> monitor;
  // The version was reverted: exchanges without an end of their own are ended there too, within
  // timeouts.revert_grace.
  bool withdrawn = false;

  bool has_usable_endpoint() const {
    for (const auto& endpoint : endpoints)
      if (endpoint->healthy()) return true;
    return false;
  }
  // Says whether the version is healthy enough to be given new requests. The split looks after
  // weights.
  bool usable() const { return !(monitor && monitor->tripped()) && has_usable_endpoint(); }
};

// Holds the relative guard of the version under rollout, and the chance that a request which is
// assigned to either that version or stable goes to that version.
struct ComparedVersion {
  std::shared_ptr<guard::Comparison> comparison;  // nullptr if nothing is compared
  std::size_t candidate = 0;                      // index into versions
  double weight = 0;
};

// Counts what happens to a service's requests beside its versions. Every worker writes, on the path
// of a failure only; it outlives the snapshots.
struct ServiceCounters {
  std::atomic<std::uint64_t> unavailable{
      0};  // answered 503 by the proxy itself: no endpoint was there
};

struct ServiceSnapshot {
  std::uint32_t id = 0;  // stable over snapshots: workers key per-service state by it
  std::string name;
  std::vector<VersionSnapshot> versions;  // weights sum to 1 000 000
  std::size_t stable = 0;                 // index into versions
  std::uint64_t salt = 0;                 // of the running or last rollout
  CookieSigner cookie_key;                // made from a MacKey; the same after a restart
  std::string rollout;                    // id of the active rollout, empty if none
  ComparedVersion compared;
  config::Sticky sticky;
  // Testers see the candidate of the rollout whatever its weight; nullopt while there is no
  // rollout.
  std::optional<config::Preview> preview;
  std::size_t preview_version = 0;  // index into versions
  std::vector<FlagSnapshot> flags;
  MirrorSnapshot mirror;  // a share of 0 means that there is none
  std::shared_ptr<ServiceCounters> counters = std::make_shared<ServiceCounters>();
  config::Fallback fallback = config::Fallback::None;
  config::Reuse reuse = config::Reuse::Auto;
  config::Timeouts timeouts;
  config::Grpc grpc;
  std::string version_header;
  std::vector<std::string> ignored_paths;  // guards.ignore

  // Returns true if the connections to its versions rest before they carry another client's
  // request. Under rollout those of stable do as well: a version whose requests alone need new
  // connections would be compared as the slower one.
  bool reuses_safely() const {
    return reuse == config::Reuse::Safe || (reuse == config::Reuse::Auto && !rollout.empty());
  }
  // Returns true if requests for this path, without its query, say nothing about a version.
  bool ignores(std::string_view path) const;
  // Returns true if there is such a flag, and it is on.
  bool has_flag_on(std::string_view flag) const;
  // The split, a flag or the preview reads this field of a request.
  bool decides_by(std::string_view field_name) const;
  static bool decides(const void* service, std::string_view field_name) {
    return static_cast<const ServiceSnapshot*>(service)->decides_by(field_name);
  }
  std::vector<std::string> version_names() const;
  // Returns the index of the version with this name, or versions.size().
  std::size_t find_version(std::string_view version) const;
};

struct RouteEntry {
  std::string host;  // lower case; exact, "*.suffix", or "*"
  std::string path;
  std::shared_ptr<const ServiceSnapshot> service;
  // Set for a route that is judged separately, by version; else empty.
  std::vector<std::shared_ptr<guard::VersionMonitor>> guards = {};

  guard::VersionMonitor* guard_of(std::size_t version) const {
    return version < guards.size() ? guards[version].get() : nullptr;
  }
};

struct RoutingSnapshot {
  std::uint64_t generation = 0;
  std::vector<RouteEntry> routes;  // sorted by make_snapshot: see route_table.hpp
  std::vector<std::shared_ptr<const ServiceSnapshot>> services;
};

}  // namespace cutwater::routing
