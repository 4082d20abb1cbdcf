// Tests what happens to exchanges without an end of their own when their version is reverted or the
// proxy drains: tunnels, event streams, gRPC streams.
#include <future>

#include "tests/integration/edge_fixture.hpp"
#include "tests/support/fake_h2_upstream.hpp"
#include "tests/support/h2_frames.hpp"

namespace cutwater::test {
namespace {

using stats::Outcome;

// "green" is under rollout and has all requests; "blue" is stable.
class Leaving : public Edge {
 protected:
  Leaving() {
    setup = ProxySetup();
    setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()});
    setup.timeouts().revert_grace = 0s;
    blue.answer(200, "blue");
  }
  void tunnels() { green.on_request(switch_and_echo); }
  void events() {
    green.on_request([](const Received&, UpstreamConnection& connection) {
      connection.send(
          "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
          "chunked\r\n\r\n7\r\ndata: 1\r\n");
      connection.wait_for_end();
    });
  }
  void open(RawClient& client) {
    client.send(kUpgrade);
    ASSERT_EQ(client.read_response_head().status, 101);
    EXPECT_TRUE(eventually([&] { return proxy().monitor("green").tunnels_open() == 1; }));
  }
  void revert() {
    setup.weight("blue", 100).weight("green", 0).withdrawn("green");
    proxy().publish(setup);
  }
  std::uint64_t ended(const std::string& reason) { return proxy().totals().endless_ended[reason]; }
  void expect_charged_to_nobody() {
    EXPECT_TRUE(eventually([&] { return proxy().outcomes("green", Outcome::ClientAbort) == 1; }));
    EXPECT_EQ(proxy().of("green").attempts(), 0u);
    EXPECT_EQ(proxy().totals().client_aborts, 0u) << "it was not the client's doing either";
  }

  FakeUpstream green;
};

TEST_F(Leaving, ATunnelSurvivesALossOfWeight) {
  tunnels();
  RawClient client(port());
  open(client);
  setup.weight("blue", 100).weight("green", 0);
  proxy().publish(setup);
  EXPECT_EQ(get(port()).body, "blue");
  client.send("still here");
  EXPECT_EQ(client.reader().read_exactly(10), "still here");
}

TEST_F(Leaving, ATunnelOfARevertedVersionEndsOnBothSides) {
  tunnels();
  RawClient client(port());
  open(client);
  EXPECT_EQ(proxy().monitor("blue").tunnels_open(), 0u);
  revert();
  EXPECT_EQ(client.reader().read_to_end(), std::pair(std::string(), TcpStream::End::Fin));
  EXPECT_TRUE(eventually([&] { return green.open_connections() == 0; }));
  EXPECT_EQ(proxy().monitor("green").tunnels_open(), 0u);
  EXPECT_EQ(ended("withdrawn"), 1u);
  expect_charged_to_nobody();
}

TEST_F(Leaving, AnEventStreamOfARevertedVersionEndsInOrderAndTheNextRequestGoesToStable) {
  events();
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  EXPECT_EQ(client.reader().read_exactly(12), "7\r\ndata: 1\r\n");
  revert();
  EXPECT_EQ(client.reader().read_exactly(5), "0\r\n\r\n");
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response().body, "blue");
  EXPECT_EQ(ended("withdrawn"), 1u);
  expect_charged_to_nobody();
}

TEST_F(Leaving, AResponseThatOwesBytesIsBrokenOff) {
  green.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 100\r\n\r\nhalf");
    connection.wait_for_end();
  });
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  revert();
  EXPECT_EQ(client.reader().read_to_end().second, TcpStream::End::Reset);
  expect_charged_to_nobody();
}

TEST_F(Leaving, AnOrdinaryResponseOfARevertedVersionMayEnd) {
  green.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
    connection.wait_for_release();
    connection.send("lf");
  });
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  revert();
  green.release();
  EXPECT_EQ(client.reader().read_exactly(4), "half");
}

TEST_F(Leaving, AGrpcStreamOfARevertedVersionIsToldToCallAgain) {
  FakeH2Upstream server;
  H2Reply begun = grpc_reply("0");
  begun.end = false;
  server.answer(begun);
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).http2_version("green", 100, {server.port()});
  setup.timeouts().revert_grace = 0s;
  H2Client client(port());
  const auto id = grpc_call(client);
  EXPECT_EQ(client.head_of(id).status, 200);
  revert();
  EXPECT_EQ(client.answer(id).trailer("grpc-status"), "14");
  EXPECT_EQ(ended("withdrawn"), 1u);
  expect_charged_to_nobody();
}

// --- drain -------------------------------------------------------------------------------------

using LeavingOnDrain = Leaving;

TEST_F(LeavingOnDrain, ATunnelEndsBeforeTheDeadline) {
  setup.drain_timeout = 300ms;
  tunnels();
  RawClient client(port());
  open(client);
  const auto drained = proxy().start_draining();
  EXPECT_EQ(client.reader().read_to_end(), std::pair(std::string(), TcpStream::End::Fin));
  client.close();
  EXPECT_EQ(drained.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(ended("drained"), 1u);
  expect_charged_to_nobody();
}

// Each client is told at a different moment; until then its connection goes on as before.
TEST_F(LeavingOnDrain, ABusyConnectionGoesOnUntilItsMoment) {
  setup.drain_spread = 1h;
  green.answer(200, "green");
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    clients.back()->send(kGet + "\r\n");
    EXPECT_EQ(clients.back()->read_response().body, "green");
  }
  const auto drained = proxy().start_draining();
  proxy().publish(setup);  // behind the drain: it has begun
  for (auto& client : clients) {
    client->send(kGet + "\r\n");
    const Response response = client->read_response();
    EXPECT_EQ(response.body, "green");
    EXPECT_NE(response.field("Connection"), "close");
  }
  for (auto& client : clients) client->close();
  EXPECT_EQ(drained.wait_for(kPatience), std::future_status::ready);
}

}  // namespace
}  // namespace cutwater::test
