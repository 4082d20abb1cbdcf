#include "proxy/http/h2/http2_client.hpp"

#include <algorithm>

namespace cutwater::http {

namespace {

constexpr std::size_t kMostHeads = 12;     // per response: ten interim heads are passed on
constexpr std::size_t kKeepStreams = 128;  // unused streams kept for the next requests
constexpr std::uint32_t kFirstStreams =
    100;  // limit before the server has said how many (RFC 9113 6.5.2)
constexpr std::uint32_t kMostStreams = 1000;

thread_local std::vector<std::unique_ptr<ResponseHead>> free_heads;

std::unique_ptr<ResponseHead> take_head() {
  if (free_heads.empty()) return std::make_unique<ResponseHead>();
  auto head = std::move(free_heads.back());
  free_heads.pop_back();
  return head;
}

}  // namespace

// --- stream: request ------------------------------------------------------------------------

void Http2ClientStream::begin(Http2ClientConnection& connection, Nanoseconds write_stall) {
  Http2Stream::start(connection, 0);
  connection_ = &connection;
  write_stall_ = write_stall;
  tunnel_idle_ = Nanoseconds(0);
  heads_taken_ = 0;
  in_head_ = false;
  upgrade_ = {};
  accept_.reset();
  reused_ = connection.used_;
}

Result<Flow> Http2ClientStream::write_head(const RequestHead& head, const ForwardInfo& info,
                                           BodyChunk first) {
  if (error()) return *error();
  method_ = head.method;
  // If the other side does not know extended CONNECT, the wish for another protocol is left out: a
  // server may ignore Upgrade (RFC 9110 7.8).
  const bool tunnel = iequals(head.upgrade, "websocket") && connection_->offers_connect();
  HeadWriter out(context_.scratch);
  write_upstream_request(head, info, out);
  if (out.overflow()) return Error{Errc::TooLarge, Side::Local, true};
  std::string_view text = out.text();
  take_start_line(text);
  Http2Line line;
  const bool has_host = take_line(text, line);  // the first: write_upstream_request
  Http2List list(Http2Indexing::Allowed);
  list.field(":method", tunnel ? "CONNECT" : head.method_text);
  if (tunnel) list.field(":protocol", upgrade_ = "websocket");
  list.field(":scheme", connection_->is_secure() ? "https" : "http");
  if (has_host) list.field(":authority", line.value);
  list.field(":path", info.target.empty() ? head.target : info.target);
  while (take_line(text, line)) {
    if (is_http1_only(line.name)) continue;
    if (tunnel && iequals(line.name, "sec-websocket-key")) {
      accept_ = websocket_accept(line.value);
      continue;
    }
    list.field(line.name, line.value);
  }
  if (list.overflow()) return Error{Errc::TooLarge, Side::Local, true};
  if (tunnel) first = {};
  const bool has_body = set_first(first);
  if (connection_->is_full() || !connection_->submit_request(*this, list.fields(), has_body))
    return Error{Errc::Reset, Side::Upstream, true};
  return sent_state();
}

void Http2ClientStream::cancel() {
  readable().cancel();
  writable().cancel();
}

// --- stream: response -----------------------------------------------------------------------

void Http2ClientStream::begin_head() {
  if (!block_) block_ = context_.body_blocks.borrow();
  // The text goes behind the text of earlier heads, which are still looked at.
  block_used_ = heads_.empty() ? 0 : block_used_ + builder_.text().used();
  heads_.push_back(take_head());
  in_head_ = true;
  expect_good_fields();
  builder_.start(block_.span().subspan(block_used_), context_.response_limits.fields,
                 *heads_.back());
}

bool Http2ClientStream::complete_head(bool end_stream) {
  in_head_ = false;
  if (has_bad_field() || heads_.size() > kMostHeads || !builder_.finish(end_stream, method_))
    return false;
  ResponseHead& head = *heads_.back();
  if (!upgrade_.empty() && head.status / 100 == 2) {  // the status as HTTP/1 says it
    head.status = 101;
    head.upgrade = upgrade_;
    if (accept_)
      head.fields.push_back({"Sec-WebSocket-Accept", {accept_->data(), accept_->size()}});
    head.framing = Framing::None;
  }
  readable().wake();
  return true;
}

bool Http2ClientStream::is_head_final() const {
  return !heads_.empty() && !in_head_ && heads_.back()->status != 0 && is_final(*heads_.back());
}

Task<Result<const ResponseHead*>> Http2ClientStream::read_head(TimePoint deadline) {
  for (;;) {
    const std::size_t complete = heads_.size() - (in_head_ ? 1 : 0);
    if (heads_taken_ < complete) co_return heads_[heads_taken_++].get();
    if (error()) co_return *error();
    if (is_closed()) co_return Error{Errc::Closed, Side::Upstream};
    const net::Wait wait = co_await readable().wait(deadline);
    if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Upstream};
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local};
  }
}

