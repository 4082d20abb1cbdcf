// Tests the outbox from decision to delivery: with a real store, a receiver played by the test, and
// a clock that the test sets.
#include "control/notify/notifier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <boost/asio/co_spawn.hpp>
#include <deque>

#include "tests/unit/notify/channels.hpp"
#include "tests/unit/store/store_fixture.hpp"

namespace cutwater::control::notify {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

class NotifierTest : public StoreTest {
 protected:
  NotifierTest() { spdlog::set_level(spdlog::level::off); }
  ~NotifierTest() override { stop(); }

  void start(std::vector<config::Channel> channels) {
    stop();
    store_ = std::make_unique<AsyncStore>(open());
    context_ = std::make_unique<boost::asio::io_context>(1);
    Outside outside;
    outside.wall_ms = [this] { return now_; };
    outside.random = [] { return 0.0; };
    outside.source = "cutwater/test";
    outside.ask = [this](HttpRequest request) -> boost::asio::awaitable<HttpOutcome> {
      sent_.push_back(request);
      HttpOutcome outcome{HttpAnswer{200, {}, ""}, ""};
      if (!answers_.empty()) {
        outcome = answers_.front();
        answers_.pop_front();
      }
      co_return outcome;
    };
    notifier_ = std::make_unique<Notifier>(*context_, *store_, std::move(outside));
    config::Operations operations;
    operations.notify = std::move(channels);
    notifier_->adopt(operations);
  }
  // Stops as kill -9 does: nothing is told to anybody.
  void stop() {
    if (notifier_) notifier_->stop();
    store_.reset();
    context_.reset();
    notifier_.reset();
  }

  template <typename T>
  T ask(boost::asio::awaitable<T> question) {
    std::optional<T> answer;
    boost::asio::co_spawn(*context_, std::move(question), [&](std::exception_ptr error, T value) {
      if (error) std::rethrow_exception(error);
      answer = std::move(value);
    });
    while (!answer) {
      context_->restart();
      context_->run_one_for(1s);
    }
    return std::move(*answer);
  }

  void decide(const std::string& action, const std::string& cause,
              const std::string& rollout = "r-1") {
    Change change;
    change.decisions.push_back(decided(action, cause, rollout));
    notifier_->before_write(change);
    ASSERT_TRUE(ask(store_->commit(change)).has_value());
    notifier_->after_write(change);
  }
  std::optional<milliseconds> deliver(const std::string& channel = "webhook") {
    return ask(notifier_->deliver_due(channel));
  }
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const auto& request : sent_)
      for (const auto& [name, value] : request.fields)
        if (name == "webhook-id") out.push_back(value);
    return out;
  }
  std::vector<OutboxItem> outbox() {
    std::function<StoreResult<std::vector<OutboxItem>>(Store&)> work = [](Store& store) {
      return store.outbox(std::nullopt, 100);
    };
    return *ask(store_->run<StoreResult<std::vector<OutboxItem>>>(std::move(work)));
  }
  static HttpOutcome answered(int status, std::string body = "") {
    return {HttpAnswer{status, {}, std::move(body)}, ""};
  }
  static HttpOutcome nobody() { return {std::nullopt, "connect: Connection refused"}; }

  std::int64_t now_ = 1'795'000'000'000;
  std::vector<HttpRequest> sent_;
  std::deque<HttpOutcome> answers_;  // then 200
  std::unique_ptr<AsyncStore> store_;
  std::unique_ptr<boost::asio::io_context> context_;
  std::unique_ptr<Notifier> notifier_;
};

TEST_F(NotifierTest, WhatWasDecidedIsDeliveredOnceAndInOrder) {
  start({webhook()});
  decide("started", "manual");
  decide("rolled_back", "guard");
  EXPECT_EQ(deliver(), std::nullopt) << "nothing is left";
  EXPECT_THAT(ids(), ElementsAre("decision-1", "r-1-rolled_back"));
  deliver();
  EXPECT_EQ(sent_.size(), 2u);
  EXPECT_THAT(notifier_->counted(), ElementsAre(Pair(Pair("webhook", "delivered"), 2)));
}

