// Serves one downstream HTTP/2 connection: every request is a stream with an exchange of its own,
// and chooses its version for itself (RFC 9113; RFC 8441 for the extended CONNECT of WebSocket).
// Only one worker's thread uses it. The connection lives until serve() ends; its streams come from
// the worker's pool and are in use from HEADERS until their exchange has ended.
#pragma once

#include <boost/intrusive/list.hpp>
#include <vector>

#include "proxy/http/h1/http1_server.hpp"
#include "proxy/http/h2/http2_session.hpp"

namespace cutwater::http {

class Http2ServerConnection;

using Http2StreamHook =
    boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::normal_link>>;

class Http2ServerStream final : public DownstreamStream,
                                public Http2Stream,
                                public Http2StreamHook {
 public:
  Http2ServerStream(Http2ServerConnection& connection, ServerContext& context);

  // The functions below implement DownstreamStream.
  const RequestHead& head() const override { return head_; }
  const ClientInfo& client() const override { return client_; }
  std::string_view protocol() const override { return "HTTP/2"; }
  Result<Flow> try_read_body(BodyChunk& chunk) override;
  Task<Result<BodyChunk>> read_body() override;
  Result<Flow> write_informational(const ResponseHead& head) override;
  Result<Flow> write_head(const ResponseHead& head, ResponseExtras extras,
                          BodyChunk first) override;
  Result<Flow> write_body(BodyChunk chunk) override { return write(chunk); }
  Task<Result<void>> flush() override;
  Task<Result<void>> reply_locally(int status, std::string_view text,
                                   std::string_view request_id) override;
  void become_tunnel(Nanoseconds idle) override { tunnel_idle_ = idle; }
  void reset() override;
  void cancel_read() override { readable().cancel(); }
  void cancel() override;
  void on_gone(void (*callback)(void*), void* context) override {
    gone_ = callback;
    gone_context_ = context;
  }
  bool request_complete() const override { return before_tunnel() || is_read(); }
  std::uint64_t bytes_received() const override { return bytes_read(); }
  std::uint64_t bytes_sent() const override { return Http2Stream::bytes_sent(); }

  void on_field(std::string_view name, std::string_view value) override {
    take_field(name, value, state_ == State::Building, builder_);
  }

 private:
  friend class Http2ServerConnection;
  enum class State : std::uint8_t { Building, Ready, Running };

  bool before_tunnel() const { return builder_.is_tunnel() && tunnel_idle_.count() == 0; }
  void begin(Http2ServerConnection& connection, std::int32_t id);
  Verdict complete_head(bool end_stream);
  void lose(Error error);  // the client took the stream back, or is gone
  std::uint32_t closing_code() const;

  ServerContext& context_;
  Http2ServerConnection* connection_;
  State state_ = State::Building;
  net::Block block_;  // text of head and trailers
  RequestHead head_;
  Http2RequestBuilder builder_;
  std::string cookie_;
  Verdict refusal_;
  ClientInfo client_;
  std::string client_ip_;
  TimePoint body_started_{};
  bool head_sent_ = false;
  bool reset_ = false;
  Nanoseconds tunnel_idle_{0};
  void (*gone_)(void*) = nullptr;
  void* gone_context_ = nullptr;
};

// Keeps the streams that are not in use, for all connections of a worker.
class Http2StreamPool {
 public:
  ~Http2StreamPool();

 private:
  friend class Http2ServerConnection;
  static constexpr std::size_t kMost = 256;
  std::vector<std::unique_ptr<Http2ServerStream>> free_;
};

class Http2ServerConnection final : public Http2Session {
 public:
  // The socket outlives the connection.
  Http2ServerConnection(ServerContext& context, net::Transport& socket,
                        Http1ServerConnection::Peer peer);
  ~Http2ServerConnection() override;

  // `first` is what was read already.
  Task<void> serve(std::string first);
  // Sends GOAWAY in two steps (RFC 9113 6.8): the present streams may end, then the connection
  // does.
  void close_when_idle();
  // Stops the connection: every wait is cancelled, and serve() ends soon.
  void abort();

 protected:
  void on_block_begin(const nghttp2_frame& frame) override;
  void on_block_end(Http2Stream& ended, bool end_stream) override;
  void on_closed(Http2Stream& stream, std::uint32_t code) override;
  void on_goaway(const nghttp2_goaway& goaway) override;
  void on_settings() override { settings_seen_ = true; }
  void on_answered_early(std::int32_t id) override;
  void on_abuse(Http2Abuse abuse) override;

 private:
  friend class Http2ServerStream;
  using Streams = boost::intrusive::list<Http2ServerStream>;

  void send_settings();
  bool is_remembered() const { return context_.offenders && peer_.addresses && !peer_.trusted; }
  void heed_offences();
  void start_ready();
  void end_all();
  Detached run(Http2ServerStream& stream);
  void end(Http2ServerStream& stream);
  void release(Http2ServerStream& stream);
  Http2ServerStream& take_stream(std::int32_t id);
  TimePoint read_deadline();
  bool has_timed_out();
  bool is_done() const { return (final_goaway_ || peer_leaves_) && streams_.empty(); }
  Task<void> close_gently();
  static void on_drain_timer(void* self);
  void end_linger();
  static void on_linger_timer(void* self);

  ServerContext& context_;
  const Http1ServerConnection::Peer peer_;
  Streams streams_;
  std::vector<Http2ServerStream*> ready_;  // their heads are complete; a stream is started when
                                           // nghttp2 has returned, and an offender's turn has come
  // Counts the offences of the client's address, on whichever of its connections they happened.
  net::Offenders::Record offences_;
  std::uint32_t offences_noted_ = 0;  // the count among all clients when that was looked up
  Http2Budget starts_;                // paces the requests that begin, while the client has
                                      // offences
  net::WaitPoint all_ended_;
  net::Timer drain_timer_;
  // Streams answered before their request had ended, in order of time. Not counted among streams_.
  struct Lingering {
    std::int32_t id;
    TimePoint until;
  };
  std::vector<Lingering> lingering_;
  net::Timer linger_timer_;
  TimePoint idle_since_;
  TimePoint block_since_{};
  std::uint64_t requests_ = 0;
  bool settings_seen_ = false;
  bool shutdown_notice_ = false;
  bool final_goaway_ = false;
  bool peer_leaves_ = false;
  bool aborted_ = false;
  bool lost_ = false;
};

}  // namespace cutwater::http
