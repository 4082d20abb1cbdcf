#include "proxy/routing/route_table.hpp"

#include <algorithm>
#include <tuple>

namespace cutwater::routing {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// "example.com." is the same host (RFC 3986 3.2.2), and "[::1]" is the same with or without
// brackets.
std::string_view bare(std::string_view host) {
  if (host.size() > 1 && host.back() == '.') host.remove_suffix(1);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']')
    host = host.substr(1, host.size() - 2);
  return host;
}

bool is_wildcard(std::string_view host) {
  return host.starts_with("*.");
}

int host_rank(std::string_view host) {
  return host == "*" ? 2 : is_wildcard(host) ? 1 : 0;
}

bool host_matches(std::string_view pattern, std::string_view host) {
  if (pattern == "*") return true;
  pattern = bare(pattern);
  if (!is_wildcard(pattern)) return equal_ignoring_case(pattern, host);
  const std::string_view suffix = pattern.substr(1);  // ".example.com"
  return host.size() > suffix.size() &&
         equal_ignoring_case(suffix, host.substr(host.size() - suffix.size()));
}

int hex(char c) {
  return c <= '9' ? c - '0' : lower(c) - 'a' + 10;
}

// Takes one character off, decoded: "/a|b" is the path "/a%7Cb", whichever of them a client sends.
// An encoded slash separates no segments and remains another character than the slash.
int take_decoded(std::string_view& path) {
  constexpr int kEncodedSlash = 256;
  const auto c = static_cast<unsigned char>(path.front());
  if (c != '%' || path.size() < 3) {
    path.remove_prefix(1);
    return c;
  }
  const int byte = hex(path[1]) * 16 + hex(path[2]);
  path.remove_prefix(3);
  return byte == '/' ? kEncodedSlash : byte;
}

bool path_matches(std::string_view prefix, std::string_view path) {
  if (prefix.empty() || prefix == "/") return true;  // also "*" of OPTIONS
  const bool whole_segments = prefix.back() == '/';
  while (!prefix.empty())
    if (path.empty() || take_decoded(prefix) != take_decoded(path)) return false;
  return path.empty() || whole_segments || path.front() == '/';
}

}  // namespace

void sort_routes(std::vector<RouteEntry>& routes) {
  std::stable_sort(routes.begin(), routes.end(), [](const RouteEntry& a, const RouteEntry& b) {
    const auto order = [](const RouteEntry& entry) {
      // The lengths are negative, so that the longest comes first.
      return std::make_tuple(host_rank(entry.host), -static_cast<long>(entry.host.size()),
                             std::string_view(entry.host), -static_cast<long>(entry.path.size()));
    };
    return order(a) < order(b);
  });
}

const RouteEntry* match_route(const RoutingSnapshot& snapshot, std::string_view host,
                              std::string_view path) {
  host = bare(host);
  for (const RouteEntry& entry : snapshot.routes)
    if (host_matches(entry.host, host) && path_matches(entry.path, path)) return &entry;
  return nullptr;
}

}  // namespace cutwater::routing
