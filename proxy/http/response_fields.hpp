// Decides which fields of a response a client gets to see, whatever protocol carries them: `out`
// takes them by field(name, value) and content_length(bytes), in order. HTTP/1's own fields, for
// framing and the connection, are in response_rules.cpp. The functions are pure.
#pragma once

#include "proxy/http/header_rules.hpp"

namespace cutwater::http {

// Accepts end-to-end fields that are neither framing nor meant for this hop.
bool may_pass(const Field& field, const ResponseHead& head);

template <class Out>
void write_end_to_end(const ResponseHead& head, Out& out) {
  for (const Field& field : head.fields)
    if (may_pass(field, head)) out.field(field.name, field.value);
}

template <class Out>
void write_end_to_end(const ResponseHead& head, const ResponseExtras& extras, Out& out) {
  bool cache_control = false;
  bool date = false;
  bool request_id = false;
  for (const Field& field : head.fields) {
    if (!may_pass(field, head)) continue;
    if (!extras.version_header.empty() && iequals(field.name, extras.version_header)) continue;
    cache_control = cache_control || field.id == FieldId::CacheControl;
    date = date || field.id == FieldId::Date;
    request_id = request_id || field.id == FieldId::XRequestId;
    out.field(field.name, field.value);
  }
  if (!date && !extras.date.empty()) out.field("Date", extras.date);
  if (!request_id && !extras.request_id.empty()) out.field("X-Request-ID", extras.request_id);
  if (!extras.version_header.empty()) out.field(extras.version_header, extras.version);
  if (!extras.set_cookie.empty()) {
    out.field("Set-Cookie", extras.set_cookie);
    if (!cache_control) out.field("Cache-Control", "private");
  }
}

// A response without a body (HEAD, 304) may still tell how long the body would be; 1xx and 204
// must not (RFC 9110 8.6).
template <class Out>
void write_length(const ResponseHead& head, Out& out) {
  if (head.framing == Framing::Length) {
    out.content_length(head.content_length);
  } else if (head.framing == Framing::None && head.status >= 200 && head.status != 204) {
    const Field* length = head.fields.find(FieldId::ContentLength);
    if (length != nullptr) out.field("Content-Length", length->value);
  }
}

// Returns an upper bound of what the two above take, with `most(name, value)` for each field.
template <class Most>
std::size_t most_bytes(const ResponseHead& head, const ResponseExtras& extras, const Most& most) {
  std::size_t bytes = most("Content-Length", "18446744073709551615") + most("Date", extras.date) +
                      most("X-Request-ID", extras.request_id) +
                      most(extras.version_header, extras.version) +
                      most("Set-Cookie", extras.set_cookie) + most("Cache-Control", "private");
  for (const Field& field : head.fields) bytes += most(field.name, field.value);
  return bytes;
}

// Writes the fields of a response of the proxy itself, except for the length of its body.
template <class Out>
void write_local_fields(const LocalReply& reply, Out& out) {
  if (reply.has_content()) {
    out.field("Content-Type", "text/plain; charset=utf-8");
    out.field("Cache-Control", "no-store");
  }
  if (reply.status == 405) out.field("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  if (!reply.request_id.empty()) out.field("X-Request-ID", reply.request_id);
}

}  // namespace cutwater::http
