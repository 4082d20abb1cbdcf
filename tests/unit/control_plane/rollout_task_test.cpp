// Rollouts that need something done outside: the test plays whoever does it.
#include "config/windows.hpp"
#include "tests/unit/control_plane/control_plane_fixture.hpp"

namespace cutwater::control {
namespace {

class RolloutTasks : public ControlPlaneTest {
 protected:
  using Answer = std::function<TaskResult(const TaskOrder&)>;

  // Whoever is asked says yes, and what was asked is kept.
  void start_with(config::Config config) {
    do_task_ = [this](TaskOrder order) -> Awaitable<TaskResult> {
      asked_.push_back(std::string(to_string(order.task.kind)));
      co_return answer_(order);
    };
    start(std::move(config));
  }
  static config::Config shop(const std::function<void(config::RolloutDefaults&)>& change) {
    config::Config config = shop_config();
    change(config.services[0].rollout);
    return config;
  }
  bool reaches(const std::string& rollout, const std::string& wanted) {
    for (int i = 0; i < 100 && phase(rollout) != wanted; ++i) {
      pass_time(1s);
      let_tasks_report();
    }
    return phase(rollout) == wanted;
  }
  // Stands in line behind every task that has its answer, and asks for nothing.
  void let_tasks_report() {
    ask(control_->versions.act_on_version("shop", "nobody", VersionAction::Unlock, ana_));
  }
  // Three servers, deployed in place.
  static config::Config servers() {
    config::Config config = shop_config();
    config::Service& service = config.services[0];
    service.flags.clear();
    service.versions.resize(2);
    for (auto& version : service.versions) {
      version.endpoints.clear();
      for (const std::uint16_t port : {9001, 9002, 9003})
        version.endpoints.push_back(
            {"http://127.0.0.1:" + std::to_string(port), {"127.0.0.1", port}, false});
    }
    service.rollout.strategy = "rolling";
    service.rollout.bake = 1s;
    return config;
  }

