// Tests a deploy script that brings a container on a new port and takes the old one away: by
// commands, under load, over kill -9, and no user notices.
#include <gtest/gtest.h>

#include "tests/support/load.hpp"
#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

std::string url(const FakeUpstream& upstream) {
  return "http://127.0.0.1:" + std::to_string(upstream.port());
}

TEST(Versions, ComeAndGoByCommandsWhileUsersNoticeNothing) {
  FakeUpstream blue, green, next;
  next.answer(200, "next");
  CutwaterProcess cutwater(ShopFile(blue, green));
  Load load(cutwater.port(), {.users = 8, .pause = 300us, .fields = {}});

  const Finished put = cutwater.run({"versions", "put", "shop", "v43", url(next)});
  EXPECT_EQ(put.exit_code, 0) << put.err;
  const Finished rollout = cutwater.run({"rollout", "start", "shop", "--to", "v43", "--steps",
                                         "50%,100%", "--bake", "1s", "--wait", "--timeout", "60s"});
  EXPECT_EQ(rollout.exit_code, 0) << rollout.err;
  EXPECT_EQ(get(cutwater.port()).body, "next");
  const Finished kept = cutwater.run({"versions", "remove", "shop", "blue"});
  EXPECT_EQ(kept.exit_code, 8) << "it is kept for a rollback";
  EXPECT_NE(kept.err.find("is kept for a rollback until"), std::string::npos) << kept.err;
  EXPECT_EQ(cutwater.admin().get("/v1/services/shop/versions/blue").at("/locked_out"), false)
      << "and can still be gone back to";
  const Finished removed = cutwater.run({"versions", "remove", "shop", "green"});
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_EQ(cutwater.run({"versions", "remove", "shop", "v43"}).exit_code, 8) << "it is stable";
  ASSERT_TRUE(load.wait_for_more(100));
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();

  cutwater.kill_hard();
  cutwater.start_again();
  EXPECT_EQ(get(cutwater.port()).body, "next");
  const Finished list = cutwater.run({"versions", "list", "shop"});
  EXPECT_EQ(list.out.find("green"), std::string::npos) << list.out;
  EXPECT_NE(list.out.find("v43       100 %  api   " + url(next)), std::string::npos) << list.out;
}

TEST(Versions, MoveUnderLoadWithoutALostRequest) {
  FakeUpstream blue, green, moved;
  moved.answer(200, "moved");
  CutwaterProcess cutwater(ShopFile(blue, green));
  Load load(cutwater.port(), {.users = 8, .pause = 300us, .fields = {}});
  ASSERT_TRUE(load.wait_for_more(50));
  EXPECT_EQ(cutwater.run({"versions", "put", "shop", "blue", url(moved)}).exit_code, 0);
  EXPECT_EQ(get(cutwater.port()).body, "moved");
  ASSERT_TRUE(load.wait_for_more(20));  // what was under way has arrived
  const std::size_t before = blue.requests();
  ASSERT_TRUE(load.wait_for_more(200));
  EXPECT_EQ(blue.requests(), before) << "after the answer nothing new reached the old place";
  load.stop();
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
}

}  // namespace
}  // namespace cutwater::test
