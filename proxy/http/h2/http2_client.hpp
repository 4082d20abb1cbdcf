// Serves one upstream HTTP/2 connection: it carries many exchanges at once, each with a stream (RFC
// 9113). The pool owns it; an exchange borrows a stream as an UpstreamStream. A stream that the
// server cannot have acted on (REFUSED_STREAM, or beyond its GOAWAY) fails as safe to send again.
// Push is refused. Only one worker's thread uses it. It lives until run() ends, which waits for
// every stream to be given back.
#pragma once

#include <boost/intrusive/list.hpp>
#include <vector>

#include "proxy/http/h1/http1_client.hpp"
#include "proxy/http/h2/http2_session.hpp"

namespace cutwater::http {

class Http2ClientConnection;

class Http2ClientStream final : public UpstreamStream,
                                public Http2Stream,
                                public boost::intrusive::list_base_hook<
                                    boost::intrusive::link_mode<boost::intrusive::normal_link>> {
 public:
  explicit Http2ClientStream(ClientContext& context)
      : Http2Stream(context.loop, Side::Upstream), context_(context) {}

  // The functions below implement UpstreamStream.
  Result<Flow> write_head(const RequestHead& head, const ForwardInfo& info,
                          BodyChunk first) override;
  Result<Flow> write_body(BodyChunk chunk) override { return write(chunk); }
  Task<Result<void>> flush() override { return flush_outgoing(write_stall_); }
  Task<Result<const ResponseHead*>> read_head(TimePoint deadline) override;
  Result<Flow> try_read_body(BodyChunk& chunk) override;
  Task<Result<BodyChunk>> read_body(TimePoint deadline) override;
  void become_tunnel(Nanoseconds idle) override { tunnel_idle_ = idle; }
  void cancel() override;
  void cancel_write() override { writable().cancel(); }
  bool reused() const override { return reused_; }
  bool response_started() const override { return !heads_.empty(); }

  void on_field(std::string_view name, std::string_view value) override {
    take_field(name, value, in_head_, builder_);
  }

  Http2ClientConnection& connection() { return *connection_; }
  // While the connection is being made, returns its failure, or nothing yet.
  const std::optional<Error>& failure() const { return error(); }
  net::WaitPoint::Awaiter wait_for_connection(TimePoint deadline) {
    return readable().wait(deadline);
  }

 private:
  friend class Http2ClientConnection;
  void begin(Http2ClientConnection& connection, Nanoseconds write_stall);
  void begin_head();
  bool complete_head(bool end_stream);
  bool is_head_final() const;
  bool is_over() const { return has_ended() && is_written(); }

  ClientContext& context_;
  Http2ClientConnection* connection_ = nullptr;
  net::Block block_;  // text of heads and trailers
  std::size_t block_used_ = 0;
  Http2ResponseBuilder builder_;
  std::vector<std::unique_ptr<ResponseHead>> heads_;  // in order of arrival
  std::size_t heads_taken_ = 0;
  bool in_head_ = false;  // the last of heads_ is not complete
  Method method_ = Method::Get;
  std::string_view upgrade_;               // the protocol that extended CONNECT asked for
  std::optional<WebSocketAccept> accept_;  // what an HTTP/1 client then expects
  Nanoseconds write_stall_{};
  Nanoseconds tunnel_idle_{0};
  bool reused_ = false;
};

class Http2ClientConnection final : public Http2Session {
 public:
  // Takes a non-blocking fd whose connect() has been started.
  Http2ClientConnection(ClientContext& context, int fd, Nanoseconds write_stall);
  ~Http2ClientConnection() override;

  // Connects by `connect_by`, and serves its streams until the connection ends. With `ssl` it
  // connects over TLS, where the server must choose h2 (RFC 9113 3.2); its newest session goes to
  // `kept`, which outlives this object.
  Task<void> run(TimePoint connect_by, net::SslPtr ssl, net::SslSessionPtr& kept);
  bool is_open() const { return open_; }
  // Only then is it known whether WebSockets may be asked for (RFC 8441 3).
  bool is_secure() const { return socket_.is_tls(); }
  bool has_settings() const { return settings_seen_; }
  // Says whether another stream may be taken, also while connecting.
  bool has_room() const;
  bool is_full() const;
  Http2ClientStream& take_stream(Nanoseconds write_stall);
  // Ends the exchange. `idle` says how long the connection may rest without streams.
  void give_back(Http2ClientStream& stream, Nanoseconds idle);
  // Stops the connection when the worker stops: every wait is cancelled, and run() ends soon.
  void abort();

 protected:
  void on_block_begin(const nghttp2_frame& frame) override;
  void on_block_end(Http2Stream& ended, bool end_stream) override;
  void on_closed(Http2Stream& closed, std::uint32_t code) override;
  void on_goaway(const nghttp2_goaway& goaway) override;
  void on_settings() override;
  void on_not_sent(Http2Stream& stream) override;
  void on_abuse(Http2Abuse abuse) override;

 private:
  std::uint32_t most_streams() const;  // streams that the server allows at a time
  friend class Http2ClientStream;
  using Streams = boost::intrusive::list<Http2ClientStream>;
  Task<std::optional<Error>> connect(TimePoint connect_by);
  Task<void> serve();
  void start_session();
  Error end_error() const;
  bool offers_connect() const;

  ClientContext& context_;
  net::Transport socket_;
  Streams streams_;
  std::vector<std::unique_ptr<Http2ClientStream>> free_;
  net::WaitPoint all_back_;
  Nanoseconds idle_{Seconds(50)};
  TimePoint idle_since_;
  bool open_ = false;
  bool used_ = false;
  bool settings_seen_ = false;
  bool leaving_ = false;  // GOAWAY came
  bool lost_ = false;
  bool aborted_ = false;
  bool ended_ = false;
};

}  // namespace cutwater::http
