// Makes one outgoing connection over TCP or TLS, for whatever control asks of other systems:
// probes, gates, notifications. It runs on control's io_context. One coroutine owns it and waits
// for one step at a time; the connection closes when it is destroyed. All steps together may take
// as long as the constructor says. A step that fails says so in what it returns; it throws only
// when its coroutine is cancelled. This is the only place that compiles Asio's streams for such
// questions.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/net/tls_stream.hpp"

namespace cutwater::control {

class Connection {
 public:
  using Error = boost::system::error_code;

  // The time begins to run here.
  Connection(const boost::asio::any_io_executor& executor, std::chrono::milliseconds timeout);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Connects to the first address that answers. With `send_proxy` the connection begins with a
  // PROXY header that says LOCAL. Returns what went wrong, for a person, or nullopt.
  boost::asio::awaitable<std::optional<std::string>> connect(
      std::vector<boost::asio::ip::tcp::endpoint> addresses, bool send_proxy);
  // Shakes hands as a client. `ssl` says whom to trust and which name to expect.
  boost::asio::awaitable<Error> start_tls(net::SslPtr ssl);
  boost::asio::awaitable<Error> write(std::string_view bytes);
  // Returns how many bytes came: at least one, unless there is an error.
  boost::asio::awaitable<std::pair<Error, std::size_t>> read_some(std::span<char> into);

  // Says for a person what went wrong at a step ("read: Connection reset by peer").
  std::string describe(std::string_view step, Error error) const;

 private:
  struct Streams;
  std::unique_ptr<Streams> streams_;
  std::chrono::milliseconds timeout_;
};

}  // namespace cutwater::control
