// Finds out where the endpoints of a configuration are: their addresses, and what is needed to
// speak TLS to them. It looks them up when a configuration is loaded, never while requests are
// proxied.
#pragma once

#include <sys/socket.h>

#include <functional>
#include <map>
#include <optional>
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

using SocketAddresses = std::map<std::string, SocketAddress>;  // by host:port

// Why a version may not run at an address.
struct ForbiddenPlace {
  std::string rule;    // "hosts", "own_address", "link_local"
  std::string detail;  // a sentence for a person
};
// Where an endpoint is, before it is used.
struct FoundPlace {
  const config::Service& service;
  const std::string& version;
  const config::Endpoint& endpoint;
  const SocketAddress& address;
  bool looked_up;  // false: it is known from an earlier look-up
};
using PlaceRule = std::function<std::optional<ForbiddenPlace>(const FoundPlace&)>;  // places.hpp

struct Resolution {
  SocketAddresses addresses;  // by host:port
  UpstreamContexts tls = {};
  std::vector<config::Problem> problems;
  std::optional<ForbiddenPlace> forbidden = {};  // the first, which is among the problems, too
};
// Also reads the files of TLS. It blocks: run it away from the control thread. Hosts in `known`
// need no look-up: a name that stopped resolving must not take a working endpoint away. `rule` is
// asked of every endpoint; it may be empty.
Resolution resolve_endpoints(const config::Config& config, const std::string& file,
                             const Resolver& resolver, const SocketAddresses& known,
                             const PlaceRule& rule = {});

}  // namespace cutwater::control
