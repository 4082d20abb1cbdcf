// Tests section 2 of tests/HARDENING.md: start line, fields, host and target, seen from outside.
#include "tests/integration/edge_fixture.hpp"
#include "tests/support/flags.hpp"

namespace cutwater::test {
namespace {

using std::string_literals::operator""s;

Input get_with(std::string id, const std::string& fields, int status = 400, int or_status = 0) {
  return {std::move(id), kGet + fields + "\r\n", status, or_status};
}
Input host(std::string id, const std::string& value) {
  return {std::move(id), "GET /p HTTP/1.1\r\nHost: " + value + "\r\n\r\n"};
}
Input target(std::string id, const std::string& target) {
  return {std::move(id), "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"};
}
Input line(std::string id, const std::string& start, int status = 400, int or_status = 0) {
  return {std::move(id), start + "\r\nHost: a\r\n\r\n", status, or_status};
}

class BadHead : public Inputs {};

TEST_P(BadHead, IsRefusedAndNothingReachesTheUpstream) {
  RawClient client(port());
  say(client);
  expect_refusal(client.read_response());
  EXPECT_EQ(blue.connections(), 0u);
  EXPECT_TRUE(eventually([&] { return bad_requests() == 1; }));
  expect_closed_and_well(client);
}

const Input kBadHeads[] = {
    {"T01_bare_lf", "GET /p HTTP/1.1\nHost: a\n\n"},
    {"T02_one_field_ends_in_lf", "GET /p HTTP/1.1\r\nHost: a\r\nX: y\nZ: w\r\n\r\n"},
    get_with("T03_bare_cr", "X: a\rb\r\n"),
    get_with("T04_nul", "X: a\0b\r\n"s),
    get_with("T07_blank_before_colon", "X : y\r\n"),
    get_with("T08_folded", "X: y\r\n z\r\n"),
    {"T09_blank_before_first_field", "GET /p HTTP/1.1\r\n Host: a\r\n\r\n"},
    get_with("T11_no_colon", "XY\r\n"),
    {"T13_no_host", "GET /p HTTP/1.1\r\n\r\n"},
    host("T15_empty", ""),
    host("T15_userinfo", "u@a"),
    host("T15_slash", "a/b"),
    host("T15_list", "a, b"),
    host("T15_port_too_large", "a:99999"),
    host("T15_port_in_hex", "a:0x50"),
    host("T15_open_bracket", "[::1"),
    host("T15_blank", "a b"),
    host("T15_escaped_nul", "a%00"),
    {"T15_two_hosts", "GET /p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
    target("T18_fragment", "/p#f"),
    target("T19_raw_utf8", "/\xc3\xa9"),
    target("T19_quote", "/a\"b"),
    target("T19_angle", "/<b>"),
    target("T19_backslash", "/a\\b"),
    target("T19_backtick", "/a`b"),
    target("T19_brace", "/{a}"),
    line("T22_two_spaces", "GET  /p HTTP/1.1"),
    line("T22_tabs", "GET\t/p\tHTTP/1.1"),
    line("T22_leading_space", " GET /p HTTP/1.1"),
    line("T22_trailing_space", "GET /p HTTP/1.1 "),
    {"T24_five_empty_lines", "\r\n\r\n\r\n\r\n\r\n" + kGet + "\r\n"},
    {"T25_connect", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, 501},
    line("T26_trace", "TRACE /p HTTP/1.1", 405),
    line("T28_method_of_33", std::string(33, 'M') + " /p HTTP/1.1", 501),
    line("T28_http_2", "GET /p HTTP/2.0", 505),
    get_with("T32_nine_hops", "Cutwater-Hops: 9\r\n", 508),
    {"tls_hello_on_plain_port", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s},
};
INSTANTIATE_TEST_SUITE_P(T, BadHead,
                         ::testing::Combine(::testing::ValuesIn(kBadHeads),
                                            ::testing::Values(Sent::Whole, Sent::ByteByByte)),
                         name_of);

std::string fields(int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += "X-" + std::to_string(i) + ": y\r\n";
  return all;
}

const Input kTooLarge[] = {
    get_with("T29_101_fields", fields(100), 431),  // Host is one
    get_with("T29_1000_fields", fields(1000), 431),
    get_with("T29_17_KiB_field", "X: " + std::string(17 * 1024, 'x') + "\r\n", 431),
    get_with("T29_70_KiB_field", "X: " + std::string(70 * 1024, 'x') + "\r\n", 431),
    target("T29_9_KiB_target", "/" + std::string(9 * 1024, 't')),
    {"T24_1000_empty_lines",
     [] {
       std::string lines;
       for (int i = 0; i < 1000; ++i) lines += "\r\n";
       return lines;
     }()},
};
class TooLarge : public BadHead {};
TEST_P(TooLarge, IsRefusedAtTheLimit) {
  RawClient client(port());
  say(client);
  Response response = client.read_response();
  if (input().id == "T29_9_KiB_target") {
    EXPECT_EQ(response.status, 414);
    response.status = 400;
  }
  expect_refusal(response);
  EXPECT_EQ(blue.connections(), 0u);
  expect_closed_and_well(client);
}
INSTANTIATE_TEST_SUITE_P(T, TooLarge,
                         ::testing::Combine(::testing::ValuesIn(kTooLarge),
                                            ::testing::Values(Sent::Whole)),
                         name_of);

// --- legal, and how it goes on ---------------------------------------------------------------

using StartLine = Edge;

TEST_F(StartLine, T06BytesOver7fPassUnchanged) {
  EXPECT_EQ(get(port(), "/", "X: \xff\xc3\xa9\r\n").status, 200);
  EXPECT_EQ(blue.wait_for_request().field("X"), "\xff\xc3\xa9");
}

TEST_F(StartLine, T16TheTargetsAuthorityCountsAndReplacesHost) {
  FakeUpstream other;
  setup.service("other").version("only", 100, {other.port()}).route("b", "/");
  RawClient client(port());
  client.send("GET http://b/p HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  const Received got = other.wait_for_request();
  EXPECT_EQ(got.target(), "/p");
  EXPECT_EQ(got.field("Host"), "b");
  EXPECT_EQ(blue.requests(), 0u);
}

TEST_F(StartLine, T21WhatIsRoutedOnIsWhatIsForwarded) {
  FakeUpstream admin;
  setup.service("admin").version("only", 100, {admin.port()}).route("*", "/admin");
  for (const std::string path : {"/a/../admin", "/%61dmin", "/./admin", "/a/b/../../admin"}) {
    EXPECT_EQ(get(port(), path + "?q=%61").status, 200) << path;
    EXPECT_EQ(admin.wait_for_request().target(), "/admin?q=%61") << path;
  }
  EXPECT_EQ(get(port(), "/a;x/b").status, 200);
  EXPECT_EQ(blue.wait_for_request().target(), "/a;x/b");
  EXPECT_EQ(get(port(), "//p").status, 200);
  EXPECT_EQ(blue.wait_for_request().target(), "//p");
}

TEST_F(StartLine, T19WhatBrowsersLeaveRawPassesUnchanged) {
  const std::string target = "/a|b[c]^?q={|}^`\\[]";
  EXPECT_EQ(get(port(), target).status, 200);
  EXPECT_EQ(blue.wait_for_request().target(), target);
}

TEST_F(StartLine, T21AHiddenTraversalIsRefused) {
  RawClient client(port());
  client.send("GET /a/%2e%2e%2fb HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 400);
  EXPECT_EQ(blue.connections(), 0u);
  EXPECT_TRUE(eventually([&] { return bad_requests() == 1; }));
}

TEST_F(StartLine, T24AFewEmptyLinesBeforeARequestAreForgiven) {
  RawClient client(port());
  client.send("\r\n" + kGet + "\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  client.send("\r\n\r\n" + kGet + "\r\n");
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(StartLine, T28AnUnknownMethodIsTheUpstreamsBusiness) {
  RawClient client(port());
  client.send("get /p HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(blue.wait_for_request().method(), "get");
}

TEST_F(StartLine, T29TheLargestLegalHeadPasses) {
  const std::string value(15 * 1024, 'x');
  EXPECT_EQ(get(port(), "/" + std::string(100, 't'), "X: " + value + "\r\n").status, 200);
  EXPECT_EQ(blue.wait_for_request().field("X"), value);
}

const std::string kClaims =
    "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 9.9.9.9\r\n"
    "Forwarded: for=\"_x;by=y\", for=[::1\r\nX-Request-ID: mine\r\n";

TEST_F(StartLine, T30AStrangersClaimsAboutItselfAreOverwritten) {
  EXPECT_EQ(get(port(), "/", kClaims).status, 200);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.field("X-Forwarded-For"), "127.0.0.1");
  EXPECT_EQ(got.field("X-Forwarded-Proto"), "http");
  EXPECT_EQ(got.field("X-Real-IP"), "<none>");
  EXPECT_EQ(got.field("Forwarded"), "<none>");
  EXPECT_NE(got.field("X-Request-ID"), "mine");
}

TEST_F(StartLine, T30ATrustedProxysWordIsKept) {
  setup.trusted_proxies = {"127.0.0.0/8"};
  const auto answer = get(port(), "/", kClaims);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("X-Request-ID"), "mine");
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.field("X-Forwarded-For"), "9.9.9.9, 127.0.0.1");
  EXPECT_EQ(got.field("X-Forwarded-Proto"), "https");
  EXPECT_EQ(got.field("X-Request-ID"), "mine");
}

TEST_F(StartLine, AnAnswerOfTheProxyItselfNamesTheRequestToo) {
  setup.trusted_proxies = {"127.0.0.0/8"};
  RawClient client(port());
  client.send("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\nX-Request-ID: mine\r\n\r\n");
  EXPECT_EQ(client.read_response().field("X-Request-ID"), "mine");
  client.send("OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
  EXPECT_EQ(client.read_response().field("X-Request-ID").size(), 32u);
}

TEST_F(StartLine, T31OddCookiesSetNoFlagAndBreakNothing) {
  FakeUpstream green;
  setup.version("green", 0, {green.port()});
  setup.flag(flag_when("beta", config::FlagCondition::Source::Cookie, "beta", "on"));
  std::string pairs;
  for (int i = 0; i < 300; ++i) pairs += "c" + std::to_string(i) + "=v; ";
  const std::string odd[] = {"beta=",
                             "beta=\"on",
                             ";;",
                             "beta",
                             "$Version=1; $Path=/",
                             "=on",
                             "cw_shop=forged.value",
                             std::string(8 * 1024, 'x'),
                             pairs};
  for (const std::string& cookie : odd) {
    const Response response = get(port(), "/", "Cookie: " + cookie + "\r\n");
    EXPECT_EQ(response.status, 200) << cookie.substr(0, 40);
    EXPECT_EQ(response.field("Cutwater-Version"), "blue") << cookie.substr(0, 40);
  }
  EXPECT_EQ(get(port(), "/", "Cookie: a=b;;beta=on; beta=off\r\n").field("Cutwater-Version"),
            "green")
      << "the first one counts";
}

TEST_F(StartLine, T32MaxForwardsEndsHere) {
  RawClient client(port());
  client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(blue.connections(), 0u);
}

}  // namespace
}  // namespace cutwater::test
