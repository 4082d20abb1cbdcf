// Tests `rollout replay` and `rollout record`: by a proxy, and from a file without one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "control/base/json_text.hpp"
#include "control/rollout/replay.hpp"
#include "tests/unit/cli/cli_harness.hpp"

namespace cutwater::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RolloutReplay, AsksWithTheLimitsGivenAndShowsWhatFailedWhen) {
  RunningAdmin admin;
  const Ran ran =
      run_at(admin,
             {"rollout", "replay", "r-1", "--error-rate", "1%", "--p95", "800ms", "--p95-critical",
              "2s", "--false-rollback", "2%", "--relative-tolerance", "50%", "--no-relative"},
             {.columns = 100});
  EXPECT_EQ(ran.exit_code, kRolledBack);
  EXPECT_EQ(admin.last_asked(),
            R"(replay r-1 {"error_rate":"1%","p95":"800ms","p95_critical":"2s",)"
            R"("false_rollback":"2%","relative_tolerance":"50%","relative":false})");
  EXPECT_EQ(ran.out,
            "r-1  shop: blue -> green\n"
            "would have been rolled_back\n"
            "\n"
            "GUARD       VERDICT  FAILED                    BAD    OF      RATE  LIMIT  E-VALUE / "
            "THRESHOLD\n"
            "error_rate  fail     2026-01-02T03:04:05.000Z   31  1520  2.0395 %    1 %           "
            "1274 / 400\n"
            "p95         pass     –                           0  1520       0 %    5 %           "
            "0.01 / 800\n"
            "\n"
            "STEP  WEIGHT  BEGAN                     REQUESTS  ERRORS  VERDICT  PROVEN\n"
            "   1     5 %  2026-01-02T03:04:00.000Z      1520      31  fail     –\n"
            "\n"
            "note: a tick counts as one observation\n");
}

TEST(RolloutReplay, TheExitCodeTellsTheOutcome) {
  RunningAdmin admin;
  for (const auto& [outcome, code] : {std::pair{"passed", kSucceeded},
                                      {"passed_so_far", kSucceeded},
                                      {"held", kSucceeded},
                                      {"rolled_back", kRolledBack},
                                      {"no_traffic", kInconclusive}}) {
    admin.fake.replay_view = control::fake_replay_view(outcome);
    const Ran ran = run_at(admin, {"rollout", "replay", "shop", "--output", "json"});
    EXPECT_EQ(ran.exit_code, code) << outcome;
    EXPECT_EQ(boost::json::parse(ran.out).at("outcome").as_string(), outcome);
  }
  EXPECT_EQ(admin.last_asked(), "replay r-1 {}") << "the limits in force, of the latest rollout";
}

TEST(RolloutReplay, NeedsSomethingToReplayAndExplainsItsExitCodes) {
  EXPECT_EQ(run({"rollout", "replay"}).exit_code, kUsage);
  EXPECT_EQ(run({"rollout", "replay", "r-1", "--file", "x"}).exit_code, kUsage);
  const Ran help = run({"rollout", "replay", "--help"});
  EXPECT_THAT(help.out, HasSubstr("3 would have been rolled"));
  EXPECT_THAT(run({"completion", "bash"}).out, HasSubstr("--relative-tolerance"));
}

TEST(RolloutRecord, PrintsWhatTheProxyKept) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"rollout", "record", "r-1"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_EQ(ran.out, "{\"rollout\":\"r-1\",\"ticks\":[]}\n");
}

class ReplayFile : public testing::Test {
 protected:
  ReplayFile() {
    record.rollout = "r-1";
    record.service = "shop";
    record.from = "blue";
    record.to = "green";
    record.plan.stages = {{Share::percent(5), {}, false, {}}, {Share::percent(100), {}, false, {}}};
    record.guards.relative = false;
    for (int i = 0; i < 20; ++i) {
      control::TrafficTick tick;
      tick.end_ms = 1'795'000'000'000 + 1000 * i;
      tick.span_ms = 1000;
      tick.weight = Share::percent(5);
      tick.to = {100, 2, 0, {{800, 98}}};
      tick.from = {1900, 1, 0, {{800, 1899}}};
      record.ticks.push_back(tick);
    }
    write(control::to_text(control::record_view(record)));
  }
  ~ReplayFile() override { std::filesystem::remove(path); }
  void write(const std::string& text) { std::ofstream(path) << text; }

  control::ReplayCase record;
  std::string path = testing::TempDir() + "cw-record-" + std::to_string(getpid()) + ".json";
};

TEST_F(ReplayFile, IsReplayedWithoutAProxy) {
  const Ran as_it_was = run({"rollout", "replay", "--file", path});
  EXPECT_EQ(as_it_was.exit_code, kSucceeded) << as_it_was.out;
  EXPECT_THAT(as_it_was.out, HasSubstr("nothing against green"));
  const Ran stricter = run({"rollout", "replay", "--file", path, "--error-rate", "0.5%"});
  EXPECT_EQ(stricter.exit_code, kRolledBack) << stricter.out;
  EXPECT_THAT(stricter.out, HasSubstr("error rate of green is above 0.5%"));
  const Ran compared = run({"rollout", "replay", "--file", path, "--relative"});
  EXPECT_EQ(compared.exit_code, kRolledBack) << compared.out;
  EXPECT_THAT(compared.out, HasSubstr("relative_error_rate"));
}

TEST_F(ReplayFile, WhatIsWrongWithItOrTheLimitsIsSaid) {
  EXPECT_EQ(run({"rollout", "replay", "--file", path + ".none"}).exit_code, kUsage);
  const Ran refused = run({"rollout", "replay", "--file", path, "--p95", "soon"});
  EXPECT_EQ(refused.exit_code, kUsage);
  EXPECT_THAT(refused.err, HasSubstr("`p95`"));
  write("{\"ticks\": 3}");
  EXPECT_THAT(run({"rollout", "replay", "--file", path}).err, HasSubstr("no record of a rollout"));
}

}  // namespace
}  // namespace cutwater::cli
