#include "proxy/upstream/connection_pool.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>

namespace cutwater::upstream {

// --- Lease ----------------------------------------------------------------------------------

Lease::Lease(Lease&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), idle_(other.idle_) {}

Lease& Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    release();
    connection_ = std::exchange(other.connection_, nullptr);
    idle_ = other.idle_;
  }
  return *this;
}

void Lease::release() {
  if (connection_) connection_->pool_.give_back(std::exchange(connection_, nullptr), idle_);
}

void PooledConnection::on_idle_event() {
  if (stream.socket().is_still_idle()) return;
  // Data nobody asked for, FIN, RST or the idle time is over: in every case, not usable.
  pool_.counters_.upstream_idle.down();
  pool_.destroy(this);
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
  State& known = state(endpoint.id());
  while (!known.idle.empty()) {
    PooledConnection& connection = known.idle.front();
    connection.unlink();
    counters_.upstream_idle.down();
    connection.stream.socket().unwatch();
    if (connection.stream.socket().might_be_readable() || connection.stream.socket().broken()) {
      destroy(&connection);
      continue;
    }
    known.busy.push_front(connection);
    ++known.stats.active;
    connection.stream.begin(timeouts.write_stall);
    return Lease(&connection, timeouts.idle);
  }
  return {};
}

Task<Result<void>> ConnectionPool::connect(const Endpoint& endpoint, PoolTimeouts timeouts,
                                           Lease& lease) {
  if (aborted_) co_return Error{Errc::Cancelled, Side::Local, true};
  const int fd =
      ::socket(endpoint.address()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return Error{Errc::Overload, Side::Local, true};
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, endpoint.address(), endpoint.address_length()) != 0 && errno != EINPROGRESS) {
    // Out of ports or memory is this host's trouble, not the version's.
    const bool ours = errno == EADDRNOTAVAIL || errno == ENOBUFS || errno == ENOMEM;
    ::close(fd);
    if (ours) co_return Error{Errc::Overload, Side::Local, true};
    co_return Error{Errc::Refused, Side::Upstream, true};
  }
  State& known = state(endpoint.id());
  auto* connection = new PooledConnection(*this, endpoint.id(), context_, fd);
  counters_.upstream_opened.add();
  counters_.upstream_open.up();
  known.busy.push_front(*connection);
  ++known.stats.active;
  connection->stream.begin(timeouts.write_stall);
  lease = Lease(connection, timeouts.idle);
  const auto wait =
      co_await connection->stream.socket().writable(context_.loop.now() + timeouts.connect);
  if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Upstream, true};
  if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local, true};
  int failure = 0;
  socklen_t length = sizeof failure;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length);
  if (failure != 0) co_return Error{Errc::Refused, Side::Upstream, true};
  co_return Result<void>();
}

void ConnectionPool::give_back(PooledConnection* connection, Nanoseconds idle) {
  State& known = state(connection->endpoint_);
  --known.stats.active;
  connection->unlink();
  net::Transport& socket = connection->stream.socket();
  if (!connection->stream.finish() || idle.count() == 0) return destroy(connection);
  // A FIN may already be waiting (RFC 9112 9.5: either side may close at any time).
  if (socket.might_be_readable()) {
    char byte;
    if (socket.try_read({&byte, 1}).kind != net::IoResult::Kind::WouldBlock)
      return destroy(connection);
  }
  known.idle.push_front(*connection);
  counters_.upstream_idle.up();
  socket.watch(connection, context_.loop.now() + idle);
}

void ConnectionPool::destroy(PooledConnection* connection) {
  counters_.upstream_open.down();
  delete connection;  // unlinks itself
}

void ConnectionPool::abort() {
  aborted_ = true;
  for (auto& known : states_) {
    if (!known) continue;
    while (!known->idle.empty()) {
      counters_.upstream_idle.down();
      destroy(&known->idle.front());
    }
    for (PooledConnection& connection : known->busy) connection.stream.cancel();
  }
}

}  // namespace cutwater::upstream
