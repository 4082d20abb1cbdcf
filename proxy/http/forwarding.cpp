#include "proxy/http/forwarding.hpp"

#include <algorithm>

#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

constexpr std::size_t kMaxRequestId = 128;

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return chars::is(c, chars::kHex) && chars::to_lower(c) == c; });
}

bool is_zero(std::string_view text) {
  return text.find_first_not_of('0') == std::string_view::npos;
}

bool is_cookie_called(std::string_view pair, std::string_view name) {
  return chars::trim(pair.substr(0, pair.find('='))) == name;
}

// Calls `use` with each ';'-separated piece, blanks included.
template <typename Use>
void for_each_cookie(std::string_view value, Use use) {
  while (true) {
    const std::size_t semicolon = value.find(';');
    use(value.substr(0, semicolon));
    if (semicolon == std::string_view::npos) return;
    value.remove_prefix(semicolon + 1);
  }
}

}  // namespace

bool is_named_by_connection(const FieldList& fields, std::string_view name) {
  for (const Field& field : fields) {
    if (field.id != FieldId::Connection) continue;
    std::string_view list = field.value;
    while (!list.empty())
      if (iequals(chars::take_element(list), name)) return true;
  }
  return false;
}

std::string_view believed_request_id(const RequestHead& head, bool trusted_peer) {
  const Field* given = trusted_peer ? head.fields.find(FieldId::XRequestId) : nullptr;
  if (!given || given->value.size() > kMaxRequestId) return {};
  const std::string_view id = given->value;
  return std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; }) ? id : "";
}

bool is_valid_traceparent(std::string_view value) {
  if (value.size() != 55 || !value.starts_with("00-")) return false;
  const std::string_view trace = value.substr(3, 32);
  const std::string_view parent = value.substr(36, 16);
  return value[35] == '-' && value[52] == '-' && is_lower_hex(trace) && is_lower_hex(parent) &&
         is_lower_hex(value.substr(53)) && !is_zero(trace) && !is_zero(parent);
}

UsedTraceparent used_traceparent(const RequestHead& head, std::string_view ours) {
  const Field* given = nullptr;
  for (const Field& field : head.fields) {
    if (field.id != FieldId::Traceparent) continue;
    if (given) return {ours};
    given = &field;
  }
  if (!given || !is_valid_traceparent(given->value)) return {ours};
  return {given->value, true};
}

bool write_cookie_field(const Field& field, std::string_view name, HeadWriter& out) {
  if (name.empty() || field.value.find(name) == std::string_view::npos) {
    out.field(field.name, field.value);
    return true;
  }
  bool left = false;
  for_each_cookie(field.value, [&](std::string_view pair) {
    left = left || (!chars::trim(pair).empty() && !is_cookie_called(pair, name));
  });
  if (!left) return false;

  out.put(field.name);
  out.put(": ");
  bool first = true;
  for_each_cookie(field.value, [&](std::string_view pair) {
    if (is_cookie_called(pair, name)) return;
    if (!first) out.put(";");
    // The blank after ';' belongs to the separator; the first cookie has none before it.
    while (first && !pair.empty() && chars::is_blank(pair.front())) pair.remove_prefix(1);
    out.put(pair);
    first = false;
  });
  out.put("\r\n");
  return true;
}

}  // namespace cutwater::http
