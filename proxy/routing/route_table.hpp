// Maps host and path to a service. The longest host wins (exact, then wildcard suffix, then "*"),
// then the longest path prefix on whole segments ("/api" matches "/api" and "/api/x", not "/apix").
// Paths are compared decoded: what a client left raw and what it escaped are the same.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/routing/snapshot.hpp"

namespace cutwater::routing {

// Brings entries into matching order; snapshots hold them sorted.
void sort_routes(std::vector<RouteEntry>& routes);
// `host` comes without port, in any case; `path` is normalised, without query. nullptr means that
// no route matches (404).
const RouteEntry* match_route(const RoutingSnapshot& snapshot, std::string_view host,
                              std::string_view path);

}  // namespace cutwater::routing
