// Tests that what was stored is there after a restart, all of it or none of it.
#include "control/store/store.hpp"

#include <sys/wait.h>
#include <unistd.h>
#include <fstream>

#include "tests/unit/store/store_fixture.hpp"

namespace cutwater::control {
namespace {

TEST_F(StoreTest, AFirstStartMakesACookieKeyAndKeepsIt) {
  const auto key = open()->loaded().cookie_key;
  EXPECT_NE(key, (std::array<std::uint8_t, 32>{}));
  EXPECT_EQ(open()->loaded().cookie_key, key);
}

TEST_F(StoreTest, AServiceComesBackAsItWas) {
  ASSERT_TRUE(open()->commit(weights_change(7)).has_value());
  const auto store = open();
  ASSERT_EQ(store->loaded().services.size(), 1u);
  EXPECT_EQ(store->loaded().services[0], shop(7));
}

TEST_F(StoreTest, ARolloutComesBackWithItsWholeState) {
  Change change;
  change.rollouts.push_back({"r1", "shop", true, {{"phase", "progressing"}, {"step", 2}}});
  ASSERT_TRUE(open()->commit(change).has_value());
  const auto store = open();
  ASSERT_EQ(store->loaded().rollouts.size(), 1u);
  EXPECT_TRUE(store->loaded().rollouts[0].active);
  EXPECT_EQ(store->loaded().rollouts[0].state, change.rollouts[0].state);
}

TEST_F(StoreTest, OnlyTheNewestRolloutsAreLoadedButAlwaysTheActiveOne) {
  auto store = open();
  for (int i = 0; i < 60; ++i) {
    Change change;
    change.rollouts.push_back({"r" + std::to_string(i), "shop", i == 0, {{"started_ms", i}}});
    ASSERT_TRUE(store->commit(change).has_value());
  }
  store.reset();
  const auto again = open();
  ASSERT_EQ(again->loaded().rollouts.size(), kRolloutsInMemory + 1);
  EXPECT_EQ(again->loaded().rollouts.front().id, "r0");
  EXPECT_EQ(again->loaded().rollouts.back().id, "r59");
}

TEST_F(StoreTest, DecisionsAreNumberedAndPaged) {
  const auto store = open();
  for (int i = 1; i <= 5; ++i) {
    Change change;
    change.decisions.push_back(decision("a" + std::to_string(i)));
    const auto seqs = store->commit(change);
    ASSERT_TRUE(seqs.has_value());
    EXPECT_EQ(*seqs, std::vector<std::uint64_t>{static_cast<std::uint64_t>(i)});
  }
  const auto newest = store->decisions("", std::nullopt, 2);
  ASSERT_EQ(newest->size(), 2u);
  EXPECT_EQ((*newest)[0].action, "a4");
  EXPECT_EQ((*newest)[1].action, "a5");
  const auto first = store->decisions("", 0, 2);
  ASSERT_EQ(first->size(), 2u);
  EXPECT_EQ((*first)[0].seq, 1u);
  EXPECT_EQ((*first)[1].seq, 2u);
  const auto page = store->decisions("shop", 1, 2);
  ASSERT_EQ(page->size(), 2u);
  EXPECT_EQ((*page)[0].seq, 2u);
  EXPECT_EQ((*page)[0].evidence.at("e_value").as_double(), 1274.4);
  EXPECT_TRUE(store->decisions("other", std::nullopt, 10)->empty());
}

TEST_F(StoreTest, AnIdempotencyKeyIsFoundUntilItExpires) {
  const auto store = open();
  ASSERT_TRUE(store->remember({"k", "hash", 201, "{\"id\":1}", "/v1/rollouts/1", 3, 100}, 10));
  const auto found = store->find_idempotent("k", 99);
  ASSERT_EQ(found->size(), 1u);
  EXPECT_EQ((*found)[0].status, 201);
  EXPECT_EQ((*found)[0].body, "{\"id\":1}");
  EXPECT_EQ((*found)[0].etag, 3);
  EXPECT_TRUE(store->find_idempotent("k", 100)->empty());
  EXPECT_TRUE(store->find_idempotent("other", 10)->empty());
}

TEST_F(StoreTest, ASecondProcessIsToldWhoHoldsTheDirectory) {
  const auto first = open();
  const StoreError error = open_fails();
  EXPECT_EQ(error.kind, StoreError::Kind::Locked);
  EXPECT_NE(error.message.find(std::to_string(getpid())), std::string::npos) << error.message;
}

TEST_F(StoreTest, ADirectoryThatCannotBeMadeIsNamed) {
  dir_ += "/file";
  std::ofstream(dir_) << "in the way";
  const StoreError error = open_fails();
  EXPECT_EQ(error.kind, StoreError::Kind::Directory);
  EXPECT_NE(error.message.find(dir_), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("; set state_dir to a directory that"), std::string::npos)
      << error.message;
}

TEST_F(StoreTest, ADirectoryThatMayNotBeWrittenIsRefusedAtStart) {
  std::filesystem::permissions(
      dir_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(2);  // root may write everywhere
    const auto store = Store::open(dir_);
    _exit(store.has_error() && store.error().kind == StoreError::Kind::Directory ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace cutwater::control
