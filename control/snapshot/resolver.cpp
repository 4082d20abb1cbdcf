#include "control/snapshot/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>

namespace cutwater::control {
namespace {

std::optional<SocketAddress> from_literal(const config::Address& address) {
  SocketAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    out.length = sizeof(sockaddr_in);
    return out;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    out.length = sizeof(sockaddr_in6);
    return out;
  }
  return std::nullopt;
}

std::variant<SocketAddress, std::string> resolve(const config::Address& address) {
  if (auto literal = from_literal(address)) return *literal;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int code = getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) return std::string(gai_strerror(code));
  SocketAddress out;
  std::memcpy(&out.storage, found->ai_addr, found->ai_addrlen);
  out.length = found->ai_addrlen;
  freeaddrinfo(found);
  return out;
}

}  // namespace

Resolver system_resolver() {
  return resolve;
}

Resolution resolve_endpoints(const config::Config& config, const std::string& file,
                             const Resolver& resolver, const SocketAddresses& known,
                             const PlaceRule& rule) {
  Resolution out;
  out.problems = load_upstream_tls(config, file, out.tls);
  // The address by which an endpoint will be spoken to; nullptr, and a problem, when there is none.
  const auto find = [&](const config::Endpoint& endpoint, const std::string& place) {
    const std::string name = to_string(endpoint.address);
    if (const auto old = known.find(name); old != known.end()) return &old->second;
    if (const auto found = out.addresses.find(name); found != out.addresses.end())
      return static_cast<const SocketAddress*>(&found->second);
    auto result = resolver(endpoint.address);
    if (const auto* address = std::get_if<SocketAddress>(&result))
      return static_cast<const SocketAddress*>(&(out.addresses[name] = *address));
    out.problems.push_back({file, 0, 0,
                            place + "`" + endpoint.url + "`: host `" + endpoint.address.host +
                                "` does not resolve: " + std::get<std::string>(result)});
    return static_cast<const SocketAddress*>(nullptr);
  };
  for (const auto& service : config.services) {
    for (const auto& version : service.versions) {
      const std::string place = "services." + service.name + ".versions." + version.name + ": ";
      for (const auto& endpoint : version.endpoints) {
        const SocketAddress* address = find(endpoint, place);
        if (address == nullptr || !rule) continue;
        const bool looked_up = out.addresses.contains(to_string(endpoint.address));
        auto forbidden = rule({service, version.name, endpoint, *address, looked_up});
        if (!forbidden) continue;
        out.problems.push_back({file, 0, 0, place + forbidden->detail});
        if (!out.forbidden) out.forbidden = std::move(forbidden);
      }
    }
  }
  return out;
}

}  // namespace cutwater::control
