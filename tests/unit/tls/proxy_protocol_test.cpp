// Tests listeners behind a balancer that speaks the PROXY protocol.
#include "proxy/net/proxy_protocol.hpp"

#include "tests/unit/tls/tls_fixture.hpp"

namespace cutwater::test {
namespace {

const std::string kLine = "PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n";

std::string binary(std::string_view source) {
  net::ConnectionAddresses addresses;
  addresses.source = *net::parse_ip(source);
  addresses.destination = *net::parse_ip("198.51.100.1");
  addresses.source_port = 4711;
  addresses.destination_port = 443;
  std::array<char, net::kLongestWrittenProxyHeader> header;
  return std::string(header.data(), net::write_proxy_header(addresses, header));
}

std::string local() {
  return std::string("\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00", 16);
}

class BehindABalancer : public TlsEdge {
 protected:
  BehindABalancer() {
    setup.proxy_protocol = config::ProxyProtocol::Required;
    setup.limits.handshake_timeout = 5s;
  }
  std::uint64_t errors(const std::string& reason) { return proxy().totals().proxy_errors[reason]; }
  std::string forwarded_for() { return blue.wait_for_request().field("X-Forwarded-For"); }
};

TEST_F(BehindABalancer, TheClientIsTheOneItNames) {
  for (const std::string& header : {kLine, binary("203.0.113.7")}) {
    RawClient client(port());
    client.send(header + kGetShop);
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(forwarded_for(), "203.0.113.7");
    client.send(kGetShop);  // said once, it holds for the connection
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(forwarded_for(), "203.0.113.7");
  }
}

TEST_F(BehindABalancer, TheHeaderMayComeByteByByte) {
  for (const std::string& header : {kLine, binary("2001:db8::7")}) {
    RawClient client(port());
    client.send_byte_by_byte(header + kGetShop);
    EXPECT_EQ(client.read_response().status, 200);
  }
  EXPECT_EQ(forwarded_for(), "203.0.113.7");
  EXPECT_EQ(forwarded_for(), "2001:db8::7");
}

TEST_F(BehindABalancer, ItsOwnConnectionsKeepItsAddress) {
  for (const std::string& header : {local(), std::string("PROXY UNKNOWN\r\n")}) {
    RawClient client(port());
    client.send(header + kGetShop);
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(forwarded_for(), "127.0.0.1");
  }
}

TEST_F(BehindABalancer, TlsComesBehindTheHeader) {
  setup.tls = load();
  TcpStream stream = TcpStream::connect({.port = port()});
  stream.send(kLine);
  dialer().start(stream, "shop.test");
  RawClient client(std::move(stream));
  client.send(kGetShop);
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(forwarded_for(), "203.0.113.7");
}

// As with HAProxy's accept-proxy: trust is about the client, not about the balancer.
TEST_F(BehindABalancer, TrustIsDecidedByTheAddressInTheHeader) {
  setup.trusted_proxies = {"203.0.113.0/24"};
  const std::string request =
      "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n";
  RawClient trusted(port());
  trusted.send(kLine + request);
  EXPECT_EQ(trusted.read_response().status, 200);
  EXPECT_EQ(forwarded_for(), "192.0.2.9, 203.0.113.7");
  RawClient other(port());
  other.send(binary("203.0.114.7") + request);
  EXPECT_EQ(other.read_response().status, 200);
  EXPECT_EQ(forwarded_for(), "203.0.114.7");
}

TEST_F(BehindABalancer, TheLimitPerAddressCountsTheClientsBehindIt) {
  setup.limits.connections_per_ip = 1;
  RawClient first(port());
  first.send(kLine + kGetShop);
  EXPECT_EQ(first.read_response().status, 200);
  RawClient second(port());
  second.try_send(kLine + kGetShop);
  EXPECT_EQ(second.read_until_close(), "");
  RawClient other(port());
  other.send(binary("203.0.113.8") + kGetShop);
  EXPECT_EQ(other.read_response().status, 200);
  EXPECT_EQ(proxy().totals().connections_refused, 1u);
}

TEST_F(BehindABalancer, WhoSendsNoneIsNotSpokenTo) {
  RawClient client(port());
  client.send(kGetShop);
  EXPECT_EQ(client.read_until_close(), "");
  EXPECT_TRUE(eventually([&] { return errors("missing") == 1; }));
  EXPECT_EQ(blue.requests(), 0u);
}

TEST_F(BehindABalancer, AnUnfinishedHeaderIsNotWaitedForForever) {
  setup.limits.handshake_timeout = 50ms;
  RawClient client(port());
  client.send("PROXY TCP4 203.0.113.7");
  EXPECT_EQ(client.read_until_close(), "");
  EXPECT_TRUE(eventually([&] { return errors("timeout") == 1; }));
}

TEST_F(BehindABalancer, AClientThatLeavesWithinTheHeaderIsForgotten) {
  RawClient client(port());
  client.send("PROXY TCP4 203.0.113.7");
  client.half_close();
  EXPECT_EQ(client.read_until_close(), "");
  EXPECT_TRUE(eventually([&] { return errors("closed") == 1; }));
}

TEST_F(BehindABalancer, AWrongChecksumIsCountedAsThat) {
  std::string header("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x13", 16);
  header += std::string("\xcb\x00\x71\x07\xc6\x33\x64\x01\x12\x67\x01\xbb", 12);
  header += std::string("\x03\x00\x04\x00\x00\x00\x00", 7);
  RawClient client(port());
  client.try_send(header + kGetShop);
  EXPECT_EQ(client.read_until_close(), "");
  EXPECT_TRUE(eventually([&] { return errors("checksum") == 1; }));
}

// The header is never guessed: where none is expected it is a bad request.
TEST_F(Edge, APlainListenerTakesAProxyHeaderForABadRequest) {
  for (const std::string& header : {kLine, binary("203.0.113.7")}) {
    RawClient client(port());
    client.send(header + kGetShop);
    EXPECT_EQ(client.read_response().status, 400);
    client.read_until_close();
  }
  EXPECT_EQ(bad_requests(), 2u);
  EXPECT_EQ(blue.requests(), 0u);
}

}  // namespace
}  // namespace cutwater::test
