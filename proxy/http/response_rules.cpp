#include "proxy/http/forwarding.hpp"
#include "proxy/http/response_fields.hpp"

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

bool may_pass(const Field& field, const ResponseHead& head) {
  switch (field.id) {
    case FieldId::AltSvc:  // would lead clients around the proxy, out of the split
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

void write_downstream_response(const ResponseHead& head, const ResponseExtras& extras,
                               HeadWriter& out) {
  write_status_line(head, out);
  write_end_to_end(head, extras, out);
  write_connection(head, extras, out);
  if (extras.chunked)
    out.put("Transfer-Encoding: chunked\r\n");
  else
    write_length(head, out);
  out.put("\r\n");
}

void write_informational(const ResponseHead& head, HeadWriter& out) {
  write_status_line(head, out);
  write_end_to_end(head, out);
  out.put("\r\n");
}

}  // namespace cutwater::http
