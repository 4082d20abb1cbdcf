// What `status` says when figures alone mislead, and tables on a narrow terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/unit/cli/cli_harness.hpp"

namespace cutwater::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// `status shop` of a service like this.
std::string status_of(boost::json::object service) {
  RunningAdmin admin;
  admin.fake.service_overrides = std::move(service);
  return run_at(admin, {"status", "shop"}).out;
}

boost::json::object green(boost::json::object members) {
  boost::json::object version = control::fake_version_view("green", "pass");
  for (auto& [name, value] : members) version[name] = value;
  return version;
}

TEST(StatusReasons, ATotalOutageHasNoErrorRateAndSaysWhatUsersGot) {
  boost::json::object down = green({{"endpoints",
                                     {{{"url", "http://127.0.0.1:9002"},
                                       {"healthy", false},
                                       {"down_since", "2026-11-23T10:00:00.000Z"},
                                       {"why",
                                        "3 failures in a row, the last: connect: Connection "
                                        "refused"}}}}});
  down["windows"].as_object()["60s"] = {{"requests", 0}, {"error_rate", 0}};
  const std::string out =
      status_of({{"versions", {down}}, {"unavailable", {{"total", 200}, {"60s", 153}}}});
  EXPECT_THAT(out, HasSubstr("0/1")) << out;
  EXPECT_THAT(out, Not(HasSubstr("0 %\n")));
  EXPECT_THAT(out, HasSubstr("http://127.0.0.1:9002 of green is down since 2026-11-23T10:00:00.000Z"
                             ": 3 failures in a row, the last: connect: Connection refused\n"));
  EXPECT_THAT(out, HasSubstr("153 requests of the last 60 s were answered with 503 by the proxy"));
}

TEST(StatusReasons, ADrainedVersionIsNotLockedOut) {
  const boost::json::object by{{"time", "2026-11-23T10:00:00.000Z"},
                               {"decision", 12},
                               {"action", "drained"},
                               {"reason", "green is drained by ana"}};
  const auto with = [&](const char* action) {
    boost::json::object lock = by;
    lock["action"] = action;
    return status_of({{"versions", {green({{"locked_out", true}, {"lock_out", lock}})}}});
  };
  EXPECT_THAT(with("drained"), HasSubstr("green is drained since 2026-11-23T10:00:00.000Z by "
                                         "decision 12: green is drained by ana\n"));
  EXPECT_THAT(with("drained"), Not(HasSubstr("locked out")));
  EXPECT_THAT(with("rolled_back"), HasSubstr("green is locked out since"));
}

TEST(StatusReasons, TheLastRolloutSaysThatItWasTakenBack) {
  boost::json::object last{{"id", "r-7"},
                           {"from", "blue"},
                           {"to", "green"},
                           {"phase", "succeeded"},
                           {"finished", "2026-11-23T09:00:00.000Z"},
                           {"taken_back", nullptr}};
  EXPECT_THAT(
      status_of({{"rollout", nullptr}, {"last_rollout", last}}),
      HasSubstr("last rollout r-7: blue -> green, succeeded at 2026-11-23T09:00:00.000Z\n"));
  last["taken_back"] = {
      {"time", "2026-11-23T10:00:00.000Z"}, {"decision", 12}, {"reason", "it failed"}};
  EXPECT_THAT(
      status_of({{"rollout", nullptr}, {"last_rollout", last}}),
      HasSubstr("last rollout r-7: blue -> green, taken back at 2026-11-23T10:00:00.000Z by "
                "decision 12: it failed\n"));
}

std::string printed(const Table& table, std::size_t columns) {
  std::ostringstream out;
  table.print({out, out, false, false, {}, columns}, false);
  return out.str();
}

TEST(Tables, WrapTheirLastColumnOrPutColumnsBelow) {
  Table table({{"SEQ", Ink::Plain, true}, {"ACTION"}, {"REASON"}});
  table.add({{"7", Ink::Plain, true}, {"rolled_back"}, {"error rate of green is above 5%"}});
  table.add({{"128", Ink::Plain, true}, {""}, {"fine"}});
  EXPECT_EQ(printed(table, 80),
            "SEQ  ACTION       REASON\n"
            "  7  rolled_back  error rate of green is above 5%\n"
            "128               fine\n");
  EXPECT_EQ(printed(table, 45),
            "SEQ  ACTION       REASON\n"
            "  7  rolled_back  error rate of green is\n"
            "                  above 5%\n"
            "128               fine\n");
  EXPECT_EQ(printed(table, 30),
            "SEQ  ACTION\n"
            "    REASON\n"
            "  7  rolled_back\n"
            "    error rate of green is\n"
            "    above 5%\n"
            "128\n"
            "    fine\n");
}

TEST(Tables, BreakBetweenWordsAndCountCharacters) {
  EXPECT_THAT(wrapped("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(wrapped("averylongword and", 5), ElementsAre("averylongword", "and"));
  EXPECT_THAT(wrapped("– – –", 5), ElementsAre("– – –"));
}

TEST(Figures, EValuesAreShort) {
  EXPECT_EQ(evidence_text(0.5), "0.5");
  EXPECT_EQ(evidence_text(1274.4), "1274");
  EXPECT_EQ(evidence_text(1.27e19), "1.3e19");
  EXPECT_EQ(evidence_text(std::nullopt), "–");
}

TEST(Help, EveryCommandNamesTheOptionsOfAll) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"status", "--help"},
                                             {"rollout", "start", "--help"},
                                             {"flag", "set", "--help"},
                                             {"run", "--help"}}) {
    const Ran ran = run(command);
    EXPECT_EQ(ran.exit_code, kSucceeded);
    for (const char* option : {"--admin", "--output", "--token-file"})
      EXPECT_THAT(ran.out, HasSubstr(option)) << command.front();
  }
  EXPECT_THAT(run({"run", "--help"}).out, HasSubstr("SIGTERM drains")) << "its own words stay";
}

TEST(CompletionNames, AreAskedOfTheProxy) {
  RunningAdmin admin;
  EXPECT_EQ(run_at(admin, {"completion", "--names", "services"}).out, "shop\n");
  EXPECT_EQ(run_at(admin, {"completion", "--names", "versions", "--of", "shop"}).out,
            "blue\ngreen\n");
  EXPECT_EQ(run_at(admin, {"completion", "--names", "versions", "--of", "other"}).out, "");
  const Ran nobody = run({"completion", "--names", "services", "--admin", "http://127.0.0.1:1"});
  EXPECT_EQ(nobody.exit_code, kSucceeded);
  EXPECT_EQ(nobody.out + nobody.err, "") << "somebody is typing";
}

}  // namespace
}  // namespace cutwater::cli
