// Tests trailers, whatever protocol either side speaks: they reach those who can take them, never
// become part of a head, and forbidden ones go nowhere.
#include "tests/integration/http2_fixture.hpp"
#include "tests/support/fake_h2_upstream.hpp"

namespace cutwater::test {
namespace {

using stats::Outcome;

const std::string kChunked = "Transfer-Encoding: chunked\r\n";
const std::string kWantsTrailers = "Connection: TE\r\nTE: trailers\r\n";
const std::string kBody = "5\r\nhello\r\n0\r\n";  // trailers follow

std::string response(const std::string& trailers, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + kChunked + "\r\n" + kBody + trailers + "\r\n";
}

class Trailers : public Http2Edge {
 protected:
  // Returns what the client gets of these trailers.
  Response answered_with(const std::string& trailers, const std::string& request_fields) {
    blue.answer_raw(response(trailers));
    RawClient client(port());
    client.send(kGet + request_fields + "\r\n");
    return client.read_response();
  }
  Received sent_with(const std::string& trailers, const std::string& fields = "") {
    RawClient client(port());
    client.send(kPost + fields + kChunked + "\r\n" + kBody + trailers + "\r\n");
    EXPECT_EQ(client.read_response().status, 200);
    return blue.wait_for_request();
  }
};

// --- HTTP/1 to HTTP/1 -------------------------------------------------------------------------

TEST_F(Trailers, OfARequestReachTheUpstream) {
  const Received got = sent_with("X-Sum: \t 1 \r\nDate: today\r\n");
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.trailer("X-Sum"), "1");
  EXPECT_EQ(got.trailer("Date"), "today");
  EXPECT_EQ(got.field("X-Sum"), "<none>") << "never merged into the head";
}

TEST_F(Trailers, OfAnUploadThatStreamsReachTheUpstreamHoweverTheyArrive) {
  RawClient client(port());
  for (int i = 0; i < 2; ++i) {
    client.send(kPost + kChunked + "\r\n");
    client.send_byte_by_byte(kBody + "X-Sum: 1\r\nX-More: 2\r\n\r\n");
    EXPECT_EQ(client.read_response().status, 200);
    const Received got = blue.wait_for_request();
    EXPECT_EQ(got.body, "hello");
    EXPECT_EQ(got.trailer("X-Sum"), "1");
    EXPECT_EQ(got.trailers.fields.size(), 2u);
  }
  client.send(kPost + kChunked + "\r\n" + kBody + "\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_TRUE(blue.wait_for_request().trailers.fields.empty()) << "of the request before";
  EXPECT_EQ(blue.connections(), 1u);
}

TEST_F(Trailers, OfAResponseReachAClientThatAskedForThem) {
  const Response got = answered_with("X-Sum: 1\r\n", kWantsTrailers);
  EXPECT_EQ(got.body, "hello");
  EXPECT_TRUE(got.complete);
  EXPECT_EQ(got.trailer("X-Sum"), "1");
  EXPECT_EQ(got.field("X-Sum"), "");
  EXPECT_EQ(blue.wait_for_request().field("TE"), "trailers");
  EXPECT_EQ(answered_with("X-Sum: 1\r\n", "TE: gzip, trailers\r\n").trailer("X-Sum"), "1");
}

TEST_F(Trailers, OfAResponseAreLeftOutForAClientThatDidNot) {
  for (const std::string fields : {"", "TE: gzip\r\n", "TE: trailers;q=0\r\n"}) {
    const Response got = answered_with("X-Sum: 1\r\n", fields);
    EXPECT_EQ(got.body, "hello");
    EXPECT_TRUE(got.complete);
    EXPECT_TRUE(got.trailers.fields.empty()) << fields;
  }
}

TEST_F(Trailers, AnHttp10ClientGetsTheBodyAlone) {
  blue.answer_raw(response("X-Sum: 1\r\n"));
  RawClient client(port());
  client.send("GET /p HTTP/1.0\r\nHost: a\r\nTE: trailers\r\n\r\n");
  const Response got = client.read_response();
  EXPECT_EQ(got.body, "hello");
  EXPECT_TRUE(got.complete);
}

TEST_F(Trailers, BehindALargeBodyArriveWhole) {
  const std::string body(300'000, 'b');
  const std::string note(9'000, 'n');
  blue.answer_raw("HTTP/1.1 200 OK\r\n" + kChunked + "\r\n493e0\r\n" + body +
                  "\r\n0\r\nX-Note: " + note + "\r\n\r\n");
  RawClient client(port());
  for (int i = 0; i < 2; ++i) {
    client.send(kGet + kWantsTrailers + "\r\n");
    const Response got = client.read_response();
    EXPECT_TRUE(got.body == body);
    EXPECT_EQ(got.trailer("X-Note"), note);
  }
}

const std::string kForbidden =
    "Content-Length: 5\r\nTransfer-Encoding: x\r\nHost: evil\r\nAuthorization: x\r\n"
    "Connection: close\r\nX-Forwarded-For: 9.9.9.9\r\nCookie: a=b\r\nSet-Cookie: a=b\r\n"
    "TE: gzip\r\nTrailer: X\r\nX-Request-ID: 1\r\nX-Client-Cert-Subject: CN=root\r\n"
    "X-Shadow: 1\r\nX_Forwarded_For: 9.9.9.9\r\nX-Sum: 1\r\n";

TEST_F(Trailers, S37WhatTheyMayNotSayGoesNowhere) {
  const Received got = sent_with(kForbidden);
  EXPECT_EQ(got.trailers.fields.size(), 1u) << got.trailers.raw;
  EXPECT_EQ(got.trailer("X-Sum"), "1");
  EXPECT_EQ(got.field("Host"), "a");
  const Response answer = answered_with(kForbidden, kWantsTrailers);
  EXPECT_EQ(answer.trailers.fields.size(), 1u) << answer.trailers.raw;
  EXPECT_EQ(answer.trailer("X-Sum"), "1");
  EXPECT_EQ(answer.head.count("Set-Cookie"), 0u) << "one version needs none of ours";
}

TEST_F(Trailers, WhatConnectionNamesEndsHere) {
  const Received got = sent_with("X-Hop: 1\r\nX-Sum: 1\r\n", "Connection: X-Hop\r\n");
  EXPECT_EQ(got.trailer("X-Hop"), "<none>");
  EXPECT_EQ(got.trailer("X-Sum"), "1");
  blue.answer_raw(response("X-Hop: 1\r\n", "Connection: X-Hop\r\n"));
  RawClient client(port());
  client.send(kGet + kWantsTrailers + "\r\n");
  const Response answer = client.read_response();
  EXPECT_TRUE(answer.complete);
  EXPECT_TRUE(answer.trailers.fields.empty());
}

TEST_F(Trailers, BrokenOnesOfAnUpstreamAreItsFault) {
  blue.answer_raw(response("X-Sum: 1\r\n folded\r\n"));
  EXPECT_EQ(get(port()).status, 502);
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Protocol) == 1; }));
}

