#include "proxy/http/h2/http2_server.hpp"

#include <algorithm>
#include <cmath>

namespace cutwater::http {

namespace {
constexpr Seconds kGoawayGrace{1};  // left for requests that are on their way
constexpr Seconds kLinger{2};
constexpr Milliseconds kNextTurn{10};  // between an offender's requests
constexpr std::size_t kLingerBytes = 1024 * 1024;
}  // namespace

Http2StreamPool::~Http2StreamPool() = default;

Http2ServerConnection::Http2ServerConnection(ServerContext& context, net::Transport& socket,
                                             Http1ServerConnection::Peer peer)
    : Http2Session({context.loop, socket, context.body_blocks, context.limits.http2, Role::Server,
                    context.limits.client_write_stall}),
      context_(context),
      peer_(std::move(peer)),
      starts_(context.limits.http2.max_streams, 0, context.loop.now()),
      all_ended_(context.loop),
      drain_timer_(this, &on_drain_timer),
      linger_timer_(this, &on_linger_timer),
      idle_since_(context.loop.now()) {}

Http2ServerConnection::~Http2ServerConnection() {
  while (!streams_.empty()) release(streams_.front());
}

// --- the life of the connection -------------------------------------------------------------

Task<void> Http2ServerConnection::serve(std::string first) {
  socket().clear_cancel();
  send_settings();
  start_writer();
  if (!first.empty()) receive(first);
  std::string().swap(first);
  if (context_.draining) close_when_idle();
  for (bool alive = true; alive;) {
    heed_offences();
    if (!failed()) start_ready();  // otherwise it would be started only to be ended
    if (failed() || write_failed() || aborted_ || is_done()) break;
    const TimePoint due = read_deadline();
    const TimePoint next_turn = ready_.empty() ? due : loop().now() + kNextTurn;
    const net::Wait wait = co_await socket().readable(std::min(due, next_turn));
    if (wait == net::Wait::Cancelled) break;
    if (wait == net::Wait::Timeout) {
      if (next_turn >= due && has_timed_out()) break;
      continue;
    }
    alive = read_some();
    if (!alive) lost_ = true;
    if (alive && socket().might_be_readable()) co_await loop().yield();
  }
  drain_timer_.disarm();
  linger_timer_.disarm();
  lost_ = lost_ || write_failed();
  end_all();
  while (!streams_.empty()) {
    [[maybe_unused]] const net::Wait ended = co_await all_ended_.wait();
  }
  if (lost_ || aborted_) socket().cancel_write();  // what does not leave at once never leaves
  end_writer();
  co_await join_writer();
  if (!lost_ && !failed() && !write_failed()) {
    // Terminate only now: nghttp2 drops heads and trailers that are queued behind this.
    nghttp2_session_terminate_session(session(), NGHTTP2_NO_ERROR);
    start_writer();
    co_await join_writer();
  }
  if (!lost_ && !aborted_ && !write_failed()) co_await close_gently();
  socket().close();
}

// Nothing is read any more: a request that has not begun never does, and a running one is told.
void Http2ServerConnection::end_all() {
  ready_.clear();
  for (auto it = streams_.begin(); it != streams_.end();) {
    Http2ServerStream& stream = *it++;
    if (stream.state_ != Http2ServerStream::State::Running)
      release(stream);
    else if (aborted_ && !lost_)
      stream.cancel();
    else
      stream.lose({Errc::Reset, Side::Downstream});
  }
}

void Http2ServerConnection::send_settings() {
  const config::Http2Limits& limits = context_.limits.http2;
  const std::array entries = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                             NGHTTP2_INITIAL_MAX_CONCURRENT_STREAMS},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.stream_window},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                             static_cast<std::uint32_t>(context_.limits.header_bytes)},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1}};
  Http2Session::send_settings(entries, limits.max_streams);
}

// What was taken from a flooder must not come back with its next connection, nor with one it had
// opened before. Each offence halves how many streams its address may reset, and how many requests
// one of its connections may begin at once, down to none; the other requests have their turn one by
// one, max_streams of them in a second. A client that resets nothing is still answered in full.
void Http2ServerConnection::heed_offences() {
  if (!is_remembered()) return;
  const std::uint32_t noted = context_.offenders->noted();
  const TimePoint now = loop().now();
  if (noted == offences_noted_ && now < offences_.forgiven) return;
  offences_noted_ = noted;
  offences_ = context_.offenders->find(peer_.addresses->source, now);
  guard().halve_resets(offences_.offences);
  const double most = context_.limits.http2.max_streams;
  starts_.resize(std::floor(most / (1U << offences_.offences)), most);
}