Result<Flow> Http2ClientStream::try_read_body(BodyChunk& chunk) {
  auto read = try_read(chunk);
  // By RFC 9110 9.3.2, what follows the head of HEAD, 204 or 304 belongs to nobody.
  const bool none = !heads_.empty() && heads_.back()->framing == Framing::None;
  if (read && *read == Flow::Done && none && upgrade_.empty()) chunk.data = {};
  return read;
}

Task<Result<BodyChunk>> Http2ClientStream::read_body(TimePoint deadline) {
  const bool tunnel = tunnel_idle_.count() > 0;
  for (;;) {
    BodyChunk chunk;
    const auto flow = try_read_body(chunk);
    if (!flow) co_return flow.error();
    if (*flow == Flow::Done) co_return chunk;
    const TimePoint until = tunnel ? last_moved() + tunnel_idle_ : deadline;
    const net::Wait wait = co_await readable().wait(until);
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local};
    const bool moved = tunnel && last_moved() + tunnel_idle_ > context_.loop.now();
    if (wait == net::Wait::Timeout && !moved) co_return Error{Errc::Timeout, Side::Upstream};
  }
}

// --- connection -----------------------------------------------------------------------------

Http2ClientConnection::Http2ClientConnection(ClientContext& context, int fd,
                                             Nanoseconds write_stall)
    : Http2Session(
          {context.loop, socket_, context.body_blocks, *context.http2, Role::Client, write_stall}),
      context_(context),
      socket_(context.loop, fd, net::Transport::State::Connecting),
      all_back_(context.loop),
      idle_since_(context.loop.now()) {}

Http2ClientConnection::~Http2ClientConnection() = default;

Task<void> Http2ClientConnection::run(TimePoint connect_by, net::SslPtr ssl,
                                      net::SslSessionPtr& kept) {
  auto problem = co_await connect(connect_by);
  if (!problem && ssl) {
    const auto done = co_await socket_.connect_tls(std::move(ssl), kept, connect_by);
    if (!done)
      problem = done.error();
    else if (socket_.alpn() != "h2")
      problem = Error{Errc::TlsFailed, Side::Upstream, true};
  }
  if (!problem) co_await serve();
  ended_ = true;
  const Error error = problem ? *problem : end_error();
  for (Http2ClientStream& stream : streams_) {
    stream.on_closed(error);
    if (aborted_) stream.cancel();
  }
  while (!streams_.empty()) {
    [[maybe_unused]] const net::Wait back = co_await all_back_.wait();
  }
  if (open_) {
    if (lost_ || aborted_)
      socket_.cancel_write();
    else if (!failed())
      nghttp2_session_terminate_session(session(), NGHTTP2_NO_ERROR);
    end_writer();
    co_await join_writer();
  }
  socket_.close();
}

