// Tests how streams and connections end: clients that go, upstreams that break, drain and stop; and
// WebSocket over extended CONNECT.
#include <gmock/gmock.h>

#include "proxy/http/h2/http2_head.hpp"
#include "tests/integration/http2_fixture.hpp"

namespace cutwater::test {
namespace {

using stats::Outcome;
using testing::HasSubstr;

class Http2Life : public Http2Edge {
 protected:
  void expect_quiet() {
    EXPECT_TRUE(eventually([&] { return proxy().totals().exchanges_active == 0; }));
  }
};

TEST_F(Http2Life, AResetReachesTheUpstreamAndChargesNobody) {
  blue.never_answer();
  H2Client client(port());
  const auto id = client.request(h2_get());
  blue.wait_for_request();
  client.send(h2_reset(id));
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  expect_quiet();
  EXPECT_EQ(attempts(), 0u);
  EXPECT_EQ(proxy().totals().client_aborts, 1u);
  blue.answer(200, "next");
  EXPECT_EQ(client.get().body, "next") << "the connection goes on";
}

TEST_F(Http2Life, AClientThatVanishesTakesAllItsStreamsAlong) {
  blue.never_answer();
  auto client = std::make_unique<H2Client>(port());
  for (int i = 0; i < 5; ++i) client->request(h2_get());
  EXPECT_TRUE(eventually([&] { return blue.requests() == 5; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  expect_quiet();
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open == 0; }));
  EXPECT_EQ(proxy().totals().downstream_http2, 0u);
}

TEST_F(Http2Life, U02ATruncatedResponseIsReset) {
  blue.close_after("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
  H2Client client(port());
  const auto id = client.request(h2_get());
  EXPECT_EQ(client.body_of(id, 4).body, "half");
  const H2Answer answer = client.answer(id);
  EXPECT_EQ(answer.reset, kH2Internal);
  EXPECT_FALSE(answer.ended);
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Reset) == 1; }));
}

TEST_F(Http2Life, AnUpstreamThatBreaksBeforeItsHeadIsA502) {
  blue.reset_without_answer();
  H2Client client(port());
  EXPECT_EQ(client.get().status, 502);
}

TEST_F(Http2Life, U12AnEarlyAnswerEndsTheUpload) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.answer(413, "too much", "Connection: close\r\n");
    connection.half_close();
    connection.wait_for_end();
  });
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  client.data(id, "some of it", false);
  EXPECT_EQ(client.head_of(id).status, 413);
  EXPECT_EQ(client.body_of(id, 8).body, "too much");
  blue.answer(200, "next");
  EXPECT_EQ(client.get().body, "next");
  EXPECT_EQ(client.head_of(id).reset, std::nullopt)
      << "a reset at once can destroy the answer that the client has not read yet";
  EXPECT_EQ(client.wait_for(kH2Reset).number(), kH2None) << "NO_ERROR: RFC 9113 8.1";
}

TEST_F(Http2Life, U12WhoEndsItsUploadBehindAnEarlyAnswerIsNotReset) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.answer(413, "too much", "Connection: close\r\n");
    connection.half_close();
    connection.wait_for_end();
  });
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  EXPECT_EQ(client.body_of(id, 8).body, "too much");
  client.data(id, "all of it");
  blue.answer(200, "next");
  EXPECT_EQ(client.get().body, "next");
  EXPECT_EQ(client.head_of(id).reset, std::nullopt);
}

TEST_F(Http2Life, R02ASlowBodyIsA408) {
  setup.limits.body_min_rate_grace = 200ms;
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  client.data(id, "x", false);
  EXPECT_EQ(client.head_of(id).status, 408);
}

TEST_F(Http2Life, AnIdleConnectionIsClosed) {
  setup.limits.keepalive_idle = 200ms;
  H2Client client(port());
  EXPECT_EQ(client.get().status, 200);
  EXPECT_EQ(client.goaway(), kH2None);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
}

