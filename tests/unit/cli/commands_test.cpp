// Tests what an operator types and what comes back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "tests/unit/cli/cli_harness.hpp"

namespace cutwater::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Status, IsATableOfWeightsRatesAndVerdicts) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"status"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_EQ(ran.out,
            "shop  stable blue  generation 7\n"
            "rollout r-1: blue -> green, progressing at 5 %\n"
            "VERSION  WEIGHT  ACTUAL   UP  REQ/S  ERRORS    P50    P95     P99  VERDICT\n"
            "blue       95 %  96.2 %  1/1    941   0.1 %  12 ms  49 ms  1.25 s  pass\n"
            "green       5 %   3.8 %  1/1    941   0.1 %  12 ms  49 ms  1.25 s  inconclusive\n"
            "WEIGHT is of now, ACTUAL of the last 10 s, REQ/S to P99 of the last 60 s.\n");
  EXPECT_EQ(ran.err, "");
}

TEST(Status, OfOneServiceIsTheSameTable) {
  RunningAdmin admin;
  EXPECT_EQ(run_at(admin, {"status", "shop"}).out, run_at(admin, {"status"}).out);
  const Ran unknown = run_at(admin, {"status", "nope"});
  EXPECT_EQ(unknown.exit_code, kUsage);
  EXPECT_EQ(unknown.err, "cutwater: There is no service 'nope'.\n");
}

TEST(Status, JsonIsOneLineOfWhatTheApiSaid) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"status", "shop", "--output", "json"});
  EXPECT_EQ(std::ranges::count(ran.out, '\n'), 1);
  EXPECT_EQ(boost::json::parse(ran.out).at("weights").at("blue").to_number<double>(), 95);
}

TEST(Colour, OnlyOnATerminalWithoutNoColor) {
  RunningAdmin admin;
  EXPECT_THAT(run_at(admin, {"status"}).out, Not(HasSubstr("\033[")));
  EXPECT_THAT(run_at(admin, {"status"}, {.terminal = true}).out, HasSubstr("\033[32mpass\033[0m"));
  EXPECT_THAT(run_at(admin, {"status"}, {{{"NO_COLOR", "1"}}, true}).out, Not(HasSubstr("\033[")));
}

TEST(Weights, AreShownWithTheirGeneration) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"weights", "shop"});
  EXPECT_EQ(ran.out, "VERSION  WEIGHT\nblue       95 %\ngreen       5 %\ngeneration 7\n");
}

TEST(Weights, AreSetAtTheGenerationSeen) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"weights", "shop", "blue=90%", "green=10"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_EQ(admin.last_asked(), "put_weights shop {\"blue\":90,\"green\":10} if-match 7 by local");
  EXPECT_THAT(ran.out, HasSubstr("generation 8\n"));
}

TEST(Weights, TheGenerationCanBeGivenOrWaived) {
  RunningAdmin admin;
  const Ran stale = run_at(admin, {"weights", "shop", "blue=90", "green=10", "--if-match", "6"});
  EXPECT_EQ(stale.exit_code, kConflict);
  EXPECT_EQ(stale.err, "cutwater: Someone was faster.\n");
  EXPECT_EQ(run_at(admin, {"weights", "shop", "blue=90", "green=10", "--force"}).exit_code,
            kSucceeded);
  EXPECT_THAT(admin.last_asked(), HasSubstr("if-match any"));
}

TEST(Weights, TtlAndRehearsal) {
  RunningAdmin admin;
  run_at(admin, {"weights", "shop", "blue=99.99", "green=0.01", "--ttl", "15m", "--dry-run"});
  EXPECT_EQ(boost::json::parse(admin.last_asked().substr(17, admin.last_asked().find('}') - 16))
                .at("ttl")
                .as_string(),
            "15m");
  EXPECT_THAT(admin.last_asked(), HasSubstr(" dry"));
  EXPECT_EQ(admin.fake.generation, 7u);
}

TEST(Weights, NonsenseNeverLeavesTheHouse) {
  RunningAdmin admin;
  for (const char* weight : {"green", "green=", "=5", "green=five", "green=-5", "green=101",
                             "green=0.00001", "green=5e1", "green=05"}) {
    const Ran ran = run_at(admin, {"weights", "shop", weight});
    EXPECT_EQ(ran.exit_code, kUsage) << weight;
  }
  EXPECT_EQ(run_at(admin, {"weights", "shop", "green=5", "green=6"}).exit_code, kUsage);
  EXPECT_TRUE(admin.fake.asked.empty());
}

