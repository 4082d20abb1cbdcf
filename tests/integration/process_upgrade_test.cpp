// Tests state directories that released versions have left behind, killed in the middle of a
// rollout. The files state/*.sql are dumps of databases they really wrote, named by commit: flag
// beta killed, weights moved there and back, one rollout aborted, one to green at 5 % under way.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <fstream>

#include "tests/support/process.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::test {
namespace {

class Upgrade : public testing::TestWithParam<const char*> {
 protected:
  Upgrade() : file(blue, green) {
    blue.answer(200, "blue");
    green.answer(200, "green");
    file.service = "    flags: [{name: beta, when: {cookie: \"beta=on\"}, version: green}]\n";
    file.top = "history: {keep: 3650d}\n";  // the dumps grow old
    load(std::string(CUTWATER_SOURCE_DIR "/tests/integration/state/") + GetParam());
  }
  void load(const std::string& dump) {
    std::ifstream in(dump);
    const std::string sql((std::istreambuf_iterator<char>(in)), {});
    ASSERT_FALSE(sql.empty()) << dump;
    sqlite3* database = nullptr;
    const std::string path = state.path() / "state.db";
    ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << (message ? message : "");
    sqlite3_close(database);
  }

  FakeUpstream blue, green;
  ShopFile file;
  TempDirectory state;
};

TEST_P(Upgrade, EverythingGoesOnWhereItWas) {
  CutwaterProcess cutwater(file, {.state_dir = state.path(), .token = {}, .environment = {}});
  const Admin admin = cutwater.admin();
  const AdminAnswer shop = admin.get("/v1/services/shop");
  EXPECT_EQ(shop.number("/weights/green"), 5);
  EXPECT_EQ(shop.string("/stable"), "blue");
  EXPECT_EQ(shop.string("/rollout/to"), "green");
  EXPECT_EQ(shop.string("/rollout/phase"), "progressing");

  RawClient tester(cutwater.port());
  int to_green = 0;
  for (int i = 0; i < 20; ++i) {
    tester.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: beta=on\r\n\r\n");
    to_green += tester.read_response().body == "green";
  }
  EXPECT_LT(to_green, 20) << "the flag was killed";

  EXPECT_EQ(cutwater.run({"rollout", "abort", "shop"}).exit_code, 0);
  EXPECT_EQ(admin.weight("green"), 0);
  const auto decisions = admin.decisions();
  const auto aborted = std::count_if(decisions.begin(), decisions.end(), [](const auto& decision) {
    return decision.at("action").as_string() == "aborted";
  });
  EXPECT_EQ(aborted, 2) << "the history is kept";
  const Finished next = cutwater.run(
      {"rollout", "start", "shop", "--to", "green", "--steps", "5%,100%", "--bake", "1h"});
  EXPECT_EQ(next.exit_code, 0) << next.err;
}

INSTANTIATE_TEST_SUITE_P(Released, Upgrade, testing::Values("af20eb2.sql", "b52309f.sql"),
                         [](const auto& dump) {
                           const std::string name(dump.param);
                           return name.substr(0, name.find('.'));
                         });

}  // namespace
}  // namespace cutwater::test
