// Tests the termination table of proxy/README.md, with one test per cell: depending on who ended
// first, and whether the response head had gone out, what does the client see, which connection
// lives on, and what is recorded? Retries have a test of their own (upstream_retry_test.cpp): here
// a version has one endpoint.
#include <gmock/gmock.h>

#include "tests/integration/upstream_support.hpp"

namespace cutwater::test {
namespace {

using testing::HasSubstr;

class Termination : public UpstreamTest {
 protected:
  // The upstream holds the request until the test releases it, then answers.
  void answer_when_released() {
    blue.on_request([](const Received&, UpstreamConnection& connection) {
      connection.wait_for_release();
      connection.answer(200, "hello");
    });
  }
  // The upstream sends the head and half of the body, then waits.
  void stop_half_way() {
    blue.on_request([](const Received&, UpstreamConnection& connection) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
      connection.wait_for_release();
      connection.send("world");
    });
  }
  // Returns a client that has sent its request, which has reached the upstream.
  std::unique_ptr<RawClient> waiting_client() {
    auto client = std::make_unique<RawClient>(proxy->port());
    client->send(kGet);
    blue.wait_for_request();
    return client;
  }
  std::unique_ptr<RawClient> client_half_way() {
    auto client = waiting_client();
    EXPECT_EQ(client->read_response_head().status, 200);
    EXPECT_EQ(client->reader().read_exactly(5), "hello");
    return client;
  }
};

// --- the client, by FIN ---------------------------------------------------------------------

TEST_F(Termination, ClientFinBeforeTheHead) {  // U22: a half-close is not an abort
  answer_when_released();
  start();
  auto client = waiting_client();
  client->half_close();
  blue.release();
  const Response response = client->read_response();
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Fin);
  expect_recorded(Outcome::Success);
  expect_upstream_pooled();
}

TEST_F(Termination, ClientFinBehindTheHead) {
  stop_half_way();
  start();
  auto client = client_half_way();
  client->half_close();
  blue.release();
  EXPECT_EQ(client->reader().read_exactly(5), "world");
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Fin);
  expect_recorded(Outcome::Success);
  expect_upstream_pooled();
}

TEST_F(Termination, ClientFinInsideItsBody) {
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  client.half_close();
  EXPECT_NE(client.how_it_ends(), TcpStream::End::Open);
  EXPECT_TRUE(eventually([&] { return proxy->totals().client_aborts == 1; }));
  EXPECT_EQ(proxy->of("blue").attempts(), 0u);
  for (const Received& request : blue.received()) EXPECT_FALSE(request.body_complete);
  expect_upstream_discarded();
}

// The version answered early and is still sending when the rest of the request fails to come, which
// is not its fault.
TEST_F(Termination, ClientFinInsideItsBodyBehindTheHead) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    connection.wait_for_end();
  });
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  EXPECT_EQ(client.reader().read_exactly(5), "hello");
  client.half_close();
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::ClientAbort);
  expect_upstream_discarded();
}

// --- the client, by RST ---------------------------------------------------------------------

TEST_F(Termination, ClientRstBeforeTheHead) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_end();  // the proxy must give up, not wait for the answer
  });
  start();
  auto client = waiting_client();
  client->reset();
  expect_recorded(Outcome::ClientAbort);
  expect_upstream_discarded();
  EXPECT_EQ(proxy->totals().client_aborts, 1u);
  EXPECT_EQ(blue.requests(), 1u) << "not sent again";
  EXPECT_TRUE(eventually([&] { return proxy->totals().downstream_open == 0; }));
}

TEST_F(Termination, ClientRstBehindTheHead) {
  stop_half_way();
  start();
  auto client = client_half_way();
  client->reset();
  expect_recorded(Outcome::ClientAbort);
  expect_upstream_discarded();
  EXPECT_EQ(proxy->totals().client_aborts, 1u);
}

TEST_F(Termination, ClientRstInsideItsBody) {
  blue.on_head([](const Received&, UpstreamConnection& connection) { connection.wait_for_end(); });
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  blue.wait_for_request();
  client.reset();
  expect_recorded(Outcome::ClientAbort);
  expect_upstream_discarded();
}

