// Says what `cutwater run` is told, and what it ends with when it cannot serve.
#pragma once

#include <string>

namespace cutwater::control {

struct RunOptions {
  std::string config_path;
  std::string ready_file;  // written (atomically) once serving:
                           // {"listeners":{"http":"ip:port"},"admin":"ip:port","pid":N}, and
                           // "probes":"ip:port" when there is such an address
};

// Exit codes of `run` beyond the contract's 0/1/2, one per cause so that a unit file can tell:
inline constexpr int kExitPortInUse = 11;
inline constexpr int kExitStateDir = 12;      // unreadable or unwritable
inline constexpr int kExitStateLocked = 13;   // another process holds it
inline constexpr int kExitStateCorrupt = 14;  // damaged or written by a newer version

}  // namespace cutwater::control
