#include "proxy/http/h1/http1_client.hpp"

#include <memory>
#include <vector>

namespace cutwater::http {

namespace {

thread_local std::vector<std::unique_ptr<ResponseHead>> free_heads;

ResponseHead* take_head() {
  if (free_heads.empty()) return new ResponseHead;
  ResponseHead* head = free_heads.back().release();
  free_heads.pop_back();
  return head;
}

}  // namespace

Http1ClientConnection::Http1ClientConnection(ClientContext& context, int fd)
    : context_(context),
      socket_(context.loop, fd, net::Transport::State::Connecting),
      out_(socket_, context.body_blocks, Side::Upstream),
      body_(socket_, context.body_blocks, Side::Upstream) {}

void Http1ClientConnection::begin(Nanoseconds write_stall) {
  ++exchanges_;
  write_stall_ = write_stall;
  filled_ = consumed_ = 0;
  request_done_ = head_seen_ = reusable_ = false;
  socket_.clear_cancel();
}

// A body where there can be none (HEAD, 204, 304) is a lesser mistake: nobody takes it for an
// answer.
bool Http1ClientConnection::has_unasked_bytes() const {
  if (!reusable_ || !head_ || !body_.done()) return false;
  const std::span<const char> rest = body_.leftover();
  const std::string_view text(rest.data(), rest.size());
  const bool bodiless = method_ == Method::Head || head_->status == 204 || head_->status == 304;
  return bodiless ? text.starts_with("HTTP/1.") : !text.empty();
}

bool Http1ClientConnection::finish() {
  spoke_unasked_ = has_unasked_bytes();
  const bool keep = reusable_ && request_done_ && out_.empty() && body_.done() &&
                    body_.leftover().empty() && socket_.is_open() && !socket_.broken();
  block_.release();
  body_.release();
  framing_.release();
  give_head();
  return keep;
}

void Http1ClientConnection::give_head() {
  if (head_) free_heads.emplace_back(std::exchange(head_, nullptr));
}

// --- request --------------------------------------------------------------------------------

Result<Flow> Http1ClientConnection::write_head(const RequestHead& head, const ForwardInfo& info,
                                               BodyChunk first) {
  method_ = head.method;
  framing_.start(head.framing == Framing::Chunked);
  HeadWriter out(context_.scratch);
  write_upstream_request(head, info, out);
  if (out.overflow()) return Error{Errc::TooLarge, Side::Local, true};
  request_done_ = first.end_stream;
  framing_.add_with_head(out, first, out_);
  return out_.send();
}

Result<Flow> Http1ClientConnection::write_body(BodyChunk chunk) {
  request_done_ = chunk.end_stream;
  framing_.add(chunk, out_);
  tunnel_.on_write(context_.loop.now(), chunk.end_stream);
  auto sent = out_.send();
  if (sent && *sent == Flow::Done) tunnel_.finish_write(socket_);
  return sent;
}

Task<Result<void>> Http1ClientConnection::flush() {
  const auto flushed = co_await out_.flush(write_stall_);
  if (flushed) tunnel_.finish_write(socket_);
  co_return flushed;
}

// --- response -------------------------------------------------------------------------------

Task<Result<const ResponseHead*>> Http1ClientConnection::read_head(TimePoint deadline) {
  if (!head_) head_ = take_head();
  scanner_.reset();
  for (;;) {
    if (filled_ > consumed_) {
      const std::span<char> bytes = block_.span().subspan(consumed_, filled_ - consumed_);
      const ParseState state =
          scanner_.parse_response(bytes, context_.response_limits, method_, *head_);
      if (state.kind == ParseState::Kind::Bad) co_return bad_head(state.bad);
      if (state.kind == ParseState::Kind::Complete) {
        head_seen_ = true;
        consumed_ += state.head_bytes;
        if (is_final(*head_)) {
          reusable_ = head_->keep_alive && head_->status != 101;
          body_.start(*head_, bytes.subspan(state.head_bytes), context_.body_blocks.block_size());
        }
        co_return head_;
      }
      if (filled_ == block_.size()) co_return bad_head(BadHead::HeadTooLarge);
    }
    const net::Wait wait = co_await socket_.readable(deadline);
    if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Upstream};
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local};
    if (!block_) block_ = context_.body_blocks.borrow();
    const net::IoResult read = socket_.try_read(block_.span().subspan(filled_));
    if (read.kind == net::IoResult::Kind::Done) filled_ += read.bytes;
    if (read.kind == net::IoResult::Kind::Eof) co_return Error{Errc::Closed, Side::Upstream};
    if (read.kind == net::IoResult::Kind::Failed) co_return read_failure();
  }
}

// A head that only we find too large is not the version's fault.
Error Http1ClientConnection::bad_head(BadHead bad) {
  const bool ours = bad == BadHead::HeadTooLarge || bad == BadHead::TooManyFields;
  return ours ? Error{Errc::TooLarge, Side::Local} : Error{Errc::Protocol, Side::Upstream};
}

// A server that does not accept our certificate says so behind a TLS 1.3 handshake, in place of the
// first response.
Error Http1ClientConnection::read_failure() const {
  const bool refused = exchanges_ == 1 && !response_started() && socket_.refused_by_peer();
  return {refused ? Errc::TlsFailed : Errc::Reset, Side::Upstream};  // the server may have acted
}

Result<Flow> Http1ClientConnection::try_read_body(BodyChunk& chunk) {
  return body_.try_read(chunk);
}

Task<Result<BodyChunk>> Http1ClientConnection::read_body(TimePoint deadline) {
  for (;;) {
    BodyChunk chunk;
    const auto flow = body_.try_read(chunk);
    if (!flow) co_return flow.error();
    if (*flow == Flow::Done) co_return chunk;
    const TimePoint until = tunnel_.is_open() ? tunnel_.deadline(context_.loop.now()) : deadline;
    const net::Wait wait = co_await socket_.readable(until);
    if (wait == net::Wait::Timeout && tunnel_.moved_since_wait(context_.loop.now())) continue;
    if (wait == net::Wait::Timeout) co_return Error{Errc::Timeout, Side::Upstream};
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local};
  }
}

void Http1ClientConnection::become_tunnel(Nanoseconds idle) {
  tunnel_.open(idle, context_.loop.now());
  body_.become_raw();
  framing_.start(false);
  reusable_ = false;
}

void Http1ClientConnection::cancel() {
  socket_.cancel_read();
  socket_.cancel_write();
}

}  // namespace cutwater::http
