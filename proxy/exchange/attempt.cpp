#include "proxy/exchange/attempt.hpp"

#include <algorithm>

#include "proxy/http/grpc.hpp"

namespace cutwater::exchange {

using http::ResponseHead;
using net::Flow;
using stats::Outcome;

namespace {

constexpr int kSendAgain = 2;    // to the same endpoint, when it has not acted on the request
constexpr int kMaxInterim = 10;  // 1xx heads forwarded per response (hardening U11)

}  // namespace

Attempt::Attempt(ExchangeContext& context, http::DownstreamStream& downstream, AttemptTarget target,
                 TimePoint started)
    : context_(context), down_(downstream), target_(target), started_(started) {
  down_.on_gone(&on_client_gone, this);
}

Attempt::~Attempt() {
  down_.on_gone(nullptr, nullptr);
}

void Attempt::on_client_gone(void* self) {
  auto* attempt = static_cast<Attempt*>(self);
  attempt->client_gone_ = true;
  if (attempt->lease_) attempt->lease_->cancel();
}

upstream::PoolTimeouts Attempt::pool_timeouts() const {
  const config::Timeouts& timeouts = target_.service->timeouts;
  return {timeouts.connect, timeouts.upstream_idle, timeouts.stream_idle, down_.client().addresses,
          !down_.head().upgrade.empty()};
}

// The head of the response is due within response_head; `request` bounds all attempts together,
// but for an upload, which takes as long as it takes and is never sent twice.
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
  const auto connected = co_await context_.pool.connect(*target_.endpoint, pool_timeouts(), lease_);
  connected_ = connected.has_value();
  if (!connected_) error_ = blame(connected.error());
  co_return connected_;
}

Task<void> Attempt::send_and_await_head(AttemptRequest request) {
  grpc_ = http::is_grpc_call(*request.head);
  co_await try_once(request);
  for (int again = 0; again < kSendAgain && may_send_again(request); ++again) {
    error_.reset();
    waited_ = true;
    const auto fresh = co_await context_.pool.connect(*target_.endpoint, pool_timeouts(), lease_);
    if (!fresh) {
      connected_ = false;
      error_ = blame(fresh.error());
      co_return;
    }
    co_await try_once(request);
  }
}

// The upstream has not acted on it, or it is idempotent and the connection was going already.
bool Attempt::may_send_again(const AttemptRequest& request) const {
  if (!error_ || client_gone_ || uploading_ || !request.first.end_stream) return false;
  const bool refused = error_->retry_safe && error_->code == Errc::Reset;
  return refused || (went_stale() && http::is_idempotent(request.head->method));
}

// RFC 9112 9.3.1: the server may close an idle connection while our request is on its way.
// (RFC 9113 8.7: a refused stream was not acted on; its error says so.)
bool Attempt::went_stale() const {
  return lease_ && lease_->reused() && !lease_->response_started() && !client_gone_ &&
         (error_->code == Errc::Reset || error_->code == Errc::Closed);
}

Task<void> Attempt::try_once(AttemptRequest request) {
  const auto sent = lease_->write_head(*request.head, request.forward, request.first);
  if (sent && *sent == Flow::Blocked) {
    const auto flushed = co_await lease_->flush();
    if (!flushed) error_ = flushed.error();
  } else if (!sent) {
    error_ = sent.error();
  }
  // A failed write may still have an answer waiting behind it (413, then close): read on.
  if (error_ && error_->side == Side::Local) co_return;
  if (!error_ && !request.first.end_stream) {
    uploading_ = true;
    upload_.start(pump_upload(down_, *lease_, context_.loop, upload_state_));
  }
  const auto head = co_await await_final_head(request.head);
  client_delay_ += upload_state_.blocked_by_client;
  if (!head)
    error_ = blame(error_ && head.error().code != Errc::TlsFailed ? *error_ : head.error());
  else if (accept_head(**head))
    error_.reset();
}

