// Chooses an endpoint inside one version: power of two choices by active requests (Mitzenmacher
// 2001), over the endpoints that are healthy, not ejected and not tried yet by this exchange. It is
// pure except for the worker's random source. Only the worker's thread uses it.
#pragma once

#include <array>
#include <cstdint>

#include "proxy/base/random.hpp"
#include "proxy/routing/snapshot.hpp"
#include "proxy/upstream/connection_pool.hpp"

namespace cutwater::upstream {

// Remembers the endpoints one exchange has tried, by id; an exchange tries at most a handful.
class TriedEndpoints {
 public:
  void add(const Endpoint& endpoint) {
    if (count_ < ids_.size()) ids_[count_++] = endpoint.id();
  }
  bool contains(const Endpoint& endpoint) const {
    for (std::size_t i = 0; i < count_; ++i)
      if (ids_[i] == endpoint.id()) return true;
    return false;
  }

 private:
  std::array<std::uint32_t, 8> ids_{};
  std::size_t count_ = 0;
};

// Returns nullptr when the version has no endpoint left to try. When all are ejected, ejection is
// ignored, because a guess beats a certain failure. Unhealthy endpoints (active checks) stay out.
const Endpoint* pick_endpoint(const routing::VersionSnapshot& version, ConnectionPool& pool,
                              const TriedEndpoints& tried, TimePoint now);

// Ejects outliers: five consecutive failures to connect or answer take an endpoint out of this
// worker's choice for 5 s, 10 s, ... 60 s.
void note_failure(EndpointStats& stats, TimePoint now);
void note_success(EndpointStats& stats);

}  // namespace cutwater::upstream
