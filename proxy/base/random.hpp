// Random numbers: the kernel's for what must not be guessed, and a small fast generator per thread
// for load balancing and identifiers that only need to be unique.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace cutwater {

// From the kernel. Never fails: getrandom(2), else OpenSSL's generator, else the process ends
// rather than go on with guessable ids. Any thread.
void fill_random(std::span<std::uint8_t> out);
std::uint64_t random_u64();

// xoshiro256++ (Blackman & Vigna 2019).
class Random {
 public:
  Random() : Random(random_u64()) {}
  explicit Random(std::uint64_t seed);
  std::uint64_t next();
  // Uniform in [0, bound), bound > 0 (Lemire's multiply-shift; bias below 2^-32 for small bounds).
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((next() >> 32) * bound) >> 32);
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

Random& thread_random();

// Lower-case hex of `value`, 16 digits, into `out`.
void hex16(std::uint64_t value, char* out);

}  // namespace cutwater
