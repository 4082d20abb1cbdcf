// Finds out where the endpoints of a configuration are: their addresses, and what is needed to
// speak TLS to them. It looks them up when a configuration is loaded, never while requests are
// proxied.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "config/model.hpp"
#include "config/report.hpp"
#include "control/snapshot/certificates.hpp"

namespace cutwater::control {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};
// Returns an address, or why there is none.
using Resolver = std::function<std::variant<SocketAddress, std::string>(const config::Address&)>;
// Resolves IP literals directly, and names by getaddrinfo (which blocks).
Resolver system_resolver();

struct Resolution {
  std::map<std::string, SocketAddress> addresses;  // by host:port
  UpstreamContexts tls = {};
  std::vector<config::Problem> problems;
};
// Also reads the files of TLS. It blocks: run it away from the control thread. Hosts in `known`
// (host:port) need no look-up: a name that stopped resolving must not take a working endpoint away.
Resolution resolve_endpoints(const config::Config& config, const std::string& file,
                             const Resolver& resolver, const std::set<std::string>& known);

}  // namespace cutwater::control
