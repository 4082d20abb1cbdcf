// Holds IP addresses and networks (peers, trusted proxies) as values. An IPv4 peer on an IPv6
// socket (::ffff:a.b.c.d, RFC 4291 2.5.5.2) becomes its IPv4 address.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cutwater::net {

struct IpAddress {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};  // an IPv4 address takes the first four
  bool is_loopback() const;
  std::string to_string() const;
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

std::optional<IpAddress> parse_ip(std::string_view text);
// An IPv4 address in IPv6 clothes is that IPv4 address; any other stays what it is.
IpAddress unmapped(const IpAddress& ip);
IpAddress ip_of(const sockaddr_storage& address);

class Network {
 public:
  // Parses "10.0.0.0/8", "::1/128", or a single address. Returns nullopt when the text is
  // malformed.
  static std::optional<Network> parse(std::string_view text);
  bool contains(const IpAddress& address) const;

 private:
  IpAddress base_;
  unsigned bits_ = 0;
};

}  // namespace cutwater::net
