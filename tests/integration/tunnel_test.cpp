// Tests upgraded connections: bytes in both directions, half-closes, and how they end.
#include "tests/integration/edge_fixture.hpp"

namespace cutwater::test {
namespace {

using stats::Outcome;

class Tunnel : public Edge {
 protected:
  void echo() { blue.on_request(switch_and_echo); }
  void open(RawClient& client) {
    client.send(kUpgrade);
    const Response response = client.read_response_head();
    ASSERT_EQ(response.status, 101);
    EXPECT_EQ(response.field("Upgrade"), "websocket");
    EXPECT_EQ(response.field("Connection"), "Upgrade");
    EXPECT_TRUE(eventually([&] { return proxy().tunnels_open() == 1; }));
  }
};

TEST_F(Tunnel, EchoesAndPassesTheClientsHalfCloseOn) {
  echo();
  RawClient client(port());
  open(client);
  const Received got = blue.wait_for_request();
  EXPECT_EQ(got.field("Upgrade"), "websocket");
  for (const std::string message : {"one", "two", "three"}) {
    client.send(message);
    EXPECT_EQ(client.reader().read_exactly(message.size()), message);
  }
  client.half_close();
  EXPECT_EQ(client.reader().read_to_end(), std::pair(std::string("bye"), TcpStream::End::Fin));
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Success) == 1; }));
  EXPECT_EQ(proxy().tunnels_open(), 0u);
}

TEST_F(Tunnel, BytesRightBehindTheSwitchAreNotLost) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send(kSwitch + "hello");
    connection.wait_for_end();
  });
  RawClient client(port());
  open(client);
  EXPECT_EQ(client.reader().read_exactly(5), "hello");
}

TEST_F(Tunnel, BytesRightBehindTheRequestBelongToTheTunnel) {
  echo();
  RawClient client(port());
  client.send(kUpgrade + "early");
  EXPECT_EQ(client.read_response_head().status, 101);
  EXPECT_EQ(client.reader().read_exactly(5), "early");
}

TEST_F(Tunnel, TheServersEndIsTheEnd) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send(kSwitch + "over");
    connection.close();
  });
  RawClient client(port());
  client.send(kUpgrade);
  EXPECT_EQ(client.read_response_head().status, 101);
  EXPECT_EQ(client.read_until_close(), "over");
  EXPECT_TRUE(eventually([&] { return proxy().tunnels_open() == 0; }));
}

TEST_F(Tunnel, CarriesMegabytesInBothDirectionsAtOnce) {
  echo();
  RawClient client(port());
  open(client);
  const std::string sent(5'000'000, 'w');
  std::thread talking([&] { client.try_send(sent, 20s); });
  const auto back = client.reader().read_exactly(sent.size(), 20s);
  talking.join();
  EXPECT_EQ(back, sent);
}

TEST_F(Tunnel, AClientThatVanishesEndsItAtTheUpstream) {
  echo();
  RawClient client(port());
  open(client);
  client.reset();
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  EXPECT_TRUE(eventually([&] { return proxy().tunnels_open() == 0; }));
  EXPECT_EQ(attempts(), 0u) << "the client's doing";
}

TEST_F(Tunnel, R19SilenceInBothDirectionsEndsIt) {
  setup.timeouts().tunnel_idle = 200ms;
  echo();
  RawClient client(port());
  open(client);
  client.send("x");
  EXPECT_EQ(client.reader().read_exactly(1), "x");
  client.read_until_close();
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
}

TEST_F(Tunnel, OneDirectionKeepsTheOtherAlive) {
  setup.timeouts().tunnel_idle = 300ms;
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send(kSwitch);
    // The test is about the tunnel's silence in one direction, whose pace needs a clock.
    for (int i = 0; i < 10; ++i) {
      connection.send("x");
      std::this_thread::sleep_for(100ms);
    }
    connection.close();
  });
  RawClient client(port());
  open(client);
  EXPECT_EQ(client.read_until_close(), "xxxxxxxxxx") << "three times the idle time";
}

TEST_F(Tunnel, ARefusedUpgradeIsAnOrdinaryResponse) {
  blue.answer(426, "no");
  RawClient client(port());
  client.send(kUpgrade);
  EXPECT_EQ(client.read_response().status, 426);
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response().status, 426);
}

TEST_F(Tunnel, U10ASwitchNobodyAskedForIsABadGateway) {
  blue.answer_raw(kSwitch);
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response().status, 502);
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Protocol) == 1; }));
}

}  // namespace
}  // namespace cutwater::test