TEST(Rollback, SaysWhereTheTrafficIsNow) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"rollback", "shop", "--reason", "checkout is slow"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_EQ(ran.out, "shop rolled back: blue 100 %, green 0 %\n");
  EXPECT_EQ(admin.last_asked(), "rollback shop {\"reason\":\"checkout is slow\"} by local");
}

TEST(Explain, AnswersWithASentence) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"explain", "shop", "--host", "shop.example.com", "--path", "/cart",
                                 "--cookie", "beta=on", "--header", "X-Staff: true"});
  EXPECT_EQ(ran.out,
            "GET shop.example.com/cart goes to version green of shop: flag `beta` matched, which "
            "forces `green`.\n");
  EXPECT_THAT(admin.last_asked(), HasSubstr(R"("headers":{"X-Staff":"true"})"));
  EXPECT_THAT(admin.last_asked(), HasSubstr(R"("cookies":{"beta":"on"})"));
  EXPECT_EQ(run_at(admin, {"explain", "shop", "--header", "X-Staff"}).exit_code, kUsage);
}

TEST(Flags, AreListedKilledAndRevived) {
  RunningAdmin admin;
  EXPECT_EQ(run_at(admin, {"flag", "list", "shop"}).out,
            "FLAG  STATE  VERSION  WHEN\nbeta  on     green    cookie beta=on\n");
  EXPECT_EQ(run_at(admin, {"flag", "kill", "shop", "beta"}).out, "flag beta of shop killed\n");
  EXPECT_EQ(admin.last_asked(), "kill shop beta by local");
  EXPECT_EQ(run_at(admin, {"flag", "revive", "shop", "beta"}).exit_code, kSucceeded);
  EXPECT_EQ(admin.last_asked(), "revive shop beta by local");
}

TEST(History, ShowsWhoShiftedWhatAndWhy) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"history", "shop", "--limit", "5"}, {.columns = 160});
  EXPECT_EQ(admin.last_asked(), "decisions shop newest limit 5");
  EXPECT_THAT(ran.out, HasSubstr("rolled_back  error_rate  cutwater  blue 100 %, green 0 %  6 of 6 "
                                 "requests to green failed\n"));
}

TEST(History, FitsANarrowTerminal) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"history", "shop"});
  EXPECT_EQ(ran.out,
            "SEQ  TIME                  SERVICE  ACTION       CAUSE       ACTOR\n"
            "    WEIGHTS AFTER\n"
            "    REASON\n"
            "  3  2026-01-02T03:04:05Z  shop     rolled_back  error_rate  cutwater\n"
            "    blue 100 %, green 0 %\n"
            "    6 of 6 requests to green failed\n");
}

TEST(Small, UnlockReloadDrainVersion) {
  RunningAdmin admin;
  EXPECT_EQ(run_at(admin, {"unlock", "shop", "green"}).exit_code, kSucceeded);
  EXPECT_EQ(admin.last_asked(), "unlock shop green by local");
  EXPECT_EQ(run_at(admin, {"reload"}).exit_code, kSucceeded);
  EXPECT_EQ(run_at(admin, {"drain"}).exit_code, kUsage);
  EXPECT_EQ(run_at(admin, {"drain", "shop"}).exit_code, kUsage) << "which version?";
  EXPECT_EQ(run_at(admin, {"drain", "shop", "green", "--proxy"}).exit_code, kUsage);
  const Ran drain = run_at(admin, {"drain", "shop", "green"});
  EXPECT_EQ(drain.exit_code, kSucceeded);
  EXPECT_NE(drain.out.find("3 requests or tunnels are under way"), std::string::npos) << drain.out;
  EXPECT_EQ(run_at(admin, {"drain", "shop", "green", "--wait", "--timeout", "0s"}).exit_code,
            kStillGoing);
  EXPECT_EQ(run_at(admin, {"drain", "shop", "green", "--timeout", "soon"}).exit_code, kUsage);
  EXPECT_EQ(admin.last_asked(), "drain shop green by local");
  EXPECT_EQ(run_at(admin, {"drain", "--proxy"}).exit_code, kSucceeded);
  EXPECT_EQ(admin.last_asked(), "drain by local");
  EXPECT_EQ(run({"version"}).out, "cutwater " CUTWATER_VERSION "\n");
}

