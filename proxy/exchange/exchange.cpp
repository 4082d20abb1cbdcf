#include "proxy/exchange/exchange.hpp"

#include <array>

#include "proxy/exchange/attempt.hpp"
#include "proxy/exchange/body_pump.hpp"
#include "proxy/exchange/cohort_watch.hpp"
#include "proxy/exchange/forward_info.hpp"
#include "proxy/exchange/side_guards.hpp"
#include "proxy/exchange/trace_ids.hpp"
#include "proxy/http/caching.hpp"
#include "proxy/http/forwarding.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/h1/head_parser.hpp"
#include "proxy/http/target.hpp"
#include "proxy/routing/route_table.hpp"
#include "proxy/upstream/load_balancer.hpp"

namespace cutwater::exchange {
namespace {

using http::BodyChunk;
using http::ResponseHead;
using net::Flow;
using routing::VersionSnapshot;
using stats::Outcome;

constexpr unsigned kMaxAttempts = 3;

// Describes an answer that the proxy gives by itself.
struct LocalAnswer {
  int status;
  std::string_view text;
};
constexpr LocalAnswer kBadBody{400, "bad request body\n"};
constexpr LocalAnswer kNoEndpoint{503, "no endpoint is available\n"};

class Exchange {
 public:
  static Task<void> run(ExchangeContext& context, http::DownstreamStream& downstream);

 private:
  Exchange(ExchangeContext& context, http::DownstreamStream& downstream)
      : context_(context), down_(downstream), head_(downstream.head()) {}

  // The functions stand in the order of the request's path.
  void begin();
  std::optional<LocalAnswer> local_answer();
  bool find_route();
  Result<Flow> hold_body();
  Task<void> answer_broken_body(Error error);
  void decide();
  bool pick_endpoint();
  Task<void> try_versions();
  bool decision_went_stale() const;
  std::optional<LocalAnswer> decide_anew();
  bool replayable(const Attempt& attempt) const;
  bool try_elsewhere(const Attempt& attempt);
  bool take_retry();
  Task<void> forward(Attempt& attempt);
  Result<Flow> send_head(const ResponseHead& response, BodyChunk first);
  Task<DownloadResult> tunnel(Attempt& attempt);
  Task<void> answer_failure(const Attempt& attempt);
  Task<void> reply(LocalAnswer answer);
  void record(const Attempt& attempt);
  void finish();
  void offer_to_mirror();

  const routing::ServiceSnapshot& service() const { return *route_->service; }
  const VersionSnapshot& version() const { return service().versions[assignment_.version]; }
  TimePoint head_due() const { return started_ + deadline_.value_or(service().timeouts.request); }
  http::ForwardInfo forward_info() const;

  ExchangeContext& context_;
  http::DownstreamStream& down_;
  const http::RequestHead& head_;

  TimePoint started_;
  std::optional<Nanoseconds> deadline_;  // the caller's own deadline (gRPC)
  std::array<char, 32> made_id_;
  std::string_view request_id_;  // the id a trusted peer gave the request, else made_id_
  std::array<char, 55> traceparent_;
  net::Block target_memory_;  // only when normalisation changed the target
  std::string_view target_;
  Snapshot snapshot_;  // pinned
  const routing::RouteEntry* route_ = nullptr;
  bool ignored_ = false;  // it says nothing about a version
  BodyChunk held_;        // the part of the request body that came with the head

  routing::Assignment assignment_;
  bool assigned_ = false;
  std::uint32_t ticket_ = 0;
  SideGuards side_guards_;
  CohortWatch cohort_;
  const upstream::Endpoint* endpoint_ = nullptr;
  bool cold_ = false;  // one of the endpoint's first requests
  upstream::TriedEndpoints tried_;
  unsigned attempts_ = 0;
  bool holds_retry_ = false;

