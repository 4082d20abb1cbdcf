// Tests the last part of the termination table of proxy/README.md: upgraded connections.
#include <gmock/gmock.h>

#include <thread>

#include "tests/integration/upstream_support.hpp"

namespace cutwater::test {
namespace {

class TunnelEnd : public UpstreamTest {
 protected:
  // Opens an upgraded connection; the upstream end echoes until it is told otherwise.
  std::unique_ptr<RawClient> open(const FakeUpstream::Handler& then) {
    blue.on_request([=](const Received& request, UpstreamConnection& connection) {
      connection.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      then(request, connection);
    });
    start();
    auto client = std::make_unique<RawClient>(proxy->port());
    client->send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    const Response response = client->read_response_head();
    EXPECT_EQ(response.status, 101);
    EXPECT_EQ(response.field("Upgrade"), "websocket");
    EXPECT_TRUE(eventually([&] { return proxy->tunnels_open() == 1; }));
    return client;
  }
  void expect_closed(Outcome outcome) {
    expect_recorded(outcome);
    EXPECT_EQ(proxy->tunnels_open(), 0u);
    EXPECT_EQ(proxy->of("blue").latency.count, 0u) << "how long a tunnel lives is no latency";
    expect_upstream_discarded();
  }
};

TEST_F(TunnelEnd, ClientFinIsPassedOnAndStillAnswered) {
  auto client = open([](const Received&, UpstreamConnection& connection) {
    const auto said = connection.reader().read_to_end();
    connection.send("you said " + said.first);
  });
  client->send("ping");
  client->half_close();
  EXPECT_EQ(client->read_until_close(), "you said ping");
  expect_closed(Outcome::Success);
}

TEST_F(TunnelEnd, UpstreamFinEndsIt) {
  auto client = open([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.send("bye");
    connection.close();
  });
  blue.release();
  EXPECT_EQ(client->read_until_close(), "bye");
  client->close();
  expect_closed(Outcome::Success);
}

TEST_F(TunnelEnd, ClientRst) {
  auto client =
      open([](const Received&, UpstreamConnection& connection) { connection.wait_for_end(); });
  client->reset();
  expect_closed(Outcome::ClientAbort);
}

TEST_F(TunnelEnd, UpstreamRst) {
  auto client = open([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.reset();
  });
  blue.release();
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Reset);
  expect_closed(Outcome::Reset);
}

TEST_F(TunnelEnd, SilenceEndsItAndIsNobodysFault) {
  setup.timeouts().tunnel_idle = 100ms;
  auto client =
      open([](const Received&, UpstreamConnection& connection) { connection.wait_for_end(); });
  EXPECT_NE(client->how_it_ends(), TcpStream::End::Open);
  client->close();
  expect_closed(Outcome::Success);
}

TEST_F(TunnelEnd, TrafficInOneDirectionKeepsItOpen) {
  setup.timeouts().tunnel_idle = 300ms;
  auto client = open([](const Received&, UpstreamConnection& connection) {
    for (int i = 0; i < 6; ++i) {
      std::this_thread::sleep_for(100ms);  // the test is about the passing of time
      if (!connection.send("x")) return;
    }
    connection.close();
  });
  EXPECT_EQ(client->read_until_close(), "xxxxxx");
}

TEST_F(TunnelEnd, StopEndsIt) {
  auto client =
      open([](const Received&, UpstreamConnection& connection) { connection.wait_for_end(); });
  proxy->stop();
  EXPECT_EQ(client->how_it_ends(), TcpStream::End::Reset);
  expect_recorded(Outcome::ClientAbort);
}

}  // namespace
}  // namespace cutwater::test
