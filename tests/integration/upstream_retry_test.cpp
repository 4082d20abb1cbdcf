// Tests retries, fallbacks and the choice of an endpoint, through the proxy: what a user gets when
// endpoints fail, and which version is charged with the failure.
#include <gmock/gmock.h>

#include <thread>

#include "tests/integration/upstream_support.hpp"
#include "tests/support/flags.hpp"

namespace cutwater::test {
namespace {

using testing::AllOf;
using testing::Ge;
using testing::Le;

// --- another endpoint of the same version ---------------------------------------------------

class Retry : public testing::Test {
 protected:
  // Starts one version with these endpoints.
  void start(std::vector<std::uint16_t> ports) {
    setup.version("blue", 100, std::move(ports));
    setup.sticky().key = config::Sticky::Key::None;
    proxy = std::make_unique<Proxy>(setup);
  }
  // Sends until the endpoint has seen `wanted` requests; returns the statuses that came back.
  std::vector<int> send_until(const FakeUpstream& endpoint, std::size_t wanted,
                              const std::string& request) {
    std::vector<int> statuses;
    RawClient client(proxy->port());
    while (endpoint.requests() < wanted && statuses.size() < 200) {
      client.send(request);
      statuses.push_back(client.read_response().status);
    }
    EXPECT_GE(endpoint.requests(), wanted);
    return statuses;
  }
  FakeUpstream good, bad;
  ProxySetup setup;
  std::unique_ptr<Proxy> proxy;
};

TEST_F(Retry, RefusedConnectGoesElsewhereWhateverTheMethod) {
  RefusingPort refusing;
  start({refusing.port(), good.port()});
  for (int i = 0; i < 50; ++i) {
    RawClient client(proxy->port());
    client.send(i % 2 ? post("hello") : std::string(kGet));
    EXPECT_EQ(client.read_response().status, 200);
  }
  for (const Received& request : good.received())
    if (request.method() == "POST") {
      EXPECT_EQ(request.body, "hello");
    }
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Success) == 50; }));
  const auto refused = proxy->outcomes("blue", Outcome::ConnectFailed);
  EXPECT_THAT(refused, AllOf(Ge(1u), Le(5u))) << "five failures in a row take it out of the choice";
  EXPECT_EQ(proxy->totals().retries, refused);
}

TEST_F(Retry, BlackholeGoesElsewhereAfterTheConnectTimeout) {  // U18
  SilentPort silent;
  setup.timeouts().connect = 100ms;
  start({silent.port(), good.port()});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_LE(proxy->outcomes("blue", Outcome::ConnectFailed), 5u);
}

TEST_F(Retry, BlackholeAloneIs504) {
  SilentPort silent;
  setup.timeouts().connect = 100ms;
  start({silent.port()});
  EXPECT_EQ(get(proxy->port()).status, 504);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::ConnectFailed) == 1; }));
}

TEST_F(Retry, AcceptsButNeverReadsIs504) {  // U18
  bad.on_head(
      [](const Received&, UpstreamConnection& connection) { connection.wait_for_release(); });
  setup.timeouts().stream_idle = 100ms;
  setup.timeouts().response_head = 100ms;
  start({bad.port()});
  RawClient client(proxy->port());
  client.try_send(post(std::string(32 << 20, 'x')), 1s);
  EXPECT_EQ(client.read_response().status, 504);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Timeout) == 1; }));
}

TEST_F(Retry, GetGoesElsewhereAfterAReset) {
  bad.reset_without_answer();
  start({bad.port(), good.port()});
  for (const int status : send_until(bad, 3, std::string(kGet))) EXPECT_EQ(status, 200);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Reset) == 3; }));
}

TEST_F(Retry, PostDoesNotGoElsewhereAfterAReset) {
  bad.reset_without_answer();
  start({bad.port(), good.port()});
  const auto statuses = send_until(bad, 3, post("hello"));
  EXPECT_EQ(std::count(statuses.begin(), statuses.end(), 502), 3);
  EXPECT_EQ(proxy->totals().retries, 0u);
  EXPECT_EQ(good.requests() + bad.requests(), statuses.size()) << "each sent exactly once";
}

