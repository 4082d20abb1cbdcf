#include "proxy/http/h1/head_parser.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

#include "proxy/http/authority.hpp"
#include "proxy/http/char_class.hpp"
#include "proxy/http/h1/head_grammar.hpp"
#include "proxy/http/header_rules.hpp"

namespace cutwater::http {

Method method_of(std::string_view text) {
  switch (text.size()) {
    case 3:
      if (text == "GET") return Method::Get;
      if (text == "PUT") return Method::Put;
      break;
    case 4:
      if (text == "POST") return Method::Post;
      if (text == "HEAD") return Method::Head;
      break;
    case 5:
      if (text == "PATCH") return Method::Patch;
      if (text == "TRACE") return Method::Trace;
      break;
    case 6:
      if (text == "DELETE") return Method::Delete;
      break;
    case 7:
      if (text == "OPTIONS") return Method::Options;
      if (text == "CONNECT") return Method::Connect;
      break;
    default:
      break;
  }
  return Method::Other;
}

bool set_origin_form(std::string_view text, RequestHead& head) {
  const auto* p = text.data();
  const auto* const end = p + text.size();
  const char* question = nullptr;
  std::uint8_t allowed = chars::kPath;
  for (; p != end; ++p) {
    if (chars::is(*p, allowed)) continue;
    if (*p == '%') {
      if (end - p < 3 || !chars::is(p[1], chars::kHex) || !chars::is(p[2], chars::kHex))
        return false;
      p += 2;
    } else if (*p == '?' && question == nullptr) {
      question = p;
      allowed = chars::kQuery;
    } else {
      return false;
    }
  }
  head.target = text;
  head.path = text;
  if (question != nullptr) {
    const auto path = static_cast<std::size_t>(question - text.data());
    head.path = text.substr(0, path);
    head.query = text.substr(path + 1);
  }
  return true;
}

namespace {

constexpr std::size_t kVersionLength = 8;  // "HTTP/1.1"

// Accepts "http://host[:port][/path][?query]". A query directly behind the authority is refused: it
// has no origin form without copying, and no client writes it.
bool set_absolute_form(std::string_view text, RequestHead& head) {
  std::size_t scheme = 0;
  if (text.size() > 7 && iequals(text.substr(0, 7), "http://")) scheme = 7;
  if (text.size() > 8 && iequals(text.substr(0, 8), "https://")) scheme = 8;
  if (scheme == 0) return false;
  const std::string_view rest = text.substr(scheme);
  const std::size_t slash = rest.find('/');
  const auto authority = parse_authority(rest.substr(0, slash));
  if (!authority) return false;
  head.authority = authority->text;
  head.host = authority->host;
  if (slash != std::string_view::npos) return set_origin_form(rest.substr(slash), head);
  // RFC 9112 3.2.4: OPTIONS without a path means the server as a whole.
  head.target = head.path = head.method == Method::Options ? "*" : "/";
  return true;
}

bool set_target(std::string_view text, RequestHead& head) {
  head.query = {};
  head.authority = {};
  head.host = {};
  if (text.front() == '/') return set_origin_form(text, head);
  if (text == "*" && head.method == Method::Options) {
    head.target = head.path = text;
    return true;
  }
  return set_absolute_form(text, head);
}

Verdict set_version(std::string_view text, RequestHead& head) {
  if (text.size() != kVersionLength || !text.starts_with("HTTP/") || text[6] != '.' ||
      !chars::is(text[5], chars::kDigit) || !chars::is(text[7], chars::kDigit))
    return refuse(BadHead::StartLine);
  if (text[5] == '1' && text[7] <= '1') {
    head.minor_version = text[7] - '0';
    return {};
  }
  // The client sent the HTTP/2 preface to a port that does not speak it.
  return refuse(BadHead::Version, head.method_text == "PRI" ? 400 : 505);
}

Verdict read_request_line(std::string_view line, const HeadLimits& limits, RequestHead& head) {
  std::size_t method = 0;
  while (method < line.size() && chars::is(line[method], chars::kToken)) ++method;
  if (method > kMaxMethod) return refuse(BadHead::Method, 501);
  if (method == line.size() || line[method] != ' ') return refuse(BadHead::Method);
  head.method_text = line.substr(0, method);
  head.method = method_of(head.method_text);
  if (head.method == Method::Connect || head.method == Method::Trace)
    return refuse(BadHead::MethodNotAllowed, 405);

  const std::string_view rest = line.substr(method + 1);
  const std::size_t space = rest.find(' ');
  if (space == std::string_view::npos || space == 0) return refuse(BadHead::StartLine);
  if (space > limits.target_bytes) return refuse(BadHead::TargetTooLong, 414);
  if (const Verdict v = set_version(rest.substr(space + 1), head); !v.ok()) return v;
  if (!set_target(rest.substr(0, space), head)) return refuse(BadHead::Target);
  return {};
}

// Returns the largest of a list, since a proxy in between may have joined two. What is no number
// counts nothing.
std::uint32_t read_hops(std::string_view list) {
  constexpr std::uint64_t kCeiling = 1000;
  std::uint64_t most = 0;
  while (!list.empty())
    most = std::max(most, std::min(parse_length(chars::take_element(list)).value_or(0), kCeiling));
  return static_cast<std::uint32_t>(most);
}

void read_max_forwards(std::string_view value, SeenFields& seen, RequestHead& head) {
  if (head.method != Method::Options) return;
  const auto hops = parse_length(value);
  seen.bad_max_forwards = seen.bad_max_forwards || !hops || head.max_forwards;
  if (hops)
    head.max_forwards = static_cast<std::uint32_t>(
        std::min<std::uint64_t>(*hops, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

SeenFields gather_fields(RequestHead& head) {
  SeenFields seen;
  head.claims_client = false;
  head.hops = 0;
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldId::ContentLength:
      case FieldId::TransferEncoding:
        seen.lengths.read(field);
        break;
      case FieldId::Connection:
        seen.connection.read(field.value);
        break;
      case FieldId::Host:
        ++seen.hosts;
        seen.host = field.value;
        break;
      case FieldId::Upgrade:
        if (seen.upgrade.empty()) seen.upgrade = choose_protocol(field.value, seen.bad_upgrade);
        break;
      case FieldId::Expect:
        if (iequals(field.value, "100-continue")) {
          seen.expect = true;
        } else {
          seen.unknown_expect = true;
        }
        break;
      case FieldId::CutwaterHops:
        head.hops = std::max(head.hops, read_hops(field.value));
        break;
      case FieldId::MaxForwards:
        read_max_forwards(field.value, seen, head);
        break;
      default:
        head.claims_client = head.claims_client || is_claim(field.id);
        break;
    }
  }
  return seen;
}

namespace {

Verdict check_host(const SeenFields& seen, RequestHead& head) {
  if (seen.hosts > 1 || (seen.hosts == 0 && head.minor_version == 1)) return refuse(BadHead::Host);
  if (seen.hosts == 0) return {};
  const auto authority = parse_authority(seen.host);
  if (!authority) return refuse(BadHead::Host);
  if (head.authority.empty()) {  // else the absolute-form target counts: RFC 9112 3.2.2
    head.authority = authority->text;
    head.host = authority->host;
  }
  return {};
}

// Handles a coding that is not exactly "chunked": it is either one that a server could know (501),
// or broken.
Verdict refuse_coding(std::string_view value) {
  unsigned codings = 0;
  bool last_chunked = false;
  while (true) {
    const bool more = value.find(',') != std::string_view::npos;
    const std::string_view element = chars::take_element(value);
    if (last_chunked || !chars::is_token(element)) return refuse(BadHead::TransferEncoding);
    last_chunked = iequals(element, "chunked");
    ++codings;
    if (!more) break;
  }
  if (codings > 1 && !last_chunked) return refuse(BadHead::TransferEncoding);
  return refuse(BadHead::UnknownCoding, 501);
}

Verdict check_framing(const LengthFields& lengths, RequestHead& head) {
  head.framing = Framing::None;
  head.content_length = 0;
  if (lengths.codings > 0) {
    if (lengths.lengths > 0 || head.minor_version == 0) return refuse(BadHead::Framing);
    if (lengths.codings > 1) return refuse(BadHead::TransferEncoding);
    if (!iequals(lengths.coding, "chunked")) return refuse_coding(lengths.coding);
    head.framing = Framing::Chunked;
  } else if (lengths.lengths > 0) {
    const auto length = parse_length(lengths.length);
    if (lengths.lengths > 1 || !length) return refuse(BadHead::ContentLength);
    head.framing = Framing::Length;
    head.content_length = *length;
  }
  return {};
}

bool is_websocket(std::string_view protocol) {
  return iequals(protocol.substr(0, protocol.find('/')), "websocket");
}

Verdict check_connection(const SeenFields& seen, RequestHead& head) {
  const ConnectionOptions& options = seen.connection;
  if (options.malformed) return refuse(BadHead::ConnectionHeader);
  const bool modern = head.minor_version == 1;
  const bool has_body = head.framing == Framing::Chunked || head.content_length > 0;
  head.keep_alive = !options.close && (modern || options.keep_alive);
  head.connection_names = options.names_fields;

  head.upgrade = {};
  if (modern && options.upgrade) {
    if (seen.bad_upgrade) return refuse(BadHead::Upgrade);
    // Bytes after the head would belong to the body or to the tunnel, depending on the reader. The
    // offer of another protocol is only ignored (RFC 9110 7.8): clients make it with each request.
    if (has_body && is_websocket(seen.upgrade)) return refuse(BadHead::Upgrade);
    if (head.method == Method::Get && !has_body) head.upgrade = seen.upgrade;
  }
  if (modern && seen.unknown_expect) return refuse(BadHead::Expect, 417);
  head.expect_continue = modern && seen.expect && has_body;
  return {};
}

}  // namespace

Verdict read_request(std::string_view start_line, std::string_view lines, const HeadLimits& limits,
                     RequestHead& head) {
  head.max_forwards.reset();
  if (const Verdict v = read_request_line(start_line, limits, head); !v.ok()) return v;
  if (const Verdict v = parse_fields(lines, Sender::Client, limits.fields, head.fields); !v.ok())
    return v;
  const SeenFields seen = gather_fields(head);
  if (const Verdict v = check_framing(seen.lengths, head); !v.ok()) return v;
  if (const Verdict v = check_host(seen, head); !v.ok()) return v;
  if (const Verdict v = check_connection(seen, head); !v.ok()) return v;
  if (seen.bad_max_forwards) return refuse(BadHead::FieldValue);
  if (head.hops > kMostHops) return refuse(BadHead::Loop, 508);
  return {};
}

}  // namespace cutwater::http
