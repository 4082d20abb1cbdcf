// Tests how an accepted request head is read.
#include "codec_support.hpp"

namespace cutwater::http::test {
namespace {

RequestHead accepted(const Parsed<RequestHead>& parsed) {
  EXPECT_EQ(parsed.state.kind, ParseState::Kind::Complete) << to_string(parsed.state.bad);
  return parsed.head;
}

TEST(CodecRequestHead, AnOrdinaryRequestIsReadIntoItsParts) {
  const auto parsed = parse_request(
      "POST /shop/cart?id=7&x=a/b HTTP/1.1\r\nHost: shop.example:8080\r\n"
      "Content-Length: 0012\r\ncookie: a=b\r\nX-Empty:\r\n\r\nbody");
  const RequestHead head = accepted(parsed);
  EXPECT_EQ(head.method, Method::Post);
  EXPECT_EQ(head.target, "/shop/cart?id=7&x=a/b");
  EXPECT_EQ(head.path, "/shop/cart");
  EXPECT_EQ(head.query, "id=7&x=a/b");
  EXPECT_EQ(head.authority, "shop.example:8080");
  EXPECT_EQ(head.host, "shop.example");
  EXPECT_EQ(head.framing, Framing::Length);
  EXPECT_EQ(head.content_length, 12U);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_FALSE(head.expect_continue);
  ASSERT_EQ(head.fields.size(), 4U);
  EXPECT_EQ(head.fields[2].id, FieldId::Cookie);
  EXPECT_EQ(head.fields[3].value, "");
  EXPECT_EQ(head.fields.find("x-EMPTY"), &head.fields[3]);
  EXPECT_EQ(parsed.state.head_bytes, parsed.text->size() - 4);
}

TEST(CodecRequestHead, EveryKnownFieldNameIsFoundInAnyCase) {
  const std::vector<std::pair<std::string_view, FieldId>> names = {
      {"Alt-Svc", FieldId::AltSvc},
      {"Cache-Control", FieldId::CacheControl},
      {"Connection", FieldId::Connection},
      {"Content-Length", FieldId::ContentLength},
      {"Content-Type", FieldId::ContentType},
      {"Cookie", FieldId::Cookie},
      {"Date", FieldId::Date},
      {"Expect", FieldId::Expect},
      {"Forwarded", FieldId::Forwarded},
      {"Host", FieldId::Host},
      {"Keep-Alive", FieldId::KeepAlive},
      {"Max-Forwards", FieldId::MaxForwards},
      {"Proxy", FieldId::Proxy},
      {"Proxy-Authenticate", FieldId::ProxyAuthenticate},
      {"Proxy-Authorization", FieldId::ProxyAuthorization},
      {"Proxy-Connection", FieldId::ProxyConnection},
      {"Set-Cookie", FieldId::SetCookie},
      {"TE", FieldId::Te},
      {"Traceparent", FieldId::Traceparent},
      {"Tracestate", FieldId::Tracestate},
      {"Trailer", FieldId::Trailer},
      {"Transfer-Encoding", FieldId::TransferEncoding},
      {"Upgrade", FieldId::Upgrade},
      {"Via", FieldId::Via},
      {"Cutwater-Hops", FieldId::CutwaterHops},
      {"X-Forwarded-For", FieldId::XForwardedFor},
      {"X-Forwarded-Host", FieldId::XForwardedHost},
      {"X-Forwarded-Proto", FieldId::XForwardedProto},
      {"X-Real-IP", FieldId::XRealIp},
      {"X-Request-ID", FieldId::XRequestId}};
  for (const auto& [name, id] : names) {
    std::string upper(name);
    std::string lower(name);
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return static_cast<char>(std::toupper(c)); });
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    EXPECT_EQ(field_id(name), id) << name;
    EXPECT_EQ(field_id(upper), id) << upper;
    EXPECT_EQ(field_id(lower), id) << lower;
    lower.back() = '!';
    EXPECT_EQ(field_id(lower), FieldId::Other) << lower;
    lower.back() = name.back();
    lower.front() = '!';
    EXPECT_EQ(field_id(lower), FieldId::Other) << lower;
  }
}

TEST(CodecRequestHead, S14UnderscoreTwinsOfFramingAndTrustFieldsAreMarked) {
  const auto parsed = parse_request(
      "GET / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent_Length: 9\r\n"
      "X_Forwarded_For: 1.2.3.4\r\nX-Forwarded_Proto: https\r\nHo_st: b\r\nX_Real_IP: 1\r\n"
      "my_field: 1\r\nContent_Type: t\r\n\r\n");
  const RequestHead head = accepted(parsed);
  EXPECT_EQ(head.framing, Framing::None);
  for (std::size_t i = 1; i <= 6; ++i)
    EXPECT_EQ(head.fields[i].id, FieldId::Disguised) << head.fields[i].name;
  EXPECT_EQ(head.fields[7].id, FieldId::Other);
  EXPECT_EQ(head.fields[8].id, FieldId::Other);
}