  // The members below are kept for the log.
  int status_ = 0;
  Outcome outcome_ = Outcome::Success;
  bool reached_version_ = false;
  bool client_left_ = false;
  EndedFor ended_for_ = EndedFor::Nothing;
  std::string_view failed_version_;
  stats::AttemptResult failed_;  // of it
  Nanoseconds upstream_time_{0};
  TimePoint ended_{};
};

Task<void> Exchange::run(ExchangeContext& context, http::DownstreamStream& downstream) {
  Exchange exchange(context, downstream);  // lives in this frame: a request waits in few of them
  exchange.begin();
  const auto answer = exchange.local_answer();
  const Result<Flow> held = answer ? Flow::Done : exchange.hold_body();
  if (answer)
    co_await exchange.reply(*answer);
  else if (!held)
    co_await exchange.answer_broken_body(held.error());
  else
    co_await exchange.try_versions();
  exchange.finish();
}

// --- before any upstream --------------------------------------------------------------------

void Exchange::begin() {
  started_ = Clock::now();
  context_.counters.requests.add();
  context_.counters.exchanges_active.up();
  if (down_.client().client_ip.empty()) context_.counters.unknown_clients.add();
  snapshot_ = context_.snapshot;
  if (http::is_grpc_call(head_)) deadline_ = http::grpc_timeout(head_.fields);
  fill_trace_ids(made_id_, traceparent_);
  request_id_ = http::believed_request_id(head_, down_.client().trusted_peer);
  if (request_id_.empty()) request_id_ = {made_id_.data(), made_id_.size()};
}

// Routes the request, and answers it if it needs no upstream.
std::optional<LocalAnswer> Exchange::local_answer() {
  if (down_.client().tls && !down_.client().tls->may_carry(head_.host))
    return LocalAnswer{421, "this host is served by another TLS session\n"};
  if (!find_route()) {
    context_.counters.bad_requests[static_cast<std::size_t>(http::BadHead::EncodedTraversal)].add();
    return LocalAnswer{400, "bad request target\n"};
  }
  if (!route_) return LocalAnswer{404, "no route for this host and path\n"};
  if (head_.method == http::Method::Options && head_.max_forwards == 0u)
    return LocalAnswer{200, ""};
  return std::nullopt;
}

// Returns false if the target cannot be normalised safely. route_ is empty if no route matches.
bool Exchange::find_route() {
  target_ = head_.target;
  std::string_view path = "/";
  if (target_ != "*") {
    target_memory_ = context_.blocks.borrow();
    const auto normal = http::normalise_target(head_.target, target_memory_.span());
    if (!normal) return false;
    target_ = *normal;
    if (target_.data() != target_memory_.data()) target_memory_.release();
    path = target_.substr(0, target_.find('?'));
  }
  route_ = routing::match_route(**snapshot_, head_.host, path);
  ignored_ = route_ && service().ignores(path);
  return true;
}

// Takes the part of the body that arrived with the head. If that is the whole body, the request can
// be sent again.
Result<Flow> Exchange::hold_body() {
  const auto read = down_.try_read_body(held_);
  if (!read || *read == Flow::Blocked) held_ = {};
  return read;
}

// The body was broken before any upstream heard of the request.
Task<void> Exchange::answer_broken_body(Error error) {
  if (error.code == Errc::Protocol) {
    co_await reply(kBadBody);
    co_return;
  }
  client_left_ = true;
  down_.reset();
}

// --- the one place that decides --------------------------------------------------------------

void Exchange::decide() {
  if (!assigned_) {
    const routing::RequestView view{&head_, down_.client().client_ip};
    assignment_ = routing::assign(service(), view, context_.dice, context_.cookie_ids);
    assigned_ = true;
  }
  if (!side_guards_.admit_flag(assignment_)) routing::fall_to_stable(service(), assignment_);
  guard::Ticket ticket = version().monitor->admit();
  if (ticket != guard::Admission::Admitted && assignment_.version != service().stable) {
    side_guards_.give_up();
    routing::fall_to_stable(service(), assignment_);
    ticket = version().monitor->admit();
  }
  ticket_ = ticket.value;
  side_guards_.admit_route(route_->guard_of(assignment_.version));
  if (attempts_ == 0 && !ignored_) cohort_.enter(context_.worker, service(), assignment_);
}

bool Exchange::pick_endpoint() {
  endpoint_ = upstream::pick_endpoint(version(), context_.pool, tried_, context_.loop.now());
  if (!endpoint_) {  // nothing will be recorded
    version().monitor->leave(ticket_);
    side_guards_.give_up();
    cohort_.give_up(context_.worker);
  }
  cold_ = endpoint_ != nullptr && !ignored_ && endpoint_->warm_up().count(context_.loop.now());
  return endpoint_ != nullptr;
}

// --- attempts --------------------------------------------------------------------------------

Task<void> Exchange::try_versions() {
  for (;;) {
    decide();
    if (!pick_endpoint()) co_return co_await reply(kNoEndpoint);
    ++attempts_;
    reached_version_ = true;
    const AttemptTarget target{
        &service(),         &version(), endpoint_, ticket_, head_due(), deadline_.has_value(),
        assignment_.client, !ignored_};
    Attempt attempt(context_, down_, target, attempts_ == 1 ? started_ : Clock::now());
    bool connected = attempt.try_reuse();
    if (!connected) connected = co_await attempt.connect();
    const bool time_passed = attempt.waited_for_connection() || attempts_ > 1;
    if (connected && time_passed && decision_went_stale()) {
      attempt.give_up_unused();
      attempt.end();
      record(attempt);
      const auto answer = decide_anew();
      if (!answer) continue;
      co_await reply(*answer);
      co_return;
    }
    tried_.add(*endpoint_);
    while (connected) {
      attempt.send(forward_info(), held_);
      co_await attempt.await_head();
      if (!attempt.may_send_again()) break;
      connected = co_await attempt.connect();
    }
    const bool elsewhere = try_elsewhere(attempt);
    if (!elsewhere && attempt.head()) co_await forward(attempt);
    if (!elsewhere && !attempt.head()) co_await answer_failure(attempt);
    if (attempt.is_uploading()) co_await attempt.stop_upload();
    attempt.end();
    record(attempt);
    if (!elsewhere) co_return;
    failed_ = attempt.result();
  }
}

// While this exchange waited, for a connection or for an earlier attempt, the version lost its
// traffic. After the API has answered, no new request may reach that version, so the exchange
// decides again by the new snapshot.
bool Exchange::decision_went_stale() const {
  if (version().monitor->tripped() && assignment_.version != service().stable) return true;
  const bool flagged = assignment_.reason == routing::Reason::Flag;
  if (flagged && !service().has_flag_on(assignment_.flag)) return true;  // its guard shut it
  if (snapshot_.get() == context_.snapshot.get()) return false;
  return !routing::is_still_in_force(service(), assignment_, **context_.snapshot);
}

// Pins the current snapshot and routes again.
std::optional<LocalAnswer> Exchange::decide_anew() {
  failed_version_ = {};  // its name lived in the old snapshot
  endpoint_ = nullptr;
  --attempts_;
  reached_version_ = false;
  snapshot_ = context_.snapshot;
  assigned_ = false;
  return local_answer();
}

bool Exchange::replayable(const Attempt& attempt) const {
  if (attempt.body_consumed()) return false;
  if (attempt.error() && attempt.error()->retry_safe) return true;
  return http::is_idempotent(head_.method) && held_.end_stream;
}

// Tries another endpoint of the same version, or the stable version, when nothing has reached the
// client yet and the request may be sent again. A fallback needs no budget: a request falls back at
// most once, and to another version than the failing one.
bool Exchange::try_elsewhere(const Attempt& attempt) {
  const bool failed = attempt.error() || attempt.head()->status >= 500;
  const bool stopping = attempt.error() && attempt.error()->code == Errc::Cancelled;
  const bool too_late = context_.loop.now() >= head_due();
  if (!failed || stopping || too_late || attempt.client_failed() || attempts_ >= kMaxAttempts ||
      !replayable(attempt))
    return false;
  const bool may_fall_back = assignment_.version != service().stable &&
                             service().fallback == config::Fallback::Stable &&
                             service().versions[service().stable].usable();
  const bool last_chance = attempts_ + 1 == kMaxAttempts && may_fall_back;
  const std::string_view failing = version().name;
  if (attempt.error() && !last_chance &&
      upstream::pick_endpoint(version(), context_.pool, tried_, context_.loop.now()) &&
      take_retry()) {
    context_.counters.retries.add();
  } else if (may_fall_back) {
    routing::fall_to_stable(service(), assignment_);
    context_.counters.fallbacks.add();
  } else {
    return false;
  }
  failed_version_ = failing;
  return true;
}

bool Exchange::take_retry() {
  if (holds_retry_) return true;
  holds_retry_ = context_.retries.try_take(context_.counters.exchanges_active.get());
  if (!holds_retry_) context_.counters.retries_denied.add();
  return holds_retry_;
}

// --- the response ----------------------------------------------------------------------------

Task<void> Exchange::forward(Attempt& attempt) {
  const ResponseHead& response = *attempt.head();
  status_ = response.status;
  std::optional<EndlessExchange> endless;
  if (attempt.is_endless()) {  // nobody can wait for the end of this response
    endless.emplace(context_.endless, version(), attempt.upstream());
    attempt.leave_monitor();
    side_guards_.leave();
    stats::AttemptResult so_far = attempt.result();
    so_far.client = assignment_.client;
    so_far.cold = cold_;
    const TimePoint by =
        attempt.is_grpc() ? context_.loop.now() + CohortWatch::kCallsAreOver : TimePoint{};
    cohort_.leave_by(context_.loop, by, context_.worker, so_far);
  }
  const BodyChunk first = attempt.first_chunk();
  const auto sent = send_head(response, first);
  if (!sent) co_return attempt.fail_response(sent.error(), down_);
  if (*sent == Flow::Blocked) {
    const TimePoint blocked = Clock::now();
    const auto flushed = co_await down_.flush();
    attempt.add_client_delay(Clock::now() - blocked);
    if (!flushed) co_return attempt.fail_response(flushed.error(), down_);
  }
  DownloadResult body;
  body.trailers = first.trailers;
  if (response.status == 101) {
    body = co_await tunnel(attempt);
  } else if (!first.end_stream) {
    const Patience patience(service().timeouts.stream_idle,
                            deadline_ ? head_due() : TimePoint::max());
    body = co_await pump_download(attempt.upstream(), down_, context_.loop, patience);
  }
  attempt.add_client_delay(body.blocked_by_client);
  if (body.error && endless && endless->ended_for() != EndedFor::Nothing) {
    ended_for_ = endless->ended_for();
    context_.counters.endless_ended[static_cast<std::size_t>(ended_for_)].add();
    co_await say_goodbye(down_, response, attempt.is_grpc());
    co_return attempt.cut_short();
  }
  if (body.error) co_return attempt.fail_response(*body.error, down_);
  attempt.complete(body.trailers);
}

Task<DownloadResult> Exchange::tunnel(Attempt& attempt) {
  stats::Gauge& open = version().monitor->tunnels(context_.worker);
  open.up();
  const auto result =
      co_await run_tunnel(down_, attempt.upstream(), context_.loop, service().timeouts.tunnel_idle);
  open.down();
  co_return result;
}

Task<void> Exchange::answer_failure(const Attempt& attempt) {
  const int status = attempt.status_for_client();
  if (status == 0) co_return down_.reset();  // nobody is there to be answered
  const LocalAnswer answer{status, http::reason_phrase(status)};
  co_await reply(answer);
}

Task<void> Exchange::reply(LocalAnswer answer) {
  status_ = answer.status;
  context_.counters.local_replies[static_cast<std::size_t>(answer.status)].add();
  if (answer.status == 503 && route_) service().counters->unavailable.fetch_add(1);
  [[maybe_unused]] const auto sent =
      co_await down_.reply_locally(answer.status, answer.text, request_id_);
}

// --- values for the heads --------------------------------------------------------------------

http::ForwardInfo Exchange::forward_info() const {
  http::ForwardInfo info = forward_info_of(down_.client(), service());
  info.request_id = request_id_;
  info.traceparent = {traceparent_.data(), traceparent_.size()};
  info.target = target_;
  info.fallback_authority = endpoint_->authority();
  return info;
}

Result<Flow> Exchange::send_head(const ResponseHead& response, BodyChunk first) {
  http::ResponseExtras extras;
  extras.version_header = service().version_header;
  extras.version = version().name;
  extras.request_id = request_id_;
  std::array<char, routing::kMostSetCookie> cookie;
  const config::Sticky& sticky = service().sticky;
  if (assignment_.set_cookie && (sticky.cacheable || !http::may_be_kept_for_all(response))) {
    const routing::CookieValue value = service().cookie_key.value(assignment_.new_cookie);
    extras.set_cookie = routing::format_set_cookie(sticky, {value.data(), value.size()},
                                                   http::came_by_https(down_.client()), cookie);
  }
  return down_.write_head(response, extras, first);
}

// --- the end ---------------------------------------------------------------------------------

// Reports to the version on which the attempt was made: once per attempt, whatever happened.
void Exchange::record(const Attempt& attempt) {
  const AttemptTarget& target = attempt.target();
  stats::AttemptResult result = attempt.result();
  result.client = assignment_.client;
  result.cold = cold_;
  outcome_ = result.outcome;
  client_left_ = attempt.client_failed();
  upstream_time_ = result.latency;
  const TimePoint now = ended_ = attempt.ended();
  if (ignored_) {
    target.version->monitor->record_ignored(context_.worker, result.ticket);
    side_guards_.give_up();
  } else {
    target.version->monitor->record(context_.worker, result, now);
    side_guards_.record(context_.worker, result, now);
  }
  cohort_.leave(context_.worker, result, !attempt.waited_for_connection());
  upstream::EndpointStats& endpoint = context_.pool.stats(*target.endpoint);
  if (stats::says_nothing(result.outcome)) return;
  if (result.status == 0)
    upstream::note_failure(endpoint, now);
  else
    upstream::note_success(endpoint);
}

// Offers a copy to the shadow version once the client has its whole answer, so that nothing the
// copy does can delay that answer.
void Exchange::offer_to_mirror() {
  if (!context_.mirror || !reached_version_ || client_left_ || !endpoint_) return;
  if (service().mirror.share == 0 || assignment_.version == service().mirror.version) return;
  context_.mirror->offer({snapshot_, &service(), &head_, held_, forward_info()});
}

void Exchange::finish() {
  offer_to_mirror();
  if (holds_retry_) context_.retries.give_back();
  if (client_left_) context_.counters.client_aborts.add();
  context_.counters.exchanges_active.down();
  if (!context_.log) return;
  LogRecord record = record_of(down_.client());
  record.method = head_.method_text;
  record.host = head_.host;
  record.target = target_;
  record.protocol = down_.protocol();
  record.status = status_;
  record.bytes_in = down_.bytes_received();
  record.bytes_out = down_.bytes_sent();
  record.duration = (reached_version_ ? ended_ : Clock::now()) - started_;
  record.request_id = request_id_;
  record.traceparent =
      http::used_traceparent(head_, {traceparent_.data(), traceparent_.size()}).value;
  if (route_) record.service = service().name;
  if (reached_version_) {
    record.upstream_duration = upstream_time_;
    record.version = version().name;
    record.reason = to_string(assignment_.reason);
    record.flag = assignment_.flag;
    record.rollout = service().rollout;
    record.endpoint = endpoint_ ? std::string_view(endpoint_->url()) : std::string_view();
    record.attempts = attempts_;
    record.failed_version = failed_version_;
    if (!failed_version_.empty()) record.failed_outcome = to_string(failed_.outcome);
    record.failed_status = failed_version_.empty() ? 0 : failed_.status;
    record.outcome = ended_for_ != EndedFor::Nothing ? to_string(ended_for_) : to_string(outcome_);
  }
  context_.log->write(record);
}

}  // namespace

Task<void> run_exchange(ExchangeContext& context, http::DownstreamStream& downstream) {
  return Exchange::run(context, downstream);
}

}  // namespace cutwater::exchange
