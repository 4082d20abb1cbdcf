// Tests TLS to upstreams: which servers we believe, what is charged to the version, and that
// nothing is ever sent unencrypted instead (U25). Endpoints are 127.0.0.1; the name to verify is
// the setup's.
#include "tests/integration/upstream_support.hpp"
#include "tests/support/fake_h2_upstream.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::test {
namespace {

class TlsUpstream : public UpstreamTest {
 protected:
  TlsUpstream() {
    tls.ca = authority.ca_path();
    tls.server_name = "blue.test";
  }
  void serve(const CertRequest& request) { serve_with(authority.issue(request)); }
  void serve_with(const IssuedCert& certificate, bool failures_expected = false) {
    context = server_context(certificate);
    blue.speak_tls(context, failures_expected);
  }
  void start_tls() {
    setup.upstream_tls = client_context(tls, "http/1.1");
    start();
  }
  // The version's server is not the one it must be: the client sees a 502, the version is charged,
  // and the server has received no request, encrypted or not.
  void expect_no_trust(const CertRequest& request) {
    serve_with(authority.issue(request), true);
    start_tls();
    EXPECT_EQ(get(proxy->port()).status, 502);
    expect_recorded(Outcome::TlsFailed);
    expect_upstream_discarded();
    EXPECT_EQ(blue.requests(), 0u);
  }

  TestAuthority authority;
  config::UpstreamTls tls;
  std::shared_ptr<SSL_CTX> context;
  const CertRequest good{.names = {"blue.test"}};
};

TEST_F(TlsUpstream, CarriesRequestsAndKeepsTheConnection) {
  serve(good);
  start_tls();
  RawClient client(proxy->port());
  for (int i = 0; i < 3; ++i) {
    client.send(post(std::string(50'000, 'x')));
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(blue.wait_for_request().body.size(), 50'000u);
  }
  EXPECT_EQ(blue.connections(), 1u)
      << "a session ticket behind the handshake is no reason to close";
}

TEST_F(TlsUpstream, SpeaksTls12Too) {
  serve(good);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  start_tls();
  EXPECT_EQ(get(proxy->port()).status, 200);
}

TEST_F(TlsUpstream, BigResponsesArriveWhole) {
  serve(good);
  const std::string body(2'000'000, 'y');
  blue.answer(200, body);
  start_tls();
  const Response response = get(proxy->port());
  EXPECT_TRUE(response.complete);
  EXPECT_TRUE(response.body == body);
}

TEST_F(TlsUpstream, AFreshConnectionResumesTheSession) {
  serve(good);
  blue.answer(200, "ok", "Connection: close\r\n");
  start_tls();
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_EQ(blue.connections(), 4u);
  EXPECT_EQ(SSL_CTX_sess_hits(context.get()), 3);
}

// --- HTTP/2 over TLS ---------------------------------------------------------------------------

class TlsHttp2Upstream : public TlsUpstream {
 protected:
  ~TlsHttp2Upstream() override { proxy.reset(); }  // before the upstream goes
  void serve_h2(const CertRequest& request, const char* alpn = "h2") {
    context = server_context(authority.issue(request));
    choose_alpn(context.get(), alpn);
    server.speak_tls(context);
    setup = ProxySetup();
    setup.http2_version("blue", 100, {server.port()});
    setup.upstream_tls = client_context(tls, "h2");
    start();
  }
  void expect_tls_failure() {
    EXPECT_EQ(get(proxy->port()).status, 502);
    expect_recorded(Outcome::TlsFailed);
    EXPECT_EQ(server.requests(), 0u) << "in clear or not";
    EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 0; }));
  }

  FakeH2Upstream server;
};

TEST_F(TlsHttp2Upstream, ManyRequestsShareOneConnection) {
  serve_h2(good);
  server.answer({.body = std::string(100'000, 'y')});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(proxy->port()).body.size(), 100'000u);
  EXPECT_EQ(server.connections(), 1u);
  EXPECT_EQ(server.wait_for_request().field(":scheme"), "https");
  EXPECT_EQ(proxy->totals().opened_http2, 1u);
}

TEST_F(TlsHttp2Upstream, AFreshConnectionResumesTheSession) {
  serve_h2(good);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(get(proxy->port()).status, 200);
    server.close_connections();
    EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 0; }));
  }
  EXPECT_EQ(SSL_CTX_sess_hits(context.get()), 2);
}

TEST_F(TlsHttp2Upstream, AServerThatDoesNotChooseItIsNotSpokenTo) {
  serve_h2(good, "http/1.1");
  expect_tls_failure();
}

TEST_F(TlsHttp2Upstream, ACertificateForAnotherNameIsNotTaken) {
  serve_h2({.names = {"green.test"}});
  expect_tls_failure();
}

TEST_F(TlsHttp2Upstream, AServerThatDoesNotShakeHandsTimesOut) {
  SilentPort silent;
  setup = ProxySetup();
  setup.http2_version("blue", 100, {silent.port()});
  setup.timeouts().connect = 100ms;
  setup.upstream_tls = client_context(tls, "h2");
  start();
  EXPECT_EQ(get(proxy->port()).status, 504);
  EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 0; }));
}

// --- who is not believed -----------------------------------------------------------------------

