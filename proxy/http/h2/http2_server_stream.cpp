// Implements one request on an HTTP/2 connection, as its exchange sees it. The connection is in
// http2_server.cpp.
#include "proxy/http/h2/http2_server.hpp"

#include <algorithm>

#include "proxy/base/random.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/h2/hpack_writer.hpp"
#include "proxy/http/response_fields.hpp"

namespace cutwater::http {

namespace {

constexpr Nanoseconds kGrpcSilence = Seconds(3600);

// Makes 16 random bytes in base64: RFC 6455 4.1.
std::array<char, 24> websocket_key() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<char, 24> key{};
  for (std::size_t i = 0; i < 21; ++i) key[i] = kDigits[thread_random().below(64)];
  key[21] = "AQgw"[thread_random().below(4)];  // the last digit carries two bits
  key[22] = key[23] = '=';
  return key;
}

// By RFC 8441 5, HTTP/1's proof of the handshake is not sent.
template <class Out>
struct WithoutProof {
  Out& out;
  void field(std::string_view name, std::string_view value) {
    if (!iequals(name, "sec-websocket-accept")) out.field(name, value);
  }
};

template <class Out>
void write_response(int status, const ResponseHead& head, const ResponseExtras& extras, Out& out) {
  out.status(status);
  if (head.status == 101) {
    WithoutProof<Out> rest{out};
    write_end_to_end(head, extras, rest);
    return;
  }
  write_end_to_end(head, extras, out);
  const bool made_up_length =
      head.framing == Framing::Length && head.fields.find(FieldId::ContentLength) == nullptr;
  if (!made_up_length) write_length(head, out);
}

}  // namespace

Http2ServerStream::Http2ServerStream(Http2ServerConnection& connection, ServerContext& context)
    : Http2Stream(context.loop, Side::Downstream), context_(context), connection_(&connection) {}

void Http2ServerStream::begin(Http2ServerConnection& connection, std::int32_t id) {
  Http2Stream::start(connection, id);
  connection_ = &connection;
  state_ = State::Building;
  block_ = context_.head_blocks.borrow();
  const config::Limits& limits = context_.limits;
  builder_.start(block_.span(), {limits.header_bytes, limits.header_fields, limits.target_bytes},
                 cookie_, head_);
  refusal_ = {};
  head_sent_ = reset_ = false;
  tunnel_idle_ = Nanoseconds(0);
  gone_ = nullptr;
  client_ = connection.peer_.client();
}

Verdict Http2ServerStream::complete_head(bool end_stream) {
  body_started_ = context_.loop.now();
  if (has_bad_field()) return refuse(BadHead::FieldValue, kMalformed);
  const Verdict verdict = builder_.finish(end_stream, connection_->peer_.tls != nullptr);
  if (!verdict.ok()) return verdict;
  if (builder_.is_tunnel()) {
    const auto key = websocket_key();
    builder_.add_websocket_key({key.data(), key.size()});
  }
  connection_->peer_.settle_claims(context_, head_, client_, client_ip_);
  return verdict;
}

void Http2ServerStream::lose(Error error) {
  const bool whole = has_ended() && is_written();
  Http2Stream::on_closed(error);
  if (!whole && !reset_ && gone_) gone_(gone_context_);
}

// Returns what the client must be told of a stream that is still open when its exchange has ended.
std::uint32_t Http2ServerStream::closing_code() const {
  if (head_sent_ && is_written() && !reset_) return NGHTTP2_NO_ERROR;  // RFC 9113 8.1
  return stalled() ? NGHTTP2_CANCEL : NGHTTP2_INTERNAL_ERROR;
}

// --- request body ---------------------------------------------------------------------------

Result<Flow> Http2ServerStream::try_read_body(BodyChunk& chunk) {
  if (!before_tunnel()) return try_read(chunk);
  chunk = {{}, true};
  return Flow::Done;
}

