// Tests requests over HTTP/2 to an HTTP/1 upstream: what arrives there, and what comes back.
#include <gmock/gmock.h>

#include <cstdio>
#include <fstream>

#include "tests/integration/http2_fixture.hpp"

namespace cutwater::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Http2Request : public Http2Edge {};

TEST_F(Http2Request, AGetIsAnswered) {
  setup.version("green", 0, {blue.port()});
  blue.answer(200, "hello", "Content-Type: text/plain\r\nConnection: x-hop\r\nX-Hop: 1\r\n");
  H2Client client(port());
  const H2Answer answer = client.get("/a?b=c");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.field("content-type"), "text/plain");
  EXPECT_EQ(answer.field("content-length"), "5");
  EXPECT_EQ(answer.field("cutwater-version"), "blue");
  EXPECT_EQ(answer.field("connection"), "<none>");
  EXPECT_EQ(answer.field("x-hop"), "<none>");
  EXPECT_THAT(answer.field("set-cookie"), HasSubstr("cw_shop="));
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.head.start_line, "GET /a?b=c HTTP/1.1");
  EXPECT_EQ(got.field("Host"), "a");
  EXPECT_EQ(got.field("Via"), "<none>");
  EXPECT_EQ(got.field("Cutwater-Hops"), "1");
  EXPECT_EQ(got.field("Transfer-Encoding"), "<none>") << "H15: no framing without a body";
  EXPECT_EQ(got.field("Content-Length"), "<none>");
}

TEST_F(Http2Request, BothVersionsOfHttpOnOnePort) {
  H2Client client(port());
  EXPECT_EQ(client.get().status, 200);
  EXPECT_EQ(get(port()).status, 200);
  EXPECT_EQ(proxy().totals().accepted_http2, 1u);
  EXPECT_EQ(proxy().totals().downstream_accepted, 2u);
}

TEST_F(Http2Request, ThePrefaceMayComeByteByByte) {
  H2Client client(TcpStream::Dial{port()}, "");
  for (const char& byte : kH2Magic + h2_settings() + h2_headers(1, h2_get()))
    client.send({&byte, 1});
  EXPECT_EQ(client.answer(1).status, 200);
}

TEST_F(Http2Request, HeadHasALengthAndNoBody) {
  blue.answer(200, "hello");
  H2Client client(port());
  H2Fields head = h2_get();
  head[0].second = "HEAD";
  const H2Answer answer = client.answer(client.request(head));
  EXPECT_EQ(answer.field("content-length"), "5");
  EXPECT_EQ(answer.body, "");
}

