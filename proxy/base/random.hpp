// Makes random numbers: the kernel's where nobody may guess them, and those of a small fast
// generator per thread for load balancing and for identifiers that only need to be unique.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace cutwater {

// Takes bytes from the kernel. It never fails: it uses getrandom(2), else OpenSSL's generator, else
// it ends the process rather than go on with guessable ids. Any thread may call it.
void fill_random(std::span<std::uint8_t> out);
std::uint64_t random_u64();

// Implements xoshiro256++ (Blackman & Vigna 2019).
class Random {
 public:
  Random() : Random(random_u64()) {}
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  // Returns a number that is uniform in [0, bound), bound > 0 (Lemire's multiply-shift; the bias is
  // below 2^-32 for small bounds).
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

Random& thread_random();

// Writes `value` as 16 digits of lower-case hex into `out`.
void hex16(std::uint64_t value, char* out);

}  // namespace cutwater
