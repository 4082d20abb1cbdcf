// Spreads requests that have no subject over the versions, exactly by weight and without bursts:
// smooth weighted round robin as in nginx. At 5 % every twentieth request goes to the candidate,
// not fifty of a thousand at once. Each worker has one; it remembers each service by its id,
// through changes of weight. It starts at a random phase, so that workers do not all begin with the
// same version. It allocates only when a service is seen for the first time.
#pragma once

#include <cstdint>
#include <vector>

namespace cutwater::routing {

struct ServiceSnapshot;

class SmoothSequence {
 public:
  SmoothSequence();                             // random phases
  explicit SmoothSequence(std::uint64_t seed);  // the same phases every time, for tests

  // Returns an index into service.versions, never one of weight 0. It returns stable if all weights
  // are 0.
  std::size_t pick(const ServiceSnapshot& service);

 private:
  struct State {
    std::uint32_t service = 0;
    std::vector<std::int64_t> owed;  // per version: how far the version is behind its share
  };
  State& state_of(const ServiceSnapshot& service);
  void start(State& state, std::size_t versions);
  std::int64_t random_phase();

  std::uint64_t random_state_;
  std::vector<State> states_;  // sorted by service
};

}  // namespace cutwater::routing
