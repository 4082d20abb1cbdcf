// Tests pooled upstream connections: they are reused when clean, replaced silently when they went
// stale, and no version is charged for that (tests/HARDENING.md U20, U21).
#include <thread>

#include "tests/integration/upstream_support.hpp"

namespace cutwater::test {
namespace {

class Reuse : public UpstreamTest {
 protected:
  // Answers the first request of a connection; the second one finds it closed.
  void close_on_second_request() {
    blue.on_request([seen = std::make_shared<std::map<std::size_t, int>>()](
                        const Received& request, UpstreamConnection& connection) {
      static std::mutex mutex;
      int count;
      {
        const std::lock_guard lock(mutex);
        count = ++(*seen)[request.connection];
      }
      if (count > 1) return connection.close();
      connection.answer(200, "ok");
    });
  }
};

TEST_F(Reuse, OneConnectionCarriesManyRequests) {
  start();
  RawClient client(proxy->port());
  for (int i = 0; i < 20; ++i) {
    client.send(kGet);
    EXPECT_EQ(client.read_response().status, 200);
  }
  EXPECT_EQ(blue.connections(), 1u);
  expect_upstream_pooled();
  EXPECT_EQ(proxy->totals().upstream_opened, 1u);
}

TEST_F(Reuse, AlsoAfterBodiesInBothDirections) {
  start();
  RawClient client(proxy->port());
  for (const std::size_t size : {1u, 5'000u, 500'000u}) {
    const std::string body(size, 'x');
    blue.answer_raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    client.send(post(body));
    EXPECT_EQ(client.read_response().body, "hello");
    EXPECT_EQ(blue.wait_for_request().body, body);
    blue.answer(200, body);
    client.send("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    client.send("3\r\nabc\r\n0\r\n\r\n");
    EXPECT_EQ(client.read_response().body, body);
    EXPECT_EQ(blue.wait_for_request().body, "abc");
  }
  EXPECT_EQ(blue.connections(), 1u);
}

TEST_F(Reuse, NotAfterConnectionClose) {
  blue.answer(200, "ok", "Connection: close\r\n");
  start();
  RawClient client(proxy->port());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    EXPECT_EQ(client.read_response().status, 200);
  }
  EXPECT_EQ(blue.connections(), 3u);
  expect_upstream_discarded();
}

TEST_F(Reuse, IdleConnectionIsClosedAfterItsTime) {
  setup.timeouts().upstream_idle = 100ms;
  start();
  EXPECT_EQ(get(proxy->port()).status, 200);
  expect_upstream_discarded();
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
}

TEST_F(Reuse, IdleConnectionThatTheUpstreamClosedIsForgotten) {
  start();
  EXPECT_EQ(get(proxy->port()).status, 200);
  expect_upstream_pooled();
  blue.close_connections();
  expect_upstream_discarded();
  EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_EQ(proxy->of("blue").errors(), 0u);
}

TEST_F(Reuse, BytesNobodyAskedForCloseIt) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.answer(200, "ok");
    connection.wait_for_release();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  });
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().body, "ok");
  expect_upstream_pooled();
  blue.release();
  expect_upstream_discarded();
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Desync) == 1; }));
  expect_usable(client);
}

TEST_F(Reuse, BytesNobodyAskedForCostAllIdleConnectionsOfTheEndpoint) {
  std::atomic<int> waiting{0};
  blue.on_request([&waiting](const Received& request, UpstreamConnection& connection) {
    ++waiting;
    eventually([&waiting] { return waiting >= 2; });  // so that each has a connection of its own
    connection.answer(200, "ok");
    if (request.target() != "/evil") return;
    connection.wait_for_release();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  });
  start();
  RawClient good(proxy->port());
  RawClient evil(proxy->port());
  good.send(kGet);
  evil.send("GET /evil HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(good.read_response().body, "ok");
  EXPECT_EQ(evil.read_response().body, "ok");
  EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_idle == 2; }));
  blue.release();
  expect_upstream_discarded();
  EXPECT_EQ(proxy->outcomes("blue", Outcome::Desync), 1u);
}

