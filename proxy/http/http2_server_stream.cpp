// One request on an HTTP/2 connection, as its exchange sees it. Connection: http2_server.cpp.
#include <algorithm>
#include <charconv>

#include "proxy/base/random.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/http2_server.hpp"

namespace cutwater::http {

namespace {

constexpr Nanoseconds kGrpcSilence = Seconds(3600);

// 16 random bytes in base64: RFC 6455 4.1.
std::array<char, 24> websocket_key() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<char, 24> key{};
  for (std::size_t i = 0; i < 21; ++i) key[i] = kDigits[thread_random().below(64)];
  key[21] = "AQgw"[thread_random().below(4)];  // the last digit carries two bits
  key[22] = key[23] = '=';
  return key;
}

// Lines of a head in HTTP/1's words, without what HTTP/2 says in other ways.
void add_lines(std::string_view text, const ResponseHead& head, H2List& list) {
  const bool made_up_length =
      head.framing == Framing::Length && head.fields.find(FieldId::ContentLength) == nullptr;
  H2Line line;
  while (take_line(text, line)) {
    if (is_http1_only(line.name)) continue;
    const FieldId id = field_id(line.name);
    if (made_up_length && id == FieldId::ContentLength) continue;
    // RFC 8441 5: the handshake's proof is HTTP/1's.
    if (head.status == 101 && iequals(line.name, "sec-websocket-accept")) continue;
    list.add(line.name, line.value);
  }
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
  bad_field_ = head_sent_ = reset_ = false;
  tunnel_idle_ = Nanoseconds(0);
  gone_ = nullptr;
  client_ = connection.peer_.client();
}

Verdict Http2ServerStream::complete_head(bool end_stream) {
  body_started_ = context_.loop.now();
  if (bad_field_) return refuse(BadHead::FieldValue, kMalformed);
  const Verdict verdict = builder_.finish(end_stream, connection_->peer_.tls != nullptr);
  if (!verdict.ok()) return verdict;
  if (builder_.is_tunnel()) {
    const auto key = websocket_key();
    builder_.add_websocket_key({key.data(), key.size()});
  }
  if (client_.trusted_peer)
    if (const std::string_view ip = forwarded_client(head_); !ip.empty())
      client_.client_ip = client_ip_.assign(ip);
  return verdict;
}

void Http2ServerStream::lose(Error error) {
  const bool whole = has_ended() && is_written();
  Http2Stream::on_closed(error);
  if (!whole && !reset_ && gone_) gone_(gone_context_);
}

// Behind the exchange: what the client must be told of a stream that is still open.
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
    // The client owes body_min_rate bytes per second on average, after a grace (hardening R02).
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
  HeadWriter out(context_.scratch);
  http::write_informational(head, out);
  if (out.overflow()) return Error{Errc::TooLarge, Side::Local};
  std::string_view text = out.text();
  H2List list;
  list.add(":status", take_start_line(text).substr(9, 3));
  add_lines(text, head, list);
  if (!connection_->submit_interim(*this, list.fields()))
    return Error{Errc::Reset, Side::Downstream};
  connection_->produce();
  return Flow::Done;
}

Result<Flow> Http2ServerStream::write_head(const ResponseHead& head, ResponseExtras extras,
                                           BodyChunk first) {
  if (is_closed()) return error().value_or(Error{Errc::Reset, Side::Downstream});
  const bool tunnel = head.status == 101;
  HeadWriter out(context_.scratch);
  write_downstream_response(head, extras, out);
  if (out.overflow()) return Error{Errc::TooLarge, Side::Upstream};
  std::string_view text = out.text();
  const std::string_view status = take_start_line(text).substr(9, 3);
  H2List list;
  // RFC 8441 5: 2xx would say that the tunnel stands.
  const bool declined = builder_.is_tunnel() && !tunnel && head.status / 100 == 2;
  list.add(":status", tunnel ? "200" : declined ? "502" : status);
  add_lines(text, head, list);
  if (list.overflow()) return Error{Errc::TooLarge, Side::Upstream};
  if (head.framing == Framing::None) first.data = {};
  const bool has_body = set_first(first);
  head_sent_ = true;
  if (!connection_->submit_response(*this, list.fields(), has_body))
    return Error{Errc::Reset, Side::Downstream};
  connection_->produce();
  return sent_state();
}

Task<Result<void>> Http2ServerStream::flush() {
  const auto flushed = co_await flush_outgoing(context_.limits.client_write_stall);
  if (!flushed && stalled()) context_.on_http2_abuse(Http2Abuse::StalledWindow);
  co_return flushed;
}

// To a gRPC caller the answer is its status, in a head without a body (gRPC "Trailers-Only").
Task<Result<void>> Http2ServerStream::reply_locally(int status, std::string_view text,
                                                    std::string_view request_id) {
  if (is_closed()) co_return Error{Errc::Reset, Side::Downstream};
  HeadWriter out(context_.scratch);
  H2List list;
  BodyChunk body{{}, true};
  if (is_grpc_call(head_) && status != 200) {
    while (text.ends_with('\n')) text.remove_suffix(1);
    list.add(":status", "200");
    list.add("content-type", "application/grpc");
    list.add("grpc-status", grpc_status_of(status));
    list.add("grpc-message", text);
  } else {
    write_local_reply({status, text, true, true, request_id}, out);
    std::string_view lines = out.text();
    list.add(":status", take_start_line(lines).substr(9, 3));
    H2Line line;
    while (take_line(lines, line))
      if (field_id(line.name) != FieldId::ContentLength) list.add(line.name, line.value);
    if (head_.method != Method::Head) body.data = text;
  }
  head_sent_ = true;
  const bool has_body = set_first(body);
  const bool sent = connection_->submit_response(*this, list.fields(), has_body);
  if (!sent) co_return Error{Errc::Reset, Side::Downstream};
  connection_->produce();
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
