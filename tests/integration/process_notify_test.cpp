// Tests notifications and a process that is killed: a message is told at least once, and is
// recognisable when told again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "tests/support/process.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::test {
namespace {

class Notifications : public testing::Test {
 protected:
  Notifications() : file(blue, green) {
    file.top = "notify: [{kind: webhook, url: \"http://127.0.0.1:" + std::to_string(hook.port()) +
               "/hook\", secret: \"${env:HOOK_SECRET}\", on: [aborted]}]\n";
  }
  CutwaterProcess::Options options() const {
    const std::string secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    return {.state_dir = state.path(), .token = {}, .environment = {{"HOOK_SECRET", secret}}};
  }
  // Returns the ids told so far, and how often anything was told.
  std::set<std::string> ids() const {
    std::set<std::string> out;
    for (const Received& one : hook.received()) out.insert(one.field("webhook-id"));
    return out;
  }

  FakeUpstream blue, green, hook;
  ShopFile file;
  TempDirectory state;
};

TEST_F(Notifications, AKillBetweenTheDecisionAndItsDeliveryLosesAndDoublesNothing) {
  hook.never_answer();
  {
    CutwaterProcess cutwater(file, options());
    EXPECT_EQ(cutwater.run({"rollout", "start", "shop", "--to", "green", "--bake", "1h"}).exit_code,
              0);
    EXPECT_EQ(cutwater.run({"rollout", "abort", "shop"}).exit_code, 0);
    hook.wait_for_request();  // on its way, and nobody has said that it arrived
    cutwater.process().signal(SIGKILL);
    cutwater.process().wait();
  }
  ASSERT_EQ(hook.requests(), 1u);
  hook.answer(204, "");
  CutwaterProcess again(file, options());
  EXPECT_TRUE(eventually([&] { return hook.requests() == 2; }, 4 * kPatience)) << "lost";
  EXPECT_EQ(ids().size(), 1u) << "told again under the same id";
  EXPECT_THAT(hook.received().back().body, testing::HasSubstr("aborted"));

  // Once that is on record, a third process has nothing left to tell but what is new.
  EXPECT_TRUE(eventually([&] {
    return again.admin()
               .get("/v1/notifications?state=delivered")
               .at("/notifications")
               .as_array()
               .size() == 1;
  }));
  again.process().signal(SIGKILL);
  again.process().wait();
  CutwaterProcess third(file, options());
  EXPECT_EQ(third.run({"rollout", "start", "shop", "--to", "green", "--bake", "1h"}).exit_code, 0);
  EXPECT_EQ(third.run({"rollout", "abort", "shop"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return ids().size() == 2; }, 4 * kPatience));
  EXPECT_EQ(hook.requests(), 3u) << "one that had arrived was told once more";
}

}  // namespace
}  // namespace cutwater::test