TEST_F(Reuse, AnEndpointThatSpokeUnaskedIsReusedSafelyFromThenOn) {
  setup.reuse() = config::Reuse::Auto;
  blue.on_request([](const Received& request, UpstreamConnection& connection) {
    connection.answer(200, "ok");
    if (request.target() == "/evil")
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
  });
  start();
  RawClient client(proxy->port());
  client.send("GET /evil HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.read_response().body, "ok");
  ASSERT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Desync) == 1; }));
  const std::size_t before = blue.connections();
  // As below: without the rest one connection would do.
  for (int i = 0; i < 200 && blue.connections() < before + 2; ++i) {
    client.send(kGet);
    EXPECT_EQ(client.read_response().status, 200);
  }
  EXPECT_EQ(blue.connections(), before + 2);
}

TEST_F(Reuse, ANoticeOfTimeoutIsAnOrdinaryEnd) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.answer(200, "ok");
    connection.wait_for_release();
    connection.send(
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate");
    connection.close();
  });
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().body, "ok");
  expect_upstream_pooled();
  blue.release();
  expect_upstream_discarded();
  expect_recorded(Outcome::Success);
  expect_usable(client);
}

TEST_F(Reuse, A408ThatDoesNotCloseIsNoOrdinaryEnd) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.answer(200, "ok");
    connection.wait_for_release();
    connection.send("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  });
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().body, "ok");
  expect_upstream_pooled();
  blue.release();
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Desync) == 1; }));
}

// Also for one client: many users may stand behind it.
TEST_F(Reuse, SafelyAConnectionRestsBeforeTheNextRequest) {
  setup.reuse() = config::Reuse::Safe;
  start();
  RawClient client(proxy->port());
  // Two requests are further apart than the rest only by bad luck; without the rest one connection
  // would do.
  for (int i = 0; i < 200 && blue.connections() < 2; ++i) {
    client.send(kGet);
    EXPECT_EQ(client.read_response().status, 200);
  }
  EXPECT_EQ(blue.connections(), 2u);
}

TEST_F(Reuse, SafelyAConnectionThatHasRestedIsUsedAgain) {
  setup.reuse() = config::Reuse::Safe;
  start();
  RawClient client(proxy->port());
  bool reused = false;
  for (int i = 0; i < 200 && !reused; ++i) {
    client.send(kGet);
    EXPECT_EQ(client.read_response().status, 200);
    reused = blue.requests() > blue.connections();
  }
  EXPECT_TRUE(reused) << "the oldest of so many has rested long enough";
}

TEST_F(Reuse, U20FinBehindEachAnswerIsNoError) {
  blue.close_after(ok("ok"));
  start();
  RawClient client(proxy->port());
  for (int i = 0; i < 300; ++i) {
    client.send(kGet);
    ASSERT_EQ(client.read_response().status, 200) << i;
  }
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Success) == 300; }));
  EXPECT_EQ(proxy->of("blue").errors(), 0u);
}

TEST_F(Reuse, U20StaleConnectionIsReplacedSilently) {
  close_on_second_request();
  start();
  RawClient client(proxy->port());
  for (int i = 0; i < 10; ++i) {
    client.send(kGet);
    ASSERT_EQ(client.read_response().status, 200) << i;
  }
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Success) == 10; }));
  EXPECT_EQ(proxy->of("blue").attempts(), 10u) << "charged to nobody";
  EXPECT_EQ(proxy->totals().retries, 0u);
}

TEST_F(Reuse, U20ButNotForARequestThatMustNotRunTwice) {
  close_on_second_request();
  start();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response().status, 200);
  client.send(post("hello"));
  EXPECT_EQ(client.read_response().status, 502);
  EXPECT_EQ(blue.requests(), 2u);
}

TEST_F(Reuse, U21AllConnectionsLostUnderLoadIsNoClientsTrouble) {
  FakeUpstream other;
  setup = ProxySetup();
  setup.version("blue", 100, {blue.port(), other.port()});
  setup.workers = 2;
  start();
  std::atomic<int> done{0}, failures{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      RawClient client(proxy->port());
      for (int n = 0; n < 200; ++n, ++done) {
        client.send(kGet);
        if (client.read_response().status != 200) ++failures;
      }
    });
  EXPECT_TRUE(eventually([&] { return done >= 800; }, 20s));
  blue.close_connections();
  other.close_connections();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failures, 0);
  EXPECT_LE(blue.connections() + other.connections(), 100u) << "a storm of reconnects";
}

}  // namespace
}  // namespace cutwater::test
