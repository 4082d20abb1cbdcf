// Converts HTTP/2 header lists to heads and back: RFC 9113 8.2, 8.3, extended CONNECT of RFC 8441.
// What the grammar does not allow is malformed, as strictly as in the HTTP/1 parser; nghttp2 has
// looked before, but this code does not rely on that. It is sans-I/O; fields are copied into memory
// that the caller lends and keeps as long as the head.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>

#include "proxy/http/h1/head_grammar.hpp"
#include "proxy/http/message.hpp"

namespace cutwater::http {

// Counts a field as SETTINGS_MAX_HEADER_LIST_SIZE does (RFC 9113 10.5.1).
constexpr std::size_t list_size(std::string_view name, std::string_view value) {
  return name.size() + value.size() + 32;
}

// Holds the Sec-WebSocket-Accept that a client expects for its key (RFC 6455 4.2.2); over HTTP/2 a
// server does not make one (RFC 8441 5).
using WebSocketAccept = std::array<char, 28>;
WebSocketAccept websocket_accept(std::string_view key);

// Stores the text of names and values, one behind the other, in borrowed memory.
class Http2Text {
 public:
  void start(std::span<char> memory) {
    memory_ = memory;
    used_ = 0;
  }
  // Returns false if there is no room.
  bool copy(std::string_view text, std::string_view& view);
  std::size_t used() const { return used_; }

 private:
  std::span<char> memory_;
  std::size_t used_ = 0;
};

// The Verdict of a head is: fine, or malformed (status 0: the stream is reset), or what to answer.
inline constexpr int kMalformed = 0;

class Http2RequestBuilder {
 public:
  // `cookie` joins the crumbs of Cookie (RFC 9113 8.2.3). Everything must outlive the head.
  void start(std::span<char> memory, const HeadLimits& limits, std::string& cookie,
             RequestHead& head);
  // Fields come in order of arrival. An error is remembered, and finish() tells it.
  void add(std::string_view name, std::string_view value);
  // An extended CONNECT for WebSocket becomes what HTTP/1 says instead: GET with Upgrade.
  bool is_tunnel() const { return !protocol_.empty(); }
  // Supplies the nonce that HTTP/1 wants (RFC 6455 4.1) and HTTP/2 does not send: 24 characters.
  void add_websocket_key(std::string_view key);
  // With `over_tls` the scheme must say so.
  Verdict finish(bool end_stream, bool over_tls);
  Http2Text& text() { return text_; }  // trailers go behind the head

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  void spoil(Verdict verdict) {
    if (bad_.ok()) bad_ = verdict;
  }
  Verdict check_method();
  Verdict check_target();
  Verdict check_authority(const SeenFields& seen);
  Verdict check_framing(const SeenFields& seen, bool end_stream);

  Http2Text text_;
  HeadLimits limits_;
  std::string* cookie_ = nullptr;
  RequestHead* head_ = nullptr;
  Verdict bad_;
  std::size_t list_bytes_ = 0;
  bool regular_seen_ = false;
  std::string_view method_, scheme_, authority_, path_, protocol_;
  bool has_authority_ = false, has_path_ = false;
};

class Http2ResponseBuilder {
 public:
  void start(std::span<char> memory, std::size_t most_fields, ResponseHead& head);
  void add(std::string_view name, std::string_view value);
  bool finish(bool end_stream, Method request_method);  // false if malformed
  bool too_large() const { return too_large_; }         // then only a limit of ours is exceeded
  Http2Text& text() { return text_; }

 private:
  Http2Text text_;
  ResponseHead* head_ = nullptr;
  std::size_t most_fields_ = 0;
  bool too_large_ = false;
  bool bad_ = false;
  bool regular_seen_ = false;
};

// Adds a trailer. Trailers are regular fields only; those that frame, route or authenticate (RFC
// 9110 6.5.1) are dropped. Returns false if the trailer is malformed, or there are too many.
bool add_trailer(std::string_view name, std::string_view value, Http2Text& text, FieldList& fields);

// Says whether a regular field is legal: its name is a lower-case token and not one of HTTP/1's
// connection fields, its value has no control characters and no blanks around it.
bool is_legal_field(std::string_view name, std::string_view value, FieldId id);

// --- and back -------------------------------------------------------------------------------
// The request heads that header_rules write are HTTP/1 text: one place decides which fields cross.
// Here their lines become a header list; names keep their case.

struct Http2Line {
  std::string_view name;
  std::string_view value;
};
// Takes the next line off `text`, which begins behind the start line. Returns false at the end.
bool take_line(std::string_view& text, Http2Line& line);
// Takes the start line off.
std::string_view take_start_line(std::string_view& text);
// Recognises fields that say how HTTP/1 frames and connects, which HTTP/2 does not have.
bool is_http1_only(std::string_view name);

}  // namespace cutwater::http
