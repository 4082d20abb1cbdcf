// What request and response rules share. Internal to the codec; pure.
#pragma once

#include "proxy/http/header_rules.hpp"

namespace cutwater::http {

// True if one of the Connection fields names `name`, so that it belongs to this hop only.
bool is_named_by_connection(const FieldList& fields, std::string_view name);

// What a trusted peer calls the request: its X-Request-ID when that is visible ASCII of 1 to 128
// characters, fit to be logged and passed on. Otherwise empty.
std::string_view believed_request_id(const RequestHead& head, bool trusted_peer);

// "00-<32 hex>-<16 hex>-<2 hex>", lower-case, ids not all zero (W3C Trace Context 3.2).
bool is_valid_traceparent(std::string_view value);

// Writes a Cookie value without the cookies called `name`; false if nothing is left of it (then
// nothing is written). The other cookies keep their bytes.
bool write_cookie_field(const Field& field, std::string_view name, HeadWriter& out);

}  // namespace cutwater::http
