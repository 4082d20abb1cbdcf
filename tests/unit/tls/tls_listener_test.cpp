// Tests TLS from clients: versions, names, ALPN, client certificates, resumption, new certificates,
// and what happens to clients that break the rules.
#include <openssl/ssl.h>

#include <atomic>

#include "tests/unit/tls/tls_fixture.hpp"

namespace cutwater::test {
namespace {

std::string common_name_served(const TcpStream& stream) {
  const std::string subject = net::subject_of(SSL_get0_peer_certificate(stream.tls()));
  return subject.substr(subject.find("CN=") + 3);
}

TEST_F(TlsEdge, ServesBothVersionsAndTellsTheUpstreamThatItWasHttps) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    RawClient client(dialer().only(version).connect(tls_port(), "shop.test"));
    client.send(kGetShop);
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(blue.wait_for_request().field("X-Forwarded-Proto"), "https");
  }
  EXPECT_EQ(proxy().totals().tls_full, 2u);
}

// One ClientHello with ffdhe8192 would cost 0.1 s of CPU, and anybody can send it.
TEST_F(TlsEdge, OffersNoDearKeyExchangeByItself) {
  for (const char* group : {"ffdhe2048", "ffdhe3072", "ffdhe8192", "P-521", "X448"}) {
    const TlsDialer client = dialer();
    ASSERT_EQ(SSL_CTX_set1_groups_list(client.native(), group), 1) << group;
    EXPECT_THROW(client.connect(tls_port(), "shop.test"), TestFailure) << group;
  }
  for (const char* group : {"X25519", "P-256", "P-384"}) {
    const TlsDialer client = dialer();
    ASSERT_EQ(SSL_CTX_set1_groups_list(client.native(), group), 1) << group;
    EXPECT_TRUE(client.connect(tls_port(), "shop.test").is_open()) << group;
  }
}

// The key exchange is agreed before the name is known: every certificate has the same.
TEST_F(TlsEdge, OffersTheGroupsAndCiphersOfTheListenerForEveryName) {
  tls.groups = {"P-521", "X25519"};
  tls.ciphers = {"TLS_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"};
  for (const char* name : {"shop.test", "a.wild.test"}) {
    const TcpStream v13 = dialer().only(TLS1_3_VERSION).connect(tls_port(), name);
    EXPECT_STREQ(SSL_get_cipher_name(v13.tls()), "TLS_AES_128_GCM_SHA256") << name;
    const TcpStream v12 = dialer().only(TLS1_2_VERSION).connect(tls_port(), name);
    EXPECT_STREQ(SSL_get_cipher_name(v12.tls()), "ECDHE-ECDSA-AES128-GCM-SHA256") << name;
    const TlsDialer client = dialer();
    ASSERT_EQ(SSL_CTX_set1_groups_list(client.native(), "P-256"), 1);
    EXPECT_THROW(client.connect(tls_port(), name), TestFailure) << name;
  }
}

TEST_F(TlsEdge, MarksItsCookieSecure) {
  setup.version("green", 0, {blue.port()});
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send(kGetShop);
  EXPECT_NE(client.read_response().field("Set-Cookie").find("Secure"), std::string::npos);
}

TEST_F(TlsEdge, KeepsTheConnectionAndTakesPipelinedRequests) {
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send(kGetShop + kGetShop + kGetShop);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.read_response().status, 200);
  client.send(kGetShop);
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(TlsEdge, CarriesBigBodiesBothWays) {
  const std::string body(3'000'000, 'x');
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    connection.answer(200, request.body);
  });
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3000000\r\n\r\n" + body);
  const Response response = client.read_response();
  EXPECT_TRUE(response.complete);
  EXPECT_TRUE(response.body == body);
}

TEST_F(TlsEdge, AHeadThatComesByteByByteIsReadAsOne) {
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send_byte_by_byte(kGetShop);
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(TlsEdge, ChoosesTheCertificateByName) {
  EXPECT_EQ(common_name_served(dialer().connect(tls_port(), "shop.test")), "shop");
  EXPECT_EQ(common_name_served(dialer().connect(tls_port(), "SHOP.test")), "shop");
  EXPECT_EQ(common_name_served(dialer().connect(tls_port(), "a.wild.test")), "wild");
}

TEST_F(TlsEdge, AWildcardCoversOneLabelAndUnknownNamesGetTheFirst) {
  EXPECT_THROW(dialer().connect(tls_port(), "a.b.wild.test"), TestFailure);
  EXPECT_THROW(dialer().connect(tls_port(), "wild.test"), TestFailure);
}

TEST_F(TlsEdge, ServesAnRsaAndAnEcCertificateForTheSameName) {
  tls.certificates = {
      authority.issue({.names = {"shop.test"}, .common_name = "rsa", .rsa = true}).files(),
      authority.issue({.names = {"shop.test"}, .common_name = "ec"}).files()};
  TlsDialer rsa = dialer();
  SSL_CTX_set1_sigalgs_list(rsa.native(), "RSA-PSS+SHA256:RSA+SHA256:ECDSA+SHA256");
  SSL_CTX_set_cipher_list(rsa.native(), "ECDHE-RSA-AES128-GCM-SHA256");
  EXPECT_EQ(common_name_served(rsa.only(TLS1_2_VERSION).connect(tls_port(), "shop.test")), "rsa");
  TlsDialer ec = dialer();
  SSL_CTX_set_cipher_list(ec.native(), "ECDHE-ECDSA-AES128-GCM-SHA256");
  EXPECT_EQ(common_name_served(ec.only(TLS1_2_VERSION).connect(tls_port(), "shop.test")), "ec");
}

TEST_F(TlsEdge, AgreesOnAProtocolWeSpeak) {
  const TcpStream stream = dialer().alpn({"spdy/3", "http/1.1"}).connect(tls_port(), "shop.test");
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(stream.tls(), &name, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(name), size), "http/1.1");
}

