// Holds what request and response rules share. It is internal to the codec and pure.
#pragma once

#include "proxy/http/header_rules.hpp"

namespace cutwater::http {

// Returns true if one of the Connection fields names `name`, so that the field belongs to this hop
// only.
bool is_named_by_connection(const FieldList& fields, std::string_view name);

// Returns the X-Request-ID of a trusted peer when it is visible ASCII of 1 to 128 characters, fit
// to be logged and passed on; otherwise an empty text.
std::string_view believed_request_id(const RequestHead& head, bool trusted_peer);

// Accepts "00-<32 hex>-<16 hex>-<2 hex>" in lower case with ids that are not all zero (W3C Trace
// Context 3.2).
bool is_valid_traceparent(std::string_view value);

// Says which traceparent a request goes on with: the client's, or `ours` when the client's is
// invalid or doubled, which restarts the trace; its tracestate goes with it (3.2.2).
struct UsedTraceparent {
  std::string_view value;
  bool from_client = false;
};
UsedTraceparent used_traceparent(const RequestHead& head, std::string_view ours);

// Writes a Cookie value without the cookies called `name`; returns false if nothing is left of it
// (then nothing is written). The other cookies keep their bytes.
bool write_cookie_field(const Field& field, std::string_view name, HeadWriter& out);

}  // namespace cutwater::http