TEST_F(NotifierTest, WhatWasNotDeliveredIsAfterARestart) {
  start({webhook()});
  decide("rolled_back", "guard");
  start({webhook()});  // killed between decision and delivery
  deliver();
  EXPECT_THAT(ids(), ElementsAre("r-1-rolled_back"));
  start({webhook()});
  deliver();
  EXPECT_EQ(sent_.size(), 1u) << "and not once more after the next";
}

TEST_F(NotifierTest, ARepeatedEndIsToldOnce) {
  start({webhook()});
  decide("rolled_back", "guard");
  decide("rolled_back", "guard");  // the restart came to the same decision
  deliver();
  EXPECT_THAT(ids(), ElementsAre("r-1-rolled_back"));
}

TEST_F(NotifierTest, AFailureIsRepeatedWithGrowingWaitsUnderTheSameId) {
  start({webhook()});
  answers_ = {nobody(), answered(503), nobody()};
  decide("rolled_back", "guard");
  EXPECT_EQ(deliver(), 1000ms);
  EXPECT_EQ(deliver(), 1000ms) << "too early: nothing is sent";
  EXPECT_EQ(sent_.size(), 1u);
  now_ += 1000;
  EXPECT_EQ(deliver(), 2000ms);
  now_ += 2000;
  EXPECT_EQ(deliver(), 4000ms);
  now_ += 4000;
  EXPECT_EQ(deliver(), std::nullopt);
  EXPECT_THAT(ids(), ElementsAre("r-1-rolled_back", "r-1-rolled_back", "r-1-rolled_back",
                                 "r-1-rolled_back"));
  EXPECT_EQ(notifier_->counted().at({"webhook", "retried"}), 3u);
}