TEST_F(Retry, PutWithItsWholeBodyAtHandGoesElsewhere) {
  bad.reset_without_answer();
  start({bad.port(), good.port()});
  std::string put = post("hello");
  put.replace(0, 4, "PUT");
  for (const int status : send_until(bad, 2, put)) EXPECT_EQ(status, 200);
  for (const Received& request : good.received()) EXPECT_EQ(request.body, "hello");
}

TEST_F(Retry, PutWhoseBodyHasPassedThroughDoesNot) {
  bad.reset_without_answer();
  good.reset_without_answer();
  start({bad.port(), good.port()});
  RawClient client(proxy->port());
  client.send("PUT /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 1; }));
  client.send("world");
  EXPECT_EQ(client.read_response().status, 502);
  EXPECT_EQ(good.requests() + bad.requests(), 1u);
}

TEST_F(Retry, AtMostThreeAttempts) {
  std::vector<std::unique_ptr<FakeUpstream>> all;
  std::vector<std::uint16_t> ports;
  for (int i = 0; i < 5; ++i) {
    all.push_back(std::make_unique<FakeUpstream>());
    all.back()->reset_without_answer();
    ports.push_back(all.back()->port());
  }
  start(ports);
  EXPECT_EQ(get(proxy->port()).status, 502);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("blue", Outcome::Reset) == 3; }));
  std::size_t requests = 0;
  for (const auto& upstream : all) requests += upstream->requests();
  EXPECT_EQ(requests, 3u);
  for (const auto& upstream : all) EXPECT_LE(upstream->requests(), 1u) << "never the same twice";
}

TEST_F(Retry, BudgetBoundsTheRetriesUnderWay) {
  RefusingPort refusing;
  good.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.answer(200, "ok");
  });
  start({refusing.port(), good.port()});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<RawClient>(proxy->port()));
    clients.back()->send(kGet);
  }
  // The idle endpoint is preferred and fails at least five times; three retries may be under way.
  EXPECT_TRUE(eventually([&] { return good.requests() + proxy->totals().retries_denied == 12; }));
  EXPECT_EQ(proxy->totals().retries, 3u);
  EXPECT_GE(proxy->totals().retries_denied, 2u);
  good.release();
  std::uint64_t failed = 0;
  for (auto& client : clients) failed += client->read_response().status != 200;
  EXPECT_EQ(failed, proxy->totals().retries_denied);
}

// --- which endpoint -------------------------------------------------------------------------

TEST_F(Retry, SpreadsOverEndpointsByLoad) {
  FakeUpstream third;
  for (FakeUpstream* upstream : {&good, &bad, &third})
    upstream->on_request([](const Received&, UpstreamConnection& connection) {
      connection.wait_for_release();
      connection.answer(200, "ok");
    });
  start({good.port(), bad.port(), third.port()});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 60; ++i) {
    clients.push_back(std::make_unique<RawClient>(proxy->port()));
    clients.back()->send(kGet);
  }
  EXPECT_TRUE(
      eventually([&] { return good.requests() + bad.requests() + third.requests() == 60; }));
  for (FakeUpstream* upstream : {&good, &bad, &third})
    EXPECT_THAT(upstream->requests(), AllOf(Ge(16u), Le(24u))) << "the less busy of two, each time";
  for (FakeUpstream* upstream : {&good, &bad, &third}) upstream->release();
  for (auto& client : clients) EXPECT_EQ(client->read_response().status, 200);
}

