// Tests outbox, audit log and forgetting; and that an older file gets what it lacks.
#include <gmock/gmock.h>

#include "control/base/rfc3339.hpp"
#include "control/store/schema.hpp"
#include "store_fixture.hpp"

namespace cutwater::control {
namespace {

using State = OutboxItem::State;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr std::int64_t kNow = 1'795'000'000'000;

OutboxItem item(const std::string& id, const std::string& channel = "hook") {
  OutboxItem out;
  out.channel = channel;
  out.event_id = id;
  out.topic = "r-1";
  out.event = {{"kind", "rolled_back"}};
  out.created_ms = kNow;
  out.not_before_ms = kNow;
  out.expires_ms = kNow + kDayMs;
  return out;
}

class HistoryStoreTest : public StoreTest {
 protected:
  static bool enqueue(Store& store, std::vector<OutboxItem> items) {
    Change change;
    change.outbox = std::move(items);
    return store.commit(change).has_value();
  }
  std::string head_of(Store& store, const std::string& channel = "hook") {
    const auto head = store.outbox_head(channel, kNow);
    return head->item ? head->item->event_id : "<none>";
  }
};

TEST_F(HistoryStoreTest, AMessageIsWrittenWithItsDecisionOrNotAtAll) {
  auto store = open();
  Change change = weights_change(2);
  OutboxItem told = item("decision-{seq}");
  told.decision = 0;
  change.outbox = {told};
  ASSERT_TRUE(store->commit(change).has_value());
  const auto head = store->outbox_head("hook", kNow);
  ASSERT_TRUE(head->item);
  EXPECT_EQ(head->item->event_id, "decision-1");
  EXPECT_EQ(head->item->event.at("seq").to_number<int>(), 1);

  store->limit_pages_for_test(1);
  Change failing = weights_change(3);
  failing.decisions[0].reason = std::string(100'000, 'x');
  failing.outbox = {item("other")};
  EXPECT_TRUE(store->commit(failing).has_error());
  EXPECT_THAT(*store->outbox(std::nullopt, 10), SizeIs(1));
}

TEST_F(HistoryStoreTest, OneEventReachesAChannelOnce) {
  auto store = open();
  ASSERT_TRUE(enqueue(*store, {item("a"), item("a"), item("a", "other")}));
  EXPECT_THAT(*store->outbox(std::nullopt, 10), SizeIs(2));
}

TEST_F(HistoryStoreTest, TheOldestIsFirstAndLaterOnesWaitTheirTime) {
  auto store = open();
  OutboxItem later = item("later");
  later.not_before_ms = kNow + 1000;
  ASSERT_TRUE(enqueue(*store, {later, item("first"), item("second")}));
  EXPECT_EQ(head_of(*store), "first");
  for (const char* id : {"first", "second"}) {
    OutboxItem done = *store->outbox_head("hook", kNow)->item;
    EXPECT_EQ(done.event_id, id);
    done.state = State::Delivered;
    ASSERT_TRUE(store->outbox_update(done).has_value());
  }
  const auto head = store->outbox_head("hook", kNow);
  EXPECT_FALSE(head->item);
  EXPECT_EQ(head->wake_ms, kNow + 1000);
}

TEST_F(HistoryStoreTest, KnowsWhichIncidentsAreOpen) {
  auto store = open();
  OutboxItem trigger = item("a");
  trigger.operation = OutboxItem::Operation::Trigger;
  OutboxItem resolve = item("b");
  resolve.operation = OutboxItem::Operation::Resolve;
  ASSERT_TRUE(enqueue(*store, {trigger}));
  EXPECT_THAT(*store->open_topics(), SizeIs(1));
  ASSERT_TRUE(enqueue(*store, {resolve}));
  EXPECT_THAT(*store->open_topics(), IsEmpty());
}

TEST_F(HistoryStoreTest, AFlippedBitInAMessageIsDamage) {
  {
    auto store = open();
    ASSERT_TRUE(enqueue(*store, {item("a")}));
  }
  std::string content = bytes();
  const auto at = content.rfind("rolled_back");
  ASSERT_NE(at, std::string::npos);
  content[at] = 'R';
  overwrite(content);
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_TRUE(store->outbox_head("hook", kNow).has_error());
}

AuditEntry call(const std::string& path, std::int64_t time_ms = kNow) {
  AuditEntry entry;
  entry.time_ms = time_ms;
  entry.actor = "bot";
  entry.role = "deployer";
  entry.method = "PUT";
  entry.path = path;
  entry.status = 200;
  entry.request_id = "q-1";
  entry.service = "shop";
  entry.before = {{"weights", {{"blue", 100}}}};
  entry.after = {{"weights", {{"blue", 95}}}};
  return entry;
}

TEST_F(HistoryStoreTest, TheAuditLogIsPagedAndFiltered) {
  auto store = open();
  ASSERT_TRUE(store->append_audit({call("/1", kNow - 5000), call("/2"), call("/3")}).has_value());
  const auto paths = [&](const HistoryQuery& asked) {
    std::vector<std::string> out;
    for (const auto& entry : *store->audit(asked)) out.push_back(entry.path);
    return out;
  };
  EXPECT_THAT(paths({}), ElementsAre("/1", "/2", "/3"));
  EXPECT_THAT(paths({.service = "", .after = std::nullopt, .since_ms = 0, .limit = 2}),
              ElementsAre("/2", "/3"));
  EXPECT_THAT(paths({.service = "", .after = 1, .since_ms = 0, .limit = 1}), ElementsAre("/2"));
  EXPECT_THAT(paths({.service = "", .after = std::nullopt, .since_ms = kNow, .limit = 9}),
              ElementsAre("/2", "/3"));
  EXPECT_THAT(paths({.service = "api", .after = std::nullopt, .since_ms = 0, .limit = 9}),
              IsEmpty());
  const auto entry = store->audit({})->front();
  EXPECT_EQ(entry.actor, "bot");
  EXPECT_EQ(entry.before, call("").before);
}

TEST_F(HistoryStoreTest, ForgetsWhatIsOlderThanItsKeepAndNothingElse) {
  auto store = open();
  Change change = weights_change(2);
  change.decisions[0].time = time_text(kNow - 10 * kDayMs);
  change.decisions.push_back(decision("advanced"));
  change.decisions[1].time = time_text(kNow);
  change.rollouts = {{"old", "shop", false, {{"started_ms", kNow - 10 * kDayMs}}},
                     {"running", "shop", true, {{"started_ms", kNow - 10 * kDayMs}}},
                     {"new", "shop", false, {{"started_ms", kNow}}}};
  change.outbox = {item("delivered"), item("waiting")};
  ASSERT_TRUE(store->commit(change).has_value());
  OutboxItem done = *store->outbox_head("hook", kNow)->item;
  done.state = State::Delivered;
  done.finished_ms = kNow - 10 * kDayMs;
  ASSERT_TRUE(store->outbox_update(done).has_value());
  ASSERT_TRUE(store->append_audit({call("/old", kNow - 10 * kDayMs), call("/new")}).has_value());

  const std::int64_t before = kNow - 5 * kDayMs;
  ASSERT_TRUE(store->prune({before, time_text(before), before}).has_value());

  ASSERT_THAT(*store->decisions("", 0, 10), SizeIs(1));
  EXPECT_EQ(store->decisions("", 0, 10)->front().action, "advanced");
  ASSERT_THAT(*store->audit({}), SizeIs(1));
  EXPECT_EQ(store->audit({})->front().path, "/new");
  std::vector<std::string> rollouts;
  for (const auto& record : *store->rollouts_since(0)) rollouts.push_back(record.id);
  EXPECT_THAT(rollouts, testing::UnorderedElementsAre("running", "new"));
  ASSERT_THAT(*store->outbox(std::nullopt, 10), SizeIs(1));
  EXPECT_EQ(store->outbox(std::nullopt, 10)->front().event_id, "waiting");
}

TEST_F(HistoryStoreTest, DecisionsCanBeAskedForSinceAMoment) {
  auto store = open();
  Change change = weights_change(2);
  change.decisions[0].time = time_text(kNow - 5000);
  change.decisions.push_back(decision("advanced"));
  change.decisions[1].time = time_text(kNow);
  ASSERT_TRUE(store->commit(change).has_value());
  EXPECT_THAT(*store->decisions("shop", std::nullopt, 10, kNow - 1000), SizeIs(1));
  EXPECT_THAT(*store->decisions("shop", 0, 10, kNow - 6000), SizeIs(2));
}

TEST_F(HistoryStoreTest, ANoteSurvives) {
  {
    auto store = open();
    EXPECT_EQ(*store->note("dora/lead_time"), "");
    ASSERT_TRUE(store->put_note("dora/lead_time", "alert", {item("a")}).has_value());
  }
  auto store = open();
  EXPECT_EQ(*store->note("dora/lead_time"), "alert");
  EXPECT_EQ(head_of(*store), "a");
}

TEST_F(HistoryStoreTest, AFileOfTheFirstVersionIsUpgradedAndKeepsWhatItHad) {
  ASSERT_TRUE(open()->commit(weights_change(2)).has_value());
  {  // as version 1 wrote it
    Database database(file(), SQLITE_OPEN_READWRITE);
    database.exec("DROP TABLE outbox; DROP TABLE audit; DROP TABLE traffic;");
    Statement(database, "UPDATE meta SET value='1', sum=? WHERE key='schema'")
        .bind(1, row_sum({"schema", "1"}))
        .run();
  }
  auto store = open();
  ASSERT_TRUE(store);
  EXPECT_THAT(*store->decisions("", 0, 10), SizeIs(1));
  EXPECT_TRUE(enqueue(*store, {item("a")}));
  EXPECT_TRUE(store->append_audit({call("/1")}).has_value());
}

}  // namespace
}  // namespace cutwater::control
