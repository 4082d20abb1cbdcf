#include "proxy/base/random.hpp"

#include <openssl/rand.h>
#include <sys/random.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace cutwater {

void fill_random(std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t got = ::getrandom(out.data(), out.size(), 0);
    if (got > 0) {
      out = out.subspan(static_cast<std::size_t>(got));
    } else if (errno != EINTR) {
      // A sandbox may forbid the system call.
      if (RAND_bytes(out.data(), static_cast<int>(out.size())) != 1) std::abort();
      return;
    }
  }
}

std::uint64_t random_u64() {
  std::array<std::uint8_t, 8> bytes;
  fill_random(bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

namespace {
// Fills the state from one word with splitmix64.
std::uint64_t mix(std::uint64_t& seed) {
  std::uint64_t z = (seed += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}
}  // namespace

Random::Random(std::uint64_t seed) {
  for (auto& word : state_) word = mix(seed);
}

std::uint64_t Random::next() {
  const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

Random& thread_random() {
  static thread_local Random random;
  return random;
}

void hex16(std::uint64_t value, char* out) {
  // Converts all sixteen digits at once, a byte each: it spreads the nibbles, then turns 0..15 into
  // characters.
  const auto spread = [](std::uint32_t half) {
    std::uint64_t x = half;
    x = (x | x << 16) & 0x0000ffff0000ffff;
    x = (x | x << 8) & 0x00ff00ff00ff00ff;
    x = (x | x << 4) & 0x0f0f0f0f0f0f0f0f;
    const std::uint64_t letters = ((x + 0x0606060606060606) >> 4) & 0x0101010101010101;
    return x + 0x3030303030303030 + letters * ('a' - '0' - 10);
  };
  const std::uint64_t high = __builtin_bswap64(spread(static_cast<std::uint32_t>(value >> 32)));
  const std::uint64_t low = __builtin_bswap64(spread(static_cast<std::uint32_t>(value)));
  std::memcpy(out, &high, 8);
  std::memcpy(out + 8, &low, 8);
}

}  // namespace cutwater