TEST(Names, WithOddCharactersArriveWhole) {
  RunningAdmin admin;
  run_at(admin, {"unlock", "a/b", "v:1 %"});
  EXPECT_EQ(admin.last_asked(), "unlock a/b v:1 % by local");
}

TEST(Usage, MistakesExit2AndHelpExits0) {
  EXPECT_EQ(run({}).exit_code, kUsage);
  EXPECT_EQ(run({"explode"}).exit_code, kUsage);
  EXPECT_EQ(run({"weights"}).exit_code, kUsage);
  EXPECT_EQ(run({"status", "--output", "xml"}).exit_code, kUsage);
  const Ran help = run({"--help"});
  EXPECT_EQ(help.exit_code, kSucceeded);
  EXPECT_THAT(help.out, HasSubstr("10 proxy unreachable"));
  EXPECT_THAT(run({"run", "--help"}).out, HasSubstr("SIGTERM"));
}

TEST(Admin, UnreachableIs10AndSaysWhatToDo) {
  config::Address closed;
  {
    RunningAdmin gone;
    closed = gone.address;
  }
  const Ran ran = run({"status", "--admin", "http://127.0.0.1:" + std::to_string(closed.port)});
  EXPECT_EQ(ran.exit_code, kUnreachable);
  EXPECT_THAT(ran.err, HasSubstr("Is it running?"));
  EXPECT_EQ(run({"status", "--admin", "unix:/nowhere/at/all.sock"}).exit_code, kUnreachable);
  EXPECT_EQ(run({"status", "--admin", "unix:/" + std::string(300, 'x')}).exit_code, kUnreachable);
}

TEST(Admin, AnAddressThatIsNoneIsAMistake) {
  for (const char* url : {"127.0.0.1:9901", "ftp://x", "http://", "https://localhost:9901/v1",
                          "http://localhost:9901/v1", "unix:"}) {
    EXPECT_EQ(run({"status", "--admin", url}).exit_code, kUsage) << url;
  }
}

TEST(Admin, SpeaksOverAUnixSocket) {
  config::Admin config;
  config.unix_path = testing::TempDir() + "cutwater-cli-" + std::to_string(::getpid()) + ".sock";
  RunningAdmin admin(config);
  EXPECT_EQ(run({"rollback", "shop", "--admin", "unix:" + config.unix_path}).exit_code, kSucceeded);
}

TEST(Token, FromTheEnvironmentOrAFile) {
  RunningAdmin admin(admin_with_tokens());
  EXPECT_EQ(run_at(admin, {"status"}).exit_code, kNotAuthorised);
  EXPECT_EQ(run_at(admin, {"status"}, {{{"CUTWATER_TOKEN", "wrong"}}}).exit_code, kNotAuthorised);
  EXPECT_EQ(run_at(admin, {"status"}, {{{"CUTWATER_TOKEN", "viewer-secret"}}}).exit_code,
            kSucceeded);
  EXPECT_EQ(run_at(admin, {"rollback", "shop"}, {{{"CUTWATER_TOKEN", "viewer-secret"}}}).exit_code,
            kNotAuthorised);
  const std::string file = testing::TempDir() + "cutwater-token-" + std::to_string(::getpid());
  std::ofstream(file) << "deployer-secret\n";
  EXPECT_EQ(run_at(admin, {"rollback", "shop", "--token-file", file}).exit_code, kSucceeded);
  std::remove(file.c_str());
  EXPECT_EQ(run_at(admin, {"status", "--token-file", file}).exit_code, kUsage);
}

TEST(Reload, ARefusalNamesEachProblemOnce) {
  RunningAdmin admin;
  const auto at = [](int line, const char* message) {
    return boost::json::object{{"file", "c.yaml"}, {"line", line}, {"message", message}};
  };
  admin.fake.refusal = problem(422, "invalid_config", "it stays: c.yaml:3: `admn` is unknown",
                               {{"problems", {at(3, "`admn` is unknown"), at(9, "no version")}}});
  EXPECT_EQ(run_at(admin, {"reload"}).err,
            "cutwater: it stays: c.yaml:3: `admn` is unknown\n"
            "  c.yaml:9: no version\n");
}

