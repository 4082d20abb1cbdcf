// Tests clients that leave, a proxy that leaves, and snapshots that change under both.
#include <atomic>
#include <future>

#include "tests/integration/edge_fixture.hpp"

namespace cutwater::test {
namespace {

using Lifecycle = Edge;
using stats::Outcome;

// --- the client leaves -------------------------------------------------------------------------

TEST_F(Lifecycle, AClientThatResetsFreesTheUpstreamAtOnce) {
  blue.never_answer();
  RawClient client(port());
  client.send(kGet + "\r\n");
  blue.wait_for_request();
  client.reset();
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }, 1s));
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::ClientAbort) == 1; }));
  EXPECT_EQ(attempts(), 0u);
  EXPECT_EQ(proxy().totals().client_aborts, 1u);
}

TEST_F(Lifecycle, AClientThatResetsInTheMiddleOfTheResponseFreesTheUpstream) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    connection.wait_for_end();
  });
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  client.reset();
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }, 1s));
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::ClientAbort) == 1; }));
}

TEST_F(Lifecycle, AClientThatResetsDuringConnectSendsNothing) {
  SilentPort silent;
  setup = ProxySetup();
  setup.version("blue", 100, {silent.port()});
  setup.timeouts().connect = 10s;
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_TRUE(eventually([&] { return proxy().totals().upstream_open == 1; }));
  client.reset();
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::ClientAbort) == 1; }, 3s))
      << "it waits for the connect of a request nobody wants";
  EXPECT_TRUE(eventually([&] { return proxy().totals().upstream_open == 0; }));
  EXPECT_EQ(attempts(), 0u);
}

TEST_F(Lifecycle, AClientThatHasSaidItsLastIsNotWaitedFor) {
  RawClient client(port());
  client.send(kGet + "Connection: close\r\n\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
  client.stream().try_send("a request it had no right to");
  EXPECT_FALSE(client.stream().try_send("nor this one")) << "half-closed, not closed";
}

TEST_F(Lifecycle, AClientThatMaySendMoreIsWaitedForSoThatNoResetEatsTheResponse) {
  setup.limits.keepalive_requests = 1;
  RawClient client(port());
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Fin);
  client.stream().try_send("a request already on its way");
  EXPECT_TRUE(client.stream().try_send("when we closed"));
}

// --- the proxy leaves --------------------------------------------------------------------------

class Drain : public Edge {
 protected:
  std::future<void> start_draining() { return proxy().start_draining(); }
  static bool done(const std::future<void>& drained, std::chrono::milliseconds within = kPatience) {
    return drained.wait_for(within) == std::future_status::ready;
  }
};

TEST_F(Drain, FinishesWhatIsInFlightClosesWhatIsIdleAndRefusesTheRest) {
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    if (request.target() == "/slow") connection.wait_for_release();
    connection.answer(200, "done");
  });
  RawClient idle(port());
  idle.send(kGet + "\r\n");
  EXPECT_EQ(idle.read_response().status, 200);
  RawClient busy(port());
  busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
  while (blue.wait_for_request().target() != "/slow") {
  }

  const auto drained = start_draining();
  EXPECT_EQ(idle.how_it_ends(), TcpStream::End::Fin);
  EXPECT_THROW(RawClient{port()}, TestFailure) << "still accepting";
  EXPECT_FALSE(done(drained, 0ms));

  blue.release();
  const Response response = busy.read_response();
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(response.field("Connection"), "close");
  busy.close();
  EXPECT_TRUE(done(drained));
}

TEST_F(Drain, OfAnIdleProxyIsImmediate) {
  setup.workers = 2;
  EXPECT_GT(port(), 0);
  EXPECT_TRUE(done(start_draining()));
}

TEST_F(Drain, WaitsForTunnels) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    connection.wait_for_release();
    connection.close();
  });
  RawClient client(port());
  client.send(kGet + "Upgrade: x\r\nConnection: upgrade\r\n\r\n");
  EXPECT_EQ(client.read_response_head().status, 101);
  const auto drained = start_draining();
  EXPECT_FALSE(done(drained, 50ms));
  blue.release();
  EXPECT_EQ(client.read_until_close(), "");
  client.close();
  EXPECT_TRUE(done(drained));
}

