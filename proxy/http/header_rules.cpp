// Decides what goes to the upstream in a request. Responses are in response_rules.cpp.
#include "proxy/http/header_rules.hpp"

#include "proxy/http/forwarding.hpp"
#include "proxy/http/trailers.hpp"

namespace cutwater::http {
namespace {

// Keeps the first values of the fields that are written once, at the end.
struct Kept {
  std::string_view forwarded_proto;
  std::string_view forwarded_host;
  bool forwarded_for = false;
  bool tracestate = false;
  bool te_trailers = false;
};

void keep_first(std::string_view& slot, const Field& field) {
  if (slot.empty()) slot = field.value;
}

bool may_pass(const Field& field, const RequestHead& head, const ForwardInfo& info) {
  if (!head.connection_names || info.protects(field.name)) return true;
  return !is_named_by_connection(head.fields, field.name);
}

// Writes the fields that pass as they are, and gathers those that are written in our own words.
// Framing, Host and hop-by-hop fields fall through to "dropped".
Kept write_passing_fields(const RequestHead& head, const ForwardInfo& info, HeadWriter& out) {
  Kept kept;
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldId::Cookie:
        write_cookie_field(field, info.drop_cookie, out);
        break;
      case FieldId::XForwardedFor:
        kept.forwarded_for = true;
        break;
      case FieldId::XForwardedProto:
        keep_first(kept.forwarded_proto, field);
        break;
      case FieldId::XForwardedHost:
        keep_first(kept.forwarded_host, field);
        break;
      case FieldId::XRequestId:  // info.request_id, which may be this one
        break;
      case FieldId::Traceparent:  // used_traceparent(), which may be this one
        break;
      case FieldId::Tracestate:
        kept.tracestate = true;
        break;
      case FieldId::Te:
        kept.te_trailers = kept.te_trailers || asks_for_trailers(field.value);
        break;
      case FieldId::ClientClaim:  // a stranger's are gone already: client_claims.hpp
      case FieldId::Forwarded:
      case FieldId::Via:
      case FieldId::XRealIp:
        out.field(field.name, field.value);
        break;
      case FieldId::XShadow:
        if (info.trusted_peer && !info.shadow) out.field(field.name, field.value);
        break;
      case FieldId::MaxForwards:
        if (!head.max_forwards) out.field(field.name, field.value);
        break;
      case FieldId::Connection:
      case FieldId::ContentLength:
      case FieldId::CutwaterHops:
      case FieldId::Disguised:
      case FieldId::Expect:
      case FieldId::Host:
      case FieldId::KeepAlive:
      case FieldId::Proxy:  // "httpoxy": CGI turns it into the variable HTTP_PROXY
      case FieldId::ProxyAuthenticate:
      case FieldId::ProxyAuthorization:
      case FieldId::ProxyConnection:
      case FieldId::Trailer:
      case FieldId::TransferEncoding:
      case FieldId::Upgrade:
      case FieldId::XClientCert:  // only what we have verified ourselves passes
        break;
      default:
        if (may_pass(field, head, info)) out.field(field.name, field.value);
        break;
    }
  }
  return kept;
}

void write_forwarded_for(const RequestHead& head, const ForwardInfo& info, bool present,
                         HeadWriter& out) {
  out.put("X-Forwarded-For: ");
  if (present && info.trusted_peer) {
    for (const Field& field : head.fields) {
      if (field.id != FieldId::XForwardedFor || field.value.empty()) continue;
      out.put(field.value);
      out.put(", ");
    }
  }
  out.put(info.peer_ip);
  out.put("\r\n");
}

void write_forwarding(const RequestHead& head, const ForwardInfo& info, const Kept& kept,
                      HeadWriter& out) {
  const auto ours_unless_trusted = [&info](std::string_view theirs, std::string_view ours) {
    return info.trusted_peer && !theirs.empty() ? theirs : ours;
  };
  write_forwarded_for(head, info, kept.forwarded_for, out);
  out.field("X-Forwarded-Proto", ours_unless_trusted(kept.forwarded_proto, info.scheme));
  const std::string_view host = ours_unless_trusted(kept.forwarded_host, head.authority);
  if (!host.empty()) out.field("X-Forwarded-Host", host);

  if (!info.cert_subject.empty()) out.field("X-Client-Cert-Subject", info.cert_subject);
  if (!info.cert_fingerprint.empty()) out.field("X-Client-Cert-Fingerprint", info.cert_fingerprint);

  if (!info.request_id.empty()) out.field("X-Request-ID", info.request_id);
}

// An invalid or doubled traceparent restarts the trace; its tracestate is dropped with it (3.2.2).
void write_trace(const RequestHead& head, const ForwardInfo& info, const Kept& kept,
                 HeadWriter& out) {
  const UsedTraceparent parent = used_traceparent(head, info.traceparent);
  if (!parent.value.empty()) out.field("traceparent", parent.value);
  if (!parent.from_client || !kept.tracestate) return;
  for (const Field& field : head.fields)
    if (field.id == FieldId::Tracestate) out.field(field.name, field.value);
}

// Via is for people: servers change what they do when they see it (nginx stops compressing), and
// several of these proxies may have one name. Loops are found by a count of our own.
void write_hops(const RequestHead& head, const ForwardInfo& info, HeadWriter& out) {
  if (head.hops == 0) {  // nearly always
    out.put("Cutwater-Hops: 1\r\n");
  } else {
    out.put("Cutwater-Hops: ");
    out.number(head.hops + 1);
    out.put("\r\n");
  }
  if (info.via.empty()) return;
  const std::string_view one = head.minor_version == 0 ? "Via: 1.0 " : "Via: 1.1 ";
  out.put(head.major_version == 2 ? "Via: 2.0 " : one);
  out.put(info.via);
  out.put("\r\n");
}

void write_hop_fields(const RequestHead& head, bool te_trailers, HeadWriter& out) {
  if (!head.upgrade.empty()) {
    out.field("Connection", te_trailers ? "Upgrade, TE" : "Upgrade");
    out.field("Upgrade", head.upgrade);
  } else if (te_trailers) {
    out.field("Connection", "TE");
  }
  if (te_trailers) out.field("TE", "trailers");
}

void write_framing(const RequestHead& head, HeadWriter& out) {
  if (head.framing == Framing::Length) {
    out.content_length(head.content_length);
  } else if (head.framing == Framing::Chunked) {
    out.put("Transfer-Encoding: chunked\r\n");
  }
  if (head.expect_continue) out.put("Expect: 100-continue\r\n");
}

}  // namespace

void write_upstream_request(const RequestHead& head, const ForwardInfo& info, HeadWriter& out) {
  out.put(head.method_text);
  out.put(" ");
  out.put(info.target.empty() ? head.target : info.target);
  out.put(" HTTP/1.1\r\n");
  out.field("Host", head.authority.empty() ? info.fallback_authority : head.authority);
  if (info.shadow) out.put("X-Shadow: 1\r\n");
  const Kept kept = write_passing_fields(head, info, out);
  write_forwarding(head, info, kept, out);
  write_trace(head, info, kept, out);
  write_hops(head, info, out);
  if (head.max_forwards) {
    out.put("Max-Forwards: ");
    out.number(*head.max_forwards > 0 ? *head.max_forwards - 1 : 0);
    out.put("\r\n");
  }
  write_hop_fields(head, kept.te_trailers, out);
  write_framing(head, out);
  out.put("\r\n");
}

}  // namespace cutwater::http
