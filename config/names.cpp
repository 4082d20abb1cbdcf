#include "config/names.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <vector>

#include "config/report.hpp"
#include "config/units.hpp"

namespace cutwater::config {
namespace {

constexpr std::string_view kListenRule = "expected ADDRESS:PORT such as 0.0.0.0:8080 or [::]:8080";
constexpr std::string_view kEndpointRule = "expected http://HOST:PORT";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// RFC 3986 6.2.2 asks for upper-case hex digits, and no escape of a character that needs none.
// Requests are brought into this form before they are matched, so another form would never match.
bool is_normal_escape(std::string_view text) {
  if (text.size() < 3 || !is_hex(text[1]) || !is_hex(text[2])) return false;
  const auto value = [](char c) { return is_digit(c) ? c - '0' : c - 'A' + 10; };
  if (value(text[1]) > 15 || value(text[2]) > 15) return false;  // lower case
  const char meant = static_cast<char>(value(text[1]) * 16 + value(text[2]));
  return !is_alnum(meant) && std::string_view("-._~").find(meant) == std::string_view::npos;
}

// Returns the bytes in network order: 4 or 16, or none when `text` is not an IP literal.
std::vector<unsigned char> ip_bytes(std::string_view text) {
  const std::string literal(text);
  std::vector<unsigned char> bytes(16);
  if (literal.find('\0') != std::string::npos) return {};
  if (inet_pton(AF_INET6, literal.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(4);
  if (inet_pton(AF_INET, literal.c_str(), bytes.data()) == 1) return bytes;
  return {};
}

// The same, but an IPv4 address in IPv6 clothes (RFC 4291 2.5.5.2) is that IPv4 address.
std::vector<unsigned char> plain_ip(std::string_view text) {
  auto bytes = ip_bytes(text);
  constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (bytes.size() == 16 && std::equal(kMapped.begin(), kMapped.end(), bytes.begin()))
    bytes.erase(bytes.begin(), bytes.begin() + 12);
  return bytes;
}

bool is_any(const std::vector<unsigned char>& ip) {
  return !ip.empty() && std::all_of(ip.begin(), ip.end(), [](unsigned char b) { return b == 0; });
}

bool is_loopback_bytes(const std::vector<unsigned char>& ip) {
  if (ip.size() == 4) return ip[0] == 127;
  if (ip.size() != 16) return false;
  return std::all_of(ip.begin(), ip.end() - 1, [](unsigned char b) { return b == 0; }) &&
         ip.back() == 1;
}

struct HostPort {
  std::string_view host;  // without brackets
  std::string_view port;  // empty if there is none
  bool bracketed = false;
};

std::optional<HostPort> split_host_port(std::string_view text) {
  HostPort result;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    result.host = text.substr(1, close - 1);
    result.bracketed = true;
    rest = text.substr(close + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    result.host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (rest.empty()) return result;
  if (rest.size() == 1 || rest.front() != ':') return std::nullopt;
  result.port = rest.substr(1);
  return result;
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_alnum(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && text.size() <= 256 && std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || kMarks.find(c) != std::string_view::npos;
  });
}

bool is_plain_value(std::string_view text) {
  return !text.empty() && text.front() != ' ' && text.back() != ' ' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e; });
}

bool is_ip(std::string_view text) {
  return !ip_bytes(text).empty();
}

bool is_loopback(std::string_view ip) {
  return is_loopback_bytes(ip_bytes(ip));
}

bool leads_to(const Address& endpoint, const Address& listen, bool local) {
  if (listen.port == 0 || endpoint.port != listen.port) return false;
  const auto to = plain_ip(endpoint.host);
  const auto at = plain_ip(listen.host);
  // A connection to "any address" goes to loopback.
  const bool names_this_host = endpoint.host == "localhost" || is_any(to);
  const bool here = local || names_this_host || is_loopback_bytes(to);
  return (to == at && !to.empty()) || (here && is_any(at)) ||
         (names_this_host && is_loopback_bytes(at));
}

bool is_dns_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  std::string_view label;
  for (std::size_t start = 0; start <= text.size(); start += label.size() + 1) {
    label = text.substr(start, std::min(text.find('.', start), text.size()) - start);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') {
      return false;
    }
    // Host names have no underscores, but names in container networks have them.
    if (!std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_'; })) {
      return false;
    }
  }
  // Resolvers disagree on what 127.1, 10.0.0.256 and 0x7f.0x1 are (RFC 1123 2.1).
  const bool hex = label.size() > 1 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X') &&
                   std::all_of(label.begin() + 2, label.end(), is_hex);
  return !hex && !std::all_of(label.begin(), label.end(), is_digit);
}

Checked<Address> check_listen(std::string_view text) {
  const auto parts = split_host_port(text);
  if (!parts || parts->port.empty()) return Wrong{std::string(kListenRule)};
  const auto port = parse_count(parts->port, 65535);
  if (!port) return Wrong{"the port must be a number from 0 to 65535"};
  if (parts->host.empty() && !parts->bracketed) {
    return Wrong{"an address is missing, did you mean `0.0.0.0:" + std::string(parts->port) + "`?"};
  }
  if (parts->host == "localhost") {
    return Wrong{"a name is not an address, did you mean `127.0.0.1:" + std::string(parts->port) +
                 "`?"};
  }
  const std::size_t family = ip_bytes(parts->host).size();
  if (family != (parts->bracketed ? 16u : 4u)) return Wrong{std::string(kListenRule)};
  return Address{std::string(parts->host), static_cast<std::uint16_t>(*port)};
}