// The request was on its way before anyone could know of the drain: it must not be lost.
TEST_F(Drain, ServesARequestThatHadAlreadyArrived) {
  EXPECT_GT(port(), 0);
  RawClient known(port());
  known.send(kGet + "\r\n");
  EXPECT_EQ(known.read_response().status, 200);
  std::promise<void> hold;
  std::promise<void> held;
  proxy().group().publish(proxy().snapshot_of(setup), [&] {  // keeps the worker busy meanwhile
    held.set_value();
    hold.get_future().wait();
  });
  held.get_future().wait();
  RawClient fresh(port());
  fresh.send(kGet + "\r\n");
  known.send(kGet + "\r\n");
  const auto drained = start_draining();
  hold.set_value();
  EXPECT_EQ(fresh.read_response().status, 200);
  EXPECT_EQ(known.read_response().status, 200);
  fresh.close();
  known.close();
  EXPECT_TRUE(done(drained));
}

TEST_F(Lifecycle, StopEndsEverythingWhereverItStands) {
  SilentPort silent;
  setup.service("silent").version("v", 100, {silent.port()}).route("silent", "/");
  setup.timeouts().connect = 60s;
  setup.workers = 2;
  blue.on_head([](const Received& request, UpstreamConnection& connection) {
    if (request.target() == "/download")
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" +
                      std::string(30'000'000, 'x'));
    if (request.target() == "/tunnel")
      connection.send("HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n");
    if (request.target() == "/early") connection.answer(413, "early");
    connection.wait_for_end();
  });
  const std::string in_every_state[] = {
      "",
      "GET / HT",
      kGet + "\r\n",
      kPost + "Content-Length: 100\r\n\r\nhalf",
      kPost + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
      "GET /download HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /tunnel HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
      "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: silent\r\n\r\n",
      "nonsense\r\n\r\n",
  };
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int round = 0; round < 3; ++round) {
    for (const std::string& said : in_every_state) {
      clients.push_back(std::make_unique<RawClient>(port()));
      clients.back()->send(said);
    }
  }
  EXPECT_TRUE(eventually([&] {
    const auto totals = proxy().totals();
    return blue.connections() == 18 && proxy().tunnels_open() == 3 && totals.upstream_open >= 18;
  }));
  const auto began = std::chrono::steady_clock::now();
  proxy().stop();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 10s) << "waited for a timeout of theirs";
  EXPECT_EQ(proxy().totals().downstream_open, 0u);
  EXPECT_EQ(proxy().totals().exchanges_active, 0u);
  EXPECT_EQ(proxy().tunnels_open(), 0u);
  for (auto& client : clients) client->read_until_close();
  EXPECT_EQ(proxy().of("blue").errors(), 0u) << "a version is not to blame for our end";
}

// --- snapshots ---------------------------------------------------------------------------------

TEST_F(Lifecycle, ANewSnapshotMovesNewRequestsAndLeavesOldOnesInPeace) {
  FakeUpstream green;
  setup.version("green", 0, {green.port()});
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.answer(200, "blue");
  });
  green.answer(200, "green");
  RawClient old(port());
  old.send(kGet + "\r\n");
  blue.wait_for_request();

  ProxySetup switched = setup;
  proxy().publish(switched.weight("blue", 0).weight("green", 100));
  const Response fresh = get(port());
  EXPECT_EQ(fresh.body, "green");
  EXPECT_EQ(fresh.field("Cutwater-Version"), "green");
  blue.release();
  const Response late = old.read_response();
  EXPECT_EQ(late.body, "blue");
  EXPECT_EQ(late.field("Cutwater-Version"), "blue");
}

TEST_F(Lifecycle, SnapshotsMayChangeAsFastAsTheyLikeUnderLoad) {
  FakeUpstream green;
  setup.version("green", 0, {green.port()});
  setup.workers = 2;
  blue.answer(200, "blue");
  green.answer(200, "green");
  EXPECT_GT(port(), 0);
  std::atomic<bool> over{false};
  std::atomic<int> served{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> load;
  for (int i = 0; i < 4; ++i) {
    load.emplace_back([&] {
      try {
        RawClient client(port());
        while (!over) {
          client.send(kGet + "\r\n");
          const Response response = client.read_response();
          const bool right = response.body == response.field("Cutwater-Version");
          ++(response.status == 200 && right ? served : failed);
        }
      } catch (const TestFailure&) {
        ++failed;
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    ProxySetup next = setup;
    proxy().publish(next.weight("blue", i % 101).weight("green", 100 - i % 101));
  }
  EXPECT_TRUE(eventually([&] { return served > 500; }, 20s));
  over = true;
  for (std::thread& thread : load) thread.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace cutwater::test
