// Tests the rollout section: what it says, and what it cannot mean.
#include "config/rollout.hpp"

#include "config/windows.hpp"
#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

RolloutDefaults rollout(const std::string& text) {
  return read(in_service("rollout: " + text)).services[0].rollout;
}
Lines problems(const std::string& text) {
  return problems_in(in_service("rollout: " + text));
}

TEST(Rollout, StepsMayHaveABakeAndLimitsOfTheirOwn) {
  const auto steps =
      rollout("{steps: [5%, {weight: 25%, bake: 10m, guards: {p95: 1s, error_rate: 2%}}, 100%]}")
          .steps;
  ASSERT_EQ(steps.size(), 3u);
  EXPECT_FALSE(steps[0].bake);
  EXPECT_EQ(steps[1].weight, Share::percent(25));
  EXPECT_EQ(steps[1].bake, 10min);
  EXPECT_EQ(steps[1].guards.p95, 1s);
  EXPECT_EQ(steps[1].guards.error_rate, Share::percent(2));
}

TEST(Rollout, GatesAreRead) {
  const auto all = rollout(
      "{approval: [50%], four_eyes: false, approval_expiry: 2h, holdback: 2%, keep_old: 30m, "
      "windows: [\"Mon-Fri 08:00-17:00\"], utc_offset: \"-03:30\", "
      "preview: {cookie: \"see=green\", bake: 1m}, "
      "smoke: [{path: /x, header: \"X-V=2\", body: ok, headers: {Accept: text/html}}], "
      "capacity: {max_share_per_endpoint: 30%}, "
      "hooks: [{at: rollback, url: \"http://h/x\"}], rolling: {max_unavailable: 2}}");
  EXPECT_THAT(all.approval, ElementsAre(Share::percent(50)));
  EXPECT_EQ(all.approval_expiry, 2h);
  EXPECT_EQ(all.holdback, Share::percent(2));
  EXPECT_EQ(all.keep_old, 30min);
  EXPECT_EQ(all.utc_offset_minutes, -210);
  EXPECT_EQ(all.preview->key, "see");
  EXPECT_EQ(all.preview->value, "green");
  EXPECT_EQ(all.smoke.at(0).header, "X-V");
  EXPECT_EQ(all.smoke.at(0).value, "2");
  EXPECT_EQ(all.smoke.at(0).headers.at(0).first, "Accept");
  EXPECT_EQ(all.hooks.at(0).at, Hook::At::Rollback);
  EXPECT_EQ(all.rolling.max_unavailable, 2u);
  EXPECT_EQ(all.max_share_per_endpoint, Share::percent(30));
}

TEST(Rollout, WhatCannotWorkIsRefusedWithItsPlace) {
  EXPECT_THAT(problems("{approval: [40%]}"),
              ElementsAre("5:26: `approval` is for 40%, which is none of `steps` (0% is the "
                          "preview)"));
  EXPECT_THAT(problems("{holdback: 11%}"),
              ElementsAre("5:25: `holdback` is `11%`: expected between 0% and 10%"));
  EXPECT_THAT(problems("{steps: [{bake: 1s}, 100%]}"), ElementsAre("5:23: `weight` is missing"));
  EXPECT_THAT(problems("{steps: [50%, {weight: 5%}, 100%]}"),
              ElementsAre("5:28: steps must rise: 5% follows 50%"));
  EXPECT_THAT(problems("{bake: 100ms}"),
              ElementsAre("5:21: `bake` is `100ms`: expected between 1s and 30d"));
  EXPECT_THAT(problems("{preview: {header: \"X=1\", host: a.b}}"),
              ElementsAre("5:24: `preview` needs one of `header`, `cookie` and `host`"));
  EXPECT_THAT(problems("{smoke: [{body_regex: \"(\"}]}"),
              ElementsAre("5:36: `body_regex` is `(`: no POSIX extended regular expression"));
  EXPECT_THAT(problems("{hooks: [{at: before, url: \"ftp://x\"}]}"),
              ElementsAre("5:41: `url`: expected http(s)://HOST[:PORT]/PATH without user and "
                          "password"));
  EXPECT_THAT(problems("{windows: [\"Mon 17:00-08:00\"]}"),
              ElementsAre("5:25: `windows` has `Mon 17:00-08:00`: expected days and hours such as "
                          "\"Mon-Fri 08:00-17:00\", the end after the start"));
  EXPECT_THAT(problems("{adaptive: {least: 50%}}"),
              ElementsAre("5:25: `adaptive`: `most` is below `least`"));
}

