// Pieces that request and response heads share. Internal to the codec; pure, no allocation.
#pragma once

#include <string_view>

#include "proxy/http/head_parser.hpp"

namespace cutwater::http {

// Outcome of one check: fine, or why not and what a request is answered with.
struct Verdict {
  BadHead bad = BadHead::None;
  int status = 400;
  bool ok() const { return bad == BadHead::None; }
};
inline Verdict refuse(BadHead bad, int status = 400) {
  return {bad, status};
}

enum class Sender : std::uint8_t { Client, Upstream };

// `lines`: whole field lines, each ending in CRLF; no LF stands without its CR.
Verdict parse_fields(std::string_view lines, Sender sender, std::size_t limit, FieldList& fields);

// What the Connection fields ask for.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool names_fields = false;  // anything but the options above and TE
  bool malformed = false;     // an element that is no token, or too many elements
  unsigned elements = 0;
  void read(std::string_view value);
};
// Every field is compared with every element, so their number is bounded.
inline constexpr unsigned kMaxConnectionElements = 64;

// The Content-Length and Transfer-Encoding fields of a message.
struct LengthFields {
  unsigned lengths = 0;
  unsigned codings = 0;
  std::string_view length;
  std::string_view coding;
  void read(const Field& field);
};

// 1*DIGIT up to 2^63-1.
std::optional<std::uint64_t> parse_length(std::string_view text);

// First protocol of an Upgrade value that may be followed; h2c is skipped (RFC 9113 dropped it,
// and a tunnel of it would hide requests from the proxy). Sets `malformed` if the list is.
std::string_view choose_protocol(std::string_view value, bool& malformed);

// Start line without CRLF, then field lines. Both fill `head` completely.
Verdict read_request(std::string_view start_line, std::string_view lines, const HeadLimits& limits,
                     RequestHead& head);
struct ResponseContext {
  const HeadLimits& limits;
  Method request_method;
};
Verdict read_response(std::string_view start_line, std::string_view lines,
                      const ResponseContext& context, ResponseHead& head);

}  // namespace cutwater::http
