// Holds what both sides' streams share: the body that came in and was not asked for yet, the piece
// that goes out, and the coroutine that waits for either. The window of what was read is given back
// at the next read, when the bytes have left on the other side: this makes the backpressure. Only
// the connection's worker uses it. The connection pools it; it serves one exchange at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/http/h2/http2_head.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/net/wait_point.hpp"

namespace cutwater::http {

class Http2Session;

class Http2Stream {
 public:
  Http2Stream(net::EventLoop& loop, Side side) : side_(side), readable_(loop), writable_(loop) {}
  Http2Stream(const Http2Stream&) = delete;
  Http2Stream& operator=(const Http2Stream&) = delete;

  std::int32_t id() const { return id_; }
  void set_id(std::int32_t id) { id_ = id; }

  // --- told by the session; each only notes and wakes --------------------------------------------
  // The fields of a head come first, those of trailers behind them.
  virtual void on_field(std::string_view name, std::string_view value) = 0;
  void on_bad_field() { bad_field_ = true; }
  void on_data(std::span<const char> bytes);
  void on_end();
  void on_closed(Error error);
  void on_sent(std::size_t bytes) { bytes_sent_ += bytes; }

  // --- the session asks for body to send
  // ----------------------------------------------------------
  struct Outgoing {
    std::size_t bytes;
    bool end;  // nothing follows except trailers, if there are any
    const FieldList* trailers;
    bool nothing;  // wait until there is more
  };
  Outgoing next_outgoing(std::size_t most);
  std::string_view take_outgoing(std::size_t bytes);

 protected:
  ~Http2Stream() = default;
  void start(Http2Session& session, std::int32_t id);
  // Gives what is left unread back to the connection's window.
  void finish();

  template <class HeadBuilder>
  void take_field(std::string_view name, std::string_view value, bool in_head,
                  HeadBuilder& builder) {
    if (in_head)
      builder.add(name, value);
    else
      add_trailer(name, value, builder.text());
  }
  // Says whether the head or the trailers that come in have a field that nghttp2 finds malformed.
  bool has_bad_field() const { return bad_field_; }
  void expect_good_fields() { bad_field_ = false; }

  Result<Flow> try_read(BodyChunk& chunk);
  Result<Flow> write(BodyChunk chunk);
  // Sets the body that follows the head about to be submitted. Returns false if there is none.
  bool set_first(BodyChunk chunk);
  Result<Flow> sent_state() const;
  Task<Result<void>> flush_outgoing(Nanoseconds stall);

  bool is_closed() const { return closed_; }
  bool is_read() const { return read_done_; }
  bool has_ended() const { return ended_; }      // the peer has sent everything
  bool is_written() const { return end_sent_; }  // so have we
  bool stalled() const { return stalled_; }
  std::uint64_t bytes_read() const { return bytes_read_; }
  std::uint64_t bytes_sent() const { return bytes_sent_; }
  TimePoint last_moved() const { return last_moved_; }
  net::WaitPoint& readable() { return readable_; }
  net::WaitPoint& writable() { return writable_; }
  const std::optional<Error>& error() const { return error_; }
  Http2Session& session() { return *session_; }
  void fail_reading(Error error);

 private:
  void add_trailer(std::string_view name, std::string_view value, Http2Text& text);
  void set_outgoing(BodyChunk chunk);
  bool out_done() const { return outgoing_.empty() && (!outgoing_end_ || end_sent_); }

  Http2Session* session_ = nullptr;
  const Side side_;
  std::int32_t id_ = 0;

  std::string incoming_;  // received and not asked for
  std::string lent_;      // the chunk that was asked for last; it still occupies its window
  std::unique_ptr<FieldList> trailers_;
  bool has_trailers_ = false;
  bool bad_field_ = false;
  bool ended_ = false;
  bool read_done_ = false;
  std::uint64_t bytes_read_ = 0;

  std::span<const char> outgoing_;
  const FieldList* outgoing_trailers_ = nullptr;
  bool outgoing_end_ = false;
  bool end_sent_ = false;
  bool deferred_ = false;  // nghttp2 has been told to ask again later
  bool stalled_ = false;
  std::uint64_t bytes_sent_ = 0;
  TimePoint last_moved_{};

  bool closed_ = false;
  std::optional<Error> error_;
  net::WaitPoint readable_;
  net::WaitPoint writable_;
};

}  // namespace cutwater::http
