// A control plane with a real store and real guards, workers that are played by the test, and a
// clock in the test's hand.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <spdlog/spdlog.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <memory>
#include <string>

#include "control/assembly.hpp"
#include "control/base/json_text.hpp"

#include "tests/support/flags.hpp"

namespace cutwater::control {

using namespace std::chrono_literals;
namespace json = boost::json;

// Workers that acknowledge at once, or when told to.
class PlayedWorkers : public DataPlane {
 public:
  void publish(std::shared_ptr<const routing::RoutingSnapshot> snapshot,
               std::function<void()> on_switched) override {
    ++published;
    pending_ = std::move(on_switched);
    latest = std::move(snapshot);
    if (!hold) acknowledge();
  }
  void count_active(const std::vector<std::uint32_t>&,
                    std::function<void(std::uint64_t)> counted) override {
    counted(active);
  }
  void acknowledge() {
    current = latest;
    if (auto done = std::exchange(pending_, {})) done();
  }
  bool waiting() const { return static_cast<bool>(pending_); }
  std::int32_t percent(const std::string& version, std::size_t service = 0) const {
    const auto& snapshot = *current->services.at(service);
    return snapshot.versions.at(snapshot.find_version(version)).weight / 10'000;
  }

  bool hold = false;
  int published = 0;
  std::uint64_t active = 0;  // requests under way to any endpoint
  std::shared_ptr<const routing::RoutingSnapshot> current, latest;

