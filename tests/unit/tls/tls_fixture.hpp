// Provides a proxy whose listener speaks TLS for shop.test and *.wild.test, in front of the
// upstream blue.
#pragma once

#include "proxy/net/tls_server_context.hpp"
#include "tests/integration/edge_fixture.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::test {

class TlsEdge : public Edge {
 protected:
  TlsEdge() {
    setup.limits.handshake_timeout = 5s;
    tls.certificates = {shop.files(), wild.files()};
  }

  std::shared_ptr<const net::TlsServerContext> load() {
    auto loaded = net::TlsServerContext::load("https", tls, options);
    if (const auto* problem = std::get_if<net::Problem>(&loaded)) throw TestFailure(problem->text);
    return std::get<std::shared_ptr<const net::TlsServerContext>>(loaded);
  }
  // Starts the proxy with what `tls` says by then.
  std::uint16_t tls_port() {
    if (!setup.tls) setup.tls = load();
    return port();
  }
  TlsDialer dialer() const { return TlsDialer(authority); }
  std::uint64_t failures(const std::string& reason) {
    return proxy().totals().tls_failures[reason];
  }

  TestAuthority authority;
  IssuedCert shop = authority.issue({.names = {"shop.test"}, .common_name = "shop"});
  IssuedCert wild = authority.issue({.names = {"*.wild.test"}, .common_name = "wild"});
  config::ListenerTls tls;
  net::TlsServerOptions options{.tickets = std::make_shared<net::TicketKeys>()};
};

inline const std::string kGetShop = "GET /p HTTP/1.1\r\nHost: shop.test\r\n\r\n";

}  // namespace cutwater::test
