// Measures what the process holds in memory, for tests that bound it.
#pragma once

#include <unistd.h>

#include <cstddef>
#include <fstream>

namespace cutwater::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMemoryIsMeasurable = false;  // shadow memory and quarantine
#else
inline constexpr bool kMemoryIsMeasurable = true;
#endif

inline std::size_t resident_bytes() {
  std::size_t total = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace cutwater::test
