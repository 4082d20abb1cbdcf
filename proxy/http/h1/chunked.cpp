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
  return c == ';' ? State::ExtensionStart : State::Bad;
}

// RFC 9112 7.1.1: *( ";" name [ "=" ( token / quoted-string ) ] ), blanks around ';' and '='. They
// are counted and checked, not understood: a recipient must ignore those it does not know, but two
// that read a line differently would not see the same chunks.
ChunkDecoder::State ChunkDecoder::on_extension(char c) {
  if (c != '\r' && ++extension_ > limits_.extension_bytes) return State::Bad;
  const bool token = chars::is(c, chars::kToken);
  switch (state_) {
    case State::ExtensionStart:
      if (chars::is_blank(c)) return state_;
      return token ? State::ExtensionName : State::Bad;
    case State::ExtensionEquals:
      if (chars::is_blank(c)) return state_;
      if (c == '"') return State::ExtensionQuoted;
      return token ? State::ExtensionToken : State::Bad;
    case State::ExtensionQuoted:
      if (c == '"') return State::ExtensionValued;
      if (c == '\\') return State::ExtensionEscape;
      return chars::is(c, chars::kControl) ? State::Bad : state_;
    case State::ExtensionEscape:
      return chars::is(c, chars::kControl) ? State::Bad : State::ExtensionQuoted;
    case State::ExtensionName:
    case State::ExtensionToken:
      return token ? state_ : behind_extension(c);
    default:
      return behind_extension(c);
  }
}

// Reads what may follow a name or a value. Blanks are allowed in front of ';' and '=' only.
ChunkDecoder::State ChunkDecoder::behind_extension(char c) const {
  const bool blank_seen =
      state_ == State::ExtensionNamePadded || state_ == State::ExtensionValuePadded;
  const bool name = state_ == State::ExtensionName || state_ == State::ExtensionNamePadded;
  if (c == ';') return State::ExtensionStart;
  if (c == '=' && name) return State::ExtensionEquals;
  if (chars::is_blank(c)) return name ? State::ExtensionNamePadded : State::ExtensionValuePadded;
  return c == '\r' && !blank_seen ? State::SizeLf : State::Bad;
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
    case State::ExtensionStart:
    case State::ExtensionName:
    case State::ExtensionNamePadded:
    case State::ExtensionEquals:
    case State::ExtensionToken:
    case State::ExtensionQuoted:
    case State::ExtensionEscape:
    case State::ExtensionValued:
    case State::ExtensionValuePadded:
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
