#include "proxy/http/h1/http1_server.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/http/forwarded_client.hpp"
#include "proxy/http/trailers.hpp"

namespace cutwater::http {

namespace {

constexpr Seconds kLinger{2};
constexpr std::size_t kLingerBytes = 64 * 1024;
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n";
constexpr std::size_t kPrefaceLine = kPreface.size();

// A request head is 10 KiB of views, so there is one per request in flight, not one per connection.

thread_local std::vector<std::unique_ptr<RequestHead>> free_heads;

RequestHead* take_head() {
  if (free_heads.empty()) return new RequestHead;
  RequestHead* head = free_heads.back().release();
  free_heads.pop_back();
  return head;
}

void give_head(RequestHead* head) {
  if (head) free_heads.emplace_back(head);
}

}  // namespace

ClientInfo Http1ServerConnection::Peer::client() const {
  ClientInfo out;
  out.peer_ip = out.client_ip = ip;
  out.trusted_peer = trusted;
  out.listener = listener;
  out.via = via;
  out.scheme = tls ? "https" : "http";
  out.tls = tls;
  out.addresses = addresses;
  return out;
}

void Http1ServerConnection::Peer::settle_claims(ServerContext& context, RequestHead& head,
                                                ClientInfo& client, std::string& address) const {
  if (!head.claims_client) return;
  if (!trusted) {
    head.fields.keep_if([&](const Field& field) {
      if (!is_claim(field.id)) return true;
      const bool kept = std::any_of(keep_headers.begin(), keep_headers.end(),
                                    [&](const auto& name) { return iequals(field.name, name); });
      const config::ClientClaim claim = config::client_claim(field.name);
      if (!kept && claim != config::ClientClaim::None && context.on_claim_taken)
        context.on_claim_taken(claim);
      return kept;
    });
    return;
  }
  const ForwardedClient said = forwarded_client(head.fields, proxies);
  if (!said.scheme.empty()) client.scheme = said.scheme;
  if (said.says == ForwardedClient::Says::NoClient) client.client_ip = {};
  if (said.says == ForwardedClient::Says::Client)
    client.client_ip = address.assign(said.client.to_string());
}

Http1ServerConnection::Http1ServerConnection(ServerContext& context, net::Transport& transport,
                                             Peer peer)
    : context_(context),
      socket_(transport),
      peer_(std::move(peer)),
      out_(socket_, context.body_blocks, Side::Downstream),
      body_(socket_, context.body_blocks, Side::Downstream) {
  client_ = peer_.client();
  leaving_ = context_.draining;
}

Http1ServerConnection::~Http1ServerConnection() {
  give_head(head_);
}

Task<Http1ServerConnection::End> Http1ServerConnection::serve() {
  for (;;) {
    const Read read = co_await read_request();
    if (read == Read::Http2) co_return End::Http2;
    if (read == Read::Close) break;
    co_await context_.run_exchange(*this);
    if (!finish_request()) break;
    // A client that pipelines must not keep other clients waiting.
    if (filled_ > 0 && requests_ % 16 == 0) co_await context_.loop.yield();
  }
  if (linger_ && !aborted_) co_await close_gently();
  socket_.close();
  co_return End::Closed;
}

// The bytes received may be, or begin to be, the connection preface of HTTP/2 (RFC 9113 3.4). Its
// first line tells that it is not an HTTP/1 request.
bool Http1ServerConnection::is_preface() const {
  if (!peer_.http2 || requests_ > 0) return false;
  const std::string_view seen(block_.data(), std::min(filled_, kPreface.size()));
  return kPreface.starts_with(seen);
}

std::string Http1ServerConnection::take_first_bytes() {
  std::string bytes(block_.data(), filled_);
  block_.release();
  return bytes;
}

// Waits without a buffer, then reads until the head is complete.
Task<Http1ServerConnection::Read> Http1ServerConnection::read_request() {
  const config::Limits& limits = context_.limits;
  serving_ = filled_ > 0;
  if (!serving_) {
    block_.release();
    give_head(std::exchange(head_, nullptr));
    if (leaving_ && !socket_.has_input()) co_return Read::Close;
    const TimePoint idle_until =
        context_.loop.now() + (requests_ == 0 ? limits.header_timeout : limits.keepalive_idle);
    while (filled_ == 0) {  // TLS may have messages of its own
      block_.release();
      const net::Wait wait = co_await socket_.readable(idle_until);
      if (wait != net::Wait::Ready) co_return Read::Close;
      if (fill_block() == Read::Close) co_return Read::Close;
    }
    serving_ = true;
  }
  const TimePoint deadline = context_.loop.now() + limits.header_timeout;
  const HeadLimits head_limits{limits.header_bytes, limits.header_fields, limits.target_bytes};
  scanner_.reset();
  for (;;) {
    const bool maybe_http2 = filled_ > 0 && is_preface();
    if (maybe_http2 && filled_ >= kPrefaceLine) co_return Read::Http2;
    if (filled_ > 0 && !maybe_http2) {
      if (!head_) head_ = take_head();
      const ParseState state =
          scanner_.parse_request(block_.span().first(filled_), head_limits, *head_);
      if (state.kind == ParseState::Kind::Bad) co_return refuse(state);
      if (state.kind == ParseState::Kind::Complete) {
        begin_request(state.head_bytes);
        co_return Read::Request;
      }
    }
    if (!socket_.might_be_readable()) {
      if (filled_ > 0) {
        partial_.assign(block_.data(), filled_);
        block_.release();
      }
      give_head(std::exchange(head_, nullptr));
      const net::Wait wait = co_await socket_.readable(deadline);
      if (wait == net::Wait::Timeout)
        co_return refuse({ParseState::Kind::Bad, 0, 408, BadHead::None});
      if (wait == net::Wait::Cancelled) co_return Read::Close;
    }
    if (fill_block() == Read::Close) co_return Read::Close;
  }
}

// Reads once into the block, behind what is already there.
Http1ServerConnection::Read Http1ServerConnection::fill_block() {
  if (!block_) {
    block_ = context_.head_blocks.borrow();
    if (filled_ > 0) std::memcpy(block_.data(), partial_.data(), filled_);
    std::string().swap(partial_);
  }
  const net::IoResult read = socket_.try_read(block_.span().subspan(filled_));
  if (read.kind == net::IoResult::Kind::Done) filled_ += read.bytes;
  if (read.kind == net::IoResult::Kind::Eof || read.kind == net::IoResult::Kind::Failed)
    return Read::Close;
  return Read::Request;
}

Http1ServerConnection::Read Http1ServerConnection::refuse(const ParseState& bad) {
  context_.on_bad_request(client_, bad.bad, bad.status);
  HeadWriter out(context_.scratch);
  write_local_reply({.status = bad.status,
                     .body = reason_phrase(bad.status),
                     .keep_alive = false,
                     .head_request = false},
                    out);
  out_.add_head(out.text());
  const auto sent = out_.send();
  linger_ = sent && *sent == Flow::Done;
  return Read::Close;
}

void Http1ServerConnection::begin_request(std::size_t head_bytes) {
  ++requests_;
  out_.reset_count();
  head_sent_ = close_after_ = false;
  framing_.start(false);
  keep_alive_ = head_->keep_alive;
  client_ = peer_.client();
  peer_.settle_claims(context_, *head_, client_, client_ip_);
  body_started_ = context_.loop.now();
  body_.start(*head_, block_.span().subspan(head_bytes, filled_ - head_bytes), block_.size());
}

// Brings bytes of the next request to the front of the block. Returns false if the connection must
// close.
bool Http1ServerConnection::finish_request() {
  socket_.on_broken(nullptr, nullptr);
  const std::span<char> rest = body_.leftover();
  const std::uint32_t most = context_.limits.keepalive_requests;
  const bool keep = keep_alive_ && !close_after_ && !aborted_ && head_sent_ && body_.done() &&
                    out_.empty() && !socket_.broken() && (most == 0 || requests_ < most);
  if (!keep) {
    // A client that has said that this was the last request sends nothing more (RFC 9112 9.6).
    const bool all_read = !head_->keep_alive && !close_after_ && body_.done() && rest.empty() &&
                          !socket_.might_be_readable();
    linger_ = head_sent_ && !socket_.broken() && out_.empty() && !all_read;
    return false;
  }
  if (!rest.empty()) std::memmove(block_.data(), rest.data(), rest.size());
  filled_ = rest.size();
  body_.release();
  framing_.release();
  socket_.clear_cancel();
  return true;
}

// Half-closes and swallows what the client still sends for a moment: closing with unread input
// would make the kernel send RST, which can destroy the response on its way (RFC 9112 9.6).
Task<void> Http1ServerConnection::close_gently() {
  socket_.shutdown_write();
  socket_.clear_cancel();
  const TimePoint deadline = context_.loop.now() + kLinger;
  std::size_t swallowed = 0;
  if (!block_) block_ = context_.head_blocks.borrow();
  while (swallowed < kLingerBytes) {
    const net::IoResult read = socket_.try_read(block_.span());
    if (read.kind == net::IoResult::Kind::Eof || read.kind == net::IoResult::Kind::Failed) break;
    swallowed += read.bytes;
    if (read.kind != net::IoResult::Kind::WouldBlock) continue;
    const net::Wait wait = co_await socket_.readable(deadline);
    if (wait != net::Wait::Ready) break;
  }
}

void Http1ServerConnection::close_when_idle() {
  leaving_ = true;
  // A request that has arrived but was not read yet is not idle: it will wake the reader.
  if (!serving_ && !socket_.has_input()) abort();
}

void Http1ServerConnection::abort() {
  aborted_ = true;
  cancel();
}

void Http1ServerConnection::cancel() {
  socket_.cancel_read();
  socket_.cancel_write();
}

// --- request body ---------------------------------------------------------------------------

Result<Flow> Http1ServerConnection::try_read_body(BodyChunk& chunk) {
  return body_.try_read(chunk);
}

Task<Result<BodyChunk>> Http1ServerConnection::read_body() {
  for (;;) {
    BodyChunk chunk;
    const auto flow = body_.try_read(chunk);
    if (!flow) co_return flow.error();
    if (*flow == Flow::Done) co_return chunk;
    // The client owes body_min_rate bytes per second on average, after a grace (tests/HARDENING.md
    // R02).
    const auto earned = Seconds(body_.bytes() / std::max(1u, context_.limits.body_min_rate));
    const TimePoint deadline = tunnel_.is_open()
                                   ? tunnel_.deadline(context_.loop.now())
                                   : body_started_ + context_.limits.body_min_rate_grace + earned;
    const net::Wait wait = co_await socket_.readable(deadline);
    if (wait == net::Wait::Timeout && tunnel_.moved_since_wait(context_.loop.now())) continue;
    if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Downstream};
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Downstream};
  }
}

