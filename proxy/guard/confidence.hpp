// Computes the interval shown beside a rate. The interval is always valid: it may be looked at
// after every request and still covers the true rate with probability >= 1 - alpha over the whole
// run (proxy/guard/README.md, "What is observed"; Robbins' beta mixture). The control thread calls
// it; it costs a few dozen logarithms.
#pragma once

#include <cstdint>

namespace cutwater::guard {

struct Interval {
  double low = 0;
  double high = 1;
};

Interval always_valid_interval(std::uint64_t bad, std::uint64_t good, double alpha);

}  // namespace cutwater::guard
