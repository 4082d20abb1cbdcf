#include "proxy/http/h1/http1_body.hpp"

#include <algorithm>

#include "proxy/http/forwarding.hpp"

namespace cutwater::http {

void Http1BodyReader::start(Framing framing, std::uint64_t length, std::span<char> buffered) {
  framing_ = framing;
  left_ = length;
  buffered_ = buffered;
  bytes_ = 0;
  done_ = framing == Framing::None || (framing == Framing::Length && length == 0);
  if (framing == Framing::Chunked) decoder_.reset();
}

Result<Flow> Http1BodyReader::try_read(BodyChunk& chunk) {
  if (done_) {
    chunk = {{}, true};
    return Flow::Done;
  }
  if (!buffered_.empty()) {
    const auto flow = take(buffered_, chunk);
    if (!flow || *flow == Flow::Done) return flow;
  }
  while (socket_.might_be_readable()) {
    if (!block_) block_ = blocks_.borrow();
    std::span<char> room = block_.span();
    // Asks for one byte more than the body has: a read that fills its room does not tell whether
    // the socket is empty now, and the next read would have to ask.
    if (framing_ == Framing::Length)
      room = room.first(std::min<std::uint64_t>(room.size(), left_ + 1));
    if (framing_ == Framing::Chunked) room = room.first(std::min(room.size(), read_limit_));
    const net::IoResult read = socket_.try_read(room);
    switch (read.kind) {
      case net::IoResult::Kind::Done: {
        const auto flow = take(room.first(read.bytes), chunk);
        if (!flow || *flow == Flow::Done) return flow;
        break;  // only chunk framing so far, so read on
      }
      case net::IoResult::Kind::WouldBlock:
        break;  // and the socket is no longer readable
      case net::IoResult::Kind::Eof:
        if (framing_ != Framing::UntilClose) return Error{Errc::Closed, side_};
        done_ = true;
        chunk = {{}, true};
        return Flow::Done;
      case net::IoResult::Kind::Failed:
        return Error{Errc::Reset, side_};
    }
  }
  // A waiting connection holds no memory: the next transfer gets this block while the cache is
  // warm.
  block_.release();
  return Flow::Blocked;
}

// Done means that `chunk` is filled; Blocked means that the bytes held framing only.
Result<Flow> Http1BodyReader::take(std::span<char> bytes, BodyChunk& chunk) {
  std::span<char> body = bytes;
  buffered_ = {};
  if (framing_ == Framing::Length) {
    body = bytes.first(std::min<std::uint64_t>(bytes.size(), left_));
    left_ -= body.size();
    done_ = left_ == 0;
    buffered_ = bytes.subspan(body.size());
  } else if (framing_ == Framing::Chunked) {
    const ChunkDecoder::Output out = decoder_.decode_in_place(bytes);
    if (out.bad) return Error{Errc::Protocol, side_};
    body = bytes.first(out.body);
    done_ = out.done;
    buffered_ = bytes.subspan(out.consumed);
    if (body.empty() && !done_) return Flow::Blocked;
  }
  bytes_ += body.size();
  chunk = {body, done_, done_ ? trailers() : nullptr};
  return Flow::Done;
}

// By RFC 9110 7.6.1, fields that Connection names belong to this hop in the trailers too.
const FieldList* Http1BodyReader::trailers() {
  FieldList* const fields = framing_ == Framing::Chunked ? decoder_.trailers() : nullptr;
  if (!fields || !connection_) return fields;
  fields->keep_if(
      [this](const Field& field) { return !is_named_by_connection(*connection_, field.name); });
  return fields->size() > 0 ? fields : nullptr;
}

}  // namespace cutwater::http
