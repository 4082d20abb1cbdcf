// Tests what the guard learns from clients that give up: a version that lets them wait is slow,
// whatever ends their waiting. Every wait is longer than the least limit and shorter than the
// longest one, so nothing depends on how long it takes.
#include "tests/integration/upstream_support.hpp"
#include "tests/support/h2_frames.hpp"

namespace cutwater::test {
namespace {

class GivenUp : public UpstreamTest {
 protected:
  void start_guarded() {
    start();
    guard::GuardPolicy policy;
    policy.p95 = Nanoseconds(1);
    policy.p95_critical = std::chrono::hours(1);
    proxy->monitor("blue").arm(policy, [] {});
  }
  guard::TestReport p95() { return proxy->monitor("blue").report(Clock::now()).tests.at(1); }
  void expect_given_up(std::uint64_t count) {
    EXPECT_TRUE(eventually([&] { return p95().given_up == count; })) << p95().given_up;
    EXPECT_EQ(p95().bad, count);
    const guard::GuardReport report = proxy->monitor("blue").report(Clock::now());
    EXPECT_EQ(report.tests.at(0).bad, 0u) << "it is no error";
    EXPECT_EQ(report.tests.at(2).bad, 0u) << "nobody knows about an hour";
  }
  void hang() {
    blue.on_request(
        [](const Received&, UpstreamConnection& connection) { connection.wait_for_end(); });
  }
};

TEST_F(GivenUp, BeforeTheHeadByRst) {
  hang();
  start_guarded();
  RawClient client(proxy->port());
  client.send(kGet);
  blue.wait_for_request();
  client.reset();
  expect_given_up(1);
}

TEST_F(GivenUp, AVersionThatHangsLosesItsTrafficWithinEight) {
  hang();
  start_guarded();
  for (int i = 0; i < 8 && !proxy->monitor("blue").tripped(); ++i) {
    RawClient client(proxy->port());
    client.send(kGet);
    blue.wait_for_request();
    client.reset();
    const auto seen = static_cast<std::uint64_t>(i) + 1;
    EXPECT_TRUE(eventually([&] { return p95().given_up >= seen; }));
  }
  EXPECT_TRUE(proxy->monitor("blue").tripped());
}

TEST_F(GivenUp, BeforeTheHeadBehindAnUpload) {
  hang();
  start_guarded();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  client.send("world");
  blue.wait_for_request();
  client.reset();
  expect_given_up(1);
}

TEST_F(GivenUp, DuringItsUploadAClientWaitsForNobody) {
  blue.on_head([](const Received&, UpstreamConnection& connection) { connection.wait_for_end(); });
  start_guarded();
  RawClient client(proxy->port());
  client.send("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello");
  blue.wait_for_request();
  client.reset();
  expect_recorded(Outcome::ClientAbort);
  EXPECT_EQ(p95().bad, 0u);
}

TEST_F(GivenUp, BehindTheHeadTheWaitIsMeasuredAsForAnyAnswer) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
    connection.wait_for_end();
  });
  start_guarded();
  RawClient client(proxy->port());
  client.send(kGet);
  EXPECT_EQ(client.read_response_head().status, 200);
  EXPECT_EQ(client.reader().read_exactly(5), "hello");
  client.reset();
  // Its head came on a new connection of a cold endpoint, like any first answer.
  EXPECT_TRUE(eventually([&] { return p95().cold_bad == 1; })) << p95().cold_bad;
}

TEST_F(GivenUp, AStreamOverHttp2ByItsReset) {
  hang();
  start_guarded();
  H2Client client(proxy->port());
  const std::uint32_t stream = client.request(h2_get("/p"));
  blue.wait_for_request();
  client.send(h2_reset(stream));
  expect_given_up(1);
}

// A half-closed client may still be waiting, so its request goes on; but it has waited that long.
TEST_F(GivenUp, BeforeTheHeadByFinThoughTheAnswerMayStillCome) {
  blue.on_request([](const Received&, UpstreamConnection& connection) {
    connection.wait_for_release();
    connection.answer(200, "late");
  });
  start_guarded();
  RawClient client(proxy->port());
  client.send(kGet);
  blue.wait_for_request();
  client.half_close();
  expect_given_up(1);
  blue.release();
  EXPECT_EQ(client.read_response().body, "late");
  expect_recorded(Outcome::Success);
  expect_given_up(1);
}

}  // namespace
}  // namespace cutwater::test
