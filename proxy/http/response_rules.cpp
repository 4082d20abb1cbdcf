#include "proxy/http/forwarding.hpp"
#include "proxy/http/header_rules.hpp"

namespace cutwater::http {
namespace {

void write_status_line(const ResponseHead& head, HeadWriter& out) {
  out.put("HTTP/1.1 ");
  out.number(static_cast<std::uint64_t>(head.status));
  out.put(" ");
  out.put(head.reason.empty() ? reason_phrase(head.status) : head.reason);
  out.put("\r\n");
}

bool starts_with_proxy(std::string_view name) {
  return name.size() > 6 && iequals(name.substr(0, 6), "proxy-");
}

// End-to-end, not framing, and not for this hop.
bool may_pass(const Field& field, const ResponseHead& head) {
  switch (field.id) {
    case FieldId::AltSvc:  // would lead clients round the proxy, out of the split
    case FieldId::Connection:
    case FieldId::ContentLength:
    case FieldId::KeepAlive:
    case FieldId::Proxy:
    case FieldId::ProxyAuthenticate:
    case FieldId::ProxyAuthorization:
    case FieldId::ProxyConnection:
    case FieldId::Te:
    case FieldId::Trailer:
    case FieldId::TransferEncoding:
    case FieldId::Upgrade:
      return false;
    case FieldId::SetCookie:
      return true;
    default:
      if (field.id == FieldId::Other && starts_with_proxy(field.name)) return false;
      return !head.connection_names || !is_named_by_connection(head.fields, field.name);
  }
}

// A response without a body (HEAD, 304) may still tell how long the body would be; 1xx and 204
// must not (RFC 9110 8.6).
void write_framing(const ResponseHead& head, const ResponseExtras& extras, HeadWriter& out) {
  if (extras.chunked) {
    out.put("Transfer-Encoding: chunked\r\n");
  } else if (head.framing == Framing::Length) {
    out.put("Content-Length: ");
    out.number(head.content_length);
    out.put("\r\n");
  } else if (head.framing == Framing::None && head.status >= 200 && head.status != 204) {
    const Field* length = head.fields.find(FieldId::ContentLength);
    if (length != nullptr) out.field("Content-Length", length->value);
  }
}

void write_connection(const ResponseHead& head, const ResponseExtras& extras, HeadWriter& out) {
  if (head.status == 101) {
    out.put("Connection: Upgrade\r\n");
    if (!head.upgrade.empty()) out.field("Upgrade", head.upgrade);
  } else if (!extras.keep_alive) {
    out.put("Connection: close\r\n");
  } else if (extras.client_minor_version == 0) {
    out.put("Connection: keep-alive\r\n");
  }
}

}  // namespace

void write_downstream_response(const ResponseHead& head, const ResponseExtras& extras,
                               HeadWriter& out) {
  bool cache_control = false;
  bool date = false;
  bool request_id = false;
  write_status_line(head, out);
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
    if (!cache_control) out.put("Cache-Control: private\r\n");
  }
  write_connection(head, extras, out);
  write_framing(head, extras, out);
  out.put("\r\n");
}

void write_informational(const ResponseHead& head, HeadWriter& out) {
  write_status_line(head, out);
  for (const Field& field : head.fields)
    if (may_pass(field, head)) out.field(field.name, field.value);
  out.put("\r\n");
}

}  // namespace cutwater::http
