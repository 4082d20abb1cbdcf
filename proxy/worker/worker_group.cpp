#include "proxy/worker/worker_group.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "proxy/http/h2/http2_frame_guard.hpp"
#include "proxy/net/proxy_protocol.hpp"
#include "proxy/worker/worker.hpp"

namespace cutwater::worker {

namespace {

// Half of the descriptors we may open go to clients, because the other half is for upstreams.
std::uint32_t connection_limit(const config::Limits& limits) {
  if (limits.connections != 0) return limits.connections;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  return static_cast<std::uint32_t>(std::min<rlim_t>(files.rlim_cur / 2, 1'000'000));
}

// Runs `done` when every worker has called the returned function.
std::function<void()> when_all(std::size_t workers, std::function<void()> done) {
  auto left = std::make_shared<std::atomic<std::size_t>>(workers);
  return [left, done = std::move(done)] {
    if (left->fetch_sub(1, std::memory_order_acq_rel) == 1 && done) done();
  };
}

}  // namespace

struct WorkerGroup::Impl {
  explicit Impl(Options given)
      : options(std::move(given)),
        shared{options.limits,
               net::ConnectionQuota(connection_limit(options.limits),
                                    options.limits.connections_per_ip),
               {},
               {}} {}

  std::string bind();
  void close_unused();

