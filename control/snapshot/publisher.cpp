#include "control/snapshot/publisher.hpp"

#include <algorithm>

#include "control/snapshot/guard_policy.hpp"
#include "proxy/routing/route_table.hpp"

namespace cutwater::control {
namespace {

routing::MirrorSnapshot mirror_of(const config::Service& service, const ServiceState& state,
                                  const std::vector<std::string>& versions) {
  constexpr std::pair<std::string_view, http::Method> kMethods[] = {
      {"GET", http::Method::Get},         {"HEAD", http::Method::Head},
      {"OPTIONS", http::Method::Options}, {"POST", http::Method::Post},
      {"PUT", http::Method::Put},         {"PATCH", http::Method::Patch},
      {"DELETE", http::Method::Delete}};
  routing::MirrorSnapshot out;
  const config::Mirror& mirror = *service.mirror;
  const auto version = std::find(versions.begin(), versions.end(), mirror.version);
  if (version == versions.end()) return out;
  out.version = static_cast<std::size_t>(version - versions.begin());
  out.share = state.mirror.value_or(mirror.share).millionths;
  for (const auto& [name, method] : kMethods)
    if (std::find(mirror.methods.begin(), mirror.methods.end(), name) != mirror.methods.end())
      out.methods |= 1U << static_cast<unsigned>(method);
  out.max_body = mirror.max_body;
  out.concurrency = mirror.concurrency;
  return out;
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

Endpoints in_service(const Endpoints& endpoints, const ServiceState& state,
                     const std::string& version) {
  Endpoints out;
  for (const auto& endpoint : endpoints)
    if (state.in_service(version, endpoint->url())) out.push_back(endpoint);
  return out;
}

Publisher::Publisher(unsigned workers, const std::array<std::uint8_t, 32>& cookie_key)
    : workers_(workers), cookie_keys_(cookie_key) {}

namespace {

// Returns "shop.example.com/checkout"; or "/checkout" for any host.
std::string name_of(const config::Route& route) {
  return route.host == "*" ? route.path : route.host + route.path;
}

// A service that has a single route needs no separate guard for it.
std::vector<const config::Route*> judged_apart(const config::Config& config,
                                               const config::Service& service) {
  std::vector<const config::Route*> own;
  for (const auto& route : config.routes)
    if (route.service == service.name) own.push_back(&route);
  if (own.size() == 1 && !own.front()->guards) return {};
  std::erase_if(
      own, [&](const config::Route* route) { return !route->guards && !service.guards.per_route; });
  return own;
}

// A connection made under one set of options is as good under the other. The contents of trust and
// certificate files count, not their paths.
bool same_options(const upstream::EndpointOptions& a, const upstream::EndpointOptions& b) {
  const std::string none;
  const std::string& one = a.tls ? a.tls->fingerprint() : none;
  const std::string& other = b.tls ? b.tls->fingerprint() : none;
  return a.protocol == b.protocol && a.send_proxy == b.send_proxy && one == other;
}

}  // namespace

std::shared_ptr<upstream::Endpoint> Publisher::make_endpoint(const config::Endpoint& endpoint,
                                                             const Resolution& resolution,
                                                             upstream::EndpointOptions options) {
  const std::string name = to_string(endpoint.address);
  const auto fresh = resolution.addresses.find(name);
  const SocketAddress& address =
      fresh != resolution.addresses.end() ? fresh->second : addresses_.at(name);
  // Use what a Host without a port means, because some servers compare literally.
  const bool plain_port = endpoint.address.port == (endpoint.tls ? 443 : 80);
  const std::string authority = plain_port ? name.substr(0, name.rfind(':')) : name;
  options.host = endpoint.address.host;
  return std::make_shared<upstream::Endpoint>(next_endpoint_id_++, endpoint.url, authority,
                                              address.storage, address.length, std::move(options));
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
        upstream::EndpointOptions options;
        if (endpoint.tls) options.tls = resolution.tls.at(key);  // never without
        options.send_proxy = version.send_proxy == config::SendProxy::V2;
        options.protocol = version.protocol;
        std::shared_ptr<upstream::Endpoint> kept;
        if (old != versions_.end())
          for (const auto& candidate : old->second.endpoints)
            if (candidate->url() == endpoint.url && same_options(candidate->options(), options))
              kept = candidate;
        objects.endpoints.push_back(kept ? kept : make_endpoint(endpoint, resolution, options));
        const std::string name = to_string(endpoint.address);
        const auto fresh = resolution.addresses.find(name);
        addresses[name] = fresh != resolution.addresses.end() ? fresh->second : addresses_.at(name);
      }
      next[key] = std::move(objects);
    }
  }
  versions_ = std::move(next);
  addresses_ = std::move(addresses);
  cookie_keys_.adopt(config, routing::unix_now());
  adopt_flags_and_mirrors(config);
  adopt_routes(config);
}

