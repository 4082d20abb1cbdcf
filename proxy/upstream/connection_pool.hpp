// Owns the upstream connections of one worker: HTTP/1 ones are idle (last in, first out) or lent to
// one exchange, HTTP/2 ones carry many exchanges. It also keeps the numbers that the load balancer
// needs. Only the worker's thread uses it.
#pragma once

#include <boost/intrusive/list.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/http/h1/http1_client.hpp"
#include "proxy/http/h2/http2_client.hpp"
#include "proxy/routing/endpoint.hpp"
#include "proxy/stats/worker_counters.hpp"

namespace cutwater::upstream {

class ConnectionPool;

struct PoolTimeouts {
  Nanoseconds connect;
  Nanoseconds idle;         // a pooled connection is closed after this
  Nanoseconds write_stall;  // the upstream must take bytes within this
  // A PROXY header would name this client; null if no client is known.
  const net::ConnectionAddresses* client = nullptr;
  bool for_upgrade = false;  // an HTTP/2 server must first have said what it can do
  // HTTP/1: a connection has rested for 10 ms before it carries the next request.
  bool rest = false;
};

// Holds what one worker knows of one endpoint.
struct EndpointStats {
  std::uint32_t active = 0;  // leases out, including connects under way
  // Counts consecutive failures to connect or to answer at all, for passive health.
  std::uint32_t failures = 0;
  std::uint32_t ejections = 0;  // grows the ejection time, shrinks with each success
  TimePoint ejected_until{};
};

using ListHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;

// Lends streams, and takes them back.
class Lender {
 public:
  virtual void give_back(http::UpstreamStream& stream, Nanoseconds idle) = 0;

 protected:
  ~Lender() = default;
};

// Represents an HTTP/1 connection while it belongs to the pool, idle or lent.
class PooledConnection final : public ListHook, public net::Transport::Watcher, public Lender {
 public:
  PooledConnection(ConnectionPool& pool, std::uint32_t endpoint, http::ClientContext& context,
                   int fd)
      : stream(context, fd), pool_(pool), endpoint_(endpoint) {}

  http::Http1ClientConnection stream;

 private:
  // Only this client may use the connection, because a PROXY header has named the client.
  bool belongs_to_another(const net::ConnectionAddresses* client) const {
    if (!client_) return introduced_ && client;  // LOCAL: the connection speaks for ourselves
    return !client || *client != *client_;
  }
  // Says what an idle connection has received since it was free. Unasked means bytes of HTTP that
  // answer nobody.
  enum class Heard : std::uint8_t { Nothing, End, Unasked };
  Heard listen();
  friend class ConnectionPool;
  friend class Lease;
  void on_idle_event() override;
  void give_back(http::UpstreamStream& stream, Nanoseconds idle) override;
  ConnectionPool& pool_;
  const std::uint32_t endpoint_;
  std::uint32_t desyncs_ = 0;  // of its endpoint, when it was made
  TimePoint free_since_{};
  bool introduced_ = false;  // a PROXY header was sent
  std::optional<net::ConnectionAddresses> client_;
};

// Represents an HTTP/2 connection, which lives as long as ConnectionPool::run_http2.
class PooledHttp2 final : public ListHook, public Lender {
 public:
  PooledHttp2(ConnectionPool& pool, std::uint32_t endpoint, http::ClientContext& context, int fd,
              Nanoseconds write_stall)
      : connection(context, fd, write_stall), pool_(pool), endpoint_(endpoint) {}

  http::Http2ClientConnection connection;

 private:
  friend class ConnectionPool;
  void give_back(http::UpstreamStream& stream, Nanoseconds idle) override;
  ConnectionPool& pool_;
  const std::uint32_t endpoint_;
};

// Holds an upstream stream lent for one exchange. It gives the stream back when destroyed: to the
// pool if the exchange completed cleanly; otherwise the stream is closed.
class Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&& other) noexcept;
  ~Lease() { release(); }

  explicit operator bool() const { return stream_ != nullptr; }
  http::UpstreamStream* operator->() const { return stream_; }
  http::UpstreamStream& operator*() const { return *stream_; }
  void release();

 private:
  friend class ConnectionPool;
  Lease(Lender& lender, http::UpstreamStream& stream, Nanoseconds idle)
      : lender_(&lender), stream_(&stream), idle_(idle) {}
  Lender* lender_ = nullptr;
  http::UpstreamStream* stream_ = nullptr;
  Nanoseconds idle_{};
};

