// Holds the pieces that request and response heads share. They are internal to the codec, pure, and
// do not allocate.
#pragma once

#include <string_view>

#include "proxy/http/h1/head_parser.hpp"

namespace cutwater::http {

// Holds the outcome of one check: fine, or why not and what status answers the request.
struct Verdict {
  BadHead bad = BadHead::None;
  int status = 400;
  bool ok() const { return bad == BadHead::None; }
};
inline Verdict refuse(BadHead bad, int status = 400) {
  return {bad, status};
}

enum class Sender : std::uint8_t { Client, Upstream };

// `lines` are whole field lines, each ending in CRLF; no LF stands without its CR.
Verdict parse_fields(std::string_view lines, Sender sender, std::size_t limit, FieldList& fields);

// Says what the Connection fields ask for.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool names_fields = false;  // names anything but the options above and TE
  bool malformed = false;     // an element is not a token, or there are too many elements
  unsigned elements = 0;
  void read(std::string_view value);
};
// Every field is compared with every element, so their number is bounded.
inline constexpr unsigned kMaxConnectionElements = 64;

// Collects the Content-Length and Transfer-Encoding fields of a message.
struct LengthFields {
  unsigned lengths = 0;
  unsigned codings = 0;
  std::string_view length;
  std::string_view coding;
  void read(const Field& field);
};

// Also recognises FieldId::ClientClaim, and names that are disguised (FieldId::Disguised).
FieldId identify_field(std::string_view name);

// --- pieces of a request, whatever version of HTTP carries it ---------------------------------
inline constexpr std::size_t kMaxMethod = 32;
Method method_of(std::string_view text);
// `text` is path[?query] beginning with '/': RFC 3986 3.3, 3.4. Returns false when it is not.
bool set_origin_form(std::string_view text, RequestHead& head);

// Holds what one walk over a request's fields finds. The walk also fills head.max_forwards,
// head.hops and head.claims_client.
struct SeenFields {
  LengthFields lengths;
  ConnectionOptions connection;
  unsigned hosts = 0;
  std::string_view host;
  std::string_view upgrade;
  bool bad_upgrade = false;
  bool expect = false;
  bool unknown_expect = false;
  bool bad_max_forwards = false;
};
SeenFields gather_fields(RequestHead& head);

// Parses 1*DIGIT up to 2^63-1.
std::optional<std::uint64_t> parse_length(std::string_view text);

// Returns the first protocol of an Upgrade value that may be followed. It skips h2c (RFC 9113
// dropped it) and TLS (RFC 2817), since a tunnel of them would hide requests from the proxy, and
// sets `malformed` if the list is malformed.
std::string_view choose_protocol(std::string_view value, bool& malformed);

// Both take the start line without CRLF, then the field lines, and fill `head` completely.
Verdict read_request(std::string_view start_line, std::string_view lines, const HeadLimits& limits,
                     RequestHead& head);
struct ResponseContext {
  const HeadLimits& limits;
  Method request_method;
};
Verdict read_response(std::string_view start_line, std::string_view lines,
                      const ResponseContext& context, ResponseHead& head);

}  // namespace cutwater::http
