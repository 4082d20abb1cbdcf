#include "proxy/http/h2/http2_stream.hpp"

#include "proxy/http/h2/http2_session.hpp"

namespace cutwater::http {

namespace {
constexpr std::size_t kKeepCapacity = 8 * 1024;  // of the buffers of a pooled stream

void empty(std::string& buffer) {
  buffer.clear();
  if (buffer.capacity() > kKeepCapacity) std::string().swap(buffer);
}
}  // namespace

void Http2Stream::start(Http2Session& session, std::int32_t id) {
  session_ = &session;
  id_ = id;
  has_trailers_ = bad_field_ = ended_ = read_done_ = false;
  outgoing_ = {};
  outgoing_trailers_ = nullptr;
  outgoing_end_ = end_sent_ = deferred_ = stalled_ = closed_ = false;
  bytes_read_ = bytes_sent_ = 0;
  last_moved_ = session_->loop().now();
  error_.reset();
  readable_.clear_cancel();
  writable_.clear_cancel();
}

void Http2Stream::finish() {
  const std::size_t unread = incoming_.size() + lent_.size();
  if (unread > 0) session_->consume(id_, unread);
  empty(incoming_);
  empty(lent_);
  outgoing_ = {};
}

// --- told by the session --------------------------------------------------------------------

void Http2Stream::on_data(std::span<const char> bytes) {
  incoming_.append(bytes.data(), bytes.size());
  last_moved_ = session_->loop().now();
  readable_.wake();
}

void Http2Stream::add_trailer(std::string_view name, std::string_view value, Http2Text& text) {
  if (!trailers_) trailers_ = std::make_unique<FieldList>();
  if (!has_trailers_) trailers_->clear();
  has_trailers_ = true;
  if (!http::add_trailer(name, value, text, *trailers_)) fail_reading({Errc::Protocol, side_});
}

void Http2Stream::on_end() {
  ended_ = true;
  readable_.wake();
}

void Http2Stream::on_closed(Error error) {
  closed_ = true;
  if (!(ended_ && end_sent_) && !error_) error_ = error;
  readable_.wake();
  writable_.wake();
}

void Http2Stream::fail_reading(Error error) {
  if (!error_) error_ = error;
  readable_.wake();
}

// --- reading --------------------------------------------------------------------------------

Result<Flow> Http2Stream::try_read(BodyChunk& chunk) {
  if (!lent_.empty()) {
    session_->consume(id_, lent_.size());
    lent_.clear();
  }
  if (!incoming_.empty()) {
    lent_.swap(incoming_);
    bytes_read_ += lent_.size();
  } else if (!ended_) {
    if (error_) return *error_;
    if (closed_) return Error{Errc::Closed, side_};
    return Flow::Blocked;
  }
  // What is complete can be used, whatever happened to the stream behind it.
  if (ended_ && error_ && error_->code == Errc::Protocol) return *error_;
  read_done_ = ended_;
  const bool any = ended_ && has_trailers_ && trailers_->size() > 0;
  chunk = {lent_, ended_, any ? trailers_.get() : nullptr};
  return Flow::Done;
}

// --- writing --------------------------------------------------------------------------------

void Http2Stream::set_outgoing(BodyChunk chunk) {
  outgoing_ = chunk.data;
  outgoing_end_ = chunk.end_stream;
  outgoing_trailers_ = chunk.end_stream ? chunk.trailers : nullptr;
}

bool Http2Stream::set_first(BodyChunk chunk) {
  set_outgoing(chunk);
  end_sent_ = chunk.end_stream && chunk.data.empty() && !chunk.trailers;
  return !end_sent_;
}

Result<Flow> Http2Stream::sent_state() const {
  if (out_done()) return Flow::Done;
  if (error_) return *error_;
  if (closed_) return Error{Errc::Reset, side_};
  return Flow::Blocked;
}

Result<Flow> Http2Stream::write(BodyChunk chunk) {
  if (closed_) return error_.value_or(Error{Errc::Reset, side_});
  if (chunk.data.empty() && !chunk.end_stream) return Flow::Done;
  set_outgoing(chunk);
  last_moved_ = session_->loop().now();
  if (std::exchange(deferred_, false)) session_->resume(*this);
  session_->produce();
  return sent_state();
}

Task<Result<void>> Http2Stream::flush_outgoing(Nanoseconds stall) {
  for (;;) {
    const auto state = sent_state();
    if (!state) co_return state.error();
    if (*state == Flow::Done) co_return Result<void>();
    const std::size_t left = outgoing_.size();
    const net::Wait wait = co_await writable_.wait(session_->loop().now() + stall);
    if (wait == net::Wait::Cancelled) co_return Error{Errc::Cancelled, Side::Local};
    if (wait == net::Wait::Timeout && outgoing_.size() == left) {
      stalled_ = true;
      co_return Error{Errc::Timeout, side_};
    }
  }
}

Http2Stream::Outgoing Http2Stream::next_outgoing(std::size_t most) {
  const std::size_t bytes = std::min(outgoing_.size(), most);
  const bool end = outgoing_end_ && bytes == outgoing_.size();
  deferred_ = bytes == 0 && !end;
  if (end) {
    end_sent_ = true;
    if (bytes == 0) writable_.wake();
  }
  return {bytes, end, end ? outgoing_trailers_ : nullptr, deferred_};
}

std::string_view Http2Stream::take_outgoing(std::size_t bytes) {
  const std::string_view taken(outgoing_.data(), bytes);
  outgoing_ = outgoing_.subspan(bytes);
  if (outgoing_.empty()) writable_.wake();
  return taken;
}

}  // namespace cutwater::http
