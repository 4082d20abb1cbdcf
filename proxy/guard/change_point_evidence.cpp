#include "proxy/guard/change_point_evidence.hpp"

#include <algorithm>
#include <cmath>

namespace cutwater::guard {
namespace {

constexpr double kAtTheStart = 3.0 / 8;
constexpr double kInFirstBlock = 3.0 / 8;
constexpr double kInSecondBlock = 1.0 / 8;
// The ceiling is far beyond any alarm; it keeps a version that must not trip yet from overflowing.
constexpr double kCeiling = 1e200;

struct Factors {
  double growth;
  double decay;
};

Factors factors(double p0, double odds_ratio) {
  const double rate = p0 * odds_ratio / (1 - p0 + p0 * odds_ratio);
  return {rate / p0, (1 - rate) / (1 - p0)};
}

}  // namespace

ChangePointEvidence::ChangePointEvidence(double p0)
    : starts_(kInFirstBlock, kInSecondBlock, kFirstBlock) {
  for (std::size_t k = 0; k < kOddsRatios.size(); ++k) {
    const Factors f = factors(p0, kOddsRatios[k]);
    alternatives_[k] = {f.growth, f.decay, std::log(f.growth), std::log(f.decay), kAtTheStart};
  }
}

void ChangePointEvidence::add_good(std::uint64_t count) {
  while (count > 0) {
    const std::uint64_t step = std::min(count, starts_.left_in_block());
    for (Alternative& k : alternatives_) {
      // Computes b^m and 1 - b^m; expm1 keeps the digits when b is close to 1.
      const double exponent = static_cast<double>(step) * k.log_decay;
      const double born = starts_.each() * k.decay * -std::expm1(exponent) / (1 - k.decay);
      k.evidence = std::exp(exponent) * k.evidence + born;
    }
    starts_.consume(step);
    count -= step;
  }
}

void ChangePointEvidence::add_bad() {
  for (Alternative& k : alternatives_)
    k.evidence = std::min((k.evidence + starts_.each()) * k.growth, kCeiling);
  starts_.consume(1);
}

void ChangePointEvidence::add_tick(std::uint64_t bad, std::uint64_t good) {
  const double born = starts_.consume_all(bad + good);
  for (Alternative& k : alternatives_) {
    const double exponent =
        static_cast<double>(bad) * k.log_growth + static_cast<double>(good) * k.log_decay;
    k.evidence = std::min((k.evidence + born) * std::exp(exponent), kCeiling);
  }
}

double ChangePointEvidence::evidence() const {
  double sum = 0;
  for (const Alternative& k : alternatives_) sum += k.evidence;
  return sum / static_cast<double>(alternatives_.size());
}

void ChangePointEvidence::limit_evidence(double most) {
  const double now = evidence();
  if (now <= most) return;
  for (Alternative& k : alternatives_) k.evidence *= most / now;
}

}  // namespace cutwater::guard