TEST_F(Termination, ClientRstWhileConnecting) {
  SilentPort silent;
  setup = ProxySetup();
  setup.version("blue", 100, {silent.port()});
  setup.timeouts().connect = 10s;
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 1; }));
  client.reset();
  expect_recorded(Outcome::ClientAbort);  // long before the connect times out
  expect_upstream_discarded();
}

// --- the upstream, by FIN and RST -----------------------------------------------------------

TEST_F(Termination, UpstreamFinBeforeTheHead) {
  blue.close_without_answer();
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().status, 502);
  expect_recorded(Outcome::Reset);
  expect_upstream_discarded();
  expect_usable(client);
}

TEST_F(Termination, UpstreamRstBeforeTheHead) {
  blue.reset_without_answer();
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().status, 502);
  expect_recorded(Outcome::Reset);
  expect_upstream_discarded();
  expect_usable(client);
}

TEST_F(Termination, UpstreamFinBehindTheHead) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    connection.wait_for_release();
    connection.close();
  });
  start();
  auto client = client_half_way();
  blue.release();
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::Reset);
  expect_upstream_discarded();
}

TEST_F(Termination, UpstreamRstBehindTheHead) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    connection.wait_for_release();
    connection.reset();
  });
  start();
  auto client = client_half_way();
  blue.release();
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::Reset);
  expect_upstream_discarded();
}

TEST_F(Termination, UpstreamFinIsTheEndOfACloseDelimitedBody) {
  blue.close_after("HTTP/1.1 200 OK\r\n\r\nhello");
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  const Response response = client.read_response();
  EXPECT_EQ(response.body, "hello");
  EXPECT_TRUE(response.complete);
  expect_recorded(Outcome::Success);
  expect_upstream_discarded();
  expect_usable(client);
}

// --- our clocks -----------------------------------------------------------------------------

TEST_F(Termination, HeadTimeout) {  // U19
  setup.timeouts().response_head = 100ms;
  blue.never_answer();
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().status, 504);
  expect_recorded(Outcome::Timeout);
  const auto totals = proxy->of("blue");
  EXPECT_EQ(totals.latency.count, 0u) << "slow by any measure, and no good answer";
  expect_upstream_discarded();
  expect_usable(client);
}

TEST_F(Termination, SilenceBehindTheHead) {
  setup.timeouts().stream_idle = 100ms;
  stop_half_way();
  start();
  auto client = client_half_way();
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::Timeout);
  expect_upstream_discarded();
}

TEST_F(Termination, RequestTimeBoundsAllAttemptsTogether) {
  setup = ProxySetup();
  FakeUpstream other, third;
  setup.version("blue", 100, {blue.port(), other.port(), third.port()});
  setup.timeouts().response_head = 200ms;
  setup.timeouts().request = 300ms;
  for (FakeUpstream* upstream : {&blue, &other, &third}) upstream->never_answer();
  start();
  EXPECT_EQ(get(proxy->port()).status, 504);
  EXPECT_LE(blue.requests() + other.requests() + third.requests(), 2U)
      << "three attempts of 200 ms do not fit into 300 ms";
}

// --- our limits -----------------------------------------------------------------------------

TEST_F(Termination, BrokenRequestBody) {
  blue.on_head([](const Received&, UpstreamConnection& connection) { connection.wait_for_end(); });
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  blue.wait_for_request();
  client.send("zz\r\n");
  EXPECT_EQ(client.read_response().status, 400);
  EXPECT_NE(client.how_it_ends(), TcpStream::End::Open);
  expect_recorded(Outcome::ClientAbort);
  expect_upstream_discarded();
}

TEST_F(Termination, BrokenRequestBodyRightBehindItsHead) {
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n");
  EXPECT_EQ(client.read_response({}, 2s).status, 400);
  EXPECT_EQ(blue.requests(), 0u);
}

TEST_F(Termination, ClientThatSendsTooSlowly) {  // takes the ten seconds of grace
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  EXPECT_EQ(client.read_response(RawClient::To::Get, 15s).status, 408);
  EXPECT_NE(client.how_it_ends(), TcpStream::End::Open);
  expect_recorded(Outcome::ClientAbort);
  expect_upstream_discarded();
}

