#include "tests/support/tcp_stream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
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

TcpStream::TcpStream(TcpStream&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), tls_(std::move(other.tls_)) {}

TcpStream& TcpStream::operator=(TcpStream&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    tls_ = std::move(other.tls_);
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
    if (!try_send({&byte, 1})) return;  // refused before all was sent: the answer will tell
}

bool TcpStream::try_send(std::string_view bytes, std::chrono::milliseconds within) {
  if (tls_) return try_send_tls(bytes, within);
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
  if (tls_) return receive_tls(into, within);
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

// --- TLS ------------------------------------------------------------------------------------

bool TcpStream::start_tls(std::shared_ptr<SSL> ssl, std::chrono::milliseconds within) {
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL's own BIO cannot say MSG_NOSIGNAL
  ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK);
  tls_ = std::move(ssl);
  SSL_set_fd(tls_.get(), fd_);
  SSL_set_mode(tls_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  for (;;) {
    ERR_clear_error();
    const int done = SSL_do_handshake(tls_.get());
    if (done == 1) return true;
    if (!wait_for_tls(done, within)) return false;
  }
}

// Returns false if the session has ended or failed, or nothing has moved in time.
bool TcpStream::wait_for_tls(int result, std::chrono::milliseconds within) {
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return wait_for(fd_, POLLIN, within);
    case SSL_ERROR_WANT_WRITE:
      return wait_for(fd_, POLLOUT, within);
    default:
      return false;
  }
}

bool TcpStream::try_send_tls(std::string_view bytes, std::chrono::milliseconds within) {
  while (!bytes.empty()) {
    ERR_clear_error();
    std::size_t sent = 0;
    const int done = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent);
    if (done == 1) bytes.remove_prefix(sent);
    if (done != 1 && !wait_for_tls(done, within)) return false;
  }
  return true;
}

TcpStream::End TcpStream::receive_tls(std::string& into, std::chrono::milliseconds within) {
  char buffer[65536];
  for (;;) {
    ERR_clear_error();
    std::size_t got = 0;
    const int done = SSL_read_ex(tls_.get(), buffer, sizeof buffer, &got);
    into.append(buffer, got);
    if (done == 1) return End::Open;
    const int error = SSL_get_error(tls_.get(), done);
    if (error == SSL_ERROR_ZERO_RETURN) return End::Fin;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return End::Reset;
    if (!wait_for_tls(done, within))
      throw TestFailure("nothing arrived within " + std::to_string(within.count()) +
                        " ms; so far: \"" + into.substr(0, 500) + "\"");
  }
}

bool TcpStream::readable_within(std::chrono::milliseconds time) const {
  return (tls_ && SSL_has_pending(tls_.get()) == 1) || wait_for(fd_, POLLIN, time);
}

void TcpStream::half_close() {
  end_tls();
  ::shutdown(fd_, SHUT_WR);
}

void TcpStream::reset() {
  if (fd_ < 0) return;
  const linger reset{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  tls_.reset();
  close();
}

void TcpStream::truncate() {
  ::shutdown(fd_, SHUT_WR);
}

void TcpStream::end_tls() {
  if (tls_ && SSL_is_init_finished(tls_.get()) == 1) SSL_shutdown(tls_.get());
  ERR_clear_error();
}

void TcpStream::close() {
  if (fd_ >= 0) end_tls();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void TcpStream::shut_down_now() const {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

}  // namespace cutwater::test
