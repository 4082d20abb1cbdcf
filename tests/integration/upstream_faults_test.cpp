// Tests section 5 of tests/HARDENING.md, what an HTTP/1 upstream may do wrong before or inside a
// response: the client gets a clean 502 or sees the truncation, the connection is not used again,
// the version is charged.
#include <gmock/gmock.h>

#include "tests/integration/upstream_support.hpp"

namespace cutwater::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class UpstreamFaults : public UpstreamTest {
 protected:
  // The upstream answers with exactly these bytes; the client must get 502 and may go on.
  void expect_502(const std::string& bytes, Outcome outcome = Outcome::Protocol) {
    SCOPED_TRACE(bytes.substr(0, 80));
    blue.answer_raw(bytes);
    setup.timeouts().response_head = 2s;
    start();
    RawClient client(proxy->port());
    client.send(kGet);
    EXPECT_EQ(client.read_response().status, 502);
    expect_recorded(outcome);
    expect_upstream_discarded();
    expect_usable(client);
    EXPECT_EQ(blue.connections(), 2u);
  }
  // The head reaches the client, its body is cut, and the client can tell.
  void expect_truncated(Outcome outcome) {
    start();
    RawClient client(proxy->port());
    client.send(kGet);
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_FALSE(response.complete);
    expect_recorded(outcome);
    EXPECT_EQ(proxy->of("blue").code_class[2], 1u);
    expect_upstream_discarded();
  }
};

// --- U01, U02, U03: cut short ---------------------------------------------------------------

TEST_F(UpstreamFaults, U01ResetInsideTheStatusLineIs502) {
  blue.reset_after("HTTP/1.1 20");
  start();
  EXPECT_EQ(get(proxy->port()).status, 502);
  expect_recorded(Outcome::Reset);
  expect_upstream_discarded();
}

TEST_F(UpstreamFaults, U01CloseInsideTheHeadersIs502) {
  blue.close_after("HTTP/1.1 200 OK\r\nContent-Len");
  start();
  EXPECT_EQ(get(proxy->port()).status, 502);
  expect_recorded(Outcome::Reset);
  EXPECT_EQ(proxy->of("blue").code_class[0], 1u) << "no status came";
}

TEST_F(UpstreamFaults, U01PostIsNotSentAgain) {
  FakeUpstream other;
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port(), other.port()});
  blue.reset_without_answer();
  other.reset_without_answer();
  start();
  RawClient client(proxy->port());
  client.send(post("hello"));
  EXPECT_EQ(client.read_response().status, 502);
  expect_recorded(Outcome::Reset);
  EXPECT_EQ(blue.requests() + other.requests(), 1u);
}

TEST_F(UpstreamFaults, U02ShortBodyThenFinIsVisible) {
  blue.close_after("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(50, 'x'));
  expect_truncated(Outcome::Reset);
}

TEST_F(UpstreamFaults, U02ShortBodyThenRstIsVisible) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + std::string(50, 'x'));
    connection.wait_for_release();
    connection.reset();
  });
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  const Response head = client.read_response_head();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(client.reader().read_exactly(50), std::string(50, 'x'));
  blue.release();
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::Reset);
  expect_upstream_discarded();
}

TEST_F(UpstreamFaults, U03ChunkedWithoutLastChunkIsVisible) {
  for (const bool reset : {false, true}) {
    FakeUpstream green;
    const std::string part = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n";
    green.on_request([=](const Received&, UpstreamConnection& connection) {
      connection.send(part);
      connection.wait_for_release();
      reset ? connection.reset() : connection.close();
    });
    ProxySetup own;
    own.version("green", 100, {green.port()});
    Proxy own_proxy(own);
    RawClient client(own_proxy.port());
    client.send(kGet);
    EXPECT_EQ(client.read_response_head().status, 200);
    EXPECT_EQ(client.reader().read_chunk(), "hello");
    green.release();
    const auto [rest, end] = client.reader().read_to_end();
    EXPECT_EQ(rest, "") << "no last chunk may be made up";
    EXPECT_EQ(end, TcpStream::End::Reset);
    EXPECT_TRUE(eventually([&] { return own_proxy.outcomes("green", Outcome::Reset) == 1; }));
  }
}

