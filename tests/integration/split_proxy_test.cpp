// Tests the split as clients see it: shares, stickiness, flags, and that a version without weight
// gets nothing from the moment the change is confirmed.
#include <gmock/gmock.h>

#include <thread>

#include "tests/integration/upstream_support.hpp"
#include "tests/support/flags.hpp"

namespace cutwater::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Split : public testing::Test {
 protected:
  Split() { weights(95, 5); }
  void weights(double blue_percent, double green_percent) {
    setup = ProxySetup();
    setup.version("blue", blue_percent, {blue.port()});
    setup.version("green", green_percent, {green.port()});
  }
  void start() { proxy = std::make_unique<Proxy>(setup); }
  // Sends one request over a connection that is kept; returns the version that answered.
  Response ask(RawClient& client, const std::string& fields = "") {
    client.send("GET /p HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    Response response = client.read_response();
    EXPECT_EQ(response.status, 200);
    return response;
  }
  // Counts how many of `requests` by several clients at once go to green.
  int count_green(int requests) {
    constexpr int kClients = 4;
    std::atomic<int> count{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < kClients; ++i)
      clients.emplace_back([&] {
        RawClient client(proxy->port());
        for (int n = 0; n < requests / kClients; ++n)
          count += ask(client).field("Cutwater-Version") == "green";
      });
    for (std::thread& client : clients) client.join();
    return count;
  }

  FakeUpstream blue, green;
  ProxySetup setup;
  std::unique_ptr<Proxy> proxy;
};

TEST_F(Split, ShareOfNewVisitorsIsRight) {
  setup.workers = 2;
  start();
  constexpr int kRequests = 20'000;
  const double deviation = std::sqrt(kRequests * 0.05 * 0.95);
  const int count = count_green(kRequests);
  EXPECT_NEAR(count, kRequests * 0.05, 4 * deviation);
  EXPECT_EQ(green.requests(), static_cast<std::size_t>(count)) << "the header tells the truth";
  EXPECT_EQ(proxy->totals().requests, static_cast<std::uint64_t>(kRequests));
}

TEST_F(Split, ShareWithoutStickinessIsRight) {
  setup.sticky().key = config::Sticky::Key::None;
  start();
  EXPECT_NEAR(count_green(2'000), 100, 45);
}

// In an even sequence at 50 % one page would always be blue's and the other green's, and the guard
// would tell two equal versions apart by their pages.
TEST_F(Split, AClientThatAlternatesBetweenTwoPagesFindsBothVersionsOnEach) {
  weights(50, 50);
  setup.sticky().key = config::Sticky::Key::None;
  start();
  RawClient client(proxy->port());
  int green_a = 0, green_b = 0;
  for (int i = 0; i < 200; ++i) {
    for (int* page : {&green_a, &green_b}) {
      client.send(std::string("GET /") + (page == &green_a ? "a" : "b") +
                  " HTTP/1.1\r\nHost: a\r\n\r\n");
      *page += client.read_response().field("Cutwater-Version") == "green";
    }
  }
  EXPECT_NEAR(green_a, 100, 40);
  EXPECT_NEAR(green_b, 100, 40);
}

TEST_F(Split, VisitorsStayWhenTheWeightGrows) {
  start();
  RawClient connection(proxy->port());
  struct Visitor {
    std::string cookie, version;
  };
  std::vector<Visitor> visitors(400);
  for (Visitor& visitor : visitors) {
    const Response first = ask(connection);
    visitor.version = first.field("Cutwater-Version");
    const std::string set = first.field("Set-Cookie");
    ASSERT_THAT(set, HasSubstr("cw_shop="));
    visitor.cookie = "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
  }
  for (const double percent : {5.0, 10.0, 25.0}) {
    weights(100 - percent, percent);
    proxy->publish(setup);
    int on_green = 0;
    for (Visitor& visitor : visitors) {
      const Response response = ask(connection, visitor.cookie);
      const std::string version = response.field("Cutwater-Version");
      EXPECT_FALSE(visitor.version == "green" && version == "blue") << "moved back";
      EXPECT_EQ(response.field("Set-Cookie"), "") << "a cookie is set once";
      if (percent == 5.0) {
        EXPECT_EQ(version, visitor.version);
      }
      visitor.version = version;
      on_green += version == "green";
    }
    const double expected = 400 * percent / 100;
    EXPECT_NEAR(on_green, expected, 4.5 * std::sqrt(expected * (1 - percent / 100)));
  }
}

TEST_F(Split, OwnCookieStaysBetweenClientAndProxy) {
  start();
  RawClient connection(proxy->port());
  const std::string set = ask(connection).field("Set-Cookie");
  const std::string own = set.substr(0, set.find(';'));
  EXPECT_EQ(blue.requests() + green.requests(), 1u);
  FakeUpstream& there = blue.requests() > 0 ? blue : green;
  EXPECT_EQ(there.wait_for_request().field("Cookie"), "<none>");
  ask(connection, "Cookie: a=1; " + own + "; b=2\r\n");
  EXPECT_EQ(there.wait_for_request().field("Cookie"), "a=1; b=2");
  ask(connection, "Cookie: " + own + "\r\n");
  EXPECT_EQ(there.wait_for_request().field("Cookie"), "<none>");
}

TEST_F(Split, ForgedCookieIsReplaced) {
  start();
  RawClient connection(proxy->port());
  const std::string forged = "cw_shop=" + std::string(22, 'A') + "." + std::string(22, 'B');
  EXPECT_THAT(ask(connection, "Cookie: " + forged + "\r\n").field("Set-Cookie"),
              HasSubstr("cw_shop="));
}

TEST_F(Split, FlagsChooseByHeaderAndCookie) {
  weights(100, 0);
  setup.flag(flag_when("beta", config::FlagCondition::Source::Cookie, "beta", "on", "green"));
  setup.flag(flag_when("staff", config::FlagCondition::Source::Header, "X-Staff", "true", "green"));
  start();
  RawClient connection(proxy->port());
  const auto version = [&](const std::string& fields) {
    return ask(connection, fields).field("Cutwater-Version");
  };
  EXPECT_EQ(version(""), "blue");
  EXPECT_EQ(version("Cookie: x=1; beta=on\r\n"), "green");
  EXPECT_EQ(version("Cookie: beta=off\r\n"), "blue");
  EXPECT_EQ(version("X-Staff: true\r\n"), "green");
  EXPECT_EQ(version("X-Staff: truest\r\n"), "blue");

  weights(100, 0);  // the flags are gone at once
  proxy->publish(setup);
  EXPECT_EQ(version("X-Staff: true\r\n"), "blue");
}

// Clients mark their requests with the epoch in which they were sent; green has no weight in odd
// epochs. A request of an odd epoch that reaches green while that epoch still lasts broke the
// promise.
TEST_F(Split, NoNewRequestReachesAVersionOnceItsWeightIsConfirmedZero) {
  constexpr int kChanges = 200;
  std::atomic<int> epoch{0};
  std::atomic<int> violations{0};
  std::atomic<std::uint64_t> answered{0};
  std::atomic<bool> over{false};
  green.on_request([&](const Received& request, UpstreamConnection& connection) {
    const int sent_in = std::stoi(request.field("X-Epoch"));
    if (sent_in % 2 == 1 && sent_in == epoch) ++violations;
    connection.answer(200, "ok");
  });
  weights(50, 50);
  setup.sticky().key = config::Sticky::Key::None;
  setup.workers = 2;
  start();
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([&] {
      RawClient client(proxy->port());
      for (; !over; ++answered) ask(client, "X-Epoch: " + std::to_string(epoch) + "\r\n");
    });
  const ProxySetup half = setup;
  const ProxySetup none = ProxySetup(setup).weight("blue", 100).weight("green", 0);
  const auto let_some_pass = [&] {
    const std::uint64_t from = answered;
    EXPECT_TRUE(eventually([&] { return answered >= from + 10; }));
  };
  for (int change = 0; change < kChanges; ++change) {
    proxy->publish(none);
    ++epoch;  // odd: confirmed
    let_some_pass();
    ++epoch;
    proxy->publish(half);
    let_some_pass();
  }
  over = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(violations, 0);
  EXPECT_GT(green.requests(), static_cast<std::size_t>(kChanges)) << "green was in use in between";
}

TEST_F(Split, AnswersThatACacheKeepsForAllSetNoCookie) {
  weights(50, 50);
  start();
  const auto set_by = [this](const std::string& fields) {
    for (FakeUpstream* upstream : {&blue, &green})
      upstream->answer_raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + fields + "\r\n");
    RawClient client(proxy->port());
    return ask(client);
  };
  const Response asset = set_by("Cache-Control: public, max-age=3600\r\nVary: Accept\r\n");
  EXPECT_EQ(asset.field("Set-Cookie"), "");
  EXPECT_EQ(asset.field("Cache-Control"), "public, max-age=3600");
  EXPECT_EQ(asset.field("Vary"), "Accept");
  EXPECT_THAT(set_by("Cache-Control: private, max-age=60\r\n").field("Set-Cookie"),
              HasSubstr("cw_shop="));
  EXPECT_EQ(set_by("").field("Cache-Control"), "private") << "beside a cookie";
}

TEST_F(Split, AnOperatorMaySayThatNoCacheSharesWhatIsPublic) {
  setup.sticky().cacheable = true;
  start();
  for (FakeUpstream* upstream : {&blue, &green})
    upstream->answer_raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nCache-Control: public\r\n\r\n");
  RawClient client(proxy->port());
  EXPECT_THAT(ask(client).field("Set-Cookie"), HasSubstr("cw_shop="));
}

TEST_F(Split, ACookieWithALongNameIsSetToo) {
  setup.sticky().name = std::string(config::kMostCookieName, 'n');
  start();
  RawClient client(proxy->port());
  EXPECT_THAT(ask(client).field("Set-Cookie"), HasSubstr(setup.sticky().name + "="));
}

}  // namespace
}  // namespace cutwater::test
