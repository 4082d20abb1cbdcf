// The upstream connections of one worker: idle ones by endpoint (last in, first out), and the
// numbers the load balancer needs. Thread: the worker.
#pragma once

#include <boost/intrusive/list.hpp>
#include <memory>
#include <vector>

#include "proxy/http/http1_client.hpp"
#include "proxy/stats/worker_counters.hpp"
#include "proxy/upstream/endpoint.hpp"

namespace cutwater::upstream {

class ConnectionPool;

struct PoolTimeouts {
  Nanoseconds connect;
  Nanoseconds idle;         // a pooled connection is closed after this
  Nanoseconds write_stall;  // the upstream must take bytes within this
};

// What one worker knows of one endpoint.
struct EndpointStats {
  std::uint32_t active = 0;  // leases out, connects under way included
  // Passive health: consecutive failures to connect or to answer at all.
  std::uint32_t failures = 0;
  std::uint32_t ejections = 0;  // grows the ejection time, shrinks with each success
  TimePoint ejected_until{};
};

using ListHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// A connection while it belongs to the pool, idle or lent.
class PooledConnection final : public ListHook, public net::Transport::Watcher {
 public:
  PooledConnection(ConnectionPool& pool, std::uint32_t endpoint, http::ClientContext& context,
                   int fd)
      : stream(context, fd), pool_(pool), endpoint_(endpoint) {}

  http::Http1ClientConnection stream;

 private:
  friend class ConnectionPool;
  friend class Lease;
  void on_idle_event() override;
  ConnectionPool& pool_;
  const std::uint32_t endpoint_;
};

// An upstream stream lent for one exchange. Gives it back when destroyed: to the pool if the
// exchange completed cleanly, else closed.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { release(); }

  explicit operator bool() const { return connection_ != nullptr; }
  http::UpstreamStream* operator->() const { return &connection_->stream; }
  http::UpstreamStream& operator*() const { return connection_->stream; }
  void release();

 private:
  friend class ConnectionPool;
  Lease(PooledConnection* connection, Nanoseconds idle) : connection_(connection), idle_(idle) {}
  PooledConnection* connection_ = nullptr;
  Nanoseconds idle_{};
};

class ConnectionPool {
 public:
  ConnectionPool(http::ClientContext& context, stats::WorkerCounters& counters)
      : context_(context), counters_(counters) {}
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // An idle connection that still looks alive, or an empty lease.
  Lease try_reuse(const Endpoint& endpoint, const PoolTimeouts& timeouts);
  // A fresh connection into `lease`, which holds it while it is being made, so that it can be
  // cancelled. Refused, Timeout, Overload (no descriptor or port left) or Cancelled; always
  // retry_safe, since nothing was sent.
  Task<Result<void>> connect(const Endpoint& endpoint, PoolTimeouts timeouts, Lease& lease);

  EndpointStats& stats(const Endpoint& endpoint) { return state(endpoint.id()).stats; }
  // Worker stop: every wait on an upstream is cancelled, idle connections close, none is opened.
  void abort();

 private:
  friend class Lease;
  friend class PooledConnection;
  using List =
      boost::intrusive::list<PooledConnection, boost::intrusive::constant_time_size<false>>;
  struct State {
    EndpointStats stats;
    List idle;
    List busy;
  };
  State& state(std::uint32_t endpoint);
  void give_back(PooledConnection* connection, Nanoseconds idle);
  void destroy(PooledConnection* connection);

  http::ClientContext& context_;
  stats::WorkerCounters& counters_;
  std::vector<std::unique_ptr<State>> states_;  // by endpoint id
  bool aborted_ = false;
};

}  // namespace cutwater::upstream
