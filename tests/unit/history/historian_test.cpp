// Tests looking back over a real store: DORA from what was decided, alerts once per crossing,
// retention.
#include "control/history/historian.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>

#include "control/base/rfc3339.hpp"
#include "tests/unit/notify/channels.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace cutwater::control {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::int64_t kHourMs = 3600 * 1000, kDayMs = 24 * kHourMs;

class HistorianTest : public StoreTest {
 protected:
  HistorianTest() {
    spdlog::set_level(spdlog::level::off);
    start();
  }
  ~HistorianTest() override { stop(); }

  void start() {
    stop();
    store_ = std::make_unique<AsyncStore>(open());
    context_ = std::make_unique<boost::asio::io_context>(1);
    notify::Outside outside;
    outside.wall_ms = [this] { return now_; };
    outside.random = [] { return 0.0; };
    notifier_ = std::make_unique<notify::Notifier>(*context_, *store_, std::move(outside));
    config::Operations operations;
    operations.notify = {notify::webhook()};
    notifier_->adopt(operations);
    historian_ = std::make_unique<Historian>(*store_, *notifier_, [this] { return now_; });
  }
  void stop() {
    store_.reset();
    context_.reset();
    historian_.reset();
    notifier_.reset();
  }
  template <typename T>
  T ask(boost::asio::awaitable<T> question) {
    std::optional<T> answer;
    boost::asio::co_spawn(*context_, std::move(question), [&](std::exception_ptr error, T value) {
      if (error) std::rethrow_exception(error);
      answer = std::move(value);
    });
    run_until([&] { return answer.has_value(); });
    return std::move(*answer);
  }
  void ask(boost::asio::awaitable<void> question) {
    bool done = false;
    boost::asio::co_spawn(*context_, std::move(question), [&](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
      done = true;
    });
    run_until([&] { return done; });
  }
  template <typename Condition>
  void run_until(Condition condition) {
    while (!condition()) {
      context_->restart();
      context_->run_one_for(1s);
    }
  }

  void write(const Change& change) { ASSERT_TRUE(ask(store_->commit(change)).has_value()); }
  // Stores a rollout that ended now.
  void ended(const std::string& id, const std::string& phase, json::object more = {}) {
    Change change;
    json::object state{{"started_ms", now_ - kHourMs}, {"finished_ms", now_}, {"phase", phase}};
    for (auto& [key, value] : more) state[key] = value;
    change.rollouts.push_back({id, "shop", false, std::move(state)});
    change.decisions.push_back(decision(phase == "succeeded" ? "promoted" : phase));
    change.decisions.back().time = time_text(now_);
    write(change);
  }
  json::value figure(const char* name) {
    return ask(historian_->dora(kDoraWindow, "")).body.at(name);
  }
  std::vector<std::string> told() {
    using R = StoreResult<std::vector<OutboxItem>>;
    std::function<R(Store&)> work = [](Store& store) { return store.outbox(std::nullopt, 100); };
    std::vector<std::string> out;
    for (const auto& item : *ask(store_->run<R>(std::move(work))))
      out.push_back(std::string(item.event.at("action").as_string()) + " " +
                    std::string(item.event.at("cause").as_string()));
    return out;
  }
  void tick() {
    now_ += 61'000;
    ask(historian_->tick());
  }

  std::int64_t now_ = 1'795'000'000'000;
  std::unique_ptr<AsyncStore> store_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<notify::Notifier> notifier_;
  std::unique_ptr<Historian> historian_;
};

TEST_F(HistorianTest, TheFiguresComeFromRollouts) {
  ended("r-1", "succeeded", {{"commit_time", time_text(now_ - 2 * kHourMs)}});
  ended("r-2", "rolled_back",
        {{"evidence", {{"first_bad_to_decision_ms", 240.4}, {"switched_ms", 9.8}}}});
  ended("r-3", "aborted");
  EXPECT_EQ(figure("lead_time").at("value").to_number<double>(), 7200);
  EXPECT_EQ(figure("time_to_recovery").at("value").to_number<double>(), 0.25);
  EXPECT_EQ(figure("change_failure_rate").at("value").to_number<double>(), 0.5);
  EXPECT_NEAR(figure("success_rate").at("value").to_number<double>(), 1.0 / 3, 1e-5);
}