TEST_F(NotifierTest, ARestartDoesNotForgetHowLongToWait) {
  start({webhook()});
  answers_ = {nobody()};
  decide("rolled_back", "guard");
  deliver();
  start({webhook()});
  EXPECT_EQ(deliver(), 1000ms);
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(NotifierTest, OrderIsKeptBehindAFailure) {
  start({webhook()});
  answers_ = {nobody()};
  decide("started", "manual");
  decide("rolled_back", "guard");
  deliver();
  EXPECT_THAT(ids(), ElementsAre("decision-1"));
  now_ += 1000;
  deliver();
  EXPECT_THAT(ids(), ElementsAre("decision-1", "decision-1", "r-1-rolled_back"));
}

TEST_F(NotifierTest, ADeadChannelDelaysNoOther) {
  config::Channel other = webhook();
  other.name = "other";
  start({webhook(), other});
  answers_ = {nobody()};
  decide("rolled_back", "guard");
  deliver("webhook");
  EXPECT_EQ(deliver("other"), std::nullopt);
  EXPECT_EQ(notifier_->counted().at({"other", "delivered"}), 1u);
  EXPECT_THAT(notifier_->pending(), ElementsAre(Pair("other", 0), Pair("webhook", 1)));
}

TEST_F(NotifierTest, WhatExpiresBecomesADeadLetter) {
  config::Channel soon = webhook();
  soon.expire = 5s;
  start({soon});
  answers_ = {nobody(), nobody(), nobody(), nobody(), nobody()};
  decide("rolled_back", "guard");
  for (int i = 0; i < 10; ++i, now_ += 1000) deliver();
  const auto items = outbox();
  ASSERT_EQ(items.size(), 1u);
  EXPECT_EQ(items[0].state, OutboxItem::State::Dead);
  EXPECT_THAT(items[0].error, HasSubstr("Connection refused"));
  EXPECT_EQ(notifier_->counted().at({"webhook", "dead"}), 1u);
  EXPECT_LE(sent_.size(), 3u);
}

TEST_F(NotifierTest, ARefusedMessageMakesRoomForTheNext) {
  start({webhook()});
  answers_ = {answered(400)};
  decide("started", "manual");
  decide("rolled_back", "guard");
  deliver();
  EXPECT_THAT(ids(), ElementsAre("decision-1", "r-1-rolled_back"));
  EXPECT_EQ(outbox().back().state, OutboxItem::State::Dead);
}

TEST_F(NotifierTest, ABotWritesOneThreadForEachRollout) {
  start({slack_bot()});
  answers_ = {answered(200, R"({"ok":true,"ts":"1.1"})"),
              answered(200, R"({"ok":true,"ts":"1.2"})"),
              answered(200, R"({"ok":true,"ts":"2.1"})")};
  decide("started", "manual", "r-1");
  decide("advanced", "passed", "r-1");
  decide("started", "manual", "r-2");
  deliver("deploys");
  ASSERT_EQ(sent_.size(), 3u);
  const auto thread_of = [this](std::size_t i) {
    const auto body = boost::json::parse(sent_[i].body);
    const auto* thread = body.as_object().if_contains("thread_ts");
    return thread == nullptr ? std::string() : std::string(thread->as_string());
  };
  EXPECT_EQ(thread_of(0), "");
  EXPECT_EQ(thread_of(1), "1.1");
  EXPECT_EQ(thread_of(2), "");
}

TEST_F(NotifierTest, AnIncidentIsResolvedWhenItsTimeHasCome) {
  start({pagerduty()});
  decide("rolled_back", "guard");
  EXPECT_EQ(deliver("pagerduty"), 10min);
  ASSERT_EQ(sent_.size(), 1u);
  now_ += milliseconds(10min).count();
  EXPECT_EQ(deliver("pagerduty"), std::nullopt);
  ASSERT_EQ(sent_.size(), 2u);
  EXPECT_THAT(sent_[1].body, HasSubstr(R"("event_action":"resolve")"));
}

TEST_F(NotifierTest, AFullDiskSendsNothingTwice) {
  start({slack_bot()});
  answers_ = {// a receipt that does not fit into the pages there are
              answered(200, R"({"ok":true,"ts":")" + std::string(100'000, '1') + "\"}")};
  decide("rolled_back", "guard");
  ask(store_->run<bool>([](Store& store) {
    store.limit_pages_for_test(1);
    return true;
  }));
  EXPECT_EQ(deliver("deploys"), 5s) << "delivered, and the store could not be told";
  EXPECT_EQ(deliver("deploys"), 5s);
  EXPECT_EQ(sent_.size(), 1u);
  ask(store_->run<bool>([](Store& store) {
    store.limit_pages_for_test(1'000'000);
    return true;
  }));
  EXPECT_EQ(deliver("deploys"), std::nullopt);
  EXPECT_EQ(sent_.size(), 1u);
}

TEST_F(NotifierTest, ATestSaysWhatBecameOfIt) {
  start({webhook(), pagerduty()});
  answers_ = {nobody()};
  const Reply reply = ask(notifier_->test(""));
  EXPECT_FALSE(reply.body.at("delivered").as_bool());
  const auto& channels = reply.body.at("channels").as_array();
  ASSERT_EQ(channels.size(), 2u);
  EXPECT_EQ(channels[0].at("detail").as_string(), "connect: Connection refused");
  EXPECT_TRUE(channels[1].at("delivered").as_bool());
  EXPECT_THAT(sent_.back().body, HasSubstr(R"("event_action":"resolve")")) << "no page stays open";
  EXPECT_THAT(outbox(), IsEmpty());
}

TEST_F(NotifierTest, ATestOfNobodySaysSo) {
  start({});
  EXPECT_EQ(ask(notifier_->test("")).status, 409);
  EXPECT_EQ(ask(notifier_->test("slack")).status, 404);
}

TEST(BackOff, GrowsToFiveMinutesLessUpToAHalf) {
  EXPECT_EQ(back_off(1, 0.0), 1s);
  EXPECT_EQ(back_off(4, 0.0), 8s);
  EXPECT_EQ(back_off(4, 1.0), 4s);
  EXPECT_EQ(back_off(9, 0.0), 256s);
  EXPECT_EQ(back_off(10, 0.0), 5min);
  EXPECT_EQ(back_off(1000, 0.0), 5min);
}

}  // namespace
}  // namespace cutwater::control::notify
