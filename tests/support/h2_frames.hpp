// Implements an HTTP/2 client that sends exactly the frames a test wants: RFC 9113 4, 6, HPACK
// literals only. What comes back is decoded with nghttp2's inflater and sorted by stream. It sends
// nothing that the test did not ask for, except window updates and acknowledgements of SETTINGS
// (which can be switched off).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/tcp_stream.hpp"

struct nghttp2_hd_inflater;

namespace cutwater::test {

enum H2Type : std::uint8_t {
  kH2Data = 0,
  kH2Headers = 1,
  kH2Priority = 2,
  kH2Reset = 3,
  kH2Settings = 4,
  kH2Push = 5,
  kH2Ping = 6,
  kH2Goaway = 7,
  kH2Window = 8,
  kH2Continuation = 9,
};
enum H2Flag : std::uint8_t { kH2End = 1, kH2Ack = 1, kH2EndHeaders = 4, kH2Padded = 8 };
enum H2Code : std::uint32_t {
  kH2None = 0,
  kH2Protocol = 1,
  kH2Internal = 2,
  kH2Flow = 3,
  kH2Closed = 5,
  kH2FrameSize = 6,
  kH2Refused = 7,
  kH2Cancel = 8,
  kH2Calm = 11,
};

using H2Fields = std::vector<std::pair<std::string, std::string>>;

struct H2Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
  std::uint32_t number(std::size_t at = 0) const;  // 32 bits of the payload
};

std::string h2_number(std::uint32_t value);  // 32 bits
std::string h2_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                     std::string_view payload = "");
std::string h2_block(const H2Fields& fields);  // HPACK: literals without indexing
// Makes HEADERS with END_HEADERS and `flags`.
std::string h2_headers(std::uint32_t stream, const H2Fields& fields, std::uint8_t flags = kH2End);
std::string h2_reset(std::uint32_t stream, std::uint32_t code = kH2Cancel);
std::string h2_settings(const std::vector<std::pair<std::uint16_t, std::uint32_t>>& entries = {});
inline const std::string kH2Magic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
H2Fields h2_get(const std::string& path = "/p");   // the pseudo fields of a GET
H2Fields h2_post(const std::string& path = "/p");  // and of a POST
H2Fields operator+(H2Fields fields, const H2Fields& more);

// Holds what came on one stream so far.
struct H2Answer {
  int status = 0;
  H2Fields fields;
  std::vector<int> interim;
  std::string body;
  H2Fields trailers;
  bool ended = false;                  // END_STREAM
  std::optional<std::uint32_t> reset;  // its code

  std::string field(const std::string& name) const;
  std::string trailer(const std::string& name) const;
};

class H2Client {
 public:
  // Sends the magic and empty SETTINGS.
  explicit H2Client(std::uint16_t port) : H2Client(TcpStream::Dial{port}) {}
  explicit H2Client(const TcpStream::Dial& dial,
                    const std::string& first = kH2Magic + h2_settings());
  ~H2Client();
  H2Client(const H2Client&) = delete;
  H2Client& operator=(const H2Client&) = delete;

  H2Client& send(std::string_view bytes);
  bool try_send(std::string_view bytes, std::chrono::milliseconds within = kPatience) {
    return stream_.try_send(bytes, within);
  }
  // Sends HEADERS on the next stream id, which it returns.
  std::uint32_t request(const H2Fields& fields, std::uint8_t flags = kH2End);
  std::uint32_t next_id() const { return next_id_; }
  H2Client& data(std::uint32_t stream, std::string_view bytes, bool end = true);

  // Waits until the stream has ended or was reset; the answer is then no longer known.
  H2Answer answer(std::uint32_t stream);
  // Waits until the stream's head is here, or `bytes` of its body.
  const H2Answer& head_of(std::uint32_t stream);
  const H2Answer& body_of(std::uint32_t stream, std::size_t bytes);
  H2Answer get(const std::string& path = "/p") { return answer(request(h2_get(path))); }
  // Waits for the connection's error; nullopt when it ends without one.
  std::optional<std::uint32_t> goaway();
  std::uint32_t last_stream() const { return last_stream_; }
  // Waits for a frame of this type on the connection as a whole.
  H2Frame wait_for(std::uint8_t type);
  // Waits until the proxy has closed, and says how.
  TcpStream::End how_it_ends();
  const std::map<std::uint16_t, std::uint32_t>& settings() const { return settings_; }
  std::size_t frames() const { return frames_; }

  // Sends SETTINGS_HEADER_TABLE_SIZE values, one behind the other in one frame; they are in force
  // from their ACK on, when the next block must say so (RFC 7541 4.2).
  void resize_table(const std::vector<std::uint32_t>& sizes);
  void give_windows(bool give) { gives_windows_ = give; }
  void ack_settings(bool ack) { acks_ = ack; }
  TcpStream& stream() { return stream_; }

 private:
  bool read_frame(H2Frame& frame);  // false if the connection is closed
  void take(const H2Frame& frame);
  void take_headers(const H2Frame& frame);
  void take_ack();

  TcpStream stream_;
  std::string buffer_;
  nghttp2_hd_inflater* inflater_ = nullptr;
  // Holds those of our SETTINGS that were not acknowledged yet; the first are those the connection
  // begins with.
  std::deque<std::vector<std::uint32_t>> resizes_{{}};
  std::string block_;
  std::uint32_t next_id_ = 1;
  std::map<std::uint32_t, H2Answer> answers_;
  std::map<std::uint16_t, std::uint32_t> settings_;
  std::optional<std::uint32_t> goaway_;
  std::uint32_t last_stream_ = 0;
  std::size_t frames_ = 0;
  bool gives_windows_ = true;
  bool acks_ = true;
  TcpStream::End end_ = TcpStream::End::Open;
};

}  // namespace cutwater::test
