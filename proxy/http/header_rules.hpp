// Decides which fields cross the proxy and which it adds: RFC 9110 7.6 (hop-by-hop, Via), RFC 7239,
// W3C Trace Context. The functions are pure: heads go in, bytes go out into a caller's buffer.
// README.md, "codec", lists what is dropped, kept and replaced.
#pragma once

#include <cstring>
#include <span>
#include <string_view>

#include "proxy/http/message.hpp"

namespace cutwater::http {

// Writes text into borrowed memory of fixed size. A field that does not fit is left out as a whole,
// and from then on nothing is written: check overflow() before sending.
class HeadWriter {
 public:
  explicit HeadWriter(std::span<char> out) : out_(out) {}
  void put(std::string_view text) {
    if (!fits(text.size())) return;
    append(text);
  }
  // Writes "name: value\r\n".
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

// States facts about the downstream connection and this request that the request head must tell.
struct ForwardInfo {
  std::string_view peer_ip = {};      // textual; IPv6 without brackets
  std::string_view scheme = {};       // "http" or "https"
  bool trusted_peer = false;          // keep the peer's X-Forwarded-* and Forwarded
  std::string_view request_id = {};   // replaces X-Request-ID; the caller decides whose id it is
  std::string_view traceparent = {};  // made by the worker; used unless the client sent a valid one
  std::string_view target = {};       // normalised origin-form, on which the request was routed
  std::string_view drop_cookie = {};  // own sticky cookie, taken out of Cookie; empty = none
  // If the client named no Host (HTTP/1.0), this is sent: the endpoint's own authority.
  std::string_view fallback_authority = {};
  std::string_view via =
      {};               // the name to sign Via with (RFC 9110 7.6.3); if empty, no Via is signed
  bool shadow = false;  // nobody waits for this copy: it is marked "X-Shadow: 1"
  // Returns true for a field that the split or a flag decides by; Connection cannot remove it.
  // Asked only of those that Connection may name. Null means none.
  bool (*decides_by)(const void* decider, std::string_view field_name) = nullptr;
  const void* decider = nullptr;  // outlives this
  bool protects(std::string_view name) const { return decides_by && decides_by(decider, name); }
  // These describe the client's verified certificate; empty = none.
  std::string_view cert_subject = {};
  std::string_view cert_fingerprint = {};
};

// Writes the HTTP/1.1 request head for the upstream. It drops hop-by-hop fields and every field
// named by Connection (framing, Host, Cookie and forwarding fields are not removable), and writes
// Host from head.authority, X-Forwarded-For/-Proto/-Host, X-Request-ID, traceparent, Cutwater-Hops
// and Via; it adds Upgrade/Connection again for an upgrade, and `TE: trailers`. The framing is that
// of the head (Length keeps Content-Length, Chunked emits `Transfer-Encoding: chunked`). Expect is
// kept only when head.expect_continue. The proxy alone sets X-Client-Cert-Subject and -Fingerprint:
// they are dropped whoever sent them; what else a stranger claims about the client was taken away
// before. X-Shadow is dropped unless a trusted peer sent it: a service may leave out its side
// effects for it, so no client may set it. Field names where '_' for '-' would give a framing or
// trust field are dropped.
void write_upstream_request(const RequestHead& head, const ForwardInfo& info, HeadWriter& out);

// Says what the response to the client carries beside the upstream's own fields.
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
// Writes the head and its framing: `Transfer-Encoding: chunked` if extras.chunked, else
// Content-Length if the head's framing is Length or the answer has no body but tells a length
// (HEAD, 304). A 101 keeps Upgrade and gets `Connection: Upgrade`. With set_cookie and no
// Cache-Control from the upstream, `Cache-Control: private` is added so that no shared cache hands
// one user's cookie to another; an upstream's own Cache-Control is its own decision and stays as it
// is.
void write_downstream_response(const ResponseHead& head, const ResponseExtras& extras,
                               HeadWriter& out);
// Writes a 1xx head: the status line and end-to-end fields, without framing.
void write_informational(const ResponseHead& head, HeadWriter& out);

// Describes a small response of the proxy itself: a text/plain body with Content-Length, never
// cached, with an optional close; a 405 carries the Allow that RFC 9110 15.5.6 asks for.
struct LocalReply {
  int status;
  std::string_view body;
  bool keep_alive;
  bool head_request;                 // the length is sent, but no body
  std::string_view request_id = {};  // lets a user's report lead to its log line; empty if there is
                                     // none

  // A response with these statuses has no content: RFC 9110 8.6, 15.3.5, 15.4.5.
  bool has_content() const { return status >= 200 && status != 204 && status != 304; }
};
void write_local_reply(const LocalReply& reply, HeadWriter& out);
std::string_view reason_phrase(int status);

}  // namespace cutwater::http