TEST_F(Retry, UnhealthyEndpointGetsNothing) {
  start({good.port(), bad.port()});
  proxy->endpoint(bad.port()).set_healthy(false);
  for (int i = 0; i < 30; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_EQ(bad.requests(), 0u);
  proxy->endpoint(bad.port()).set_healthy(true);
  send_until(bad, 1, std::string(kGet));
}

TEST_F(Retry, NoHealthyEndpointIs503) {
  start({good.port()});
  proxy->endpoint(good.port()).set_healthy(false);
  EXPECT_EQ(get(proxy->port()).status, 503);
  EXPECT_EQ(proxy->of("blue").attempts(), 0u);
}

// --- the stable version answers for the candidate -------------------------------------------

class Fallback : public testing::Test {
 protected:
  Fallback() {
    setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()});
    setup.sticky().key = config::Sticky::Key::None;
    blue.answer(200, "from blue");
  }
  void start() {
    setup.fallback_to_stable();
    proxy = std::make_unique<Proxy>(setup);
  }
  Response ask(const std::string& request = std::string(kGet)) {
    RawClient client(proxy->port());
    client.send(request);
    return client.read_response();
  }
  void expect_charged(Outcome outcome) {  // U27
    EXPECT_TRUE(eventually([&] {
      return proxy->outcomes("green", outcome) == 1 &&
             proxy->outcomes("blue", Outcome::Success) == 1;
    }));
    EXPECT_EQ(proxy->of("green").attempts(), 1u);
    EXPECT_EQ(proxy->of("blue").attempts(), 1u);
    EXPECT_EQ(proxy->totals().fallbacks, 1u);
    EXPECT_EQ(proxy->totals().retries, 0u);
  }
  FakeUpstream blue, green;
  ProxySetup setup;
  std::unique_ptr<Proxy> proxy;
};

TEST_F(Fallback, AfterAReset) {
  green.reset_without_answer();
  start();
  const Response response = ask();
  EXPECT_EQ(response.body, "from blue");
  EXPECT_EQ(response.field("Cutwater-Version"), "blue");
  expect_charged(Outcome::Reset);
}

TEST_F(Fallback, AfterAHeadTimeout) {
  green.never_answer();
  setup.timeouts().response_head = 100ms;
  start();
  EXPECT_EQ(ask().body, "from blue");
  expect_charged(Outcome::Timeout);
}

TEST_F(Fallback, AfterA5xxOnGet) {
  green.answer(503, "broken");
  start();
  const Response response = ask();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "from blue");
  expect_charged(Outcome::Status5xx);
}

TEST_F(Fallback, OfAPostOnlyWhenNothingWasSent) {
  RefusingPort refusing;
  setup = ProxySetup();
  setup.version("blue", 0, {blue.port()}).version("green", 100, {refusing.port()});
  start();
  EXPECT_EQ(ask(post("hello")).body, "from blue");
  EXPECT_EQ(blue.wait_for_request().body, "hello");
  expect_charged(Outcome::ConnectFailed);
}

TEST_F(Fallback, NotOfAPostThatWasAnswered) {
  const std::string answer =
      "HTTP/1.1 500 Oh no\r\nX-Reason: because\r\nContent-Length: 6\r\n\r\nbroken";
  green.answer_raw(answer);
  start();
  const Response response = ask(post("hello"));
  EXPECT_EQ(response.head.start_line, "HTTP/1.1 500 Oh no");
  EXPECT_EQ(response.field("X-Reason"), "because");
  EXPECT_EQ(response.body, "broken");
  EXPECT_EQ(blue.requests(), 0u);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("green", Outcome::Status5xx) == 1; }));
}

TEST_F(Fallback, NotOf4xx) {
  green.answer(404, "not here");
  start();
  EXPECT_EQ(ask().status, 404);
  EXPECT_EQ(blue.requests(), 0u);
  EXPECT_TRUE(eventually([&] { return proxy->outcomes("green", Outcome::Success) == 1; }));
}

TEST_F(Fallback, NotUnlessConfigured) {
  green.answer(500, "broken");
  proxy = std::make_unique<Proxy>(setup);
  EXPECT_EQ(ask().body, "broken");
  EXPECT_EQ(blue.requests(), 0u);
}

