#include "proxy/exchange/mirror.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "proxy/base/random.hpp"
#include "proxy/exchange/attempt.hpp"
#include "proxy/upstream/load_balancer.hpp"

namespace cutwater::exchange {

using routing::MirrorDrop;
using stats::AttemptResult;
using stats::Outcome;

namespace {

// Nobody reads the answer to a copy; an answer longer than this costs the connection.
constexpr std::size_t kMostDiscarded = 1024 * 1024;
constexpr int kMaxInterim = 10;

// Copies texts into a block, one behind the other.
class Keeper {
 public:
  explicit Keeper(std::span<char> memory) : memory_(memory) {}
  std::string_view operator()(std::string_view text) {
    if (text.size() > memory_.size() - used_) {
      full_ = true;
      return {};
    }
    char* at = memory_.data() + used_;
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    used_ += text.size();
    return {at, text.size()};
  }
  bool full() const { return full_; }

 private:
  std::span<char> memory_;
  std::size_t used_ = 0;
  bool full_ = false;
};

void keep_head(Keeper& keep, const http::RequestHead& from, http::RequestHead& to) {
  to.method = from.method;
  to.method_text = keep(from.method_text);
  to.authority = keep(from.authority);
  to.host = to.authority.substr(0, from.host.size());
  to.minor_version = from.minor_version;
  to.framing = from.framing;
  to.content_length = from.content_length;
  to.expect_continue = false;  // the body is here already
  to.upgrade = {};
  to.connection_names = from.connection_names;
  to.max_forwards = from.max_forwards;
  to.fields.clear();
  for (const http::Field& field : from.fields)
    to.fields.push_back({keep(field.name), keep(field.value), field.id});
}

void keep_forward(Keeper& keep, const http::ForwardInfo& from, http::ForwardInfo& to) {
  to = from;
  to.peer_ip = keep(from.peer_ip);
  to.scheme = keep(from.scheme);
  to.via = keep(from.via);
  to.request_id = keep(from.request_id);
  to.traceparent = keep(from.traceparent);
  to.target = keep(from.target);
  to.drop_cookie = keep(from.drop_cookie);
  to.cert_subject = keep(from.cert_subject);
  to.cert_fingerprint = keep(from.cert_fingerprint);
  to.shadow = true;
}

}  // namespace

struct MirrorSender::Copy {
  Snapshot snapshot;  // keeps the service, the endpoint and the statistics alive
  const routing::ServiceSnapshot* service = nullptr;
  const upstream::Endpoint* endpoint = nullptr;
  routing::MirrorStats* stats = nullptr;
  net::Block memory;
  http::RequestHead head;
  http::ForwardInfo forward;
  http::BodyChunk body;
  http::FieldList trailers;
  TimePoint started{};
  TimePoint due{};  // deadline of the whole answer
};

MirrorSender::MirrorSender(net::EventLoop& loop, upstream::ConnectionPool& pool,
                           net::BlockPool& blocks, unsigned worker)
    : loop_(loop), pool_(pool), blocks_(blocks), worker_(worker) {}

MirrorSender::~MirrorSender() = default;

void MirrorSender::offer(MirrorSource source) {
  const routing::MirrorSnapshot& mirror = source.service->mirror;
  const http::RequestHead& head = *source.head;
  const bool wanted = ((mirror.methods >> static_cast<unsigned>(head.method)) & 1U) != 0;
  if (!wanted || !head.upgrade.empty()) return;
  const auto share = static_cast<std::uint32_t>(mirror.share);
  if (mirror.share < Share::kWhole && thread_random().below(Share::kWhole) >= share) return;

  routing::MirrorStats& stats = *mirror.stats;
  if (!source.body.end_stream || source.body.data.size() > mirror.max_body)
    return stats.drop(MirrorDrop::Body);
  const auto& version = source.service->versions[mirror.version];
  const auto* endpoint = stopping_ ? nullptr : pick_endpoint(version, pool_, {}, loop_.now());
  if (endpoint == nullptr) return stats.drop(MirrorDrop::Unavailable);
  if (stats.under_way.fetch_add(1, std::memory_order_relaxed) >= mirror.concurrency) {
    stats.under_way.fetch_sub(1, std::memory_order_relaxed);
    return stats.drop(MirrorDrop::Concurrency);
  }
  std::unique_ptr<Copy> copy = take_copy();
  copy->endpoint = endpoint;
  copy->stats = &stats;
  if (!fill(*copy, source)) {
    stats.under_way.fetch_sub(1, std::memory_order_relaxed);
    free_.push_back(std::move(copy));
    return stats.drop(MirrorDrop::Body);
  }
  ++under_way_;
  spawn(run(std::move(copy)));
}

std::unique_ptr<MirrorSender::Copy> MirrorSender::take_copy() {
  if (free_.empty()) return std::make_unique<Copy>();
  std::unique_ptr<Copy> copy = std::move(free_.back());
  free_.pop_back();
  return copy;
}

// Returns false if head and body do not fit one block.
bool MirrorSender::fill(Copy& copy, const MirrorSource& source) {
  copy.memory = blocks_.borrow();
  Keeper keep(copy.memory.span());
  keep_head(keep, *source.head, copy.head);
  keep_forward(keep, source.forward, copy.forward);
  copy.head.target = copy.forward.target;
  copy.head.path = copy.head.target.substr(0, copy.head.target.find('?'));
  copy.head.query =
      copy.head.target.substr(std::min(copy.head.path.size() + 1, copy.head.target.size()));
  copy.forward.fallback_authority = copy.endpoint->authority();
  const std::string_view body = keep({source.body.data.data(), source.body.data.size()});
  copy.body = {{body.data(), body.size()}, true};
  copy.trailers.clear();
  if (source.body.trailers) {
    for (const http::Field& field : *source.body.trailers)
      copy.trailers.push_back({keep(field.name), keep(field.value), field.id});
    copy.body.trailers = &copy.trailers;
  }
  copy.snapshot = source.snapshot;
  copy.service = source.service;
  copy.started = Clock::now();
  copy.due = copy.started + source.service->timeouts.request;
  if (keep.full()) copy.memory.release();
  return !keep.full();
}

Task<void> MirrorSender::run(std::unique_ptr<Copy> copy) {
  guard::VersionMonitor& monitor = copy->stats->monitor;
  const std::uint32_t ticket = monitor.admit().value;
  AttemptResult result = co_await attempt(*copy);
  result.ticket = ticket;
  const TimePoint now = Clock::now();
  result.latency = now - copy->started;
  monitor.record(worker_, result, now);
  copy->stats->under_way.fetch_sub(1, std::memory_order_relaxed);
  copy->memory.release();
  copy->snapshot.reset();
  free_.push_back(std::move(copy));
  --under_way_;
  if (under_way_ == 0 && idle_) std::exchange(idle_, nullptr)();
}

// Makes one try, and a second one on a fresh connection if a pooled connection turned out to be
// stale.
Task<AttemptResult> MirrorSender::attempt(Copy& copy) {
  const config::Timeouts& timeouts = copy.service->timeouts;
  const upstream::PoolTimeouts pool_timeouts{timeouts.connect, timeouts.upstream_idle,
                                             timeouts.stream_idle};
  AttemptResult result;
  upstream::Lease lease = pool_.try_reuse(*copy.endpoint, pool_timeouts);
  for (bool again = false;; again = true) {
    bool connected = static_cast<bool>(lease);
    Result<void> sent;
    if (!connected) {
      sent = co_await pool_.connect(*copy.endpoint, pool_timeouts, lease);
      connected = sent.has_value();
    }
    if (connected) sent = co_await send(copy, lease);
    Result<int> status = 0;
    if (sent) status = co_await read_answer(copy, lease, result.latency_valid);
    if (sent && status) {
      result.status = *status;
      result.outcome = *status >= 500 ? Outcome::Status5xx : Outcome::Success;
      co_return result;
    }
    const Error error = sent ? status.error() : sent.error();
    const bool stale = !again && connected && lease->reused() && !lease->response_started() &&
                       (error.code == Errc::Reset || error.code == Errc::Closed);
    if (!stale) {
      result.outcome = outcome_of(error, connected);
      co_return result;
    }
    lease.release();
  }
}

Task<Result<void>> MirrorSender::send(Copy& copy, upstream::Lease& lease) {
  const auto sent = lease->write_head(copy.head, copy.forward, copy.body);
  if (!sent) co_return sent.error();
  Result<void> flushed;
  if (*sent == net::Flow::Blocked) flushed = co_await lease->flush();
  co_return flushed;
}

// Returns the status, once the answer is over or long enough. `timed` becomes false if its end was
// not waited for.
Task<Result<int>> MirrorSender::read_answer(Copy& copy, upstream::Lease& lease, bool& timed) {
  const TimePoint head_due = std::min(copy.due, loop_.now() + copy.service->timeouts.response_head);
  const http::ResponseHead* head = nullptr;
  for (int interim = 0; head == nullptr || head->status < 200; ++interim) {
    const auto read = co_await lease->read_head(head_due);
    if (!read) co_return read.error();
    head = *read;
    const bool odd = head->status == 101 || interim > kMaxInterim;
    if (odd) co_return Error{Errc::Protocol, Side::Upstream};
  }
  const int status = head->status;
  timed = !http::is_event_stream(*head);
  std::size_t discarded = 0;
  while (timed) {
    const auto chunk = co_await lease->read_body(copy.due);
    if (!chunk) co_return chunk.error();
    if (chunk->end_stream) co_return status;
    discarded += chunk->data.size();
    timed = discarded <= kMostDiscarded;
  }
  co_return status;
}

void MirrorSender::stop(std::function<void()> idle) {
  stopping_ = true;
  if (under_way_ == 0) return idle();
  idle_ = std::move(idle);
}

}  // namespace cutwater::exchange
