// Normalises paths by RFC 3986 6.2.2: percent-encoded unreserved characters are decoded, hex digits
// upper-cased, dot segments removed. The result is routed on AND forwarded, so no two parsers can
// disagree. An encoded slash or backslash that would make a dot segment for a server that decodes
// it ("/a/%2e%2e%2fb") is refused; other encoded slashes are kept.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace cutwater::http {

// `target` is path[?query] and has passed the grammar check. Returns `target` itself when nothing
// changes, else a view into `scratch` (>= target.size() bytes). nullopt means encoded traversal,
// which is answered with 400.
std::optional<std::string_view> normalise_target(std::string_view target, std::span<char> scratch);

}  // namespace cutwater::http
