#include "proxy/http/h1/head_parser.hpp"

#include "proxy/http/char_class.hpp"
#include "proxy/http/h1/head_grammar.hpp"

namespace cutwater::http {
namespace {

// Accepts "HTTP/1.x SP 3DIGIT [SP reason]": many servers leave out the last SP with the reason.
Verdict read_status_line(std::string_view line, ResponseHead& head) {
  constexpr std::size_t kShortest = 12;  // "HTTP/1.1 200"
  if (line.size() < kShortest || !line.starts_with("HTTP/1.") || !chars::is(line[7], chars::kDigit))
    return refuse(BadHead::Version);
  if (line[8] != ' ') return refuse(BadHead::StartLine);
  head.minor_version = line[7] == '0' ? 0 : 1;
  head.status = 0;
  for (char c : line.substr(9, 3)) {
    if (!chars::is(c, chars::kDigit)) return refuse(BadHead::Status);
    head.status = head.status * 10 + (c - '0');
  }
  if (head.status < 100 || head.status > 599) return refuse(BadHead::Status);
  if (line.size() > kShortest && line[kShortest] != ' ') return refuse(BadHead::Status);
  head.reason = line.size() > kShortest ? line.substr(kShortest + 1) : std::string_view();
  const char* const end = head.reason.data() + head.reason.size();
  if (chars::find_control(head.reason.data(), end) != end) return refuse(BadHead::StartLine);
  return {};
}

// Implements RFC 9112 6.3. Sets `head.framing` and `head.content_length`.
Verdict check_framing(const LengthFields& lengths, Method request_method, ResponseHead& head) {
  head.framing = Framing::None;
  head.content_length = 0;
  if (lengths.codings > 0) {
    if (lengths.lengths > 0 || head.minor_version == 0) return refuse(BadHead::Framing);
    if (lengths.codings > 1 || !iequals(lengths.coding, "chunked"))
      return refuse(BadHead::TransferEncoding);
  }
  std::optional<std::uint64_t> length;
  if (lengths.lengths > 0) {
    length = parse_length(lengths.length);
    if (lengths.lengths > 1 || !length) return refuse(BadHead::ContentLength);
  }
  const bool tells_body = lengths.codings > 0 || length.value_or(0) > 0;
  if (head.status < 200) {
    // Nothing may follow an interim head; a head that says otherwise disagrees about where the
    // stream stands.
    return tells_body ? refuse(BadHead::Framing) : Verdict{};
  }
  if (head.status == 204 && tells_body) head.keep_alive = false;
  if (head.status == 204 || head.status == 304 || request_method == Method::Head) return {};
  if (lengths.codings > 0) {
    head.framing = Framing::Chunked;
  } else if (length) {
    head.framing = Framing::Length;
    head.content_length = *length;
  } else {
    head.framing = Framing::UntilClose;
    head.keep_alive = false;
  }
  return {};
}

}  // namespace

Verdict read_response(std::string_view start_line, std::string_view lines,
                      const ResponseContext& context, ResponseHead& head) {
  if (const Verdict v = read_status_line(start_line, head); !v.ok()) return v;
  const std::size_t limit = context.limits.fields;
  if (const Verdict v = parse_fields(lines, Sender::Upstream, limit, head.fields); !v.ok())
    return v;

  LengthFields lengths;
  ConnectionOptions connection;
  std::string_view upgrade;
  bool bad_upgrade = false;
  for (const Field& field : head.fields) {
    switch (field.id) {
      case FieldId::ContentLength:
      case FieldId::TransferEncoding:
        lengths.read(field);
        break;
      case FieldId::Connection:
        connection.read(field.value);
        break;
      case FieldId::Upgrade:
        if (upgrade.empty()) upgrade = choose_protocol(field.value, bad_upgrade);
        break;
      default:
        break;
    }
  }
  // A Connection field that cannot be read decides nothing but that this is the last message.
  head.keep_alive = !connection.close && !connection.malformed &&
                    (head.minor_version == 1 || connection.keep_alive);
  head.connection_names = connection.names_fields;
  head.upgrade = head.status == 101 ? upgrade : std::string_view();
  return check_framing(lengths, context.request_method, head);
}

}  // namespace cutwater::http