// --- response -------------------------------------------------------------------------------

Result<Flow> Http1ServerConnection::write_informational(const ResponseHead& head) {
  if (head_->minor_version == 0) return Flow::Done;  // never sent to HTTP/1.0 (RFC 9110 15.2)
  HeadWriter out(context_.scratch);
  http::write_informational(head, out);
  if (out.overflow()) return Error{Errc::TooLarge, Side::Local};
  out_.add_head(out.text());
  return out_.send();
}

Result<Flow> Http1ServerConnection::write_head(const ResponseHead& head, ResponseExtras extras,
                                               BodyChunk first) {
  const std::uint32_t most = context_.limits.keepalive_requests;
  const bool tunnel = head.status == 101;
  const bool unknown_length =
      head.framing == Framing::Chunked || head.framing == Framing::UntilClose;
  framing_.start(unknown_length && head_->minor_version >= 1 && !tunnel);
  if (unknown_length && !framing_.chunked() && !tunnel) keep_alive_ = false;
  if (leaving_ || !body_.done() || (most != 0 && requests_ >= most)) keep_alive_ = false;
  extras.client_minor_version = head_->minor_version;
  extras.keep_alive = keep_alive_ || tunnel;
  extras.chunked = framing_.chunked();
  HeadWriter out(context_.scratch);
  write_downstream_response(head, extras, out);
  if (out.overflow()) return Error{Errc::TooLarge, Side::Local};
  head_sent_ = true;
  framing_.add_with_head(out, head.framing == Framing::None ? BodyChunk{} : for_client(first),
                         out_);
  return out_.send();
}