TEST(CodecRequestHead, T16TheAbsoluteFormTargetOverridesHost) {
  const auto parsed = parse_request("GET HTTP://b.example:81/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
  const RequestHead head = accepted(parsed);
  EXPECT_EQ(head.authority, "b.example:81");
  EXPECT_EQ(head.host, "b.example");
  EXPECT_EQ(head.target, "/p?q");
  EXPECT_EQ(head.query, "q");
}

TEST(CodecRequestHead, AnAbsoluteFormWithoutPathMeansTheRootOrForOptionsTheServer) {
  const auto get = parse_request("GET https://b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(accepted(get).target, "/");
  EXPECT_EQ(accepted(get).path, "/");
  const auto options = parse_request("OPTIONS http://b HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(accepted(options).target, "*");
}

TEST(CodecRequestHead, TheColonOfAnEmptyPortIsNotPartOfTheAuthority) {
  const auto parsed = parse_request("GET / HTTP/1.1\r\nHost: [::1]:\r\n\r\n");
  EXPECT_EQ(accepted(parsed).authority, "[::1]");
  EXPECT_EQ(accepted(parsed).host, "[::1]");
}

TEST(CodecRequestHead, AHeadParsedIntoAUsedHeadKeepsNothingOfTheOldOne) {
  const std::string first =
      "OPTIONS http://b/p?q HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\nContent-Length: 4\r\n"
      "Expect: 100-continue\r\nConnection: close, x\r\n\r\n";
  const std::string second = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  RequestHead head;
  HeadScanner scanner;
  ASSERT_EQ(scanner.parse_request(first, {}, head).kind, ParseState::Kind::Complete);
  EXPECT_EQ(head.max_forwards, 3U);
  EXPECT_TRUE(head.connection_names);
  scanner.reset();
  ASSERT_EQ(scanner.parse_request(second, {}, head).kind, ParseState::Kind::Complete);
  EXPECT_EQ(describe(head), describe(parse_request(second).head));
  EXPECT_EQ(head.max_forwards, std::nullopt);
  EXPECT_FALSE(head.connection_names);
}

struct KeepAliveCase {
  std::string version;
  std::string fields;
  bool keep;
};
TEST(CodecRequestHead, TheConnectionPersistsAsTheClientAsks) {
  const std::vector<KeepAliveCase> cases = {
      {"1.1", "", true},
      {"1.1", "Connection: close\r\n", false},
      {"1.1", "Connection: x,, CLOSE\r\n", false},
      {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
      {"1.1", "Connection: not-close\r\n", true},
      {"1.0", "", false},
      {"1.0", "Connection: Keep-Alive\r\n", true},
      {"1.0", "Connection: keep-alive, close\r\n", false},
      {"1.0", "Proxy-Connection: keep-alive\r\n", false}};
  for (const auto& c : cases) {
    const auto parsed =
        parse_request("GET / HTTP/" + c.version + "\r\nHost: a\r\n" + c.fields + "\r\n");
    EXPECT_EQ(accepted(parsed).keep_alive, c.keep) << c.version << " " << c.fields;
  }
}

TEST(CodecRequestHead, S42ExpectContinueCountsOnlyWithABodyAndHttp11) {
  const auto expects = [](const std::string& version, const std::string& fields) {
    return accepted(parse_request("POST / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n"))
        .expect_continue;
  };
  EXPECT_TRUE(expects("1.1", "Expect: 100-Continue\r\nContent-Length: 5\r\n"));
  EXPECT_TRUE(expects("1.1", "Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(expects("1.1", "Expect: 100-continue\r\n"));
  EXPECT_FALSE(expects("1.1", "Expect: 100-continue\r\nContent-Length: 0\r\n"));
  EXPECT_FALSE(expects("1.0", "Expect: 100-continue\r\nContent-Length: 5\r\n"));
}

TEST(CodecRequestHead, S45AnUpgradeIsFollowedOnlyWhereItIsUnambiguous) {
  const auto upgrade = [](const std::string& start, const std::string& fields) {
    const auto parsed = parse_request(start + "\r\nHost: a\r\n" + fields + "\r\n");
    return std::string(accepted(parsed).upgrade);
  };
  const std::string get = "GET / HTTP/1.1";
  const std::string ws = "Upgrade: websocket\r\n";
  EXPECT_EQ(upgrade(get, "Connection: keep-alive, Upgrade\r\n" + ws), "websocket");
  EXPECT_EQ(upgrade(get, "Connection: upgrade\r\nContent-Length: 0\r\n" + ws), "websocket");
  EXPECT_EQ(upgrade(get, ws), "") << "no Connection option";
  EXPECT_EQ(upgrade(get, "Connection: Upgrade\r\n"), "") << "no protocol";
  EXPECT_EQ(upgrade("POST / HTTP/1.1", "Connection: Upgrade\r\n" + ws), "");
  EXPECT_EQ(upgrade("GET / HTTP/1.0", "Connection: Upgrade\r\n" + ws), "");
  EXPECT_EQ(upgrade("POST / HTTP/1.1", "Content-Length: 5\r\n" + ws), "");
  const std::string other = "Connection: Upgrade\r\nUpgrade: spdy/3\r\n";
  EXPECT_EQ(upgrade(get, other), "spdy/3");
  EXPECT_EQ(upgrade(get, other + "Content-Length: 5\r\n"), "") << "the body is the request's";
}

TEST(CodecRequestHead, TlsIsNeverFollowed) {
  const auto get = parse_request(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2, websocket\r\n\r\n");
  EXPECT_EQ(accepted(get).upgrade, "websocket") << "what is encrypted could not be split";
  const auto post = parse_request(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n"
      "Content-Length: 2\r\n\r\n");
  EXPECT_EQ(accepted(post).upgrade, "");
  EXPECT_EQ(post.head.content_length, 2U);
}

TEST(CodecRequestHead, H2cIsNeverFollowedAndNoReasonToRefuseABody) {
  const auto posted = parse_request(
      "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABk\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(accepted(posted).upgrade, "");
  const auto list = parse_request(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket/13\r\n\r\n");
  EXPECT_EQ(accepted(list).upgrade, "websocket/13");
}

TEST(CodecRequestHead, T32MaxForwardsCountsForOptionsOnly) {
  const auto options = parse_request("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
  EXPECT_EQ(accepted(options).max_forwards, 0U);
  const auto huge =
      parse_request("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 99999999999\r\n\r\n");
  EXPECT_EQ(accepted(huge).max_forwards, 4294967295U);
  const auto get = parse_request("GET / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
  EXPECT_EQ(accepted(get).max_forwards, std::nullopt);
}

TEST(CodecRequestHead, TheConfiguredLimitsAreKeptToTheByte) {
  const std::string text = "GET /0123 HTTP/1.1\r\nHost: a\r\nB: c\r\n\r\n";
  const auto with = [&text](HeadLimits limits) {
    return read_every_way(RequestReader{limits}, text);
  };
  EXPECT_EQ(with({text.size(), 2, 5}).kind, ParseState::Kind::Complete);
  EXPECT_EQ(with({text.size() - 1, 2, 5}).status, 431);
  EXPECT_EQ(with({text.size(), 1, 5}).status, 431);
  EXPECT_EQ(with({text.size(), 2, 4}).status, 414);
}

// Beside the target a start line has room for method, spaces and version: 48 bytes.
TEST(CodecRequestHead, T29AStartLineWithoutEndIsWaitedForUpToItsLimit) {
  RequestReader reader;
  reader.limits.target_bytes = 100;
  const auto verdict = [&reader](std::size_t size, const std::string& end) {
    return read_every_way(reader, "GET /" + std::string(size - 5, 'x') + end).bad;
  };
  EXPECT_EQ(verdict(148, ""), BadHead::None) << "still waiting";
  EXPECT_EQ(verdict(147, "\r\n\r\n"), BadHead::StartLine) << "read, and found wanting";
  EXPECT_EQ(verdict(149, ""), BadHead::TargetTooLong);
  EXPECT_EQ(verdict(148, "\r\n\r\n"), BadHead::TargetTooLong);
}

TEST(CodecRequestHead, OnlyConnectionOptionsThatNameFieldsAreLookedUpLater) {
  const auto names = [](const std::string& options) {
    return accepted(
               parse_request("GET / HTTP/1.1\r\nHost: a\r\nConnection: " + options + "\r\n\r\n"))
        .connection_names;
  };
  EXPECT_FALSE(names("close, Keep-Alive, UPGRADE, TE"));
  EXPECT_TRUE(names("close, X-Hop"));
}

TEST(CodecRequestHead, S24PipelinedBytesBehindTheHeadAreLeftAlone) {
  const std::string one = "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string both = one + "GET /2 HTTP/1.1\r\nHost: b\r\n\r\n";
  RequestHead head;
  HeadScanner scanner;
  const ParseState first = scanner.parse_request(both, {}, head);
  ASSERT_EQ(first.head_bytes, one.size());
  EXPECT_EQ(head.path, "/1");
  EXPECT_EQ(head.fields.size(), 1U);
  scanner.reset();
  const std::string rest = both.substr(first.head_bytes);
  ASSERT_EQ(scanner.parse_request(rest, {}, head).kind, ParseState::Kind::Complete);
  EXPECT_EQ(head.path, "/2");
  EXPECT_EQ(head.authority, "b");
}

}  // namespace
}  // namespace cutwater::http::test
