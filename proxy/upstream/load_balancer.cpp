#include "proxy/upstream/load_balancer.hpp"

#include <algorithm>

namespace cutwater::upstream {

namespace {

constexpr std::uint32_t kFailuresToEject = 5;
constexpr Seconds kEjection{5};
constexpr std::uint32_t kMaxEjections = 12;

// Picks a random endpoint that passes `eligible`: it makes a few draws, then scans from a random
// start.
template <typename Eligible>
const Endpoint* draw(const routing::VersionSnapshot& version, const Endpoint* other,
                     Eligible&& eligible) {
  const auto count = static_cast<std::uint32_t>(version.endpoints.size());
  if (count == 0) return nullptr;
  const std::uint32_t start = count == 1 ? 0 : thread_random().below(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Endpoint* endpoint = version.endpoints[(start + i) % count].get();
    if (endpoint != other && eligible(*endpoint)) return endpoint;
  }
  return nullptr;
}

template <typename Eligible>
const Endpoint* two_choices(const routing::VersionSnapshot& version, ConnectionPool& pool,
                            Eligible&& eligible) {
  const Endpoint* first = draw(version, nullptr, eligible);
  if (!first || version.endpoints.size() == 1) return first;
  const Endpoint* second = draw(version, first, eligible);
  if (!second) return first;
  return pool.stats(*second).active < pool.stats(*first).active ? second : first;
}

}  // namespace

const Endpoint* pick_endpoint(const routing::VersionSnapshot& version, ConnectionPool& pool,
                              const TriedEndpoints& tried, TimePoint now) {
  const auto usable = [&](const Endpoint& e) { return e.healthy() && !tried.contains(e); };
  const Endpoint* endpoint = two_choices(version, pool, [&](const Endpoint& e) {
    return usable(e) && pool.stats(e).ejected_until <= now;
  });
  return endpoint ? endpoint : two_choices(version, pool, usable);
}

void note_failure(EndpointStats& stats, TimePoint now) {
  if (++stats.failures < kFailuresToEject) return;
  stats.failures = 0;
  stats.ejections = std::min(stats.ejections + 1, kMaxEjections);
  stats.ejected_until = now + stats.ejections * kEjection;
}

void note_success(EndpointStats& stats) {
  stats.failures = 0;
  if (stats.ejections > 0) --stats.ejections;
}

}  // namespace cutwater::upstream
