#include "proxy/exchange/attempt.hpp"

#include <algorithm>

#include "proxy/http/grpc.hpp"
#include "proxy/http/h2/http2_head.hpp"

namespace cutwater::exchange {

using http::ResponseHead;
using net::Flow;
using stats::Outcome;

namespace {

constexpr int kSends = 3;        // sends to the same endpoint, while the endpoint has not acted on
                                 // the request
constexpr int kMaxInterim = 10;  // 1xx heads forwarded per response (tests/HARDENING.md U11)

}  // namespace

Attempt::Attempt(ExchangeContext& context, http::DownstreamStream& downstream, AttemptTarget target,
                 TimePoint started)
    : context_(context), down_(downstream), target_(target), started_(started) {
  down_.on_gone(&on_client_gone, this);
  down_.on_half_closed(&on_client_half_closed, this);
}

Attempt::~Attempt() {
  down_.on_gone(nullptr, nullptr);
  down_.on_half_closed(nullptr, nullptr);
}

void Attempt::on_client_gone(void* self) {
  auto* attempt = static_cast<Attempt*>(self);
  attempt->client_gone_ = true;
  if (attempt->lease_) attempt->lease_->cancel();
}

// A client that ends its direction after its request may wait for the answer, so the attempt goes
// on. Most of them have given up, and those who have not have waited as long: either way the
// version is slower than every limit below that time, and whether it hangs would be known only when
// the answer is due.
void Attempt::on_client_half_closed(void* self) {
  auto* attempt = static_cast<Attempt*>(self);
  const TimePoint now = attempt->context_.loop.now();
  const auto waited = attempt->waited_for_head(now);
  if (!waited || !attempt->target_.judged || attempt->status_ != 0 || attempt->error_) return;
  stats::AttemptResult so_far;
  so_far.outcome = Outcome::ClientAbort;
  so_far.given_up = true;
  so_far.latency = attempt->told_ = *waited;
  so_far.client = attempt->target_.client;
  so_far.ticket = attempt->target_.ticket;
  attempt->target_.version->monitor->note_waiting(attempt->context_.worker, so_far, now);
}

// The time since the last byte of the request was sent; nullopt while it is being sent.
std::optional<Nanoseconds> Attempt::waited_for_head(TimePoint until) const {
  if (whole_ && sent_at_ != TimePoint{}) return until - sent_at_;
  if (!whole_ && upload_state_.done && !upload_state_.error) return until - upload_state_.finished;
  return std::nullopt;
}

upstream::PoolTimeouts Attempt::pool_timeouts() const {
  const config::Timeouts& timeouts = target_.service->timeouts;
  upstream::PoolTimeouts out{timeouts.connect, timeouts.upstream_idle, timeouts.stream_idle,
                             down_.client().addresses, !down_.head().upgrade.empty()};
  // A server that has said too much once will do so again.
  const bool caught =
      target_.service->reuse == config::Reuse::Auto && target_.endpoint->desyncs() > 0;
  out.rest = caught || target_.service->reuses_safely();
  return out;
}

// The head of the response is due within response_head. `request` bounds all attempts together,
// except for an upload: it may take as long as it needs and is never sent twice.
TimePoint Attempt::head_deadline(TimePoint from) const {
  const TimePoint due = from + target_.service->timeouts.response_head;
  if (target_.deadline_is_whole) return target_.head_due;
  return uploading_ ? due : std::min(due, target_.head_due);
}

bool Attempt::try_reuse() {
  lease_ = context_.pool.try_reuse(*target_.endpoint, pool_timeouts());
  connected_ = static_cast<bool>(lease_);
  return connected_;
}

Task<bool> Attempt::connect() {
  waited_ = true;
  error_.reset();
  const auto connected = co_await context_.pool.connect(*target_.endpoint, pool_timeouts(), lease_);
  connected_ = connected.has_value();
  if (!connected_) error_ = blame(connected.error());
  co_return connected_;
}

// The upstream has not acted on the request, or the request is idempotent and the connection had
// been used before.
bool Attempt::may_send_again() const {
  if (!error_ || client_gone_ || !whole_ || sends_ >= kSends) return false;
  const bool refused = error_->retry_safe && error_->code == Errc::Reset;
  return refused || (went_stale() && http::is_idempotent(down_.head().method));
}

// RFC 9112 9.3.1: the server may close an idle connection while our request is on its way.
// (RFC 9113 8.7: a refused stream was not acted on; its error says so.)
bool Attempt::went_stale() const {
  return lease_ && lease_->reused() && !lease_->response_started() && !client_gone_ &&
         (error_->code == Errc::Reset || error_->code == Errc::Closed);
}

void Attempt::send(const http::ForwardInfo& info, http::BodyChunk first) {
  ++sends_;
  grpc_ = http::is_grpc_call(down_.head());
  whole_ = first.end_stream;
  const auto sent = lease_->write_head(down_.head(), info, first);
  blocked_ = sent && *sent == Flow::Blocked;
  if (!sent) error_ = sent.error();
}

Task<void> Attempt::await_head() {
  if (blocked_) {
    const auto flushed = co_await lease_->flush();
    if (!flushed) error_ = flushed.error();
  }
  if (!error_ && whole_) sent_at_ = context_.loop.now();
  // A failed write may still have an answer waiting behind it (413, then close), so read on.
  if (error_ && error_->side == Side::Local) co_return;
  if (!error_ && !whole_) {
    uploading_ = true;
    upload_.start(pump_upload(down_, *lease_, context_.loop, upload_state_));
  }
  TimePoint due = head_deadline(context_.loop.now());
  for (int interim = 0;;) {
    const auto head = co_await lease_->read_head(due);
    if (!head && may_still_come(head.error(), due)) continue;
    const auto wrong = head ? wrong_head(**head, interim++) : head.error();
    if (wrong) {
      fail(*wrong);
      break;
    }
    if (http::is_final(**head)) {
      Result<Flow> body = try_first_chunk(**head);
      if (body && *body == Flow::Blocked && (*head)->status != 101) {
        // Many servers write head and body one after the other: most bodies are here by the next
        // turn, and then leave with their head.
        co_await context_.loop.yield();
        body = try_first_chunk(**head);
        if (client_gone_) body = Error{Errc::Cancelled, Side::Local};
      }
      if (body)
        accept_head(**head);
      else
        error_ = blame(body.error());
      break;
    }
    const auto passed_on = down_.write_informational(**head);
    Result<void> flushed;
    if (passed_on && *passed_on == Flow::Blocked) flushed = co_await down_.flush();
    if (!passed_on || !flushed) {
      fail(passed_on ? flushed.error() : passed_on.error());
      break;
    }
    due = head_deadline(context_.loop.now());
  }
  client_delay_ += upload_state_.blocked_by_client;
}

void Attempt::fail(Error error) {
  error_ = blame(error_ && error.code != Errc::TlsFailed ? *error_ : error);
}

// While the request is still being uploaded its head cannot be late, so the clock starts when the
// upload has ended. (The limits of the client or of the upstream end a stalled upload.)
bool Attempt::may_still_come(const Error& error, TimePoint& due) const {
  if (!uploading_ || error.code != Errc::Timeout) return false;
  due = head_deadline(upload_state_.done ? upload_state_.finished : context_.loop.now());
  return due > context_.loop.now();
}

bool Attempt::proves_websocket(const ResponseHead& head) const {
  const http::Field* key = down_.head().fields.find("sec-websocket-key");
  const http::Field* proof = head.fields.find("sec-websocket-accept");
  if (!key || !proof) return false;
  const http::WebSocketAccept right = http::websocket_accept(key->value);
  return proof->value == std::string_view(right.data(), right.size());
}

std::optional<Error> Attempt::wrong_head(const ResponseHead& head, int interim) const {
  const std::string_view asked = down_.head().upgrade;
  const bool switches = head.status == 101;
  // RFC 9110 15.2.2
  const bool unasked = switches && (asked.empty() || !http::iequals(head.upgrade, asked));
  // RFC 8441 5: over HTTP/2 the client gets no proof that this is a WebSocket. It is ours to check.
  const bool unproven = switches && down_.head().major_version == 2 && !proves_websocket(head);
  const bool too_many = !http::is_final(head) && interim == kMaxInterim;
  if (unasked || unproven || too_many) return Error{Errc::Protocol, Side::Upstream};
  return std::nullopt;
}

// Looks at the body before the client is told anything: a response that is broken already can
// still become another attempt, or a clean 502.
Result<Flow> Attempt::try_first_chunk(const ResponseHead& head) {
  Result<Flow> read = Flow::Blocked;  // the bytes of a tunnel are not a body
  if (head.status != 101) read = lease_->try_read_body(first_chunk_);
  if (!read || *read == Flow::Blocked) first_chunk_ = {};
  return read;
}

void Attempt::accept_head(const ResponseHead& head) {
  error_.reset();
  head_ = &head;
  status_ = head.status;
  // Nobody can tell whether a gRPC call streams, so the call is timed to its first answer, which is
  // the whole answer of a unary call.
  if (grpc_) grpc_status_ = http::grpc_status(head.fields);
  const bool may_stream = grpc_ && !first_chunk_.end_stream;
  endless_ = head.status == 101 || is_event_stream(head) || may_stream;
  if (endless_) head_at_ = Clock::now();
}

// A wait on the upstream that was cut short has its cause elsewhere: the client went away, or its
// upload broke off. The version is not to blame.
Error Attempt::blame(Error error) const {
  if (client_gone_) return {Errc::Reset, Side::Downstream};
  const bool upload_failed = upload_state_.error && upload_state_.error->side == Side::Downstream;
  return error.code == Errc::Cancelled && upload_failed ? *upload_state_.error : error;
}

int Attempt::status_for_client() const {
  if (!error_) return 0;
  switch (error_->code) {
    case Errc::Timeout:
      return error_->side == Side::Downstream ? 408 : 504;
    case Errc::Protocol:
      return error_->side == Side::Downstream ? 400 : 502;
    case Errc::TooLarge:
      return error_->side == Side::Downstream ? 413 : 502;
    case Errc::Overload:
    case Errc::NoEndpoint:
    case Errc::Cancelled:
      return 503;
    case Errc::Refused:
    case Errc::TlsFailed:
    case Errc::Closed:
    case Errc::Reset:
      return error_->side == Side::Downstream ? 0 : 502;
  }
  return 502;
}

void Attempt::complete(const http::FieldList* trailers) {
  ended_ = Clock::now();
  if (grpc_ && trailers && !grpc_status_) grpc_status_ = http::grpc_status(*trailers);
}

// An answer without a status does not count as an answer: its caller sees a failed call (UNKNOWN).
// Before the answer has ended, the status may still come.
bool Attempt::is_grpc_error() const {
  constexpr unsigned kUnknown = 2;
  const bool over = ended_ != TimePoint{};
  if (!grpc_ || status_ != 200 || (!over && !grpc_status_)) return false;
  return (target_.service->grpc.error_codes >> grpc_status_.value_or(kUnknown) & 1U) != 0;
}

void Attempt::fail_response(Error error, http::DownstreamStream& downstream) {
  ended_ = Clock::now();
  error_ = blame(error);
  if (is_mere_silence()) error_->side = Side::Local;
  downstream.reset();
}

// A stream that may be silent was silent for too long, or until its caller's deadline. As with a
// tunnel, that is no failure of the version, unless the operator counts DEADLINE_EXCEEDED.
bool Attempt::is_mere_silence() const {
  constexpr unsigned kDeadlineExceeded = 4;
  if (!endless_ || error_->code != Errc::Timeout || error_->side != Side::Upstream) return false;
  const bool late = target_.deadline_is_whole && ended_ >= target_.head_due;
  return !late || (target_.service->grpc.error_codes >> kDeadlineExceeded & 1U) == 0;
}

void Attempt::cut_short() {
  ended_ = Clock::now();
  error_ = {Errc::Cancelled, Side::Local};
}

void Attempt::give_up_unused() {
  unused_ = true;
  ended_ = Clock::now();
}

Task<void> Attempt::stop_upload() {
  upload_state_.stop = true;
  down_.cancel_read();
  lease_->cancel_write();
  co_await upload_.join();
}

void Attempt::end() {
  if (ended_ == TimePoint{}) ended_ = Clock::now();
  // What is left of an abandoned response costs the connection, unless all of the response is here
  // already.
  if (lease_ && head_ && !error_) {
    http::BodyChunk rest;
    static_cast<void>(lease_->try_read_body(rest));
  }
  head_ = nullptr;  // its memory goes back with the connection
  lease_.release();
}

Outcome outcome_of(const Error& error, bool connected) {
  if (error.code == Errc::TooLarge && error.side == Side::Local) return Outcome::TooLarge;
  if (error.side != Side::Upstream || error.code == Errc::Cancelled) return Outcome::ClientAbort;
  if (error.code == Errc::TlsFailed) return Outcome::TlsFailed;
  // This also holds for an h2 connection whose first bytes are not HTTP/2, before anything was sent
  // on it.
  if (error.code == Errc::Protocol || error.code == Errc::TooLarge) return Outcome::Protocol;
  if (!connected) return Outcome::ConnectFailed;
  if (error.code == Errc::Timeout) return Outcome::Timeout;
  return Outcome::Reset;
}

// The client has gone while it waited, for the head of the response or for the rest of it. During
// its own upload it waits for nobody.
bool Attempt::is_given_up() const {
  if (unused_ || !error_ || error_->side != Side::Downstream) return false;
  return waited_for_head(ended_) && (status_ != 0 || client_gone_);
}

stats::AttemptResult Attempt::result() const {
  stats::AttemptResult result;
  result.ticket = target_.ticket;
  result.told = told_;
  result.status = status_;
  result.latency = ended_ - started_ - client_delay_;
  if (status_ == 101) result.latency_valid = false;
  if (endless_) result.latency = head_at_ - started_;
  if (unused_) {
    result.outcome = Outcome::ClientAbort;
  } else if (!error_) {
    result.outcome = result.status >= 500 ? Outcome::Status5xx : Outcome::Success;
    if (is_grpc_error()) result.outcome = Outcome::GrpcStatus;
  } else {
    result.outcome = outcome_of(*error_, connected_);
    result.given_up = is_given_up();
    if (result.given_up_waiting()) result.latency = *waited_for_head(ended_);
  }
  return result;
}

}  // namespace cutwater::exchange