Task<std::optional<Error>> Http2ClientConnection::connect(TimePoint connect_by) {
  const net::Wait wait = co_await socket_.writable(connect_by);
  if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Upstream, true};
  if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local, true};
  int failure = 0;
  socklen_t length = sizeof failure;
  ::getsockopt(socket_.fd(), SOL_SOCKET, SO_ERROR, &failure, &length);
  if (failure != 0) co_return Error{Errc::Refused, Side::Upstream, true};
  co_return std::optional<Error>();
}

void Http2ClientConnection::start_session() {
  open_ = true;
  const std::array entries = {
      nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits().stream_window},
      nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE,
                             static_cast<std::uint32_t>(context_.response_limits.head_bytes)}};
  send_settings(entries, 0);
  start_writer();
  for (Http2ClientStream& stream : streams_) stream.readable().wake();
}

Task<void> Http2ClientConnection::serve() {
  start_session();
  while (!failed() && !write_failed() && !aborted_) {
    if (leaving_ && streams_.empty()) break;
    // A busy connection looks now and then whether it has become idle.
    const TimePoint from = streams_.empty() ? idle_since_ : loop().now();
    const Nanoseconds rest = streams_.empty() ? idle_ : std::max<Nanoseconds>(idle_, Seconds(1));
    const net::Wait wait = co_await socket_.readable(from + rest);
    if (wait == net::Wait::Cancelled) break;
    if (wait == net::Wait::Timeout && streams_.empty() && loop().now() >= idle_since_ + idle_)
      break;
    if (wait != net::Wait::Ready) continue;
    const bool alive = read_some();
    if (!alive) {
      lost_ = true;
      break;
    }
    if (socket_.might_be_readable()) co_await loop().yield();
  }
}

Error Http2ClientConnection::end_error() const {
  if (aborted_) return {Errc::Cancelled, Side::Local, false};
  if (failed()) return {Errc::Protocol, Side::Upstream, false};
  return {Errc::Closed, Side::Upstream, false};
}

