// What names, hosts, paths and addresses may look like. Pure functions, any thread. A function
// that can be wrong in many ways returns Checked: the value, or what to tell the operator.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/model.hpp"

namespace cutwater::config {

struct Wrong {
  std::string message;  // to follow "`key` is `value`: "
};
template <typename T>
using Checked = std::variant<T, Wrong>;

// Services, versions, flags, listeners, tokens: letters, digits, `.`, `_`, `-`; first a letter or
// digit; at most 63. Short enough for a label value, safe in a URL path and a cookie name.
bool is_name(std::string_view text);
inline constexpr std::string_view kNameRule =
    "expected up to 63 letters, digits, `.`, `_` or `-`, the first a letter or digit";

// RFC 9110 5.6.2 token: method, field name, cookie name.
bool is_token(std::string_view text);
// Visible ASCII, spaces inside: a field or cookie value that can be compared exactly.
bool is_plain_value(std::string_view text);
bool is_ip(std::string_view text);
bool is_loopback(std::string_view ip);
bool is_dns_name(std::string_view text);

// "0.0.0.0:8080", "[::]:8080"; port 0 = any free port.
Checked<Address> check_listen(std::string_view text);
// "http://HOST[:PORT][/]" or https; the url comes back without the slash.
Checked<Endpoint> check_endpoint(std::string_view text);
// The same, into the endpoints of a version: not twice. nullopt when it is in; else the whole
// message, which never shows what may be a password.
std::optional<Wrong> add_endpoint(std::vector<Endpoint>& endpoints, std::string_view text);
// "10.0.0.0/8", "::1/128"; a bare address is the whole of it.
Checked<Cidr> check_cidr(std::string_view text);
// "shop.example.com", "*.example.com", "*"; comes back in lower case.
Checked<std::string> check_host_pattern(std::string_view text);
// "/", "/api": absolute and already normal, as the router compares it.
Checked<std::string> check_route_path(std::string_view text);

}  // namespace cutwater::config
