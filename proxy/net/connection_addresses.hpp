// Holds the two ends of a client's connection as the client sees it. They come from the socket, or
// from a PROXY header in front of it. This is a plain value.
#pragma once

#include "proxy/net/ip_address.hpp"

namespace cutwater::net {

struct ConnectionAddresses {
  IpAddress source;
  IpAddress destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  friend bool operator==(const ConnectionAddresses&, const ConnectionAddresses&) = default;
};

std::uint16_t port_of(const sockaddr_storage& address);

}  // namespace cutwater::net
