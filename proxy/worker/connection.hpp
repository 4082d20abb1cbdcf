// A downstream connection while it is served: its transport, who is at its other end, its place in
// the quota, and the protocol its requests come by. Thread: the worker's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/h1/http1_server.hpp"
#include "proxy/http/h2/http2_server.hpp"
#include "proxy/net/connection_quota.hpp"
#include "proxy/net/tls_server_context.hpp"
#include "proxy/net/transport.hpp"
#include "proxy/upstream/connection_pool.hpp"

namespace cutwater::worker {

// A bound socket with what its connections need to know.
struct ListenerSetup {
  int fd = -1;
  std::string name;
  std::vector<net::Network> trusted_proxies;
  bool proxy_protocol = false;                       // a PROXY header comes first
  std::shared_ptr<const net::TlsServerContext> tls;  // null: nothing is encrypted
  bool http2 = true;                                 // without TLS: known by its preface
  std::string via = {};                              // signs Via towards upstreams; empty: nobody
  std::vector<std::string> keep_headers = {};        // of strangers, not taken away

  bool trusts(const net::IpAddress& ip) const {
    for (const net::Network& network : trusted_proxies)
      if (network.contains(ip)) return true;
    return false;
  }
};

struct Connection : upstream::ListHook {
  Connection(net::EventLoop& loop, int fd, const ListenerSetup& setup,
             net::ConnectionQuota::Place held)
      : listener(setup), place(std::move(held)), transport(loop, fd) {}

  // Something comes before the first request.
  bool needs_greeting() const { return listener.proxy_protocol || listener.tls; }
  // Drain: closes now when nothing is under way; a greeting is nothing.
  void close_when_idle() {
    if (http2) return http2->close_when_idle();
    http ? http->close_when_idle() : abort();
  }
  void close_when_idle_at(TimePoint when) { transport.loop().timers().arm(drain_timer, when); }
  // Stop: every wait is cancelled.
  void abort() {
    if (http2) return http2->abort();
    if (http) return http->abort();
    transport.cancel_read();
    transport.cancel_write();
  }

  const ListenerSetup& listener;
  net::ConnectionQuota::Place place;
  net::Transport transport;
  net::ConnectionAddresses addresses;    // as the socket or a PROXY header says
  std::unique_ptr<net::TlsSession> tls;  // null: nothing is encrypted
  net::Timer drain_timer{this,
                         [](void* self) { static_cast<Connection*>(self)->close_when_idle(); }};
  // One of them, once the greeting is over.
  std::optional<http::Http1ServerConnection> http;
  std::unique_ptr<http::Http2ServerConnection> http2;
};

}  // namespace cutwater::worker