Checked<Endpoint> check_endpoint(std::string_view text) {
  if (text.starts_with("unix:"))
    return Wrong{
        "unix sockets are not supported as endpoints; let the upstream listen on "
        "127.0.0.1 and write http://127.0.0.1:PORT"};
  const bool tls = text.starts_with("https://");
  const std::string_view scheme = tls ? "https://" : "http://";
  if (!text.starts_with(scheme)) {
    if (text.find("://") == std::string_view::npos && !text.empty() && text.size() < 100) {
      std::string why(kEndpointRule);
      why.append(", did you mean `http://").append(text).append("`?");
      return Wrong{std::move(why)};
    }
    return Wrong{std::string(kEndpointRule)};
  }
  std::string_view authority = text.substr(scheme.size());
  if (authority.ends_with('/')) authority.remove_suffix(1);
  if (authority.find_first_of("/?#") != std::string_view::npos) {
    return Wrong{"an endpoint has no path: the request's own path is used"};
  }
  if (authority.find('@') != std::string_view::npos) {
    return Wrong{"an endpoint has no user or password"};
  }
  const auto parts = split_host_port(authority);
  if (!parts) return Wrong{std::string(kEndpointRule)};
  const bool host_ok = parts->bracketed ? ip_bytes(parts->host).size() == 16
                                        : is_ip(parts->host) || is_dns_name(parts->host);
  if (!host_ok) return Wrong{"the host is neither an IP address nor a DNS name"};
  const auto port =
      parts->port.empty() ? std::uint64_t{tls ? 443u : 80u} : parse_count(parts->port, 65535);
  if (!port || *port == 0) return Wrong{"the port must be a number from 1 to 65535"};
  Endpoint endpoint;
  endpoint.url = std::string(scheme) + std::string(authority);
  endpoint.address = {std::string(parts->host), static_cast<std::uint16_t>(*port)};
  endpoint.tls = tls;
  return endpoint;
}

std::optional<Wrong> add_endpoint(std::vector<Endpoint>& endpoints, std::string_view text) {
  auto checked = check_endpoint(text);
  if (const Wrong* wrong = std::get_if<Wrong>(&checked)) {
    // The value is shown only when it cannot hold a password.
    const bool safe = text.find('@') == std::string_view::npos;
    return Wrong{"endpoint" + (safe ? " " + quoted(text) : "") + ": " + wrong->message};
  }
  Endpoint endpoint = std::get<Endpoint>(std::move(checked));
  for (const Endpoint& other : endpoints)
    if (other.address == endpoint.address) return Wrong{"duplicate endpoint " + quoted(text)};
  endpoints.push_back(std::move(endpoint));
  return std::nullopt;
}

Checked<Cidr> check_cidr(std::string_view text) {
  constexpr std::string_view kRule = "expected a network such as 10.0.0.0/8 or fd00::/8";
  const auto slash = std::min(text.find('/'), text.size());
  auto bytes = ip_bytes(text.substr(0, slash));
  if (bytes.empty()) return Wrong{std::string(kRule)};
  const std::size_t all_bits = bytes.size() * 8;
  if (slash == text.size()) return Cidr{std::string(text) + "/" + std::to_string(all_bits)};
  const auto bits = parse_count(text.substr(slash + 1), all_bits);
  if (!bits) {
    return Wrong{"the length of the prefix must be from 0 to " + std::to_string(all_bits)};
  }
  bool host_bits = false;
  for (std::size_t bit = *bits; bit < all_bits; ++bit) {
    const auto mask = static_cast<unsigned char>(0x80 >> (bit % 8));
    host_bits = host_bits || (bytes[bit / 8] & mask) != 0;
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~mask);
  }
  if (host_bits) {
    std::array<char, INET6_ADDRSTRLEN> network{};
    inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), network.data(), network.size());
    return Wrong{"the address has bits outside the prefix, did you mean `" +
                 std::string(network.data()) + "/" + std::to_string(*bits) + "`?"};
  }
  return Cidr{std::string(text)};
}

Checked<std::string> check_host_pattern(std::string_view text) {
  if (text == "*") return std::string(text);
  const std::string_view name = text.starts_with("*.") ? text.substr(2) : text;
  if (text.starts_with('[') && text.ends_with(']') && text.size() > 2 &&
      ip_bytes(text.substr(1, text.size() - 2)).size() == 16) {
    return lower(text);
  }
  if (is_dns_name(name) || (name == text && ip_bytes(name).size() == 4)) return lower(text);
  return Wrong{"expected a host such as shop.example.com, *.example.com or *, without port"};
}

Checked<std::string> check_route_path(std::string_view text) {
  if (!text.starts_with('/')) return Wrong{"a path starts with `/`"};
  constexpr std::string_view kMarks = "-._~!$&'()*+,;=:@/%";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (!is_alnum(c) && kMarks.find(c) == std::string_view::npos) {
      return Wrong{"a path prefix has no query, fragment, blank or raw character outside ASCII"};
    }
    if (c == '%' && !is_normal_escape(text.substr(at))) {
      return Wrong{"an escape is written `%2F`: upper case, and only where it is needed"};
    }
  }
  for (std::size_t start = 1; start < text.size();) {
    const std::size_t end = std::min(text.find('/', start), text.size());
    const std::string_view segment = text.substr(start, end - start);
    if (segment.empty() || segment == "." || segment == "..") {
      return Wrong{"`//`, `/./` and `/../` are not possible in a path prefix"};
    }
    start = end + 1;
  }
  return std::string(text);
}

}  // namespace cutwater::config