TEST(ExitCodes, OfEveryRefusalAreTheContracts) {
  struct Row {
    int status;
    int exit_code;
  };
  for (const Row& row : std::vector<Row>{{400, kUsage},
                                         {401, kNotAuthorised},
                                         {403, kNotAuthorised},
                                         {404, kUsage},
                                         {409, kConflict},
                                         {412, kConflict},
                                         {422, kUsage},
                                         {428, kConflict},
                                         {500, kInternal},
                                         {503, kInternal},
                                         {507, kInternal}}) {
    RunningAdmin admin;
    admin.fake.refusal = problem(row.status, "x", "No, because.");
    const Ran ran = run_at(admin, {"rollback", "shop"});
    EXPECT_EQ(ran.exit_code, row.exit_code) << row.status;
    EXPECT_EQ(ran.err, "cutwater: No, because.\n") << row.status;
    EXPECT_EQ(ran.out, "") << row.status;
  }
}

TEST(Check, GivesEveryProblemItsPlaceAndExits2) {
  const std::string file = testing::TempDir() + "cutwater-check-" + std::to_string(::getpid());
  std::ofstream(file) << "listeners: [{listen: \"127.0.0.1:0\"}]\n"
                         "services:\n"
                         "  shop:\n"
                         "    versions: {blue: \"http://127.0.0.1:9001\"}\n"
                         "    wieghts: {blue: 100%}\n"
                         "    stable: red\n";
  const Ran bad = run({"check", "-c", file});
  EXPECT_EQ(bad.exit_code, kUsage);
  EXPECT_THAT(bad.out, HasSubstr(file + ":5:5: "));
  EXPECT_THAT(bad.out, HasSubstr(file + ":6:"));
  const Ran json = run({"check", "-c", file, "--output", "json"});
  EXPECT_EQ(json.exit_code, kUsage);
  EXPECT_EQ(boost::json::parse(json.out).at("problems").as_array().size(), 2u);
  std::ofstream(file) << "listeners: [{listen: \"127.0.0.1:0\"}]\n"
                         "services: {shop: {versions: {blue: \"http://127.0.0.1:9001\"}}}\n";
  const Ran good = run({"check", "-c", file});
  EXPECT_EQ(good.exit_code, kSucceeded) << good.out;
  EXPECT_EQ(good.out, "");
  std::remove(file.c_str());
  EXPECT_EQ(run({"check", "-c", file}).exit_code, kUsage);
}

TEST(Completion, KnowsEveryCommandAndItsOptions) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Ran ran = run({"completion", shell});
    EXPECT_EQ(ran.exit_code, kSucceeded);
    for (const char* word :
         {"rollout", "rollback", "explain", "unlock", "history", "idempotency-key"}) {
      EXPECT_THAT(ran.out, HasSubstr(word)) << shell;
    }
  }
  EXPECT_EQ(run({"completion", "tcsh"}).exit_code, kUsage);
}

TEST(Completion, WorksInBash) {
  const std::string file = testing::TempDir() + "cutwater-completion-" + std::to_string(::getpid());
  std::ofstream(file)
      << run({"completion", "bash"}).out
      << "COMP_WORDS=(cutwater rollout start --wa) COMP_CWORD=3\n_cutwater\n"
         "[ \"${COMPREPLY[*]}\" = --wait ] || exit 1\n"
         "COMP_WORDS=(cutwater rollo) COMP_CWORD=1\n_cutwater\n"
         "[ \"${COMPREPLY[*]}\" = rollout ] || exit 2\n"
         "COMP_WORDS=(cutwater rollout start --strategy c) COMP_CWORD=4\n_cutwater\n"
         "[ \"${COMPREPLY[*]}\" = canary ] || exit 3\n"
         "asked() { [ \"$1 $2\" = 'completion --names' ] || return\n"
         "  [ $3 = services ] && echo shop; [ \"$3 $5\" = 'versions shop' ] && "
         "echo green; }\n"
         "COMP_WORDS=(asked weights s) COMP_CWORD=2\n_cutwater\n"
         "[ \"${COMPREPLY[*]}\" = shop ] || exit 4\n"
         "COMP_WORDS=(asked --output json weights shop g) COMP_CWORD=5\n_cutwater\n"
         "[ \"${COMPREPLY[*]}\" = green ] || exit 5\n"
         "COMP_WORDS=(asked rollout start shop --to g) COMP_CWORD=5\n_cutwater\n"
         "[ \"${COMPREPLY[*]}\" = green ] || exit 6\n";
  EXPECT_EQ(std::system(("bash " + file).c_str()), 0);
  std::remove(file.c_str());
}

}  // namespace
}  // namespace cutwater::cli
