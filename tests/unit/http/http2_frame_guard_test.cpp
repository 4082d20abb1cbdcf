// Tests what the guard counts and refuses, with a clock that the test sets. Frames are built as a
// client would; every stream of bytes is also fed one byte at a time and must be judged the same.
#include "proxy/http/h2/http2_frame_guard.hpp"

#include <gtest/gtest.h>

#include "tests/support/h2_frames.hpp"

namespace cutwater::http {
namespace {

using namespace cutwater::test;
using Role = Http2FrameGuard::Role;

struct Judged {
  std::size_t passed = 0;
  Http2Abuse abuse = Http2Abuse::None;
  std::uint32_t code = 0;
};

class Guard : public testing::Test {
 protected:
  Judged judge_in(std::string_view bytes, std::size_t step) {
    Http2FrameGuard guard(role, limits, now);
    Judged judged;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      const std::string_view piece = bytes.substr(at, step);
      const auto verdict = guard.inspect(piece, now);
      judged.passed += verdict.pass;
      judged.abuse = verdict.abuse;
      judged.code = verdict.code;
      if (verdict.abuse != Http2Abuse::None) break;
    }
    return judged;
  }
  Judged judge(const std::string& frames) {
    const std::string bytes = (role == Role::Server ? kH2Magic : "") + frames;
    const Judged whole = judge_in(bytes, bytes.size());
    const Judged slow = judge_in(bytes, 1);
    EXPECT_EQ(whole.abuse, slow.abuse) << "depends on how the bytes were cut";
    EXPECT_EQ(whole.code, slow.code);
    return whole;
  }
  static std::string times(int n, const std::string& frame) {
    std::string all;
    for (int i = 0; i < n; ++i) all += frame;
    return all;
  }
  static std::string get(std::uint32_t id) { return h2_headers(id, h2_get()); }

  config::Http2Limits limits;
  TimePoint now{Seconds(1000)};
  Role role = Role::Server;
};

TEST_F(Guard, PassesAnOrdinaryConversation) {
  std::string bytes = h2_settings();
  for (std::uint32_t id = 1; id < 2000; id += 2)
    bytes += h2_headers(id, h2_post(), 0) + h2_frame(kH2Data, 0, id, "hello") +
             h2_frame(kH2Window, 0, 0, h2_number(100)) + h2_frame(kH2Data, kH2End, id, "");
  const Judged judged = judge(bytes);
  EXPECT_EQ(judged.abuse, Http2Abuse::None);
  EXPECT_EQ(judged.passed, kH2Magic.size() + bytes.size());
}

TEST_F(Guard, NothingOfTheOffendingFramePasses) {
  const std::string good = h2_settings() + get(1);
  const Judged judged = judge(good + h2_frame(kH2Data, 0, 1, "late"));
  EXPECT_EQ(judged.abuse, Http2Abuse::ClosedStream);
  EXPECT_EQ(judged.passed, kH2Magic.size() + good.size());
}

TEST_F(Guard, H18FramesOnAStreamTheClientHasEnded) {
  EXPECT_EQ(judge(get(1) + get(1)).code, kH2Closed);
  EXPECT_EQ(judge(get(1) + h2_frame(kH2Data, kH2End, 1, "x")).code, kH2Closed);
  const std::string taken_back = h2_headers(1, h2_post(), 0) + h2_reset(1);
  EXPECT_EQ(judge(taken_back + h2_frame(kH2Data, 0, 1, "x")).code, kH2Closed);
  EXPECT_EQ(judge(taken_back + h2_frame(kH2Headers, kH2EndHeaders | kH2End, 1)).code, kH2Closed);
}

TEST_F(Guard, H18AStreamIdGoingBackwards) {
  const Judged judged = judge(get(5) + get(3));
  EXPECT_EQ(judged.abuse, Http2Abuse::ClosedStream);
  EXPECT_EQ(judged.code, kH2Protocol);
}

TEST_F(Guard, WhatAnyStreamMayStillSayIsLeftToNghttp2) {
  EXPECT_EQ(judge(get(1) + h2_frame(kH2Window, 0, 1, h2_number(1)) + h2_reset(1) +
                  h2_frame(kH2Priority, 0, 1, h2_number(0) + "x"))
                .abuse,
            Http2Abuse::None);
  EXPECT_EQ(judge(h2_headers(1, h2_post(), 0) + h2_headers(1, {{"x", "y"}})).abuse,
            Http2Abuse::None)
      << "trailers";
}

TEST_F(Guard, R05RapidReset) {
  std::string bytes;
  for (std::uint32_t i = 0; i < 200; ++i) bytes += get(2 * i + 1) + h2_reset(2 * i + 1);
  EXPECT_EQ(judge(bytes).abuse, Http2Abuse::None);
  const Judged judged = judge(bytes + get(401) + h2_reset(401));
  EXPECT_EQ(judged.abuse, Http2Abuse::ClientResets);
  EXPECT_EQ(judged.code, kH2Calm);
}

TEST_F(Guard, ResetsAtAPaceAreAllowedForEver) {
  Http2FrameGuard guard(role, limits, now);
  EXPECT_EQ(guard.inspect(kH2Magic, now).abuse, Http2Abuse::None);
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const std::string bytes = get(2 * i + 1) + h2_reset(2 * i + 1);
    now += Milliseconds(31);  // 32 a second
    ASSERT_EQ(guard.inspect(bytes, now).abuse, Http2Abuse::None) << i;
  }
}

