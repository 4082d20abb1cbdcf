// Tests rollouts from a deploy script's point of view.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/cli/commands.hpp"
#include "tests/unit/cli/cli_harness.hpp"

namespace cutwater::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

boost::json::object view(std::string_view phase, std::string_view verdict = "pass",
                         std::string_view reason = "") {
  return control::fake_rollout_view(phase, verdict, reason);
}

TEST(RolloutStart, SendsThePlanAndShowsTheRollout) {
  RunningAdmin admin;
  const Ran ran =
      run_at(admin, {"rollout", "start", "shop", "--to", "green", "--strategy", "canary", "--steps",
                     "5%,25%,100%", "--bake", "60s", "--commit-time", "2026-01-02T03:04:05Z"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  const std::string& asked = admin.last_asked();
  EXPECT_EQ(asked.rfind("start_rollout shop ", 0), 0u);
  const auto body = boost::json::parse(asked.substr(19, asked.rfind('}') - 18));
  EXPECT_EQ(body.at("to").as_string(), "green");
  EXPECT_EQ(body.at("steps"), (boost::json::array{"5%", "25%", "100%"}));
  EXPECT_EQ(body.at("bake").as_string(), "60s");
  EXPECT_EQ(body.at("commit_time").as_string(), "2026-01-02T03:04:05Z");
  EXPECT_EQ(ran.out,
            "ROLLOUT  SERVICE  FROM  TO     PHASE        STEP  WEIGHT  VERDICT\n"
            "r-1      shop     blue  green  progressing   1/5     5 %  pass\n");
}

TEST(RolloutStart, RetryAsksForAVersionThatWasRolledBack) {
  RunningAdmin admin;
  run_at(admin, {"rollout", "start", "shop", "--to", "green", "--retry"});
  EXPECT_THAT(admin.last_asked(), HasSubstr(R"("retry":true)"));
}

TEST(RolloutStart, OneAlreadyActiveIsAConflict) {
  RunningAdmin admin;
  admin.fake.refusal = problem(409, "rollout_active", "Rollout r-1 is active.");
  EXPECT_EQ(run_at(admin, {"rollout", "start", "shop", "--to", "green"}).exit_code, kConflict);
}

TEST(RolloutStart, NeedsAVersion) {
  EXPECT_EQ(run({"rollout", "start", "shop"}).exit_code, kUsage);
  EXPECT_EQ(run({"rollout"}).exit_code, kUsage);
}

struct End {
  const char* phase;
  int exit_code;
};

TEST(RolloutWait, TheExitCodeTellsHowItEnded) {
  for (const End& end : std::vector<End>{{"succeeded", kSucceeded},
                                         {"rolled_back", kRolledBack},
                                         {"aborted", kAborted},
                                         {"awaiting_approval", kWaitsForApproval},
                                         {"inconclusive", kInconclusive}}) {
    RunningAdmin admin;
    admin.fake.rollout_views = {view("progressing"), view("promoting"), view("baking"),
                                view(end.phase, "pass", "because")};
    const Ran ran =
        run_at(admin, {"rollout", "start", "shop", "--to", "green", "--wait", "--output", "json"});
    EXPECT_EQ(ran.exit_code, end.exit_code) << end.phase;
    EXPECT_EQ(std::ranges::count(ran.out, '\n'), 1) << "one final line";
    EXPECT_EQ(boost::json::parse(ran.out).at("phase").as_string(), end.phase);
    EXPECT_EQ(admin.fake.waits, 3);
  }
}

TEST(RolloutWait, GivesUpAfterTheTimeout) {
  RunningAdmin admin;
  EXPECT_EQ(
      run_at(admin, {"rollout", "start", "shop", "--to", "green", "--wait", "--timeout", "20ms"})
          .exit_code,
      kStillGoing);
  admin.fake.rollout_views = {view("progressing", "no_traffic")};
  EXPECT_EQ(run_at(admin, {"rollout", "watch", "shop", "--timeout", "20ms"}).exit_code,
            kInconclusive);
  EXPECT_EQ(run_at(admin, {"rollout", "watch", "shop", "--timeout", "soon"}).exit_code, kUsage);
}

TEST(RolloutWait, ProgressIsForTerminalsOnly) {
  RunningAdmin admin;
  admin.fake.rollout_views = {view("progressing"), view("succeeded")};
  EXPECT_THAT(run_at(admin, {"rollout", "watch", "shop"}).err, Not(HasSubstr("\r")));
  admin.fake.rollout_views = {view("progressing"), view("succeeded")};
  const Ran ran = run_at(admin, {"rollout", "watch", "shop"}, {.terminal = true});
  EXPECT_THAT(ran.err, HasSubstr("shop: blue -> green  progressing  step 1"));
}

TEST(RolloutWait, WithoutATerminalEachDecisionIsALine) {
  RunningAdmin admin;
  admin.fake.rollout_views = {view("progressing"), view("promoting"), view("succeeded")};
  const auto decision = [](std::uint64_t seq, const char* rollout, const char* action) {
    return boost::json::object{{"seq", seq},
                               {"time", "2026-01-02T03:04:05.000Z"},
                               {"rollout", rollout},
                               {"action", action},
                               {"reason", "because"}};
  };
  admin.fake.decision_views = {decision(1, "r-0", "promoted"), decision(2, "r-1", "started"),
                               decision(3, "r-1", "advanced")};
  const Ran ran = run_at(admin, {"rollout", "watch", "r-1", "--output", "json"});
  EXPECT_EQ(ran.err,
            "2026-01-02T03:04:05.000Z started: because\n"
            "2026-01-02T03:04:05.000Z advanced: because\n");
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 1) << "stdout is for the answer";
}

TEST(RolloutWait, OneThatWasTakenBackAfterwardsDidNotSucceed) {
  RunningAdmin admin;
  boost::json::object back = view("succeeded", "fail", "green is the new stable version");
  back["taken_back"] = {{"time", "2026-01-02T03:04:05.000Z"},
                        {"decision", 12},
                        {"cause", "guard"},
                        {"reason", "error rate of green is above 5%"}};
  admin.fake.rollout_views = {back};
  const Ran ran = run_at(admin, {"rollout", "watch", "r-1"});
  EXPECT_EQ(ran.exit_code, kRolledBack);
  EXPECT_THAT(ran.out, HasSubstr("taken back"));
  EXPECT_THAT(ran.out, Not(HasSubstr("succeeded")));
  EXPECT_THAT(ran.out, HasSubstr("\ntaken back at 2026-01-02T03:04:05.000Z by decision 12: error "
                                 "rate of green is above 5%\n"));
  back["taken_back"].as_object()["cause"] = "manual";
  admin.fake.rollout_views = {back};
  EXPECT_EQ(run_at(admin, {"rollout", "watch", "r-1"}).exit_code, kAborted);
}

TEST(RolloutStart, ADryRunShowsThePlan) {
  RunningAdmin admin;
  boost::json::object plan = view("pending");
  plan["plan"] = {{"strategy", "canary"},
                  {"stages",
                   {{{"weight", 5}, {"bake", "60s"}, {"approval", false}},
                    {{"weight", 100}, {"bake", "10m"}, {"approval", true}}}},
                  {"max_step", "1h"},
                  {"on_inconclusive", "hold"},
                  {"keep_old", "1h"}};
  admin.fake.rollout_views = {plan};
  const Ran ran = run_at(admin, {"rollout", "start", "shop", "--to", "green", "--dry-run"});
  EXPECT_EQ(ran.out,
            "would bring green of shop to the users as canary, from blue; nothing was started\n"
            "STEP  WEIGHT  BAKE  APPROVAL\n"
            "   1     5 %  60s   -\n"
            "   2   100 %  10m   needed\n"
            "max_step 1h, then hold; keep_old 1h\n");
  EXPECT_THAT(admin.last_asked(), HasSubstr(" dry"));
}

TEST(RolloutWait, AProxyThatGoesAwayForGoodIsUnreachable) {
  std::string url;
  {
    RunningAdmin gone;
    url = gone.url();
  }
  EXPECT_EQ(run({"rollout", "watch", "r-1", "--admin", url}).exit_code, kUnreachable);
}

TEST(RolloutActions, AreGivenToTheRolloutOfAServiceOrAnId) {
  RunningAdmin admin;
  struct Row {
    std::vector<std::string> arguments;
    const char* asked;
  };
  for (const Row& row : std::vector<Row>{
           {{"pause", "shop"}, "pause r-1 {} by local"},
           {{"resume", "r-1"}, "resume r-1 {} by local"},
           {{"promote", "shop"}, "promote r-1 {} by local"},
           {{"promote", "shop", "--full"}, "promote-full r-1 {} by local"},
           {{"abort", "shop", "--reason", "no"}, "abort r-1 {\"reason\":\"no\"} by local"}}) {
    std::vector<std::string> arguments = row.arguments;
    arguments.insert(arguments.begin(), "rollout");
    EXPECT_EQ(run_at(admin, arguments).exit_code, kSucceeded) << row.asked;
    EXPECT_EQ(admin.last_asked(), row.asked);
  }
}

TEST(RolloutStatus, ShowsItWhateverThePhase) {
  RunningAdmin admin;
  admin.fake.rollout_views = {view("rolled_back", "fail", "6 of 6 requests failed")};
  const Ran ran = run_at(admin, {"rollout", "status", "shop"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_THAT(ran.out, HasSubstr("rolled_back"));
  EXPECT_THAT(ran.out, HasSubstr("\n6 of 6 requests failed\n"));
  EXPECT_EQ(run_at(admin, {"rollout", "status", "nope"}).exit_code, kUsage);
}

}  // namespace
}  // namespace cutwater::cli
