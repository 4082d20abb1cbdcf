#include "proxy/upstream/connection_pool.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "proxy/net/proxy_protocol.hpp"
#include "proxy/net/tls_client_context.hpp"

namespace cutwater::upstream {

namespace {
// A connection that names its client is kept only as long as a client that comes back at once needs
// it.
constexpr Nanoseconds kNamedIdle = Seconds(2);
// What a server says too much comes within this behind its answer.
constexpr Milliseconds kRest{10};

// The ordinary end of an idle connection, in words (HAProxy, Node): no answer to anybody.
bool is_timeout_notice(std::string_view said) {
  http::HeadScanner scanner;
  const auto head = std::make_unique<http::ResponseHead>();
  const auto state =
      scanner.parse_response({said.data(), said.size()}, {}, http::Method::Get, *head);
  return state.kind == http::ParseState::Kind::Complete && head->status == 408 && !head->keep_alive;
}
}  // namespace

// --- Lease ----------------------------------------------------------------------------------

Lease::Lease(Lease&& other) noexcept
    : lender_(other.lender_), stream_(std::exchange(other.stream_, nullptr)), idle_(other.idle_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    lender_ = other.lender_;
    stream_ = std::exchange(other.stream_, nullptr);
    idle_ = other.idle_;
  }
  return *this;
}

void Lease::release() {
  if (stream_) lender_->give_back(*std::exchange(stream_, nullptr), idle_);
}

void PooledConnection::give_back(http::UpstreamStream&, Nanoseconds idle) {
  pool_.give_back(this, idle);
}

void PooledConnection::on_idle_event() {
  const bool stirred = stream.socket().might_be_readable();
  const Heard heard = listen();
  if (stirred && heard == Heard::Nothing) return;  // TLS said something for itself: a ticket
  // Data nobody asked for, FIN, RST, or the end of the idle time: in every case, the connection is
  // not usable.
  unlink();
  pool_.counters_.upstream_idle.down();
  heard == Heard::Unasked ? pool_.end_desynced(this) : pool_.destroy(this);
}

PooledConnection::Heard PooledConnection::listen() {
  net::Transport& socket = stream.socket();
  if (socket.broken()) return Heard::End;
  if (!socket.might_be_readable()) return Heard::Nothing;
  std::array<char, 2048> said;
  const net::IoResult read = socket.try_read(said);
  if (read.kind == net::IoResult::Kind::WouldBlock) return Heard::Nothing;
  if (read.kind != net::IoResult::Kind::Done) return Heard::End;
  return is_timeout_notice({said.data(), read.bytes}) ? Heard::End : Heard::Unasked;
}

// --- ConnectionPool -------------------------------------------------------------------------

ConnectionPool::~ConnectionPool() {
  for (auto& state : states_) {
    if (!state) continue;
    while (!state->idle.empty()) destroy(&state->idle.front());
    while (!state->busy.empty()) destroy(&state->busy.front());
  }
}

ConnectionPool::State& ConnectionPool::state(std::uint32_t endpoint) {
  if (endpoint >= states_.size()) states_.resize(endpoint + 1);
  if (!states_[endpoint]) states_[endpoint] = std::make_unique<State>();
  return *states_[endpoint];
}

Lease ConnectionPool::try_reuse(const Endpoint& endpoint, const PoolTimeouts& timeouts) {
  if (endpoint.protocol() == config::UpstreamProtocol::Http2)
    return try_reuse_http2(endpoint, timeouts);
  State& known = state(endpoint.id());
  while (PooledConnection* const found = find_idle(known.idle, timeouts)) {
    PooledConnection& connection = *found;
    connection.unlink();
    counters_.upstream_idle.down();
    connection.stream.socket().unwatch();
    const PooledConnection::Heard heard = connection.listen();
    if (heard == PooledConnection::Heard::Unasked) {
      end_desynced(&connection);
      return {};
    }
    if (heard == PooledConnection::Heard::End || connection.desyncs_ != endpoint.desyncs()) {
      destroy(&connection);
      continue;
    }
    known.busy.push_front(connection);
    ++known.stats.active;
    connection.stream.begin(timeouts.write_stall);
    return Lease(connection, connection.stream, timeouts.idle);
  }
  return {};
}

// The connection given back last is the warmest, and the others may go. Where a connection must
// have rested, the one that has rested longest is taken, so that nobody searches among those that
// have not.
PooledConnection* ConnectionPool::find_idle(List& idle, const PoolTimeouts& timeouts) const {
  const auto fits = [&timeouts](const PooledConnection& connection) {
    return !connection.belongs_to_another(timeouts.client);
  };
  if (!timeouts.rest) {
    const auto newest = std::find_if(idle.begin(), idle.end(), fits);
    return newest == idle.end() ? nullptr : &*newest;
  }
  const auto oldest = std::find_if(idle.rbegin(), idle.rend(), fits);
  const bool rested = oldest != idle.rend() && context_.loop.now() - oldest->free_since_ >= kRest;
  return rested ? &*oldest : nullptr;
}

