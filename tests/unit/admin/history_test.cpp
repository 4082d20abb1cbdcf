// History over the API: pages, exports, figures, and the audit log that writes itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/admin/admin_harness.hpp"

namespace cutwater::control {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

TEST(HistoryApi, DecisionsSinceAMoment) {
  RunningAdmin admin;
  ask(admin, "GET", "/v1/decisions?since=1970-01-01T00:00:05Z&limit=2");
  EXPECT_EQ(admin.last_asked(), "decisions  newest limit 2 since 5000");
  EXPECT_EQ(ask(admin, "GET", "/v1/decisions?since=2h").result_int(), 200u);
  const Response bad = ask(admin, "GET", "/v1/decisions?since=yesterday");
  EXPECT_EQ(bad.result_int(), 400u);
  EXPECT_THAT(bad.body(), HasSubstr("'since' is a duration such as 2h"));
}

TEST(HistoryApi, LinesAreForExports) {
  RunningAdmin admin;
  for (const char* list : {"/v1/decisions", "/v1/audit"}) {
    const Response lines = ask(admin, "GET", std::string(list) + "?format=jsonl&limit=99999");
    EXPECT_EQ(lines[http::field::content_type], "application/x-ndjson");
    EXPECT_EQ(std::ranges::count(lines.body(), '\n'), 1);
    EXPECT_TRUE(boost::json::parse(lines.body()).as_object().contains("seq"));
    EXPECT_THAT(admin.last_asked(), HasSubstr("limit 10000"));
    EXPECT_EQ(ask(admin, "GET", std::string(list) + "?format=csv").result_int(), 400u);
  }
}

TEST(HistoryApi, DoraTakesAWindow) {
  RunningAdmin admin;
  EXPECT_EQ(ask(admin, "GET", "/v1/dora").result_int(), 200u);
  EXPECT_EQ(admin.last_asked(), "dora 2592000000ms ");
  ask(admin, "GET", "/v1/dora?window=7d&service=shop");
  EXPECT_EQ(admin.last_asked(), "dora 604800000ms shop");
  for (const char* bad : {"month", "0s", "-1d", "99999d"})
    EXPECT_EQ(ask(admin, "GET", std::string("/v1/dora?window=") + bad).result_int(), 400u) << bad;
}

TEST(HistoryApi, TheOutboxIsVisible) {
  RunningAdmin admin;
  const Response dead = ask(admin, "GET", "/v1/notifications?state=dead");
  EXPECT_EQ(admin.last_asked(), "notifications dead limit 100");
  EXPECT_EQ(json_of(dead).at("notifications").at(0).at("error").as_string(), "answered 400");
  EXPECT_EQ(ask(admin, "GET", "/v1/notifications?state=lost").result_int(), 400u);
}

TEST(HistoryApi, AChannelCanBeTried) {
  RunningAdmin admin(admin_with_tokens());
  EXPECT_EQ(ask(admin, "POST", "/v1/notify:test", {bearer("viewer-secret")}).result_int(), 403u);
  EXPECT_EQ(ask_json(admin, "POST", "/v1/notify:test", R"({"channel":"slack"})",
                     {bearer("deployer-secret")})
                .result_int(),
            200u);
  EXPECT_EQ(admin.last_asked(), "notify_test slack");
  EXPECT_EQ(ask_json(admin, "POST", "/v1/notify:test", R"({"chanel":"slack"})",
                     {bearer("deployer-secret")})
                .result_int(),
            422u);
}

TEST(Audit, AChangeIsWrittenDownWithBeforeAndAfter) {
  RunningAdmin admin(admin_with_tokens());
  const Response response =
      ask_json(admin, "PUT", "/v1/services/shop/weights", R"({"blue":90,"green":10})",
               {"If-Match: *", bearer("deployer-secret"), "X-Request-ID: ci-17"});
  EXPECT_EQ(response["X-Request-ID"], "ci-17");
  ASSERT_THAT(admin.fake.audited, SizeIs(1));
  const AuditEntry& entry = admin.fake.audited[0];
  EXPECT_EQ(entry.actor, "deployer");
  EXPECT_EQ(entry.role, "deployer");
  EXPECT_EQ(entry.method, "PUT");
  EXPECT_EQ(entry.path, "/v1/services/shop/weights");
  EXPECT_EQ(entry.status, 200);
  EXPECT_EQ(entry.request_id, "ci-17");
  EXPECT_EQ(entry.service, "shop");
  EXPECT_EQ(entry.before.at("weights").at("green").to_number<int>(), 5);
  EXPECT_EQ(entry.after.at("weights").at("green").to_number<int>(), 10);
}

TEST(Audit, SoIsWhatWasRefused) {
  RunningAdmin admin(admin_with_tokens());
  ask_json(admin, "PUT", "/v1/services/shop/weights", R"({"blue":90})",
           {"If-Match: \"6\"", bearer("deployer-secret")});
  ask_json(admin, "POST", "/v1/services/shop:rollback", "{}", {bearer("viewer-secret")});
  ASSERT_THAT(admin.fake.audited, SizeIs(2));
  EXPECT_EQ(admin.fake.audited[0].status, 412);
  EXPECT_EQ(admin.fake.audited[1].status, 403);
  EXPECT_EQ(admin.fake.audited[1].actor, "viewer");
}

TEST(Audit, ReadersAndStrangersLeaveNoTrace) {
  RunningAdmin admin(admin_with_tokens());
  ask(admin, "GET", "/v1/services/shop", {bearer("viewer-secret")});
  ask_json(admin, "POST", "/v1/services/shop:explain", "{}", {bearer("viewer-secret")});
  ask_json(admin, "POST", "/v1/services/shop:rollback", "{}", {bearer("guessed")});
  ask_json(admin, "POST", "/v1/services/shop:rollback", "{}",
           {bearer("admin-secret"), "Origin: http://evil.example"});
  EXPECT_THAT(admin.fake.audited, IsEmpty());
}

TEST(Audit, ARepeatUnderTheSameKeyIsNoSecondChange) {
  RunningAdmin admin;
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(ask_json(admin, "POST", "/v1/services/shop/rollouts", R"({"to":"green"})",
                       {"Idempotency-Key: k"})
                  .result_int(),
              201u);
  EXPECT_THAT(admin.fake.audited, SizeIs(1));
}

TEST(RequestId, IsMadeWhenThereIsNoneThatCanBeUsed) {
  RunningAdmin admin;
  const std::string made(ask(admin, "GET", "/v1/services")["X-Request-ID"]);
  EXPECT_EQ(made.size(), 20u);
  EXPECT_NE(std::string(ask(admin, "GET", "/v1/services")["X-Request-ID"]), made);
  const Response odd =
      ask(admin, "GET", "/v1/services", {"X-Request-ID: " + std::string(500, 'x')});
  EXPECT_EQ(odd["X-Request-ID"].size(), 20u);
}

}  // namespace
}  // namespace cutwater::control
