#include "control/publisher.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "proxy/routing/route_table.hpp"

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

bool is_enabled(const config::Flag& flag, const ServiceState& state) {
  const auto changed = state.flags.find(flag.name);
  return changed == state.flags.end() ? flag.enabled : changed->second;
}

// A version without weight, or with all of it, is compared with nobody.
void compare(routing::ServiceSnapshot& service, const std::string& version) {
  const std::size_t candidate = service.find_version(version);
  if (candidate == service.versions.size() || candidate == service.stable) return;
  const double own = service.versions[candidate].weight;
  const double other = service.versions[service.stable].weight;
  if (own <= 0 || other <= 0) return;
  service.compared = {service.versions[candidate].monitor->comparison(), candidate,
                      own / (own + other)};
}

}  // namespace

Resolver system_resolver() {
  return resolve;
}

std::string to_string(const config::Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Resolution resolve_endpoints(const config::Config& config, const std::string& file,
                             const Resolver& resolver, const std::set<std::string>& known) {
  Resolution out;
  for (const auto& service : config.services) {
    for (const auto& version : service.versions) {
      for (const auto& endpoint : version.endpoints) {
        const std::string name = to_string(endpoint.address);
        if (known.contains(name) || out.addresses.contains(name)) continue;
        auto result = resolver(endpoint.address);
        if (const auto* address = std::get_if<SocketAddress>(&result)) {
          out.addresses[name] = *address;
          continue;
        }
        out.problems.push_back({file, 0, 0,
                                "services." + service.name + ".versions." + version.name + ": `" +
                                    endpoint.url + "`: host `" + endpoint.address.host +
                                    "` does not resolve: " + std::get<std::string>(result)});
      }
    }
  }
  return out;
}

Publisher::Publisher(unsigned workers, const std::array<std::uint8_t, 32>& cookie_key)
    : workers_(workers), cookie_key_(cookie_key) {}

std::set<std::string> Publisher::known() const {
  std::set<std::string> out;
  for (const auto& [name, address] : addresses_) out.insert(name);
  return out;
}

std::shared_ptr<upstream::Endpoint> Publisher::make_endpoint(const config::Endpoint& endpoint,
                                                             const Resolution& resolution) {
  const std::string name = to_string(endpoint.address);
  const auto fresh = resolution.addresses.find(name);
  const SocketAddress& address =
      fresh != resolution.addresses.end() ? fresh->second : addresses_.at(name);
  // Port 80 is what a Host without a port means; some servers compare literally.
  const std::string authority =
      endpoint.address.port == 80 ? name.substr(0, name.size() - 3) : name;
  return std::make_shared<upstream::Endpoint>(next_endpoint_id_++, endpoint.url, authority,
                                              address.storage, address.length);
}

void Publisher::adopt(const config::Config& config, const Resolution& resolution) {
  std::map<Key, VersionObjects> next;
  std::map<std::string, SocketAddress> addresses;
  for (const auto& service : config.services) {
    for (const auto& version : service.versions) {
      const Key key{service.name, version.name};
      const auto old = versions_.find(key);
      VersionObjects objects;
      objects.monitor = old != versions_.end() ? old->second.monitor
                                               : std::make_shared<guard::VersionMonitor>(
                                                     service.name, version.name, workers_);
      for (const auto& endpoint : version.endpoints) {
        std::shared_ptr<upstream::Endpoint> kept;
        if (old != versions_.end())
          for (const auto& candidate : old->second.endpoints)
            if (candidate->url() == endpoint.url) kept = candidate;
        objects.endpoints.push_back(kept ? kept : make_endpoint(endpoint, resolution));
        const std::string name = to_string(endpoint.address);
        const auto fresh = resolution.addresses.find(name);
        addresses[name] = fresh != resolution.addresses.end() ? fresh->second : addresses_.at(name);
      }
      next[key] = std::move(objects);
    }
  }
  versions_ = std::move(next);
  addresses_ = std::move(addresses);
}

std::shared_ptr<guard::VersionMonitor> Publisher::monitor(const std::string& service,
                                                          const std::string& version) const {
  const auto found = versions_.find({service, version});
  return found == versions_.end() ? nullptr : found->second.monitor;
}

const std::vector<std::shared_ptr<upstream::Endpoint>>& Publisher::endpoints(
    const std::string& service, const std::string& version) const {
  static const std::vector<std::shared_ptr<upstream::Endpoint>> kNone;
  const auto found = versions_.find({service, version});
  return found == versions_.end() ? kNone : found->second.endpoints;
}

std::shared_ptr<const routing::ServiceSnapshot> Publisher::build_service(
    const config::Service& service, const Steering& steering) {
  const ServiceState& state = *steering.state;
  auto out = std::make_shared<routing::ServiceSnapshot>();
  const auto id =
      service_ids_.try_emplace(service.name, static_cast<std::uint32_t>(service_ids_.size() + 1));
  out->id = id.first->second;
  out->name = service.name;
  for (const auto& version : service.versions) {
    const auto& objects = versions_.at({service.name, version.name});
    const auto weight = state.weights.find(version.name);
    out->versions.push_back({version.name,
                             weight == state.weights.end() ? 0 : weight->second.millionths,
                             objects.endpoints, objects.monitor});
    if (version.name == state.stable) out->stable = out->versions.size() - 1;
  }
  compare(*out, steering.compared);
  out->salt = state.salt;
  out->cookie_key = cookie_key_;
  out->rollout = steering.rollout;
  out->sticky = service.sticky;
  out->flags = service.flags;
  for (auto& flag : out->flags) flag.enabled = is_enabled(flag, state);
  out->fallback = service.fallback;
  out->timeouts = service.timeouts;
  out->version_header = service.version_header;
  return out;
}

std::shared_ptr<const routing::RoutingSnapshot> Publisher::build(
    const config::Config& config, const std::map<std::string, Steering>& steering) {
  auto out = std::make_shared<routing::RoutingSnapshot>();
  out->generation = ++generation_;
  std::map<std::string, std::shared_ptr<const routing::ServiceSnapshot>> by_name;
  for (const auto& service : config.services) {
    auto built = build_service(service, steering.at(service.name));
    by_name[service.name] = built;
    out->services.push_back(std::move(built));
  }
  for (const auto& route : config.routes) {
    std::string host = route.host;
    std::transform(host.begin(), host.end(), host.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    out->routes.push_back({std::move(host), route.path, by_name.at(route.service)});
  }
  if (config.routes.empty() && out->services.size() == 1)
    out->routes.push_back({"*", "/", out->services.front()});
  routing::sort_routes(out->routes);
  return out;
}

}  // namespace cutwater::control
