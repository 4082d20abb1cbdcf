// Tests what a client gets to see of a response, and the proxy's own replies.
#include "codec_support.hpp"

namespace cutwater::http::test {
namespace {

std::string answered(const std::string& response, const ResponseExtras& extras,
                     Method method = Method::Get) {
  const auto parsed = parse_response(response, method);
  EXPECT_EQ(parsed.state.kind, ParseState::Kind::Complete) << to_string(parsed.state.bad);
  std::array<char, 4096> room{};
  HeadWriter out(room);
  write_downstream_response(parsed.head, extras, out);
  EXPECT_FALSE(out.overflow());
  return std::string(out.text());
}
bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

const std::string kOk = "HTTP/1.1 200 OK\r\n";
const std::string kLength = "Content-Length: 5\r\n";

TEST(CodecResponseRules, AnOrdinaryResponseGoldenText) {
  ResponseExtras extras;
  extras.set_cookie = "cw=1; Path=/";
  extras.version_header = "X-Version";
  extras.version = "green";
  extras.request_id = "req-1";
  extras.date = "Mon, 23 Nov 2026 15:00:00 GMT";
  EXPECT_EQ(
      answered("HTTP/1.0 200 Fine\r\nServer: x\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\n"
               "Keep-Alive: 5\r\nProxy-Authenticate: x\r\nProxy-Status: x\r\nTrailer: "
               "x\r\nUpgrade: h2c\r\n"
               "Alt-Svc: h3=\":443\"\r\nx-version: blue\r\nSet-Cookie: a=b\r\nContent-Length: "
               "05\r\n\r\n",
               extras),
      "HTTP/1.1 200 Fine\r\nServer: x\r\nSet-Cookie: a=b\r\n"
      "Date: Mon, 23 Nov 2026 15:00:00 GMT\r\nX-Request-ID: req-1\r\nX-Version: green\r\n"
      "Set-Cookie: cw=1; Path=/\r\nCache-Control: private\r\nContent-Length: 5\r\n\r\n");
}

TEST(CodecResponseRules, AnUpstreamsOwnDateRequestIdAndCachePolicyStay) {
  ResponseExtras extras;
  extras.set_cookie = "cw=1";
  extras.request_id = "ours";
  extras.date = "ours";
  const std::string got =
      answered(kOk + "date: theirs\r\nx-request-id: theirs\r\ncache-control: max-age=60\r\n" +
                   kLength + "\r\n",
               extras);
  EXPECT_FALSE(has(got, "ours"));
  EXPECT_FALSE(has(got, "private"));
  EXPECT_TRUE(has(got, "cache-control: max-age=60"));
}

TEST(CodecResponseRules, TheConnectionFieldTellsTheClientWhatHappens) {
  const std::string response = kOk + kLength + "\r\n";
  EXPECT_FALSE(has(answered(response, {}), "Connection"));
  EXPECT_TRUE(has(answered(response, {.keep_alive = false}), "Connection: close\r\n"));
  EXPECT_TRUE(has(answered(response, {.client_minor_version = 0}), "Connection: keep-alive\r\n"));
}

TEST(CodecResponseRules, ExactlyOneFramingIsWritten) {
  const std::string chunked = answered(kOk + "\r\n", {.chunked = true});
  EXPECT_TRUE(has(chunked, "Transfer-Encoding: chunked\r\n"));
  EXPECT_FALSE(has(answered(kOk + kLength + "\r\n", {.chunked = true}), "Content-Length"));
  EXPECT_TRUE(has(answered(kOk + kLength + "\r\n", {}, Method::Head), kLength));
  EXPECT_TRUE(has(answered("HTTP/1.1 304 Not Modified\r\n" + kLength + "\r\n", {}), kLength));
  EXPECT_FALSE(
      has(answered("HTTP/1.1 204 No Content\r\n" + kLength + "\r\n", {}), "Content-Length"));
  EXPECT_FALSE(has(answered(kOk + "Transfer-Encoding: chunked\r\n\r\n", {}), "Transfer-Encoding"));
}

TEST(CodecResponseRules, ASwitchOfProtocolsKeepsItsUpgrade) {
  EXPECT_EQ(
      answered("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nUPGRADE: websocket\r\n"
               "Sec-WebSocket-Accept: k\r\n\r\n",
               {.keep_alive = false}),
      "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: k\r\nConnection: Upgrade\r\n"
      "Upgrade: websocket\r\n\r\n");
}

TEST(CodecResponseRules, ConnectionCannotRemoveTheUpstreamsCookies) {
  EXPECT_TRUE(
      has(answered(kOk + "Connection: Set-Cookie\r\nSet-Cookie: a=b\r\n" + kLength + "\r\n", {}),
          "Set-Cookie: a=b"));
}

TEST(CodecResponseRules, AnInterimResponseHasFieldsButNoFraming) {
  const auto parsed = parse_response(
      "HTTP/1.1 103\r\nLink: </a.css>\r\nConnection: x\r\nX: 1\r\nContent-Length: 0\r\n\r\n");
  std::array<char, 512> room{};
  HeadWriter out(room);
  write_informational(parsed.head, out);
  EXPECT_EQ(out.text(), "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n");
}

std::string local(int status, std::string_view body, bool keep_alive, bool head_request) {
  std::array<char, 512> room{};
  HeadWriter out(room);
  write_local_reply({status, body, keep_alive, head_request}, out);
  return std::string(out.text());
}

TEST(CodecLocalReply, CarriesItsLengthAndIsNotCached) {
  EXPECT_EQ(local(404, "no route\n", true, false),
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Cache-Control: no-store\r\nContent-Length: 9\r\n\r\nno route\n");
}

TEST(CodecLocalReply, AHeadRequestGetsTheLengthWithoutTheBody) {
  const std::string got = local(502, "upstream\n", false, true);
  EXPECT_TRUE(has(got, "Content-Length: 9\r\n"));
  EXPECT_TRUE(has(got, "Connection: close\r\n"));
  EXPECT_TRUE(got.ends_with("\r\n\r\n"));
}

TEST(CodecLocalReply, NamesTheRequest) {
  std::array<char, 512> room{};
  HeadWriter out(room);
  write_local_reply({503, "busy\n", true, false, "req-1"}, out);
  EXPECT_TRUE(has(std::string(out.text()), "X-Request-ID: req-1\r\n"));
}

TEST(CodecLocalReply, T26MethodNotAllowedSaysWhichAre) {
  EXPECT_TRUE(has(local(405, "", false, false), "Allow: GET, "));
}

TEST(CodecLocalReply, AContinueIsABareHead) {
  EXPECT_EQ(local(100, "", true, false), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(CodecLocalReply, KnowsThePhrasesOfTheRegistry) {
  EXPECT_EQ(reason_phrase(100), "Continue");
  EXPECT_EQ(reason_phrase(431), "Request Header Fields Too Large");
  EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
  EXPECT_EQ(reason_phrase(299), "");
  EXPECT_EQ(reason_phrase(599), "");
}

TEST(CodecLocalReply, EveryReplyReadsBackAsOneResponse) {
  for (int status = 200; status < 600; ++status) {
    const auto parsed = parse_response(local(status, "x", true, false));
    ASSERT_EQ(parsed.state.kind, ParseState::Kind::Complete) << status;
    EXPECT_TRUE(parsed.head.keep_alive) << status;
    const std::size_t body =
        parsed.head.framing == Framing::Length ? parsed.head.content_length : 0;
    EXPECT_EQ(parsed.state.head_bytes + body, parsed.text->size()) << status;
  }
}

}  // namespace
}  // namespace cutwater::http::test
