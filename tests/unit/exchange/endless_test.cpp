// Tests when the proxy ends exchanges that have no end of their own.
#include "proxy/exchange/endless.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "fake_streams.hpp"

namespace cutwater::exchange {
namespace {

using namespace std::chrono_literals;
using test::FakeUpstreamStream;

// Holds one worker's exchanges on two versions. Time is what the test says, because only the timers
// look at it.
class Endless : public ::testing::Test {
 protected:
  struct Running {
    Running(EndlessExchanges& all, const routing::VersionSnapshot& version)
        : exchange(all, version, upstream) {}
    FakeUpstreamStream upstream;
    EndlessExchange exchange;
  };

  Endless() {
    service->versions = {version("blue"), version("green")};
    service->timeouts.revert_grace = 30s;
    snapshot.services = {service};
  }
  static routing::VersionSnapshot version(const std::string& name) {
    return {name, 500'000, {}, std::make_shared<guard::VersionMonitor>("shop", name, 1)};
  }
  void publish(bool green_is_withdrawn) {
    service->versions[1].withdrawn = green_is_withdrawn;
    all.on_switch(snapshot);
  }
  Running& start(std::size_t version) {
    running.push_back(std::make_unique<Running>(all, service->versions[version]));
    return *running.back();
  }
  void pass(Nanoseconds time) { loop.timers().expire(loop.now() + time); }
  std::ptrdiff_t ended() const {
    return std::count_if(running.begin(), running.end(),
                         [](const auto& one) { return one->upstream.cancelled; });
  }

  net::EventLoop loop;
  EndlessExchanges all{loop};
  std::shared_ptr<routing::ServiceSnapshot> service = std::make_shared<routing::ServiceSnapshot>();
  routing::RoutingSnapshot snapshot;
  std::vector<std::unique_ptr<Running>> running;
};

TEST_F(Endless, AWeightChangeEndsNothing) {
  start(0);
  start(1);
  service->versions[1].weight = 0;
  publish(false);
  pass(1h);
  EXPECT_EQ(ended(), 0);
}

TEST_F(Endless, AReversionEndsThatVersionsWithinItsGraceEachAtAMomentOfItsOwn) {
  Running& on_blue = start(0);
  for (int i = 0; i < 200; ++i) start(1);
  publish(true);
  EXPECT_EQ(ended(), 0) << "all at once";
  pass(15s);
  EXPECT_GT(ended(), 50) << "half of the time has passed";
  EXPECT_LT(ended(), 150);
  pass(31s);
  EXPECT_EQ(ended(), 200);
  EXPECT_FALSE(on_blue.upstream.cancelled);
  EXPECT_EQ(on_blue.exchange.ended_for(), EndedFor::Nothing);
  EXPECT_EQ(running[1]->exchange.ended_for(), EndedFor::Withdrawal);
}

TEST_F(Endless, ARepeatedSnapshotDoesNotPutItOff) {
  start(1);
  for (int i = 0; i < 10; ++i) publish(true);
  pass(31s);
  EXPECT_EQ(ended(), 1);
}

TEST_F(Endless, AHeadThatComesAfterTheReversionIsNoExit) {
  publish(true);
  start(1);
  pass(31s);
  EXPECT_EQ(ended(), 1);
}

TEST_F(Endless, AVersionThatIsLetInAgainKeepsWhatIsLeft) {
  start(1);
  publish(true);
  publish(false);
  pass(1h);
  EXPECT_EQ(ended(), 0);
}

TEST_F(Endless, WithoutGraceItIsOverAtOnce) {
  service->timeouts.revert_grace = 0s;
  start(1);
  publish(true);
  pass(10ms);
  EXPECT_EQ(ended(), 1);
}

TEST_F(Endless, ADrainEndsAllBetweenItsTwoMomentsAlsoWhatBeginsMeanwhile) {
  for (int i = 0; i < 100; ++i) start(static_cast<std::size_t>(i % 2));
  all.drain(loop.now() + 10s, loop.now() + 20s);
  start(0);
  pass(9s);
  EXPECT_EQ(ended(), 0);
  pass(15s);
  EXPECT_GT(ended(), 20);
  EXPECT_LT(ended(), 80);
  pass(21s);
  EXPECT_EQ(ended(), 101);
  EXPECT_EQ(running[0]->exchange.ended_for(), EndedFor::Drain);
}

TEST_F(Endless, WhatHasEndedByItselfIsForgotten) {
  start(1);
  publish(true);
  running.clear();
  pass(31s);  // must not touch it
  start(0);
  EXPECT_EQ(ended(), 0);
}

}  // namespace
}  // namespace cutwater::exchange
