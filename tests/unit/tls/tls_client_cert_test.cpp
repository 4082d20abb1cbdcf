// Tests mTLS: which clients are let in, and what the upstream is told of them.
#include "tests/unit/tls/tls_fixture.hpp"

namespace cutwater::test {
namespace {

using ClientAuth = config::ListenerTls::ClientAuth;

class ClientCertificates : public TlsEdge {
 protected:
  ClientCertificates() { tls.client_ca = clients.ca_path(); }
  // Says what happens to a request of such a client; false means that the client is not let in. TLS
  // 1.3 tells a client only after its handshake.
  bool is_served(TlsDialer dialer) {
    try {
      RawClient client(dialer.connect(tls_port(), "shop.test"));
      return client.try_send(kGetShop) && client.read_response().status == 200;
    } catch (const TestFailure&) {
      return false;
    }
  }

  TestAuthority clients{"Clients' CA"};
  IssuedCert alice = clients.issue({.common_name = "Alice Öst, Ops"});
};

TEST_F(ClientCertificates, TheUpstreamLearnsWhoTheClientIs) {
  RawClient client(dialer().certificate(alice).connect(tls_port(), "shop.test"));
  client.send(kGetShop);
  ASSERT_EQ(client.read_response().status, 200);
  const Received seen = blue.wait_for_request();
  EXPECT_EQ(seen.field("X-Client-Cert-Subject"), "CN=Alice \\C3\\96st\\, Ops");
  EXPECT_EQ(seen.field("X-Client-Cert-Fingerprint").size(), 64u);
}

TEST_F(ClientCertificates, OneIsRequired) {
  EXPECT_FALSE(is_served(dialer()));
  EXPECT_FALSE(is_served(dialer().only(TLS1_2_VERSION)));
  EXPECT_TRUE(eventually([&] { return failures("no_client_certificate") == 2; }));
}

TEST_F(ClientCertificates, FromTheRightAuthorityAndInForce) {
  EXPECT_FALSE(is_served(dialer().certificate(authority.issue({.common_name = "Mallory"}))));
  EXPECT_FALSE(is_served(dialer().certificate(
      clients.issue({.common_name = "late", .days_from = -10, .days_to = -1}))));
  EXPECT_FALSE(
      is_served(dialer().certificate(clients.issue({.common_name = "me", .self_signed = true}))));
  EXPECT_TRUE(eventually([&] { return failures("bad_certificate") == 3; }));
  EXPECT_TRUE(is_served(dialer().certificate(alice)));
}

TEST_F(ClientCertificates, ThoseThatWereRevokedAreNotLetIn) {
  const IssuedCert bob = clients.issue({.common_name = "Bob"});
  tls.client_crl = clients.revoke({bob}, "clients.crl");
  EXPECT_TRUE(is_served(dialer().certificate(alice)));
  EXPECT_FALSE(is_served(dialer().certificate(bob)));
  EXPECT_FALSE(is_served(dialer().certificate(bob).only(TLS1_2_VERSION)));
  EXPECT_TRUE(eventually([&] { return failures("bad_certificate") == 2; }));
}

TEST_F(ClientCertificates, ATicketFromBeforeTheRevocationOpensNoDoor) {
  tls.client_crl = clients.revoke({}, "clients.crl");
  TlsDialer dial = dialer().certificate(alice).resume();
  ASSERT_TRUE(is_served(dial));
  clients.revoke({alice}, "clients.crl");
  proxy().group().switch_tls(0, load());
  EXPECT_TRUE(eventually([&] { return !is_served(dial); }));
}

TEST_F(ClientCertificates, AnAuthorityWithoutARevocationListLetsNobodyIn) {
  tls.client_crl = TestAuthority("Another CA").revoke({}, "other.crl");
  EXPECT_FALSE(is_served(dialer().certificate(alice)));
}

TEST_F(ClientCertificates, AreOptionalWhenTheListenerSaysSo) {
  tls.client_auth = ClientAuth::Optional;
  EXPECT_TRUE(is_served(dialer()));
  EXPECT_EQ(blue.wait_for_request().field("X-Client-Cert-Subject"), "<none>");
  EXPECT_TRUE(is_served(dialer().certificate(alice)));
  EXPECT_NE(blue.wait_for_request().field("X-Client-Cert-Subject"), "<none>");
}

TEST_F(ClientCertificates, AreStillKnownWhenTheSessionIsResumed) {
  TlsDialer dial = dialer().certificate(alice).resume();
  for (int i = 0; i < 2; ++i) {
    RawClient client(dial.connect(tls_port(), "shop.test"));
    client.send(kGetShop);
    ASSERT_EQ(client.read_response().status, 200);
    EXPECT_EQ(SSL_session_reused(client.stream().tls()), i);
    EXPECT_NE(blue.wait_for_request().field("X-Client-Cert-Subject"), "<none>");
  }
}

// The tickets of all listeners are sealed with the same keys.
TEST_F(ClientCertificates, ASessionOfAListenerThatAsksNobodyOpensNoDoor) {
  TlsDialer dial = dialer().resume();
  tls.client_ca.clear();
  ASSERT_TRUE(is_served(dial));
  tls.client_ca = clients.ca_path();
  proxy().group().switch_tls(0, load());
  EXPECT_TRUE(eventually([&] { return !is_served(dial); }));
  EXPECT_TRUE(is_served(dialer().certificate(alice)));
}

TEST_F(ClientCertificates, WhatAClientSaysOfItselfIsDropped) {
  tls.client_auth = ClientAuth::Optional;
  setup.trusted_proxies = {"127.0.0.0/8"};  // not even a trusted peer may say it
  RawClient client(dialer().connect(tls_port(), "shop.test"));
  client.send(
      "GET / HTTP/1.1\r\nHost: shop.test\r\nX-Client-Cert-Subject: CN=root\r\n"
      "x_client_cert_subject: CN=root\r\nX-Client-Cert-Fingerprint: 00\r\n\r\n");
  ASSERT_EQ(client.read_response().status, 200);
  EXPECT_EQ(blue.wait_for_request().head.raw.find("CN=root"), std::string::npos);
}

TEST_F(Edge, WhatAPlainClientSaysOfItsCertificateIsDropped) {
  RawClient client(port());
  client.send(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Client-Cert-Subject: CN=root\r\n"
      "X-Client_Cert-Subject: CN=root\r\n\r\n");
  ASSERT_EQ(client.read_response().status, 200);
  EXPECT_EQ(blue.wait_for_request().head.raw.find("CN=root"), std::string::npos);
}

}  // namespace
}  // namespace cutwater::test