TEST_F(TlsUpstream, ACertificateForAnotherNameIsNotTaken) {
  expect_no_trust({.names = {"green.test"}});
}
TEST_F(TlsUpstream, AnExpiredCertificateIsNotTaken) {
  expect_no_trust({.names = {"blue.test"}, .days_from = -10, .days_to = -1});
}
TEST_F(TlsUpstream, ASelfSignedCertificateIsNotTaken) {
  expect_no_trust({.names = {"blue.test"}, .self_signed = true});
}
TEST_F(TlsUpstream, ACertificateOfAnotherAuthorityIsNotTaken) {
  const TestAuthority other("Other CA");
  tls.ca = other.ca_path();
  expect_no_trust(good);
}
TEST_F(TlsUpstream, AnAddressIsVerifiedAsAnAddress) {
  tls.server_name.clear();
  serve({.names = {"127.0.0.1"}});
  start_tls();
  EXPECT_EQ(get(proxy->port()).status, 200);
}
TEST_F(TlsUpstream, ANameDoesNotStandForAnAddress) {
  tls.server_name.clear();
  expect_no_trust(good);
}

TEST_F(TlsUpstream, OldVersionsAreNotSpoken) {
  serve_with(authority.issue(good), true);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_1_VERSION);
  start_tls();
  EXPECT_EQ(get(proxy->port()).status, 502);
  expect_recorded(Outcome::TlsFailed);
}

TEST_F(TlsUpstream, AServerThatSpeaksInClearGetsNoRequest) {
  setup.timeouts().connect = 200ms;  // it waits for the end of a head that is not one
  start_tls();
  EXPECT_EQ(get(proxy->port()).status, 504);
  expect_recorded(Outcome::ConnectFailed);
  EXPECT_EQ(blue.requests(), 0u);
}

TEST_F(TlsUpstream, VerificationCanBeSwitchedOff) {
  tls = {};
  tls.verify = false;
  serve({.names = {"green.test"}, .self_signed = true});
  start_tls();
  EXPECT_EQ(get(proxy->port()).status, 200);
}

TEST_F(TlsUpstream, ShowsItsCertificateWhenAsked) {
  tls.client = authority.issue({.common_name = "cutwater"}).files();
  context = server_context(authority.issue(good), authority.ca_path());
  blue.speak_tls(context);
  start_tls();
  EXPECT_EQ(get(proxy->port()).status, 200);
}

TEST_F(TlsUpstream, AServerThatWantsACertificateWeHaveNotIsChargedToTheVersion) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    context = server_context(authority.issue(good), authority.ca_path());
    SSL_CTX_set_max_proto_version(context.get(), version);
    blue.speak_tls(context, true);
    start_tls();
    EXPECT_EQ(get(proxy->port()).status, 502);
    EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::TlsFailed) == 1; }))
        << version << testing::PrintToString(proxy->of("blue").outcomes);
  }
}

// Anybody on the path can send a FIN (RFC 9112 9.8).
TEST_F(TlsUpstream, ABodyThatEndsWithoutCloseNotifyIsCut) {
  serve(good);
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\n\r\nhalf of i");
    connection.wait_for_release();
    connection.stream().truncate();
    connection.wait_for_end();
  });
  start_tls();
  RawClient client(proxy->port());
  client.send(kGet);
  client.read_response_head();
  EXPECT_EQ(client.reader().read_chunk(), "half of i");
  blue.release();
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::Reset);
}

TEST_F(TlsUpstream, ABodyThatEndsWithCloseNotifyIsComplete) {
  serve(good);
  blue.close_after("HTTP/1.1 200 OK\r\n\r\nall of it");
  start_tls();
  const Response response = get(proxy->port());
  EXPECT_TRUE(response.complete);
  EXPECT_EQ(response.body, "all of it");
  expect_recorded(Outcome::Success);
}

TEST_F(TlsUpstream, AHandshakeThatHangsIsAConnectTimeout) {
  setup.timeouts().connect = 50ms;
  SilentPort silent;
  silent.accept_all();
  setup.weight("blue", 0).version("mute", 100, {silent.port()}).stable("mute");
  start_tls();
  EXPECT_EQ(get(proxy->port()).status, 504);
  expect_recorded(Outcome::ConnectFailed, "mute");
}

TEST_F(TlsUpstream, AWebSocketGoesThrough) {
  serve(good);
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    connection.send(connection.reader().read_exactly(4).value_or("nothing"));
    connection.half_close();
    connection.wait_for_end();
  });
  start_tls();
  RawClient client(proxy->port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(client.read_response_head().status, 101);
  client.send("ping");
  EXPECT_EQ(client.reader().read_exactly(4), "ping");
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
}

// --- the PROXY protocol to upstreams ----------------------------------------------------------

// Reads the header that an upstream gets, then its requests as usual.
TEST_F(UpstreamTest, AProxyHeaderNamesTheClientAndTheConnectionIsItsOwn) {
  setup.send_proxy = true;
  const std::string v2("\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c", 16);
  blue.read_first(28);
  start();
  RawClient one(proxy->port());
  RawClient two(proxy->port());
  for (int i = 0; i < 2; ++i) {
    one.send(kGet);
    EXPECT_EQ(one.read_response().status, 200);
    two.send(kGet);
    EXPECT_EQ(two.read_response().status, 200);
  }
  EXPECT_EQ(blue.connections(), 2u) << "each client has one, and keeps it";
  const std::vector<std::string> headers = blue.first_bytes();
  ASSERT_EQ(headers.size(), 2u);
  for (const std::string& header : headers) {
    EXPECT_EQ(header.substr(0, 16), v2);
    EXPECT_EQ(header.substr(16, 8), std::string("\x7f\0\0\1\x7f\0\0\1", 8));
  }
  EXPECT_NE(headers[0], headers[1]) << "the ports differ";
}

}  // namespace
}  // namespace cutwater::test