// Only a client that has asked for trailers gets them (RFC 9110 6.5.1), and only where chunks carry
// them.
BodyChunk Http1ServerConnection::for_client(BodyChunk chunk) const {
  if (chunk.trailers && !asks_for_trailers(head_->fields)) chunk.trailers = nullptr;
  return chunk;
}

Result<Flow> Http1ServerConnection::write_body(BodyChunk chunk) {
  framing_.add(for_client(chunk), out_);
  tunnel_.on_write(context_.loop.now(), chunk.end_stream);
  auto sent = out_.send();
  if (sent && *sent == Flow::Done) tunnel_.finish_write(socket_);
  return sent;
}

Task<Result<void>> Http1ServerConnection::flush() {
  const auto flushed = co_await out_.flush(context_.limits.client_write_stall);
  if (flushed) tunnel_.finish_write(socket_);
  co_return flushed;
}

Task<Result<void>> Http1ServerConnection::reply_locally(int status, std::string_view text,
                                                        std::string_view request_id) {
  if (!out_.empty()) {  // the client does not even take an interim response
    reset();
    co_return Error{Errc::Reset, Side::Downstream};
  }
  if (!body_.done() || leaving_) keep_alive_ = false;
  HeadWriter out(context_.scratch);
  write_local_reply({.status = status,
                     .body = text,
                     .keep_alive = keep_alive_,
                     .head_request = head_->method == Method::Head,
                     .request_id = request_id},
                    out);
  head_sent_ = true;
  out_.add_head(out.text());
  const auto sent = out_.send();
  if (!sent) co_return sent.error();
  Result<void> done;
  if (*sent == Flow::Blocked) done = co_await flush();
  co_return done;
}

void Http1ServerConnection::become_tunnel(Nanoseconds idle) {
  tunnel_.open(idle, context_.loop.now());
  body_.become_raw();
  framing_.start(false);
  close_after_ = true;
}

void Http1ServerConnection::reset() {
  // Without a response head the client sees a closed connection; behind a head it must see an
  // error, not an end: no last chunk, fewer bytes than announced, or RST (RFC 9112 8).
  aborted_ = true;
  socket_.close_with_reset();
}

}  // namespace cutwater::http
