// Where the endpoints of a configuration are: their addresses, and what is needed to speak TLS to
// them. Looked up when a configuration is loaded, never while requests are proxied.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "config/parse.hpp"
#include "control/snapshot/certificates.hpp"

namespace cutwater::control {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};
// An address, or why there is none.
using Resolver = std::function<std::variant<SocketAddress, std::string>(const config::Address&)>;
// IP literals directly, names by getaddrinfo (blocks).
Resolver system_resolver();

struct Resolution {
  std::map<std::string, SocketAddress> addresses;  // by host:port
  UpstreamContexts tls = {};
  std::vector<config::Problem> problems;
};
// Reads the files of TLS, too. Blocks: run it away from the control thread. `known` (host:port)
// need no look-up: a name that stopped resolving must not take a working endpoint away.
Resolution resolve_endpoints(const config::Config& config, const std::string& file,
                             const Resolver& resolver, const std::set<std::string>& known);

// "127.0.0.1:9001", "[::1]:80"
std::string to_string(const config::Address& address);

}  // namespace cutwater::control
