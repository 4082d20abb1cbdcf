// Who a request comes from by the word of trusted proxies.
#include "proxy/http/forwarded_client.hpp"

#include "codec_support.hpp"

namespace cutwater::http::test {
namespace {

using Says = ForwardedClient::Says;

// The client by these fields of a peer in 10.0.0.0/8; "nobody" and "nothing" as it says.
std::string client(const std::string& fields) {
  const auto parsed = parse_request("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  EXPECT_EQ(parsed.state.kind, ParseState::Kind::Complete) << fields;
  const std::array proxies{*net::Network::parse("10.0.0.0/8"), *net::Network::parse("fd00::/8")};
  const ForwardedClient said = forwarded_client(parsed.head.fields, proxies);
  if (said.says == Says::Nothing) return "nothing";
  return said.says == Says::Client ? said.client.to_string() : "nobody";
}
std::string xff(const std::string& list) {
  return client("X-Forwarded-For: " + list + "\r\n");
}
std::string forwarded(const std::string& list) {
  return client("Forwarded: " + list + "\r\n");
}
std::string scheme(const std::string& fields) {
  const auto parsed = parse_request("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  const std::array proxies{*net::Network::parse("10.0.0.0/8")};
  return std::string(forwarded_client(parsed.head.fields, proxies).scheme);
}

TEST(ForwardedClientOf, AddressesMayHavePortsAndBrackets) {
  EXPECT_EQ(xff("203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(xff("203.0.113.9:50000"), "203.0.113.9");
  EXPECT_EQ(xff("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(xff("2001:DB8:0::1"), "2001:db8::1") << "one text for one address";
  EXPECT_EQ(xff("[2001:db8::1]"), "2001:db8::1");
  EXPECT_EQ(xff("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(xff("::ffff:203.0.113.9"), "203.0.113.9");
}

TEST(ForwardedClientOf, TheChainIsWalkedFromTheRightThroughTrustedProxies) {
  EXPECT_EQ(xff("1.1.1.1, 203.0.113.9"), "203.0.113.9") << "what is left of it is only claimed";
  EXPECT_EQ(xff("1.1.1.1, 203.0.113.9, 10.1.2.3"), "203.0.113.9");
  EXPECT_EQ(xff("1.1.1.1,203.0.113.9:1,[fd00::1]:2,10.1.2.3:80"), "203.0.113.9");
  EXPECT_EQ(xff("10.0.0.1, 10.0.0.2"), "10.0.0.1") << "all are trusted: the leftmost";
  EXPECT_EQ(client("X-Forwarded-For: 1.1.1.1\r\nX: y\r\nx-forwarded-for: 2.2.2.2, 10.0.0.1\r\n"),
            "2.2.2.2")
      << "all fields are one list";
  EXPECT_EQ(client("X-Forwarded-For: 1.1.1.1\r\nx-forwarded-for: 10.0.0.1\r\n"), "1.1.1.1");
}

TEST(ForwardedClientOf, WhatIsNoAddressEndsTheWalk) {
  for (const std::string bad :
       {"unknown", "_hidden", "203.0.113.9:", "203.0.113.9:65536", "1.2.3", "[203.0.113.9]",
        "[2001:db8::1", "2001:db8::1]:80", "fe80::1%eth0", "203.0.113.9:80:80", "example.com",
        "[2001:db8::1]443", "01.2.3.4"}) {
    EXPECT_EQ(xff(bad), "nobody") << bad;
    EXPECT_EQ(xff("1.1.1.1, " + bad), "nobody") << bad;
    EXPECT_EQ(xff("1.1.1.1, " + bad + ", 10.0.0.1"), "nobody") << bad;
    EXPECT_EQ(xff(bad + ", 1.1.1.1"), "1.1.1.1") << "never came so far: " << bad;
  }
}

TEST(ForwardedClientOf, EmptyElementsAreNone) {
  EXPECT_EQ(client(""), "nothing");
  EXPECT_EQ(client("X-Forwarded-For:\r\n"), "nothing");
  EXPECT_EQ(xff(" , 203.0.113.9 ,, "), "203.0.113.9");
}

TEST(ForwardedClientOf, ForwardedCountsWhereTheOtherIsAbsent) {
  EXPECT_EQ(forwarded("for=203.0.113.9"), "203.0.113.9");
  EXPECT_EQ(forwarded("For=\"[2001:db8::1]:4711\";proto=http;by=203.0.113.43"), "2001:db8::1");
  EXPECT_EQ(forwarded("for=1.1.1.1, for=203.0.113.9;proto=https, for=10.0.0.1"), "203.0.113.9");
  EXPECT_EQ(forwarded("by=_x ; for=\"203.0.113.9:_port\""), "203.0.113.9");
  EXPECT_EQ(client("Forwarded: for=1.1.1.1\r\nForwarded: for=2.2.2.2\r\n"), "2.2.2.2");
  EXPECT_EQ(client("Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n"), "2.2.2.2");
  EXPECT_EQ(client("X-Forwarded-For: x\r\nForwarded: for=1.1.1.1\r\n"), "nobody");
}

TEST(ForwardedClientOf, AnElementOfForwardedThatNamesNoAddressEndsTheWalk) {
  for (const std::string bad :
       {"for=unknown", "for=_x", "proto=https", "for=\"203.0.113.9", "for",
        "for=", "for=1.1.1.1;for=2.2.2.2", "for=\"1.1.1.1\"x", "=1.1.1.1"}) {
    EXPECT_EQ(forwarded(bad), "nobody") << bad;
    EXPECT_EQ(forwarded("for=1.1.1.1, " + bad), "nobody") << bad;
  }
}

TEST(ForwardedClientOf, TheSchemeIsTheClients) {
  EXPECT_EQ(scheme(""), "");
  EXPECT_EQ(scheme("X-Forwarded-Proto: HTTPS\r\n"), "https");
  EXPECT_EQ(scheme("X-Forwarded-Proto: wss\r\n"), "https");
  EXPECT_EQ(scheme("X-Forwarded-Proto: http\r\n"), "http");
  EXPECT_EQ(scheme("X-Forwarded-Proto: https, http\r\n"), "https");
  EXPECT_EQ(scheme("X-Forwarded-Proto: ftp\r\n"), "");
  EXPECT_EQ(scheme("Forwarded: for=1.1.1.1;proto=https, for=10.0.0.1;proto=http\r\n"), "https");
  EXPECT_EQ(scheme("Forwarded: for=1.1.1.1;proto=http\r\nX-Forwarded-Proto: https\r\n"), "https");
}

}  // namespace
}  // namespace cutwater::http::test