TEST_F(Guard, AnOffenderMayResetLess) {
  const auto resets_until_cut = [&](unsigned halvings) {
    Http2FrameGuard guard(role, limits, now);
    EXPECT_EQ(guard.inspect(kH2Magic, now).abuse, Http2Abuse::None);
    guard.halve_resets(halvings);
    for (std::uint32_t i = 0;; ++i)
      if (guard.inspect(get(2 * i + 1) + h2_reset(2 * i + 1), now).abuse != Http2Abuse::None)
        return i;
  };
  EXPECT_EQ(resets_until_cut(0), 200u);
  EXPECT_EQ(resets_until_cut(1), 100u);
  EXPECT_EQ(resets_until_cut(2), 50u);
  EXPECT_EQ(resets_until_cut(10), 12u) << "within reason";
}

TEST_F(Guard, AnOffenderIsForgivenInTime) {
  Http2FrameGuard guard(role, limits, now);
  EXPECT_EQ(guard.inspect(kH2Magic, now).abuse, Http2Abuse::None);
  guard.halve_resets(4);
  guard.halve_resets(0);
  for (std::uint32_t i = 0; i < 12; ++i)
    EXPECT_EQ(guard.inspect(get(2 * i + 1) + h2_reset(2 * i + 1), now).abuse, Http2Abuse::None);
  now += Seconds(6);
  for (std::uint32_t i = 12; i < 210; ++i)
    EXPECT_EQ(guard.inspect(get(2 * i + 1) + h2_reset(2 * i + 1), now).abuse, Http2Abuse::None);
}

TEST(Budget, LessThanOneHasToBeEarned) {
  const TimePoint start{Seconds(1000)};
  Http2Budget budget(100, 100, start);
  budget.resize(0, 100);
  EXPECT_FALSE(budget.take(start));
  EXPECT_FALSE(budget.take(start + Milliseconds(9)));
  EXPECT_TRUE(budget.take(start + Milliseconds(11)));
  EXPECT_FALSE(budget.take(start + Milliseconds(12)));
}