Task<Result<BodyChunk>> Http2ServerStream::read_body() {
  const bool tunnel = tunnel_idle_.count() > 0;
  // A gRPC stream may be silent for long: its caller's deadline or stream_idle ends it.
  const bool patient = tunnel || is_grpc_call(head_);
  const Nanoseconds idle = tunnel ? tunnel_idle_ : kGrpcSilence;
  for (;;) {
    BodyChunk chunk;
    const auto flow = try_read(chunk);
    if (!flow) co_return flow.error();
    if (*flow == Flow::Done) co_return chunk;
    // The client owes body_min_rate bytes per second on average, after a grace (tests/HARDENING.md
    // R02).
    const auto earned = Seconds(bytes_read() / std::max(1u, context_.limits.body_min_rate));
    const TimePoint deadline = patient
                                   ? last_moved() + idle
                                   : body_started_ + context_.limits.body_min_rate_grace + earned;
    const net::Wait wait = co_await readable().wait(deadline);
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Downstream};
    const bool moved = patient && last_moved() + idle > context_.loop.now();
    if (wait == net::Wait::Timeout && !moved) co_return Error{Errc::Timeout, Side::Downstream};
  }
}

// --- response -------------------------------------------------------------------------------

Result<Flow> Http2ServerStream::write_informational(const ResponseHead& head) {
  if (is_closed()) return Error{Errc::Reset, Side::Downstream};
  if (most_bytes(head, {}, &HpackWriter::most) > Http2Session::kMostHead)
    return Error{Errc::TooLarge, Side::Local};
  Http2List list(Http2Indexing::Never);
  list.status(head.status);
  write_end_to_end(head, list);
  if (!connection_->submit_interim(*this, list.fields()))
    return Error{Errc::Reset, Side::Downstream};
  return Flow::Done;
}

Result<Flow> Http2ServerStream::write_head(const ResponseHead& head, ResponseExtras extras,
                                           BodyChunk first) {
  if (is_closed()) return error().value_or(Error{Errc::Reset, Side::Downstream});
  const std::size_t most = HpackWriter::most({}, {}) + most_bytes(head, extras, &HpackWriter::most);
  if (most > Http2Session::kMostHead) return Error{Errc::TooLarge, Side::Local};
  const bool tunnel = head.status == 101;
  // A 2xx would say that the tunnel stands (RFC 8441 5).
  const bool declined = builder_.is_tunnel() && !tunnel && head.status / 100 == 2;
  const int status = tunnel ? 200 : declined ? 502 : head.status;
  if (head.framing == Framing::None) first.data = {};
  const bool has_body = set_first(first);
  head_sent_ = true;
  const auto write = [&](auto& out) { write_response(status, head, extras, out); };
  bool queued = false;
  if (most <= Http2Session::kMostBlock) {
    queued =
        connection_->submit_response(*this, Http2Session::WriteBlock(std::cref(write)), has_body);
  } else {  // more than a frame: nghttp2 makes CONTINUATION frames of it
    Http2List list(Http2Indexing::Never);
    write(list);
    queued = connection_->submit_response(*this, list.fields(), has_body);
  }
  if (!queued) return Error{Errc::Reset, Side::Downstream};
  return sent_state();
}

Task<Result<void>> Http2ServerStream::flush() {
  const auto flushed = co_await flush_outgoing(context_.limits.client_write_stall);
  if (!flushed && stalled()) context_.on_http2_abuse(Http2Abuse::StalledWindow);
  co_return flushed;
}

// A gRPC caller takes its answer from the grpc-status, in a head without a body (gRPC
// "Trailers-Only").
Task<Result<void>> Http2ServerStream::reply_locally(int status, std::string_view text,
                                                    std::string_view request_id) {
  if (is_closed()) co_return Error{Errc::Reset, Side::Downstream};
  Http2List list(Http2Indexing::Never);
  BodyChunk body{{}, true};
  if (is_grpc_call(head_) && status != 200) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    list.status(200);
    list.field("content-type", "application/grpc");
    list.field("grpc-status", grpc_status_of(status));
    list.field("grpc-message", text);
  } else {
    list.status(status);
    write_local_fields({status, text, true, true, request_id}, list);
    if (head_.method != Method::Head) body.data = text;
  }
  head_sent_ = true;
  const bool has_body = set_first(body);
  const bool sent = connection_->submit_response(*this, list.fields(), has_body);
  if (!sent) co_return Error{Errc::Reset, Side::Downstream};
  co_return co_await flush();
}

void Http2ServerStream::reset() {
  reset_ = true;
  if (!is_closed()) connection_->reset_stream(id(), closing_code());
}

void Http2ServerStream::cancel() {
  readable().cancel();
  writable().cancel();
}

}  // namespace cutwater::http
