#include "proxy/http/h1/head_grammar.hpp"

#include <algorithm>
#include <cstring>

#include "proxy/http/char_class.hpp"
#include "proxy/http/h1/head_parser.hpp"

namespace cutwater::http {
namespace {

constexpr std::size_t kMaxEmptyLines = 4;  // a client's stray CRLF after a body: RFC 9112 2.2
// A start line needs this much room beside the target: method, version, spaces, CR.
constexpr std::size_t kStartLineExtra = 48;

ParseState bad_state(BadHead bad, int status = 400) {
  return {ParseState::Kind::Bad, 0, status, bad};
}

// The verdict must be a function of the bytes up to the offending one, however they arrived, so the
// limit that is passed first counts.
ParseState over_limit(std::size_t line_limit, std::size_t head_limit) {
  if (line_limit < head_limit) return bad_state(BadHead::TargetTooLong, 414);
  return bad_state(BadHead::HeadTooLarge, 431);
}

struct Parts {
  std::string_view start_line;
  std::string_view fields;
};

// `head` ends with the empty line and begins with the start line.
Parts split_head(std::string_view head) {
  const std::size_t line = head.find('\n') + 1;
  return {head.substr(0, line - 2), head.substr(line, head.size() - line - 2)};
}

ParseState finish(const ParseState& end, const Verdict& verdict) {
  return verdict.ok() ? end : bad_state(verdict.bad, verdict.status);
}

}  // namespace

ParseState HeadScanner::on_line_end(std::span<const char> buffer, std::size_t lf, bool request) {
  if (lf == line_start_ || buffer[lf - 1] != '\r') return bad_state(BadHead::BareLf);
  const bool empty = lf == line_start_ + 1;
  if (empty && lines_ == 0) {
    if (!request) return bad_state(BadHead::StartLine);
    if (empty_prefix_ == kMaxEmptyLines) return bad_state(BadHead::TooManyEmptyLines);
    ++empty_prefix_;
  } else if (empty) {
    return {ParseState::Kind::Complete, lf + 1, 0, BadHead::None};
  } else {
    ++lines_;
  }
  line_start_ = scanned_ = lf + 1;
  return {};
}

ParseState HeadScanner::find_end(std::span<const char> buffer, const HeadLimits& limits,
                                 bool request) {
  const char* const data = buffer.data();
  while (true) {
    // Finds the position of the first byte that is too much, for the start line and for the head.
    const std::size_t line_limit =
        lines_ == 0 ? line_start_ + limits.target_bytes + kStartLineExtra : buffer.size() + 1;
    if (lines_ == 0 && line_start_ < buffer.size()) {
      // No request begins with anything but a letter of its method: a TLS hello or other noise is
      // refused at its first byte, not when the header deadline passes.
      const char first = data[line_start_];
      if (first != '\r' && first != '\n' && !chars::is(first, chars::kToken))
        return bad_state(BadHead::StartLine);
    }
    const void* found = scanned_ < buffer.size()
                            ? std::memchr(data + scanned_, '\n', buffer.size() - scanned_)
                            : nullptr;
    const std::size_t lf = found == nullptr
                               ? buffer.size()
                               : static_cast<std::size_t>(static_cast<const char*>(found) - data);
    // The LF itself counts for the head but not for the line.
    const std::size_t seen = found == nullptr ? buffer.size() : lf + 1;
    if (lf > line_limit || seen > limits.head_bytes)
      return over_limit(line_limit, limits.head_bytes);
    if (found == nullptr) {
      scanned_ = buffer.size();
      return {};
    }
    const ParseState state = on_line_end(buffer, lf, request);
    if (state.kind != ParseState::Kind::NeedMore) return state;
  }
}

ParseState HeadScanner::parse_request(std::span<const char> buffer, const HeadLimits& limits,
                                      RequestHead& head) {
  const ParseState end = find_end(buffer, limits, true);
  if (end.kind != ParseState::Kind::Complete) return end;
  const std::size_t begin = 2 * empty_prefix_;
  const Parts parts = split_head({buffer.data() + begin, end.head_bytes - begin});
  return finish(end, read_request(parts.start_line, parts.fields, limits, head));
}

ParseState HeadScanner::parse_response(std::span<const char> buffer, const HeadLimits& limits,
                                       Method request_method, ResponseHead& head) {
  const ParseState end = find_end(buffer, limits, false);
  if (end.kind != ParseState::Kind::Complete) return end;
  const Parts parts = split_head({buffer.data(), end.head_bytes});
  return finish(end, read_response(parts.start_line, parts.fields, {limits, request_method}, head));
}

}  // namespace cutwater::http
