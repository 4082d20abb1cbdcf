// Runs the real data plane inside the test's process: describe it, start it, talk to its port.
//
//   FakeUpstream blue;
//   ProxySetup setup;
//   setup.version("blue", 100, {blue.port()});
//   Proxy proxy(setup);
//   EXPECT_EQ(get(proxy.port()).status, 200);
#pragma once

#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/net/tls_client_context.hpp"
#include "proxy/worker/worker_group.hpp"
#include "tests/support/eventually.hpp"

namespace cutwater::test {

// The setup is a value: change a copy and publish() it.
class ProxySetup {
 public:
  // Starts another service; without it there is one called "shop", which takes every request.
  ProxySetup& service(const std::string& name);
  // Adds a version to the last service, whose first version is stable unless stable() says
  // otherwise.
  ProxySetup& version(const std::string& name, double percent, std::vector<std::uint16_t> ports);
  // Adds a version that is spoken to in HTTP/2 with prior knowledge.
  ProxySetup& http2_version(const std::string& name, double percent,
                            std::vector<std::uint16_t> ports);
  ProxySetup& weight(const std::string& version, double percent);
  ProxySetup& withdrawn(const std::string& version, bool is = true);  // it was reverted
  ProxySetup& stable(const std::string& version);
  ProxySetup& route(const std::string& host, const std::string& path);  // default: * and /
  ProxySetup& fallback_to_stable();
  ProxySetup& flag(config::Flag flag);
  // Holds the flag of this name against its control group.
  ProxySetup& compare_flag(const std::string& flag, std::shared_ptr<guard::Comparison> comparison);
  // The caller owns the statistics, which outlive every publish().
  ProxySetup& mirror(const std::string& version, routing::MirrorSnapshot mirror);
  // Holds this version against stable.
  ProxySetup& compare(const std::string& version, std::shared_ptr<guard::Comparison> comparison);
  config::Sticky& sticky() { return last().sticky; }
  config::Timeouts& timeouts() { return last().timeouts; }
  config::Grpc& grpc() { return last().grpc; }
  config::Reuse& reuse() { return last().reuse; }
  std::vector<std::string>& ignored_paths() { return last().ignored_paths; }  // guards.ignore

  config::Limits limits;
  config::AccessLog access_log;
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> keep_headers;
  std::string via;
  config::ProxyProtocol proxy_protocol = config::ProxyProtocol::Off;
  std::shared_ptr<const net::TlsServerContext> tls;  // null if nothing is encrypted
  // of all endpoints; null: plain
  std::shared_ptr<const net::TlsClientContext> upstream_tls;
  bool send_proxy = false;  // likewise
  bool http2 = true;
  unsigned workers = 1;
  config::Duration drain_spread{0};
  config::Duration drain_timeout{0};

 private:
  friend class Proxy;
  struct Version {
    std::string name;
    std::int32_t weight = 0;
    std::vector<std::uint16_t> ports;
    config::UpstreamProtocol protocol = config::UpstreamProtocol::Http1;
    bool withdrawn = false;
  };
  struct Service {
    std::string name;
    std::vector<Version> versions;
    std::vector<std::pair<std::string, std::string>> routes;
    std::string stable;
    config::Reuse reuse = config::Reuse::Always;
    config::Sticky sticky;
    std::vector<config::Flag> flags;
    std::string mirror_version;
    routing::MirrorSnapshot mirror;
    std::string compared;
    std::shared_ptr<guard::Comparison> comparison;
    std::map<std::string, std::shared_ptr<guard::Comparison>> compared_flags;
    config::Fallback fallback = config::Fallback::None;
    config::Timeouts timeouts;
    config::Grpc grpc;
    std::vector<std::string> ignored_paths;
  };
  Service& last();
  std::vector<Service> services_;
};

class Proxy {
 public:
  explicit Proxy(const ProxySetup& setup);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  std::uint16_t port() const { return port_; }
  stats::ProxyTotals totals() const { return group_->totals(); }
  // The monitor survives publish(), as in production. `service` is the one from the setup.
  guard::VersionMonitor& monitor(const std::string& version, const std::string& service = "shop");
  std::uint64_t tunnels_open() const;  // on all versions
  upstream::Endpoint& endpoint(std::uint16_t port);
  stats::VersionTotals of(const std::string& version, const std::string& service = "shop") {
    return monitor(version, service).totals();
  }
  std::uint64_t outcomes(const std::string& version, stats::Outcome outcome) {
    return of(version).outcomes[static_cast<std::size_t>(outcome)];
  }

  // Returns when all workers have switched. Limits and listeners stay as they were.
  void publish(const ProxySetup& setup);
  // `on_drained` runs on a worker.
  void drain(std::function<void()> on_drained) { group_->drain(std::move(on_drained)); }
  std::future<void> start_draining();  // ready when it has drained
  void stop() { group_->stop(); }
  worker::WorkerGroup& group() { return *group_; }

  std::shared_ptr<routing::RoutingSnapshot> snapshot_of(const ProxySetup& setup);

 private:
  std::map<std::pair<std::string, std::string>, std::shared_ptr<guard::VersionMonitor>> monitors_;
  std::map<std::uint16_t, std::shared_ptr<upstream::Endpoint>> endpoints_;
  std::uint64_t generation_ = 0;
  unsigned workers_;
  std::unique_ptr<worker::WorkerGroup> group_;
  std::uint16_t port_ = 0;
};

}  // namespace cutwater::test
