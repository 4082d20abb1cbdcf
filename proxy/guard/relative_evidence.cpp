#include "proxy/guard/relative_evidence.hpp"

#include <algorithm>
#include <cmath>

namespace cutwater::guard {
namespace {

constexpr double kAtTheStart = 0.75;
constexpr double kInFirstBlock = 0.125;
constexpr double kInSecondBlock = 0.0625;
constexpr double kCeiling = 1e200;  // far beyond any alarm, far from overflow

// Returns P(the failing request was the candidate's) when the candidate is exactly `tolerance`
// times worse.
double chance_under_null(double tolerance, double weight) {
  return weight * tolerance / (weight * tolerance + 1 - weight);
}

}  // namespace

double plain_relative_evidence(double tolerance, FailureCounts failures, double weight) {
  const double chance = chance_under_null(tolerance, weight);
  const auto candidate = static_cast<double>(failures.candidate);
  const double all = candidate + static_cast<double>(failures.baseline);
  double sum = 0;
  for (const double ratio : kRateRatios)
    sum += std::exp(candidate * std::log(ratio) - all * std::log(chance * ratio + 1 - chance));
  return std::min(sum / static_cast<double>(kRateRatios.size()), kCeiling);
}

RelativeEvidence::RelativeEvidence(double tolerance)
    : tolerance_(tolerance), starts_(kInFirstBlock, kInSecondBlock, kFirstBlock) {
  for (std::size_t k = 0; k < kRateRatios.size(); ++k)
    alternatives_[k] = {kRateRatios[k], kAtTheStart};
}

void RelativeEvidence::add(bool candidate, double weight) {
  if (weight <= 0 || weight >= 1) return;
  const double chance = chance_under_null(tolerance_, weight);
  for (Alternative& k : alternatives_) {
    const double factor = (candidate ? k.ratio : 1) / (chance * k.ratio + 1 - chance);
    k.evidence = std::min((k.evidence + starts_.each()) * factor, kCeiling);
  }
  starts_.consume(1);
  ++(candidate ? failures_.candidate : failures_.baseline);
}

void RelativeEvidence::add_tick(const FailureCounts& failures, double weight) {
  const std::uint64_t all = failures.candidate + failures.baseline;
  if (weight <= 0 || weight >= 1 || all == 0) return;
  const double chance = chance_under_null(tolerance_, weight);
  const double born = starts_.consume_all(all);
  for (Alternative& k : alternatives_) {
    const double exponent = static_cast<double>(failures.candidate) * std::log(k.ratio) -
                            static_cast<double>(all) * std::log(chance * k.ratio + 1 - chance);
    k.evidence = std::min((k.evidence + born) * std::exp(exponent), kCeiling);
  }
  failures_.candidate += failures.candidate;
  failures_.baseline += failures.baseline;
}

double RelativeEvidence::evidence() const {
  double sum = 0;
  for (const Alternative& k : alternatives_) sum += k.evidence;
  return sum / static_cast<double>(alternatives_.size());
}

void RelativeEvidence::keep(double share) {
  for (Alternative& k : alternatives_) k.evidence *= share;
}

double RelativeEvidence::unspent() const {
  const bool untouched = failures_.candidate + failures_.baseline == 0;
  return untouched ? 1 : starts_.unspent();
}

}  // namespace cutwater::guard