// Makes a socket whose connect() is under way.
Result<int> ConnectionPool::start_connect(const Endpoint& endpoint) {
  const int fd =
      ::socket(endpoint.address()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{Errc::Overload, Side::Local, true};
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, endpoint.address(), endpoint.address_length()) != 0 && errno != EINPROGRESS) {
    // A lack of ports or memory is this host's trouble, not the version's.
    const bool ours = errno == EADDRNOTAVAIL || errno == ENOBUFS || errno == ENOMEM;
    ::close(fd);
    if (ours) return Error{Errc::Overload, Side::Local, true};
    return Error{Errc::Refused, Side::Upstream, true};
  }
  return fd;
}

Task<Result<void>> ConnectionPool::connect(const Endpoint& endpoint, PoolTimeouts timeouts,
                                           Lease& lease) {
  if (aborted_) co_return Error{Errc::Cancelled, Side::Local, true};
  if (endpoint.protocol() == config::UpstreamProtocol::Http2)
    co_return co_await connect_http2(endpoint, timeouts, lease);
  const auto started = start_connect(endpoint);
  if (!started) co_return started.error();
  const int fd = *started;
  State& known = state(endpoint.id());
  auto* connection = new PooledConnection(*this, endpoint.id(), context_, fd);
  counters_.upstream_opened.add();
  counters_.upstream_open.up();
  known.busy.push_front(*connection);
  ++known.stats.active;
  connection->stream.begin(timeouts.write_stall);
  connection->desyncs_ = endpoint.desyncs();
  lease = Lease(*connection, connection->stream, timeouts.idle);
  const TimePoint deadline = context_.loop.now() + timeouts.connect;
  const auto wait = co_await connection->stream.socket().writable(deadline);
  if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Upstream, true};
  if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local, true};
  int failure = 0;
  socklen_t length = sizeof failure;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length);
  if (failure != 0) co_return Error{Errc::Refused, Side::Upstream, true};
  if (!endpoint.options().tls && !endpoint.options().send_proxy) co_return Result<void>();
  co_return co_await introduce(endpoint, timeouts, *connection, deadline);
}

// Sends what comes before HTTP: the PROXY header, then the TLS handshake.
Task<Result<void>> ConnectionPool::introduce(const Endpoint& endpoint, PoolTimeouts timeouts,
                                             PooledConnection& connection, TimePoint deadline) {
  net::Transport& transport = connection.stream.socket();
  if (endpoint.options().send_proxy) {
    std::array<char, net::kLongestWrittenProxyHeader> memory;
    connection.introduced_ = true;
    std::span<const char> header(net::kLocalProxyHeader);  // no client is known
    if (timeouts.client) {
      connection.client_ = *timeouts.client;
      header = std::span(memory).first(net::write_proxy_header(*timeouts.client, memory));
    }
    // A fresh connection has room for this much.
    const net::IoResult sent = transport.try_write(header);
    if (sent.bytes != header.size()) co_return Error{Errc::Refused, Side::Upstream, true};
  }
  if (const auto& tls = endpoint.options().tls) {
    net::SslSessionPtr& session = state(endpoint.id()).session;
    net::SslPtr ssl = tls->make_ssl(endpoint.options().host, session.get());
    co_return co_await transport.connect_tls(std::move(ssl), session, deadline);
  }
  co_return Result<void>();
}

void ConnectionPool::give_back(PooledConnection* connection, Nanoseconds idle) {
  State& known = state(connection->endpoint_);
  --known.stats.active;
  connection->unlink();
  net::Transport& socket = connection->stream.socket();
  const bool keep = connection->stream.finish();
  if (connection->stream.spoke_unasked()) return end_desynced(connection);
  if (!keep || idle.count() == 0) return destroy(connection);
  // A FIN may already be waiting (RFC 9112 9.5: either side may close at any time).
  const PooledConnection::Heard heard = connection->listen();
  if (heard == PooledConnection::Heard::Unasked) return end_desynced(connection);
  if (heard == PooledConnection::Heard::End) return destroy(connection);
  // Only the client that it names may use it, and that client may be gone already.
  if (connection->client_) idle = std::min<Nanoseconds>(idle, kNamedIdle);
  known.idle.push_front(*connection);
  connection->free_since_ = context_.loop.now();
  counters_.upstream_idle.up();
  socket.watch(connection, context_.loop.now() + idle);
}

void ConnectionPool::destroy(PooledConnection* connection) {
  counters_.upstream_open.down();
  delete connection;  // unlinks itself
}

// The connection is unlinked. What else it has said, or others of this endpoint are about to say,
// must not become somebody's answer.
void ConnectionPool::end_desynced(PooledConnection* connection) {
  const std::uint32_t endpoint = connection->endpoint_;
  List& idle = state(endpoint).idle;
  destroy(connection);
  while (!idle.empty()) {
    counters_.upstream_idle.down();
    destroy(&idle.front());
  }
  if (on_desync_) on_desync_(endpoint);
}

void ConnectionPool::abort(std::function<void()> ended) {
  aborted_ = true;
  ended_ = std::move(ended);
  for (auto& known : states_) {
    if (!known) continue;
    while (!known->idle.empty()) {
      counters_.upstream_idle.down();
      destroy(&known->idle.front());
    }
    for (PooledConnection& connection : known->busy) connection.stream.cancel();
    for (PooledHttp2& pooled : known->http2) pooled.connection.abort();
  }
}

}  // namespace cutwater::upstream