// Flags, mirrors and counters are kept as long as the configuration names them.
void Publisher::adopt_flags_and_mirrors(const config::Config& config) {
  std::map<Key, std::shared_ptr<guard::VersionMonitor>> flags;
  std::map<std::string, std::shared_ptr<routing::MirrorStats>> mirrors;
  decltype(counters_) counted;
  for (const auto& service : config.services) {
    auto& counter = counted[service.name] = counters(service.name);
    if (!counter) counter = std::make_shared<routing::ServiceCounters>();
    for (const auto& flag : service.flags) {
      auto kept = flag_monitor(service.name, flag.name);
      flags[{service.name, flag.name}] =
          kept && kept->version() == flag.version
              ? kept
              : std::make_shared<guard::VersionMonitor>(service.name, flag.version, workers_);
    }
    if (!service.mirror) continue;
    auto kept = mirror_stats(service.name);
    if (kept && kept->monitor.version() != service.mirror->version) kept = nullptr;
    if (!kept) {
      kept =
          std::make_shared<routing::MirrorStats>(service.name, service.mirror->version, workers_);
      // The monitor judges and shuts nothing: people decide what to do about a bad shadow.
      guard::GuardPolicy policy = policy_of(service.guards);
      policy.unproven_in_flight = 0;  // the mirror has its own cap
      policy.dry_run = false;
      kept->monitor.arm(policy, {});
    }
    mirrors[service.name] = std::move(kept);
  }
  flag_monitors_ = std::move(flags);
  mirrors_ = std::move(mirrors);
  counters_ = std::move(counted);
}

void Publisher::adopt_routes(const config::Config& config) {
  std::map<Key, std::vector<RouteGuard>> guards;
  for (const auto& service : config.services) {
    const auto judged = judged_apart(config, service);
    for (const auto& version : service.versions) {
      const Key key{service.name, version.name};
      for (const config::Route* route : judged) {
        RouteGuard guard{name_of(*route), route->guards.value_or(config::GuardLimits{}), nullptr};
        for (const RouteGuard& old : route_guards(service.name, version.name))
          if (old.route == guard.route) guard.monitor = old.monitor;
        if (!guard.monitor)
          guard.monitor =
              std::make_shared<guard::VersionMonitor>(service.name, version.name, workers_);
        guards[key].push_back(std::move(guard));
      }
    }
  }
  route_guards_ = std::move(guards);
}

const std::vector<Publisher::RouteGuard>& Publisher::route_guards(
    const std::string& service, const std::string& version) const {
  static const std::vector<RouteGuard> kNone;
  const auto found = route_guards_.find({service, version});
  return found == route_guards_.end() ? kNone : found->second;
}

std::vector<std::shared_ptr<guard::VersionMonitor>> Publisher::guards_of(
    const config::Route& route, const routing::ServiceSnapshot& service) const {
  std::vector<std::shared_ptr<guard::VersionMonitor>> out;
  for (const auto& version : service.versions)
    for (const RouteGuard& guard : route_guards(service.name, version.name))
      if (guard.route == name_of(route)) out.push_back(guard.monitor);
  return out;
}