TEST_F(Http2Life, DrainTellsTheClientAndLetsItsStreamsEnd) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.answer(200, "late");
  });
  H2Client client(port());
  const auto id = client.request(h2_get());
  blue.wait_for_request();
  std::atomic<bool> drained{false};
  proxy().drain([&] { drained = true; });
  EXPECT_EQ(client.wait_for(kH2Goaway).number(), 0x7fffffffu) << "first a notice";
  const auto second = client.request(h2_get());  // was on its way
  EXPECT_EQ(client.wait_for(kH2Goaway).number(), second) << "then the last stream";
  blue.release();
  EXPECT_EQ(client.answer(id).body, "late");
  EXPECT_EQ(client.answer(second).status, 200);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
  client.stream().close();
  EXPECT_TRUE(eventually([&] { return drained.load(); }));
}

TEST_F(Http2Life, StopAnswersWhatHasNoHeadYet) {
  blue.never_answer();
  H2Client client(port());
  const auto id = client.request(h2_get());
  blue.wait_for_request();
  proxy().stop();
  EXPECT_EQ(client.answer(id).status, 503);
  EXPECT_NE(client.how_it_ends(), TcpStream::End::Open);
}

// --- WebSocket: RFC 8441 ---------------------------------------------------------------------

// The answer to a handshake, with the proof that the client's key asks for (RFC 6455 4.2.2).
std::string switch_for(const Received& request) {
  const http::WebSocketAccept accept = http::websocket_accept(request.field("Sec-WebSocket-Key"));
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         std::string(accept.data(), accept.size()) + "\r\n\r\n";
}

H2Fields websocket() {
  return {{":method", "CONNECT"}, {":protocol", "websocket"}, {":scheme", "http"},
          {":authority", "a"},    {":path", "/chat"},         {"sec-websocket-version", "13"}};
}

TEST_F(Http2Life, U10AWebSocketWithoutProofIsNoTunnel) {
  for (const std::string proof : {"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n", ""}) {
    blue.on_request([proof](const Received&, UpstreamConnection& connection) {
      connection.send(
          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
          "Connection: Upgrade\r\n" +
          proof + "\r\nFIRST");
      connection.wait_for_end();
    });
    H2Client client(port());
    client.wait_for(kH2Settings);
    const auto id = client.request(websocket(), 0);
    EXPECT_EQ(client.head_of(id).status, 502) << proof;
  }
  EXPECT_TRUE(eventually([&] { return outcomes(stats::Outcome::Protocol) == 2; }));
}

TEST_F(Http2Life, AWebSocketIsCarriedToAnUpgrade) {
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    connection.send(switch_for(request) + "hello");
    std::string bytes;
    while (connection.stream().receive(bytes) == TcpStream::End::Open) {
      connection.send(bytes);
      bytes.clear();
    }
    connection.send("bye");
    connection.close();
  });
  H2Client client(port());
  EXPECT_EQ(client.wait_for(kH2Settings).flags, 0);
  EXPECT_EQ(client.settings().at(8), 1u) << "extended CONNECT is offered";
  const auto id = client.request(websocket(), 0);
  EXPECT_EQ(client.head_of(id).status, 200);
  EXPECT_EQ(client.head_of(id).field("sec-websocket-accept"), "<none>");
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.head.start_line, "GET /chat HTTP/1.1");
  EXPECT_EQ(got.field("Upgrade"), "websocket");
  EXPECT_EQ(got.field("Sec-WebSocket-Key").size(), 24u);
  EXPECT_EQ(client.body_of(id, 5).body, "hello");
  client.data(id, "ping", false);
  EXPECT_EQ(client.body_of(id, 9).body, "helloping");
  EXPECT_EQ(proxy().tunnels_open(), 1u);
  client.data(id, "", true);  // the client's half-close
  EXPECT_THAT(client.answer(id).body, HasSubstr("bye"));
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Success) == 1; }));
}

TEST_F(Http2Life, ARefusedWebSocketIsAnOrdinaryResponse) {
  blue.answer(403, "no");
  H2Client client(port());
  const auto id = client.request(websocket(), 0);
  EXPECT_EQ(client.head_of(id).status, 403);
  EXPECT_EQ(client.body_of(id, 2).body, "no");
}

}  // namespace
}  // namespace cutwater::test
