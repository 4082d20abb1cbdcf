#include "control/base/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "proxy/net/proxy_protocol.hpp"

namespace cutwater::control {
namespace asio = boost::asio;
namespace beast = boost::beast;

namespace {
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);
}  // namespace

struct Connection::Streams {
  explicit Streams(const asio::any_io_executor& executor) : plain(executor) {}
  beast::tcp_stream plain;
  std::optional<asio::ssl::stream<beast::tcp_stream&>> secure;
};

Connection::Connection(const asio::any_io_executor& executor, std::chrono::milliseconds timeout)
    : streams_(std::make_unique<Streams>(executor)), timeout_(timeout) {
  streams_->plain.expires_after(timeout);
}

Connection::~Connection() = default;

asio::awaitable<std::optional<std::string>> Connection::connect(
    std::vector<asio::ip::tcp::endpoint> addresses, bool send_proxy) {
  const auto [refused, where] = co_await streams_->plain.async_connect(addresses, kAsTuple);
  if (refused) co_return describe("connect", refused);
  if (!send_proxy) co_return std::nullopt;
  const Error failed = co_await write(net::kLocalProxyHeader);
  if (failed) co_return describe("write", failed);
  co_return std::nullopt;
}

asio::awaitable<Connection::Error> Connection::start_tls(net::SslPtr ssl) {
  streams_->secure.emplace(streams_->plain, ssl.release());  // the stream frees it
  const auto [refused] =
      co_await streams_->secure->async_handshake(asio::ssl::stream_base::client, kAsTuple);
  co_return refused;
}

asio::awaitable<Connection::Error> Connection::write(std::string_view bytes) {
  const auto buffer = asio::buffer(bytes.data(), bytes.size());
  if (streams_->secure) {
    const auto [failed, size] = co_await asio::async_write(*streams_->secure, buffer, kAsTuple);
    co_return failed;
  }
  const auto [failed, size] = co_await asio::async_write(streams_->plain, buffer, kAsTuple);
  co_return failed;
}

asio::awaitable<std::pair<Connection::Error, std::size_t>> Connection::read_some(
    std::span<char> into) {
  const auto buffer = asio::buffer(into.data(), into.size());
  if (streams_->secure) {
    const auto [failed, size] = co_await streams_->secure->async_read_some(buffer, kAsTuple);
    co_return std::pair(failed, size);
  }
  const auto [failed, size] = co_await streams_->plain.async_read_some(buffer, kAsTuple);
  co_return std::pair(failed, size);
}

std::string Connection::describe(std::string_view step, Error error) const {
  if (error == beast::error::timeout)
    return "no answer within " + std::to_string(timeout_.count()) + " ms";
  return std::string(step) + ": " + error.message();
}

}  // namespace cutwater::control