TEST(Rollout, ApprovalNeedsSomebodyWhoMayApprove) {
  const auto with_tokens = [](const std::string& rollout_text, const std::string& tokens) {
    return problems_in(
        in_service("rollout: " + rollout_text + "\nadmin: {tokens: [" + tokens + "]}"),
        fake_sources({{"A", "secret-of-a"}, {"B", "secret-of-b"}}));
  };
  const std::string bot = "{name: bot, role: deployer, secret: \"${env:A}\"}";
  const std::string boss = "{name: boss, role: approver, secret: \"${env:B}\"}";
  EXPECT_THAT(with_tokens("{approval: [50%]}", bot),
              ElementsAre("2:1: `shop`: `approval` needs a token of role approver or admin"));
  EXPECT_THAT(with_tokens("{approval: [50%]}", bot + ", " + boss), IsEmpty());
  EXPECT_THAT(with_tokens("{approval: [50%], four_eyes: true}", boss),
              ElementsAre("2:1: `shop`: `four_eyes` needs another token that may start"));
  EXPECT_THAT(problems("{approval: [50%], four_eyes: true}"),
              ElementsAre("2:1: `shop`: `four_eyes` needs `admin.tokens`: without them everybody "
                          "has the same name"));
}

// 2026-11-23 is a Monday; 00:00 UTC.
constexpr std::int64_t kMonday = 1'795'392'000'000;
constexpr std::int64_t kHour = 3'600'000;

TEST(Windows, AreOpenInsideOnly) {
  const std::vector<Window> office{*parse_window("Mon-Fri 08:00-17:00")};
  EXPECT_FALSE(is_open(office, 0, kMonday + 8 * kHour - 1));
  EXPECT_TRUE(is_open(office, 0, kMonday + 8 * kHour));
  EXPECT_FALSE(is_open(office, 0, kMonday + 17 * kHour));
  EXPECT_FALSE(is_open(office, 0, kMonday - 24 * kHour + 9 * kHour)) << "a Sunday";
  EXPECT_TRUE(is_open(office, 120, kMonday + 6 * kHour)) << "eight o'clock two hours further east";
  EXPECT_TRUE(is_open({}, 0, kMonday));
}

TEST(Windows, SayWhenTheyOpenNext) {
  const std::vector<Window> office{*parse_window("Mon-Fri 08:00-17:00")};
  EXPECT_EQ(next_opening(office, 0, kMonday), kMonday + 8 * kHour);
  EXPECT_EQ(next_opening(office, 0, kMonday + 9 * kHour), kMonday + 9 * kHour);
  const std::int64_t friday_evening = kMonday + 4 * 24 * kHour + 18 * kHour;
  EXPECT_EQ(next_opening(office, 0, friday_evening), kMonday + 7 * 24 * kHour + 8 * kHour);
}

TEST(Windows, MayHaveListsAndRunOverTheWeekend) {
  EXPECT_EQ(parse_window("Mon,Wed 10:00-24:00")->days, 0b0000101);
  EXPECT_EQ(parse_window("Sat-Mon 10:00-12:00")->days, 0b1100001);
  for (const char* bad : {"", "Mon", "Mo 08:00-09:00", "Mon 8:00-9:00", "Mon 09:00-09:00",
                          "Mon 08:00-24:01", "Mon- 08:00-09:00", "Mon 08:00 09:00"})
    EXPECT_FALSE(parse_window(bad)) << bad;
}

}  // namespace
}  // namespace cutwater::config