class ConnectionPool {
 public:
  // Told the id of an endpoint that has sent bytes unasked; its idle connections are gone by then.
  using OnDesync = std::function<void(std::uint32_t endpoint)>;
  ConnectionPool(http::ClientContext& context, stats::WorkerCounters& counters,
                 OnDesync on_desync = {})
      : context_(context), counters_(counters), on_desync_(std::move(on_desync)) {}
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Lends a stream of an idle connection that still looks alive, or of an HTTP/2 connection with
  // room; otherwise returns an empty lease.
  Lease try_reuse(const Endpoint& endpoint, const PoolTimeouts& timeouts);
  // Makes a fresh connection into `lease`, which holds it while it is being made, so that it can be
  // cancelled. Fails with Refused, TlsFailed, Timeout, Overload (no descriptor or port left) or
  // Cancelled; every failure is retry_safe, since nothing was sent.
  Task<Result<void>> connect(const Endpoint& endpoint, PoolTimeouts timeouts, Lease& lease);

  EndpointStats& stats(const Endpoint& endpoint) { return state(endpoint.id()).stats; }
  // Returns how many leases are out to the endpoint with this id; 0 for an unknown endpoint.
  std::uint32_t active(std::uint32_t endpoint) const {
    const bool known = endpoint < states_.size() && states_[endpoint];
    return known ? states_[endpoint]->stats.active : 0;
  }
  // Stops the pool with its worker: every wait on an upstream is cancelled, idle connections close,
  // and none is opened. `ended` runs when the last HTTP/2 connection has ended, which takes some
  // turns of the loop.
  void abort(std::function<void()> ended);
  bool has_ended() const { return http2_connections_ == 0; }

 private:
  friend class Lease;
  friend class PooledConnection;
  friend class PooledHttp2;
  using List =
      boost::intrusive::list<PooledConnection, boost::intrusive::constant_time_size<false>>;
  struct State {
    EndpointStats stats;
    List idle;
    List busy;
    boost::intrusive::list<PooledHttp2, boost::intrusive::constant_time_size<false>> http2;
    net::SslSessionPtr session;  // the newest TLS session, for the next connection
  };
  State& state(std::uint32_t endpoint);
  PooledConnection* find_idle(List& idle, const PoolTimeouts& timeouts) const;
  Task<Result<void>> introduce(const Endpoint& endpoint, PoolTimeouts timeouts,
                               PooledConnection& connection, TimePoint deadline);
  void give_back(PooledConnection* connection, Nanoseconds idle);
  void destroy(PooledConnection* connection);
  void end_desynced(PooledConnection* connection);
  Result<int> start_connect(const Endpoint& endpoint);
  Lease lease_http2(PooledHttp2& pooled, const PoolTimeouts& timeouts);
  Lease try_reuse_http2(const Endpoint& endpoint, const PoolTimeouts& timeouts);
  Task<Result<void>> connect_http2(const Endpoint& endpoint, PoolTimeouts timeouts, Lease& lease);
  // `endpoint` is valid only until the first wait.
  Task<void> run_http2(std::unique_ptr<PooledHttp2> pooled, const Endpoint& endpoint,
                       TimePoint connect_by);
  static bool is_ready(const http::Http2ClientConnection& connection, const PoolTimeouts& timeouts);

  http::ClientContext& context_;
  stats::WorkerCounters& counters_;
  OnDesync on_desync_;
  std::vector<std::unique_ptr<State>> states_;  // by endpoint id
  std::size_t http2_connections_ = 0;
  std::function<void()> ended_;
  bool aborted_ = false;
};

}  // namespace cutwater::upstream