TEST_F(Trailers, AreSentAgainWithTheRequest) {
  FakeUpstream bad;
  bad.reset_without_answer();
  setup = ProxySetup();
  setup.version("blue", 100, {bad.port(), blue.port()});
  RawClient client(port());
  while (bad.requests() == 0) {  // which endpoint is asked first is left to chance
    client.send("PUT /p HTTP/1.1\r\nHost: a\r\n" + kChunked + "\r\n" + kBody + "X-Sum: 1\r\n\r\n");
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(blue.wait_for_request().trailer("X-Sum"), "1");
  }
  EXPECT_EQ(bad.wait_for_request().trailer("X-Sum"), "1");
}

TEST_F(Trailers, GoToTheShadowToo) {
  FakeUpstream green;
  routing::MirrorSnapshot mirror;
  mirror.share = Share::kWhole;
  mirror.methods = 1U << static_cast<unsigned>(http::Method::Post);
  mirror.max_body = 64 * 1024;
  mirror.concurrency = 64;
  mirror.stats = std::make_shared<routing::MirrorStats>("shop", "green", 1);
  setup.version("green", 0, {green.port()}).mirror("green", mirror);
  EXPECT_EQ(sent_with("X-Sum: 1\r\n").trailer("X-Sum"), "1");
  const Received copy = green.wait_for_request();
  EXPECT_EQ(copy.body, "hello");
  EXPECT_EQ(copy.trailer("X-Sum"), "1");
  EXPECT_TRUE(sent_with("").trailers.fields.empty());
  EXPECT_TRUE(green.wait_for_request().trailers.fields.empty());
}

// --- HTTP/2 to HTTP/1 -------------------------------------------------------------------------

TEST_F(Trailers, OfAnHttp1UpstreamReachAnHttp2ClientInSmallLetters) {
  blue.answer_raw(response("X-Sum: 1\r\nSet-Cookie: a=b\r\n"));
  H2Client client(port());
  const H2Answer answer = client.get();
  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(answer.trailers, (H2Fields{{"x-sum", "1"}}));
  blue.answer_raw(response("Set-Cookie: a=b\r\n"));
  const H2Answer none = client.get();
  EXPECT_TRUE(none.ended);
  EXPECT_TRUE(none.trailers.empty());
}

