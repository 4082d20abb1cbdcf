// Tests what an operator reads afterwards: history, DORA figures, notifications.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/cli_harness.hpp"

namespace cutwater::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(HistoryFilters, AreSentOrApplied) {
  RunningAdmin admin;
  run_at(admin, {"history", "--service", "shop", "--since", "1970-01-01T00:00:05Z"});
  EXPECT_EQ(admin.last_asked(), "decisions shop newest limit 100 since 5000");
  EXPECT_THAT(run_at(admin, {"history", "--action", "rolled_back"}).out, HasSubstr("6 of 6"));
  EXPECT_THAT(run_at(admin, {"history", "--action", "promoted"}).out, Not(HasSubstr("6 of 6")));
  EXPECT_THAT(run_at(admin, {"history", "--actor", "ana"}).out, Not(HasSubstr("6 of 6")));
  EXPECT_EQ(run_at(admin, {"history", "--since", "soon"}).exit_code, kUsage);
}

TEST(HistoryExport, IsAllOfItOneObjectPerLine) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"history", "--json"});
  EXPECT_EQ(admin.last_asked(), "decisions  after 0 limit 1000");
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 1);
  EXPECT_EQ(boost::json::parse(ran.out).at("action").as_string(), "rolled_back");
  EXPECT_EQ(boost::json::parse(run_at(admin, {"history", "--audit", "--json"}).out)
                .at("request_id")
                .as_string(),
            "q-1");
}

TEST(HistoryAudit, ShowsWhoCalledWhat) {
  RunningAdmin admin;
  EXPECT_THAT(run_at(admin, {"history", "--audit"}, {.columns = 200}).out,
              HasSubstr("bot    deployer  PUT /v1/services/shop/weights     200  blue 100 %, green "
                        "0 %  blue 95 %, green 5 %  q-1\n"));
}

TEST(DoraCommand, IsATableWithTargets) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"dora"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_EQ(admin.last_asked(), "dora 2592000000ms ");
  EXPECT_EQ(ran.out,
            "FIGURE                     VALUE     TARGET   ALERT  STANDING    SAMPLES\n"
            "deployment frequency   0.4 / day  > 1 / day       –  off target       11\n"
            "lead time for changes          –      < 1 d   > 3 d  no data           0\n"
            "change failure rate         30 %     < 15 %  > 25 %  ALERT            12\n"
            "time to recovery          0.25 s      < 1 h   > 4 h  on target         1\n"
            "success rate                92 %     > 95 %  < 90 %  off target       12\n"
            "12 deployments in 30d: 11 succeeded, 1 rolled back\n");
}

TEST(DoraCommand, IsOneLineOfJsonForScripts) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"dora", "shop", "--window", "7d", "--output", "json"});
  EXPECT_EQ(admin.last_asked(), "dora 604800000ms shop");
  EXPECT_EQ(boost::json::parse(ran.out).at("change_failure_rate").at("standing").as_string(),
            "alert");
  EXPECT_EQ(run_at(admin, {"dora", "--window", "month"}).exit_code, kUsage);
}

TEST(NotifyCommand, TellsWhetherATestArrived) {
  RunningAdmin admin;
  const Ran good = run_at(admin, {"notify", "test", "slack"});
  EXPECT_EQ(good.exit_code, kSucceeded);
  EXPECT_EQ(admin.last_asked(), "notify_test slack");
  EXPECT_THAT(good.out, HasSubstr("slack    slack  delivered"));
  admin.fake.test_delivered = false;
  const Ran bad = run_at(admin, {"notify", "test"});
  EXPECT_EQ(bad.exit_code, kInternal);
  EXPECT_THAT(bad.out, HasSubstr("failed  connect: Connection refused\n"));
}

TEST(NotifyCommand, ListsTheDead) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"notify", "list", "--state", "dead"}, {.columns = 200});
  EXPECT_EQ(admin.last_asked(), "notifications dead limit 100");
  EXPECT_THAT(ran.out, HasSubstr("r-1-rolled_back  dead       9  shop: rolled back (guard)  "
                                 "answered 400\n"));
  EXPECT_EQ(run_at(admin, {"notify", "list", "--state", "lost"}).exit_code, kUsage);
}

}  // namespace
}  // namespace cutwater::cli
