// Tests rollouts as a deploy script sees them: one command, one exit code, and users who notice
// nothing.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <random>

#include "tests/support/load.hpp"
#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

namespace json = boost::json;

constexpr const char* kFallback = "    fallback: stable\n";

std::vector<std::string> start_command(std::vector<std::string> more) {
  std::vector<std::string> words{"rollout", "start", "shop", "--to", "green"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

class Rollouts : public testing::Test {
 protected:
  Rollouts() : file(blue, green) {
    blue.answer(200, "blue");
    green.answer(200, "green");
    file.service = kFallback;
  }
  CutwaterProcess& cutwater() {
    if (!process_) process_ = std::make_unique<CutwaterProcess>(file);
    return *process_;
  }
  Admin admin() { return cutwater().admin(); }
  std::string phase(const std::string& id) {
    return admin().get("/v1/rollouts/" + id).string("/phase");
  }
  bool reaches(const std::string& id, const std::string& phase_wanted) {
    return eventually([&] { return phase(id) == phase_wanted; }, 4 * kPatience);
  }
  // Starts a rollout that nobody disturbs: its steps take an hour.
  std::string start_slow(const std::string& steps = "5%,50%,100%") {
    const Finished started =
        cutwater().run(start_command({"--steps", steps, "--bake", "1h", "--output", "json"}));
    EXPECT_EQ(started.exit_code, 0) << started.err;
    return std::string(started.json().at("id").as_string());
  }

  FakeUpstream blue, green;
  ShopFile file;

 private:
  std::unique_ptr<CutwaterProcess> process_;
};

TEST_F(Rollouts, PromoteAGoodVersion) {
  Load load(cutwater().port(), {.users = 8, .pause = 300us, .fields = {}});

  const Finished done = cutwater().run(
      start_command({"--steps", "5%,25%,100%", "--bake", "1s", "--wait", "--timeout", "50s"}));

  EXPECT_EQ(done.exit_code, 0) << done.out << done.err;
  EXPECT_EQ(admin().weight("blue"), 0);
  EXPECT_EQ(admin().weight("green"), 100);
  EXPECT_EQ(admin().get("/v1/services/shop").string("/stable"), "green");
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
  EXPECT_GT(load.answered_by("green"), 0U);

  const Finished history = cutwater().run({"history", "shop"});
  EXPECT_EQ(history.exit_code, 0);
  const std::size_t started = history.out.find("started");
  const std::size_t advanced = history.out.find("advanced", started);
  EXPECT_NE(history.out.find("promoted", advanced), std::string::npos) << history.out;
  EXPECT_EQ(cutwater().run({"rollout", "watch", "shop"}).exit_code, 0);
}

TEST_F(Rollouts, RevertAVersionThatBreaksOneRouteAlone) {
  file.top = "routes: [{service: shop}, {match: {path: /checkout}, service: shop, guards: {}}]\n";
  green.on_request([](const Received& request, UpstreamConnection& connection) {
    connection.answer(request.target() == "/checkout" ? 500 : 200, "green");
  });
  Load load(cutwater().port(), {.users = 8, .pause = 300us, .fields = {}});
  const std::string id = start_slow("50%,100%");
  EXPECT_TRUE(load.wait_for_more(500));
  EXPECT_EQ(phase(id), "progressing") << "the rest of the shop is good";
  EXPECT_TRUE(eventually([&] {
    RawClient user(cutwater().port());
    user.send("GET /checkout HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(user.read_response().status, 200) << "stable answers for it";
    return phase(id) == "rolled_back";
  }));
  const json::object decision = admin().last_decision("rolled_back");
  EXPECT_EQ(decision.at("evidence").at("route"), "/checkout");
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
}

TEST_F(Rollouts, RevertABadVersionBeforeUsersNotice) {
  green.answer(500, "broken");
  Load load(cutwater().port(), {.users = 8, .pause = 300us, .fields = {}});

  const Finished done = cutwater().run(
      start_command({"--steps", "5%,25%,100%", "--bake", "1s", "--wait", "--timeout", "50s"}));

  EXPECT_EQ(done.exit_code, 3) << done.out << done.err;
  const std::size_t reached = green.requests();
  EXPECT_TRUE(load.wait_for_more(100));
  load.stop();
  EXPECT_EQ(green.requests(), reached) << "traffic went on after the revert";
  EXPECT_GE(reached, 5U);
  EXPECT_LE(reached, 8U + 8U) << "eight, and one in flight for each user";
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();

  const AdminAnswer service = admin().get("/v1/services/shop");
  EXPECT_EQ(service.number("/weights/blue"), 100);
  EXPECT_EQ(service.number("/weights/green"), 0);
  EXPECT_EQ(service.string("/locked_out/0"), "green");
  const json::object decision = admin().last_decision("rolled_back");
  EXPECT_EQ(decision.at("cause").as_string(), "guard");
  const json::object& evidence = decision.at("evidence").as_object();
  EXPECT_LE(evidence.at("failed_attempts").to_number<int>(), 8);
  const std::string counts =
      evidence.at("failed_attempts").is_null()
          ? ""
          : std::to_string(evidence.at("failed_attempts").to_number<int>()) + " of ";
  EXPECT_NE(std::string(decision.at("reason").as_string()).find(counts), std::string::npos)
      << decision.at("reason");
  EXPECT_NE(done.out.find("requests failed"), std::string::npos) << done.out;

  const Finished again = cutwater().run(start_command({}));
  EXPECT_EQ(again.exit_code, 8) << "locked out: " << again.err;
  const AdminAnswer by_hand = admin().set_weights(95, 5);
  EXPECT_EQ(by_hand.status, 409) << by_hand.text;
  EXPECT_EQ(cutwater().run({"unlock", "shop", "green"}).exit_code, 0);
  EXPECT_EQ(admin().set_weights(95, 5).status, 200);
}

TEST_F(Rollouts, RevertAVersionThatCannotBeReached) {
  green.refuse();
  Load load(cutwater().port());
  const Finished done = cutwater().run(
      start_command({"--steps", "50%,100%", "--bake", "1s", "--wait", "--timeout", "50s"}));
  EXPECT_EQ(done.exit_code, 3) << done.out << done.err;
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
  EXPECT_EQ(admin().weight("blue"), 100);
}

TEST_F(Rollouts, RevertAVersionThatIsTooSlow) {
  file.service += "    guards: {p95: 20ms, p95_critical: 1s}\n";
  green.on_request([](const Received&, UpstreamConnection& connection) {
    std::this_thread::sleep_for(40ms);
    connection.answer(200, "slow");
  });
  Load load(cutwater().port(), {.users = 8, .pause = 300us, .fields = {}});
  const Finished done = cutwater().run(
      start_command({"--steps", "50%,100%", "--bake", "1s", "--wait", "--timeout", "50s"}));
  EXPECT_EQ(done.exit_code, 3) << done.out << done.err;
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
  const json::object decision = admin().last_decision("rolled_back");
  EXPECT_EQ(decision.at("evidence").at("guard").as_string(), "p95");
  EXPECT_NE(done.out.find("requests were slower"), std::string::npos) << done.out;
}

TEST_F(Rollouts, RevertAVersionWhoseHealthProbeFails) {
  file.service +=
      "    health: {path: /health, interval: 200ms, timeout: 200ms, unhealthy_after: 3, "
      "start_period: "
      "0s}\n";
  std::atomic<bool> well{true};
  green.on_request([&](const Received& request, UpstreamConnection& connection) {
    connection.answer(request.target() == "/health" && !well ? 503 : 200, "green");
  });
  const auto waiting = cutwater().start(
      start_command({"--steps", "5%,100%", "--bake", "1h", "--wait", "--timeout", "50s"}));
  ASSERT_TRUE(eventually([&] { return admin().weight("green") == 5; }, kProcessPatience));
  well = false;
  EXPECT_EQ(waiting->wait(), 3) << waiting->out() << waiting->err();
  EXPECT_EQ(admin().last_decision("rolled_back").at("cause").as_string(), "health");
  EXPECT_EQ(admin().weight("green"), 0);
}

TEST_F(Rollouts, KeepTheirPromisesWhenKilledAtAnyMoment) {
  file.service = "    fallback: stable\n";
  std::mt19937 random(4711);
  int reverted = 0;
  for (int round = 0; round < 20; ++round) {
    green.answer(200, "green");
    const AdminAnswer started = admin().post("/v1/services/shop/rollouts",
                                             R"({"to":"green","steps":["50%"],"retry":true})");
    ASSERT_EQ(started.status, 201) << started.text;
    const std::string id = started.string("/id");
    green.answer(500, "broken");
    {
      Load load(cutwater().port(), {.users = 2, .pause = 300us, .fields = {}});
      // time passes until the kill
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
      cutwater().kill_hard();
    }
    cutwater().start_again();
    const std::string now = phase(id);
    ASSERT_TRUE(now == "progressing" || now == "rolled_back") << now;
    EXPECT_EQ(admin().weight("green"), now == "progressing" ? 50 : 0);
    reverted += now == "rolled_back";
    Load load(cutwater().port());
    ASSERT_TRUE(reaches(id, "rolled_back")) << "the guard is armed again";
    load.stop();
    ASSERT_EQ(load.failed(), 0U) << load.first_failure();
  }
  std::printf("[ measured ] 20 kills around a revert: %d were stored already\n", reverted);
}

TEST_F(Rollouts, EndWith4WhenAPersonAborts) {
  const auto waiting = cutwater().start(
      start_command({"--steps", "5%,100%", "--bake", "1h", "--wait", "--timeout", "50s"}));
  ASSERT_TRUE(eventually([&] { return admin().weight("green") == 5; }, kProcessPatience));
  const Finished aborted = cutwater().run({"rollout", "abort", "shop", "--reason", "wrong ticket"});
  EXPECT_EQ(aborted.exit_code, 0) << aborted.err;
  EXPECT_EQ(waiting->wait(), 4) << waiting->err();
  EXPECT_EQ(admin().weight("green"), 0);
  EXPECT_NE(waiting->out().find("wrong ticket"), std::string::npos) << waiting->out();
}

TEST_F(Rollouts, EndWith7WhenThereIsNoTrafficToJudge) {
  const Finished done = cutwater().run(
      start_command({"--steps", "5%,100%", "--bake", "1s", "--wait", "--timeout", "3s"}));
  EXPECT_EQ(done.exit_code, 7) << done.out << done.err;
  EXPECT_EQ(admin().weight("green"), 5) << "it goes on without the script";
}

TEST_F(Rollouts, EndWith5WhenTimeIsOverWhileTheyProgress) {
  Load load(cutwater().port());
  const Finished done = cutwater().run(
      start_command({"--steps", "50%,100%", "--bake", "1h", "--wait", "--timeout", "3s"}));
  EXPECT_EQ(done.exit_code, 5) << done.out << done.err;
  EXPECT_EQ(admin().weight("green"), 50);
}

TEST_F(Rollouts, CanBePausedResumedAndPromotedByHand) {
  const std::string id = start_slow("5%,50%,100%");
  EXPECT_EQ(phase(id), "progressing");
  EXPECT_EQ(cutwater().run({"rollout", "pause", "shop"}).exit_code, 0);
  EXPECT_EQ(phase(id), "paused");
  EXPECT_EQ(cutwater().run({"rollout", "pause", "shop"}).exit_code, 8);
  EXPECT_EQ(cutwater().run({"rollout", "resume", id}).exit_code, 0);
  EXPECT_EQ(phase(id), "progressing");

  EXPECT_EQ(cutwater().run({"rollout", "promote", "shop"}).exit_code, 0);
  EXPECT_EQ(admin().weight("green"), 50);
  EXPECT_EQ(cutwater().run({"rollout", "promote", "shop", "--full"}).exit_code, 0);
  EXPECT_EQ(admin().weight("green"), 100);
  EXPECT_TRUE(reaches(id, "baking")) << phase(id);
  EXPECT_EQ(cutwater().run({"rollout", "promote", "shop"}).exit_code, 0);
  EXPECT_EQ(phase(id), "succeeded");
  EXPECT_EQ(admin().get("/v1/services/shop").string("/stable"), "green");
}

TEST_F(Rollouts, AreTurnedBackByRollbackWhetherUnderWayOrDone) {
  const std::string id = start_slow();
  const Finished during = cutwater().run({"rollback", "shop"});
  EXPECT_EQ(during.exit_code, 0) << during.err;
  EXPECT_EQ(phase(id), "rolled_back");
  EXPECT_EQ(admin().weight("blue"), 100);

  const AdminAnswer again =
      admin().post("/v1/services/shop/rollouts", R"({"to":"green","steps":["100%"],"retry":true})");
  ASSERT_EQ(again.status, 201) << again.text;
  const std::string second = again.string("/id");
  ASSERT_TRUE(reaches(second, "baking")) << phase(second);
  ASSERT_EQ(cutwater().run({"rollout", "promote", second}).exit_code, 0);
  ASSERT_EQ(admin().get("/v1/services/shop").string("/stable"), "green");

  const Finished after = cutwater().run({"rollback", "shop"});
  EXPECT_EQ(after.exit_code, 0) << after.err;
  EXPECT_EQ(admin().weight("blue"), 100);
  EXPECT_EQ(admin().get("/v1/services/shop").string("/stable"), "blue");
  EXPECT_EQ(cutwater().run({"rollback", "shop"}).exit_code, 8) << "nothing is left to go back to";
}

TEST_F(Rollouts, RefuseASecondOneAndWhatIsUnknown) {
  start_slow();
  const Finished second = cutwater().run(start_command({}));
  EXPECT_EQ(second.exit_code, 8);
  EXPECT_NE(second.err.find("active"), std::string::npos) << second.err;
  EXPECT_EQ(admin().set_weights(50, 50).status, 409);
  EXPECT_EQ(cutwater().run({"rollout", "start", "nobody", "--to", "green"}).exit_code, 2);
  EXPECT_EQ(cutwater().run({"rollout", "start", "shop", "--to", "purple"}).exit_code, 2);
  EXPECT_EQ(cutwater().run(start_command({"--steps", "50%,5%"})).exit_code, 2);
}

TEST_F(Rollouts, SayWhenTheProxyIsNotThere) {
  RefusingPort nobody;
  const Finished done =
      run_cutwater(start_command({"--wait"}),
                   {{"CUTWATER_ADMIN", "http://127.0.0.1:" + std::to_string(nobody.port())}});
  EXPECT_EQ(done.exit_code, 10);
  EXPECT_NE(done.err.find(std::to_string(nobody.port())), std::string::npos) << done.err;
}

TEST_F(Rollouts, GoOnAfterARestartWithTheirGuardsArmed) {
  file.service = kFallback;
  const std::string id = start_slow("50%,100%");
  cutwater().kill_hard();
  cutwater().start_again();
  EXPECT_EQ(phase(id), "progressing");
  EXPECT_EQ(admin().weight("green"), 50);
  EXPECT_EQ(admin().last_decision("resumed").at("cause").as_string(), "restart");

  green.answer(500, "broken since");
  Load load(cutwater().port());
  EXPECT_TRUE(reaches(id, "rolled_back")) << phase(id);
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
  EXPECT_EQ(admin().weight("blue"), 100);

  cutwater().kill_hard();
  cutwater().start_again();
  EXPECT_EQ(phase(id), "rolled_back") << "and is remembered as such";
  EXPECT_EQ(admin().get("/v1/services/shop").string("/locked_out/0"), "green");
}

TEST_F(Rollouts, KeepAScriptWaitingOverARestart) {
  const auto waiting = cutwater().start(
      start_command({"--steps", "5%,100%", "--bake", "1h", "--wait", "--timeout", "50s"}));
  ASSERT_TRUE(eventually([&] { return waiting->err().find("started") != std::string::npos; },
                         kProcessPatience));
  // The proxy uses the same port again, because the script knows no other.
  file.admin = "{listen: \"127.0.0.1:" + std::to_string(cutwater().admin_port()) + "\"}";
  cutwater().rewrite_config(file);
  cutwater().kill_hard();
  cutwater().start_again();
  EXPECT_TRUE(waiting->running()) << waiting->err();
  EXPECT_EQ(cutwater().run({"rollout", "abort", "shop"}).exit_code, 0);
  EXPECT_EQ(waiting->wait(), 4) << waiting->err();
}

// The proxy went away before the very first look at the rollout.
TEST_F(Rollouts, AreNotLostSightOfWhenTheFirstLookFails) {
  FakeUpstream api;
  std::atomic<int> looks{0};
  api.on_request([&](const Received& request, UpstreamConnection& connection) {
    const std::string json = "Content-Type: application/json\r\n";
    if (request.target() != "/v1/rollouts/r-1") return connection.answer(404, "{}", json);
    if (++looks == 1) return connection.reset();
    connection.answer(200, R"({"id":"r-1","phase":"succeeded"})", json);
  });
  const Finished done =
      run_cutwater({"rollout", "watch", "r-1"},
                   {{"CUTWATER_ADMIN", "http://127.0.0.1:" + std::to_string(api.port())}});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_EQ(looks, 2);
}

TEST_F(Rollouts, SwitchAllWorkersMomentsAfterTheDecision) {
  Load load(cutwater().port(), {.users = 8, .pause = 300us, .fields = {}});
  green.answer(500, "broken");
  std::vector<double> switched_ms;
  for (int revert = 0; revert < 20; ++revert) {
    const AdminAnswer started = admin().post("/v1/services/shop/rollouts",
                                             R"({"to":"green","steps":["50%"],"retry":true})");
    ASSERT_EQ(started.status, 201) << started.text;
    ASSERT_TRUE(reaches(started.string("/id"), "rolled_back"));
    const json::object decision = admin().last_decision("rolled_back");
    ASSERT_EQ(decision.at("rollout").as_string(), started.string("/id"));
    const json::value* took = decision.at("evidence").as_object().if_contains("switched_ms");
    ASSERT_NE(took, nullptr) << json::serialize(decision.at("evidence"));
    switched_ms.push_back(took->to_number<double>());
  }
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
  std::sort(switched_ms.begin(), switched_ms.end());
  std::printf("[ measured ] decided -> switched over %zu reverts: median %.3f ms, worst %.3f ms\n",
              switched_ms.size(), switched_ms[switched_ms.size() / 2], switched_ms.back());
}

}  // namespace
}  // namespace cutwater::test