  std::vector<std::string> asked_;
  Answer answer_ = [](const TaskOrder&) { return TaskResult{true, "yes"}; };
};

TEST_F(RolloutTasks, SmokeChecksComeBeforeTheSwitchAndTestersSeeTheCandidate) {
  start_with(shop([](config::RolloutDefaults& rollout) {
    rollout.strategy = "blue_green";
    rollout.steps = {Share::percent(100)};
    rollout.smoke.emplace_back();
    rollout.preview = config::Preview{config::Preview::By::Header, "X-Preview", "yes", 2s};
  }));
  const std::string rollout = id(roll_out(R"({"to":"green","bake":"1s"})"));
  EXPECT_EQ(phase(rollout), "preview");
  EXPECT_EQ(workers_.percent("green"), 0);
  ASSERT_TRUE(workers_.current->services[0]->preview.has_value());
  EXPECT_EQ(workers_.current->services[0]->preview_version, 1u);
  ASSERT_TRUE(reaches(rollout, "baking"));
  EXPECT_EQ(asked_, std::vector<std::string>{"smoke"});
  EXPECT_EQ(workers_.percent("green"), 100);
  succeed("green", 100);
  ASSERT_TRUE(reaches(rollout, "succeeded"));
  EXPECT_FALSE(workers_.current->services[0]->preview.has_value()) << "the preview is over";
  EXPECT_FALSE(control_->services_asked.service("shop").body.at("keep_old_until").is_null());
}

TEST_F(RolloutTasks, AFailedSmokeCheckLocksTheVersionOut) {
  start_with(shop([](config::RolloutDefaults& rollout) { rollout.smoke.emplace_back(); }));
  answer_ = [](const TaskOrder&) { return TaskResult{false, "answered 500"}; };
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  ASSERT_TRUE(reaches(rollout, "rolled_back"));
  EXPECT_EQ(control_->rollouts.rollout(rollout).body.at("cause").as_string(), "smoke");
  EXPECT_EQ(type(roll_out(R"({"to":"green"})")), "locked_out");
  answer_ = [](const TaskOrder&) { return TaskResult{true, "mended"}; };
  const Reply again = act(rollout, RolloutAction::Retry);
  EXPECT_EQ(again.status, 201) << to_text(again.body);
  EXPECT_NE(id(again), rollout);
}

TEST_F(RolloutTasks, ADeployerCannotApproveButAnApproverCan) {
  start_with(shop_config());
  const std::string rollout = id(roll_out(R"({"to":"green","bake":"1s","approval":[5]})"));
  succeed("green", 100);
  ASSERT_TRUE(reaches(rollout, "awaiting_approval"));
  const Reply no = act(rollout, RolloutAction::Approve);
  EXPECT_EQ(no.status, 403);
  EXPECT_EQ(type(no), "approval_needed");
  ana_.role = config::Role::Approver;
  EXPECT_EQ(act(rollout, RolloutAction::Approve).status, 200);
  pass_time(1s);
  EXPECT_EQ(workers_.percent("green"), 50);
  EXPECT_EQ(type(act(rollout, RolloutAction::Reject)), "not_awaiting_approval");
}

TEST_F(RolloutTasks, ApprovalWithoutAnybodyWhoCouldGiveItIsRefused) {
  config::Config config = shop_config();
  config.admin.tokens.push_back({"bot", config::Role::Deployer, {}});
  start_with(std::move(config));
  const Reply reply = roll_out(R"({"to":"green","approval":[5]})");
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.body.at("member").as_string(), "approval");
}

TEST_F(RolloutTasks, FourEyesNeedSomebodyElseWhoMayApprove) {
  config::Config config = shop_config();
  config.admin.tokens.push_back({ana_.name, config::Role::Approver, {}});
  config.admin.tokens.push_back({"bot", config::Role::Deployer, {}});
  config.services.front().rollout.four_eyes = true;
  start_with(config);
  const Reply reply = roll_out(R"({"to":"green","approval":[5]})");
  EXPECT_EQ(reply.status, 422);
  EXPECT_EQ(reply.body.at("member").as_string(), "four_eyes");
  config.admin.tokens.push_back({"eve", config::Role::Approver, {}});
  start_with(config);
  EXPECT_EQ(roll_out(R"({"to":"green","approval":[5]})").status, 201);
}

TEST_F(RolloutTasks, OutsideTheWindowsNothingBeginsUnlessSomebodyInsists) {
  // 2026-11-18 is a Wednesday.
  start_with(shop([](config::RolloutDefaults& rollout) {
    rollout.windows = {*config::parse_window("Sun 01:00-02:00")};
  }));
  const Reply reply = roll_out(R"({"to":"green"})");
  EXPECT_EQ(type(reply), "outside_window");
  ana_.role = config::Role::Approver;
  EXPECT_EQ(roll_out(R"({"to":"green","force":true})").status, 201);
}

TEST_F(RolloutTasks, AVersionWithoutEnoughHealthyEndpointsGetsNoMoreTraffic) {
  start_with(shop_config());
  publisher_->endpoints("shop", "green")[0]->set_healthy(false);
  const Reply reply = put(R"({"blue":90,"green":10})");
  EXPECT_EQ(reply.status, 409);
  EXPECT_EQ(type(reply), "outside_capacity");
  EXPECT_EQ(type(roll_out(R"({"to":"green"})")), "outside_capacity");
  EXPECT_EQ(put(R"({"blue":90,"green":10,"force":true})").status, 200);
  EXPECT_EQ(put(R"({"blue":100})").status, 200) << "the way back is always open";
}

TEST_F(RolloutTasks, ServersAreReplacedOneAfterTheOther) {
  start_with(servers());
  const Reply created = roll_out(R"({"to":"green"})");
  ASSERT_EQ(created.status, 201) << to_text(created.body);
  EXPECT_EQ(workers_.current->services[0]->versions[0].endpoints.size(), 2u);
  EXPECT_EQ(workers_.current->services[0]->versions[1].endpoints.size(), 0u);
  for (int i = 0; i < 60 && phase(id(created)) != "succeeded"; ++i) {
    succeed("green", 50);
    pass_time(1s);
    let_tasks_report();
  }
  EXPECT_EQ(phase(id(created)), "succeeded");
  EXPECT_EQ(asked_.size(), 9u) << "drain, deploy and health of each";
  EXPECT_EQ(workers_.current->services[0]->versions[1].endpoints.size(), 3u);
  EXPECT_EQ(workers_.percent("green"), 100);
  EXPECT_EQ(ask(control_->weights.rollback("shop", {}, ana_)).status, 409)
      << "nothing runs the old version any more";
}

TEST_F(RolloutTasks, ABrokenServerIsRestored) {
  start_with(servers());
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  for (int i = 0; i < 10 && workers_.percent("green") == 0; ++i) {
    pass_time(1s);
    let_tasks_report();
  }
  ASSERT_EQ(workers_.percent("green"), 33);
  fail("green", 5);
  run_until([&] { return workers_.percent("green") == 0; });
  ASSERT_TRUE(reaches(rollout, "rolled_back"));
  EXPECT_EQ(asked_.size(), 6u) << "and drain, deploy and health on the way back";
  EXPECT_EQ(workers_.current->services[0]->versions[0].endpoints.size(), 3u);
}

TEST_F(RolloutTasks, ATaskUnderWayIsDoneAgainAfterARestart) {
  start_with(servers());
  bool silent = true;
  do_task_ = [&](TaskOrder order) -> Awaitable<TaskResult> {
    asked_.push_back(std::string(to_string(order.task.kind)));
    if (silent) {
      boost::asio::steady_timer never(co_await boost::asio::this_coro::executor, 1h);
      co_await never.async_wait(boost::asio::use_awaitable);
    }
    co_return TaskResult{true, "yes"};
  };
  start(servers());
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  pass_time(1s);
  run_until([&] { return asked_.size() == 1; });
  silent = false;
  start(servers());
  run_until([&] { return asked_.size() >= 2; });
  EXPECT_EQ(asked_[1], "drain");
  EXPECT_EQ(workers_.current->services[0]->versions[0].endpoints.size(), 2u) << "a stays out";
  EXPECT_EQ(act(rollout, RolloutAction::Abort).status, 200);
  EXPECT_TRUE(reaches(rollout, "aborted"));
  EXPECT_EQ(workers_.current->services[0]->versions[0].endpoints.size(), 3u);
}

TEST_F(RolloutTasks, ThePromiseToKeepTheOldVersionEnds) {
  start_with(shop([](config::RolloutDefaults& rollout) {
    rollout.steps = {Share::percent(100)};
    rollout.bake = 1s;
    rollout.keep_old = 10s;
  }));
  const std::string rollout = id(roll_out(R"({"to":"green"})"));
  succeed("green", 100);
  ASSERT_TRUE(reaches(rollout, "succeeded"));
  next_config_.config = shop_config();
  next_config_.config->services[0].versions.erase(
      next_config_.config->services[0].versions.begin());
  next_config_.config->services[0].stable = "green";
  EXPECT_EQ(ask(control_->configuration.reload(ana_)).status, 422)
      << "blue is still needed for a rollback";
  pass_time(11s);
  EXPECT_EQ(decision().at("action").as_string(), "old_released");
  EXPECT_EQ(ask(control_->configuration.reload(ana_)).status, 200);
}

TEST(SmokeCheck, SaysWhatIsWrongWithAnAnswer) {
  config::SmokeCheck check;
  check.header = "X-Version";
  check.value = "2";
  check.body = "total";
  check.body_regex = "^total: [0-9]+$";
  const auto problem = [&](int status, std::string_view header, const std::string& body) {
    return smoke_problem(check, {status, header, !header.empty(), body});
  };
  EXPECT_EQ(problem(200, "2", "total: 17"), "");
  EXPECT_EQ(problem(500, "2", "sorry\nmore"), "answered 500 instead of 200: sorry");
  EXPECT_EQ(problem(200, "", "total: 17"), "has no field X-Version");
  EXPECT_EQ(problem(200, "1", "total: 17"), "X-Version is \"1\" instead of \"2\"");
  EXPECT_EQ(problem(200, "2", "nothing"), "the body does not contain \"total\"");
  EXPECT_EQ(problem(200, "2", "total: many"), "the body does not match ^total: [0-9]+$");
}

// RFC 4231 test case 2.
TEST(HookSignature, IsTheOneReceiversKnow) {
  EXPECT_EQ(hook_signature("Jefe", "what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace cutwater::control