// The head and then nothing come at once: nothing has reached the client yet, so it gets an answer.
TEST_F(UpstreamFaults, CloseRightBehindTheHeadIs502) {
  blue.close_after("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  const Response response = client.read_response();
  // The FIN may come a moment after the head; then the truncation is visible instead.
  EXPECT_TRUE(response.status == 502 || (response.status == 200 && !response.complete))
      << response.status;
  expect_recorded(Outcome::Reset);
}

TEST_F(UpstreamFaults, BrokenChunkRightBehindTheHeadIs502) {
  expect_502("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n");
}

TEST_F(UpstreamFaults, BrokenChunkLaterIsVisible) {
  start();
  RawClient client(proxy->port());
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    connection.wait_for_release();
    connection.send("5\r\nhelloXX");
    connection.wait_for_end();
  });
  client.send(kGet);
  EXPECT_EQ(client.read_response_head().status, 200);
  EXPECT_EQ(client.reader().read_chunk(), "hello");
  blue.release();
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::Protocol);
}

// --- U06, U07, U08, U17: heads that are none ------------------------------------------------

TEST_F(UpstreamFaults, U06LengthAndChunkedTogetherIs502) {
  expect_502("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST_F(UpstreamFaults, U07TwoDifferentLengthsAre502) {
  expect_502("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!");
}

TEST_F(UpstreamFaults, U07InvalidLengthIs502) {
  expect_502("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello");
}

TEST_F(UpstreamFaults, U08NulInAValueIs502) {
  expect_502("HTTP/1.1 200 OK\r\nX: a" + std::string(1, '\0') + "b\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(UpstreamFaults, U08BareCrInAValueIs502) {
  expect_502("HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: evil=1\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(UpstreamFaults, U08BareLfInAHeadIs502) {
  expect_502("HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: evil=1\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(UpstreamFaults, U17HugeHeadIs502) {
  expect_502("HTTP/1.1 200 OK\r\nX: " + std::string(70 * 1024, 'x') + "\r\n\r\n",
             Outcome::TooLarge);
}

TEST_F(UpstreamFaults, U17ThousandFieldsAre502) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 1000; ++i) head += "X-" + std::to_string(i) + ": y\r\n";
  expect_502(head + "Content-Length: 0\r\n\r\n", Outcome::TooLarge);
}

std::string answer_of(int fields) {
  std::string head = "HTTP/1.1 200 OK\r\n";
  for (int i = 1; i < fields; ++i) head += "X-" + std::to_string(i) + ": y\r\n";
  return head + "Content-Length: 0\r\n\r\n";
}

TEST_F(UpstreamFaults, U17ManyFieldsPassUpToTheLimitOfResponses) {
  setup.limits.header_fields = 8;  // of requests
  blue.answer_raw(answer_of(256));
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().status, 200);
  expect_recorded(Outcome::Success);
}

TEST_F(UpstreamFaults, U17WhatOnlyWeFindTooLargeIsNotTheVersionsFault) {
  setup.limits.response_fields = 20;
  expect_502(answer_of(21), Outcome::TooLarge);
}

TEST_F(UpstreamFaults, U17LongReasonDoesNoHarm) {
  blue.answer_raw("HTTP/1.1 200 " + std::string(16 * 1024, 'r') +
                  "\r\nContent-Length: 2\r\n\r\nok");
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  const int status = client.read_response().status;
  EXPECT_TRUE(status == 200 || status == 502);
  expect_usable(client);
}

TEST_F(UpstreamFaults, NotHttpAtAllIs502) {
  expect_502("SSH-2.0-OpenSSH_9.2\r\n\r\n");
}

// --- U10, U11: interim responses ------------------------------------------------------------

TEST_F(UpstreamFaults, U10SwitchingProtocolsUnaskedIs502) {
  expect_502("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
}

TEST_F(UpstreamFaults, U10SwitchingToAnotherProtocolIs502) {
  blue.answer_raw("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n");
  start();
  RawClient client(proxy->port());
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 502);
  expect_recorded(Outcome::Protocol);
  expect_upstream_discarded();
}

TEST_F(UpstreamFaults, U11TenInterimHeadsPassTheEleventhIs502) {
  std::string flood;
  for (int i = 0; i < 100'000; ++i) flood += "HTTP/1.1 103 Early Hints\r\n\r\n";
  blue.answer_raw(flood);
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.read_response().status, 103);
  EXPECT_EQ(client.read_response().status, 502);
  expect_recorded(Outcome::Protocol);
  expect_upstream_discarded();
}

TEST_F(UpstreamFaults, U11InterimHeadsGoOnToTheClientInOrder) {
  blue.answer_raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
                  ok("hello"));
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().status, 100);
  const Response hints = client.read_response();
  EXPECT_EQ(hints.status, 103);
  EXPECT_EQ(hints.field("Link"), "</a>");
  EXPECT_EQ(client.read_response().body, "hello");
  expect_recorded(Outcome::Success);
  expect_upstream_pooled();
}