void Publisher::disarm(const std::string& service, const std::string& version) const {
  if (const auto whole = monitor(service, version)) whole->disarm();
  for (const RouteGuard& route : route_guards(service, version)) route.monitor->disarm();
}

void Publisher::shut(const std::string& service, const std::set<std::string>& before,
                     const std::set<std::string>& now) const {
  for (const std::string& version : now)
    if (const auto whole = monitor(service, version)) whole->set_tripped(true);
  for (const std::string& version : before)
    if (!now.contains(version))
      if (const auto whole = monitor(service, version)) whole->set_tripped(false);
}

std::shared_ptr<guard::VersionMonitor> Publisher::flag_monitor(const std::string& service,
                                                               const std::string& flag) const {
  const auto found = flag_monitors_.find({service, flag});
  return found == flag_monitors_.end() ? nullptr : found->second;
}

std::shared_ptr<routing::MirrorStats> Publisher::mirror_stats(const std::string& service) const {
  const auto found = mirrors_.find(service);
  return found == mirrors_.end() ? nullptr : found->second;
}

std::shared_ptr<routing::ServiceCounters> Publisher::counters(const std::string& service) const {
  const auto found = counters_.find(service);
  return found == counters_.end() ? nullptr : found->second;
}

std::shared_ptr<guard::VersionMonitor> Publisher::monitor(const std::string& service,
                                                          const std::string& version) const {
  const auto found = versions_.find({service, version});
  return found == versions_.end() ? nullptr : found->second.monitor;
}

void Publisher::begin_warm_up(const std::string& service, const std::string& version) const {
  for (const auto& endpoint : endpoints(service, version)) endpoint->warm_up().begin();
}

const Endpoints& Publisher::endpoints(const std::string& service,
                                      const std::string& version) const {
  static const Endpoints kNone;
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
                             in_service(objects.endpoints, state, version.name), objects.monitor,
                             state.locked_out.contains(version.name)});
    if (version.name == steering.candidate) {
      out->preview = service.rollout.preview;
      out->preview_version = out->versions.size() - 1;
    }
    if (version.name == state.stable) out->stable = out->versions.size() - 1;
  }
  compare(*out, steering.compared);
  const std::string& secret = service.sticky.secret.value;
  out->salt = secret.empty() ? state.salt : routing::split_salt(secret, service.name, state.stable);
  out->cookie_key = cookie_keys_.signer(service.name);
  out->rollout = steering.rollout;
  out->sticky = service.sticky;
  const std::vector<std::string> names = out->version_names();
  for (const auto& flag : service.flags) {
    const config::Flag in_force = with_changes(flag, state.find_flag(flag.name));
    out->flags.push_back(routing::make_flag(in_force, service.sticky, names));
    routing::FlagSnapshot& made = out->flags.back();
    made.monitor = flag_monitor(service.name, flag.name);
    if (flag.name == steering.compared_flag) made.comparison = made.monitor->comparison();
  }
  if (service.mirror) out->mirror = mirror_of(service, state, names);
  out->mirror.stats = mirror_stats(service.name);
  out->counters = counters(service.name);
  out->fallback = service.fallback;
  out->reuse = service.reuse;
  out->timeouts = service.timeouts;
  out->grpc = service.grpc;
  out->version_header = service.version_header;
  out->ignored_paths = service.guards.ignore;
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
    const auto& service = by_name.at(route.service);
    out->routes.push_back({std::move(host), route.path, service, guards_of(route, *service)});
  }
  if (config.routes.empty() && out->services.size() == 1)
    out->routes.push_back({"*", "/", out->services.front()});
  routing::sort_routes(out->routes);
  return out;
}

}  // namespace cutwater::control
