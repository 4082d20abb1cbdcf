#include "proxy/guard/pass_evidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace cutwater::guard {
namespace {

constexpr std::array kFractionsOfLimit = {0.04, 0.2, 0.4, 0.6};
constexpr std::uint64_t kNever = std::uint64_t{1} << 50;

}  // namespace

double pass_evidence(double p0, std::uint64_t bad, std::uint64_t good) {
  double sum = 0;
  for (const double fraction : kFractionsOfLimit) {
    const double rate = p0 * fraction;
    sum += std::exp(static_cast<double>(bad) * std::log(fraction) +
                    static_cast<double>(good) * (std::log1p(-rate) - std::log1p(-p0)));
  }
  return std::min(sum / static_cast<double>(kFractionsOfLimit.size()), 1e200);
}

std::uint64_t good_needed_to_pass(double p0, double beta, std::uint64_t bad, std::uint64_t good) {
  const auto passes = [&](std::uint64_t more) {
    return pass_evidence(p0, bad, good + more) >= 1 / beta;
  };
  if (passes(0)) return 0;
  // Evidence grows with every good observation: double the count, then halve the bracket.
  std::uint64_t enough = 1;
  while (!passes(enough) && enough < kNever) enough *= 2;
  std::uint64_t too_few = enough / 2;
  while (enough - too_few > 1) {
    const std::uint64_t middle = too_few + (enough - too_few) / 2;
    (passes(middle) ? enough : too_few) = middle;
  }
  return enough;
}

double pass_evidence(double p0, const PassCounts& counts) {
  const std::uint64_t bad = counts.bad + counts.cold_bad, good = counts.good + counts.cold_good;
  const double all = pass_evidence(p0, bad, good);
  const auto cold = static_cast<double>(counts.cold_bad + counts.cold_good);
  if (cold == 0 || cold > kMostCold * static_cast<double>(bad + good)) return all;
  return std::max(all, pass_evidence(p0, counts.bad, counts.good));
}

std::uint64_t good_needed_to_pass(double p0, double beta, const PassCounts& counts) {
  const std::uint64_t bad = counts.bad + counts.cold_bad, good = counts.good + counts.cold_good;
  const std::uint64_t for_all = good_needed_to_pass(p0, beta, bad, good);
  const std::uint64_t cold = counts.cold_bad + counts.cold_good;
  if (cold == 0) return for_all;
  const auto enough = static_cast<std::uint64_t>(std::ceil(static_cast<double>(cold) / kMostCold));
  const std::uint64_t for_warm = std::max(good_needed_to_pass(p0, beta, counts.bad, counts.good),
                                          enough - std::min(enough, bad + good));
  return std::min(for_all, for_warm);
}

}  // namespace cutwater::guard
