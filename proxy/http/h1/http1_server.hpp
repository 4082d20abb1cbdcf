// Serves one downstream HTTP/1 connection: reads requests one after another, runs each through the
// exchange, then keeps or closes the connection. It implements the downstream stream for the
// request at hand. Only one worker's thread uses it; the object lives until serve() ends.
#pragma once

#include <functional>
#include <string>

#include "config/client_claims.hpp"
#include "config/model.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/h1/http1_body.hpp"
#include "proxy/http/h1/http1_framing.hpp"
#include "proxy/http/h1/http1_tunnel.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/net/offenders.hpp"

namespace cutwater::http {

class Http2StreamPool;
enum class Http2Abuse : std::uint8_t;

// Holds what a connection needs of its worker. All references outlive the connection.
struct ServerContext {
  net::EventLoop& loop;
  const config::Limits& limits;
  net::BlockPool& head_blocks;  // >= limits.header_bytes + room for an early body
  net::BlockPool& body_blocks;
  std::span<char> scratch;  // the worker's memory for heads about to be sent
  bool draining = false;    // connections that begin now are told to leave
  // Runs one exchange; it is never null. The stream is valid until the task ends.
  std::function<Task<void>(DownstreamStream&)> run_exchange;
  // Reports a refused head, for counters and the access log.
  std::function<void(const ClientInfo&, BadHead, int status)> on_bad_request;
  // A field of a stranger was taken away.
  std::function<void(config::ClientClaim)> on_claim_taken = {};

  // Only HTTP/2 uses the members below.
  Http2StreamPool* http2_streams = nullptr;
  net::Offenders* offenders = nullptr;  // null if nobody is remembered
  std::function<void(Http2Abuse)> on_http2_abuse;
  std::function<void()> on_refused_stream;
  // Reports requests that are lost without an answer, and why, for the access log: their connection
  // has failed, or the client had too many streams open.
  std::function<void(const ClientInfo&, std::string_view why)> on_lost = {};
};

class Http1ServerConnection final : public DownstreamStream {
 public:
  struct Peer {
    std::string ip;
    bool trusted = false;
    std::string_view listener;             // outlives the connection
    const net::TlsSession* tls = nullptr;  // outlives the connection, as does `addresses`
    const net::ConnectionAddresses* addresses = nullptr;
    bool http2 = true;                           // the HTTP/2 preface may come instead of a request
    std::span<const net::Network> proxies = {};  // trusted; outlive the connection
    std::span<const std::string> keep_headers = {};  // likewise; not taken away
    std::string_view via = {};                       // likewise

    ClientInfo client() const;  // views into this
    // Finds out who sends this request: it believes what a trusted peer says about that, and takes
    // it away from anybody else's. `address` is where the text of an address lives.
    void settle_claims(ServerContext& context, RequestHead& head, ClientInfo& client,
                       std::string& address) const;
  };
  // The transport, with its handshake done, outlives the connection.
  Http1ServerConnection(ServerContext& context, net::Transport& transport, Peer peer);
  ~Http1ServerConnection();

  enum class End : std::uint8_t { Closed, Http2 };
  // Http2 means that the client has sent that version's preface: take_first_bytes() returns what
  // was read of it, and the socket is still open.
  Task<End> serve();
  std::string take_first_bytes();
  // Drains the connection: an idle one closes now, a busy one after the next response, which says
  // so.
  void close_when_idle();
  // Stops the connection: every wait is cancelled, and serve() ends soon.
  void abort();

  // The functions below implement DownstreamStream.
  const RequestHead& head() const override { return *head_; }
  const ClientInfo& client() const override { return client_; }
  std::string_view protocol() const override {
    return head_->minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1";
  }
  Result<Flow> try_read_body(BodyChunk& chunk) override;
  Task<Result<BodyChunk>> read_body() override;
  Result<Flow> write_informational(const ResponseHead& head) override;
  Result<Flow> write_head(const ResponseHead& head, ResponseExtras extras,
                          BodyChunk first) override;
  Result<Flow> write_body(BodyChunk chunk) override;
  Task<Result<void>> flush() override;
  Task<Result<void>> reply_locally(int status, std::string_view text,
                                   std::string_view request_id) override;
  void become_tunnel(Nanoseconds idle) override;
  void reset() override;
  void cancel_read() override { socket_.cancel_read(); }
  void cancel() override;
  void on_gone(void (*callback)(void*), void* context) override {
    socket_.on_broken(callback, context);
  }
  void on_half_closed(void (*callback)(void*), void* context) override {
    socket_.on_half_closed(callback, context);
  }
  bool request_complete() const override { return body_.done(); }
  std::uint64_t bytes_received() const override { return body_.bytes(); }
  std::uint64_t bytes_sent() const override { return out_.bytes_sent(); }

 private:
  enum class Read : std::uint8_t { Request, Close, Http2 };
  bool is_preface() const;
  Task<Read> read_request();
  Read refuse(const ParseState& bad);
  Read fill_block();
  void begin_request(std::size_t head_bytes);
  BodyChunk for_client(BodyChunk chunk) const;
  bool finish_request();  // true: keep the connection
  Task<void> close_gently();

  ServerContext& context_;
  net::Transport& socket_;
  Peer peer_;
  std::string client_ip_;  // from X-Forwarded-For of a trusted peer
  ClientInfo client_;
  net::SendQueue out_;

  // The members below belong to the request at hand. `block_` holds its head, bytes [0, filled_);
  // heads are pooled because they are large and an idle connection needs none.
  net::Block block_;
  std::size_t filled_ = 0;
  std::string partial_;  // an unfinished head between two reads, so that slow clients stay small
  HeadScanner scanner_;
  RequestHead* head_ = nullptr;
  Http1BodyReader body_;
  BodyFraming framing_;
  TimePoint body_started_;

  bool head_sent_ = false;
  bool keep_alive_ = true;
  bool close_after_ = false;  // set if the response was close-delimited or cut short
  bool leaving_ = false;      // no further request follows this one
  bool aborted_ = false;
  bool serving_ = false;  // between a request's first byte and its end
  bool linger_ = false;   // unread input may exist, and must not make an RST destroy the response
  std::uint32_t requests_ = 0;
  Http1Tunnel tunnel_;
};

}  // namespace cutwater::http
