#include "proxy/net/listener.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace cutwater::net {

namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 256;  // then other descriptors have their turn
constexpr Milliseconds kPauseAfterError{100};

std::optional<std::pair<sockaddr_storage, socklen_t>> socket_address(const config::Address& from) {
  const auto ip = parse_ip(from.host);
  if (!ip) return std::nullopt;
  sockaddr_storage storage{};
  if (ip->v6) {
    auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(from.port);
    std::memcpy(&v6.sin6_addr, ip->bytes.data(), 16);
    return std::pair(storage, socklen_t{sizeof(sockaddr_in6)});
  }
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_port = htons(from.port);
  std::memcpy(&v4.sin_addr, ip->bytes.data(), 4);
  return std::pair(storage, socklen_t{sizeof(sockaddr_in)});
}

std::uint16_t port_of(int fd) {
  sockaddr_storage bound{};
  socklen_t length = sizeof bound;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length);
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<sockaddr_in&>(bound).sin_port);
}

}  // namespace

BoundSocket bind_listener(const config::Address& address, bool exclusive) {
  BoundSocket result;
  result.address = address;
  const auto to = socket_address(address);
  if (!to) {
    result.problem = "not an IP address: " + address.host;
    return result;
  }
  const int fd = ::socket(to->first.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Linux lets accepted sockets inherit it
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (!exclusive) ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&to->first), to->second) < 0 ||
      ::listen(fd, kBacklog) < 0) {
    result.problem = std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return result;
  }
  result.fd = fd;
  result.address.port = port_of(fd);
  return result;
}

Listener::Listener(EventLoop& loop, int fd, OnAccept on_accept, std::function<void()> on_error)
    : loop_(loop),
      fd_(fd),
      on_accept_(std::move(on_accept)),
      on_error_(std::move(on_error)),
      retry_(this, &on_retry) {
  loop_.add(fd_, this, EPOLLIN);
}

void Listener::close() {
  if (fd_ < 0) return;
  while (accept_some()) {
  }
  loop_.forget(this);
  retry_.disarm();
  ::close(fd_);
  fd_ = -1;
}

void Listener::on_events(std::uint32_t) {
  accept_all();
}

void Listener::accept_all() {
  if (accept_some()) loop_.timers().arm(retry_, loop_.now());
}

// Returns true if there may be more.
bool Listener::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    const int fd =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      on_accept_(fd, peer);
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // The process is out of descriptors or memory. Only waiting helps, so do not spin
    // (tests/HARDENING.md R17).
    on_error_();
    loop_.timers().arm(retry_, loop_.now() + kPauseAfterError);
    return false;
  }
  return true;
}

}  // namespace cutwater::net
