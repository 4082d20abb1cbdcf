#include "proxy/http/authority.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

#include "proxy/http/char_class.hpp"

namespace cutwater::http {
namespace {

// Returns the length of "[IPv6]" at the start of `text`, or 0 if there is none.
std::size_t ip_literal_length(std::string_view text) {
  const std::size_t close = text.find(']');
  if (close == std::string_view::npos) return 0;
  const std::string_view address = text.substr(1, close - 1);
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (address.empty() || address.size() >= buffer.size()) return 0;
  if (address.find('\0') != std::string_view::npos) return 0;
  std::memcpy(buffer.data(), address.data(), address.size());
  in6_addr ignored{};
  return ::inet_pton(AF_INET6, buffer.data(), &ignored) == 1 ? close + 1 : 0;
}

bool is_port(std::string_view text) {
  if (text.size() > 5) return false;
  unsigned value = 0;
  for (char c : text) {
    if (!chars::is(c, chars::kDigit)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) {
  std::size_t host = 0;
  if (!text.empty() && text.front() == '[') {
    host = ip_literal_length(text);
  } else {
    while (host < text.size() && chars::is(text[host], chars::kHost)) ++host;
  }
  if (host == 0) return std::nullopt;
  if (host == text.size()) return Authority{text, text};
  if (text[host] != ':' || !is_port(text.substr(host + 1))) return std::nullopt;
  const bool empty_port = host + 1 == text.size();
  return Authority{empty_port ? text.substr(0, host) : text, text.substr(0, host)};
}

}  // namespace cutwater::http
