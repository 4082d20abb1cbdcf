// Tests section 4 of tests/HARDENING.md: clients that take their time. The limits are the real
// ones, made short.
#include "tests/integration/edge_fixture.hpp"
#include "tests/support/memory.hpp"

namespace cutwater::test {
namespace {

using SlowClient = Edge;
using stats::Outcome;
using SteadyClock = std::chrono::steady_clock;

constexpr int kCrowd = 500;
constexpr std::size_t kPerConnection = 8 * 1024;

TEST_F(SlowClient, R01AHeadThatTakesTooLongEndsIn408) {
  setup.limits.header_timeout = 300ms;
  RawClient client(port());
  client.send("GET /p HTTP/1.1\r\nHost: a\r\n");
  // A byte now and then does not move the deadline: it is absolute. If it moved, no answer would
  // come while the bytes do.
  std::atomic<bool> answered{false};
  std::atomic<int> bytes{0};
  std::thread dripping([&] {
    while (!answered && client.try_send("X")) {
      ++bytes;
      std::this_thread::sleep_for(20ms);
    }
  });
  const Response response = client.read_response();
  answered = true;
  client.stream().shut_down_now();
  dripping.join();
  EXPECT_EQ(response.status, 408);
  EXPECT_EQ(response.field("Connection"), "close");
  EXPECT_GT(bytes, 0);
  EXPECT_EQ(blue.connections(), 0u);
  EXPECT_TRUE(eventually([&] { return proxy().totals().local_replies[408] == 1; }));
}

TEST_F(SlowClient, R01ACrowdOfUnfinishedHeadsCostsLittleMemoryAndHindersNobody) {
  setup.limits.header_timeout = 60s;
  EXPECT_EQ(get(port()).status, 200);  // warm
  const std::size_t before = resident_bytes();
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (int i = 0; i < kCrowd; ++i) {
    crowd.push_back(std::make_unique<RawClient>(port()));
    crowd.back()->send("GET /p HTTP/1.1\r\nHost: a\r\nX-Slow: ");
  }
  EXPECT_TRUE(eventually([&] { return proxy().totals().downstream_open >= kCrowd; }));
  for (auto& client : crowd) client->send("y");
  EXPECT_EQ(get(port()).status, 200);
  if (kMemoryIsMeasurable) {
    EXPECT_LT((resident_bytes() - before) / kCrowd, kPerConnection);
  }
  crowd.front()->send("\r\n\r\n");
  EXPECT_EQ(crowd.front()->read_response().status, 200) << "the slow one is served in the end";
}

TEST_F(SlowClient, ACrowdOfIdleConnectionsCostsLittleMemory) {
  EXPECT_EQ(get(port()).status, 200);
  const std::size_t before = resident_bytes();
  std::vector<std::unique_ptr<RawClient>> crowd;
  for (int i = 0; i < kCrowd; ++i) {
    crowd.push_back(std::make_unique<RawClient>(port()));
    crowd.back()->send(kGet + "\r\n");
    ASSERT_EQ(crowd.back()->read_response().status, 200);
  }
  if (kMemoryIsMeasurable) {
    EXPECT_LT((resident_bytes() - before) / kCrowd, kPerConnection / 2);
  }
  for (auto& client : crowd) {
    client->send(kGet + "\r\n");
    ASSERT_EQ(client->read_response().status, 200);
  }
}

TEST_F(SlowClient, R02ABodyBelowTheMinimumRateEndsIn408) {
  setup.limits.body_min_rate_grace = 200ms;
  for (const std::string framing : {"Content-Length: 1000000", "Transfer-Encoding: chunked"}) {
    RawClient client(port());
    client.send(kPost + framing + "\r\n\r\n5\r\nhello\r\n");
    EXPECT_EQ(client.read_response().status, 408) << framing;
    client.read_until_close();
  }
  EXPECT_TRUE(eventually([&] { return blue.open_connections() == 0; }));
  EXPECT_EQ(attempts(), 0u) << "not the version's fault";
}

TEST_F(SlowClient, R02ABodyAboveTheMinimumRateMayTakeItsTime) {
  setup.limits.body_min_rate_grace = 200ms;
  setup.limits.body_min_rate = 100;
  RawClient client(port());
  client.send(kPost + "Content-Length: 1200\r\n\r\n");
  for (int i = 0; i < 12; ++i) {
    client.send(std::string(100, 'b'));
    std::this_thread::sleep_for(50ms);  // the pace is the subject
  }
  EXPECT_EQ(client.read_response().status, 200);
}

TEST_F(SlowClient, R03AReaderThatStopsHoldsTheUpstreamBackAndIsCutOff) {
  setup.limits.client_write_stall = 300ms;
  constexpr std::size_t kBody = 64 * 1024 * 1024;
  std::atomic<std::size_t> taken{0};
  blue.on_request([&](const Received&, UpstreamConnection& connection) {
    const std::string block(1024 * 1024, 'z');
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(kBody) + "\r\n\r\n");
    for (std::size_t sent = 0; sent < kBody && connection.send(block); sent += block.size())
      taken += block.size();
    connection.close();
  });
  EXPECT_GT(port(), 0);
  const std::size_t before = resident_bytes();
  RawClient client(TcpStream::Dial{port(), 4096});
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::ClientAbort) == 1; }));
  EXPECT_LT(taken, kBody / 2) << "the kernel's buffers, no more";
  if (kMemoryIsMeasurable) {
    EXPECT_LT(resident_bytes() - before, 8u * 1024 * 1024);
  }
  EXPECT_EQ(client.how_it_ends(), TcpStream::End::Reset) << "a cut body must not look whole";
  EXPECT_EQ(attempts(), 0u);
}

TEST_F(SlowClient, R03AReaderThatIsOnlySlowGetsItAll) {
  setup.limits.client_write_stall = 500ms;
  blue.answer(200, std::string(10'000'000, 'z'));
  RawClient client(TcpStream::Dial{port(), 64 * 1024});
  client.send(kGet + "\r\n");
  EXPECT_EQ(client.read_response_head().status, 200);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(client.reader().read_exactly(1'000'000).has_value());
    std::this_thread::sleep_for(70ms);  // longer in all than the stall limit
  }
  EXPECT_TRUE(eventually([&] { return outcomes(Outcome::Success) == 1; }));
}

TEST_F(SlowClient, R04ASilentConnectionIsClosedWithoutAWord) {
  setup.limits.header_timeout = 200ms;
  RawClient client(port());
  const auto began = SteadyClock::now();
  EXPECT_EQ(client.reader().read_to_end(), std::pair(std::string(), TcpStream::End::Fin));
  EXPECT_GE(SteadyClock::now() - began, 200ms);
  EXPECT_EQ(bad_requests(), 0u);
}

TEST_F(SlowClient, R04AnEmptyLineDoesNotBuyTime) {
  setup.limits.header_timeout = 200ms;
  RawClient client(port());
  client.send("\r\n");
  EXPECT_EQ(client.read_response().status, 408);
}

}  // namespace
}  // namespace cutwater::test
