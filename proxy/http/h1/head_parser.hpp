// Parses HTTP/1 heads strictly, sans-I/O. The grammar is RFC 9112 2-6, RFC 9110 5-7 and RFC 3986.
// What the grammar does not allow is refused: a proxy's framing parser must never read a message
// differently from the server behind it. The parser is pure and does not allocate; feed it the same
// growing buffer until it says Complete or Bad.
#pragma once

#include <span>

#include "proxy/http/message.hpp"

namespace cutwater::http {

struct HeadLimits {
  std::size_t head_bytes = 16 * 1024;  // -> 431 (start line alone over target_bytes -> 414)
  std::size_t fields = 100;            // -> 431; at most FieldList::kCapacity
  std::size_t target_bytes = 8 * 1024;
};

// Says why a head was refused, as a stable label for metrics and logs.
enum class BadHead : std::uint8_t {
  None,
  BareLf,
  BareCr,
  Nul,
  StartLine,
  Method,
  Target,
  Version,
  Host,
  FieldName,
  FieldValue,
  ObsFold,
  ContentLength,
  TransferEncoding,
  UnknownCoding,
  Framing,
  ConnectionHeader,
  Upgrade,
  Expect,
  HeadTooLarge,
  TargetTooLong,
  TooManyFields,
  TooManyEmptyLines,
  Status,
  EncodedTraversal,
  Loop,
  Malformed,  // HTTP/2 only: by RFC 9113 8.1.1, in whatever way
  MethodNotAllowed,
};
std::string_view to_string(BadHead bad);

struct ParseState {
  enum class Kind { NeedMore, Complete, Bad };
  Kind kind = Kind::NeedMore;
  std::size_t head_bytes = 0;  // Complete: bytes consumed, including leading empty lines
  int status = 400;  // the answer to a Bad request: 400, 405, 414, 417, 431, 501, 505, 508
  BadHead bad = BadHead::None;
};

// Parses from the start of `buffer` each time the head is complete, but finds the end of the head
// incrementally, so that byte-by-byte input costs linear time. Use one object per connection side;
// call reset() for the next message.
class HeadScanner {
 public:
  ParseState parse_request(std::span<const char> buffer, const HeadLimits& limits,
                           RequestHead& head);
  // `request_method` decides whether the response has a body (HEAD, RFC 9112 6.3).
  ParseState parse_response(std::span<const char> buffer, const HeadLimits& limits,
                            Method request_method, ResponseHead& head);
  void reset() { *this = {}; }

 private:
  // Advances to the empty line; returns NeedMore, Complete (head_bytes set), or Bad.
  ParseState find_end(std::span<const char> buffer, const HeadLimits& limits, bool request);
  ParseState on_line_end(std::span<const char> buffer, std::size_t lf, bool request);

  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;         // lines of the head seen, start line included
  std::size_t empty_prefix_ = 0;  // leading CRLFs skipped, bounded (RFC 9112 2.2)
};

}  // namespace cutwater::http