void Http2ServerConnection::on_abuse(Http2Abuse abuse) {
  context_.on_http2_abuse(abuse);
  if (context_.on_lost) context_.on_lost(peer_.client(), to_string(abuse));
  const bool mistaken = abuse == Http2Abuse::ClosedStream || abuse == Http2Abuse::Protocol;
  if (is_remembered() && !mistaken) context_.offenders->note(peer_.addresses->source, loop().now());
}

// A header block and the first SETTINGS are due within header_timeout; a connection without
// streams may rest for keepalive_idle.
TimePoint Http2ServerConnection::read_deadline() {
  const TimePoint now = loop().now();
  if (!guard().in_header_block())
    block_since_ = {};
  else if (block_since_ == TimePoint{})
    block_since_ = now;
  if (guard().in_header_block()) return block_since_ + context_.limits.header_timeout;
  if (!settings_seen_) return idle_since_ + context_.limits.header_timeout;
  if (streams_.empty()) return idle_since_ + context_.limits.keepalive_idle;
  return now + context_.limits.keepalive_idle;
}

bool Http2ServerConnection::has_timed_out() {
  if (guard().in_header_block() || !settings_seen_) {
    fail(Http2Abuse::Protocol, NGHTTP2_SETTINGS_TIMEOUT);
    return true;
  }
  return streams_.empty() && loop().now() >= idle_since_ + context_.limits.keepalive_idle;
}

// Half-closes and swallows what still comes: to close with unread input would make the kernel send
// RST, which can destroy the GOAWAY on its way.
Task<void> Http2ServerConnection::close_gently() {
  socket().shutdown_write();
  socket().clear_cancel();
  const TimePoint deadline = loop().now() + kLinger;
  net::Block block = blocks().borrow();
  for (std::size_t swallowed = 0; swallowed < kLingerBytes;) {
    const net::IoResult read = socket().try_read(block.span());
    if (read.kind == net::IoResult::Kind::Eof || read.kind == net::IoResult::Kind::Failed) break;
    swallowed += read.bytes;
    if (read.kind != net::IoResult::Kind::WouldBlock) continue;
    const net::Wait wait = co_await socket().readable(deadline);
    if (wait != net::Wait::Ready) break;
  }
}

void Http2ServerConnection::close_when_idle() {
  if (shutdown_notice_) return;
  shutdown_notice_ = true;
  nghttp2_submit_shutdown_notice(session());
  wake_writer();
  loop().timers().arm(drain_timer_, loop().now() + kGoawayGrace);
}

void Http2ServerConnection::on_drain_timer(void* self) {
  auto* connection = static_cast<Http2ServerConnection*>(self);
  nghttp2_session* session = connection->session();
  connection->final_goaway_ = true;
  nghttp2_submit_goaway(session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session), NGHTTP2_NO_ERROR, nullptr,
                        0);
  connection->wake_writer();
  if (connection->is_done()) connection->socket().cancel_read();
}

void Http2ServerConnection::abort() {
  aborted_ = true;
  socket().cancel_read();
  socket().cancel_write();
}

// --- streams --------------------------------------------------------------------------------

Http2ServerStream& Http2ServerConnection::take_stream(std::int32_t id) {
  auto& free = context_.http2_streams->free_;
  std::unique_ptr<Http2ServerStream> stream;
  if (free.empty()) {
    stream = std::make_unique<Http2ServerStream>(*this, context_);
  } else {
    stream = std::move(free.back());
    free.pop_back();
  }
  stream->begin(*this, id);
  streams_.push_back(*stream);
  return *stream.release();
}

void Http2ServerConnection::start_ready() {
  std::size_t waiting = 0;
  for (Http2ServerStream* const stream : ready_) {
    if (stream->is_closed()) {
      release(*stream);  // taken back before it was begun: nothing was told of it
    } else if (offences_.offences > 0 && !starts_.take(loop().now())) {
      ready_[waiting++] = stream;
    } else {
      stream->state_ = Http2ServerStream::State::Running;
      run(*stream);
    }
  }
  ready_.resize(waiting);
}

Detached Http2ServerConnection::run(Http2ServerStream& stream) {
  if (stream.refusal_.ok()) {
    co_await context_.run_exchange(stream);
  } else {
    const int status = stream.refusal_.status;
    const std::string_view text = reason_phrase(status);
    [[maybe_unused]] const auto sent =
        co_await stream.reply_locally(status, text, std::string_view());
  }
  end(stream);
}

