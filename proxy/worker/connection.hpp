// Holds a downstream connection while it is served: its transport, the addresses of its ends, its
// place in the quota, and the protocol its requests come by. Only the worker's thread uses it.
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

// Holds a bound socket with what its connections need to know.
struct ListenerSetup {
  int fd = -1;
  std::string name;
  std::vector<net::Network> trusted_proxies;
  bool proxy_protocol = false;                       // a PROXY header comes first
  std::shared_ptr<const net::TlsServerContext> tls;  // null if nothing is encrypted
  bool http2 = true;                                 // without TLS, HTTP/2 is recognised by its
                                                     // preface
  std::string via = {};                              // signs Via towards upstreams, unless empty
  std::vector<std::string> keep_headers = {};        // these of strangers are not taken away

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

  // Says whether something comes before the first request.
  bool needs_greeting() const { return listener.proxy_protocol || listener.tls; }
  // Drains: closes now when nothing is under way; a greeting counts as nothing.
  void close_when_idle() {
    if (http2) return http2->close_when_idle();
    http ? http->close_when_idle() : abort();
  }
  void close_when_idle_at(TimePoint when) { transport.loop().timers().arm(drain_timer, when); }
  // Stops: every wait is cancelled.
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
  std::unique_ptr<net::TlsSession> tls;  // null if nothing is encrypted
  net::Timer drain_timer{this,
                         [](void* self) { static_cast<Connection*>(self)->close_when_idle(); }};
  // One of these is set, once the greeting is over.
  std::optional<http::Http1ServerConnection> http;
  std::unique_ptr<http::Http2ServerConnection> http2;
};

}  // namespace cutwater::worker
