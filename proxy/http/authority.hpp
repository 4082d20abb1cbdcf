// Parses host[:port] as Host and absolute-form targets carry it: RFC 9110 7.2, RFC 3986 3.2. The
// functions are pure.
#pragma once

#include <optional>
#include <string_view>

namespace cutwater::http {

struct Authority {
  std::string_view text;  // host[:port], without a colon that no port follows
  std::string_view host;  // IPv6 keeps its brackets
};

// Returns nullopt for an empty host, userinfo, a port beyond 65535, or characters no host name has.
// Percent encoding and ',' are refused although reg-name allows them: no client sends them, and the
// meaning of "Host: a,b" depends on the reader.
std::optional<Authority> parse_authority(std::string_view text);

}  // namespace cutwater::http
