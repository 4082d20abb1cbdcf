// Implements a client that sends exactly the bytes a test wants, and waits no longer than kPatience
// for the answer.
#pragma once

#include "tests/support/http_text.hpp"

namespace cutwater::test {

struct Response {
  int status = 0;
  Head head;
  std::string body;       // decoded
  bool complete = false;  // the framing says that the message ended
  Head trailers;          // of a chunked body

  std::string field(std::string_view name) const { return head.field(name).value_or(""); }
  std::string trailer(std::string_view name) const {
    return trailers.field(name).value_or("<none>");
  }
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port) : RawClient(TcpStream::Dial{port}) {}
  explicit RawClient(const TcpStream::Dial& dial) : stream_(TcpStream::connect(dial)) {}
  explicit RawClient(TcpStream stream) : stream_(std::move(stream)) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  RawClient& send(std::string_view bytes, std::chrono::milliseconds within = kPatience);
  RawClient& send_byte_by_byte(std::string_view bytes);
  // Sends what the proxy takes; false once it has closed.
  bool try_send(std::string_view bytes, std::chrono::milliseconds within = kPatience) {
    return stream_.try_send(bytes, within);
  }

  enum class To { Get, Head };
  // Returns the next response, including interim ones (1xx except 101). A connection that ends
  // before the head is a failure; one that ends inside the body gives an incomplete response.
  Response read_response(To method = To::Get, std::chrono::milliseconds within = kPatience);
  // Reads the head only, for streams and tunnels.
  Response read_response_head(std::chrono::milliseconds within = kPatience);
  MessageReader& reader() { return reader_; }

  // Returns what is left, until the proxy closes.
  std::string read_until_close(std::chrono::milliseconds within = kPatience);
  TcpStream::End how_it_ends(std::chrono::milliseconds within = kPatience);
  bool has_input_within(std::chrono::milliseconds time) const {
    return !reader_.buffered().empty() || stream_.readable_within(time);
  }

  void half_close() { stream_.half_close(); }
  void reset() { stream_.reset(); }
  void close() { stream_.close(); }
  TcpStream& stream() { return stream_; }

 private:
  TcpStream stream_;
  MessageReader reader_{stream_};
};

// Sends one request on a connection of its own.
Response get(std::uint16_t port, std::string_view target = "/", std::string_view more_fields = "");

}  // namespace cutwater::test
