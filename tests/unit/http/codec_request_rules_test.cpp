// Tests what an upstream gets to see of a request.
#include "codec_support.hpp"
#include "proxy/http/forwarding.hpp"

namespace cutwater::http::test {
namespace {

ForwardInfo stranger() {
  ForwardInfo info;
  info.peer_ip = "192.0.2.7";
  info.scheme = "https";
  info.request_id = "req-1";
  info.traceparent = "00-11111111111111111111111111111111-2222222222222222-00";
  return info;
}
ForwardInfo trusted() {
  ForwardInfo info = stranger();
  info.trusted_peer = true;
  return info;
}

std::string forwarded(const std::string& request, const ForwardInfo& info) {
  const auto parsed = parse_request(request);
  EXPECT_EQ(parsed.state.kind, ParseState::Kind::Complete) << to_string(parsed.state.bad);
  std::array<char, 4096> room{};
  HeadWriter out(room);
  write_upstream_request(parsed.head, info, out);
  EXPECT_FALSE(out.overflow());
  return std::string(out.text());
}
std::string get_with(const std::string& fields, const ForwardInfo& info = stranger()) {
  return forwarded("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n", info);
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++n;
  return n;
}

TEST(CodecRequestRules, AnOrdinaryRequestGoldenText) {
  const std::string got = forwarded(
      "POST /a/../cart?x HTTP/1.1\r\nAccept: */*\r\nHost: shop.example\r\nConnection: keep-alive, "
      "x-hop\r\n"
      "X-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy: http://evil\r\n"
      "Cookie: a=b\r\nContent-Length: 005\r\nX-Bytes: \xff\r\n\r\n",
      [] {
        ForwardInfo info = stranger();
        info.target = "/cart?x";
        return info;
      }());
  EXPECT_EQ(
      got,
      "POST /cart?x HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nCookie: a=b\r\nX-Bytes: "
      "\xff\r\n"
      "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n"
      "X-Request-ID: req-1\r\n"
      "traceparent: 00-11111111111111111111111111111111-2222222222222222-00\r\n"
      "Cutwater-Hops: 1\r\nContent-Length: 5\r\n\r\n");
}

TEST(CodecRequestRules, S16AChunkedBodyIsAnnouncedInOurOwnWords) {
  const std::string got = get_with("Transfer-Encoding: cHuNkEd\r\nTrailer: X\r\n");
  EXPECT_TRUE(has(got, "\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_EQ(count(got, "ransfer-"), 1U);
  EXPECT_FALSE(has(got, "Trailer"));
}

TEST(CodecRequestRules, S14DisguisedFieldsAreDropped) {
  const std::string got =
      get_with("Transfer_Encoding: chunked\r\nX_Forwarded_For: 1\r\nHo_st: b\r\nmy_x: 1\r\n");
  EXPECT_FALSE(has(got, "Transfer_Encoding"));
  EXPECT_FALSE(has(got, "X_Forwarded_For"));
  EXPECT_FALSE(has(got, "Ho_st"));
  EXPECT_TRUE(has(got, "my_x: 1"));
}

TEST(CodecRequestRules, S47ConnectionCannotRemoveProtectedFields) {
  ForwardInfo info = trusted();
  info.decides_by = [](const void*, std::string_view name) { return iequals(name, "X-User-Id"); };
  const std::string got = get_with(
      "Connection: close, Content-Length, Host, Cookie, X-Forwarded-For, Via, X-User-Id, "
      "X-Other\r\n"
      "Content-Length: 5\r\nCookie: a=b\r\nX-Forwarded-For: 1.1.1.1\r\nVia: 1.0 x\r\n"
      "x-user-id: 7\r\nX-Other: 1\r\n",
      info);
  for (std::string_view kept : {"Content-Length: 5", "Host: a", "Cookie: a=b", "1.1.1.1, 192.0.2.7",
                                "Via: 1.0 x", "x-user-id: 7"})
    EXPECT_TRUE(has(got, kept)) << kept;
  EXPECT_FALSE(has(got, "X-Other"));
  EXPECT_FALSE(has(got, "Connection"));
}

TEST(CodecRequestRules, ViaIsSignedOnlyWhenTheProxyHasAName) {
  EXPECT_FALSE(has(get_with("Via: 1.0 x\r\n"), "Via: 1.1"));
  ForwardInfo info = stranger();
  info.via = "edge";
  EXPECT_TRUE(has(get_with("Via: 1.0 x\r\n", info), "Via: 1.0 x\r\n"));
  EXPECT_TRUE(has(get_with("Via: 1.0 x\r\n", info), "\r\nVia: 1.1 edge\r\n"));
  EXPECT_TRUE(has(forwarded("GET / HTTP/1.0\r\n\r\n", info), "Via: 1.0 edge"));
}

TEST(CodecRequestRules, T32HopsAreCountedOn) {
  EXPECT_TRUE(has(get_with(""), "\r\nCutwater-Hops: 1\r\n"));
  const std::string got = get_with("cutwater-hops: 2, 4\r\nCutwater-Hops: 3\r\n");
  EXPECT_TRUE(has(got, "\r\nCutwater-Hops: 5\r\n")) << "two that a proxy in between has joined";
  EXPECT_EQ(count(got, "ops: "), 1U);
  EXPECT_TRUE(has(get_with("Cutwater-Hops: x\r\n"), "Cutwater-Hops: 1\r\n"));
}

TEST(CodecRequestRules, T16HostIsRewrittenFromTheAbsoluteForm) {
  const std::string got = forwarded("GET http://b:81/p HTTP/1.1\r\nHost: a\r\n\r\n", stranger());
  EXPECT_TRUE(got.starts_with("GET /p HTTP/1.1\r\nHost: b:81\r\n")) << got;
  EXPECT_TRUE(has(got, "X-Forwarded-Host: b:81"));
  EXPECT_EQ(count(got, "\r\nHost:"), 1U);
}

TEST(CodecRequestRules, AnHttp10RequestWithoutHostGetsTheEndpointsName) {
  ForwardInfo info = stranger();
  info.fallback_authority = "10.0.0.1:80";
  const std::string got = forwarded("GET / HTTP/1.0\r\n\r\n", info);
  EXPECT_TRUE(got.starts_with("GET / HTTP/1.1\r\nHost: 10.0.0.1:80\r\n"));
  EXPECT_FALSE(has(got, "Via"));
  EXPECT_FALSE(has(got, "X-Forwarded-Host"));
}

TEST(CodecRequestRules, T30AStrangersForwardingFieldsAreOverwritten) {
  const std::string got = get_with(
      "X-Forwarded-For: 9.9.9.9\r\n"
      "X-Forwarded-Proto: ftp\r\nX-Forwarded-Host: evil\r\nX-Request-ID: theirs\r\n");
  for (std::string_view gone : {"9.9.9.9", "ftp", "evil", "theirs"})
    EXPECT_FALSE(has(got, gone)) << gone << "\n" << got;
  EXPECT_TRUE(has(got, "X-Forwarded-For: 192.0.2.7\r\n"));
  EXPECT_TRUE(has(got, "X-Forwarded-Proto: https\r\n"));
  EXPECT_TRUE(has(got, "X-Request-ID: req-1\r\n"));
}

TEST(CodecRequestRules, T30ATrustedPeersForwardingFieldsAreKeptAndContinued) {
  const std::string got = get_with(
      "X-Forwarded-For: 9.9.9.9, 8.8.8.8\r\nx-forwarded-for: 7.7.7.7\r\nForwarded: for=9.9.9.9\r\n"
      "X-Real-IP: 9.9.9.9\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h\r\n",
      trusted());
  for (std::string_view kept :
       {"X-Forwarded-For: 9.9.9.9, 8.8.8.8, 7.7.7.7, 192.0.2.7\r\n", "Forwarded: for=9.9.9.9\r\n",
        "X-Real-IP: 9.9.9.9\r\n", "X-Forwarded-Proto: http\r\n", "X-Forwarded-Host: h\r\n"})
    EXPECT_TRUE(has(got, kept)) << kept << "\n" << got;
  EXPECT_EQ(count(got, "orwarded-Proto"), 1U);
}

TEST(CodecRequestRules, OnlyARequestIdOfATrustedPeerThatMayBeLoggedIsBelieved) {
  const auto believed = [](const std::string& id, bool trusted_peer) {
    const auto parsed =
        parse_request("GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: " + id + "\r\n\r\n");
    return std::string(believed_request_id(parsed.head, trusted_peer));
  };
  EXPECT_EQ(believed("id/7", true), "id/7");
  EXPECT_EQ(believed(std::string(128, 'x'), true), std::string(128, 'x'));
  EXPECT_EQ(believed("id/7", false), "");
  for (const std::string& id :
       {std::string(129, 'x'), std::string("a b"), std::string("\xff"), std::string()})
    EXPECT_EQ(believed(id, true), "") << id;
}

TEST(CodecRequestRules, AValidTraceContinuesAndABrokenOneIsRestarted) {
  const std::string valid = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const std::string state = "tracestate: a=1\r\nTracestate: b=2\r\n";
  const std::string kept = get_with("Traceparent: " + valid + "\r\n" + state);
  EXPECT_TRUE(has(kept, "traceparent: " + valid + "\r\n"));
  EXPECT_TRUE(has(kept, "tracestate: a=1\r\nTracestate: b=2\r\n"));

  const std::string twice = "traceparent: " + valid + "\r\n";
  for (const std::string& fields :
       {twice + twice, "traceparent: " + valid + "0\r\n",
        std::string("traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n"),
        std::string("traceparent: 00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01\r\n"),
        std::string("traceparent: 00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01\r\n"),
        std::string("traceparent: 01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"),
        std::string("traceparent: 00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01\r\n")}) {
    const std::string got = get_with(fields + state);
    EXPECT_EQ(count(got, "traceparent: "), 1U) << got;
    EXPECT_TRUE(has(got, stranger().traceparent)) << fields;
    EXPECT_FALSE(has(got, "a=1")) << fields;
  }
}

TEST(CodecRequestRules, T31TheOwnCookieIsTakenOutAndTheOthersKeepTheirBytes) {
  ForwardInfo info = stranger();
  info.drop_cookie = "cw";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"a=1; cw=x; b=2", "a=1; b=2"},
      {"cw=x; a=1", "a=1"},
      {"a=1; cw=x", "a=1"},
      {"a=1;cw=x;b=2", "a=1;b=2"},
      {"a=1;;cw=x;  b=\"2\"; $Version=1", "a=1;;  b=\"2\"; $Version=1"},
      {"cw=x; a=cw; cwx=1; cw=y", "a=cw; cwx=1"},
      {"a=cw=1", "a=cw=1"},
      {" cw = x; a=1", "a=1"},
      {"CW=1", "CW=1"},
  };
  for (const auto& [given, expected] : cases)
    EXPECT_TRUE(
        has(get_with("Cookie: " + given + "\r\n", info), "\r\nCookie: " + expected + "\r\n"))
        << get_with("Cookie: " + given + "\r\n", info);
  EXPECT_FALSE(has(get_with("Cookie: cw=x\r\n", info), "Cookie"));
  EXPECT_FALSE(has(get_with("Cookie: cw=x; cw=y;\r\n", info), "Cookie"));
  EXPECT_EQ(count(get_with("Cookie: cw=x\r\nCookie: a=1\r\n", info), "Cookie"), 1U);
}

TEST(CodecRequestRules, AnUpgradeCrossesAndOtherwiseUpgradeFieldsDoNot) {
  const std::string got =
      get_with("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n");
  EXPECT_TRUE(has(got, "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_TRUE(has(got, "Sec-WebSocket-Key: k"));
  const std::string h2c =
      get_with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n");
  EXPECT_FALSE(has(h2c, "pgrade"));
  EXPECT_FALSE(has(h2c, "HTTP2"));
}

TEST(CodecRequestRules, TeCrossesOnlyAsTrailers) {
  EXPECT_TRUE(has(get_with("TE: gzip, Trailers\r\nConnection: TE\r\n"),
                  "Connection: TE\r\nTE: trailers\r\n"));
  EXPECT_FALSE(has(get_with("TE: gzip\r\n"), "TE:"));
}

TEST(CodecRequestRules, T32MaxForwardsIsCountedDownForOptions) {
  EXPECT_TRUE(has(forwarded("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 5\r\n\r\n", stranger()),
                  "Max-Forwards: 4\r\n"));
  EXPECT_TRUE(has(get_with("Max-Forwards: 5\r\n"), "Max-Forwards: 5\r\n"));
}

TEST(CodecRequestRules, ExpectIsForwardedOnlyWhenTheClientWaits) {
  EXPECT_TRUE(
      has(get_with("Expect: 100-CONTINUE\r\nContent-Length: 1\r\n"), "Expect: 100-continue\r\n"));
  EXPECT_FALSE(has(get_with("Expect: 100-continue\r\n"), "Expect"));
}

TEST(CodecRequestRules, AWriterThatIsTooSmallSaysSoAtEverySize) {
  const auto parsed = parse_request("GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n");
  const std::size_t full = forwarded(*parsed.text, stranger()).size();
  for (std::size_t size = 0; size < full; ++size) {
    std::vector<char> room(size + 1, '#');
    HeadWriter out(std::span<char>(room.data(), size));
    write_upstream_request(parsed.head, stranger(), out);
    EXPECT_TRUE(out.overflow()) << size;
    EXPECT_LE(out.size(), size);
    EXPECT_EQ(room[size], '#');
  }
}

// A request smuggled through any field value would appear as a second head.
TEST(CodecRequestRules, WhatIsWrittenIsExactlyOneRequestWithTheSameFraming) {
  for (const std::string& fields :
       {std::string(""), std::string("Content-Length: 7\r\n"),
        std::string("Transfer-Encoding: chunked\r\n"),
        std::string("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        std::string("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n"),
        std::string("Expect: 100-continue\r\nContent-Length: 7\r\nTE: trailers\r\n")}) {
    const auto in = parse_request("POST /p?q HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    const auto out = parse_request(forwarded(*in.text, stranger()));
    ASSERT_EQ(out.state.kind, ParseState::Kind::Complete) << *out.text;
    EXPECT_EQ(out.state.head_bytes, out.text->size());
    EXPECT_EQ(out.head.framing, in.head.framing);
    EXPECT_EQ(out.head.content_length, in.head.content_length);
    EXPECT_EQ(out.head.target, in.head.target);
    EXPECT_EQ(out.head.upgrade, in.head.upgrade);
    EXPECT_EQ(out.head.expect_continue, in.head.expect_continue);
  }
}

}  // namespace
}  // namespace cutwater::http::test
