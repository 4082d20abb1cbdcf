// Gives the prior mass over start times (when a fault may have begun) to the tests that look for a
// change (proxy/guard/README.md, "Absolute guard"). Some mass lies at the first observation (the
// test's own affair), some is spread evenly over a first block of observations, and the rest lies
// on blocks of doubling length and halving mass, so that the total never exceeds 1 and the test
// never falls asleep. The class is a pure value.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cutwater::guard {

class StartMasses {
 public:
  StartMasses(double first_block, double second_block, std::uint64_t first_length)
      : mass_(first_block), next_mass_(second_block), length_(first_length), left_(first_length) {}

  double each() const { return mass_ / static_cast<double>(length_); }
  std::uint64_t left_in_block() const { return left_; }

  // Consumes at most left_in_block() observations at a time.
  void consume(std::uint64_t count) {
    left_ -= count;
    if (left_ > 0) return;
    mass_ = next_mass_;
    next_mass_ /= 2;
    length_ *= 2;
    left_ = length_;
  }

  // Consumes any number of observations at once and returns the mass they have used.
  double consume_all(std::uint64_t count) {
    double used = 0;
    while (count > 0) {
      const std::uint64_t step = std::min(count, left_);
      used += each() * static_cast<double>(step);
      consume(step);
      count -= step;
    }
    return used;
  }

  // Returns the mass that no observation has used yet: the rest of this block and all later blocks.
  double unspent() const { return each() * static_cast<double>(left_) + 2 * next_mass_; }

 private:
  double mass_;  // of this block
  double next_mass_;
  std::uint64_t length_;
  std::uint64_t left_;
};

}  // namespace cutwater::guard
