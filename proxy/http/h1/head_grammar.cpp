#include "proxy/http/h1/head_grammar.hpp"

#include <limits>

#include "config/client_claims.hpp"
#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

constexpr std::size_t kLongestKnownName = 25;  // X-Client-Cert-Fingerprint

// Lists the fields whose '_' twin must not reach a server that reads '_' as '-'.
bool is_framing_or_trust(FieldId id) {
  switch (id) {
    case FieldId::Other:
    case FieldId::AltSvc:
    case FieldId::CacheControl:
    case FieldId::ContentType:
    case FieldId::Date:
    case FieldId::SetCookie:
      return false;
    default:
      return true;
  }
}

Verdict refuse_control(const char* at) {
  if (*at == '\r') return refuse(BadHead::BareCr);
  return refuse(*at == '\0' ? BadHead::Nul : BadHead::FieldValue);
}

}  // namespace

FieldId identify_field(std::string_view name) {
  const FieldId id = field_id(name);
  if (id != FieldId::Other) return id;
  const bool claim = config::client_claim(name) != config::ClientClaim::None;
  const bool disguised = name.find('_') != std::string_view::npos;
  if (claim) return disguised ? FieldId::Disguised : FieldId::ClientClaim;
  if (!disguised || name.size() > kLongestKnownName) return id;
  std::array<char, kLongestKnownName> mapped{};
  for (std::size_t i = 0; i < name.size(); ++i) mapped[i] = name[i] == '_' ? '-' : name[i];
  const std::string_view twin(mapped.data(), name.size());
  // "Ho_st" has no twin by that rule, but servers that drop the character altogether read it as
  // Host.
  return is_framing_or_trust(field_id(twin)) || iequals(twin, "ho-st") ? FieldId::Disguised : id;
}

Verdict parse_fields(std::string_view lines, Sender sender, std::size_t limit, FieldList& fields) {
  fields.clear();
  const char* p = lines.data();
  const char* const end = p + lines.size();
  while (p != end) {
    if (chars::is_blank(*p))
      return refuse(fields.size() == 0 ? BadHead::StartLine : BadHead::ObsFold);
    const char* name_end = p;
    while (chars::is(*name_end, chars::kToken)) ++name_end;  // stops at the CR at the latest
    if (name_end == p) return refuse(BadHead::FieldName);
    const char* colon = name_end;
    // RFC 9112 5.1: refuse blanks before the colon in requests, remove them from responses.
    if (sender == Sender::Upstream)
      while (chars::is_blank(*colon)) ++colon;
    if (*colon != ':') return refuse(BadHead::FieldName);

    const char* value = colon + 1;
    while (chars::is_blank(*value)) ++value;
    const char* const line_end = chars::find_control(value, end);
    if (line_end == end || *line_end != '\r' || line_end[1] != '\n')
      return refuse_control(line_end);
    const char* value_end = line_end;
    while (value_end != value && chars::is_blank(value_end[-1])) --value_end;

    Field field;
    field.name = {p, static_cast<std::size_t>(name_end - p)};
    field.value = {value, static_cast<std::size_t>(value_end - value)};
    field.id = identify_field(field.name);
    if (fields.size() >= limit || !fields.push_back(field))
      return refuse(BadHead::TooManyFields, 431);
    p = line_end + 2;
  }
  return {};
}

void ConnectionOptions::read(std::string_view value) {
  while (!value.empty()) {
    const std::string_view element = chars::take_element(value);
    if (++elements > kMaxConnectionElements) malformed = true;
    if (element.empty()) continue;
    if (iequals(element, "close")) {
      close = true;
    } else if (iequals(element, "keep-alive")) {
      keep_alive = true;
    } else if (iequals(element, "upgrade")) {
      upgrade = true;
    } else if (!iequals(element, "te")) {
      names_fields = true;
      if (!chars::is_token(element)) malformed = true;
    }
    if (malformed) return;
  }
}

void LengthFields::read(const Field& field) {
  if (field.id == FieldId::ContentLength) {
    ++lengths;
    length = field.value;
  } else if (field.id == FieldId::TransferEncoding) {
    ++codings;
    coding = field.value;
  }
}

std::optional<std::uint64_t> parse_length(std::string_view text) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  std::uint64_t value = 0;
  for (char c : text) {
    if (!chars::is(c, chars::kDigit)) return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  if (text.empty()) return std::nullopt;
  return value;
}

std::string_view choose_protocol(std::string_view value, bool& malformed) {
  std::string_view chosen;
  while (!value.empty()) {
    const std::string_view element = chars::take_element(value);
    if (element.empty()) continue;
    const std::size_t slash = element.find('/');
    if (!chars::is_token(element.substr(0, slash)) ||
        (slash != std::string_view::npos && !chars::is_token(element.substr(slash + 1))))
      malformed = true;
    const std::string_view name = element.substr(0, slash);
    const bool hides_requests = iequals(name, "h2c") || iequals(name, "TLS");
    if (chosen.empty() && !hides_requests) chosen = element;
  }
  return malformed ? std::string_view() : chosen;
}

std::string_view to_string(BadHead bad) {
  switch (bad) {
    case BadHead::None:
      return "none";
    case BadHead::BareLf:
      return "bare_lf";
    case BadHead::BareCr:
      return "bare_cr";
    case BadHead::Nul:
      return "nul";
    case BadHead::StartLine:
      return "start_line";
    case BadHead::Method:
      return "method";
    case BadHead::Target:
      return "target";
    case BadHead::Version:
      return "version";
    case BadHead::Host:
      return "host";
    case BadHead::FieldName:
      return "field_name";
    case BadHead::FieldValue:
      return "field_value";
    case BadHead::ObsFold:
      return "obs_fold";
    case BadHead::ContentLength:
      return "content_length";
    case BadHead::TransferEncoding:
      return "transfer_encoding";
    case BadHead::UnknownCoding:
      return "unknown_coding";
    case BadHead::Framing:
      return "framing";
    case BadHead::ConnectionHeader:
      return "connection_header";
    case BadHead::Upgrade:
      return "upgrade";
    case BadHead::Expect:
      return "expect";
    case BadHead::HeadTooLarge:
      return "head_too_large";
    case BadHead::TargetTooLong:
      return "target_too_long";
    case BadHead::TooManyFields:
      return "too_many_fields";
    case BadHead::TooManyEmptyLines:
      return "too_many_empty_lines";
    case BadHead::Status:
      return "status";
    case BadHead::EncodedTraversal:
      return "encoded_traversal";
    case BadHead::Loop:
      return "loop";
    case BadHead::Malformed:
      return "malformed";
    case BadHead::MethodNotAllowed:
      return "method_not_allowed";
  }
  return "unknown";
}

}  // namespace cutwater::http
