// Tests who is told what.
#include "control/notify/router.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/notify/event.hpp"
#include "tests/unit/notify/channels.hpp"

namespace cutwater::control::notify {
namespace {

using Operation = OutboxItem::Operation;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kNow = 1'795'000'000'000;

// Writes "slack tell r-1-rolled_back".
std::vector<std::string> told(const std::vector<OutboxItem>& items) {
  constexpr const char* kWords[] = {"tell", "trigger", "resolve"};
  std::vector<std::string> out;
  for (const auto& item : items)
    out.push_back(item.channel + " " + kWords[static_cast<int>(item.operation)] + " " +
                  item.event_id);
  return out;
}

class RouterTest : public testing::Test {
 protected:
  // Returns what becomes durable, as steering does it.
  std::vector<OutboxItem> write(const Decision& decision) {
    auto items = router_.address({decision}, kNow);
    router_.written(items);
    return items;
  }
  Router router_;
};

TEST_F(RouterTest, NobodyIsToldWithoutChannels) {
  EXPECT_THAT(write(decided("rolled_back", "guard")), IsEmpty());
}

TEST_F(RouterTest, MessagesGoToEveryoneAndPagesOnlyWhenAPersonIsNeeded) {
  router_.adopt({slack_hook(), pagerduty(), alertmanager(), webhook()});
  EXPECT_THAT(told(write(decided("started", "manual"))),
              ElementsAre("slack tell decision-{seq}", "webhook tell decision-{seq}"));
  EXPECT_THAT(told(write(decided("held", "no_traffic"))),
              ElementsAre("slack tell decision-{seq}", "webhook tell decision-{seq}"));
  EXPECT_THAT(
      told(write(decided("rolled_back", "guard"))),
      ElementsAre("slack tell r-1-rolled_back", "pagerduty trigger r-1-rolled_back",
                  "pagerduty resolve r-1-rolled_back-resolved",
                  "alertmanager trigger r-1-rolled_back",
                  "alertmanager resolve r-1-rolled_back-resolved", "webhook tell r-1-rolled_back"));
}

TEST_F(RouterTest, ARevertResolvesItselfAfterTenQuietMinutes) {
  router_.adopt({pagerduty()});
  const auto items = write(decided("rolled_back", "guard"));
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].not_before_ms, kNow);
  EXPECT_EQ(items[1].not_before_ms, kNow + 10 * 60 * 1000);
  EXPECT_EQ(items[0].topic, items[1].topic);
}

TEST_F(RouterTest, ARevertByHandPagesNobody) {
  router_.adopt({pagerduty()});
  EXPECT_THAT(write(decided("rolled_back", "manual")), IsEmpty());
}

TEST_F(RouterTest, AnIncidentIsResolvedWhenItGoesOnAndOnlyOnce) {
  router_.adopt({pagerduty()});
  EXPECT_THAT(write(decided("advanced", "passed")), IsEmpty()) << "nothing is open";
  EXPECT_THAT(told(write(decided("inconclusive", "inconclusive"))),
              ElementsAre("pagerduty trigger decision-{seq}"));
  EXPECT_THAT(told(write(decided("resumed", "manual"))),
              ElementsAre("pagerduty resolve decision-{seq}"));
  EXPECT_THAT(write(decided("advanced", "passed")), IsEmpty());
}

TEST_F(RouterTest, AnotherRolloutDoesNotResolveIt) {
  router_.adopt({pagerduty()});
  write(decided("inconclusive", "inconclusive", "r-1"));
  EXPECT_THAT(write(decided("promoted", "passed", "r-2")), IsEmpty());
}

TEST_F(RouterTest, AnIncidentOfAnEarlierLifeIsStillOpen) {
  router_.adopt({pagerduty()});
  router_.set_open({{"pagerduty", "r-1"}});
  EXPECT_THAT(told(write(decided("aborted", "manual"))),
              ElementsAre("pagerduty resolve r-1-aborted"));
}

TEST_F(RouterTest, FiltersChooseEventsAndServices) {
  config::Channel few = webhook();
  few.on = {"promoted", "flags"};
  config::Channel other = slack_hook();
  other.services = {"api"};
  router_.adopt({few, other});
  EXPECT_THAT(write(decided("started", "manual")), IsEmpty());
  EXPECT_THAT(told(write(decided("promoted", "passed"))), ElementsAre("webhook tell r-1-promoted"));
  EXPECT_THAT(told(write(decided("flag_killed", "manual"))),
              ElementsAre("webhook tell decision-{seq}"));
}

TEST_F(RouterTest, APagingChannelCanBeAskedForMore) {
  config::Channel all = pagerduty();
  all.on = {"held"};
  router_.adopt({all});
  EXPECT_THAT(told(write(decided("held", "no_traffic"))),
              ElementsAre("pagerduty trigger decision-{seq}"));
  EXPECT_THAT(write(decided("rolled_back", "guard", "r-2")), IsEmpty());
}

TEST_F(RouterTest, AMessageExpires) {
  config::Channel soon = webhook();
  soon.expire = std::chrono::minutes(5);
  router_.adopt({soon});
  EXPECT_EQ(write(decided("started", "manual"))[0].expires_ms, kNow + 5 * 60 * 1000);
}

TEST(EventKind, IsTheActionOrTheGroupItBelongsTo) {
  EXPECT_EQ(kind_of_action("rolled_back"), "rolled_back");
  EXPECT_EQ(kind_of_action("flag_revived"), "flags");
  EXPECT_EQ(kind_of_action("awaiting_approval"), "approval");
  EXPECT_EQ(kind_of_action("something_new"), "other");
}

TEST(EventText, IsForPeople) {
  const auto event = event_of(decided("rolled_back", "guard"));
  EXPECT_EQ(title_of(event), "shop: rolled back (guard)");
  EXPECT_EQ(details_of(event), "rollout r-1 \u00b7 blue 100 % \u00b7 by cutwater");
}

}  // namespace
}  // namespace cutwater::control::notify
