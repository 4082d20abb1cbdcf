#include "proxy/guard/confidence.hpp"

#include <math.h>  // lgamma_r: std::lgamma writes the global signgam

#include <cmath>
#include <numbers>

namespace cutwater::guard {
namespace {

double log_gamma(double x) {
  int sign = 0;
  return ::lgamma_r(x, &sign);
}

double power_term(double count, double log_base) {
  return count == 0 ? 0 : count * log_base;
}

}  // namespace

// The interval is {p : B(1/2 + bad, 1/2 + good) / (B(1/2, 1/2) p^bad (1-p)^good) < 1/alpha}. The
// left side is convex in log scale with its minimum at bad/n, so each end is found by bisection.
Interval always_valid_interval(std::uint64_t bad, std::uint64_t good, double alpha) {
  if (bad + good == 0) return {};
  const auto s = static_cast<double>(bad);
  const auto f = static_cast<double>(good);
  const double log_mixture =
      log_gamma(s + 0.5) + log_gamma(f + 0.5) - log_gamma(s + f + 1) - std::log(std::numbers::pi);
  const double limit = -std::log(alpha);
  const auto inside = [&](double p) {
    return log_mixture - power_term(s, std::log(p)) - power_term(f, std::log1p(-p)) < limit;
  };
  const auto edge = [&](double in, double out) {
    for (int i = 0; i < 60; ++i) {
      const double middle = (in + out) / 2;
      (inside(middle) ? in : out) = middle;
    }
    return (in + out) / 2;
  };
  const double rate = s / (s + f);
  return {bad == 0 ? 0 : edge(rate, 0), good == 0 ? 1 : edge(rate, 1)};
}

}  // namespace cutwater::guard