// Looks at the body before the client is told anything: a response that is broken already can
// still become another attempt, or a clean 502.
bool Attempt::accept_head(const ResponseHead& head) {
  if (head.status != 101) {
    const auto read = lease_->try_read_body(first_chunk_);
    if (!read) {
      error_ = read.error();
      return false;
    }
    if (*read == Flow::Blocked) first_chunk_ = {};
  }
  head_ = &head;
  status_ = head.status;
  // Of a gRPC call nobody can tell whether it streams: it is timed to its first answer, which is
  // the whole of a unary one.
  if (grpc_) grpc_status_ = http::grpc_status(head.fields);
  const bool may_stream = grpc_ && !first_chunk_.end_stream;
  endless_ = head.status == 101 || is_event_stream(head) || may_stream;
  if (endless_) head_at_ = Clock::now();
  return true;
}

// A wait on the upstream that was cut short has its cause elsewhere: the client went away, or its
// upload broke off. The version is not to blame.
Error Attempt::blame(Error error) const {
  if (client_gone_) return {Errc::Reset, Side::Downstream};
  const bool upload_failed = upload_state_.error && upload_state_.error->side == Side::Downstream;
  return error.code == Errc::Cancelled && upload_failed ? *upload_state_.error : error;
}

// Passes interim responses on and returns the final one.
Task<Result<const ResponseHead*>> Attempt::await_final_head(const http::RequestHead* request) {
  for (int interim = 0;; ++interim) {
    Result<const ResponseHead*> head = nullptr;
    if (uploading_)
      head = co_await await_head_after_upload();
    else
      head = co_await lease_->read_head(head_deadline(context_.loop.now()));
    if (!head) co_return head.error();
    const ResponseHead& response = **head;
    if (response.status >= 200) co_return head;
    if (response.status == 101) {
      if (request->upgrade.empty() || !http::iequals(response.upgrade, request->upgrade))
        co_return Error{Errc::Protocol, Side::Upstream};  // RFC 9110 15.2.2
      co_return head;
    }
    if (interim == kMaxInterim) co_return Error{Errc::Protocol, Side::Upstream};
    const auto sent = down_.write_informational(response);
    if (!sent) co_return sent.error();
    if (*sent == Flow::Blocked) {
      const auto flushed = co_await down_.flush();
      if (!flushed) co_return flushed.error();
    }
  }
}

// While the request is still being uploaded its head cannot be late; the clock starts when the
// upload has ended. (A stalled upload ends by the client's or the upstream's own limits.)
Task<Result<const ResponseHead*>> Attempt::await_head_after_upload() {
  TimePoint deadline = head_deadline(context_.loop.now());
  for (;;) {
    const auto head = co_await lease_->read_head(deadline);
    if (head || head.error().code != Errc::Timeout) co_return head;
    const TimePoint due =
        head_deadline(upload_state_.done ? upload_state_.finished : context_.loop.now());
    if (due <= context_.loop.now()) co_return head;
    deadline = due;
  }
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

// An answer without a status is no answer: to its caller the call has failed (UNKNOWN). Before its
// end, it may still come.
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

// A stream that may be silent was, for too long or until its caller's deadline: as of a tunnel,
// that is no failure of the version, unless the operator counts DEADLINE_EXCEEDED.
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
  // What is left of an abandoned response costs the connection, unless it is all here already.
  if (lease_ && head_ && !error_) {
    http::BodyChunk rest;
    static_cast<void>(lease_->try_read_body(rest));
  }
  head_ = nullptr;  // its memory goes back with the connection
  lease_.release();
}

Outcome outcome_of(const Error& error, bool connected) {
  if (error.side != Side::Upstream || error.code == Errc::Cancelled) return Outcome::ClientAbort;
  if (error.code == Errc::TlsFailed) return Outcome::TlsFailed;
  // Also of an h2 connection whose first bytes are none of HTTP/2, before anything was sent on it.
  if (error.code == Errc::Protocol || error.code == Errc::TooLarge) return Outcome::Protocol;
  if (!connected) return Outcome::ConnectFailed;
  if (error.code == Errc::Timeout) return Outcome::Timeout;
  return Outcome::Reset;
}

stats::AttemptResult Attempt::result() const {
  stats::AttemptResult result;
  result.ticket = target_.ticket;
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
  }
  return result;
}

}  // namespace cutwater::exchange
