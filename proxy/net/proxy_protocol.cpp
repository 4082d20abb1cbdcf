#include "proxy/net/proxy_protocol.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace cutwater::net {

namespace {

using State = ProxyHeader::State;

constexpr std::string_view kSignature1 = "PROXY ";
constexpr std::string_view kSignature2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kLongestLine = 107;  // with CRLF
constexpr std::size_t kFixed2 = 16;        // signature, command, family, length
constexpr std::uint8_t kCrc32c = 0x03;     // TLV

ProxyHeader bad(ProxyError error) {
  ProxyHeader header;
  header.state = State::Bad;
  header.error = error;
  return header;
}

ProxyHeader complete(std::size_t bytes) {
  ProxyHeader header;
  header.state = State::Complete;
  header.bytes = bytes;
  return header;
}

// An IPv4 address mapped into IPv6 becomes IPv4.
IpAddress address_at(std::span<const char> bytes, std::size_t at, bool v6) {
  sockaddr_storage storage{};
  if (v6) {
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    std::memcpy(&address.sin6_addr, bytes.data() + at, 16);
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    std::memcpy(&address.sin_addr, bytes.data() + at, 4);
  }
  return ip_of(storage);
}

// --- version 1 ------------------------------------------------------------------------------

// Takes the next word; exactly one space stands behind it, unless it is the last.
std::string_view take_word(std::string_view& line) {
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}

bool read_port(std::string_view word, std::uint16_t& port) {
  if (word.empty() || (word.size() > 1 && word.front() == '0')) return false;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
  return error == std::errc() && end == word.data() + word.size();
}

bool read_address(std::string_view word, bool v6, IpAddress& address) {
  const auto parsed = parse_ip(word);
  if (!parsed || (word.find(':') != word.npos) != v6) return false;
  const auto* bytes = reinterpret_cast<const char*>(parsed->bytes.data());
  address = address_at(std::span(bytes, parsed->bytes.size()), 0, v6);
  return true;
}

ProxyHeader parse_line(std::string_view text) {
  text = text.substr(0, kLongestLine);
  const auto end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  // A lone CR may still become CRLF if it is the last byte so far.
  const auto odd = line.find_first_of(std::string_view("\r\n\0", 3));
  const bool may_follow = end == text.npos && odd == line.size() - 1 && line[odd] == '\r';
  if (odd != line.npos && !may_follow) return bad(ProxyError::Malformed);
  if (end == text.npos)
    return text.size() < kLongestLine ? ProxyHeader{} : bad(ProxyError::TooLong);

  ProxyHeader header = complete(end + 2);
  std::string_view rest = line.substr(kSignature1.size());
  const std::string_view protocol = take_word(rest);
  if (protocol == "UNKNOWN") return header;  // the rest is ignored (2.1)
  const bool v6 = protocol == "TCP6";
  if (!v6 && protocol != "TCP4") return bad(ProxyError::Malformed);
  const bool spaces = std::count(rest.begin(), rest.end(), ' ') == 3;
  ConnectionAddresses& out = header.addresses;
  const std::string_view source = take_word(rest);
  const std::string_view destination = take_word(rest);
  const std::string_view source_port = take_word(rest);
  if (!spaces || !read_address(source, v6, out.source) ||
      !read_address(destination, v6, out.destination) || !read_port(source_port, out.source_port) ||
      !read_port(rest, out.destination_port))
    return bad(ProxyError::Malformed);
  header.has_addresses = true;
  return header;
}

// --- version 2 ------------------------------------------------------------------------------

std::uint8_t byte_at(std::span<const char> bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::uint16_t word_at(std::span<const char> bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}

// Computes CRC-32C (Castagnoli, reflected); bit by bit is fast enough for a header per connection.
std::uint32_t crc32c(std::span<const char> bytes, std::size_t zeros_at) {
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    crc ^= i >= zeros_at && i < zeros_at + 4 ? 0 : byte_at(bytes, i);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

ProxyError check_tlvs(std::span<const char> header, std::size_t at) {
  while (at < header.size()) {
    if (header.size() - at < 3) return ProxyError::Malformed;
    const std::uint8_t type = byte_at(header, at);
    const std::size_t size = word_at(header, at + 1);
    at += 3;
    if (header.size() - at < size) return ProxyError::Malformed;
    if (type == kCrc32c) {
      if (size != 4) return ProxyError::Malformed;
      const std::uint32_t said =
          static_cast<std::uint32_t>(word_at(header, at)) << 16 | word_at(header, at + 2);
      if (crc32c(header, at) != said) return ProxyError::Checksum;
    }
    at += size;
  }
  return ProxyError::None;
}

ProxyHeader parse_binary(std::span<const char> bytes) {
  if (bytes.size() > 12 && byte_at(bytes, 12) != 0x20 && byte_at(bytes, 12) != 0x21)
    return bad(ProxyError::Malformed);
  if (bytes.size() < kFixed2) return {};
  const bool local = byte_at(bytes, 12) == 0x20;
  const std::uint8_t family = byte_at(bytes, 13);
  const std::size_t size = kFixed2 + word_at(bytes, 14);
  if (size > kMostProxyHeader) return bad(ProxyError::TooLong);
  const bool v4 = family == 0x11;
  const bool v6 = family == 0x21;
  const bool known = v4 || v6 || family == 0x00 || family == 0x31;  // unspecified, unix stream
  const std::size_t addresses = v4 ? 12 : v6 ? 36 : family == 0x31 ? 216 : 0;
  if (!local && (!known || size < kFixed2 + addresses)) return bad(ProxyError::Malformed);
  if (bytes.size() < size) return {};

  ProxyHeader header = complete(size);
  // LOCAL is the balancer's own connection, whatever else it says (2.2). An unspecified family has
  // no addresses, and nothing behind them that could be read.
  if (local || family == 0x00) return header;
  const ProxyError error = check_tlvs(bytes.first(size), kFixed2 + addresses);
  if (error != ProxyError::None) return bad(error);
  if (!v4 && !v6) return header;
  const std::size_t length = v6 ? 16 : 4;
  header.has_addresses = true;
  header.addresses.source = address_at(bytes, kFixed2, v6);
  header.addresses.destination = address_at(bytes, kFixed2 + length, v6);
  header.addresses.source_port = word_at(bytes, kFixed2 + 2 * length);
  header.addresses.destination_port = word_at(bytes, kFixed2 + 2 * length + 2);
  return header;
}

bool begins_like(std::string_view text, std::string_view signature) {
  const std::size_t size = std::min(text.size(), signature.size());
  return text.substr(0, size) == signature.substr(0, size);
}

void put_address(char* out, const IpAddress& address, bool v6) {
  if (!v6) {
    std::memcpy(out, address.bytes.data(), 4);
  } else if (address.v6) {
    std::memcpy(out, address.bytes.data(), 16);
  } else {  // ::ffff:a.b.c.d
    std::memset(out, 0, 10);
    std::memset(out + 10, 0xff, 2);
    std::memcpy(out + 12, address.bytes.data(), 4);
  }
}

void put_word(char* out, std::uint16_t value) {
  out[0] = static_cast<char>(value >> 8);
  out[1] = static_cast<char>(value & 0xff);
}

}  // namespace

std::string_view to_string(ProxyError error) {
  switch (error) {
    case ProxyError::None:
      return "none";
    case ProxyError::Missing:
      return "missing";
    case ProxyError::Malformed:
      return "malformed";
    case ProxyError::TooLong:
      return "too_long";
    case ProxyError::Checksum:
      return "checksum";
    case ProxyError::Timeout:
      return "timeout";
    case ProxyError::Closed:
      return "closed";
  }
  return "unknown";
}

std::uint16_t port_of(const sockaddr_storage& address) {
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

ProxyHeader parse_proxy_header(std::span<const char> bytes) {
  const std::string_view text(bytes.data(), bytes.size());
  if (begins_like(text, kSignature1))
    return text.size() < kSignature1.size() ? ProxyHeader{} : parse_line(text);
  if (begins_like(text, kSignature2)) return parse_binary(bytes);
  return bad(ProxyError::Missing);
}

std::size_t write_proxy_header(const ConnectionAddresses& addresses,
                               std::span<char, kLongestWrittenProxyHeader> out) {
  const bool v6 = addresses.source.v6 || addresses.destination.v6;
  const std::size_t length = v6 ? 16 : 4;
  const std::size_t size = kFixed2 + 2 * length + 4;
  std::memcpy(out.data(), kSignature2.data(), kSignature2.size());
  out[12] = 0x21;
  out[13] = v6 ? 0x21 : 0x11;
  put_word(&out[14], static_cast<std::uint16_t>(size - kFixed2));
  put_address(&out[kFixed2], addresses.source, v6);
  put_address(&out[kFixed2 + length], addresses.destination, v6);
  put_word(&out[kFixed2 + 2 * length], addresses.source_port);
  put_word(&out[kFixed2 + 2 * length + 2], addresses.destination_port);
  return size;
}

}  // namespace cutwater::net
