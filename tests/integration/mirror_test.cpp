// Tests shadow traffic as client, version and shadow see it: the client is never delayed, the
// shadow gets a marked copy, and its results are counted separately.
#include "proxy/routing/mirror.hpp"

#include "tests/integration/upstream_support.hpp"

namespace cutwater::test {
namespace {

constexpr std::uint32_t kSafe = 1U << static_cast<unsigned>(http::Method::Get) |
                                1U << static_cast<unsigned>(http::Method::Head) |
                                1U << static_cast<unsigned>(http::Method::Options);

class Mirror : public UpstreamTest {
 protected:
  Mirror() {
    setup.version("green", 0, {green.port()});
    mirror.share = Share::kWhole;
    mirror.methods = kSafe;
    mirror.max_body = 64 * 1024;
    mirror.concurrency = 64;
    mirror.stats = std::make_shared<routing::MirrorStats>("shop", "green", 1);
  }
  void start() {
    setup.mirror("green", mirror);
    UpstreamTest::start();
  }
  std::uint64_t results(Outcome outcome) const {
    return mirror.stats->monitor.totals().outcomes[static_cast<std::size_t>(outcome)];
  }
  std::uint64_t dropped(routing::MirrorDrop why) const {
    return mirror.stats->dropped[static_cast<std::size_t>(why)].load();
  }

