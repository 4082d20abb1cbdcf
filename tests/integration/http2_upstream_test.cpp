// Tests an upstream that speaks HTTP/2: one connection for many exchanges, what it may refuse and
// how it may break; and gRPC, whose answers are judged by their trailers.
#include <gmock/gmock.h>

#include "proxy/http/grpc.hpp"
#include "tests/integration/http2_fixture.hpp"
#include "tests/support/fake_h2_upstream.hpp"

namespace cutwater::test {
namespace {

using stats::Outcome;
using testing::Contains;
using testing::HasSubstr;

class Http2Upstream : public testing::Test {
 protected:
  Http2Upstream() {
    setup.http2_version("blue", 100, {blue.port()});
    setup.sticky().key = config::Sticky::Key::None;
  }
  Proxy& proxy() {
    if (!proxy_) proxy_ = std::make_unique<Proxy>(setup);
    return *proxy_;
  }
  std::uint16_t port() { return proxy().port(); }
  void expect_outcome(Outcome outcome, std::uint64_t count = 1) {
    EXPECT_TRUE(eventually([&] { return proxy().outcomes("blue", outcome) == count; }))
        << to_string(outcome);
  }
  void expect_charged_to_nobody() {
    EXPECT_TRUE(eventually([&] { return proxy().totals().exchanges_active == 0; }));
    EXPECT_EQ(proxy().of("blue").errors(), 0u);
  }

  FakeH2Upstream blue;
  ProxySetup setup;

 private:
  std::unique_ptr<Proxy> proxy_;
};

TEST_F(Http2Upstream, AnHttp1ClientIsAnswered) {
  blue.answer({.fields = {{"x", "y"}, {"content-length", "5"}}, .body = "hello"});
  const Response response = get(port(), "/a?b", "Connection: x-hop\r\nX-Hop: 1\r\n");
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.field("x"), "y");
  const H2Received got = blue.wait_for_request();
  EXPECT_EQ(got.field(":method"), "GET");
  EXPECT_EQ(got.field(":path"), "/a?b");
  EXPECT_EQ(got.field(":scheme"), "http");
  EXPECT_EQ(got.field("x-hop"), "<none>");
  EXPECT_EQ(got.field("connection"), "<none>");
  EXPECT_EQ(got.field("host"), "<none>");
  EXPECT_EQ(got.field("via"), "<none>");
  EXPECT_EQ(got.field("cutwater-hops"), "1");
}

TEST_F(Http2Upstream, ABodyWithoutLengthIsChunkedForHttp1) {
  blue.answer({.body = "hello"});
  const Response response = get(port());
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.field("Transfer-Encoding"), "chunked");
  EXPECT_TRUE(response.complete);
}

