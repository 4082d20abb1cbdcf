// Reads cookies out of a request, by RFC 6265 5.4 as servers have to meet it in the wild. It never
// fails: what is not a usable pair is passed over. Pairs are separated by ';', with or without
// space; one pair of quotes around a value is taken off; a value with a control character, or with
// an inner or an unpaired quote, is not usable. Several Cookie fields are read as one. Nothing is
// allocated.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/http/message.hpp"

namespace cutwater::routing {

struct CookiePair {
  std::string_view name;   // case-sensitive
  std::string_view value;  // may be empty
};

// Takes the next usable pair off the front of a Cookie field's value; nullopt at the end.
std::optional<CookiePair> next_cookie(std::string_view& rest);

// Returns the first usable cookie of this name for which `accept(value)` is true: "first valid
// wins".
template <typename Accept>
std::optional<std::string_view> find_cookie(const http::FieldList& fields, std::string_view name,
                                            Accept&& accept) {
  for (const http::Field& field : fields) {
    if (field.id != http::FieldId::Cookie) continue;
    std::string_view rest = field.value;
    while (const auto pair = next_cookie(rest))
      if (pair->name == name && accept(pair->value)) return pair->value;
  }
  return std::nullopt;
}

}  // namespace cutwater::routing
