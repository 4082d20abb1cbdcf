// Finds whom a request comes from by the word of trusted proxies: X-Forwarded-For, else Forwarded
// (RFC 7239). The chain is walked from its right end, the proxy nearest to us, to the first address
// that is no trusted proxy. It is pure and allocates nothing.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "proxy/http/message.hpp"
#include "proxy/net/ip_address.hpp"

namespace cutwater::http {

struct ForwardedClient {
  // Says what the fields tell. NoClient means that the walk came to something that is no address,
  // so that whoever it stands for is not known.
  enum class Says : std::uint8_t { Nothing, Client, NoClient };
  Says says = Says::Nothing;
  net::IpAddress client;
  std::string_view scheme;  // "http" or "https"; empty: they do not say
};

// `fields` of a trusted peer; `proxies` are trusted too.
ForwardedClient forwarded_client(const FieldList& fields, std::span<const net::Network> proxies);

// "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:443"; an IPv4 address
// in IPv6 clothes is that IPv4 address. nullopt: anything else.
std::optional<net::IpAddress> parse_node(std::string_view text);

}  // namespace cutwater::http
