#include "proxy/http/trailers.hpp"

#include <algorithm>
#include <array>

#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

// These are refused as well as the names that have a FieldId.
constexpr std::array<std::string_view, 13> kNever = {
    "age",
    "authorization",
    "content-encoding",
    "content-location",
    "content-range",
    "expires",
    "location",
    "pragma",
    "range",
    "retry-after",
    "vary",
    "warning",
    "www-authenticate",
};
constexpr std::array<std::string_view, 3> kNeverBegin = {"if-", "proxy-", "sec-"};

// Some servers read '_' as '-' (see FieldId::Disguised).
bool begins_with(std::string_view name, std::string_view lower) {
  if (name.size() < lower.size()) return false;
  for (std::size_t i = 0; i < lower.size(); ++i) {
    const char c = name[i] == '_' ? '-' : chars::to_lower(name[i]);
    if (c != lower[i]) return false;
  }
  return true;
}

}  // namespace

bool may_trail(const Field& field) {
  if (field.id == FieldId::Date) return true;
  if (field.id != FieldId::Other) return false;
  const auto is_it = [&](std::string_view never) {
    return never.size() == field.name.size() && begins_with(field.name, never);
  };
  const auto begins = [&](std::string_view never) { return begins_with(field.name, never); };
  return std::none_of(kNever.begin(), kNever.end(), is_it) &&
         std::none_of(kNeverBegin.begin(), kNeverBegin.end(), begins);
}

bool asks_for_trailers(std::string_view te) {
  while (!te.empty())
    if (iequals(chars::take_element(te), "trailers")) return true;
  return false;
}

bool asks_for_trailers(const FieldList& head) {
  return std::any_of(head.begin(), head.end(), [](const Field& field) {
    return field.id == FieldId::Te && asks_for_trailers(field.value);
  });
}

void append_trailers(const FieldList& trailers, std::string& out) {
  for (const Field& field : trailers)
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  out.append("\r\n");
}

}  // namespace cutwater::http