bool Http2ClientConnection::offers_connect() const {
  return settings_seen_ && nghttp2_session_get_remote_settings(
                               session(), NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1;
}

bool Http2ClientConnection::has_room() const {
  if (leaving_ || lost_ || aborted_ || ended_ || failed() || write_failed()) return false;
  if (open_ && nghttp2_session_check_request_allowed(session()) == 0) return false;  // no ids left
  return streams_.size() < most_streams();
}

std::uint32_t Http2ClientConnection::most_streams() const {
  if (!settings_seen_) return kFirstStreams;
  return std::min(kMostStreams, nghttp2_session_get_remote_settings(
                                    session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
}

// This can happen only when streams were taken before the limit was known.
bool Http2ClientConnection::is_full() const {
  if (streams_.size() <= most_streams()) return false;
  const auto submitted = std::count_if(streams_.begin(), streams_.end(), [](const auto& stream) {
    return stream.id() > 0 && !stream.is_closed();
  });
  return submitted >= static_cast<std::ptrdiff_t>(most_streams());
}

Http2ClientStream& Http2ClientConnection::take_stream(Nanoseconds write_stall) {
  std::unique_ptr<Http2ClientStream> stream;
  if (free_.empty()) {
    stream = std::make_unique<Http2ClientStream>(context_);
  } else {
    stream = std::move(free_.back());
    free_.pop_back();
  }
  stream->begin(*this, write_stall);
  used_ = true;
  streams_.push_back(*stream);
  return *stream.release();
}

void Http2ClientConnection::give_back(Http2ClientStream& stream, Nanoseconds idle) {
  if (stream.id() > 0 && !stream.is_closed() && !stream.is_over())
    reset_stream(stream.id(), NGHTTP2_CANCEL);
  if (stream.id() > 0) forget(stream);
  stream.Http2Stream::finish();
  stream.block_.release();
  for (auto& head : stream.heads_) free_heads.push_back(std::move(head));
  stream.heads_.clear();
  streams_.erase(streams_.iterator_to(stream));
  std::unique_ptr<Http2ClientStream> owned(&stream);
  if (free_.size() < kKeepStreams) free_.push_back(std::move(owned));
  idle_ = idle;
  idle_since_ = loop().now();
  if (!streams_.empty()) return;
  all_back_.wake();
  if (leaving_) socket_.cancel_read();  // nothing more will come
}

void Http2ClientConnection::abort() {
  aborted_ = true;
  socket_.cancel_read();
  socket_.cancel_write();
}

// --- what nghttp2 tells ---------------------------------------------------------------------

void Http2ClientConnection::on_block_begin(const nghttp2_frame& frame) {
  auto* stream = static_cast<Http2ClientStream*>(find(frame.hd.stream_id));
  if (stream && !stream->is_head_final()) stream->begin_head();
}

void Http2ClientConnection::on_block_end(Http2Stream& ended, bool end_stream) {
  auto& stream = static_cast<Http2ClientStream&>(ended);
  if (stream.in_head_) {
    if (!stream.complete_head(end_stream)) {
      // A head that only we find too large is not the version's fault.
      const bool ours = !stream.has_bad_field() && stream.builder_.too_large();
      stream.fail_reading(ours ? Error{Errc::TooLarge, Side::Local}
                               : Error{Errc::Protocol, Side::Upstream});
      reset_stream(stream.id(), ours ? NGHTTP2_CANCEL : NGHTTP2_PROTOCOL_ERROR);
      return;
    }
  } else if (stream.has_bad_field()) {
    stream.fail_reading({Errc::Protocol, Side::Upstream});
  }
  if (end_stream) stream.on_end();
}

void Http2ClientConnection::on_closed(Http2Stream& closed, std::uint32_t code) {
  auto& stream = static_cast<Http2ClientStream&>(closed);
  // The server speaks of this very stream, so its connection had not gone stale.
  stream.reused_ = false;
  if (code == NGHTTP2_REFUSED_STREAM)  // behind a head it is not a refusal (RFC 9113 8.7)
    stream.on_closed({Errc::Reset, Side::Upstream, !stream.response_started()});
  else if (code == NGHTTP2_PROTOCOL_ERROR)
    stream.on_closed({Errc::Protocol, Side::Upstream, false});
  else
    stream.on_closed({Errc::Reset, Side::Upstream, false});
}

// nghttp2 would keep requests beyond the limit until others have ended. They are given back, so
// that they can go to another connection.
void Http2ClientConnection::on_settings() {
  settings_seen_ = true;
  for (Http2ClientStream& stream : streams_)
    if (stream.id() == 0) stream.readable().wake();  // it may have waited for the settings
  if (most_streams() == 0) leaving_ = true;          // as good as a GOAWAY (tests/HARDENING.md U24)
  if (streams_.size() <= most_streams()) return;
  std::vector<std::int32_t> waiting;
  std::uint32_t sent = 0;
  for (const Http2ClientStream& stream : streams_) {
    if (stream.id() == 0 || stream.is_closed()) continue;
    if (nghttp2_session_find_stream(session(), stream.id()) != nullptr)
      ++sent;
    else
      waiting.push_back(stream.id());
  }
  const std::size_t room = most_streams() - std::min(sent, most_streams());
  for (std::size_t i = room; i < waiting.size(); ++i) reset_stream(waiting[i], NGHTTP2_CANCEL);
}

void Http2ClientConnection::on_not_sent(Http2Stream& stream) {
  stream.on_closed({Errc::Reset, Side::Upstream, true});
}

void Http2ClientConnection::on_goaway(const nghttp2_goaway&) {
  leaving_ = true;
}

void Http2ClientConnection::on_abuse(Http2Abuse abuse) {
  if (context_.on_http2_abuse) context_.on_http2_abuse(abuse);
}

}  // namespace cutwater::http