TEST_F(Trailers, OfAnHttp2RequestReachAnHttp1Upstream) {
  H2Client client(port());
  const auto id = client.request(h2_post(), 0);
  client.data(id, "hello", false).send(h2_headers(id, {{"x-sum", "1"}, {"x-request-id", "2"}}));
  EXPECT_EQ(client.answer(id).status, 200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.trailer("x-sum"), "1");
  EXPECT_EQ(got.trailers.fields.size(), 1u);
}

TEST_F(Trailers, HaveNoPlaceBehindALength) {
  H2Client client(port());
  const auto id = client.request(h2_post() + H2Fields{{"content-length", "5"}}, 0);
  client.data(id, "hello", false).send(h2_headers(id, {{"x-sum", "1"}}));
  EXPECT_EQ(client.answer(id).status, 200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.field("Content-Length"), "5");
  EXPECT_EQ(got.body, "hello");
}

// The gRPC call goes to a server that speaks HTTP/1 with its proxy.
TEST_F(Trailers, AGrpcCallIsAnsweredAndJudgedByThoseOfAnHttp1Upstream) {
  const auto answer = [&](const std::string& head, const std::string& trailers) {
    blue.answer_raw("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n" + head + kChunked +
                    "\r\n5\r\n" + std::string(5, '\0') + "\r\n0\r\n" + trailers + "\r\n");
    H2Client client(port());
    return client.answer(grpc_call(client));
  };
  const H2Answer good = answer("", "Grpc-Status: 0\r\nGrpc-Message: fine\r\n");
  EXPECT_EQ(good.body.size(), 5u);
  EXPECT_EQ(good.trailer("grpc-status"), "0");
  EXPECT_EQ(good.trailer("grpc-message"), "fine");
  EXPECT_EQ(blue.wait_for_request().field("TE"), "trailers");
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Success) == 1; }));
  EXPECT_EQ(answer("", "grpc-status: 14\r\n").trailer("grpc-status"), "14");
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::GrpcStatus) == 1; }));
  EXPECT_TRUE(answer("", "").trailers.empty());
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::GrpcStatus) == 2; })) << "UNKNOWN";
}

TEST_F(Trailers, AGrpcStatusThatComesLateEndsTheCall) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n" + kChunked +
                    "\r\n5\r\n" + std::string(5, '\0') + "\r\n");
    connection.wait_for_release();
    connection.send("0\r\ngrpc-status: 8\r\n\r\n");
  });
  H2Client client(port());
  const auto id = grpc_call(client);
  client.body_of(id, 5);
  blue.release();
  EXPECT_EQ(client.answer(id).trailer("grpc-status"), "8");
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::GrpcStatus) == 1; }));
}

// --- HTTP/1 to HTTP/2 (and HTTP/2 to HTTP/2: http2_upstream_test.cpp) -------------------------

class TrailersOfHttp2 : public testing::Test {
 protected:
  TrailersOfHttp2() { setup.http2_version("blue", 100, {blue.port()}); }
  FakeH2Upstream blue;
  ProxySetup setup;
};

TEST_F(TrailersOfHttp2, ReachAnHttp1ClientThatAskedForThem) {
  blue.answer({.body = "hello", .trailers = {{"x-sum", "1"}, {"set-cookie", "a=b"}}});
  Proxy proxy(setup);
  const Response got = get(proxy.port(), "/", kWantsTrailers);
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.trailer("x-sum"), "1");
  EXPECT_EQ(got.trailers.fields.size(), 1u);
  EXPECT_EQ(blue.wait_for_request().field("te"), "trailers");
  const Response plain = get(proxy.port());
  EXPECT_TRUE(plain.complete);
  EXPECT_TRUE(plain.trailers.fields.empty());
}

TEST_F(TrailersOfHttp2, OfAnHttp1RequestReachTheUpstreamInSmallLetters) {
  Proxy proxy(setup);
  for (const bool late : {false, true}) {
    RawClient client(proxy.port());
    client.send(kPost + kChunked + "\r\n");
    const std::string body = kBody + "X-Sum: 1\r\nHost: evil\r\n\r\n";
    if (late)
      client.send_byte_by_byte(body);
    else
      client.send(body);
    EXPECT_EQ(client.read_response().status, 200);
    const H2Received got = blue.wait_for_request();
    EXPECT_EQ(got.body, "hello");
    EXPECT_EQ(got.trailers, (H2Fields{{"x-sum", "1"}}));
  }
}

}  // namespace
}  // namespace cutwater::test