  FakeUpstream green;
  routing::MirrorSnapshot mirror;
};

TEST_F(Mirror, TheShadowGetsAMarkedCopyAndTheClientNothingOfIt) {
  blue.answer(200, "from blue");
  green.answer(500, "from green");
  start();
  const Response response =
      get(proxy->port(), "/cart?a=1", "X-Colour: mauve\r\nX-Shadow: 0\r\nCookie: a=b\r\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "from blue");
  const Received user = blue.wait_for_request();
  EXPECT_EQ(user.field("X-Shadow"), "<none>") << "no client may say so";
  const Received copy = green.wait_for_request();
  EXPECT_EQ(copy.field("X-Shadow"), "1");
  EXPECT_EQ(copy.target(), "/cart?a=1");
  EXPECT_EQ(copy.field("X-Colour"), "mauve");
  EXPECT_EQ(copy.field("Cookie"), "a=b");
  EXPECT_EQ(copy.field("Host"), user.field("Host"));
  EXPECT_EQ(copy.field("X-Request-ID"), user.field("X-Request-ID"));
}

TEST_F(Mirror, IsJudgedApart) {
  green.answer(500, "broken");
  start();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_TRUE(eventually([&] { return results(Outcome::Status5xx) == 50; }));
  EXPECT_EQ(proxy->of("green").attempts(), 0u) << "users never were there";
  EXPECT_EQ(proxy->of("blue").attempts(), 50u);
  EXPECT_EQ(mirror.stats->monitor.totals().latency.count, 0u) << "a failure has no latency";
}

TEST_F(Mirror, AShadowThatNeverAnswersDelaysNobody) {
  green.never_answer();
  setup.timeouts().request = 60s;
  start();
  RawClient client(proxy->port());
  for (int i = 0; i < 100; ++i) {
    client.send(kGet);
    ASSERT_EQ(client.read_response().status, 200);
  }
  EXPECT_EQ(mirror.stats->under_way.load(), 64u) << "the cap";
  EXPECT_TRUE(eventually([&] { return dropped(routing::MirrorDrop::Concurrency) == 36; }));
  proxy->stop();  // and does not wait for the shadow
  EXPECT_EQ(mirror.stats->under_way.load(), 0u);
}

TEST_F(Mirror, UnderTheCapTheShadowIsDroppedAndTheUsersAreNot) {
  mirror.concurrency = 1;
  green.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  });
  start();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_TRUE(eventually([&] { return dropped(routing::MirrorDrop::Concurrency) == 19; }));
  green.release();
  EXPECT_TRUE(eventually([&] { return mirror.stats->under_way.load() == 0; }));
  EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_TRUE(eventually([&] { return results(Outcome::Success) >= 1; }));
}

TEST_F(Mirror, CopiesOnlySafeMethodsUnlessToldOtherwise) {
  start();
  RawClient client(proxy->port());
  client.send(post("buy"));
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_EQ(get(proxy->port(), "/look").status, 200);
  EXPECT_EQ(green.wait_for_request().target(), "/look");
  EXPECT_EQ(green.requests(), 1u);

  mirror.methods |= 1U << static_cast<unsigned>(http::Method::Post);
  setup.mirror("green", mirror);
  proxy->publish(setup);
  client.send(post("buy"));
  EXPECT_EQ(client.read_response().status, 200);
  const Received copy = green.wait_for_request();
  EXPECT_EQ(copy.method(), "POST");
  EXPECT_EQ(copy.body, "buy");
}

TEST_F(Mirror, ABodyThatIsLongOrCameLateIsNotHeldForIt) {
  mirror.methods |= 1U << static_cast<unsigned>(http::Method::Post);
  mirror.max_body = 10;
  start();
  RawClient client(proxy->port());
  client.send(post("longer than ten"));
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_TRUE(eventually([&] { return dropped(routing::MirrorDrop::Body) == 1; }));
  client.send(post(std::string(200'000, 'x')));
  EXPECT_EQ(client.read_response().status, 200);
  EXPECT_TRUE(eventually([&] { return dropped(routing::MirrorDrop::Body) == 2; }));
  EXPECT_EQ(green.requests(), 0u);
}

TEST_F(Mirror, AShareOfTheRequestsIsCopied) {
  mirror.share = 100'000;  // 10 %
  start();
  RawClient client(proxy->port());
  for (int i = 0; i < 1000; ++i) {
    client.send(kGet);
    ASSERT_EQ(client.read_response().status, 200);
  }
  EXPECT_NEAR(static_cast<double>(green.requests()), 100, 45);
}

TEST_F(Mirror, WhoIsOnTheShadowVersionAnywayIsNotCopied) {
  setup.weight("blue", 0).weight("green", 100);
  start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  expect_quiet();
  EXPECT_EQ(green.requests(), 5u);
}

TEST_F(Mirror, StoppedItCopiesNothingAtOnce) {
  start();
  EXPECT_EQ(get(proxy->port()).status, 200);
  green.wait_for_request();
  mirror.share = 0;
  setup.mirror("green", mirror);
  proxy->publish(setup);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  expect_quiet();
  EXPECT_EQ(green.requests(), 1u);
}

TEST_F(Mirror, ADownShadowCostsTheUsersNothing) {
  green.refuse();
  start();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_TRUE(eventually([&] { return results(Outcome::ConnectFailed) == 20; }));
  proxy->endpoint(green.port()).set_healthy(false);
  EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_TRUE(eventually([&] { return dropped(routing::MirrorDrop::Unavailable) == 1; }));
}

TEST_F(Mirror, AnAnswerIsReadToItsEndAndTheConnectionUsedAgain) {
  green.answer(200, std::string(300'000, 'x'));
  start();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(get(proxy->port()).status, 200);
    EXPECT_TRUE(
        eventually([&] { return results(Outcome::Success) == static_cast<std::uint64_t>(i + 1); }));
  }
  EXPECT_EQ(green.connections(), 1u);
}

TEST_F(Mirror, AnEndlessAnswerIsNotReadForEver) {
  green.answer(200, std::string(4'000'000, 'x'));
  start();
  EXPECT_EQ(get(proxy->port()).status, 200);
  EXPECT_TRUE(eventually([&] { return results(Outcome::Success) == 1; }));
  EXPECT_EQ(mirror.stats->monitor.totals().latency.count, 0u) << "its end was not waited for";
}

TEST_F(Mirror, AnotherServicesRequestsAndLocalAnswersAreNotCopied) {
  setup.route("shop.example", "/");
  start();
  EXPECT_EQ(get(proxy->port(), "/nowhere").status, 404);
  expect_quiet();
  EXPECT_EQ(green.requests(), 0u);
}

}  // namespace
}  // namespace cutwater::test
