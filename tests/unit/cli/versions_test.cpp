// Tests a deploy script that says where a version runs, and removes it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/cli/cli_harness.hpp"

namespace cutwater::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Versions, ArePutWhereTheyRun) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"versions", "put", "shop", "v43", "http://10.0.0.7:80",
                                 "http://10.0.0.8:80", "--like", "blue"});
  EXPECT_EQ(ran.exit_code, kSucceeded) << ran.err;
  EXPECT_EQ(ran.out,
            "v43 of shop runs at http://10.0.0.7:80, http://10.0.0.8:80; it is new and has no "
            "traffic yet\n");
  EXPECT_EQ(admin.last_asked(),
            R"(put_version shop v43 {"endpoints":["http://10.0.0.7:80","http://10.0.0.8:80"],)"
            R"("like":"blue"} if-match any by local)");
  run_at(admin, {"versions", "put", "shop", "v43", "http://10.0.0.7:80", "--if-match", "7"});
  EXPECT_THAT(admin.last_asked(), HasSubstr("if-match 7"));
  EXPECT_EQ(run_at(admin, {"versions", "put", "shop", "v43"}).exit_code, kUsage) << "where?";
  EXPECT_EQ(run_at(admin, {"versions"}).exit_code, kUsage);
}

TEST(Versions, ThatCannotBePutSayWhy) {
  RunningAdmin admin;
  const std::vector<std::string> put = {"versions", "put", "shop", "v43", "http://h:1"};
  admin.fake.refusal = control::problem(403, "role_too_low", "takes the role admin");
  const Ran ran = run_at(admin, put);
  EXPECT_EQ(ran.exit_code, kNotAuthorised);
  EXPECT_THAT(ran.err, HasSubstr("takes the role admin"));
  admin.fake.refusal = control::problem(412, "precondition_failed", "somebody was faster");
  EXPECT_EQ(run_at(admin, put).exit_code, kConflict);
  admin.fake.refusal = control::problem(422, "invalid_version", "no such host");
  EXPECT_EQ(run_at(admin, put).exit_code, kUsage);
}

TEST(Versions, AreDrainedBeforeTheyAreRemoved) {
  RunningAdmin admin;
  EXPECT_EQ(run_at(admin, {"versions", "remove", "shop", "v42", "--timeout", "0s"}).exit_code,
            kStillGoing)
      << "three requests are under way";
  EXPECT_EQ(admin.last_asked(), "drain shop v42 by local");
  admin.fake.drained = true;
  admin.fake.asked.clear();
  const Ran ran = run_at(admin, {"versions", "remove", "shop", "v42"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_EQ(ran.out, "v42 of shop is removed\n");
  EXPECT_THAT(admin.fake.asked, ElementsAre("remove_version shop v42 if-match any by local dry",
                                            "drain shop v42 by local",
                                            "remove_version shop v42 if-match any by local"));
}

TEST(Versions, ThatCannotBeRemovedAreNotDrainedForNothing) {
  RunningAdmin admin;
  admin.fake.refusal = control::problem(409, "version_in_use", "kept for a rollback");
  const Ran ran = run_at(admin, {"versions", "remove", "shop", "v42"});
  EXPECT_EQ(ran.exit_code, kConflict);
  EXPECT_THAT(admin.fake.asked, ElementsAre("remove_version shop v42 if-match any by local dry"));
}

TEST(Versions, AreListedWithTheirEndpoints) {
  RunningAdmin admin;
  const Ran ran = run_at(admin, {"versions", "list", "shop"});
  EXPECT_EQ(ran.exit_code, kSucceeded);
  EXPECT_THAT(ran.out, HasSubstr("VERSION"));
  EXPECT_THAT(ran.out, HasSubstr("healthy"));
}

}  // namespace
}  // namespace cutwater::cli