TEST_F(Http2Upstream, AHeadThatCannotBePassedOnEndsItsStreamAtOnce) {
  // The field fits the list that we read, but no longer with what we add.
  blue.answer({.fields = {{"x-big", std::string(65'300, 'b')}}});
  H2Client client(port());
  EXPECT_EQ(client.get().reset, kH2Internal);
  EXPECT_TRUE(eventually([&] { return proxy().outcomes("blue", stats::Outcome::TooLarge) == 1; }));
  blue.answer({.fields = {{"x-big", std::string(60'000, 'b')}}});
  EXPECT_EQ(client.get().field("x-big").size(), 60'000u);
}

TEST_F(Http2Upstream, BothSidesHttp2WithMegabytes) {
  blue.on_request([](const H2Received& request) { return H2Reply{.body = request.body + "!"}; });
  RawClient client(port());
  const std::string body(2'000'000, 'b');
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + body, 20s);
  EXPECT_EQ(client.read_response(RawClient::To::Get, 20s).body, body + "!");
  H2Client h2(port());
  const auto id = h2.request(h2_post(), 0);
  h2.data(id, "small");
  EXPECT_EQ(h2.answer(id).body, "small!");
}

TEST_F(Http2Upstream, LargeTrailersBehindALargeBodyArriveWhole) {
  const H2Fields trailers = {{"x-note", std::string(6'000, 't')}};
  blue.on_request([&](const H2Received& request) {
    return H2Reply{.body = request.body, .trailers = trailers};
  });
  H2Client client(port());
  for (const std::size_t size : {48'000, 63'000, 64'000, 65'000}) {
    const std::string body(size, 'b');
    const auto id = client.request(h2_post(), 0);
    for (std::size_t at = 0; at < size; at += 16'384)
      client.data(id, std::string_view(body).substr(at, 16'384), false);
    client.send(h2_headers(id, trailers));
    const H2Answer answer = client.answer(id);
    EXPECT_EQ(answer.body, body);
    EXPECT_EQ(answer.trailers, trailers) << size;
    EXPECT_EQ(blue.wait_for_request().trailers, trailers) << size;
  }
}

// Clients that take nothing must not use up the window that all requests of a connection share.
TEST_F(Http2Upstream, SlowClientsHoldTheirOwnStreamsOnly) {
  const std::string large(300'000, 'b');
  blue.on_request([&](const H2Received& request) {
    return H2Reply{.body = request.field(":path") == "/large" ? large : "small"};
  });
  H2Client slow(port());
  slow.give_windows(false);
  for (int i = 0; i < 30; ++i) slow.request(h2_get("/large"));
  for (int i = 0; i < 30; ++i) blue.wait_for_request();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(port(), "/small").body, "small");
  EXPECT_EQ(blue.connections(), 1u);
}

TEST_F(Http2Upstream, ManyExchangesShareOneConnection) {
  H2Client client(port());
  EXPECT_EQ(client.get().status, 200);
  std::string bytes;
  for (std::uint32_t i = 1; i <= 50; ++i) bytes += h2_headers(2 * i + 1, h2_get());
  client.send(bytes);
  for (std::uint32_t i = 1; i <= 50; ++i) EXPECT_EQ(client.answer(2 * i + 1).status, 200);
  EXPECT_EQ(get(port()).status, 200);
  EXPECT_EQ(blue.connections(), 1u);
  EXPECT_EQ(proxy().totals().upstream_http2, 1u);
}

TEST_F(Http2Upstream, ABurstWithoutAConnectionMakesOne) {
  H2Client client(port());
  std::string bytes;
  for (std::uint32_t i = 0; i < 50; ++i) bytes += h2_headers(2 * i + 1, h2_get());
  client.send(bytes);
  for (std::uint32_t i = 0; i < 50; ++i) EXPECT_EQ(client.answer(2 * i + 1).status, 200);
  EXPECT_EQ(blue.connections(), 1u);
}

TEST_F(Http2Upstream, AHeadRequestHasNoBody) {
  blue.answer({.fields = {{"content-length", "5"}}, .body = ""});
  RawClient client(port());
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_response(RawClient::To::Head).field("Content-Length"), "5");
}

TEST_F(Http2Upstream, InterimResponsesArePassedOn) {
  blue.answer({.interim = {103}});
  H2Client client(port());
  EXPECT_THAT(client.get().interim, testing::ElementsAre(103));
}

TEST_F(Http2Upstream, AClientsResetCancelsTheStreamOnly) {
  blue.answer({.hold = true});
  H2Client client(port());
  const auto id = client.request(h2_get());
  blue.wait_for_request();
  client.send(h2_reset(id));
  EXPECT_TRUE(eventually([&] { return !blue.resets().empty(); }));
  EXPECT_EQ(blue.resets().front(), kH2Cancel);
  expect_charged_to_nobody();
  blue.answer({});
  EXPECT_EQ(client.get().status, 200);
  EXPECT_EQ(blue.connections(), 1u);
}

// --- what an upstream may refuse: safe to send again, whatever the method --------------------

TEST_F(Http2Upstream, U23ARefusedStreamIsSentAgain) {
  std::atomic<int> asked{0};
  blue.on_request([&](const H2Received&) {
    return asked++ == 0 ? H2Reply{.status = 0, .reset = kH2Refused} : H2Reply{};
  });
  RawClient client(port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(asked, 2);
  expect_outcome(Outcome::Success);
  expect_charged_to_nobody();
}

TEST_F(Http2Upstream, U23StreamsBeyondItsGoawayGoToAnotherConnection) {
  std::atomic<int> asked{0};
  blue.on_request(
      [&](const H2Received&) { return asked++ == 1 ? H2Reply{.goaway = true} : H2Reply{}; });
  RawClient client(port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(blue.connections(), 2u);
  expect_outcome(Outcome::Success, 2);
}

TEST_F(Http2Upstream, AConnectionThatWentStaleIsReplaced) {
  EXPECT_EQ(get(port()).status, 200);
  blue.close_connections();
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  EXPECT_EQ(get(port()).status, 200);
  EXPECT_EQ(blue.connections(), 2u);
}

TEST_F(Http2Upstream, EndlessRefusalsEndIn502) {
  blue.answer({.status = 0, .reset = kH2Refused});
  EXPECT_EQ(get(port()).status, 502);
  EXPECT_EQ(blue.requests(), 3u);
  expect_outcome(Outcome::Reset);
}

// --- and how it may break ---------------------------------------------------------------------

TEST_F(Http2Upstream, AResetInsideTheBodyIsATruncation) {
  blue.answer({.body = "half", .end = false, .reset = kH2Internal});
  H2Client client(port());
  const auto id = client.request(h2_get());
  EXPECT_EQ(client.answer(id).reset, kH2Internal);
  expect_outcome(Outcome::Reset);
}

TEST_F(Http2Upstream, AResetBeforeTheHeadIsA502) {
  blue.answer({.status = 0, .reset = kH2Internal});
  RawClient client(port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_EQ(client.read_response().status, 502);
  EXPECT_EQ(blue.requests(), 1u) << "not sent again";
  expect_outcome(Outcome::Reset);
}

TEST_F(Http2Upstream, MalformedResponsesAre502) {
  blue.answer({.fields = {{"connection", "close"}}});
  EXPECT_EQ(get(port()).status, 502);
  expect_outcome(Outcome::Protocol);
}

TEST_F(Http2Upstream, AnHttp1ServerThereIsA502) {
  FakeUpstream old;
  old.answer_raw("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
  setup = ProxySetup();
  setup.http2_version("blue", 100, {old.port()});
  EXPECT_EQ(get(port()).status, 502);
  expect_outcome(Outcome::Protocol);
}

TEST_F(Http2Upstream, RefusedConnectsAre502) {
  RefusingPort nobody;
  setup = ProxySetup();
  setup.http2_version("blue", 100, {nobody.port()});
  EXPECT_EQ(get(port()).status, 502);
  expect_outcome(Outcome::ConnectFailed);
}

TEST_F(Http2Upstream, ConnectsThatHangAre504) {
  SilentPort silent;
  setup = ProxySetup();
  setup.http2_version("blue", 100, {silent.port()});
  setup.timeouts().connect = 200ms;
  EXPECT_EQ(get(port()).status, 504);
  expect_outcome(Outcome::ConnectFailed);
}

TEST_F(Http2Upstream, U24AFloodOfSettingsEndsTheConnection) {
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += h2_settings();
  blue.send_raw(flood);
  EXPECT_EQ(get(port()).status, 502);
  EXPECT_EQ(proxy().totals().http2_abuses.at("pings"), 1u);
}

TEST_F(Http2Upstream, AnAnswerThatNeverComesIsA504) {
  setup.timeouts().response_head = 200ms;
  blue.answer({.hold = true});
  EXPECT_EQ(get(port()).status, 504);
  expect_outcome(Outcome::Timeout);
  EXPECT_TRUE(eventually([&] { return !blue.resets().empty(); })) << "the stream is taken back";
}

TEST(Http2UpstreamSettings, U24OneStreamAtATimeTakesMoreConnections) {
  FakeH2Upstream blue({{3, 1}});
  ProxySetup setup;
  setup.http2_version("blue", 100, {blue.port()});
  Proxy proxy(setup);
  EXPECT_EQ(get(proxy.port()).status, 200);  // its SETTINGS are known
  blue.wait_for_request();
  blue.answer({.hold = true});
  H2Client client(proxy.port());
  for (int i = 0; i < 4; ++i) {
    client.request(h2_get());
    blue.wait_for_request();
  }
  EXPECT_TRUE(eventually([&] { return blue.open_connections() >= 4; }));
  blue.release();
  for (std::uint32_t i = 0; i < 4; ++i) EXPECT_EQ(client.answer(2 * i + 1).status, 200);
}

TEST(Http2UpstreamSettings, AWebSocketFromHttp1ToExtendedConnect) {
  FakeH2Upstream blue({{8, 1}});
  blue.at_head(true);
  blue.answer({.body = "hello", .end = false});
  ProxySetup setup;
  setup.http2_version("blue", 100, {blue.port()});
  Proxy proxy(setup);
  RawClient client(proxy.port());
  client.send(
      "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  const Response response = client.read_response_head();
  EXPECT_EQ(response.status, 101);
  EXPECT_EQ(response.field("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      << "RFC 6455 1.3; over HTTP/2 the server makes none";
  EXPECT_EQ(client.reader().read_exactly(5), "hello");
  const H2Received got = blue.wait_for_request();
  EXPECT_EQ(got.field(":method"), "CONNECT");
  EXPECT_EQ(got.field(":protocol"), "websocket");
  EXPECT_EQ(got.field("sec-websocket-key"), "<none>");
}

// --- gRPC -------------------------------------------------------------------------------------

class GrpcCalls : public Http2Upstream {
 protected:
  H2Answer make(H2Client& client, const H2Fields& more = {}) {
    return client.answer(grpc_call(client, more));
  }
  H2Reply reply(const std::string& status) {
    H2Reply out = grpc_reply(status);
    out.trailers.emplace_back("grpc-message", "why");
    return out;
  }
};

TEST_F(GrpcCalls, TrailersReachTheCallerAndAreJudged) {
  blue.answer(reply("0"));
  H2Client client(port());
  const H2Answer answer = make(client);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.size(), 5u);
  EXPECT_EQ(answer.trailer("grpc-status"), "0");
  EXPECT_EQ(answer.trailer("grpc-message"), "why");
  EXPECT_EQ(blue.wait_for_request().field("te"), "trailers");
  expect_outcome(Outcome::Success);
  for (const char* code : {"14", "13", "15", "2", "4", "8"}) {
    blue.answer(reply(code));
    EXPECT_EQ(make(client).trailer("grpc-status"), code);
  }
  expect_outcome(Outcome::GrpcStatus, 6);
  for (const char* code : {"5", "16", "1", "3"}) {  // codes that a caller causes
    blue.answer(reply(code));
    EXPECT_EQ(make(client).trailer("grpc-status"), code);
  }
  expect_outcome(Outcome::Success, 5);
}

TEST_F(GrpcCalls, U28ATrailersOnlyErrorIsAnError) {
  blue.answer(
      {.fields = {{"content-type", "application/grpc"}, {"grpc-status", "14"}}, .body = ""});
  H2Client client(port());
  const H2Answer answer = make(client);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("grpc-status"), "14");
  EXPECT_EQ(answer.field("content-length"), "<none>");
  expect_outcome(Outcome::GrpcStatus);
}

TEST_F(GrpcCalls, AnAnswerWithoutStatusIsAnError) {
  blue.answer({.fields = {{"content-type", "application/grpc"}}});
  H2Client client(port());
  make(client);
  expect_outcome(Outcome::GrpcStatus);
}

TEST_F(GrpcCalls, WhichCodesAreErrorsIsConfigurable) {
  setup.grpc().error_codes = config::Grpc::mask({5});
  H2Client client(port());
  blue.answer(reply("5"));
  make(client);
  expect_outcome(Outcome::GrpcStatus);
  blue.answer(reply("14"));
  make(client);
  expect_outcome(Outcome::Success);
}

TEST_F(GrpcCalls, TheCallersDeadlineIsKept) {
  blue.answer({.hold = true});
  H2Client client(port());
  const H2Answer answer = make(client, {{"grpc-timeout", "200m"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("grpc-status"), "4") << "DEADLINE_EXCEEDED";
  EXPECT_TRUE(answer.ended);
  expect_outcome(Outcome::Timeout);
}

TEST_F(GrpcCalls, OurOwnAnswersAreTrailersOnly) {
  setup = ProxySetup();
  setup.http2_version("blue", 100, {blue.port()}).route("other", "/");
  H2Client client(port());
  const H2Answer answer = make(client);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("content-type"), "application/grpc");
  EXPECT_EQ(answer.field("grpc-status"), "12") << "UNIMPLEMENTED";
  EXPECT_THAT(answer.field("grpc-message"), HasSubstr("no route"));
  EXPECT_EQ(answer.body, "");
}

TEST_F(GrpcCalls, RequestTrailersReachTheServer) {
  blue.answer(reply("0"));
  H2Client client(port());
  const auto id = client.request(grpc_head(), 0);
  client.data(id, "x", false).send(h2_headers(id, {{"x-checksum", "1"}}));
  EXPECT_EQ(client.answer(id).trailer("grpc-status"), "0");
  EXPECT_THAT(blue.wait_for_request().trailers,
              Contains(std::pair<std::string, std::string>("x-checksum", "1")));
}

TEST_F(GrpcCalls, MessagesStreamInBothDirections) {
  blue.at_head(true);
  blue.answer({.fields = {{"content-type", "application/grpc"}}, .body = "first", .end = false});
  H2Client client(port());
  const auto id = client.request(grpc_head(), 0);
  EXPECT_EQ(client.body_of(id, 5).body, "first") << "before the request has ended";
  client.data(id, "more", false);
  client.send(h2_reset(id));
  EXPECT_TRUE(eventually([&] { return !blue.resets().empty(); }));
}

}  // namespace
}  // namespace cutwater::test