TEST_F(UpstreamFaults, U11InterimHeadsNeverReachAnOldClient) {
  blue.answer_raw("HTTP/1.1 103 Early Hints\r\n\r\n" + ok("hello"));
  start();
  RawClient client(proxy->port());
  client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.read_until_close(), Not(HasSubstr("103")));
}

TEST_F(UpstreamFaults, U11InterimHeadWithLengthIs502) {
  expect_502("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\nhello" + ok("x"));
}

TEST_F(UpstreamFaults, U11InterimThenFinIs502) {
  blue.close_after("HTTP/1.1 103 Early Hints\r\n\r\n");
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().status, 103);
  EXPECT_EQ(client.read_response().status, 502);
  expect_recorded(Outcome::Reset);
}

// --- U13, U15: where a body ends ------------------------------------------------------------

TEST_F(UpstreamFaults, U13BodyBytesBehindAHeadResponseAreDropped) {
  blue.answer_raw(ok("hello"));
  start();
  RawClient client(proxy->port());
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  const Response response = client.read_response(RawClient::To::Head);
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("Content-Length"), "5");
  expect_upstream_discarded();
  expect_usable(client);  // not "hello" in front of it
}

TEST_F(UpstreamFaults, U13SoAreThoseBehind204And304) {
  for (const std::string status : {"204 No Content", "304 Not Modified"}) {
    FakeUpstream green;
    green.answer_raw("HTTP/1.1 " + status + "\r\n\r\nhello");
    ProxySetup own;
    own.version("green", 100, {green.port()});
    Proxy own_proxy(own);
    RawClient client(own_proxy.port());
    client.send(kGet);
    EXPECT_EQ(client.read_response().status, std::stoi(status));
    EXPECT_TRUE(eventually([&] { return own_proxy.totals().upstream_open == 0; })) << status;
    green.answer(200, "next");
    client.send(kGet);
    EXPECT_EQ(client.read_response().body, "next");
  }
}

TEST_F(UpstreamFaults, BytesBehindACompleteResponseCostTheConnection) {
  blue.answer_raw(ok("hello") + "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().body, "hello");
  expect_upstream_discarded();
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Desync) == 1; }));
  EXPECT_EQ(proxy->outcomes("blue", Outcome::Success), 1u) << "the answer itself was right";
  expect_usable(client);
}

TEST_F(UpstreamFaults, BytesBehindABodyThatCameLaterDoSoToo) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    connection.wait_for_release();
    connection.send("helloHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  });
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response_head().status, 200);
  blue.release();
  EXPECT_EQ(client.reader().read_exactly(5), "hello");
  expect_upstream_discarded();
  expect_usable(client);
}

TEST_F(UpstreamFaults, U15OldServerWithoutLengthBecomesChunked) {
  blue.close_after("HTTP/1.0 200 OK\r\n\r\nhello");
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  const Response response = client.read_response();
  EXPECT_EQ(response.field("Transfer-Encoding"), "chunked");
  EXPECT_EQ(response.body, "hello");
  EXPECT_TRUE(response.complete);
  expect_recorded(Outcome::Success);
  expect_upstream_discarded();
  expect_usable(client);
}

TEST_F(UpstreamFaults, U15ToAnOldClientTheEndIsTheClose) {
  blue.close_after("HTTP/1.0 200 OK\r\n\r\nhello");
  start();
  RawClient client(proxy->port());
  client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
  const auto [bytes, end] = client.reader().read_to_end();
  EXPECT_TRUE(bytes.ends_with("\r\n\r\nhello")) << bytes;
  EXPECT_THAT(bytes, Not(HasSubstr("chunked")));
  EXPECT_EQ(end, TcpStream::End::Fin);
  expect_recorded(Outcome::Success);
}

}  // namespace
}  // namespace cutwater::test
