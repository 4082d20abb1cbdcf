// Says how many files and sockets the process may have open. Call it once at start, before any
// thread.
#pragma once

#include <cstdint>
#include <string>

namespace cutwater::net {

// Descriptors that are no connection of a client or to an upstream: logs, state, admin API, and the
// event loops and listening sockets of each worker.
inline constexpr std::uint64_t kOwnDescriptors = 64;

// Raises the soft limit to the hard one. What is wrong, or empty: `connections` of clients, each
// with one to an upstream, must fit. 0 connections always do: then the limit decides how many there
// are.
std::string make_room(std::uint64_t connections);

}  // namespace cutwater::net
