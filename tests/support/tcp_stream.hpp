// Holds a connected TCP socket for tests, with blocking calls that each have a deadline. A call
// that does not finish in time throws TestFailure, which GoogleTest reports with its message. One
// thread at a time may use it, but another may call shut_down_now() to wake it.
#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

namespace cutwater::test {

using namespace std::chrono_literals;

inline constexpr std::chrono::milliseconds kPatience = 5s;

struct TestFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class TcpStream {
 public:
  TcpStream() = default;
  explicit TcpStream(int fd) : fd_(fd) {}
  TcpStream(TcpStream&& other) noexcept;
  TcpStream& operator=(TcpStream&& other) noexcept;
  ~TcpStream() { close(); }

  // `receive_buffer` is SO_RCVBUF in bytes, 0 = the system's. `from` is the source address.
  struct Dial {
    std::uint16_t port = 0;
    int receive_buffer = 0;
    std::string from = "127.0.0.1";
  };
  static TcpStream connect(const Dial& dial);
  // Connects in two steps, for tests that let descriptors run out in between.
  static TcpStream prepare(const Dial& dial);
  void connect_to(std::uint16_t port) const;

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

  // Speaks TLS from here on: sends, receives and half-closes as before. Returns false when the
  // handshake fails; OpenSSL's error queue then says why. End::Fin is close_notify; FIN alone is
  // Reset.
  bool start_tls(std::shared_ptr<SSL> ssl, std::chrono::milliseconds within = kPatience);
  SSL* tls() const { return tls_.get(); }
  // Sends FIN without close_notify, which somebody on the path can do.
  void truncate();

  // Sends all of it. A peer that has closed is a failure here; see try_send().
  void send(std::string_view bytes, std::chrono::milliseconds within = kPatience);
  // Sends every byte in a segment of its own.
  void send_byte_by_byte(std::string_view bytes);
  // Sends as much as the peer takes; returns false once it has closed or stopped reading for
  // `within`.
  bool try_send(std::string_view bytes, std::chrono::milliseconds within = kPatience);

  enum class End { Open, Fin, Reset };
  // Appends what arrives next to `into`. Waits for at least one byte or the end.
  End receive(std::string& into, std::chrono::milliseconds within = kPatience);
  // Says whether something (bytes or the end) arrives within this time. Use it only to show that
  // nothing has come yet, never as synchronisation.
  bool readable_within(std::chrono::milliseconds time) const;

  void half_close();  // sends FIN, still reads
  void reset();       // sends RST
  void close();
  // Wakes the thread that waits on the socket, which then sees the end of the stream. Any thread
  // may call it.
  void shut_down_now() const;

 private:
  void end_tls();
  bool wait_for_tls(int result, std::chrono::milliseconds within);
  bool try_send_tls(std::string_view bytes, std::chrono::milliseconds within);
  End receive_tls(std::string& into, std::chrono::milliseconds within);

  int fd_ = -1;
  std::shared_ptr<SSL> tls_;
};

}  // namespace cutwater::test