TEST_F(Guard, R07ContinuationsByNumberAndByBytes) {
  const std::string open = h2_frame(kH2Headers, 0, 1, h2_block(h2_get()));
  const std::string empty = h2_frame(kH2Continuation, 0, 1);
  EXPECT_EQ(judge(open + times(8, empty)).abuse, Http2Abuse::None);
  EXPECT_EQ(judge(open + times(9, empty)).abuse, Http2Abuse::Continuations);
  const std::string large = h2_frame(kH2Continuation, 0, 1, std::string(16'000, 'x'));
  EXPECT_EQ(judge(open + times(4, large)).abuse, Http2Abuse::None);
  EXPECT_EQ(judge(open + times(5, large)).code, kH2Calm);
}

TEST_F(Guard, EmptyDataInARow) {
  const std::string post = h2_headers(1, h2_post(), 0);
  const std::string empty = h2_frame(kH2Data, 0, 1);
  EXPECT_EQ(judge(post + times(10, empty)).abuse, Http2Abuse::None);
  EXPECT_EQ(judge(post + times(11, empty)).abuse, Http2Abuse::EmptyFrames);
  const std::string padded = h2_frame(kH2Data, kH2Padded, 1, std::string("\x03\0\0\0", 4));
  EXPECT_EQ(judge(post + times(11, padded)).abuse, Http2Abuse::EmptyFrames) << "padding only";
  const std::string full = h2_frame(kH2Data, 0, 1, "x");
  EXPECT_EQ(judge(post + times(50, times(10, empty) + full)).abuse, Http2Abuse::None);
}

TEST_F(Guard, R08PingsAndSettingsShareABudget) {
  const std::string both = h2_frame(kH2Ping, 0, 0, "12345678") + h2_settings();
  EXPECT_EQ(judge(times(50, both)).abuse, Http2Abuse::None);
  EXPECT_EQ(judge(times(51, both)).abuse, Http2Abuse::Pings);
}

TEST_F(Guard, PingsBesideDataAreEarned) {
  // gRPC measures the path while data flows.
  const std::string post = h2_headers(1, h2_post(), 0);
  const std::string data = h2_frame(kH2Data, 0, 1, std::string(16'384, 'x'));
  EXPECT_EQ(judge(post + times(500, data + h2_frame(kH2Ping, 0, 0, "12345678"))).abuse,
            Http2Abuse::None);
}

TEST_F(Guard, R10FramesThatDoNothing) {
  for (const std::string& frame :
       {h2_frame(kH2Priority, 0, 1, h2_number(0) + "x"), h2_frame(kH2Window, 0, 0, h2_number(1)),
        h2_frame(77, 0, 0, "unknown"), h2_frame(kH2Ping, kH2Ack, 0, "12345678")}) {
    EXPECT_EQ(judge(times(1000, frame)).abuse, Http2Abuse::None);
    EXPECT_EQ(judge(times(1001, frame)).abuse, Http2Abuse::OtherFrames);
  }
}

TEST_F(Guard, WindowUpdatesForWhatWasSentAreEarned) {
  Http2FrameGuard guard(role, limits, now);
  guard.inspect(kH2Magic, now);
  for (int i = 0; i < 100'000; ++i) {
    guard.on_data_sent(1024);
    ASSERT_EQ(guard.inspect(h2_frame(kH2Window, 0, 0, h2_number(1024)), now).abuse,
              Http2Abuse::None);
  }
}

TEST_F(Guard, ServerResetsHaveABudget) {
  Http2FrameGuard guard(role, limits, now);
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(guard.take_server_reset(now));
  EXPECT_FALSE(guard.take_server_reset(now));
  now += Seconds(1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(guard.take_server_reset(now));
  EXPECT_FALSE(guard.take_server_reset(now));
}

TEST_F(Guard, OfAnUpstreamOnlyWhatCostsUsIsCounted) {
  role = Role::Client;
  std::string bytes;
  for (std::uint32_t i = 0; i < 5000; ++i)
    bytes += h2_frame(kH2Headers, kH2EndHeaders, 2 * i + 1, h2_block({{":status", "200"}})) +
             h2_reset(2 * i + 1, kH2Refused);
  EXPECT_EQ(judge(bytes).abuse, Http2Abuse::None);
  EXPECT_EQ(judge(times(101, h2_settings())).abuse, Http2Abuse::Pings) << "U24";
}

}  // namespace
}  // namespace cutwater::http
