// Holds what the upstream tests share: a proxy in front of one or two scripted versions, and
// questions about what was recorded. The worker records an outcome after the client has its answer,
// so every question waits a moment for it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/fake_upstream.hpp"
#include "tests/support/proxy_fixture.hpp"
#include "tests/support/raw_client.hpp"

namespace cutwater::test {

using stats::Outcome;

inline constexpr std::string_view kGet = "GET /p HTTP/1.1\r\nHost: a\r\n\r\n";

inline std::string post(std::string_view body) {
  return "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + std::string(body);
}

inline std::string ok(std::string_view body, std::string_view fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

// There is one stable version, blue, with one endpoint, so no retry can hide what happens to it.
class UpstreamTest : public testing::Test {
 protected:
  UpstreamTest() {
    setup.version("blue", 100, {blue.port()});
    setup.sticky().key = config::Sticky::Key::None;
  }
  void start() { proxy = std::make_unique<Proxy>(setup); }

  // Expects exactly this record, and nothing else; `charged` says what attempts() must be.
  void expect_recorded(Outcome outcome, const std::string& version = "blue") {
    EXPECT_TRUE(eventually([&] { return proxy->outcomes(version, outcome) == 1; }))
        << stats::to_string(outcome) << " was not recorded on " << version;
    std::uint64_t all = 0;
    for (const std::uint64_t count : proxy->of(version).outcomes) all += count;
    EXPECT_EQ(all, 1u) << "an attempt is recorded once";
    const bool charged = !stats::says_nothing(outcome);
    EXPECT_EQ(proxy->of(version).attempts(), charged ? 1u : 0u);
  }
  // Nobody talks to an upstream any more and nothing leaks.
  void expect_quiet() {
    EXPECT_TRUE(eventually([&] {
      const auto totals = proxy->totals();
      return totals.exchanges_active == 0 && totals.upstream_open == totals.upstream_idle;
    }));
  }
  void expect_upstream_discarded() {
    expect_quiet();
    EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_open == 0; }));
  }
  void expect_upstream_pooled() {
    expect_quiet();
    EXPECT_TRUE(eventually([&] { return proxy->totals().upstream_idle == 1; }));
  }
  // The client's connection carries another request.
  void expect_usable(RawClient& client) {
    blue.answer(200, "next");
    client.send(kGet);
    EXPECT_EQ(client.read_response().body, "next");
  }

  FakeUpstream blue;
  ProxySetup setup;
  std::unique_ptr<Proxy> proxy;
};

}  // namespace cutwater::test
