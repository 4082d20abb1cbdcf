// Tests that a damaged file is refused or, where the damage touches nothing that is used, read as
// it was. It never does a third thing (tests/HARDENING.md C04, C37).
#include "tests/unit/store/store_fixture.hpp"

#include "control/store/schema.hpp"

namespace cutwater::control {
namespace {

class DamageTest : public StoreTest {
 protected:
  DamageTest() {
    auto store = open();
    key_ = store->loaded().cookie_key;
    EXPECT_TRUE(store->commit(weights_change(7)).has_value());
    store.reset();  // closing writes the log back, so everything is in the file now
    original_ = bytes();
  }

  // Returns true when the file is refused as damaged.
  bool refused_or_same() {
    auto store = Store::open(dir_);
    if (store.has_error()) {
      EXPECT_NE(store.error().kind, StoreError::Kind::Locked);
      EXPECT_NE(store.error().message.find("state.db"), std::string::npos);
      return true;
    }
    const Loaded& loaded = (*store)->loaded();
    EXPECT_EQ(loaded.cookie_key, key_);
    EXPECT_EQ(loaded.services.size(), 1u);
    if (loaded.services.size() == 1) {
      EXPECT_EQ(loaded.services[0], shop(7));
    }
    return false;
  }

  std::array<std::uint8_t, 32> key_{};
  std::string original_;
};

TEST_F(DamageTest, AFlippedByteAnywhereNeverGivesAnotherState) {
  int refused = 0;
  // A prime stride visits every offset class; 997 offsets and the whole header page start.
  for (std::size_t at = 0; at < original_.size(); at += at < 128 ? 1 : 29) {
    std::string damaged = original_;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x55);
    overwrite(damaged);
    refused += refused_or_same();
    if (HasFailure()) FAIL() << "at offset " << at;
  }
  EXPECT_GT(refused, 50) << "the damage was hardly ever noticed";
}

TEST_F(DamageTest, ATruncatedFileIsRefusedAtEveryLength) {
  // SQLite reads a partial last page as filled up with zeros; when only zeros were cut off, the
  // file is as it was.
  const std::size_t last_page = original_.size() - 4096;
  for (std::size_t length = 0; length < original_.size(); length += 509) {
    overwrite(original_.substr(0, length));
    const bool refused = refused_or_same();
    EXPECT_TRUE(refused || length > last_page) << length;
  }
}

TEST_F(DamageTest, AChangedStateRowIsFoundByItsChecksum) {
  const std::size_t at = original_.find("\"generation\":7");
  ASSERT_NE(at, std::string::npos);
  std::string damaged = original_;
  damaged[at + 13] = '9';
  overwrite(damaged);
  const StoreError error = open_fails();
  EXPECT_EQ(error.kind, StoreError::Kind::Corrupt);
  EXPECT_NE(error.message.find("`shop`"), std::string::npos) << error.message;
}

TEST_F(DamageTest, ANewerSchemaIsRefusedWithAdvice) {
  {
    Database database(file(), SQLITE_OPEN_READWRITE);
    Statement(database, "UPDATE meta SET value='99', sum=? WHERE key='schema'")
        .bind(1, row_sum({"schema", "99"}))
        .run();
  }
  const StoreError error = open_fails();
  EXPECT_EQ(error.kind, StoreError::Kind::Corrupt);
  EXPECT_NE(error.message.find("schema 99"), std::string::npos) << error.message;
}

TEST_F(DamageTest, AMissingFileBesideItsLogIsNotAFirstStart) {
  std::filesystem::rename(file(), file() + "-wal");
  EXPECT_EQ(open_fails().kind, StoreError::Kind::Corrupt);
}

TEST_F(DamageTest, ADamagedDecisionIsReportedWhenItIsRead) {
  {
    Database database(file(), SQLITE_OPEN_READWRITE);
    database.exec("UPDATE decisions SET body=replace(body,'manual','guard!')");
  }
  const auto decisions = open()->decisions("", std::nullopt, 10);
  ASSERT_TRUE(decisions.has_error());
  EXPECT_EQ(decisions.error().kind, StoreError::Kind::Corrupt);
}

}  // namespace
}  // namespace cutwater::control
