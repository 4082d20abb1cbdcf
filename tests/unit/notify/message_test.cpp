// Tests what each kind of channel is sent, and how its answer is understood.
#include "control/notify/message.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/base/json_text.hpp"
#include "control/notify/event.hpp"
#include "control/notify/webhook_signature.hpp"
#include "tests/unit/notify/channels.hpp"

namespace cutwater::control::notify {
namespace {

namespace json = boost::json;
using Operation = OutboxItem::Operation;
using Kind = Reception::Kind;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;

constexpr std::int64_t kNow = 1'795'000'000'000;

OutboxItem item(Operation operation = Operation::Tell) {
  OutboxItem out;
  out.event = event_of(decided("rolled_back", "guard"));
  out.event["seq"] = 7;
  out.event_id = "r-1-rolled_back";
  out.topic = "r-1";
  out.operation = operation;
  out.created_ms = kNow;
  return out;
}
HttpRequest letter(const config::Channel& channel, const OutboxItem& what,
                   const std::string& thread = "") {
  return write_letter({channel, what, thread, "cutwater/edge-1", kNow + 1000});
}
json::value body_of(const HttpRequest& request) {
  return json::parse(request.body);
}

TEST(SlackLetter, SaysWhatHappenedInWordsWithoutMarkup) {
  const HttpRequest request = letter(slack_hook(), item());
  EXPECT_EQ(request.url, "http://127.0.0.1:1/services/T0/xyzzy");
  const json::value body = body_of(request);
  EXPECT_EQ(body.at("text").as_string(), "*shop: rolled back (guard)*");
  const json::value& attachment = body.at("attachments").at(0);
  EXPECT_EQ(attachment.at("color").as_string(), "danger");
  EXPECT_THAT(std::string(attachment.at("text").as_string()),
              HasSubstr("6 of 6 requests failed &lt;&amp;&gt;"));
  EXPECT_FALSE(body.as_object().contains("channel"));
}

TEST(SlackLetter, OfABotContinuesTheRolloutsThread) {
  const HttpRequest first = letter(slack_bot(), item());
  EXPECT_THAT(first.fields, Contains(Pair("Authorization", "Bearer xoxb-1")));
  EXPECT_EQ(body_of(first).at("channel").as_string(), "#deploys");
  EXPECT_FALSE(body_of(first).as_object().contains("thread_ts"));
  const json::value next = body_of(letter(slack_bot(), item(), "1732.001"));
  EXPECT_EQ(next.at("thread_ts").as_string(), "1732.001");
  EXPECT_TRUE(next.at("reply_broadcast").as_bool()) << "the end is for everybody";
}

TEST(PagerDutyLetter, TriggersAndResolvesTheSameIncident) {
  const json::value trigger = body_of(letter(pagerduty(), item(Operation::Trigger)));
  EXPECT_EQ(trigger.at("routing_key").as_string(), "pd-key");
  EXPECT_EQ(trigger.at("event_action").as_string(), "trigger");
  EXPECT_EQ(trigger.at("payload").at("severity").as_string(), "critical");
  EXPECT_EQ(trigger.at("payload").at("component").as_string(), "shop");
  EXPECT_EQ(trigger.at("payload").at("custom_details").at("seq").as_int64(), 7);
  const json::value resolve = body_of(letter(pagerduty(), item(Operation::Resolve)));
  EXPECT_EQ(resolve.at("event_action").as_string(), "resolve");
  EXPECT_EQ(resolve.at("dedup_key"), trigger.at("dedup_key"));
}

TEST(PagerDutyLetter, KeepsToTheLimitsWithoutCuttingACharacter) {
  OutboxItem long_one = item(Operation::Trigger);
  std::string reason;
  for (int i = 0; i < 1000; ++i) reason += "\u00e4";
  long_one.event["reason"] = reason;
  long_one.topic = std::string(400, 't');
  const json::value body = body_of(letter(pagerduty(), long_one));
  const auto& summary = body.at("payload").at("summary").as_string();
  EXPECT_LE(summary.size(), 1024u);
  EXPECT_GE(summary.size(), 1022u);
  EXPECT_EQ(static_cast<unsigned char>(summary.back()), 0xa4) << "the second byte of an a-umlaut";
  EXPECT_EQ(body.at("dedup_key").as_string().size(), 255u);
}

TEST(AlertmanagerLetter, HasTheSameLabelsAtBothEnds) {
  const HttpRequest request = letter(alertmanager(), item(Operation::Trigger));
  EXPECT_EQ(request.url, "http://127.0.0.1:1/api/v2/alerts");
  const json::value begin = body_of(request).at(0);
  EXPECT_EQ(begin.at("labels").at("alertname").as_string(), "CutwaterRollout");
  EXPECT_EQ(begin.at("labels").at("service").as_string(), "shop");
  EXPECT_EQ(begin.at("startsAt").as_string(), "2026-11-18T11:06:40.000Z");
  const json::value end = body_of(letter(alertmanager(), item(Operation::Resolve))).at(0);
  EXPECT_EQ(end.at("labels"), begin.at("labels"));
  EXPECT_EQ(end.at("endsAt").as_string(), "2026-11-18T11:06:41.000Z");
}

TEST(WebhookLetter, IsASignedCloudEvent) {
  const HttpRequest request = letter(webhook(), item());
  const json::value body = body_of(request);
  EXPECT_EQ(body.at("specversion").as_string(), "1.0");
  EXPECT_EQ(body.at("id").as_string(), "r-1-rolled_back");
  EXPECT_EQ(body.at("source").as_string(), "cutwater/edge-1");
  EXPECT_EQ(body.at("type").as_string(), "io.cutwater.rolled_back");
  EXPECT_EQ(body.at("subject").as_string(), "shop");
  EXPECT_EQ(body.at("data").at("evidence").at("e_value").to_number<double>(), 1274.4);
  EXPECT_THAT(request.fields,
              Contains(Pair("Content-Type", "application/cloudevents+json; charset=utf-8")));
  for (const auto& field :
       signature_fields("s3cret", {"r-1-rolled_back", (kNow + 1000) / 1000, request.body}))
    EXPECT_THAT(request.fields, Contains(field));
}

HttpOutcome answered(int status, std::string body = "", HttpFields fields = {}) {
  return {HttpAnswer{status, std::move(fields), std::move(body)}, ""};
}

TEST(Answers, AreUnderstood) {
  EXPECT_EQ(read_answer(webhook(), answered(204)).kind, Kind::Delivered);
  EXPECT_EQ(read_answer(pagerduty(), answered(202)).kind, Kind::Delivered);
  EXPECT_EQ(read_answer(webhook(), answered(400)).kind, Kind::Refused);
  for (const int later : {302, 401, 404, 408, 429, 500, 503})
    EXPECT_EQ(read_answer(webhook(), answered(later)).kind, Kind::Retry) << later;
  const Reception down = read_answer(webhook(), {std::nullopt, "connect: Connection refused"});
  EXPECT_EQ(down.kind, Kind::Retry);
  EXPECT_EQ(down.detail, "connect: Connection refused");
}

TEST(Answers, RetryAfterIsRespectedWithinReason) {
  EXPECT_EQ(read_answer(webhook(), answered(429, "", {{"Retry-After", "30"}})).after,
            std::chrono::seconds(30));
  EXPECT_EQ(read_answer(webhook(), answered(503, "", {{"retry-after", "999999"}})).after,
            std::chrono::hours(1));
  EXPECT_FALSE(read_answer(webhook(), answered(503, "", {{"Retry-After", "soon"}})).after);
}

TEST(Answers, SlackSaysOkInTheBody) {
  const Reception good = read_answer(slack_bot(), answered(200, R"({"ok":true,"ts":"1732.001"})"));
  EXPECT_EQ(good.kind, Kind::Delivered);
  EXPECT_EQ(good.receipt, "1732.001");
  EXPECT_EQ(read_answer(slack_bot(), answered(200, R"({"ok":false,"error":"ratelimited"})")).kind,
            Kind::Retry);
  EXPECT_EQ(read_answer(slack_bot(), answered(200, R"({"ok":false,"error":"invalid_auth"})")).kind,
            Kind::Retry);
  EXPECT_EQ(read_answer(slack_bot(), answered(200, R"({"ok":false,"error":"msg_too_long"})")).kind,
            Kind::Refused);
  EXPECT_EQ(read_answer(slack_bot(), answered(200, "<html>")).kind, Kind::Retry);
  EXPECT_EQ(read_answer(slack_hook(), answered(200, "ok")).kind, Kind::Delivered);
}

}  // namespace
}  // namespace cutwater::control::notify