TEST_F(Fallback, BothBrokenGivesStablesAnswer) {
  green.answer(500, "green is broken");
  blue.answer(500, "blue is broken");
  start();
  EXPECT_EQ(ask().body, "blue is broken");
  EXPECT_TRUE(eventually([&] {
    return proxy->outcomes("green", Outcome::Status5xx) == 1 &&
           proxy->outcomes("blue", Outcome::Status5xx) == 1;
  }));
}

// --- a broken canary ------------------------------------------------------------------------

// Every request of the 5 % fails at once. No user sees it, few requests are lost on the version,
// and none from the decision on.
TEST_F(Fallback, BrokenCanaryHarmsNobodyAndIsTurnedOff) {
  green.answer(500, "broken");
  setup.weight("blue", 95).weight("green", 5);
  setup.workers = 2;
  start();
  std::atomic<int> trips{0};
  proxy->monitor("green").arm({}, [&] { ++trips; });
  std::atomic<int> failures{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i)
    clients.emplace_back([&] {
      RawClient client(proxy->port());
      for (int n = 0; n < 200; ++n) {
        client.send(kGet);
        if (client.read_response().status != 200) ++failures;
      }
    });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(trips, 1);
  EXPECT_TRUE(proxy->monitor("green").tripped());
  const auto charged = proxy->of("green").errors();
  EXPECT_THAT(charged, AllOf(Ge(5u), Le(8u + 16u)));
  EXPECT_EQ(green.requests(), charged);
  EXPECT_EQ(blue.requests(), 1600u);

  RawClient late(proxy->port());
  for (int n = 0; n < 100; ++n) {
    late.send(kGet);
    EXPECT_EQ(late.read_response().field("Cutwater-Version"), "blue");
  }
  EXPECT_EQ(green.requests(), charged) << "a tripped version gets nothing";
}

TEST_F(Fallback, UnprovenVersionHasAtMostSixteenInFlight) {
  green.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.answer(200, "from green");
  });
  start();
  proxy->monitor("green").arm({}, [] {});
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 40; ++i) {
    clients.push_back(std::make_unique<RawClient>(proxy->port()));
    clients.back()->send(kGet);
  }
  EXPECT_TRUE(eventually([&] { return green.requests() == 16 && blue.requests() == 24; }));
  green.release();
  for (auto& client : clients) EXPECT_EQ(client->read_response().status, 200);
  // The sixteen places are free again.
  EXPECT_EQ(ask().body, "from green");
}

// --- R28: a dead canary must not hold up its neighbour ---------------------------------------

TEST_F(Fallback, UploadsToADeadCanaryDoNotHoldUpTheStableVersion) {
  green.on_head([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();  // accepts nothing
  });
  setup.weight("blue", 100).weight("green", 0);
  setup.flag(flag_when("beta", config::FlagCondition::Source::Header, "X-Beta", "on", "green"));
  start();
  const std::string block(256 * 1024, 'x');
  std::vector<std::thread> uploads;
  std::atomic<bool> over{false};
  std::atomic<std::size_t> taken{0};
  for (int i = 0; i < 4; ++i)
    uploads.emplace_back([&] {
      RawClient client(proxy->port());
      client.send("POST / HTTP/1.1\r\nHost: a\r\nX-Beta: on\r\nContent-Length: 1000000000\r\n\r\n");
      while (!over)
        if (client.try_send(block, 20ms)) taken += block.size();
    });
  EXPECT_TRUE(eventually([&] { return green.requests() == 4; }));
  RawClient client(proxy->port());
  for (int i = 0; i < 300; ++i) {
    client.send(kGet);
    EXPECT_EQ(client.read_response().body, "from blue");
  }
  EXPECT_TRUE(eventually([&] { return proxy->totals().exchanges_active == 4; }))
      << "all uploads are under way still, and nothing else is";
  EXPECT_LT(taken, 4u * 32 * 1024 * 1024) << "the kernel's buffers, no more";
  over = true;
  for (std::thread& upload : uploads) upload.join();
}

}  // namespace
}  // namespace cutwater::test
