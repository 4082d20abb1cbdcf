#include "proxy/exchange/body_pump.hpp"

#include <gtest/gtest.h>

#include "tests/unit/exchange/fake_streams.hpp"

namespace cutwater::exchange {
namespace {

using test::FakeDownstream;
using test::FakeUpstreamStream;

constexpr Nanoseconds kIdle = Seconds(1);

class Pump : public testing::Test {
 protected:
  Task<void> download_into(DownloadResult& result, bool& done) {
    result = co_await pump_download(upstream, downstream, loop, kIdle);
    done = true;
  }
  Task<void> stop_when(bool& done) {
    while (!done) co_await loop.yield();
    loop.stop();
  }
  DownloadResult download() {
    DownloadResult result;
    bool done = false;
    spawn(download_into(result, done));
    run_until(done);
    return result;
  }
  // The pumps give the loop a turn after each chunk.
  void run_until(bool& done) {
    spawn(stop_when(done));
    loop.run();
    EXPECT_TRUE(done);
  }

  net::EventLoop loop;
  FakeDownstream downstream;
  FakeUpstreamStream upstream;
};

TEST_F(Pump, DownloadMovesEverythingAndTheEnd) {
  upstream.side.chunks = {"one ", "two ", "three"};
  const DownloadResult result = download();
  EXPECT_FALSE(result.error);
  EXPECT_EQ(downstream.side.written, "one two three");
  EXPECT_TRUE(downstream.side.ended);
}

TEST_F(Pump, DownloadStopsAtAnUpstreamErrorWithoutAnEnd) {
  upstream.side.chunks = {"one "};
  upstream.side.error = Error{Errc::Reset, Side::Upstream};
  const DownloadResult result = download();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->side, Side::Upstream);
  EXPECT_EQ(downstream.side.written, "one ");
  EXPECT_FALSE(downstream.side.ended);
}

TEST_F(Pump, DownloadStopsWhenTheClientCannotBeWrittenTo) {
  upstream.side.chunks = {"one ", "two "};
  downstream.side.write_error = Error{Errc::Reset, Side::Downstream};
  const DownloadResult result = download();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->side, Side::Downstream);
}

TEST_F(Pump, UploadMovesEverythingAndTheEnd) {
  downstream.side.chunks = {"one ", "two"};
  UploadState state;
  spawn(pump_upload(downstream, upstream, loop, state));
  run_until(state.done);
  EXPECT_FALSE(state.error);
  EXPECT_EQ(upstream.side.written, "one two");
  EXPECT_TRUE(upstream.side.ended);
}

TEST_F(Pump, UploadThatBreaksOffWakesTheReaderOfTheAnswer) {
  downstream.side.chunks = {"one "};
  downstream.side.error = Error{Errc::Closed, Side::Downstream};
  UploadState state;
  spawn(pump_upload(downstream, upstream, loop, state));
  run_until(state.done);
  EXPECT_TRUE(upstream.cancelled);
  EXPECT_FALSE(upstream.side.ended);
}

// The reader of the answer sees the upstream's failure: there may still be an answer.
TEST_F(Pump, UploadThatTheUpstreamRefusesLeavesItsAnswerReadable) {
  downstream.side.chunks = {"one "};
  upstream.side.write_error = Error{Errc::Reset, Side::Upstream};
  UploadState state;
  spawn(pump_upload(downstream, upstream, loop, state));
  EXPECT_TRUE(state.done);
  EXPECT_FALSE(upstream.cancelled);
}

TEST_F(Pump, UploadCountsTheTimeTheClientTook) {
  downstream.side.chunks = {"one"};
  downstream.side.ready = false;
  UploadState state;
  spawn(pump_upload(downstream, upstream, loop, state));
  EXPECT_FALSE(state.done);
  const TimePoint from = Clock::now();
  while (Clock::now() - from < Milliseconds(5)) {
  }
  downstream.side.gate.open();
  EXPECT_TRUE(state.done);
  EXPECT_GE(state.blocked_by_client, Milliseconds(5));
}

// Two sides that are always ready must not keep the worker from its other connections, nor from
// ending the exchange.
TEST_F(Pump, EndlessUploadLetsOthersHaveTheirTurnAndCanBeStopped) {
  downstream.side.endless = true;
  downstream.side.chunks = {std::string(1024, 'x')};
  UploadState state;
  spawn(pump_upload(downstream, upstream, loop, state));
  ASSERT_FALSE(state.done) << "never let go";
  const std::size_t before = upstream.side.writes;
  EXPECT_LE(before, 64u);
  state.stop = true;
  loop.stop();
  loop.run();
  EXPECT_TRUE(state.done);
  EXPECT_FALSE(upstream.side.ended);
  EXPECT_EQ(upstream.side.writes, before);
}

TEST_F(Pump, LongDownloadLetsOthersHaveTheirTurn) {
  for (int i = 0; i < 1000; ++i) upstream.side.chunks.emplace_back(1024, 'x');
  DownloadResult result;
  bool done = false;
  spawn(download_into(result, done));
  EXPECT_FALSE(done);
  EXPECT_LE(downstream.side.writes, 64u);
  spawn(stop_when(done));
  loop.run();
  EXPECT_EQ(downstream.side.written.size(), 1000u * 1024);
}

}  // namespace
}  // namespace cutwater::exchange