TEST_F(TlsEdge, RefusesAClientThatSpeaksNothingOfOurs) {
  EXPECT_THROW(dialer().alpn({"ftp"}).connect(tls_port(), "shop.test"), TestFailure);
}

// H28 says that what ALPN agreed on holds, whatever the bytes look like.
TEST_F(TlsEdge, Http1WhereHttp2WasAgreedOnIsCutOff) {
  options.alpn = {"h2", "http/1.1"};
  RawClient client(dialer().alpn({"h2"}).connect(tls_port(), "shop.test"));
  client.send(kGetShop);
  EXPECT_EQ(client.read_until_close().find("HTTP/1.1"), std::string::npos);
  EXPECT_EQ(attempts(), 0u);
}

TEST_F(TlsEdge, TheHttp2PrefaceWhereHttp1WasAgreedOnIsABadRequest) {
  options.alpn = {"h2", "http/1.1"};
  for (const std::vector<std::string>& offered : {std::vector<std::string>{"http/1.1"}, {}}) {
    TlsDialer dial = dialer();
    if (!offered.empty()) dial.alpn(offered);
    RawClient client(dial.connect(tls_port(), "shop.test"));
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    EXPECT_EQ(client.read_response().status, 400);
  }
  EXPECT_EQ(attempts(), 0u);
}

TEST_F(TlsEdge, WithoutAlpnItIsHttp1) {
  options.alpn = {"h2", "http/1.1"};
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send(kGetShop);
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(TlsEdge, RefusesOldVersions) {
  tls.min_version = config::TlsVersion::V13;
  EXPECT_THROW(dialer().only(TLS1_2_VERSION).connect(tls_port(), "shop.test"), TestFailure);
  EXPECT_TRUE(eventually([&] { return failures("version") == 1; }));
  EXPECT_NO_THROW(dialer().only(TLS1_3_VERSION).connect(tls_port(), "shop.test"));
}

// This is H30 (RFC 9110 7.4).
TEST_F(TlsEdge, ARequestForANameOfAnotherCertificateIsMisdirected) {
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send("GET / HTTP/1.1\r\nHost: a.wild.test\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 421);
  client.send(kGetShop);
  EXPECT_EQ(client.read_response().status, 200) << "the connection itself is fine";
  EXPECT_EQ(blue.requests(), 1u);
}

TEST_F(TlsEdge, ARequestForAnotherNameOfTheSameCertificateIsFine) {
  RawClient client(dialer().connect(tls_port(), "a.wild.test"));
  client.send("GET / HTTP/1.1\r\nHost: b.wild.test\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

// --- clients that break the rules -------------------------------------------------------------

// This is R04.
TEST_F(TlsEdge, HalfAClientHelloIsNotWaitedForForever) {
  setup.limits.handshake_timeout = 50ms;
  RawClient client(tls_port());
  client.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
  EXPECT_TRUE(eventually([&] { return failures("timeout") == 1; }));
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open == 0; }));
}

TEST_F(TlsEdge, PlainHttpIsNotAnsweredAndCounted) {
  RawClient client(tls_port());
  client.send(kGetShop);
  client.read_until_close();
  EXPECT_TRUE(eventually([&] { return failures("plain_text") == 1; }));
  EXPECT_EQ(blue.requests(), 0u);
}

TEST_F(TlsEdge, AClientThatLeavesWithinTheHandshakeIsCountedAsThat) {
  {
    RawClient client(tls_port());
    client.send(std::string_view("\x16\x03\x01\x02\x00\x01\x00", 7));
  }
  EXPECT_TRUE(eventually([&] { return failures("closed") == 1; }));
}

TEST_F(TlsEdge, FloodsOfKeyUpdatesEndTheConnection) {
  TcpStream stream = dialer().only(TLS1_3_VERSION).connect(tls_port(), "shop.test");
  for (int i = 0; i < 2000; ++i) {
    SSL_key_update(stream.tls(), SSL_KEY_UPDATE_NOT_REQUESTED);
    if (SSL_do_handshake(stream.tls()) != 1) break;
  }
  std::string unused;
  EXPECT_NE(stream.receive(unused), TcpStream::End::Open);
  EXPECT_EQ(unused, "");
}

TEST_F(TlsEdge, AFewKeyUpdatesAreFine) {
  RawClient client(dialer().only(TLS1_3_VERSION).connect(tls_port(), "shop.test"));
  for (int i = 0; i < 5; ++i) {
    SSL_key_update(client.stream().tls(), SSL_KEY_UPDATE_REQUESTED);
    client.send(kGetShop);
    EXPECT_EQ(client.read_response().status, 200);
  }
}

TEST_F(TlsEdge, ARequestCutWithoutCloseNotifyGoesNowhere) {
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send("POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\n12345");
  client.stream().truncate();
  client.read_until_close();
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open == 0; }));
}

