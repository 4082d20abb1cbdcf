// Checks what names, hosts, paths and addresses may look like. The functions are pure; any thread
// may call them. A function that can fail in many ways returns Checked: the value, or what to tell
// the operator.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/model.hpp"

namespace cutwater::config {

struct Wrong {
  std::string message;  // follows "`key` is `value`: "
};
template <typename T>
using Checked = std::variant<T, Wrong>;

// Checks the name of a service, version, flag, listener or token: letters, digits, `.`, `_`, `-`;
// the first is a letter or digit; at most 63. It is short enough for a label value, and safe in a
// URL path and a cookie name.
bool is_name(std::string_view text);
inline constexpr std::string_view kNameRule =
    "expected up to 63 letters, digits, `.`, `_` or `-`, the first a letter or digit";

// Checks a token of RFC 9110 5.6.2: method, field name, cookie name.
bool is_token(std::string_view text);
// Checks for visible ASCII with spaces only inside: a field or cookie value that can be compared
// exactly.
bool is_plain_value(std::string_view text);
bool is_ip(std::string_view text);
bool is_loopback(std::string_view ip);
bool is_dns_name(std::string_view text);
// Returns true when connections to `endpoint` arrive at `listen`, as far as names and numbers tell:
// loopback, wildcards, IPv4 in IPv6 clothes. Addresses of this machine's interfaces are not known
// where a file is checked; where they are, `local` says that the endpoint has one.
bool leads_to(const Address& endpoint, const Address& listen, bool local = false);

// Reads "0.0.0.0:8080" or "[::]:8080"; port 0 means any free port.
Checked<Address> check_listen(std::string_view text);
// Reads "http://HOST[:PORT][/]" or https; the url is returned without the slash.
Checked<Endpoint> check_endpoint(std::string_view text);
// Does the same, and adds the endpoint to those of a version, which may name it only once. Returns
// nullopt when it was added; otherwise the whole message, which never shows what may be a password.
std::optional<Wrong> add_endpoint(std::vector<Endpoint>& endpoints, std::string_view text);
// Reads "10.0.0.0/8" or "::1/128"; a bare address stands for a network of one address.
Checked<Cidr> check_cidr(std::string_view text);
// Reads "shop.example.com", "*.example.com" or "*"; returns it in lower case.
Checked<std::string> check_host_pattern(std::string_view text);
// Reads "/" or "/api": absolute and already normal, as the router compares it.
Checked<std::string> check_route_path(std::string_view text);

}  // namespace cutwater::config