  Options options;
  SharedSetup shared;
  std::vector<BoundListener> bound;
  std::vector<std::vector<ListenerSetup>> setups;  // by worker, until the workers take them
  std::vector<std::unique_ptr<Worker>> workers;
  std::vector<std::thread> threads;
};

// Binds every socket of every worker before any thread starts, so that a failure leaves nothing
// behind.
std::string WorkerGroup::Impl::bind() {
  setups.resize(options.workers);
  for (std::size_t i = 0; i < options.listeners.size(); ++i) {
    const config::Listener& listener = options.listeners[i];
    std::vector<net::Network> trusted;
    for (const config::Cidr& cidr : listener.trusted_proxies)
      if (const auto network = net::Network::parse(cidr.text)) trusted.push_back(*network);
    config::Address address = listener.listen;
    const net::BoundSocket probe = net::bind_listener(address, true);
    if (probe.fd >= 0) {
      address.port = probe.address.port;
      ::close(probe.fd);
    }
    for (auto& setup : setups) {
      const net::BoundSocket socket = probe.fd >= 0 ? net::bind_listener(address, false) : probe;
      if (socket.fd < 0)
        return "listener " + listener.name + ": cannot listen on " + address.host + ":" +
               std::to_string(address.port) + ": " + socket.problem;
      setup.push_back({socket.fd, listener.name, trusted,
                       listener.proxy_protocol == config::ProxyProtocol::Required,
                       i < options.tls.size() ? options.tls[i] : nullptr, listener.http2,
                       listener.via, listener.keep_headers});
    }
    bound.push_back({listener.name, address});
  }
  return {};
}

void WorkerGroup::Impl::close_unused() {
  for (const auto& setup : setups)
    for (const ListenerSetup& listener : setup) ::close(listener.fd);
  setups.clear();
  bound.clear();
}

WorkerGroup::WorkerGroup(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

WorkerGroup::~WorkerGroup() {
  stop();
}

std::string WorkerGroup::start(std::shared_ptr<const routing::RoutingSnapshot> snapshot) {
  std::string problem = impl_->bind();
  if (problem.empty()) problem = impl_->shared.access_log.open(impl_->options.access_log);
  if (!problem.empty()) {
    impl_->close_unused();
    return problem;
  }
  impl_->shared.drain_spread = impl_->options.drain_spread;
  impl_->shared.drain_timeout = impl_->options.drain_timeout;
  impl_->shared.log_enabled = impl_->options.access_log.to != config::AccessLog::To::Off;
  for (unsigned i = 0; i < impl_->options.workers; ++i)
    impl_->workers.push_back(
        std::make_unique<Worker>(i, impl_->shared, std::move(impl_->setups[i]), snapshot));
  for (auto& worker : impl_->workers)
    impl_->threads.emplace_back([&worker = *worker] { worker.run(); });
  return {};
}

const std::vector<BoundListener>& WorkerGroup::listeners() const {
  return impl_->bound;
}

void WorkerGroup::publish(std::shared_ptr<const routing::RoutingSnapshot> snapshot,
                          std::function<void()> on_switched) {
  const auto switched = when_all(impl_->workers.size(), std::move(on_switched));
  for (auto& worker : impl_->workers) worker->switch_to(snapshot, switched);
}

void WorkerGroup::switch_tls(std::size_t listener,
                             std::shared_ptr<const net::TlsServerContext> tls) {
  for (auto& worker : impl_->workers) worker->switch_tls(listener, tls);
}

void WorkerGroup::count_active(const std::vector<std::uint32_t>& endpoints,
                               std::function<void(std::uint64_t)> counted) {
  const auto sum = std::make_shared<std::atomic<std::uint64_t>>(0);
  const auto all = when_all(impl_->workers.size(),
                            [sum, counted = std::move(counted)] { counted(sum->load()); });
  for (auto& worker : impl_->workers)
    worker->count_active(endpoints, [sum, all](std::uint64_t active) {
      sum->fetch_add(active);
      all();
    });
}

void WorkerGroup::drain(std::function<void()> on_drained) {
  const auto drained = when_all(impl_->workers.size(), std::move(on_drained));
  for (auto& worker : impl_->workers) worker->drain(drained);
}

void WorkerGroup::stop() {
  for (auto& worker : impl_->workers) worker->stop();
  for (auto& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

void WorkerGroup::reopen_access_log(std::function<void(const std::string&)> done) {
  impl_->shared.access_log.reopen(std::move(done));
}

stats::ProxyTotals WorkerGroup::totals() const {
  stats::ProxyTotals totals;
  totals.log_lines_dropped = impl_->shared.access_log.lost_lines();
  for (const auto& worker : impl_->workers) {
    const stats::WorkerCounters& c = worker->counters();
    stats::ProxyTotals one;
    one.requests = c.requests.get();
    one.downstream_accepted = c.accepted.get();
    one.downstream_open = c.downstream_open.get();
    one.accepted_http2 = c.accepted_http2.get();
    one.opened_http2 = c.opened_http2.get();
    one.downstream_http2 = c.downstream_http2.get();
    one.upstream_http2 = c.upstream_http2.get();
    one.refused_streams = c.refused_streams.get();
    one.upstream_opened = c.upstream_opened.get();
    one.upstream_open = c.upstream_open.get();
    one.upstream_idle = c.upstream_idle.get();
    one.exchanges_active = c.exchanges_active.get();
    one.retries = c.retries.get();
    one.retries_denied = c.retries_denied.get();
    one.fallbacks = c.fallbacks.get();
    one.client_aborts = c.client_aborts.get();
    one.unknown_clients = c.unknown_clients.get();
    one.connections_refused = c.refused.get();
    one.accept_errors = c.accept_errors.get();
    one.log_lines_dropped = c.log_lines_dropped.get();
    one.tls_full = c.tls_full.get();
    one.tls_resumed = c.tls_resumed.get();
    for (std::size_t i = 1; i < net::kTlsFailures; ++i)
      one.tls_failures[std::string(to_string(static_cast<net::TlsFailure>(i)))] =
          c.tls_failures[i].get();
    for (std::size_t i = 1; i < net::kProxyErrors; ++i)
      one.proxy_errors[std::string(to_string(static_cast<net::ProxyError>(i)))] =
          c.proxy_errors[i].get();
    for (std::size_t i = 1; i < config::kClientClaims; ++i)
      if (const auto count = c.claims_taken[i].get())
        one.claims_taken[std::string(to_string(static_cast<config::ClientClaim>(i)))] = count;
    for (std::size_t i = 1; i < c.bad_requests.size(); ++i)
      if (const auto count = c.bad_requests[i].get())
        one.bad_requests[std::string(to_string(static_cast<http::BadHead>(i)))] = count;
    for (std::size_t i = 0; i < c.local_replies.size(); ++i)
      if (const auto count = c.local_replies[i].get())
        one.local_replies[static_cast<int>(i)] = count;
    for (std::size_t i = 1; i < c.http2_abuses.size(); ++i)
      if (const auto count = c.http2_abuses[i].get())
        one.http2_abuses[std::string(to_string(static_cast<http::Http2Abuse>(i)))] = count;
    for (std::size_t i = 1; i < c.endless_ended.size(); ++i)
      one.endless_ended[std::string(to_string(static_cast<exchange::EndedFor>(i)))] =
          c.endless_ended[i].get();
    totals += one;
  }
  return totals;
}

}  // namespace cutwater::worker
