#include "config/shown_url.hpp"

#include <algorithm>

namespace cutwater::config {
namespace {

constexpr std::string_view kHidden = "***";
constexpr std::size_t kShortestKey = 20;

bool is_letter(char c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool looks_like_a_key(std::string_view segment) {
  return segment.size() >= kShortestKey && std::any_of(segment.begin(), segment.end(), is_letter) &&
         std::any_of(segment.begin(), segment.end(), is_digit) &&
         std::all_of(segment.begin(), segment.end(),
                     [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; });
}

// Calls `show` for each part between separators, and keeps the separators.
template <typename Show>
void append_parts(std::string& out, std::string_view text, std::string_view separators,
                  Show&& show) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.size(), text.find_first_of(separators, begin));
    show(text.substr(begin, end - begin));
    if (end < text.size()) out += text[end];
    begin = end + 1;
  }
}

}  // namespace

std::string shown_url(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t path = std::min(url.size(), url.find_first_of("/?#", host));
  const std::size_t query = std::min(url.size(), url.find_first_of("?#", path));
  std::string out(url.substr(0, path));
  append_parts(out, url.substr(path, query - path), "/", [&](std::string_view segment) {
    out += looks_like_a_key(segment) ? kHidden : segment;
  });
  append_parts(out, url.substr(query), "?#&;", [&](std::string_view parameter) {
    const std::size_t equals = parameter.find('=');
    if (equals == std::string_view::npos)
      out += looks_like_a_key(parameter) ? kHidden : parameter;
    else
      out.append(parameter.substr(0, equals + 1)).append(kHidden);
  });
  return out;
}

}  // namespace cutwater::config
