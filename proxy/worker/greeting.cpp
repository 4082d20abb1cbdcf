#include "proxy/worker/greeting.hpp"

#include <algorithm>

#include "proxy/net/proxy_protocol.hpp"

namespace cutwater::worker {

namespace {

using net::ProxyError;
using net::TlsFailure;

// Looks at the header without taking it, so that not a byte of what follows is touched.
Task<net::ProxyHeader> await_proxy_header(net::Transport& transport, TimePoint deadline) {
  net::ProxyHeader header;
  std::vector<char> seen(256);
  std::size_t known = 0;
  for (;;) {
    const net::IoResult peeked = transport.try_peek(seen, known);
    if (peeked.kind == net::IoResult::Kind::Done) {
      known = peeked.bytes;
      header = net::parse_proxy_header(std::span(seen).first(known));
      if (header.state != net::ProxyHeader::State::NeedMore) co_return header;
      // The buffer holds the longest header, and one byte more, which shows that another header is
      // too long.
      if (known == seen.size()) seen.resize(std::min(seen.size() * 4, net::kMostProxyHeader + 1));
      continue;
    }
    header.state = net::ProxyHeader::State::Bad;
    if (peeked.kind != net::IoResult::Kind::WouldBlock) {
      header.error = ProxyError::Closed;
      co_return header;
    }
    const net::Wait wait = co_await transport.readable(deadline);
    if (wait == net::Wait::Ready) continue;
    header.error = wait == net::Wait::Timeout ? ProxyError::Timeout : ProxyError::Closed;
    co_return header;
  }
}

Task<bool> take_proxy_header(Connection& connection, GreetingContext context, TimePoint deadline) {
  const net::ProxyHeader header = co_await await_proxy_header(connection.transport, deadline);
  if (header.state == net::ProxyHeader::State::Bad) {
    context.counters.proxy_errors[static_cast<std::size_t>(header.error)].add();
    co_return false;
  }
  connection.transport.skip(header.bytes);
  if (header.has_addresses) connection.addresses = header.addresses;
  // From here on the client is the one that the header names, as everywhere else (HAProxy's
  // accept-proxy).
  const net::IpAddress& ip = connection.addresses.source;
  connection.place.leave();
  connection.place = context.quota.try_enter(
      ip, connection.listener.trusts(ip) || (!header.has_addresses && ip.is_loopback()));
  if (!connection.place) context.counters.refused.add();
  co_return static_cast<bool>(connection.place);
}

Task<bool> shake_hands(Connection& connection, GreetingContext context, TimePoint deadline) {
  const auto tls = connection.listener.tls;  // the context that is current now, kept until the end
  net::TlsStream& stream = connection.transport.start_tls(tls->make_ssl(), true);
  const auto done = co_await connection.transport.handshake(deadline, Side::Downstream);
  if (done) {
    connection.tls = tls->session_of(stream.ssl());
    if (connection.tls) connection.tls->context = tls;
  }
  if (connection.tls) {
    const bool resumed = SSL_session_reused(stream.ssl()) == 1;
    (resumed ? context.counters.tls_resumed : context.counters.tls_full).add();
    co_return true;
  }
  TlsFailure why = done ? TlsFailure::BadCert : stream.failure();
  if (!done && done.error().code == Errc::Timeout) why = TlsFailure::Timeout;
  if (!done && done.error().code == Errc::Cancelled) why = TlsFailure::Closed;
  context.counters.tls_failures[static_cast<std::size_t>(why)].add();
  co_return false;
}

}  // namespace

Task<bool> greet(Connection& connection, GreetingContext context) {
  const TimePoint deadline = context.loop.now() + context.limits.handshake_timeout;
  if (connection.listener.proxy_protocol) {
    const bool introduced = co_await take_proxy_header(connection, context, deadline);
    if (!introduced) co_return false;
  }
  if (!connection.listener.tls) co_return true;
  co_return co_await shake_hands(connection, context, deadline);
}

}  // namespace cutwater::worker
