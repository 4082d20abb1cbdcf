// Runs one HTTP/2 connection, whichever side we are on, with nghttp2 between a socket and its
// streams. Bytes come in through the frame guard; frames go out through one buffer that collects
// what many streams write in a turn of the loop, and leaves in one system call at its end.
// nghttp2's callbacks only translate, and call one named method each. They run while bytes are
// taken in or the buffer is filled: nothing called from there resumes a coroutine. Only one
// worker's thread uses it. It lives as long as its connection's serve().
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "proxy/http/h2/hpack_writer.hpp"
#include "proxy/http/h2/http2_frame_guard.hpp"
#include "proxy/http/h2/http2_nv.hpp"
#include "proxy/http/h2/http2_stream.hpp"

namespace cutwater::http {

class Http2Session {
 public:
  using Role = Http2FrameGuard::Role;
  struct Setup {
    net::EventLoop& loop;
    net::Transport& socket;
    net::BlockPool& blocks;
    const config::Http2Limits& limits;
    Role role;
    Nanoseconds write_stall;  // the peer must take bytes within this
  };
  explicit Http2Session(const Setup& setup);
  virtual ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  net::EventLoop& loop() { return setup_.loop; }
  net::BlockPool& blocks() { return setup_.blocks; }

  // --- for streams ------------------------------------------------------------------------------
  // Queues a head of less than kMostHead, and sends what there is room for; with `has_body` the
  // stream is asked for one. nghttp2 copies the fields.
  static constexpr std::size_t kMostHead = 64 * 1024;  // nghttp2 would not send it
  bool submit_response(Http2Stream& stream, std::span<const nghttp2_nv> fields, bool has_body);
  // Does the same for a head of at most kMostBlock bytes in our own encoding: `write` is called at
  // most once, and before this function returns.
  using WriteBlock = std::function<void(HpackWriter&)>;
  // The block fits one frame of the smallest size a peer may set (RFC 9113 4.2), behind what
  // nghttp2 may say of the table's size (RFC 7541 4.2).
  static constexpr std::size_t kMostBlock = 16 * 1024 - 64;
  bool submit_response(Http2Stream& stream, const WriteBlock& write, bool has_body);
  bool submit_request(Http2Stream& stream, std::span<const nghttp2_nv> fields, bool has_body);
  bool submit_interim(Http2Stream& stream, std::span<const nghttp2_nv> fields);
  void resume(Http2Stream& stream) { nghttp2_session_resume_data(session_, stream.id()); }
  void reset_stream(std::int32_t id, std::uint32_t code);
  // Gives back the window of these bytes of a body, which have left on the other side.
  void consume(std::int32_t id, std::size_t bytes);
  // After this no callback names the stream any more.
  void forget(const Http2Stream& stream);
  // Fills the output buffer as far as there is room; the writer sends it later in this turn.
  void produce();

 protected:
  // --- what a side of the connection must know of ------------------------------------------------
  // A header block begins: that of a new request or response, of an interim one, or of trailers.
  virtual void on_block_begin(const nghttp2_frame& frame) = 0;
  virtual void on_block_end(Http2Stream& stream, bool end_stream) = 0;
  virtual void on_closed(Http2Stream& stream, std::uint32_t code) = 0;
  virtual void on_goaway(const nghttp2_goaway&) {}
  virtual void on_settings() {}
  virtual void on_not_sent(Http2Stream&) {}  // a request that this connection cannot take
  // A stream that its exchange has left is answered, and the peer has not said all yet.
  virtual void on_answered_early(std::int32_t) {}
  virtual void on_abuse(Http2Abuse abuse) = 0;

  Http2Stream* find(std::int32_t id) const {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
  }
  // Sends our side's first frames. The peer is told `max_streams`; nghttp2 would end the connection
  // of a peer that exceeds it, but we refuse the stream (RFC 9113 5.1.2 leaves the choice).
  void send_settings(std::span<const nghttp2_settings_entry> entries, std::uint32_t max_streams);
  // Takes bytes in. Afterwards failed() may be true.
  void receive(std::span<char> bytes);
  // Reads what the socket has. Returns false if the peer is gone.
  bool read_some();
  // Ends the connection: GOAWAY is sent with `code`, and nothing more is read.
  void fail(Http2Abuse abuse, std::uint32_t code);
  bool failed() const { return failed_; }
  bool write_failed() const { return write_failed_; }

  // Sends until the connection has ended, in a coroutine beside the reading one.
  void start_writer() { writer_.start(write_loop()); }
  auto join_writer() { return writer_.join(); }
  void end_writer();
  void wake_writer() { dirty_.wake(); }

  nghttp2_session* session() const { return session_; }
  Http2FrameGuard& guard() { return guard_; }
  net::Transport& socket() { return setup_.socket; }
  const config::Http2Limits& limits() const { return setup_.limits; }

 private:
  friend struct Http2Callbacks;
  struct Submitted {
    std::int32_t id;
    const WriteBlock* write;
  };
  Task<void> write_loop();
  bool has_room(std::size_t bytes) const { return out_.size() - out_end_ >= bytes; }
  void append(std::string_view bytes);
  void submit_trailers(std::int32_t id, const FieldList& trailers);
  void keep_waiting(std::optional<Submitted>& submitted);
  void take_block(std::int32_t id);
  void drop_block(std::int32_t id);
  // Puts the block of `handed_` into its frame at the end of the output, which has `frame_bytes`.
  void fill_head(std::size_t frame_bytes);
  std::ptrdiff_t read_outgoing(std::int32_t id, std::size_t most, std::uint32_t& flags);
  int send_outgoing(const nghttp2_frame& frame, const std::uint8_t* header, std::size_t length);
  void note_sent(const nghttp2_frame& frame);
  void note_settings(const nghttp2_settings& settings);
  int note_field(const nghttp2_frame& frame, std::string_view name, std::string_view value);

  const Setup setup_;
  Http2FrameGuard guard_;
  nghttp2_session* session_ = nullptr;

  net::Block out_;  // frames to send: bytes [out_begin_, out_end_)
  std::size_t out_begin_ = 0;
  std::size_t out_end_ = 0;
  // Heads and trailers in our own encoding are empty frames to nghttp2; their blocks are written
  // when nghttp2 hands the frames over. A block that has to wait for room is written beforehand,
  // without the table, because it may never be sent.
  HpackTable table_;                   // nghttp2's own blocks do not use it
  std::optional<Submitted> head_;      // set while it is submitted
  std::optional<Submitted> trailers_;  // set while produce() runs
  WriteBlock write_trailers_;
  std::map<std::int32_t, std::string> waiting_;  // blocks by stream
  struct HandedOver {
    Http2Stream* stream;      // nullptr if the stream was given back meanwhile
    const WriteBlock* write;  // or, if the block had to wait:
    std::string block;
  };
  std::optional<HandedOver> handed_;  // an empty frame

  net::WaitPoint dirty_;
  Child writer_;
  bool producing_ = false;
  bool writer_ended_ = false;
  bool write_failed_ = false;

  std::size_t list_bytes_ = 0;  // decoded so far of the header block at hand
  bool list_too_large_ = false;
  bool failed_ = false;
};

}  // namespace cutwater::http