// --- endings ----------------------------------------------------------------------------------

TEST_F(TlsEdge, AnEndIsSaidWithCloseNotify) {
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send("GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
}

TEST_F(TlsEdge, ATruncatedResponseIsNotEndedWithCloseNotify) {
  blue.close_after("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(70'000, 'x'));
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send("GET / HTTP/1.0\r\nHost: shop.test\r\n\r\n");
  EXPECT_FALSE(client.read_response().complete);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Reset);
}

TEST_F(TlsEdge, DrainingClosesIdleConnectionsAndHandshakes) {
  RawClient silent(tls_port());
  RawClient idle(dialer().connect(tls_port(), "shop.test"));
  ASSERT_TRUE(eventually([&] { return proxy().totals().downstream_open == 2; }));
  std::atomic<bool> drained{false};
  proxy().drain([&drained] { drained = true; });
  EXPECT_EQ(idle.how_it_ends(), TcpStream::End::Fin);
  EXPECT_TRUE(eventually([&] { return drained.load(); }));
}

// --- resumption and new certificates ----------------------------------------------------------

class Resumption : public TlsEdge, public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(, Resumption, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_P(Resumption, WorksOnWhicheverWorkerTheNextConnectionLands) {
  setup.workers = 3;
  TlsDialer client = dialer().only(GetParam()).resume();
  for (int i = 0; i < 12; ++i) {
    RawClient one(client.connect(tls_port(), "shop.test"));
    EXPECT_EQ(SSL_session_reused(one.stream().tls()), i > 0 ? 1 : 0) << i;
    one.send(kGetShop);
    EXPECT_EQ(one.read_response().status, 200);
  }
  EXPECT_EQ(proxy().totals().tls_resumed, 11u);
}

TEST_P(Resumption, WorksAfterAConnectionThatAskedForNothing) {
  TlsDialer client = dialer().only(GetParam()).resume();
  RawClient quiet(client.connect(tls_port(), "shop.test"));
  ASSERT_TRUE(eventually([&] { return proxy().totals().downstream_open == 1; }));
  proxy().drain([] {});
  EXPECT_EQ(quiet.how_it_ends(), TcpStream::End::Fin);
  stop_proxy();
  RawClient next(client.connect(tls_port(), "shop.test"));
  EXPECT_EQ(SSL_session_reused(next.stream().tls()), 1);
}

TEST_P(Resumption, EndsWhenTheKeyOfTheTicketIsGone) {
  auto now = std::make_shared<std::atomic<TimePoint>>(Clock::now());
  options.now = [now] { return now->load(); };
  TlsDialer client = dialer().only(GetParam()).resume();
  const auto reused = [&] {
    RawClient one(client.connect(tls_port(), "shop.test"));
    one.send(kGetShop);
    EXPECT_EQ(one.read_response().status, 200);
    client.take_ticket_of(one.stream());
    return SSL_session_reused(one.stream().tls()) == 1;
  };
  EXPECT_FALSE(reused());
  *now = now->load() + net::TicketKeys::kPeriod;
  EXPECT_TRUE(reused()) << "the key before still opens, and a new ticket comes";
  *now = now->load() + net::TicketKeys::kPeriod * 2;
  EXPECT_TRUE(reused());
  *now = now->load() + net::TicketKeys::kPeriod * 4;
  EXPECT_FALSE(reused());
}

TEST_F(TlsEdge, ARenewedCertificateIsServedWhileOldConnectionsGoOn) {
  RawClient old(dialer().connect(tls_port(), "shop.test"));
  authority.renew(shop, {.names = {"shop.test"}, .common_name = "renewed"});
  proxy().group().switch_tls(0, load());
  EXPECT_TRUE(eventually(
      [&] { return common_name_served(dialer().connect(tls_port(), "shop.test")) == "renewed"; }));
  old.send(kGetShop);
  EXPECT_EQ(old.read_response().status, 200);
}

}  // namespace
}  // namespace cutwater::test
