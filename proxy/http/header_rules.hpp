// Which fields cross the proxy and which it adds. RFC 9110 7.6 (hop-by-hop, Via), RFC 7239,
// W3C Trace Context. Pure: heads in, bytes out into a caller's buffer. What is dropped, kept and
// replaced is listed in README.md, "codec".
#pragma once

#include <cstring>
#include <span>
#include <string_view>

#include "proxy/http/message.hpp"

namespace cutwater::http {

// A bounded text writer over borrowed memory. What does not fit is left out whole, and from then
// on nothing is written: check overflow() before sending.
class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> out) : out_(out) {}
  void put(std::string_view text) {
    if (!fits(text.size())) return;
    append(text);
  }
  // "name: value\r\n"
  void field(std::string_view name, std::string_view value) {
    if (!fits(name.size() + value.size() + 4)) return;
    append(name);
    append(": ");
    append(value);
    append("\r\n");
  }
  void number(std::uint64_t value);
  void content_length(std::uint64_t bytes);
  bool overflow() const { return overflow_; }
  std::size_t room() const { return out_.size() - used_; }
  std::size_t size() const { return used_; }
  std::string_view text() const { return {out_.data(), used_}; }

 private:
  bool fits(std::size_t bytes) {
    if (bytes > out_.size() - used_) overflow_ = true;
    return !overflow_;
  }
  void append(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(out_.data() + used_, text.data(), text.size());
    used_ += text.size();
  }

  std::span<char> out_;
  std::size_t used_ = 0;
  bool overflow_ = false;
};

// A request that has passed more of these proxies than this goes round in a circle.
inline constexpr std::uint32_t kMostHops = 8;

// Facts about the downstream connection and this request that the request head must tell.
struct ForwardInfo {
  std::string_view peer_ip = {};      // textual; IPv6 without brackets
  std::string_view scheme = {};       // "http" or "https"
  bool trusted_peer = false;          // keep the peer's X-Forwarded-* and Forwarded
  std::string_view request_id = {};   // replaces X-Request-ID; the caller decides whose it is
  std::string_view traceparent = {};  // made by the worker; used unless the client sent a valid one
  std::string_view target = {};       // normalised origin-form: what was routed on
  std::string_view drop_cookie = {};  // own sticky cookie, taken out of Cookie; empty = none
  // Host to send when the client named none (HTTP/1.0): the endpoint's own authority.
  std::string_view fallback_authority = {};
  std::string_view via =
      {};               // the name to sign Via with (RFC 9110 7.6.3); empty = it is not signed
  bool shadow = false;  // a copy nobody waits for: marked "X-Shadow: 1"
  // True of a field that the split or a flag decides by; Connection cannot remove it. Asked only of
  // those that Connection may name. Null = none.
  bool (*decides_by)(const void* decider, std::string_view field_name) = nullptr;
  const void* decider = nullptr;  // outlives this
  bool protects(std::string_view name) const { return decides_by && decides_by(decider, name); }
  // Of the client's verified certificate; empty = none.
  std::string_view cert_subject = {};
  std::string_view cert_fingerprint = {};
};

// HTTP/1.1 request head for the upstream. Drops hop-by-hop fields and every field named by
// Connection (framing, Host, Cookie and forwarding fields are not removable), writes Host from
// head.authority, X-Forwarded-For/-Proto/-Host, X-Request-ID, traceparent, Cutwater-Hops, Via;
// re-adds Upgrade/Connection for an upgrade and `TE: trailers`; framing as in the head (Length
// keeps Content-Length, Chunked emits `Transfer-Encoding: chunked`). Expect is kept only when
// head.expect_continue. X-Client-Cert-Subject and -Fingerprint are ours alone, whoever sent them;
// what else a stranger claims about the client was taken away before. X-Shadow is dropped, but
// for a trusted peer's: a service may leave out its side effects for it, so no client may say so.
// Field names where '_' for '-' would give a framing or trust field are dropped.
void write_upstream_request(const RequestHead& head, const ForwardInfo& info, HeadWriter& out);

// What the response to the client carries beside the upstream's own fields.
struct ResponseExtras {
  int client_minor_version = 1;
  bool keep_alive = true;                // downstream connection stays open
  bool chunked = false;                  // body is sent with chunked coding
  std::string_view set_cookie = {};      // whole value, empty = none
  std::string_view version_header = {};  // field name, empty = none
  std::string_view version = {};
  std::string_view request_id = {};  // echoed as X-Request-ID when not already in the response
  std::string_view date = {};  // IMF-fixdate, used when the upstream sent no Date (9110 6.6.1)
};
// Framing: `Transfer-Encoding: chunked` if extras.chunked, else Content-Length if the head's
// framing is Length or the answer has no body but tells a length (HEAD, 304). A 101 keeps Upgrade
// and gets `Connection: Upgrade`. With set_cookie and no Cache-Control from the upstream,
// `Cache-Control: private` is added so that no shared cache hands one user's cookie to another;
// an upstream's own Cache-Control is its decision and left alone.
void write_downstream_response(const ResponseHead& head, const ResponseExtras& extras,
                               HeadWriter& out);
// 1xx heads: status line and end-to-end fields, no framing.
void write_informational(const ResponseHead& head, HeadWriter& out);

// A small response of the proxy itself: text/plain body, Content-Length, never cached, optional
// close; 405 carries the Allow that RFC 9110 15.5.6 asks for.
struct LocalReply {
  int status;
  std::string_view body;
  bool keep_alive;
  bool head_request;                 // length, but no body
  std::string_view request_id = {};  // so that a user's report finds its log line; empty: none

  // RFC 9110 8.6, 15.3.5, 15.4.5
  bool has_content() const { return status >= 200 && status != 204 && status != 304; }
};
void write_local_reply(const LocalReply& reply, HeadWriter& out);
std::string_view reason_phrase(int status);

}  // namespace cutwater::http
