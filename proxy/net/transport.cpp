#include "proxy/net/transport.hpp"

namespace cutwater::net {

TlsStream& Transport::start_tls(SslPtr ssl, bool server) {
  tls_ = std::make_unique<TlsStream>(socket_, std::move(ssl), server);
  return *tls_;
}

Task<Result<void>> Transport::handshake(TimePoint deadline, Side side) {
  for (;;) {
    const TlsStream::Handshake step = tls_->try_handshake();
    if (step == TlsStream::Handshake::Done) co_return Result<void>();
    if (step == TlsStream::Handshake::Failed) co_return Error{Errc::TlsFailed, side, true};
    Wait wait = Wait::Ready;
    if (step == TlsStream::Handshake::WantWrite)
      wait = co_await socket_.writable(deadline);
    else
      wait = co_await socket_.readable(deadline);
    if (wait == Wait::Timeout) co_return Error{Errc::Timeout, side, true};
    if (wait == Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local, true};
  }
}

Task<Result<void>> Transport::connect_tls(SslPtr ssl, SslSessionPtr& kept, TimePoint deadline) {
  start_tls(std::move(ssl), false).keep_session_in(&kept);
  const auto done = co_await handshake(deadline, Side::Upstream);
  if (!done) kept.reset();
  co_return done;
}

}  // namespace cutwater::net
