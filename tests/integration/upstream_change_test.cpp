// Tests what happens to a request when the snapshot changes, or the version trips, while it waits.
#include "tests/integration/upstream_support.hpp"

namespace cutwater::test {
namespace {

class ChangeUnderway : public UpstreamTest {
 protected:
  FakeUpstream green;
};

TEST_F(ChangeUnderway, RouteRemovedWhileConnectingIs404) {
  SilentPort silent;
  setup = ProxySetup();
  setup.version("blue", 100, {silent.port()});
  setup.timeouts().connect = 10s;
  setup.access_log.to = config::AccessLog::To::File;
  setup.access_log.path = testing::TempDir() + "upstream_change.log";
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 1; }));
  ProxySetup elsewhere;
  elsewhere.version("red", 100, {blue.port()}).route("other.example", "/");
  proxy->publish(elsewhere);
  silent.accept_all();
  EXPECT_EQ(client.read_response().status, 404);
  EXPECT_EQ(proxy->of("blue").attempts(), 0u) << "nothing was sent, nobody is charged";
  EXPECT_EQ(proxy->totals().client_aborts, 0u);
}

TEST_F(ChangeUnderway, WeightZeroWhileConnectingGoesToStable) {
  SilentPort silent;
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).version("green", 100, {silent.port()});
  setup.timeouts().connect = 10s;
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 1; }));
  proxy->publish(ProxySetup(setup).weight("blue", 100).weight("green", 0));
  silent.accept_all();
  EXPECT_EQ(client.read_response().field("Cutwater-Version"), "blue");
  EXPECT_EQ(proxy->of("green").attempts(), 0u);
}

// The stable version has no weight of its own at the last step; it still answers for a failing
// candidate, even when something unrelated is published meanwhile.
TEST_F(ChangeUnderway, FallbackSurvivesAPublish) {
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()});
  setup.fallback_to_stable();
  green.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.answer(500, "broken");
  });
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  green.wait_for_request();
  proxy->publish(setup);
  green.release();
  const Response response = client.read_response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("Cutwater-Version"), "blue");
  EXPECT_EQ(blue.requests(), 1u);
}

TEST_F(ChangeUnderway, TrippedWhileConnectingGoesToStable) {
  SilentPort silent;
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).version("green", 100, {silent.port()});
  setup.timeouts().connect = 10s;
  start();
  proxy->monitor("green").arm({}, [] {});
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 1; }));
  proxy->monitor("green").set_tripped(true);
  silent.accept_all();
  EXPECT_EQ(client.read_response().field("Cutwater-Version"), "blue");
}

// An event stream does not end by itself: sixteen of them must not keep an unproven version capped.
TEST_F(ChangeUnderway, EventStreamsDoNotFillTheUnprovenCap) {
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()});
  setup.sticky().key = config::Sticky::Key::None;
  green.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    connection.wait_for_release();
  });
  start();
  guard::GuardPolicy policy;
  policy.unproven_in_flight = 2;
  proxy->monitor("green").arm(policy, [] {});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(proxy->port()));
    clients.back()->send(kGet);
    EXPECT_EQ(clients.back()->read_response_head().field("Cutwater-Version"), "green") << i;
  }
  for (auto& client : clients) client->reset();
}

TEST_F(ChangeUnderway, TunnelsDoNotFillTheUnprovenCap) {
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()});
  setup.sticky().key = config::Sticky::Key::None;
  green.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    connection.wait_for_end();
  });
  start();
  guard::GuardPolicy policy;
  policy.unproven_in_flight = 2;
  proxy->monitor("green").arm(policy, [] {});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<RawClient>(proxy->port()));
    clients.back()->send(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    EXPECT_EQ(clients.back()->read_response_head().field("Cutwater-Version"), "green") << i;
    EXPECT_TRUE(eventually([&] { return proxy->tunnels_open() == clients.size(); }));
  }
  for (auto& client : clients) client->reset();
}

// The candidate's own answer beats "no endpoint is available".
TEST_F(ChangeUnderway, NoFallbackToAStableVersionWithoutEndpoints) {
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()});
  setup.fallback_to_stable();
  green.answer(500, "broken");
  start();
  proxy->endpoint(blue.port()).set_healthy(false);
  const Response response = get(proxy->port());
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body, "broken");
}

// How long a client takes to send its request says nothing about the version. A latency that had
// the client's pause in it would never be shorter than the pause, however long that is; one without
// it is shorter at the latest when the pause outlasts whatever else this machine has to do.
TEST_F(ChangeUnderway, SlowUploadIsNotTheVersionsLatency) {
  start();
  RawClient client(proxy->port());
  bool is_shorter = false;
  auto pause = 50ms;
  for (unsigned round = 1; !is_shorter && pause < kPatience; ++round, pause *= 2) {
    const auto before = proxy->of("blue").latency;
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
    ASSERT_TRUE(eventually([&] { return proxy->totals().exchanges_active == 1; }));
    std::this_thread::sleep_for(pause);  // the test is about the passing of time
    client.send("world");
    ASSERT_EQ(client.read_response().status, 200);
    ASSERT_TRUE(eventually([&] { return proxy->totals().exchanges_active == 0; }));
    ASSERT_EQ(proxy->outcomes("blue", Outcome::Success), round);
    is_shorter = Nanoseconds((proxy->of("blue").latency - before).sum_ns) < pause;
  }
  EXPECT_TRUE(is_shorter);
}

}  // namespace
}  // namespace cutwater::test
