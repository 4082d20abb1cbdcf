#include "tests/support/proxy_fixture.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <atomic>
#include <cmath>

#include "proxy/routing/route_table.hpp"

namespace cutwater::test {

namespace {

std::shared_ptr<upstream::Endpoint> make_endpoint(std::uint32_t id, std::uint16_t port,
                                                  config::UpstreamProtocol protocol,
                                                  const ProxySetup& setup) {
  sockaddr_storage storage{};
  auto& address = reinterpret_cast<sockaddr_in&>(storage);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string authority = "127.0.0.1:" + std::to_string(port);
  return std::make_shared<upstream::Endpoint>(
      id, "http://" + authority, authority, storage, socklen_t{sizeof address},
      upstream::EndpointOptions{"127.0.0.1", setup.upstream_tls, setup.send_proxy, protocol});
}

}  // namespace

// --- ProxySetup -----------------------------------------------------------------------------

ProxySetup::Service& ProxySetup::last() {
  if (services_.empty()) service("shop");
  return services_.back();
}

ProxySetup& ProxySetup::service(const std::string& name) {
  Service service;
  service.name = name;
  service.sticky.name = "cw_" + name;
  services_.push_back(std::move(service));
  return *this;
}

ProxySetup& ProxySetup::version(const std::string& name, double percent,
                                std::vector<std::uint16_t> ports) {
  last().versions.push_back(
      {name, static_cast<std::int32_t>(std::lround(percent * 10'000)), std::move(ports)});
  return *this;
}

ProxySetup& ProxySetup::http2_version(const std::string& name, double percent,
                                      std::vector<std::uint16_t> ports) {
  version(name, percent, std::move(ports));
  last().versions.back().protocol = config::UpstreamProtocol::Http2;
  return *this;
}

ProxySetup& ProxySetup::weight(const std::string& version, double percent) {
  for (Version& known : last().versions)
    if (known.name == version)
      known.weight = static_cast<std::int32_t>(std::lround(percent * 10'000));
  return *this;
}

ProxySetup& ProxySetup::withdrawn(const std::string& version, bool is) {
  for (Version& known : last().versions)
    if (known.name == version) known.withdrawn = is;
  return *this;
}

ProxySetup& ProxySetup::stable(const std::string& version) {
  last().stable = version;
  return *this;
}

ProxySetup& ProxySetup::route(const std::string& host, const std::string& path) {
  last().routes.emplace_back(host, path);
  return *this;
}

ProxySetup& ProxySetup::fallback_to_stable() {
  last().fallback = config::Fallback::Stable;
  return *this;
}

ProxySetup& ProxySetup::flag(config::Flag flag) {
  last().flags.push_back(std::move(flag));
  return *this;
}

ProxySetup& ProxySetup::mirror(const std::string& version, routing::MirrorSnapshot mirror) {
  last().mirror_version = version;
  last().mirror = std::move(mirror);
  return *this;
}

ProxySetup& ProxySetup::compare_flag(const std::string& flag,
                                     std::shared_ptr<guard::Comparison> comparison) {
  last().compared_flags[flag] = std::move(comparison);
  return *this;
}

ProxySetup& ProxySetup::compare(const std::string& version,
                                std::shared_ptr<guard::Comparison> comparison) {
  last().compared = version;
  last().comparison = std::move(comparison);
  return *this;
}

// --- Proxy ----------------------------------------------------------------------------------

Proxy::Proxy(const ProxySetup& setup) : workers_(setup.workers) {
  worker::Options options;
  options.workers = setup.workers;
  options.limits = setup.limits;
  options.access_log = setup.access_log;
  options.drain_spread = setup.drain_spread;
  options.drain_timeout = setup.drain_timeout;
  config::Listener listener;
  listener.listen = {"127.0.0.1", 0};
  listener.http2 = setup.http2;
  for (const std::string& network : setup.trusted_proxies)
    listener.trusted_proxies.push_back({network});
  listener.proxy_protocol = setup.proxy_protocol;
  listener.keep_headers = setup.keep_headers;
  listener.via = setup.via;
  options.listeners.push_back(listener);
  options.tls.push_back(setup.tls);
  group_ = std::make_unique<worker::WorkerGroup>(std::move(options));
  const std::string problem = group_->start(snapshot_of(setup));
  if (!problem.empty()) throw TestFailure(problem);
  port_ = group_->listeners().at(0).address.port;
}

guard::VersionMonitor& Proxy::monitor(const std::string& version, const std::string& service) {
  return *monitors_.at({service, version});
}

std::uint64_t Proxy::tunnels_open() const {
  std::uint64_t sum = 0;
  for (const auto& [key, monitor] : monitors_) sum += monitor->tunnels_open();
  return sum;
}

upstream::Endpoint& Proxy::endpoint(std::uint16_t port) {
  return *endpoints_.at(port);
}

std::future<void> Proxy::start_draining() {
  auto drained = std::make_shared<std::promise<void>>();
  auto future = drained->get_future();
  drain([drained] { drained->set_value(); });
  return future;
}

std::shared_ptr<routing::RoutingSnapshot> Proxy::snapshot_of(const ProxySetup& setup) {
  static std::atomic<std::uint32_t> next_endpoint{0};
  auto snapshot = std::make_shared<routing::RoutingSnapshot>();
  snapshot->generation = ++generation_;
  for (const ProxySetup::Service& from : setup.services_) {
    auto service = std::make_shared<routing::ServiceSnapshot>();
    service->id = static_cast<std::uint32_t>(snapshot->services.size());
    service->name = from.name;
    service->salt = 0x5eed;
    service->sticky = from.sticky;
    service->fallback = from.fallback;
    service->reuse = from.reuse;
    service->timeouts = from.timeouts;
    service->grpc = from.grpc;
    service->ignored_paths = from.ignored_paths;
    service->version_header = "Cutwater-Version";
    for (const ProxySetup::Version& wanted : from.versions) {
      routing::VersionSnapshot version{wanted.name, wanted.weight, {}, nullptr, wanted.withdrawn};
      auto& monitor = monitors_[{from.name, wanted.name}];
      if (!monitor)
        monitor = std::make_shared<guard::VersionMonitor>(from.name, wanted.name, workers_);
      version.monitor = monitor;
      for (const std::uint16_t port : wanted.ports) {
        auto& endpoint = endpoints_[port];
        if (!endpoint) endpoint = make_endpoint(next_endpoint++, port, wanted.protocol, setup);
        version.endpoints.push_back(endpoint);
      }
      service->versions.push_back(std::move(version));
    }
    for (const config::Flag& flag : from.flags) {
      service->flags.push_back(routing::make_flag(flag, from.sticky, service->version_names()));
      const auto compared = from.compared_flags.find(flag.name);
      if (compared != from.compared_flags.end())
        service->flags.back().comparison = compared->second;
    }
    if (!from.mirror_version.empty()) {
      service->mirror = from.mirror;
      service->mirror.version = service->find_version(from.mirror_version);
    }
    if (!from.stable.empty()) service->stable = service->find_version(from.stable);
    if (from.comparison) {
      const std::size_t candidate = service->find_version(from.compared);
      const double own = service->versions[candidate].weight;
      const double other = service->versions[service->stable].weight;
      service->compared = {from.comparison, candidate, own / (own + other)};
    }
    if (from.routes.empty()) snapshot->routes.push_back({"*", "/", service});
    for (const auto& [host, path] : from.routes) snapshot->routes.push_back({host, path, service});
    snapshot->services.push_back(std::move(service));
  }
  routing::sort_routes(snapshot->routes);
  return snapshot;
}

void Proxy::publish(const ProxySetup& setup) {
  auto switched = std::make_shared<std::atomic<bool>>(false);
  group_->publish(snapshot_of(setup), [switched] { *switched = true; });
  if (!eventually([&] { return switched->load(); }))
    throw TestFailure("the workers did not switch to the new snapshot");
}

}  // namespace cutwater::test