void Http2ServerConnection::end(Http2ServerStream& stream) {
  const bool open = !stream.is_closed() && !(stream.has_ended() && stream.is_written());
  // A head without a body, or trailers, may still be queued: note_sent() resets behind them.
  const bool queued =
      stream.is_written() && nghttp2_session_get_stream_local_close(session(), stream.id()) == 0;
  if (open && !stream.reset_ && !queued) {
    const std::uint32_t code = stream.closing_code();
    code == NGHTTP2_NO_ERROR ? on_answered_early(stream.id()) : reset_stream(stream.id(), code);
  }
  release(stream);
  const std::uint32_t most = context_.limits.keepalive_requests;
  if (most != 0 && requests_ >= most) close_when_idle();
  if (is_done()) socket().cancel_read();
  all_ended_.wake();
}

// A reset that overtakes the answer in the client's reading destroys it, as on HTTP/1 (curl loses a
// 413): who still sends has a moment to hear of it. Its window stays shut. RFC 9113 8.1
void Http2ServerConnection::on_answered_early(std::int32_t id) {
  if (lingering_.size() >= context_.limits.http2.max_streams) end_linger();
  lingering_.push_back({id, loop().now() + kLinger});
  if (lingering_.size() == 1) loop().timers().arm(linger_timer_, lingering_.front().until);
}

void Http2ServerConnection::end_linger() {
  const std::int32_t id = lingering_.front().id;
  lingering_.erase(lingering_.begin());
  if (nghttp2_session_get_stream_remote_close(session(), id) == 0)
    reset_stream(id, NGHTTP2_NO_ERROR);
}

void Http2ServerConnection::on_linger_timer(void* self) {
  auto& connection = *static_cast<Http2ServerConnection*>(self);
  auto& lingering = connection.lingering_;
  while (!lingering.empty() && lingering.front().until <= connection.loop().now())
    connection.end_linger();
  if (!lingering.empty())
    connection.loop().timers().arm(connection.linger_timer_, lingering.front().until);
}

void Http2ServerConnection::release(Http2ServerStream& stream) {
  forget(stream);
  stream.Http2Stream::finish();
  stream.block_.release();
  streams_.erase(streams_.iterator_to(stream));
  idle_since_ = loop().now();
  auto& free = context_.http2_streams->free_;
  std::unique_ptr<Http2ServerStream> owned(&stream);
  if (free.size() < Http2StreamPool::kMost) free.push_back(std::move(owned));
}

// --- what nghttp2 tells ---------------------------------------------------------------------

void Http2ServerConnection::on_block_begin(const nghttp2_frame& frame) {
  if (frame.headers.cat != NGHTTP2_HCAT_REQUEST) return;
  const std::int32_t id = frame.hd.stream_id;
  if (streams_.size() >= context_.limits.http2.max_streams || final_goaway_) {
    reset_stream(id, NGHTTP2_REFUSED_STREAM);
    context_.on_refused_stream();
    if (context_.on_lost) context_.on_lost(peer_.client(), "max_streams");
    return;
  }
  nghttp2_session_set_stream_user_data(session(), id, static_cast<Http2Stream*>(&take_stream(id)));
}

void Http2ServerConnection::on_block_end(Http2Stream& ended, bool end_stream) {
  auto& stream = static_cast<Http2ServerStream&>(ended);
  if (stream.state_ == Http2ServerStream::State::Building) {
    ++requests_;
    const Verdict verdict = stream.complete_head(end_stream);
    if (!verdict.ok()) context_.on_bad_request(stream.client_, verdict.bad, verdict.status);
    if (!verdict.ok() && verdict.status == kMalformed) {
      reset_stream(stream.id(), NGHTTP2_PROTOCOL_ERROR);
      release(stream);
      return;
    }
    stream.refusal_ = verdict;
    stream.state_ = Http2ServerStream::State::Ready;
    ready_.push_back(&stream);
  } else if (stream.has_bad_field()) {
    reset_stream(stream.id(), NGHTTP2_PROTOCOL_ERROR);  // bad trailers
  }
  if (end_stream) stream.on_end();
}

void Http2ServerConnection::on_closed(Http2Stream& closed, std::uint32_t) {
  auto& stream = static_cast<Http2ServerStream&>(closed);
  if (stream.state_ == Http2ServerStream::State::Building) {
    // nghttp2 refused its head.
    if (!failed()) context_.on_bad_request(stream.client_, BadHead::Malformed, kMalformed);
    release(stream);
  } else {
    stream.lose({Errc::Reset, Side::Downstream});
  }
}

void Http2ServerConnection::on_goaway(const nghttp2_goaway&) {
  peer_leaves_ = true;
}

}  // namespace cutwater::http
