#include "proxy/net/socket.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace cutwater::net {

namespace {

constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP;

}  // namespace

Socket::Socket(EventLoop& loop, int fd, State state)
    : loop_(loop), fd_(fd), read_(this, &on_read_timeout), write_(this, &on_write_timeout) {
  // A connected socket has room; if it has none, the first write says so. Until then its EPOLLOUT
  // would only tell what is known.
  write_.ready = state == State::Connected;
  output_watched_ = state == State::Connecting;
  if (!loop_.add(fd_, this, output_watched_ ? kInput | EPOLLOUT : kInput))
    broken_ = read_.ready = true;
}

Socket::~Socket() {
  close();
}

void Socket::close() {
  if (fd_ < 0) return;
  loop_.forget(this);
  read_.timer.disarm();
  write_.timer.disarm();
  ::close(fd_);  // leaves epoll by itself
  fd_ = -1;
}

void Socket::close_with_reset() {
  if (fd_ < 0) return;
  const linger reset{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

bool Socket::has_input() const {
  char byte;
  return fd_ >= 0 && ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

IoResult Socket::try_peek(std::span<char> buffer, std::size_t known) {
  if (fd_ < 0) return {IoResult::Kind::Failed};
  const bool closed = half_closed_;  // taken before the look: what came with FIN is then all there
  const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
  if (n > 0 && static_cast<std::size_t>(n) > known)
    return {IoResult::Kind::Done, static_cast<std::size_t>(n)};
  if (n == 0 || closed) return {IoResult::Kind::Eof};
  if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
    broken_ = true;
    return {IoResult::Kind::Failed};
  }
  read_.ready = false;
  return {IoResult::Kind::WouldBlock};
}

void Socket::skip(std::size_t bytes) {
  std::array<char, 512> gone;
  while (bytes > 0) {
    const ssize_t n = ::recv(fd_, gone.data(), std::min(bytes, gone.size()), MSG_DONTWAIT);
    if (n <= 0) return;
    bytes -= static_cast<std::size_t>(n);
  }
  read_.ready = true;  // what stands behind these bytes raised no edge of its own
}

void Socket::shutdown_write() {
  if (fd_ >= 0) ::shutdown(fd_, SHUT_WR);
}

IoResult Socket::try_read(std::span<char> buffer) {
  if (fd_ < 0) return {IoResult::Kind::Failed};
  for (;;) {
    const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (n > 0) {
      // A short read empties the socket: the next byte will raise a new edge, so the read that
      // would say EAGAIN is saved. This does not hold once the peer has closed, because FIN raises
      // no second edge.
      if (static_cast<std::size_t>(n) < buffer.size() && !half_closed_) read_.ready = false;
      return {IoResult::Kind::Done, static_cast<std::size_t>(n)};
    }
    if (n == 0) return {IoResult::Kind::Eof};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      read_.ready = false;
      return {IoResult::Kind::WouldBlock};
    }
    broken_ = true;
    return {IoResult::Kind::Failed};
  }
}

IoResult Socket::try_write(std::span<const iovec> pieces) {
  if (fd_ < 0) return {IoResult::Kind::Failed};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  for (;;) {
    // One piece is the common case, and send() saves the kernel from fetching a list of one.
    const ssize_t n = pieces.size() == 1
                          ? ::send(fd_, pieces[0].iov_base, pieces[0].iov_len, MSG_NOSIGNAL)
                          : ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n >= 0) return {IoResult::Kind::Done, static_cast<std::size_t>(n)};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      write_.ready = false;
      if (!std::exchange(output_watched_, true)) loop_.change(fd_, this, kInput | EPOLLOUT);
      return {IoResult::Kind::WouldBlock};
    }
    broken_ = true;
    return {IoResult::Kind::Failed};
  }
}

bool Socket::WaitAwaiter::await_ready() const noexcept {
  const Direction& direction = writing ? socket->write_ : socket->read_;
  return direction.ready || direction.cancelled || socket->fd_ < 0;
}

void Socket::WaitAwaiter::await_suspend(std::coroutine_handle<> handle) {
  Direction& direction = writing ? socket->write_ : socket->read_;
  direction.waiter = handle;
  socket->loop_.timers().arm(direction.timer, deadline);
}

Wait Socket::WaitAwaiter::await_resume() {
  Direction& direction = writing ? socket->write_ : socket->read_;
  if (direction.cancelled || socket->fd_ < 0) return Wait::Cancelled;
  return std::exchange(direction.result, Wait::Ready);
}

void Socket::wake(Direction& direction, Wait result) {
  direction.timer.disarm();
  direction.result = result;
  if (const auto waiter = std::exchange(direction.waiter, nullptr)) waiter.resume();
}

void Socket::cancel(Direction& direction) {
  direction.cancelled = true;
  if (!direction.waiter) return;
  direction.timer.disarm();
  loop_.defer(std::exchange(direction.waiter, nullptr));
}

void Socket::on_read_timeout(void* self) {
  auto* socket = static_cast<Socket*>(self);
  if (socket->watcher_) return socket->watcher_->on_idle_event();
  socket->wake(socket->read_, Wait::Timeout);
}

void Socket::on_write_timeout(void* self) {
  auto* socket = static_cast<Socket*>(self);
  socket->wake(socket->write_, Wait::Timeout);
}

void Socket::watch(Watcher* watcher, TimePoint until) {
  watcher_ = watcher;
  loop_.timers().arm(read_.timer, until);
}

void Socket::unwatch() {
  watcher_ = nullptr;
  read_.timer.disarm();
}

void Socket::on_events(std::uint32_t events) {
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) read_.ready = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) write_.ready = true;
  const bool ends_now = (events & EPOLLRDHUP) != 0 && !half_closed_;
  if (ends_now) half_closed_ = true;
  if (read_on_write_ && write_.ready) read_on_write_ = !(read_.ready = true);
  if (write_on_read_ && read_.ready) write_on_read_ = !(write_.ready = true);
  if (events & (EPOLLHUP | EPOLLERR)) half_closed_ = broken_ = true;

  if (watcher_) {
    if (read_.ready) watcher_->on_idle_event();
    return;
  }
  // Each resumed coroutine may destroy this socket; the loop then no longer considers it current.
  EventLoop& loop = loop_;
  if (read_.ready && read_.waiter) {
    wake(read_, Wait::Ready);
    if (!loop.is_current(this)) return;
  }
  if (write_.ready && write_.waiter) {
    wake(write_, Wait::Ready);
    if (!loop.is_current(this)) return;
  }
  if (ends_now && !broken_ && half_closed_callback_) half_closed_callback_(half_closed_context_);
  if (broken_ && broken_callback_) broken_callback_(broken_context_);
}

}  // namespace cutwater::net