TEST_F(Termination, ClientThatDoesNotRead) {
  setup.limits.client_write_stall = 200ms;
  blue.answer(200, std::string(32 << 20, 'x'));
  start();
  RawClient client(TcpStream::Dial{proxy->port(), 4096});
  client.send(kGet);
  expect_recorded(Outcome::ClientAbort);
  expect_upstream_discarded();
}

// The client stops reading behind an interim response, so there is no room for an error page
// either.
TEST_F(Termination, ClientThatDoesNotReadInterimResponses) {
  setup.limits.client_write_stall = 200ms;
  std::string answer;
  for (int i = 0; i < 9; ++i)
    answer += "HTTP/1.1 103 Early Hints\r\nX: " + std::string(6'000, 'x') + "\r\n\r\n";
  blue.answer_raw(answer + ok("hello"));
  start();
  RawClient client(TcpStream::Dial{proxy->port(), 4096});
  for (int i = 0; i < 200; ++i) client.send(kGet);  // pipelined, so that the buffers fill up
  EXPECT_TRUE(eventually([&] { return proxy->totals().client_aborts == 1; }));
  expect_quiet();
  EXPECT_EQ(proxy->of("blue").errors(), 0u);
}

// --- early answers: U12 ---------------------------------------------------------------------

TEST_F(Termination, FinalAnswerBeforeTheRequestIsComplete) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.answer(413, "too much");
    connection.half_close();
    connection.wait_for_end();
  });
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(1000, 'x'));
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.body, "too much");
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin) << "RST could eat the answer";
  expect_recorded(Outcome::Success);
  expect_upstream_discarded();
}

TEST_F(Termination, FinalAnswerWhileTheClientStillSends) {
  blue.on_head([](const Received&, UpstreamConnection& connection) {
    connection.answer(413, "too much");
    connection.reset();  // with input unread
  });
  start();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
  const std::string block(64 * 1024, 'x');
  for (int i = 0; i < 50 && client.try_send(block, 100ms); ++i) {
  }
  // The answer comes or, if the RST overtook it on the way to the proxy, 502; never silence.
  const int status = client.read_response().status;
  EXPECT_TRUE(status == 413 || status == 502) << status;
  expect_upstream_discarded();
}

// --- drain and stop -------------------------------------------------------------------------

TEST_F(Termination, DrainBeforeTheHead) {
  answer_when_released();
  start();
  auto client = waiting_client();
  std::atomic<bool> drained{false};
  proxy->drain([&] { drained = true; });
  // The listener is closed behind the switch to draining; once a connect fails, it has happened.
  EXPECT_TRUE(eventually([&] {
    try {
      RawClient late(proxy->port());
      return false;
    } catch (const TestFailure&) {
      return true;
    }
  }));
  EXPECT_FALSE(drained);
  blue.release();
  const Response response = client->read_response();
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Fin);
  client->close();
  expect_recorded(Outcome::Success);
  EXPECT_TRUE(eventually([&] { return drained.load(); }));
}

TEST_F(Termination, DrainBehindTheHead) {
  stop_half_way();
  start();
  auto client = client_half_way();
  std::atomic<bool> drained{false};
  proxy->drain([&] { drained = true; });
  blue.release();
  EXPECT_EQ(client->reader().read_exactly(5), "world");
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Fin);
  client->close();
  expect_recorded(Outcome::Success);
  EXPECT_TRUE(eventually([&] { return drained.load(); }));
}

TEST_F(Termination, StopBeforeTheHead) {
  FakeUpstream other;
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port()}).version("green", 0, {other.port()}).stable("green");
  setup.fallback_to_stable();
  setup.timeouts().response_head = 10s;
  blue.never_answer();
  other.never_answer();
  start();
  auto client = waiting_client();
  proxy->stop();
  EXPECT_EQ(client->read_response().status, 503) << "504: the stop waited for somebody";
  expect_recorded(Outcome::ClientAbort);  // we ended it, so nobody is charged
  EXPECT_EQ(other.requests(), 0u) << "no second attempt while stopping";
}

TEST_F(Termination, StopBehindTheHead) {
  stop_half_way();
  start();
  auto client = client_half_way();
  proxy->stop();
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::ClientAbort);
}

}  // namespace
}  // namespace cutwater::test
