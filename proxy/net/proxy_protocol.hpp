// Parses the PROXY protocol (HAProxy's proxy-protocol.txt, 2020), which says who the client of a
// load balancer is, in front of everything else the balancer sends. The parser is sans-I/O and
// strict: it guesses nothing, and a peer that sends something else is not served. It is pure; any
// thread may call it.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "proxy/net/connection_addresses.hpp"

namespace cutwater::net {

enum class ProxyError : std::uint8_t {
  None,
  Missing,    // does not begin like a PROXY header of version 1 or 2
  Malformed,  // begins like one
  TooLong,
  Checksum,  // CRC32C TLV that does not match
  Timeout,   // never returned by the parser: the header did not come in time
  Closed,    // likewise: the peer left within the header
};
inline constexpr std::size_t kProxyErrors = 7;
std::string_view to_string(ProxyError error);

// Version 1 takes at most 107 bytes; of version 2, whose TLVs may fill 64 KiB, we read this much.
inline constexpr std::size_t kMostProxyHeader = 4096;

struct ProxyHeader {
  enum class State : std::uint8_t { NeedMore, Complete, Bad };
  State state = State::NeedMore;
  ProxyError error = ProxyError::None;
  std::size_t bytes = 0;       // of the header, when it is complete
  bool has_addresses = false;  // false for LOCAL, UNKNOWN, not IP: the socket's own addresses count
  ConnectionAddresses addresses;
};

// `bytes` start with the first byte of the connection. The verdict does not depend on how they
// arrived.
ProxyHeader parse_proxy_header(std::span<const char> bytes);

// This is version 2, command LOCAL: a connection of our own, such as a probe.
inline constexpr std::string_view kLocalProxyHeader("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 16);
// Writes version 2, command PROXY, as we say it to an upstream. Returns how much of `out` it takes.
inline constexpr std::size_t kLongestWrittenProxyHeader = 52;
std::size_t write_proxy_header(const ConnectionAddresses& addresses,
                               std::span<char, kLongestWrittenProxyHeader> out);

}  // namespace cutwater::net
