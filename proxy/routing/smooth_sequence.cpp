#include "proxy/routing/smooth_sequence.hpp"

#include <algorithm>

#include "config/share.hpp"
#include "proxy/base/random.hpp"
#include "proxy/routing/snapshot.hpp"

namespace cutwater::routing {

SmoothSequence::SmoothSequence() : SmoothSequence(random_u64()) {}

SmoothSequence::SmoothSequence(std::uint64_t seed) : random_state_(seed) {}

std::size_t SmoothSequence::pick(const ServiceSnapshot& service) {
  State& state = state_of(service);
  constexpr std::size_t kNone = SIZE_MAX;
  std::size_t best = kNone;
  std::int64_t whole = 0;
  for (std::size_t i = 0; i < service.versions.size(); ++i) {
    const std::int64_t weight = service.versions[i].weight;
    if (weight <= 0) continue;
    state.owed[i] += weight;
    whole += weight;
    if (best == kNone || state.owed[i] > state.owed[best]) best = i;
  }
  if (best == kNone) return service.stable;
  state.owed[best] -= whole;
  return best;
}

SmoothSequence::State& SmoothSequence::state_of(const ServiceSnapshot& service) {
  auto found =
      std::lower_bound(states_.begin(), states_.end(), service.id,
                       [](const State& state, std::uint32_t id) { return state.service < id; });
  if (found == states_.end() || found->service != service.id) {
    found = states_.insert(found, State{service.id, {}});
  }
  if (found->owed.size() != service.versions.size()) start(*found, service.versions.size());
  return *found;
}

// With two versions the state moves within one whole share (-half, half], whatever the weights:
// a start anywhere in it is a random phase, and stays a valid state when the weights change. With
// more, each is off by less than one request.
void SmoothSequence::start(State& state, std::size_t versions) {
  state.owed.assign(versions, 0);
  for (std::size_t i = 0; i + 1 < versions; ++i) {
    const std::int64_t phase = random_phase() / static_cast<std::int64_t>(versions - 1);
    state.owed[i] += phase;
    state.owed[versions - 1] -= phase;
  }
}

std::int64_t SmoothSequence::random_phase() {
  // This is SplitMix64 (Steele, Lea, Flood 2014).
  std::uint64_t z = (random_state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  constexpr std::int64_t kHalf = Share::kWhole / 2;
  return static_cast<std::int64_t>(z % Share::kWhole) - kHalf + 1;
}

}  // namespace cutwater::routing