 private:
  std::function<void()> pending_;
};

inline config::Service make_service(const std::string& name, std::vector<std::string> versions) {
  config::Service service;
  service.name = name;
  std::uint16_t port = 9001;
  for (const auto& version : versions) {
    const std::string url = "http://127.0.0.1:" + std::to_string(port);
    config::Version made;
    made.name = version;
    made.endpoints.push_back({url, {"127.0.0.1", port}, false});
    service.versions.push_back(std::move(made));
    ++port;
  }
  service.stable = versions.front();
  service.sticky.name = "cw_" + name;
  service.rollout.steps = {Share::percent(5), Share::percent(50), Share::percent(100)};
  return service;
}

inline config::Config shop_config() {
  config::Config config;
  config.listeners.push_back({});
  config.services.push_back(make_service("shop", {"blue", "green", "red"}));
  config.services[0].flags.push_back(
      test::flag_when("beta", config::FlagCondition::Source::Cookie, "beta", "on"));
  return config;
}

class ControlPlaneTest : public ::testing::Test {
 protected:
  ControlPlaneTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "cw-control-XXXXXX").string();
    dir_ = mkdtemp(pattern.data());
    spdlog::set_level(spdlog::level::off);  // decisions are read from the store here
  }
  ~ControlPlaneTest() override {
    stop();
    std::filesystem::remove_all(dir_);
  }

  // Starts, or starts again with what is on disk.
  Restored start(config::Config config = shop_config()) {
    stop();
    auto opened = Store::open(dir_);
    EXPECT_TRUE(opened.has_value());
    store_file_ = opened->get();
    Restored restored = restore(config, "cutwater.yaml", (*opened)->loaded(), {now_, wall_ms_});
    if (!restored.problems.empty()) return restored;
    EXPECT_TRUE((*opened)->commit(restored.change).has_value());
    publisher_ = std::make_unique<Publisher>(1, (*opened)->loaded().cookie_key);
    publisher_->adopt(restored.config,
                      resolve_endpoints(restored.config, "cutwater.yaml", system_resolver(), {}));
    store_ = std::make_unique<AsyncStore>(std::move(*opened));
    context_ = std::make_unique<boost::asio::io_context>(1);
    workers_ = PlayedWorkers();
    Given given;
    given.config = config;
    given.restored = restored;
    given.clocks.now = [this] { return now_; };
    given.clocks.wall_ms = [this] { return wall_ms_; };
    given.source.path = "cutwater.yaml";
    given.source.load = [this] { return next_config_; };
    given.do_task = do_task_;
    control_ =
        std::make_unique<ControlPlane>(*context_, *store_, workers_, *publisher_, std::move(given));
    workers_.current = control_->steering.snapshot();
    return restored;
  }
  void stop() {
    store_.reset();  // joins: nothing is posted to the context any more
    if (control_) control_->steering.stop();
    context_.reset();
    control_.reset();
  }

  template <typename T>
  T ask(Awaitable<T> question) {
    std::optional<T> answer;
    boost::asio::co_spawn(*context_, std::move(question), [&](std::exception_ptr error, T value) {
      if (error) std::rethrow_exception(error);
      answer = std::move(value);
    });
    run_until([&] { return answer.has_value(); });
    return answer ? std::move(*answer) : T{};
  }
  void ask(Awaitable<void> question) {
    bool done = false;
    boost::asio::co_spawn(*context_, std::move(question), [&](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
      done = true;
    });
    run_until([&] { return done; });
  }
  // A question whose answer comes later.
  std::shared_ptr<std::optional<Reply>> ask_later(Awaitable<Reply> question) {
    auto answer = std::make_shared<std::optional<Reply>>();
    boost::asio::co_spawn(
        *context_, std::move(question),
        [answer](std::exception_ptr, Reply reply) { *answer = std::move(reply); });
    return answer;
  }
  template <typename Condition>
  void run_until(Condition condition) {
    const auto deadline = Clock::now() + 20s;
    while (!condition()) {
      if (context_->stopped()) context_->restart();
      context_->run_one_for(100ms);
      if (Clock::now() > deadline) {
        ADD_FAILURE() << "nothing happened for 20 s";
        return;
      }
    }
  }

  Reply put(const char* weights, Precondition precondition = {Precondition::Kind::Any, 0}) {
    return ask(control_->weights.put_weights("shop", json::parse(weights).as_object(), precondition,
                                             ana_, false));
  }
  Reply roll_out(const char* body) {
    return ask(
        control_->rollouts.start_rollout("shop", json::parse(body).as_object(), ana_, false));
  }
  Reply act(const std::string& id, RolloutAction action) {
    return ask(control_->rollouts.command(id, action, {}, ana_));
  }
  // Completed attempts, as a worker records them.
  void attempts(guard::VersionMonitor& monitor, int count, stats::Outcome outcome) {
    stats::AttemptResult result;
    result.outcome = outcome;
    result.status = outcome == stats::Outcome::Success ? 200 : 500;
    result.latency = 3ms;
    for (int i = 0; i < count; ++i) monitor.record(0, result, now_);
  }
  void requests(const std::string& version, int count, stats::Outcome outcome) {
    attempts(*publisher_->monitor("shop", version), count, outcome);
  }
  void succeed(const std::string& version, int count) {
    requests(version, count, stats::Outcome::Success);
  }
  void fail(const std::string& version, int count) {
    requests(version, count, stats::Outcome::Status5xx);
  }
  void pass_time(Seconds seconds) {
    for (; seconds > 0s; seconds -= 1s) {
      now_ += 1s;
      wall_ms_ += 1000;
      ask(control_->clock.tick());
    }
  }
  json::object decision() {
    const Reply reply = ask(control_->history.decisions("shop", std::nullopt, 1));
    return reply.body.at("decisions").at(0).as_object();
  }
  std::string told(const char* member) { return std::string(decision().at(member).as_string()); }
  std::string phase(const std::string& id) {
    return std::string(control_->rollouts.rollout(id).body.at("phase").as_string());
  }
  static std::string type(const Reply& reply) {
    return std::string(reply.body.at("type").as_string()).substr(12);
  }
  static std::string id(const Reply& reply) { return std::string(reply.body.at("id").as_string()); }

  std::string dir_;
  TimePoint now_{1000s};
  std::int64_t wall_ms_ = 1'795'000'000'000;
  Actor ana_{"ana", config::Role::Deployer};
  config::Parsed next_config_;
  std::function<Awaitable<TaskResult>(TaskOrder)> do_task_;
  PlayedWorkers workers_;
  Store* store_file_ = nullptr;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<AsyncStore> store_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<ControlPlane> control_;
};

}  // namespace cutwater::control
