// Tests the PROXY header parser: what is accepted, what is refused and why, however the bytes
// arrive.
#include <gtest/gtest.h>

#include "proxy/net/proxy_protocol.hpp"

namespace cutwater::net {
namespace {

using State = ProxyHeader::State;

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string bytes_of(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out += static_cast<char>(value);
  return out;
}

// Writes version 2 with this command, family and rest.
std::string binary(int command, int family, const std::string& rest) {
  const int size = static_cast<int>(rest.size());
  return kSignature + bytes_of({command, family, size >> 8, size & 0xff}) + rest;
}

const std::string kTcp4 = bytes_of({203, 0, 113, 7, 198, 51, 100, 1, 0x12, 0x67, 0x01, 0xbb});

// Reads as a whole and byte by byte, which must agree.
ProxyHeader parse(const std::string& bytes) {
  const ProxyHeader whole = parse_proxy_header(bytes);
  ProxyHeader part;
  for (std::size_t size = 0; size <= bytes.size() && part.state == State::NeedMore; ++size)
    part = parse_proxy_header(std::span(bytes).first(size));
  EXPECT_EQ(part.state, whole.state);
  EXPECT_EQ(part.error, whole.error);
  EXPECT_EQ(part.bytes, whole.bytes);
  EXPECT_EQ(part.addresses, whole.addresses);
  return whole;
}

void expect_client(const std::string& bytes, const std::string& ip, int port) {
  const ProxyHeader header = parse(bytes + "GET / HTTP/1.1\r\n");
  ASSERT_EQ(header.state, State::Complete) << to_string(header.error);
  EXPECT_EQ(header.bytes, bytes.size()) << "nothing behind the header is taken";
  EXPECT_TRUE(header.has_addresses);
  EXPECT_EQ(header.addresses.source.to_string(), ip);
  EXPECT_EQ(header.addresses.source_port, port);
}

void expect_no_client(const std::string& bytes) {
  const ProxyHeader header = parse(bytes + "GET");
  ASSERT_EQ(header.state, State::Complete) << to_string(header.error);
  EXPECT_EQ(header.bytes, bytes.size());
  EXPECT_FALSE(header.has_addresses);
}

void expect_refused(const std::string& bytes, ProxyError error) {
  const ProxyHeader header = parse(bytes);
  EXPECT_EQ(header.state, State::Bad) << bytes;
  EXPECT_EQ(header.error, error) << to_string(header.error) << ": " << bytes;
}

TEST(ProxyHeader, TextNamesTheClient) {
  expect_client("PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n", "203.0.113.7", 4711);
  expect_client("PROXY TCP6 2001:db8::7 2001:db8::1 65535 0\r\n", "2001:db8::7", 65535);
  expect_client("PROXY TCP6 ::ffff:203.0.113.7 2001:db8::1 1 2\r\n", "203.0.113.7", 1);
}

TEST(ProxyHeader, TextOfAnUnknownClientIsSkipped) {
  expect_no_client("PROXY UNKNOWN\r\n");
  expect_no_client("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n");
}

TEST(ProxyHeader, TextIsRead107BytesLongAndNoLonger) {
  const std::string padding(107 - 16, 'x');
  expect_no_client("PROXY UNKNOWN " + padding + "\r\n");
  expect_refused("PROXY UNKNOWN x" + padding + "\r\n", ProxyError::TooLong);
  expect_refused("PROXY " + std::string(200, 'x'), ProxyError::TooLong);
}

TEST(ProxyHeader, TextThatIsNotExactlyRightIsRefused) {
  for (const char* line : {
           "PROXY TCP4 203.0.113.7 198.51.100.1 4711\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443 \r\n",
           "PROXY TCP4  203.0.113.7 198.51.100.1 4711 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 04711 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 65536 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 -1 443\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443x\r\n",
           "PROXY TCP4 203.0.113 198.51.100.1 4711 443\r\n",
           "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
           "PROXY TCP6 203.0.113.7 198.51.100.1 1 2\r\n",
           "PROXY UDP4 203.0.113.7 198.51.100.1 1 2\r\n",
           "PROXY tcp4 203.0.113.7 198.51.100.1 1 2\r\n",
           "PROXY TCP4 203.0.113.7 198.51.100.1 1 2\n",
           "PROXY TCP4 203.0.113.7\r198.51.100.1 1 2\r\n",
           "PROXY \r\n",
       })
    expect_refused(line, ProxyError::Malformed);
}

TEST(ProxyHeader, AnythingElseIsNoHeader) {
  for (const char* text :
       {"GET / HTTP/1.1\r\n", "PROXYTCP4", "proxy TCP4", "\r\n\r\nGET", "\n", "Q"})
    expect_refused(text, ProxyError::Missing);
}

TEST(ProxyHeader, BinaryNamesTheClient) {
  expect_client(binary(0x21, 0x11, kTcp4), "203.0.113.7", 4711);
  const std::string v6 = bytes_of({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}) +
                         std::string(16, '\1') + bytes_of({0, 80, 1, 0xbb});
  expect_client(binary(0x21, 0x21, v6), "2001:db8::7", 80);
}

TEST(ProxyHeader, BinaryWithoutAnAddressKeepsTheSockets) {
  expect_no_client(binary(0x20, 0x00, ""));
  expect_no_client(binary(0x20, 0x11, kTcp4));  // LOCAL: whatever it says
  expect_no_client(binary(0x20, 0x11, "rubbish"));
  expect_no_client(binary(0x21, 0x00, "whatever"));           // unspecified
  expect_no_client(binary(0x21, 0x31, std::string(216, 0)));  // a unix socket
}

TEST(ProxyHeader, TlvsMustFit) {
  const std::string authority = bytes_of({2, 0, 4}) + "shop";
  expect_client(binary(0x21, 0x11, kTcp4 + authority), "203.0.113.7", 4711);
  expect_client(binary(0x21, 0x11, kTcp4 + bytes_of({4, 0, 0}) + authority), "203.0.113.7", 4711);
  expect_refused(binary(0x21, 0x11, kTcp4 + bytes_of({2, 0, 5}) + "shop"), ProxyError::Malformed);
  expect_refused(binary(0x21, 0x11, kTcp4 + bytes_of({2, 0})), ProxyError::Malformed);
}

TEST(ProxyHeader, AChecksumMustMatch) {
  // The value was worked out by hand, outside of this code: see
  // tests/fuzz/seeds/proxy_header/v2_checksum.
  const std::string tlvs = bytes_of({2, 0, 9}) + "shop.test" + bytes_of({4, 0, 2, 0, 0});
  const auto with = [&](std::initializer_list<int> crc) {
    return binary(0x21, 0x11, kTcp4 + tlvs + bytes_of({3, 0, 4}) + bytes_of(crc));
  };
  expect_client(with({0xe9, 0xb4, 0x22, 0xc4}), "203.0.113.7", 4711);
  expect_refused(with({0xe9, 0xb4, 0x22, 0xc5}), ProxyError::Checksum);
  expect_refused(binary(0x21, 0x11, kTcp4 + bytes_of({3, 0, 2, 0, 0})), ProxyError::Malformed);
}

TEST(ProxyHeader, BinaryThatIsNotExactlyRightIsRefused) {
  expect_refused(binary(0x11, 0x11, kTcp4), ProxyError::Malformed);            // version 1
  expect_refused(binary(0x22, 0x11, kTcp4), ProxyError::Malformed);            // no such command
  expect_refused(binary(0x21, 0x12, kTcp4), ProxyError::Malformed);            // UDP
  expect_refused(binary(0x21, 0x11, kTcp4.substr(1)), ProxyError::Malformed);  // too short
  expect_refused(binary(0x21, 0x21, kTcp4), ProxyError::Malformed);
  expect_refused(binary(0x21, 0x11, std::string(5000, 0)), ProxyError::TooLong);
}

TEST(ProxyHeader, WhatWeWriteReadsBack) {
  for (const auto& [source, destination] :
       {std::pair{"203.0.113.7", "198.51.100.1"}, std::pair{"2001:db8::7", "2001:db8::1"},
        std::pair{"203.0.113.7", "2001:db8::1"}}) {
    const ConnectionAddresses addresses{*parse_ip(source), *parse_ip(destination), 4711, 443};
    std::array<char, kLongestWrittenProxyHeader> out;
    const std::size_t size = write_proxy_header(addresses, out);
    const ProxyHeader header = parse(std::string(out.data(), size));
    EXPECT_EQ(header.state, State::Complete);
    EXPECT_EQ(header.addresses, addresses);
  }
}

}  // namespace
}  // namespace cutwater::net
