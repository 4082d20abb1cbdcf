// Represents a client's or upstream's connection, plain or TLS, as one type: it does what Socket
// can do, and TLS once that was started. Plain traffic pays one test of a pointer per call, without
// a virtual call or memory. FIN and RST keep their meaning: shutdown_write() and close() say
// close_notify first, a reset does not. Only the loop's thread uses it. socket.hpp documents the
// functions.
#pragma once

#include "proxy/base/task.hpp"
#include "proxy/net/tls_stream.hpp"

namespace cutwater::net {

class Transport {
 public:
  using Watcher = Socket::Watcher;
  using State = Socket::State;
  using Broken = Socket::Broken;

  Transport(EventLoop& loop, int fd, State state = State::Connected) : socket_(loop, fd, state) {}
  ~Transport() { close(); }
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  bool is_open() const { return socket_.is_open(); }
  int fd() const { return socket_.fd(); }
  EventLoop& loop() { return socket_.loop(); }

  // --- TLS ------------------------------------------------------------------------------------
  // Call it before any byte of TLS was read or written; then call handshake().
  TlsStream& start_tls(SslPtr ssl, bool server);
  // Fails with Errc::TlsFailed, Timeout or Cancelled; tls()->failure() says more.
  Task<Result<void>> handshake(TimePoint deadline, Side side);
  // Does both, as the client of an upstream. Its newest session goes to `kept`, which outlives
  // this; a session that does not work is not tried twice.
  Task<Result<void>> connect_tls(SslPtr ssl, SslSessionPtr& kept, TimePoint deadline);
  bool is_tls() const { return tls_ != nullptr; }
  TlsStream* tls() const { return tls_.get(); }
  // The peer took nothing of what was sent: it ended the session with an alert.
  bool refused_by_peer() const { return tls_ && tls_->failure() == TlsFailure::RefusedByPeer; }
  std::string_view alpn() const { return tls_ ? tls_->alpn() : std::string_view(); }

  // --- I/O that never waits -----------------------------------------------------------------
  IoResult try_read(std::span<char> buffer) {
    return tls_ ? tls_->try_read(buffer) : socket_.try_read(buffer);
  }
  // With TLS, after WouldBlock the next call must offer the same bytes first, and at least as many.
  IoResult try_write(std::span<const iovec> pieces) {
    return tls_ ? tls_->try_write(pieces) : socket_.try_write(pieces);
  }
  IoResult try_write(std::span<const char> bytes) {
    const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
    return try_write(std::span(&piece, 1));
  }
  // Shows bytes before TLS (the PROXY header) and leaves them where they are. Returns Done only if
  // there are more than `known`; Eof if there will be no more.
  IoResult try_peek(std::span<char> buffer, std::size_t known) {
    return socket_.try_peek(buffer, known);
  }
  void skip(std::size_t bytes) { socket_.skip(bytes); }  // bytes that were peeked at
  bool has_input() const { return (tls_ && tls_->has_buffered()) || socket_.has_input(); }
  void shutdown_write() {
    if (tls_) tls_->send_close_notify();
    socket_.shutdown_write();
  }
  void close_with_reset() { socket_.close_with_reset(); }
  void close() {
    if (tls_ && socket_.is_open()) tls_->send_close_notify();
    socket_.close();
  }

  // --- waiting ------------------------------------------------------------------------------
  struct WaitAwaiter {
    Socket::WaitAwaiter wait;
    bool at_hand;
    bool await_ready() const noexcept { return at_hand || wait.await_ready(); }
    void await_suspend(std::coroutine_handle<> handle) { wait.await_suspend(handle); }
    Wait await_resume() { return wait.await_resume(); }
  };
  WaitAwaiter readable(TimePoint deadline) {
    return {socket_.readable(deadline), tls_ && tls_->has_buffered()};
  }
  WaitAwaiter writable(TimePoint deadline) { return {socket_.writable(deadline), false}; }

  void cancel_read() { socket_.cancel_read(); }
  void cancel_write() { socket_.cancel_write(); }
  void clear_cancel() { socket_.clear_cancel(); }

  void watch(Watcher* watcher, TimePoint until) { socket_.watch(watcher, until); }
  void unwatch() { socket_.unwatch(); }
  void on_broken(Broken callback, void* context) { socket_.on_broken(callback, context); }
  void on_half_closed(Broken callback, void* context) { socket_.on_half_closed(callback, context); }

  bool might_be_readable() const {
    return socket_.might_be_readable() || (tls_ && tls_->has_buffered());
  }
  bool broken() const { return socket_.broken(); }

 private:
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
};

}  // namespace cutwater::net
