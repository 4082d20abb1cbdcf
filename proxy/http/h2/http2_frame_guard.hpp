// Looks at the bytes of an HTTP/2 connection before nghttp2 does. It reads only the frame headers,
// which are enough to count what a peer may not do for ever, and to refuse what nghttp2 1.52 would
// ignore (frames on streams the peer has ended, stream ids going backwards: RFC 9113 5.1, 5.1.1).
// It is sans-I/O and does not allocate per frame; the verdict does not depend on how the bytes were
// cut. Only the connection's worker uses it; it lives as long as the connection. Time is an
// argument.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "config/http2.hpp"
#include "proxy/base/clock.hpp"

namespace cutwater::http {

// Says why a connection was ended; the labels of to_string() are the metric's.
enum class Http2Abuse : std::uint8_t {
  None,
  ClosedStream,   // a frame on a stream that its sender had ended, or an id going backwards
  ClientResets,   // rapid reset
  ServerResets,   // MadeYouReset
  EmptyFrames,    // DATA that carries nothing
  Continuations,  // a header block in too many pieces
  Pings,          // and SETTINGS
  OtherFrames,    // PRIORITY, WINDOW_UPDATE, unknown ones
  HeaderList,     // HPACK bomb
  QueuedFrames,   // answers that the peer does not read
  StalledWindow,  // nobody gave a window for a response; ends the stream only
  Protocol,       // anything else that nghttp2 ends a connection for
};
std::string_view to_string(Http2Abuse abuse);

// Allows so many at once, refilled at a fixed rate.
class Http2Budget {
 public:
  Http2Budget(double burst, double per_second, TimePoint now)
      : burst_(burst), per_second_(per_second), left_(burst), at_(now) {}
  bool take(TimePoint now);
  // From now on the budget holds no more than this; what is left over is lost. An allowance below
  // one has to be earned first.
  void resize(double burst, double per_second);
  // Adds what the peer has earned by traffic that needs such frames.
  void credit(double more) { left_ = left_ + more < burst_ ? left_ + more : burst_; }

 private:
  double burst_;
  double per_second_;
  double left_;
  TimePoint at_;
};

class Http2FrameGuard {
 public:
  enum class Role : std::uint8_t { Server, Client };  // our role
  Http2FrameGuard(Role role, const config::Http2Limits& limits, TimePoint now);

  struct Verdict {
    std::size_t pass;                     // bytes that may go on to the session
    Http2Abuse abuse = Http2Abuse::None;  // otherwise the connection ends behind them,
    std::uint32_t code = 0;               // with this error code (RFC 9113 7)
  };
  Verdict inspect(std::span<const char> bytes, TimePoint now);

  // Halves so often what a client may reset, or make us reset, within reason; 0 leaves all of it.
  void halve_resets(unsigned halvings);

  // Counts the streams we had to reset because of what the peer sent. Returns false when there are
  // too many.
  bool take_server_reset(TimePoint now) { return server_resets_.take(now); }
  // Counts a DATA frame that left: its receiver may answer each, however small, with a PING and two
  // WINDOW_UPDATEs (the bandwidth estimator of grpc-go does).
  void on_data_sent(std::size_t bytes) {
    pings_.credit(1);
    other_frames_.credit(2);
    earn(bytes);
  }

  // Between HEADERS and the last CONTINUATION the peer owes the rest.
  bool in_header_block() const { return in_block_; }

 private:
  struct Frame {
    std::uint32_t length;
    std::uint8_t type;
    std::uint8_t flags;
    std::uint32_t stream;
  };
  struct Refusal {
    Http2Abuse abuse = Http2Abuse::None;
    std::uint32_t code = 0;
  };
  Refusal on_frame(const Frame& frame, TimePoint now);
  Refusal on_data(const Frame& frame);
  Refusal on_headers(const Frame& frame);
  Refusal on_continuation(const Frame& frame);
  Refusal on_payload_begin(std::uint8_t first);
  Refusal note_data(bool empty);
  bool is_open(std::uint32_t stream) const;
  void open(std::uint32_t stream);
  void close(std::uint32_t stream);
  bool was_opened(std::uint32_t stream) const;
  void earn(std::size_t data_bytes);

  const Role role_;
  const config::Http2Limits& limits_;
  Http2Budget client_resets_;
  Http2Budget server_resets_;
  Http2Budget pings_;
  Http2Budget other_frames_;

  std::size_t preface_left_;
  std::array<std::uint8_t, 9> header_{};
  std::size_t header_filled_ = 0;
  std::uint32_t payload_left_ = 0;
  bool pad_length_next_ = false;  // for a DATA frame that may be empty but for its padding
  bool data_ends_stream_ = false;

  std::uint32_t empty_in_a_row_ = 0;
  std::uint32_t continuations_ = 0;
  std::uint64_t block_bytes_ = 0;
  bool in_block_ = false;

  // Only a server uses these: the streams whose client side is still open, and the last streams
  // ever opened.
  std::uint32_t highest_ = 0;
  std::vector<std::uint32_t> open_;
  std::array<std::uint32_t, 64> recent_{};
  std::size_t recent_next_ = 0;
};

}  // namespace cutwater::http