TEST_F(Http2Request, H15ABodyWithoutLengthIsChunkedOnce) {
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  client.data(id, "one ", false).data(id, "two ", false).data(id, "three");
  EXPECT_EQ(client.answer(id).status, 200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.body, "one two three");
  EXPECT_EQ(got.field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(got.field("Content-Length"), "<none>");
}

TEST_F(Http2Request, ABodyWithLengthKeepsIt) {
  H2Client client(port());
  const auto id = client.request(h2_post() + H2Fields{{"content-length", "5"}}, 0);
  client.data(id, "hello");
  EXPECT_EQ(client.answer(id).status, 200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.field("Content-Length"), "5");
  EXPECT_EQ(got.field("Transfer-Encoding"), "<none>");
}

TEST_F(Http2Request, H29CookieCrumbsAreJoined) {
  H2Client client(port());
  client.answer(
      client.request(h2_get() + H2Fields{{"cookie", "a=1"}, {"x", "y"}, {"cookie", "b=2"}}));
  EXPECT_EQ(blue.wait_for_request().field("Cookie"), "a=1; b=2");
}

TEST_F(Http2Request, T19WhatBrowsersLeaveRawPassesUnchanged) {
  const std::string target = "/a|b[c]^?q={|}^`\\[]";
  H2Client client(port());
  EXPECT_EQ(client.get(target).status, 200);
  EXPECT_EQ(blue.wait_for_request().target(), target);
  EXPECT_EQ(client.get("/a{b}").reset, kH2Protocol);
}

TEST_F(Http2Request, TeTrailersIsPassedOn) {
  H2Client client(port());
  client.answer(client.request(h2_get() + H2Fields{{"te", "trailers"}}));
  EXPECT_EQ(blue.wait_for_request().field("TE"), "trailers");
}

TEST_F(Http2Request, InterimResponsesArePassedOn) {
  blue.answer_raw(
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  H2Client client(port());
  const H2Answer answer = client.get();
  EXPECT_THAT(answer.interim, ElementsAre(103));
  EXPECT_EQ(answer.body, "ok");
}

TEST_F(Http2Request, MegabytesInBothDirections) {
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    connection.answer(200, request.body);
  });
  H2Client client(port());
  std::string body;
  for (int i = 0; body.size() < 3'000'000; ++i) body += std::to_string(i) + ",";
  const auto id = client.request(h2_post(), 0);
  // The client stays within the windows that the proxy gives.
  std::size_t sent = 0;
  std::int64_t stream_window = 65'535, window = 65'535;
  while (sent < body.size()) {
    const auto most = std::min<std::int64_t>({stream_window, window, 16'384});
    if (most <= 0) {
      const H2Frame update = client.wait_for(kH2Window);
      (update.stream == 0 ? window : stream_window) += update.number();
      continue;
    }
    const std::string piece = body.substr(sent, static_cast<std::size_t>(most));
    sent += piece.size();
    stream_window -= static_cast<std::int64_t>(piece.size());
    window -= static_cast<std::int64_t>(piece.size());
    client.data(id, piece, sent == body.size());
  }
  const H2Answer answer = client.answer(id);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, body);
}

TEST_F(Http2Request, ManyStreamsAtOnceKeepTheirOwnAnswers) {
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    connection.answer(200, request.target());
  });
  H2Client client(port());
  std::string bytes;
  for (std::uint32_t i = 0; i < 100; ++i)
    bytes += h2_headers(2 * i + 1, h2_get("/" + std::to_string(i)));
  client.send(bytes);
  for (std::uint32_t i = 0; i < 100; ++i)
    EXPECT_EQ(client.answer(2 * i + 1).body, "/" + std::to_string(i));
}

TEST_F(Http2Request, StreamsChooseTheirVersionEachForItself) {
  FakeUpstream green;
  blue.answer(200, "blue");
  green.answer(200, "green");
  setup = ProxySetup();
  setup.version("blue", 50, {blue.port()}).version("green", 50, {green.port()});
  setup.sticky().key = config::Sticky::Key::None;
  H2Client client(port());
  int greens = 0;
  for (int i = 0; i < 40; ++i) greens += client.get().body == "green";
  EXPECT_NEAR(greens, 20, 17) << "each is dealt for itself";
}

TEST_F(Http2Request, RefusalsAreAnsweredOnTheirStreamOnly) {
  H2Client client(port());
  EXPECT_EQ(client.get("/" + std::string(9000, 'a')).status, 414);
  EXPECT_EQ(client
                .answer(client.request(h2_get() + H2Fields{{"x", std::string(15'900, 'y')},
                                                           {"z", "1"},
                                                           {"w", std::string(300, 'y')}}))
                .status,
            431);
  EXPECT_EQ(client.answer(client.request({{":method", "CONNECT"}, {":authority", "a:80"}})).status,
            405);
  EXPECT_EQ(blue.requests(), 0u);
  EXPECT_EQ(client.get().status, 200);
  EXPECT_EQ(proxy().totals().bad_requests.at("target_too_long"), 1u);
}

TEST_F(Http2Request, NoRouteIsA404WithText) {
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port()}).route("other", "/");
  H2Client client(port());
  const H2Answer answer = client.get();
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.body, HasSubstr("no route"));
}

TEST_F(Http2Request, AListenerMayRefuseIt) {
  setup.http2 = false;
  H2Client client(port());
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
  EXPECT_EQ(proxy().totals().accepted_http2, 0u);
}

TEST_F(Http2Request, TheLogNamesTheProtocol) {
  setup.access_log.to = config::AccessLog::To::File;
  setup.access_log.path = testing::TempDir() + "http2_request.log";
  std::remove(setup.access_log.path.c_str());
  H2Client client(port());
  client.get("/logged");
  stop_proxy();
  std::ifstream file(setup.access_log.path);
  const std::string line((std::istreambuf_iterator<char>(file)), {});
  EXPECT_THAT(line, HasSubstr("\"protocol\":\"HTTP/2\""));
  EXPECT_THAT(line, HasSubstr("\"target\":\"/logged\""));
}

}  // namespace
}  // namespace cutwater::test
