// Serves one upstream HTTP/1 connection: writes a request and reads its response, again and again.
// The pool owns it; an exchange borrows it as an UpstreamStream. Only one worker's thread uses it.
#pragma once

#include <functional>

#include "config/model.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/h1/http1_body.hpp"
#include "proxy/http/h1/http1_framing.hpp"
#include "proxy/http/h1/http1_tunnel.hpp"
#include "proxy/http/stream.hpp"

namespace cutwater::http {

enum class Http2Abuse : std::uint8_t;

struct ClientContext {
  net::EventLoop& loop;
  net::BlockPool& body_blocks;  // for response heads and bodies
  std::span<char> scratch;
  HeadLimits response_limits{config::Limits::kMostResponseHeaderBytes,  // less than a block holds
                             config::Limits::kMostFields, 0};

  // Only HTTP/2 connections use the members below.
  const config::Http2Limits* http2 = nullptr;
  std::function<void(Http2Abuse)> on_http2_abuse = {};
};

class Http1ClientConnection final : public UpstreamStream {
 public:
  // Takes a non-blocking fd whose connect() has been started.
  Http1ClientConnection(ClientContext& context, int fd);
  ~Http1ClientConnection() { give_head(); }

  net::Transport& socket() { return socket_; }
  // Prepares for the next exchange. The upstream must take bytes within `write_stall`.
  void begin(Nanoseconds write_stall);
  // Ends the exchange. Returns true if request and response are complete and the connection may
  // carry another exchange.
  bool finish();
  // Known after finish(): behind its answer, on a connection that was to be kept, the server said
  // more than it was asked for. Whoever came next would have got it.
  bool spoke_unasked() const { return spoke_unasked_; }

  // The functions below implement UpstreamStream.
  Result<Flow> write_head(const RequestHead& head, const ForwardInfo& info,
                          BodyChunk first) override;
  Result<Flow> write_body(BodyChunk chunk) override;
  Task<Result<void>> flush() override;
  Task<Result<const ResponseHead*>> read_head(TimePoint deadline) override;
  Result<Flow> try_read_body(BodyChunk& chunk) override;
  Task<Result<BodyChunk>> read_body(TimePoint deadline) override;
  void become_tunnel(Nanoseconds idle) override;
  void cancel() override;
  void cancel_write() override { socket_.cancel_write(); }
  bool reused() const override { return exchanges_ > 1; }
  bool response_started() const override { return filled_ > 0 || head_seen_; }

 private:
  void give_head();
  bool has_unasked_bytes() const;
  Error read_failure() const;
  static Error bad_head(BadHead bad);

  ClientContext& context_;
  net::Transport socket_;
  net::SendQueue out_;
  HeadScanner scanner_;
  ResponseHead* head_ = nullptr;  // pooled, because it is large and needed only while a response is
                                  // under way
  Http1BodyReader body_;
  BodyFraming framing_;
  net::Block block_;
  std::size_t filled_ = 0;    // bytes in block_
  std::size_t consumed_ = 0;  // bytes of heads that were already returned
  Method method_ = Method::Get;
  Nanoseconds write_stall_{};
  bool request_done_ = false;
  bool head_seen_ = false;
  bool reusable_ = false;
  bool spoke_unasked_ = false;
  std::uint64_t exchanges_ = 0;
  Http1Tunnel tunnel_;
};

}  // namespace cutwater::http
