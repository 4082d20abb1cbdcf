#include "proxy/http/caching.hpp"

#include <algorithm>

namespace cutwater::http {
namespace {

struct CacheControl {
  bool shared = false;      // public or s-maxage
  bool fresh = false;       // max-age above 0
  bool asks_first = false;  // no-cache
  bool forbidden = false;   // private or no-store
};

constexpr std::string_view kBlanks = " \t";

std::string_view trim(std::string_view text) {
  const std::size_t first = std::min(text.find_first_not_of(kBlanks), text.size());
  text.remove_prefix(first);
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// The text up to the next comma that no quotation marks hold.
std::string_view take_directive(std::string_view& list) {
  bool quoted = false;
  std::size_t at = 0;
  for (; at < list.size(); ++at) {
    if (list[at] == '"') quoted = !quoted;
    if (quoted && list[at] == '\\' && at + 1 < list.size()) ++at;
    if (!quoted && list[at] == ',') break;
  }
  const std::string_view directive = list.substr(0, at);
  list.remove_prefix(std::min(at + 1, list.size()));
  return trim(directive);
}

void read_directive(std::string_view directive, CacheControl& control) {
  const std::size_t equals = std::min(directive.find('='), directive.size());
  const std::string_view name = trim(directive.substr(0, equals));
  std::string_view value = trim(directive.substr(std::min(equals + 1, directive.size())));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  if (iequals(name, "public") || iequals(name, "s-maxage")) control.shared = true;
  if (iequals(name, "no-store")) control.forbidden = true;
  if (iequals(name, "private") && value.empty()) control.forbidden = true;
  if (iequals(name, "no-cache") && value.empty()) control.asks_first = true;
  if (iequals(name, "max-age"))
    control.fresh = value.find_first_not_of("0123456789") == value.npos &&
                    value.find_first_not_of('0') != value.npos;
}

}  // namespace

bool may_be_kept_for_all(const ResponseHead& head) {
  CacheControl control;
  for (const Field& field : head.fields) {
    if (field.id == FieldId::SetCookie) return false;
    if (field.id != FieldId::CacheControl) continue;
    for (std::string_view list = field.value; !list.empty();)
      read_directive(take_directive(list), control);
  }
  return !control.forbidden && (control.shared || (control.fresh && !control.asks_first));
}

}  // namespace cutwater::http
