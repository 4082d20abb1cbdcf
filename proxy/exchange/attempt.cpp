#include "proxy/exchange/attempt.hpp"

#include <algorithm>

namespace cutwater::exchange {

using http::ResponseHead;
using net::Flow;
using stats::Outcome;

namespace {

constexpr int kMaxInterim = 10;  // 1xx heads forwarded per response (hardening U11)

// A response without an end of its own: its duration says nothing about the version.
bool is_event_stream(const ResponseHead& head) {
  const http::Field* type = head.fields.find(http::FieldId::ContentType);
  constexpr std::string_view kEventStream = "text/event-stream";
  return type && type->value.size() >= kEventStream.size() &&
         http::iequals(type->value.substr(0, kEventStream.size()), kEventStream);
}

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
  return {timeouts.connect, timeouts.upstream_idle, timeouts.stream_idle};
}

// The head of the response is due within response_head; `request` bounds all attempts together,
// but for an upload, which takes as long as it takes and is never sent twice.
TimePoint Attempt::head_deadline(TimePoint from) const {
  const TimePoint due = from + target_.service->timeouts.response_head;
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
  co_await try_once(request);
  const bool may_repeat = error_ && went_stale() && !uploading_ && request.first.end_stream &&
                          http::is_idempotent(request.head->method);
  if (!may_repeat) co_return;
  error_.reset();
  const auto fresh = co_await context_.pool.connect(*target_.endpoint, pool_timeouts(), lease_);
  if (!fresh) {
    connected_ = false;
    error_ = blame(fresh.error());
    co_return;
  }
  co_await try_once(request);
}

// RFC 9112 9.3.1: the server may close an idle connection while our request is on its way.
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
    error_ = blame(error_ ? *error_ : head.error());
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
  endless_ = head.status == 101 || is_event_stream(head);
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

void Attempt::complete() {
  ended_ = Clock::now();
}

void Attempt::fail_response(Error error, http::DownstreamStream& downstream) {
  ended_ = Clock::now();
  error_ = blame(error);
  downstream.reset();
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
  } else if (error_->side != Side::Upstream || error_->code == Errc::Cancelled) {
    result.outcome = Outcome::ClientAbort;
  } else if (error_->code == Errc::TlsFailed) {
    result.outcome = Outcome::TlsFailed;
  } else if (!connected_) {
    result.outcome = Outcome::ConnectFailed;
  } else if (error_->code == Errc::Timeout) {
    result.outcome = Outcome::Timeout;
  } else if (error_->code == Errc::Protocol || error_->code == Errc::TooLarge) {
    result.outcome = Outcome::Protocol;
  } else {
    result.outcome = Outcome::Reset;
  }
  return result;
}

}  // namespace cutwater::exchange
