// Plays a service version that speaks HTTP/2 with prior knowledge and follows a script. It is built
// on nghttp2: one thread accepts, one per connection serves. The test can read everything it
// received.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/h2_frames.hpp"

namespace cutwater::test {

struct H2Received {
  std::size_t connection = 0;  // 0 = the first one accepted
  std::int32_t stream = 0;
  H2Fields fields;  // pseudo fields included
  std::string body;
  H2Fields trailers;
  std::string field(const std::string& name) const;
};

struct H2Reply {
  int status = 200;
  H2Fields fields = {};
  std::string body = "ok";
  H2Fields trailers = {};
  bool end = true;                          // if false, the stream stays open behind the body
  std::optional<std::uint32_t> reset = {};  // sent behind the rest; with status 0 nothing else is
                                            // sent
  bool hold = false;                        // answer when the test says release()
  bool goaway = false;                      // sends a GOAWAY instead, whose last stream is the one
                                            // before
  std::vector<int> interim = {};
};

// Makes the answer to a gRPC call: one message, and the status behind it.
H2Reply grpc_reply(const std::string& status, const std::string& message = "");
H2Fields grpc_head(const H2Fields& more = {});
// Makes a call with an empty message; returns its stream.
std::int32_t grpc_call(H2Client& client, const H2Fields& more = {});

class FakeH2Upstream {
 public:
  // Runs when the whole request was read; with at_head(), when its head was.
  using Handler = std::function<H2Reply(const H2Received&)>;

  // `settings` are what it tells its clients.
  explicit FakeH2Upstream(std::vector<std::pair<std::uint16_t, std::uint32_t>> settings = {});
  ~FakeH2Upstream();
  FakeH2Upstream(const FakeH2Upstream&) = delete;
  FakeH2Upstream& operator=(const FakeH2Upstream&) = delete;

  // Connections accepted from now on begin with a handshake; those whose handshake fails are over.
  void speak_tls(std::shared_ptr<SSL_CTX> context);

  std::uint16_t port() const { return port_; }
  void on_request(Handler handler);
  void at_head(bool yes) { at_head_ = yes; }
  void answer(H2Reply reply) {
    on_request([reply](const H2Received&) { return reply; });
  }
  void release();
  // Each connection sends this at once, then goes on.
  void send_raw(std::string bytes);
  void close_connections();

  std::size_t connections() const { return connection_count_; }
  std::size_t open_connections() const { return open_count_; }
  std::vector<H2Received> received() const;
  std::size_t requests() const { return received().size(); }
  H2Received wait_for_request();
  // Returns the error codes of RST_STREAM frames that came.
  std::vector<std::uint32_t> resets() const;

 private:
  struct Connection;
  void accept_loop();
  void serve(std::size_t index, int fd);

  std::vector<std::pair<std::uint16_t, std::uint32_t>> settings_;
  std::uint16_t port_ = 0;
  int listen_fd_ = -1;
  std::atomic<std::size_t> connection_count_{0};
  std::atomic<std::size_t> open_count_{0};
  std::atomic<bool> ending_{false};
  std::atomic<bool> released_{false};
  std::atomic<bool> at_head_{false};
  std::atomic<unsigned> close_round_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Handler handler_;
  std::shared_ptr<SSL_CTX> tls_;
  std::string raw_;
  std::vector<H2Received> received_;
  std::vector<std::uint32_t> resets_;
  std::size_t handed_out_ = 0;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace cutwater::test
