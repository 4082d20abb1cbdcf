// A stream of bytes between the admin API and a caller: TCP or a unix socket, in clear or with TLS.
// It is what Asio calls an AsyncReadStream and AsyncWriteStream, with the time limits of Beast's
// basic_stream. One thread uses it, and it outlives the operations that were begun on it.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_stream.hpp>
#include <memory>
#include <utility>

#include "proxy/net/tls_stream.hpp"

namespace cutwater::control {

class Wire {
 public:
  using Plain = boost::beast::basic_stream<boost::asio::generic::stream_protocol>;
  using executor_type = Plain::executor_type;
  using Handshake = boost::asio::ssl::stream_base::handshake_type;

  explicit Wire(Plain plain) : plain_(std::make_unique<Plain>(std::move(plain))) {}

  // Bytes are encrypted from here on; async_handshake() comes next.
  void use_tls(net::SslPtr ssl) { tls_ = std::make_unique<Tls>(*plain_, ssl.release()); }
  // Null in clear.
  SSL* tls() const { return tls_ ? tls_->next_layer().native_handle() : nullptr; }

  executor_type get_executor() { return plain_->get_executor(); }
  Plain& plain() { return *plain_; }
  // The limit is for everything that is begun until the next call.
  void expires_after(std::chrono::nanoseconds time) { plain_->expires_after(time); }
  bool is_open() const { return plain_->socket().is_open(); }
  void close() { plain_->close(); }

  template <typename Token>
  auto async_handshake(Handshake side, Token&& token) {
    return tls_->next_layer().async_handshake(side, std::forward<Token>(token));
  }
  // Says that nothing more will be sent, and waits for the peer to say the same.
  template <typename Token>
  auto async_shutdown(Token&& token) {
    return tls_->next_layer().async_shutdown(std::forward<Token>(token));
  }
  template <typename Buffers, typename Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, Transferred>(
        [this](auto&& handler, const auto& into) {
          if (tls_)
            tls_->async_read_some(into, std::forward<decltype(handler)>(handler));
          else
            plain_->async_read_some(into, std::forward<decltype(handler)>(handler));
        },
        token, buffers);
  }
  template <typename Buffers, typename Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, Transferred>(
        [this](auto&& handler, const auto& from) {
          if (tls_)
            tls_->async_write_some(from, std::forward<decltype(handler)>(handler));
          else
            plain_->async_write_some(from, std::forward<decltype(handler)>(handler));
        },
        token, buffers);
  }

 private:
  using Transferred = void(boost::system::error_code, std::size_t);
  // Many small buffers become one record.
  using Tls = boost::beast::flat_stream<boost::asio::ssl::stream<Plain&>>;

  std::unique_ptr<Plain> plain_;  // of an address that stays, because tls_ refers to it
  std::unique_ptr<Tls> tls_;
};

}  // namespace cutwater::control
