// Tests whether a rate is above p0. The test is sequential and may be looked at after every
// observation (proxy/guard/README.md, "Absolute guard"). It is an e-process, so P(evidence ever
// reaches 1/alpha) <= alpha for every rate <= p0. It is a mixture over start times, so a fault that
// starts late is seen as fast as one that was there from the start. The class is pure: it has no
// clock and no thread, and the owner serialises the calls.
//
// The start masses are 3/8 at the first observation, 3/8 spread over the first 100 000, then 1/8,
// 1/16, … on blocks of doubling length; together they are 1 (proxy/guard/README.md says why not 1/2
// and 1/2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/guard/start_masses.hpp"

namespace cutwater::guard {

inline constexpr std::array kOddsRatios = {1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 300.0};

class ChangePointEvidence {
 public:
  static constexpr std::uint64_t kFirstBlock = 100'000;

  explicit ChangePointEvidence(double p0);  // 0 < p0 < 1

  // Evidence can grow only in add_bad(), so look at it after that call.
  void add_good(std::uint64_t count);
  void add_bad();
  // Adds all of a tick as one observation, for counts whose order is not known; look at the
  // evidence afterwards. For a tick with a single attempt it equals the two functions above.
  void add_tick(std::uint64_t bad, std::uint64_t good);

  double evidence() const;  // alarm when >= 1/alpha
  // Lowers the evidence to at most this. That is always allowed, because a test only loses by it.
  void limit_evidence(double most);

 private:
  struct Alternative {
    double growth;  // a_k > 1, per bad observation
    double decay;   // b_k < 1, per good one
    double log_growth;
    double log_decay;
    double evidence;  // R_k
  };

  std::array<Alternative, kOddsRatios.size()> alternatives_;
  StartMasses starts_;
};

}  // namespace cutwater::guard
