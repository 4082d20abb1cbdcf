// Plays a service version on an ephemeral loopback port, by a script: one thread accepts, one per
// connection reads requests and answers as the test says. The test can read everything it received.
// The destructor joins the threads, whatever their handlers wait for.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/http_text.hpp"

namespace cutwater::test {

// Holds a request as it reached the upstream.
struct Received {
  std::size_t connection = 0;  // 0 = the first one accepted
  Head head;
  std::string body;            // decoded
  bool body_complete = false;  // its end was seen
  Head trailers;               // of a chunked body

  std::string method() const { return head.start_line.substr(0, head.start_line.find(' ')); }
  std::string target() const;
  std::string field(std::string_view name) const { return head.field(name).value_or("<none>"); }
  std::string trailer(std::string_view name) const {
    return trailers.field(name).value_or("<none>");
  }
};

class FakeUpstream;

// Gives a handler the upstream's end of a connection.
class UpstreamConnection {
 public:
  UpstreamConnection(FakeUpstream& owner, int fd) : owner_(owner), stream_(fd) {}

  // Returns false once the proxy has closed.
  bool send(std::string_view bytes) { return stream_.try_send(bytes, kPatience); }
  void answer(int status, std::string_view body, std::string_view more_fields = "");
  void close();
  void half_close() { stream_.half_close(); }
  void reset();
  bool is_open() const { return stream_.is_open(); }
  // Reads and throws away until the proxy closes; returns how it closed.
  TcpStream::End wait_for_end();
  // This is for handlers that run before the body, and for tunnels.
  MessageReader& reader() { return reader_; }
  TcpStream& stream() { return stream_; }
  // Waits until the test says release(), or the upstream ends.
  void wait_for_release();

 private:
  friend class FakeUpstream;
  FakeUpstream& owner_;
  TcpStream stream_;
  MessageReader reader_{stream_};
};

class FakeUpstream {
 public:
  using Handler = std::function<void(const Received&, UpstreamConnection&)>;

  // Answers 200 "ok" until told otherwise.
  FakeUpstream();
  ~FakeUpstream();
  FakeUpstream(const FakeUpstream&) = delete;
  FakeUpstream& operator=(const FakeUpstream&) = delete;

  std::uint16_t port() const { return port_; }
  // Connections accepted from now on begin with a handshake. A handshake that fails is a problem(),
  // unless the test is about that.
  void speak_tls(std::shared_ptr<SSL_CTX> context, bool failures_expected = false);

  // Connections accepted from now on begin with this many bytes that are not a request (a PROXY
  // header).
  void read_first(std::size_t bytes);
  std::vector<std::string> first_bytes() const;  // what they were, in order of accepting

  // --- the script: each replaces the one before, for requests that arrive from now on -----------
  void on_request(Handler handler);  // after the whole request was read
  void on_head(Handler handler);     // before its body is read; then on_request is not called
  void answer(int status, std::string body, std::string more_fields = "");
  void answer_raw(std::string bytes);
  void close_after(std::string bytes);  // sends this, then FIN
  void reset_after(std::string bytes);  // sends this, then RST
  void never_answer();
  void close_without_answer() { close_after(""); }
  void reset_without_answer() { reset_after(""); }
  // Wakes every handler in wait_for_release(), now and later.
  void release();
  // Closes every connection it has, and with `refuse` also the port: connects are then refused.
  void close_connections();
  void refuse();

  // --- what it saw -------------------------------------------------------------------------------
  std::size_t connections() const { return connection_count_; }
  std::size_t open_connections() const { return open_count_; }
  std::size_t requests() const;
  std::vector<Received> received() const;
  // Returns the next request that the test has not asked for yet; throws when none comes in time.
  // With on_head it has no body.
  Received wait_for_request(std::chrono::milliseconds within = kPatience);
  // Returns bytes that were not a request, and problems of handlers; it is empty in a healthy test.
  std::vector<std::string> problems() const;

 private:
  friend class UpstreamConnection;
  void accept_loop();
  void serve(std::size_t index, UpstreamConnection& connection);
  bool shake_hands(UpstreamConnection& connection);
  void serve_requests(std::size_t index, UpstreamConnection& connection);
  void record(const Received& request);

  std::uint16_t port_ = 0;  // before the descriptor, whose initialiser fills it in
  int listen_fd_ = -1;
  std::atomic<std::size_t> connection_count_{0};
  std::atomic<std::size_t> open_count_{0};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Handler handler_;
  bool handle_head_ = false;
  std::shared_ptr<SSL_CTX> tls_;
  bool tls_failures_expected_ = false;
  std::size_t read_first_ = 0;
  std::vector<std::string> first_bytes_;
  bool released_ = false;
  bool ending_ = false;
  std::vector<Received> received_;
  std::size_t handed_out_ = 0;
  std::vector<std::string> problems_;
  std::vector<std::shared_ptr<UpstreamConnection>> live_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

// Holds a loopback port that refuses connections: it is bound but never listens, so nobody else
// gets it.
class RefusingPort {
 public:
  RefusingPort();
  ~RefusingPort();
  RefusingPort(const RefusingPort&) = delete;
  RefusingPort& operator=(const RefusingPort&) = delete;
  std::uint16_t port() const { return port_; }

 private:
  std::uint16_t port_ = 0;
  int fd_;
};

// Holds a loopback port whose accept queue is full: connects hang, as behind a firewall that drops.
class SilentPort {
 public:
  SilentPort();
  ~SilentPort();
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  std::uint16_t port() const { return port_; }
  // Accepts what waits: hanging connects succeed at their next SYN. No one answers.
  void accept_all();

 private:
  std::uint16_t port_ = 0;
  int fd_;
  std::vector<int> fillers_;
};

}  // namespace cutwater::test
