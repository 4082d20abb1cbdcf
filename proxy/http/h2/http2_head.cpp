#include "proxy/http/h2/http2_head.hpp"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "proxy/http/authority.hpp"
#include "proxy/http/char_class.hpp"
#include "proxy/http/header_rules.hpp"
#include "proxy/http/trailers.hpp"

namespace cutwater::http {
namespace {

Verdict malformed(BadHead bad) {
  return refuse(bad, kMalformed);
}

bool is_lower_token(std::string_view text) {
  for (const char c : text)
    if (!chars::is(c, chars::kToken) || chars::to_lower(c) != c) return false;
  return !text.empty();
}

bool is_clean(std::string_view value) {
  if (value.empty()) return true;
  const char* const end = value.data() + value.size();
  return chars::find_control(value.data(), end) == end && !chars::is_blank(value.front()) &&
         !chars::is_blank(value.back());
}

}  // namespace

bool Http2Text::copy(std::string_view text, std::string_view& view) {
  if (text.size() > memory_.size() - used_) return false;
  if (!text.empty()) std::memcpy(memory_.data() + used_, text.data(), text.size());
  view = {memory_.data() + used_, text.size()};
  used_ += text.size();
  return true;
}

bool is_legal_field(std::string_view name, std::string_view value, FieldId id) {
  if (!is_lower_token(name) || !is_clean(value)) return false;
  switch (id) {
    case FieldId::Connection:
    case FieldId::KeepAlive:
    case FieldId::ProxyConnection:
    case FieldId::TransferEncoding:
    case FieldId::Upgrade:
      return false;
    case FieldId::Te:
      return iequals(value, "trailers");
    default:
      return true;
  }
}

// --- requests -------------------------------------------------------------------------------

void Http2RequestBuilder::start(std::span<char> memory, const HeadLimits& limits,
                                std::string& cookie, RequestHead& head) {
  *this = {};
  text_.start(memory);
  limits_ = limits;
  cookie_ = &cookie;
  head_ = &head;
  cookie.clear();
  head.fields.clear();
  head.major_version = 2;
  head.minor_version = 1;
  head.keep_alive = true;
  head.connection_names = false;
  head.upgrade = {};
  head.max_forwards.reset();
}

void Http2RequestBuilder::add(std::string_view name, std::string_view value) {
  list_bytes_ += list_size(name, value);
  if (list_bytes_ > limits_.head_bytes) return spoil(refuse(BadHead::HeadTooLarge, 431));
  if (!bad_.ok()) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  regular_seen_ = true;
  const FieldId id = identify_field(name);
  if (!is_legal_field(name, value, id)) return spoil(malformed(BadHead::FieldName));
  if (id == FieldId::Cookie) {
    if (!cookie_->empty()) cookie_->append("; ");
    cookie_->append(value);
    return;
  }
  Field field;
  field.id = id;
  if (head_->fields.size() >= limits_.fields) return spoil(refuse(BadHead::TooManyFields, 431));
  if (!text_.copy(name, field.name) || !text_.copy(value, field.value))
    return spoil(refuse(BadHead::HeadTooLarge, 431));
  if (!head_->fields.push_back(field)) spoil(refuse(BadHead::TooManyFields, 431));
}

void Http2RequestBuilder::add_pseudo(std::string_view name, std::string_view value) {
  if (regular_seen_) return spoil(malformed(BadHead::FieldName));
  const auto keep = [&](std::string_view& slot) {
    if (slot.data() != nullptr) return spoil(malformed(BadHead::FieldName));
    if (!text_.copy(value, slot)) spoil(refuse(BadHead::HeadTooLarge, 431));
  };
  if (name == ":method") return keep(method_);
  if (name == ":scheme") return keep(scheme_);
  if (name == ":authority") {
    has_authority_ = true;
    return keep(authority_);
  }
  if (name == ":path") {
    has_path_ = true;
    return keep(path_);
  }
  if (name == ":protocol") return keep(protocol_);
  spoil(malformed(BadHead::FieldName));
}

void Http2RequestBuilder::add_websocket_key(std::string_view key) {
  Field field;
  field.name = "Sec-WebSocket-Key";
  if (text_.copy(key, field.value)) head_->fields.push_back(field);
}

WebSocketAccept websocket_accept(std::string_view key) {
  std::string text(key);
  text.append("258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 29> base64;  // with a zero behind it
  EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  WebSocketAccept accept;
  std::copy_n(base64.begin(), accept.size(), accept.begin());
  return accept;
}

// A method in lower case is a method that nobody has; it is refused as other proxies do
// (tests/HARDENING.md H12).
Verdict Http2RequestBuilder::check_method() {
  const bool lower =
      std::any_of(method_.begin(), method_.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (!chars::is_token(method_) || lower) return malformed(BadHead::Method);
  if (method_.size() > kMaxMethod) return refuse(BadHead::Method, 501);
  head_->method_text = method_;
  head_->method = method_of(method_);
  if (head_->method == Method::Trace) return refuse(BadHead::MethodNotAllowed, 405);
  if (head_->method != Method::Connect) {
    if (is_tunnel()) return malformed(BadHead::Method);  // RFC 8441 4
    return {};
  }
  if (!is_tunnel()) {
    if (!has_authority_ || has_path_ || !scheme_.empty()) return malformed(BadHead::Target);
    return refuse(BadHead::MethodNotAllowed, 405);
  }
  if (!iequals(protocol_, "websocket")) return refuse(BadHead::Upgrade, 501);
  head_->method_text = "GET";
  head_->method = Method::Get;
  head_->upgrade = "websocket";
  return {};
}

Verdict Http2RequestBuilder::check_target() {
  if (scheme_ != "http" && scheme_ != "https") return malformed(BadHead::Target);
  if (path_.size() > limits_.target_bytes) return refuse(BadHead::TargetTooLong, 414);
  head_->query = {};
  if (path_ == "*" && head_->method == Method::Options) {
    head_->target = head_->path = path_;
    return {};
  }
  if (!path_.starts_with('/') || !set_origin_form(path_, *head_)) return malformed(BadHead::Target);
  return {};
}

Verdict Http2RequestBuilder::check_authority(const SeenFields& seen) {
  if (seen.hosts > 1) return malformed(BadHead::Host);
  if (has_authority_ && seen.hosts == 1 && !iequals(authority_, seen.host))
    return malformed(BadHead::Host);
  const auto authority = parse_authority(has_authority_ ? authority_ : seen.host);
  if (!authority) return malformed(BadHead::Host);
  head_->authority = authority->text;
  head_->host = authority->host;
  return {};
}

Verdict Http2RequestBuilder::check_framing(const SeenFields& seen, bool end_stream) {
  head_->framing = end_stream ? Framing::None : Framing::Chunked;
  head_->content_length = 0;
  if (seen.lengths.lengths > 0) {
    const auto length = parse_length(seen.lengths.length);
    if (seen.lengths.lengths > 1 || !length) return malformed(BadHead::ContentLength);
    if (end_stream && *length > 0) return malformed(BadHead::ContentLength);
    head_->framing = Framing::Length;
    head_->content_length = *length;
  }
  if (is_tunnel()) {  // the bytes that follow are the tunnel's
    if (seen.lengths.lengths > 0) return malformed(BadHead::ContentLength);
    head_->framing = Framing::None;
  }
  head_->expect_continue = seen.expect && !end_stream && !is_tunnel();
  return {};
}

Verdict Http2RequestBuilder::finish(bool end_stream, bool over_tls) {
  if (!bad_.ok()) return bad_;
  if (method_.data() == nullptr) return malformed(BadHead::Method);
  if (const Verdict v = check_method(); !v.ok()) return v;
  if (over_tls && scheme_ != "https") return malformed(BadHead::Target);
  if (const Verdict v = check_target(); !v.ok()) return v;
  const SeenFields seen = gather_fields(*head_);
  if (const Verdict v = check_authority(seen); !v.ok()) return v;
  if (const Verdict v = check_framing(seen, end_stream); !v.ok()) return v;
  if (seen.bad_max_forwards) return malformed(BadHead::FieldValue);
  if (seen.unknown_expect) return refuse(BadHead::Expect, 417);
  if (head_->hops > kMostHops) return refuse(BadHead::Loop, 508);
  if (!cookie_->empty() && !head_->fields.push_back({"cookie", *cookie_, FieldId::Cookie}))
    return refuse(BadHead::TooManyFields, 431);
  return {};
}

// --- responses ------------------------------------------------------------------------------

void Http2ResponseBuilder::start(std::span<char> memory, std::size_t most_fields,
                                 ResponseHead& head) {
  *this = {};
  text_.start(memory);
  head_ = &head;
  most_fields_ = most_fields;
  head.fields.clear();
  head.status = 0;
  head.reason = {};
  head.minor_version = 1;
  head.keep_alive = true;
  head.upgrade = {};
  head.connection_names = false;
  head.framing = Framing::None;
  head.content_length = 0;
}

void Http2ResponseBuilder::add(std::string_view name, std::string_view value) {
  if (bad_) return;
  if (name == ":status" && head_->status == 0 && !regular_seen_) {
    const bool digits = value.size() == 3 && chars::is(value[0], chars::kDigit) &&
                        chars::is(value[1], chars::kDigit) && chars::is(value[2], chars::kDigit);
    if (digits) head_->status = (value[0] - '0') * 100 + (value[1] - '0') * 10 + (value[2] - '0');
    bad_ = head_->status < 100 || head_->status > 599 || head_->status == 101;  // RFC 9113 8.6
    return;
  }
  regular_seen_ = true;
  Field field;
  field.id = identify_field(name);
  if (!is_legal_field(name, value, field.id)) {
    bad_ = true;
    too_large_ = false;
  } else if (!too_large_) {
    too_large_ = head_->fields.size() >= most_fields_ || !text_.copy(name, field.name) ||
                 !text_.copy(value, field.value) || !head_->fields.push_back(field);
  }
}

bool Http2ResponseBuilder::finish(bool end_stream, Method request_method) {
  if (bad_ || too_large_ || head_->status == 0) return false;
  LengthFields lengths;
  for (const Field& field : head_->fields) lengths.read(field);
  std::optional<std::uint64_t> length;
  if (lengths.lengths > 0) {
    length = parse_length(lengths.length);
    if (lengths.lengths > 1 || !length) return false;
  }
  if (head_->status < 200) return !end_stream && length.value_or(0) == 0;
  if (head_->status == 204 || head_->status == 304 || request_method == Method::Head) return true;
  if (length) {
    if (end_stream && *length > 0) return false;
    head_->framing = Framing::Length;
    head_->content_length = *length;
  } else if (end_stream) {
    head_->framing = Framing::Length;
  } else {
    head_->framing = Framing::Chunked;
  }
  return true;
}

bool add_trailer(std::string_view name, std::string_view value, Http2Text& text,
                 FieldList& fields) {
  Field field{name, value, identify_field(name)};
  if (name.starts_with(':') || !is_legal_field(name, value, field.id)) return false;
  if (!may_trail(field)) return true;
  return text.copy(name, field.name) && text.copy(value, field.value) && fields.push_back(field);
}

// --- text to lines --------------------------------------------------------------------------

std::string_view take_start_line(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(text.size(), line.size() + 2));
  return line;
}

bool take_line(std::string_view& text, Http2Line& line) {
  if (text.size() <= 2) return false;  // the empty line
  const auto* const cr = static_cast<const char*>(std::memchr(text.data(), '\r', text.size()));
  if (cr == nullptr || cr == text.data()) return false;
  const auto length = static_cast<std::size_t>(cr - text.data());
  const std::string_view whole = text.substr(0, length);
  const std::size_t colon = whole.find(':');
  line.name = whole.substr(0, colon);
  line.value = colon + 2 <= length ? whole.substr(colon + 2) : std::string_view();
  text.remove_prefix(length + 2);
  return true;
}

bool is_http1_only(std::string_view name) {
  switch (field_id(name)) {
    case FieldId::Connection:
    case FieldId::Host:
    case FieldId::KeepAlive:
    case FieldId::TransferEncoding:
    case FieldId::Upgrade:
      return true;
    default:
      return false;
  }
}

}  // namespace cutwater::http