TEST_F(HistorianTest, AGuardThatWatchedOnAndTookAVersionBackIsAFailedChangeThatWasRecovered) {
  ended("r-1", "succeeded");
  ended("r-2", "succeeded");
  Decision back = decision("rolled_back");
  back.time = time_text(now_);
  back.rollout.clear();
  back.cause = "guard";
  back.before["stable"] = "green";
  back.after["stable"] = "blue";
  back.evidence = {{"first_bad_to_decision_ms", 140.0}, {"switched_ms", 1.0}};
  Change change;
  change.decisions.push_back(std::move(back));
  EXPECT_TRUE(ask(store_->commit(std::move(change))).has_value());
  EXPECT_EQ(figure("change_failure_rate").at("value").to_number<double>(), 0.5);
  EXPECT_EQ(figure("time_to_recovery").at("value").to_number<double>(), 0.141);
  EXPECT_EQ(figure("success_rate").at("value").to_number<double>(), 1)
      << "both rollouts ended well";
}

TEST_F(HistorianTest, WeightsByHandCountToo) {
  Change change;
  for (const auto& [action, cause] :
       std::vector<std::pair<std::string, std::string>>{{"promoted", "passed"},
                                                        {"rolled_back", "guard"},
                                                        {"rolled_back", "manual"},
                                                        {"weights_set", "manual"}}) {
    Decision one = decision(action);
    one.time = time_text(now_);
    one.rollout.clear();
    one.cause = cause;
    one.before["stable"] = "green";
    one.after["stable"] = cause == "manual" && action == "rolled_back" ? "blue" : "green";
    change.decisions.push_back(one);
  }
  write(change);
  const json::value all = ask(historian_->dora(kDoraWindow, "")).body;
  EXPECT_EQ(all.at("deployments").to_number<int>(), 2);
  EXPECT_EQ(all.at("failed").to_number<int>(), 2) << "one reverted, one taken back later";
}

TEST_F(HistorianTest, TheWindowEndsTheMemory) {
  ended("r-1", "rolled_back");
  now_ += 31 * kDayMs;
  EXPECT_TRUE(figure("change_failure_rate").at("value").is_null());
  EXPECT_EQ(ask(historian_->dora(40 * 24h, "")).body.at("failed").to_number<int>(), 1);
  EXPECT_EQ(ask(historian_->dora(40 * 24h, "api")).body.at("failed").to_number<int>(), 0);
}

TEST_F(HistorianTest, AnAlertIsToldOncePerCrossing) {
  for (int i = 0; i < 5; ++i) ended("r-bad-" + std::to_string(i), "rolled_back");
  tick();
  EXPECT_THAT(told(), ElementsAre("dora_alert success_rate", "dora_alert change_failure_rate"));
  tick();
  start();  // a restart has not forgotten it
  tick();
  EXPECT_EQ(told().size(), 2u);
  for (int i = 0; i < 100; ++i) ended("r-good-" + std::to_string(i), "succeeded");
  tick();
  EXPECT_THAT(told(),
              ElementsAre("dora_recovered success_rate", "dora_recovered change_failure_rate",
                          "dora_alert success_rate", "dora_alert change_failure_rate"));
  EXPECT_EQ(historian_->latest()->of(dora::Figure::ChangeFailureRate).standing,
            dora::Standing::OnTarget);
}

TEST_F(HistorianTest, AFullDiskKeepsTheAuditLogForLater) {
  AuditEntry entry;
  entry.path = "/v1/x" + std::string(50'000, 'x');
  ask(store_->run<bool>([](Store& store) {
    store.limit_pages_for_test(1);
    return true;
  }));
  ask(historian_->record(entry));
  ask(store_->run<bool>([](Store& store) {
    store.limit_pages_for_test(1'000'000);
    return true;
  }));
  ask(historian_->record(entry));
  EXPECT_EQ(ask(historian_->audit({})).body.at("audit").as_array().size(), 2u);
}

TEST_F(HistorianTest, HistoryIsKeptAsLongAsConfigured) {
  ended("r-1", "succeeded");
  historian_->adopt({{}, {24h}});
  now_ += 2 * kDayMs;
  tick();
  EXPECT_THAT(*ask(store_->decisions("", 0, 10, 0)), IsEmpty());
}

}  // namespace
}  // namespace cutwater::control
