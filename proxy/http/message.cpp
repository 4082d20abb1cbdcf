#include "proxy/http/message.hpp"

#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

// `lower` must be lower-case.
bool same(std::string_view name, std::string_view lower) {
  for (std::size_t i = 0; i < lower.size(); ++i)
    if (chars::to_lower(name[i]) != lower[i]) return false;
  return true;
}

FieldId pick(std::string_view name, std::string_view lower, FieldId id) {
  return same(name, lower) ? id : FieldId::Other;
}

}  // namespace

// Length and one distinguishing character choose the only candidate, so an unknown name costs one
// failed comparison at most.
FieldId field_id(std::string_view name) {
  const auto at = [name](std::size_t i) { return chars::to_lower(name[i]); };
  switch (name.size()) {
    case 2:
      return pick(name, "te", FieldId::Te);
    case 3:
      return pick(name, "via", FieldId::Via);
    case 4:
      if (at(0) == 'd') return pick(name, "date", FieldId::Date);
      return pick(name, "host", FieldId::Host);
    case 5:
      return pick(name, "proxy", FieldId::Proxy);
    case 6:
      if (at(0) == 'c') return pick(name, "cookie", FieldId::Cookie);
      return pick(name, "expect", FieldId::Expect);
    case 7:
      if (at(0) == 'a') return pick(name, "alt-svc", FieldId::AltSvc);
      if (at(0) == 't') return pick(name, "trailer", FieldId::Trailer);
      return pick(name, "upgrade", FieldId::Upgrade);
    case 8:
      return pick(name, "x-shadow", FieldId::XShadow);
    case 9:
      if (at(0) == 'f') return pick(name, "forwarded", FieldId::Forwarded);
      return pick(name, "x-real-ip", FieldId::XRealIp);
    case 10:
      if (at(0) == 'c') return pick(name, "connection", FieldId::Connection);
      if (at(0) == 'k') return pick(name, "keep-alive", FieldId::KeepAlive);
      if (at(0) == 't') return pick(name, "tracestate", FieldId::Tracestate);
      return pick(name, "set-cookie", FieldId::SetCookie);
    case 11:
      return pick(name, "traceparent", FieldId::Traceparent);
    case 12:
      if (at(0) == 'c') return pick(name, "content-type", FieldId::ContentType);
      if (at(0) == 'm') return pick(name, "max-forwards", FieldId::MaxForwards);
      return pick(name, "x-request-id", FieldId::XRequestId);
    case 13:
      if (at(1) == 'u') return pick(name, "cutwater-hops", FieldId::CutwaterHops);
      return pick(name, "cache-control", FieldId::CacheControl);
    case 14:
      return pick(name, "content-length", FieldId::ContentLength);
    case 15:
      return pick(name, "x-forwarded-for", FieldId::XForwardedFor);
    case 16:
      if (at(0) == 'p') return pick(name, "proxy-connection", FieldId::ProxyConnection);
      return pick(name, "x-forwarded-host", FieldId::XForwardedHost);
    case 17:
      if (at(0) == 't') return pick(name, "transfer-encoding", FieldId::TransferEncoding);
      return pick(name, "x-forwarded-proto", FieldId::XForwardedProto);
    case 18:
      return pick(name, "proxy-authenticate", FieldId::ProxyAuthenticate);
    case 19:
      return pick(name, "proxy-authorization", FieldId::ProxyAuthorization);
    case 21:
      return pick(name, "x-client-cert-subject", FieldId::XClientCert);
    case 25:
      return pick(name, "x-client-cert-fingerprint", FieldId::XClientCert);
    default:
      return FieldId::Other;
  }
}

const Field* FieldList::find(std::string_view name) const {
  for (const Field& field : *this)
    if (iequals(field.name, name)) return &field;
  return nullptr;
}

bool is_event_stream(const ResponseHead& head) {
  const Field* type = head.fields.find(FieldId::ContentType);
  constexpr std::string_view kEventStream = "text/event-stream";
  return type && type->value.size() >= kEventStream.size() &&
         iequals(type->value.substr(0, kEventStream.size()), kEventStream);
}

bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (chars::to_lower(a[i]) != chars::to_lower(b[i])) return false;
  return true;
}

}  // namespace cutwater::http
