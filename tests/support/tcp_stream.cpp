#include "tests/support/tcp_stream.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace cutwater::test {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw TestFailure(what + ": " + std::strerror(errno));
}

bool wait_for(int fd, short events, std::chrono::milliseconds within) {
  pollfd poll_fd{fd, events, 0};
  return ::poll(&poll_fd, 1, static_cast<int>(within.count())) > 0;
}

sockaddr_in loopback(const std::string& host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  return address;
}

}  // namespace

TcpStream::TcpStream(TcpStream&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

TcpStream& TcpStream::operator=(TcpStream&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

TcpStream TcpStream::connect(const Dial& dial) {
  TcpStream stream = prepare(dial);
  stream.connect_to(dial.port);
  return stream;
}

TcpStream TcpStream::prepare(const Dial& dial) {
  TcpStream stream(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (stream.fd_ < 0) fail("socket");
  const int on = 1;
  ::setsockopt(stream.fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (dial.receive_buffer > 0)
    ::setsockopt(stream.fd_, SOL_SOCKET, SO_RCVBUF, &dial.receive_buffer, sizeof(int));
  const sockaddr_in from = loopback(dial.from, 0);
  if (::bind(stream.fd_, reinterpret_cast<const sockaddr*>(&from), sizeof from) < 0) fail("bind");
  return stream;
}

void TcpStream::connect_to(std::uint16_t port) const {
  const sockaddr_in to = loopback("127.0.0.1", port);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0)
    fail("connect to port " + std::to_string(port));
}

void TcpStream::send(std::string_view bytes, std::chrono::milliseconds within) {
  const std::size_t size = bytes.size();
  if (!try_send(bytes, within))
    throw TestFailure("the peer did not take all of " + std::to_string(size) + " bytes");
}

void TcpStream::send_byte_by_byte(std::string_view bytes) {
  for (const char& byte : bytes)
    if (!try_send({&byte, 1})) return;  // refused half-way: the answer will tell
}

bool TcpStream::try_send(std::string_view bytes, std::chrono::milliseconds within) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(fd_, POLLOUT, within)) return false;
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

TcpStream::End TcpStream::receive(std::string& into, std::chrono::milliseconds within) {
  char buffer[65536];
  const auto deadline = std::chrono::steady_clock::now() + within;
  for (;;) {
    const ssize_t n = ::recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) {
      into.append(buffer, static_cast<std::size_t>(n));
      return End::Open;
    }
    if (n == 0) return End::Fin;
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return End::Reset;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || !wait_for(fd_, POLLIN, left))
      throw TestFailure("nothing arrived within " + std::to_string(within.count()) +
                        " ms; so far: \"" + into.substr(0, 500) + "\"");
  }
}

bool TcpStream::readable_within(std::chrono::milliseconds time) const {
  return wait_for(fd_, POLLIN, time);
}

void TcpStream::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

void TcpStream::reset() {
  if (fd_ < 0) return;
  const linger reset{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

void TcpStream::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void TcpStream::shut_down_now() const {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

}  // namespace cutwater::test
