#include "proxy/http/target.hpp"

#include <cstring>

#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

constexpr std::size_t kNone = std::string_view::npos;

// Recognises "." or "..", also with path parameters ("..;x"): servers that strip the parameters see
// a dot segment.
bool is_dots(std::string_view segment) {
  segment = segment.substr(0, segment.find(';'));
  return segment == "." || segment == "..";
}

// Returns true if some rule could change this path: it has an escape, or a segment that begins with
// a dot.
bool needs_work(std::string_view path) {
  if (std::memchr(path.data(), '%', path.size()) != nullptr) return true;
  for (std::size_t i = path.find("/."); i != kNone; i = path.find("/.", i + 1)) {
    const std::string_view rest = path.substr(i + 1);
    if (is_dots(rest.substr(0, rest.find('/')))) return true;
  }
  return false;
}

// Decodes escaped unreserved characters and upper-cases the other escapes. Input and output may
// overlap.
std::size_t normalise_escapes(std::string_view path, char* out) {
  std::size_t used = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%' || path.size() - i < 3) {
      out[used++] = path[i];
      continue;
    }
    const unsigned value = chars::hex_byte(path[i + 1], path[i + 2]);
    if (chars::is(static_cast<char>(value), chars::kUnreserved)) {
      out[used++] = static_cast<char>(value);
    } else {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      out[used++] = '%';
      out[used++] = kDigits[value >> 4];
      out[used++] = kDigits[value & 15];
    }
    i += 2;
  }
  return used;
}

// Recognises a segment that a server would split further, or strip of parameters, into a dot
// segment. Plain "." and ".." are not hidden: they are removed the ordinary way.
bool hides_dots(std::string_view segment) {
  if (segment == "." || segment == "..") return false;
  while (true) {
    std::size_t cut = segment.find('%');
    while (cut != kNone && segment.substr(cut, 3) != "%2F" && segment.substr(cut, 3) != "%5C")
      cut = segment.find('%', cut + 1);
    if (is_dots(segment.substr(0, cut))) return true;
    if (cut == kNone) return false;
    segment.remove_prefix(cut + 3);
  }
}

// Applies RFC 3986 5.2.4 to a path that begins with '/', in place. Returns kNone for a hidden dot
// segment.
std::size_t remove_dot_segments(char* path, std::size_t size) {
  std::size_t used = 0;
  std::size_t i = 0;
  while (i < size) {  // path[i] is '/'
    std::size_t end = i + 1;
    while (end < size && path[end] != '/') ++end;
    const std::string_view segment(path + i + 1, end - i - 1);
    if (hides_dots(segment)) return kNone;
    const bool last = end == size;
    if (segment == "..") {
      while (used > 0 && path[--used] != '/') {
      }
      if (last) path[used++] = '/';
    } else if (segment == ".") {
      if (last) path[used++] = '/';
    } else {
      std::memmove(path + used, path + i, end - i);
      used += end - i;
    }
    i = end;
  }
  return used;
}

}  // namespace

std::optional<std::string_view> normalise_target(std::string_view target, std::span<char> scratch) {
  if (target.empty() || target.front() != '/') return target;  // "*"
  const std::string_view path = target.substr(0, target.find('?'));
  if (!needs_work(path)) return target;
  if (scratch.size() < target.size()) return std::nullopt;

  std::size_t used = normalise_escapes(path, scratch.data());
  used = remove_dot_segments(scratch.data(), used);
  if (used == kNone) return std::nullopt;
  const std::string_view query = target.substr(path.size());
  if (!query.empty()) std::memcpy(scratch.data() + used, query.data(), query.size());
  return std::string_view(scratch.data(), used + query.size());
}

}  // namespace cutwater::http
