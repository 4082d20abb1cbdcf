// Implements the HTTP/2 half of the pool: it keeps as few connections per endpoint as the
// endpoint's MAX_CONCURRENT_STREAMS allows.
#include "proxy/upstream/connection_pool.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "proxy/net/tls_client_context.hpp"

namespace cutwater::upstream {

void PooledHttp2::give_back(http::UpstreamStream& stream, Nanoseconds idle) {
  --pool_.state(endpoint_).stats.active;
  connection.give_back(static_cast<http::Http2ClientStream&>(stream), idle);
}

Lease ConnectionPool::lease_http2(PooledHttp2& pooled, const PoolTimeouts& timeouts) {
  ++state(pooled.endpoint_).stats.active;
  return Lease(pooled, pooled.connection.take_stream(timeouts.write_stall), timeouts.idle);
}

Lease ConnectionPool::try_reuse_http2(const Endpoint& endpoint, const PoolTimeouts& timeouts) {
  for (PooledHttp2& pooled : state(endpoint.id()).http2)
    if (is_ready(pooled.connection, timeouts) && pooled.connection.has_room())
      return lease_http2(pooled, timeouts);
  return {};
}

// The server's SETTINGS, its first frame, say whether a WebSocket may be asked for.
bool ConnectionPool::is_ready(const http::Http2ClientConnection& connection,
                              const PoolTimeouts& timeouts) {
  return connection.is_open() && (!timeouts.for_upgrade || connection.has_settings());
}

// Joins a connection that is being made rather than make another, because a burst needs only one.
Task<Result<void>> ConnectionPool::connect_http2(const Endpoint& endpoint, PoolTimeouts timeouts,
                                                 Lease& lease) {
  const TimePoint connect_by = context_.loop.now() + timeouts.connect;
  lease.release();
  for (PooledHttp2& pooled : state(endpoint.id()).http2) {
    if (!pooled.connection.has_room()) continue;
    lease = lease_http2(pooled, timeouts);
    break;
  }
  if (!lease) {
    const auto started = start_connect(endpoint);
    if (!started) co_return started.error();
    // A peer that acknowledges nothing is gone; otherwise its streams would time out one by one.
    const unsigned dead_after_ms = 15'000;
    ::setsockopt(*started, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_after_ms, sizeof dead_after_ms);
    auto pooled = std::make_unique<PooledHttp2>(*this, endpoint.id(), context_, *started,
                                                timeouts.write_stall);
    state(endpoint.id()).http2.push_back(*pooled);
    lease = lease_http2(*pooled, timeouts);
    spawn(run_http2(std::move(pooled), endpoint, connect_by));
  }
  auto& stream = static_cast<http::Http2ClientStream&>(*lease);
  while (!is_ready(stream.connection(), timeouts)) {
    if (stream.failure()) co_return *stream.failure();
    const net::Wait wait = co_await stream.wait_for_connection(connect_by);
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local, true};
    // as if there were no connection
    if (wait == net::Wait::Timeout && stream.connection().is_open()) break;
    if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Upstream, true};
  }
  if (stream.failure()) co_return *stream.failure();
  co_return Result<void>();
}

Task<void> ConnectionPool::run_http2(std::unique_ptr<PooledHttp2> pooled, const Endpoint& endpoint,
                                     TimePoint connect_by) {
  ++http2_connections_;
  counters_.upstream_opened.add();
  counters_.opened_http2.add();
  counters_.upstream_open.up();
  counters_.upstream_http2.up();
  net::SslSessionPtr& session = state(endpoint.id()).session;
  const auto& tls = endpoint.options().tls;
  net::SslPtr ssl = tls ? tls->make_ssl(endpoint.options().host, session.get()) : nullptr;
  co_await pooled->connection.run(connect_by, std::move(ssl), session);
  pooled.reset();  // unlinks itself
  counters_.upstream_open.down();
  counters_.upstream_http2.down();
  if (--http2_connections_ == 0 && ended_) ended_();
}

}  // namespace cutwater::upstream
