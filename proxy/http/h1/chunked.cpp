#include "proxy/http/h1/chunked.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "proxy/http/char_class.hpp"
#include "proxy/http/h1/head_grammar.hpp"
#include "proxy/http/trailers.hpp"

namespace cutwater::http {
namespace {

// Sixteen digits hold any length a 64-bit counter can; a longer number is refused even if its
// digits are zeros.
constexpr unsigned kMaxDigits = 16;

}  // namespace

void ChunkDecoder::reset() {
  *this = ChunkDecoder(limits_);
}

ChunkDecoder::State ChunkDecoder::on_size(char c) {
  const int value = chars::hex_value(c);
  if (value >= 0) {
    if (++digits_ > kMaxDigits || (left_ >> 59) != 0) return State::Bad;
    left_ = left_ * 16 + static_cast<std::uint64_t>(value);
    return State::Size;
  }
  if (digits_ == 0) return State::Bad;
  if (c == '\r') return State::SizeLf;
  return c == ';' ? State::Extension : State::Bad;
}

// Extensions are counted, not understood: a recipient must ignore those it does not know.
ChunkDecoder::State ChunkDecoder::on_extension(char c) {
  if (c == '\r') return State::SizeLf;
  if (chars::is(c, chars::kControl) || ++extension_ > limits_.extension_bytes) return State::Bad;
  return State::Extension;
}

ChunkDecoder::State ChunkDecoder::on_trailer(char c) {
  if (++trailer_ > limits_.trailer_bytes) return State::Bad;
  if (state_ == State::TrailerStart && c == '\r') return State::EndLf;
  if (state_ == State::EndLf) return c == '\n' ? end_trailers() : State::Bad;
  const State next = on_trailer_line(c);
  if (next == State::Bad) return next;
  if (!trailers_) trailers_ = std::make_unique<Trailers>();
  trailers_->lines += c;
  return next;
}

ChunkDecoder::State ChunkDecoder::on_trailer_line(char c) {
  switch (state_) {
    case State::TrailerStart:  // a blank is refused: lines are not folded
      if (++trailer_fields_ > limits_.trailer_fields) return State::Bad;
      return chars::is(c, chars::kToken) ? State::TrailerName : State::Bad;
    case State::TrailerName:
      if (c == ':') return State::TrailerValue;
      return chars::is(c, chars::kToken) ? State::TrailerName : State::Bad;
    case State::TrailerValue:
      if (c == '\r') return State::TrailerLf;
      return chars::is(c, chars::kControl) ? State::Bad : State::TrailerValue;
    default:
      return c == '\n' ? State::TrailerStart : State::Bad;  // TrailerLf
  }
}

ChunkDecoder::State ChunkDecoder::end_trailers() {
  if (!trailers_) return State::Done;
  const Verdict verdict =
      parse_fields(trailers_->lines, Sender::Client, limits_.trailer_fields, trailers_->fields);
  trailers_->fields.keep_if(may_trail);
  if (trailers_->fields.size() == 0) trailers_.reset();
  return verdict.ok() ? State::Done : State::Bad;
}

ChunkDecoder::State ChunkDecoder::step(char c) {
  switch (state_) {
    case State::Size:
    case State::Extension:
      if (++line_ > limits_.line_bytes) return State::Bad;
      return state_ == State::Size ? on_size(c) : on_extension(c);
    case State::SizeLf:
      if (c != '\n') return State::Bad;
      line_ = 0;
      digits_ = 0;
      return left_ == 0 ? State::TrailerStart : State::Data;
    case State::DataCr:
      return c == '\r' ? State::DataLf : State::Bad;
    case State::DataLf:
      return c == '\n' ? State::Size : State::Bad;
    default:
      return on_trailer(c);
  }
}

ChunkDecoder::Output ChunkDecoder::decode(std::span<char> buffer) {
  Output out;
  char* const data = buffer.data();
  while (out.consumed < buffer.size() && state_ != State::Done && state_ != State::Bad) {
    if (state_ != State::Data) {
      state_ = step(data[out.consumed]);
      if (state_ != State::Bad) ++out.consumed;
      continue;
    }
    const auto run =
        static_cast<std::size_t>(std::min<std::uint64_t>(left_, buffer.size() - out.consumed));
    if (out.body == 0) out.offset = out.consumed;
    const std::size_t to = out.offset + out.body;
    if (to != out.consumed) std::memmove(data + to, data + out.consumed, run);
    out.body += run;
    out.consumed += run;
    left_ -= run;
    if (left_ == 0) state_ = State::DataCr;
  }
  out.done = state_ == State::Done;
  out.bad = state_ == State::Bad;
  return out;
}

ChunkDecoder::Output ChunkDecoder::decode_in_place(std::span<char> buffer) {
  Output out = decode(buffer);
  if (out.offset != 0) std::memmove(buffer.data(), buffer.data() + out.offset, out.body);
  out.offset = 0;
  return out;
}

std::string_view format_chunk_header(std::size_t size, std::array<char, 24>& out) {
  char* end = std::to_chars(out.data(), out.data() + 16, size, 16).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return {out.data(), static_cast<std::size_t>(end - out.data())};
}

}  // namespace cutwater::http
