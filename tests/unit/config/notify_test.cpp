// Tests `notify:` and `history:`: whom to tell, and what `check` says about mistakes in them.
#include "config/show.hpp"
#include "reading.hpp"

namespace cutwater::config {
namespace {
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Kind = Channel::Kind;

Sources sources() {
  return fake_sources({{"URL", "https://hooks.slack.com/services/T0/B0/xyzzy"},
                       {"TOKEN", "xoxb-1"},
                       {"KEY", "pd-routing-key"},
                       {"SECRET", "whsec_AAAA"},
                       {"BAD_URL", "hooks.slack.com"}});
}
Parsed parsed(const std::string& line) {
  Parsed out = parse(with(line), "f", sources());
  for (const Problem& problem : out.problems) ADD_FAILURE() << to_string(problem);
  return out;
}
std::vector<Channel> channels(const std::string& list) {
  return parsed("notify: [" + list + "]").operations.notify;
}
std::vector<std::string> problems(const std::string& item) {
  return problems_in(with("notify: [" + item + "]"), sources());
}

TEST(Notify, EachKindNeedsLittle) {
  const auto all = channels(
      "{kind: slack, url: \"${env:URL}\"}, "
      "{kind: slack, token: \"${env:TOKEN}\", channel: \"#deploys\"}, "
      "{kind: pagerduty, key: \"${env:KEY}\"}, "
      "{kind: alertmanager, url: \"http://am:9093\"}, "
      "{kind: webhook, url: \"https://ci/hook\", secret: \"${env:SECRET}\"}");
  ASSERT_EQ(all.size(), 5u);
  EXPECT_EQ(all[0].name, "slack");
  EXPECT_EQ(all[0].url.value, "https://hooks.slack.com/services/T0/B0/xyzzy");
  EXPECT_EQ(all[1].name, "slack-2");
  EXPECT_EQ(all[1].room, "#deploys");
  EXPECT_EQ(all[1].url.value, "https://slack.com/api/chat.postMessage");
  EXPECT_EQ(all[2].kind, Kind::PagerDuty);
  EXPECT_EQ(all[2].url.value, "https://events.pagerduty.com/v2/enqueue");
  EXPECT_EQ(all[3].url.value, "http://am:9093");
  EXPECT_EQ(all[4].secret.value, "whsec_AAAA");
  EXPECT_EQ(all[4].expire, 24h);
  EXPECT_THAT(all[4].on, IsEmpty());
}

TEST(Notify, IsShownWithoutItsSecretsAndReadBackTheSame) {
  const Parsed first = parsed(
      "notify: [{kind: slack, url: \"${env:URL}\"}, {kind: slack, token: \"${env:TOKEN}\", "
      "channel: \"#deploys\"}, {kind: pagerduty, key: \"${env:KEY}\", on: [held]}, {kind: webhook, "
      "url: \"https://ci/hook\", secret: \"${env:SECRET}\", services: [shop], expire: 1h}]");
  const std::string shown = show_json(*first.config, first.operations);
  EXPECT_THAT(shown, AllOf(HasSubstr("${env:URL}"), HasSubstr("https://ci/hook"),
                           Not(HasSubstr("xyzzy")), Not(HasSubstr("whsec"))));
  const Parsed again = parse(shown, "f", sources());
  ASSERT_TRUE(again.config);
  EXPECT_EQ(show_json(*again.config, again.operations), shown);
}

TEST(Notify, ASlackUrlIsASecretAndNotRepeated) {
  const auto told = problems("{kind: slack, url: \"https://hooks.slack.com/services/xyzzy\"}");
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0],
              AllOf(HasSubstr("`url`: a secret is never written here"), Not(HasSubstr("xyzzy"))));
}

TEST(Notify, SaysWhatIsMissing) {
  EXPECT_THAT(problems("{}"), ElementsAre("5:10: `kind` is missing"));
  EXPECT_THAT(problems("{kind: slak}"), ElementsAre(HasSubstr("did you mean `slack`?")));
  EXPECT_THAT(problems("{kind: slack}"), ElementsAre("5:10: `url` is missing"));
  EXPECT_THAT(problems("{kind: slack, token: \"${env:TOKEN}\"}"),
              ElementsAre("5:10: `channel` is missing"));
  EXPECT_THAT(problems("{kind: slack, token: \"${env:TOKEN}\", channel: \"\"}"),
              ElementsAre(HasSubstr("expected such as \"#deploys\"")));
  EXPECT_THAT(problems("{kind: pagerduty}"), ElementsAre("5:10: `key` is missing"));
  EXPECT_THAT(problems("{kind: alertmanager}"), ElementsAre("5:10: `url` is missing"));
  EXPECT_THAT(problems("{kind: webhook, url: \"http://a\"}"),
              ElementsAre("5:10: `secret` is missing"));
}

TEST(Notify, RefusesWhatHasNoMeaningThere) {
  EXPECT_THAT(problems("{kind: slack, url: \"${env:URL}\", key: \"${env:KEY}\"}"),
              ElementsAre(HasSubstr("`key` has no meaning for slack")));
  EXPECT_THAT(problems("{kind: slack, url: \"${env:URL}\", channel: x}"),
              ElementsAre(HasSubstr("`channel` has no meaning for slack")));
  EXPECT_THAT(problems("{kind: alertmanager, url: \"http://am\", secret: \"${env:SECRET}\"}"),
              ElementsAre(HasSubstr("`secret` has no meaning for alertmanager")));
}

TEST(Notify, RefusesBadValues) {
  const std::string am = "{kind: alertmanager, url: \"http://am\", ";
  EXPECT_THAT(problems("{kind: alertmanager, url: \"am:9093\"}"),
              ElementsAre(HasSubstr("`url`: expected http(s)://HOST[:PORT]/PATH")));
  EXPECT_THAT(problems("{kind: alertmanager, url: \"http://u:p@am\"}"),
              ElementsAre(HasSubstr("`url`: expected http(s)://HOST[:PORT]/PATH")));
  EXPECT_THAT(problems("{kind: slack, url: \"${env:BAD_URL}\"}"),
              ElementsAre(AllOf(HasSubstr("in ${env:BAD_URL}"), Not(HasSubstr("hooks.slack")))));
  EXPECT_THAT(problems(am + "on: [roled_back]}"),
              ElementsAre(HasSubstr("did you mean `rolled_back`?")));
  EXPECT_THAT(problems(am + "on: []}"), ElementsAre(HasSubstr("nothing would ever be sent")));
  EXPECT_THAT(problems(am + "services: [shpo]}"), ElementsAre(HasSubstr("did you mean `shop`?")));
  EXPECT_THAT(problems(am + "ca: ca.pem}"), ElementsAre(HasSubstr("expected an absolute path")));
  EXPECT_THAT(problems(am + "expire: 1s}"), ElementsAre(HasSubstr("expected between 1m and 30d")));
  EXPECT_THAT(problems(am + "name: a}, {name: a, kind: alertmanager, url: \"http://b\"}"),
              ElementsAre(HasSubstr("duplicate channel `a`")));
}

TEST(History, IsKeptForMoreThanAYearUnlessToldOtherwise) {
  EXPECT_EQ(parsed("").operations.history.keep, 24h * 400);
  EXPECT_EQ(parsed("history: {keep: 30d}").operations.history.keep, 24h * 30);
  EXPECT_THAT(problems_in(with("history: {keep: 1h}")),
              ElementsAre(HasSubstr("expected between 1d and 3650d")));
}

}  // namespace
}  // namespace cutwater::config
