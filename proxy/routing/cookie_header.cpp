#include "proxy/routing/cookie_header.hpp"

#include <algorithm>

namespace cutwater::routing {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<std::string_view> usable_value(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
    value = value.substr(1, value.size() - 2);
  const bool odd = std::any_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f || c == '"';
  });
  if (odd) return std::nullopt;
  return value;
}

}  // namespace

std::optional<CookiePair> next_cookie(std::string_view& rest) {
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = trim(text.substr(0, equals));
    const auto value = usable_value(trim(text.substr(equals + 1)));
    if (!name.empty() && value) return CookiePair{name, *value};
  }
  return std::nullopt;
}

}  // namespace cutwater::routing
