// Tests feature flags: which users are let in, that raising lets only more in, that flags are
// independent of each other, and what wins when lists and percentages disagree.
#include "proxy/routing/flag.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <string>

#include "builders.hpp"
#include "proxy/guard/comparison.hpp"
#include "proxy/routing/splitter.hpp"
#include "tests/support/flags.hpp"

namespace cutwater::routing {
namespace {

using cutwater::test::flag_share;
using test::Request;
using Source = config::FlagCondition::Source;

std::string user(int i) {
  return "user-" + std::to_string(i);
}

struct Flags : testing::Test {
  FlagSnapshot made(const config::Flag& flag) const { return make_flag(flag, {}, versions); }
  bool lets_in(const FlagSnapshot& flag, std::string_view subject, const Request& request = {}) {
    return evaluate(flag, request.head.fields, subject).matched;
  }
  std::string arm(const FlagSnapshot& flag, std::string_view subject) {
    const FlagVerdict verdict = evaluate(flag, {}, subject);
    return verdict.matched ? versions[verdict.version] : "";
  }
  std::vector<std::string> versions{"blue", "green", "red"};
};

TEST_F(Flags, APercentageOfAMillionUsersIsExactWithinFourStandardDeviations) {
  constexpr int kUsers = 1'000'000;
  for (const int percent : {1, 10, 50}) {
    const FlagSnapshot flag = made(flag_share("new-ui", Share::percent(percent)));
    int in = 0;
    for (int i = 0; i < kUsers; ++i) in += lets_in(flag, user(i)) ? 1 : 0;
    const double p = percent / 100.0;
    EXPECT_NEAR(in, kUsers * p, 4 * std::sqrt(kUsers * p * (1 - p))) << percent << " %";
  }
}

TEST_F(Flags, NobodyLeavesWhileThePercentageGoesUp) {
  std::vector<bool> in(20'000, false);
  for (const int percent : {0, 1, 5, 25, 60, 100}) {
    const FlagSnapshot flag = made(flag_share("new-ui", Share::percent(percent)));
    for (int i = 0; i < 20'000; ++i) {
      const bool now = lets_in(flag, user(i));
      EXPECT_TRUE(now || !in[static_cast<std::size_t>(i)]) << user(i) << " at " << percent << " %";
      in[static_cast<std::size_t>(i)] = now;
    }
  }
  for (const bool one : in) ASSERT_TRUE(one) << "100 % are all";
}

// Computes the chi-square of a 2x2 table with 1 degree of freedom; 10.83 is exceeded by chance once
// in 1000.
double chi_square(const std::array<double, 4>& seen) {
  const double all = seen[0] + seen[1] + seen[2] + seen[3];
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const double row = seen[i & 2U] + seen[(i & 2U) + 1];
    const double column = seen[i & 1U] + seen[(i & 1U) + 2];
    const double expected = row * column / all;
    sum += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  return sum;
}

TEST_F(Flags, KnowNothingOfEachOther) {
  const FlagSnapshot one = made(flag_share("new-ui", Share::percent(30)));
  const FlagSnapshot other = made(flag_share("new-cart", Share::percent(30)));
  std::array<double, 4> seen{};
  for (int i = 0; i < 200'000; ++i)
    ++seen[(lets_in(one, user(i)) ? 2U : 0U) + (lets_in(other, user(i)) ? 1U : 0U)];
  EXPECT_LT(chi_square(seen), 10.83);
}

TEST_F(Flags, KnowNothingOfTheSplit) {
  const FlagSnapshot flag = made(flag_share("new-ui", Share::percent(20)));
  const ServiceSnapshot shop = test::service({{"blue", 700'000}, {"green", 300'000}});
  std::array<double, 4> seen{};
  for (int i = 0; i < 200'000; ++i)
    ++seen[(lets_in(flag, user(i)) ? 2U : 0U) + (split(shop, user(i)) == 1 ? 1U : 0U)];
  EXPECT_LT(chi_square(seen), 10.83);
}

TEST_F(Flags, WhoTakesPartSaysNothingAboutTheArm) {
  config::Flag flag = flag_share("colours", Share::percent(40));
  flag.version.clear();
  flag.arms = {{"blue", Share::percent(50)}, {"green", Share::percent(50)}};
  config::Flag everybody = flag;
  everybody.percentage = Share::percent(100);
  const FlagSnapshot some = made(flag);
  const FlagSnapshot all = made(everybody);
  std::array<double, 4> seen{};
  for (int i = 0; i < 200'000; ++i)
    ++seen[(lets_in(some, user(i)) ? 2U : 0U) + (arm(all, user(i)) == "green" ? 1U : 0U)];
  EXPECT_LT(chi_square(seen), 10.83);
}

TEST_F(Flags, AHiddenDependenceWouldBeSeen) {
  std::array<double, 4> seen{};
  const FlagSnapshot flag = made(flag_share("new-ui", Share::percent(30)));
  for (int i = 0; i < 200'000; ++i) {
    const bool in = lets_in(flag, user(i));
    const bool copy = i % 20 == 0 ? in : i % 10 < 3;
    ++seen[(in ? 2U : 0U) + (copy ? 1U : 0U)];
  }
  EXPECT_GT(chi_square(seen), 10.83);
}

TEST_F(Flags, ThreeArmsGetTheirSharesALargerOneOnlyGainsASmallerOnlyLoses) {
  config::Flag flag;
  flag.name = "colours";
  flag.key = config::FlagKey{};
  flag.arms = {
      {"blue", Share::percent(50)}, {"green", Share::percent(30)}, {"red", Share::percent(20)}};
  const FlagSnapshot before = made(flag);
  flag.arms = {
      {"blue", Share::percent(40)}, {"green", Share::percent(40)}, {"red", Share::percent(20)}};
  const FlagSnapshot after = made(flag);
  std::map<std::string, int> count;
  constexpr int kUsers = 1'000'000;
  for (int i = 0; i < kUsers; ++i) {
    const std::string was = arm(before, user(i));
    ++count[was];
    if (i >= 50'000) continue;
    const std::string is = arm(after, user(i));
    EXPECT_TRUE(was == is || is == "green" || was == "blue") << "from " << was << " to " << is;
  }
  for (const auto& [version, p] :
       std::map<std::string, double>{{"blue", 0.5}, {"green", 0.3}, {"red", 0.2}})
    EXPECT_NEAR(count[version], kUsers * p, 4 * std::sqrt(kUsers * p * (1 - p))) << version;
}

TEST_F(Flags, DenyBeatsAllowAndAllowBeatsThePercentage) {
  config::Flag flag = flag_share("new-ui", Share{});
  flag.allow = config::IdList({"u1", "u2"});
  flag.deny = config::IdList({"u2", "u3"});
  const FlagSnapshot none = made(flag);
  EXPECT_TRUE(lets_in(none, "u1"));
  EXPECT_FALSE(lets_in(none, "u2"));
  EXPECT_FALSE(lets_in(none, "u4"));
  flag.percentage = Share::percent(100);
  const FlagSnapshot all = made(flag);
  EXPECT_FALSE(lets_in(all, "u2"));
  EXPECT_FALSE(lets_in(all, "u3"));
  EXPECT_TRUE(lets_in(all, "u4"));
  EXPECT_EQ(evaluate(all, {}, "u3").rule, FlagRule::Deny);
  EXPECT_EQ(evaluate(all, {}, "u1").rule, FlagRule::Allow);
  flag.enabled = false;
  EXPECT_FALSE(lets_in(made(flag), "u1")) << "a killed flag is off for those on its list too";
}

TEST_F(Flags, APercentageNeedsAUser) {
  const FlagSnapshot flag = made(flag_share("new-ui", Share::percent(100)));
  const FlagVerdict verdict = evaluate(flag, {}, "");
  EXPECT_FALSE(verdict.matched);
  EXPECT_EQ(verdict.rule, FlagRule::NoSubject);
}

TEST_F(Flags, WhenNarrowsThePercentage) {
  config::Flag flag = flag_share("new-ui", Share::percent(100));
  flag.when = config::FlagCondition{Source::Header, "X-Plan", config::IdList({"gold", "silver"})};
  flag.allow = config::IdList({"u1"});
  const FlagSnapshot made_flag = made(flag);
  EXPECT_TRUE(lets_in(made_flag, "u4", Request().header("X-Plan", "gold")));
  EXPECT_TRUE(lets_in(made_flag, "u4", Request().header("X-Plan", "silver")));
  EXPECT_FALSE(lets_in(made_flag, "u4", Request().header("X-Plan", "tin")));
  EXPECT_FALSE(lets_in(made_flag, "u4"));
  EXPECT_TRUE(lets_in(made_flag, "u1")) << "the allow list asks for nothing more";
}

TEST_F(Flags, AListAloneLetsInOnlyItsOwn) {
  config::Flag flag = flag_share("testers", {});
  flag.percentage.reset();
  flag.allow = config::IdList({"u1"});
  EXPECT_TRUE(lets_in(made(flag), "u1"));
  EXPECT_FALSE(lets_in(made(flag), "u2"));
  EXPECT_FALSE(lets_in(made(flag), ""));
}

TEST_F(Flags, AddressesAreComparedAsAddresses) {
  config::Flag flag;
  flag.name = "office";
  flag.version = "green";
  flag.key = config::FlagKey{config::FlagKey::Kind::ClientIp, {}};
  flag.allow = config::IdList({"192.0.2.7", "2001:db8:0:0::1"});
  const FlagSnapshot office = made(flag);
  const auto from = [&](std::string_view ip) {
    return lets_in(office, address_subject(ip).view());
  };
  EXPECT_TRUE(from("192.0.2.7"));
  EXPECT_TRUE(from("::ffff:192.0.2.7"));
  EXPECT_TRUE(from("2001:db8::7")) << "one household, /64";
  EXPECT_FALSE(from("192.0.2.8"));
}

TEST_F(Flags, AVersionThatIsNotThereMatchesNobody) {
  const FlagSnapshot flag = made(flag_share("new-ui", Share::percent(100), "gone"));
  EXPECT_FALSE(lets_in(flag, "u1"));
  EXPECT_EQ(evaluate(flag, {}, "u1").rule, FlagRule::NoVersion);
}

TEST_F(Flags, ItsOwnGuardShutsIt) {
  FlagSnapshot flag = made(flag_share("new-ui", Share::percent(100)));
  flag.monitor = std::make_shared<guard::VersionMonitor>("shop", "green", 1);
  EXPECT_TRUE(lets_in(flag, "u1"));
  flag.monitor->set_tripped(true);
  EXPECT_FALSE(lets_in(flag, "u1"));
}

// Tests through assign() which user a request is.
struct FlagSubjects : testing::Test {
  FlagSubjects() : random(7), ids() {}
  void add(const config::Flag& flag) {
    shop.flags.push_back(make_flag(flag, shop.sticky, shop.version_names()));
  }
  Assignment ask(const Request& request) { return assign(shop, request.view(), random, ids); }
  ServiceSnapshot shop = test::service({{"blue", 1'000'000}, {"green", 0}});
  Random random;
  CookieIdSource ids;
};

TEST_F(FlagSubjects, AUserIsInOnEveryDeviceWithTheSameId) {
  add(flag_share("new-ui", Share::percent(50)));
  int in = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string cookie = "uid=" + user(i);
    const Assignment first = ask(Request().cookie(cookie));
    EXPECT_EQ(ask(Request().cookie(cookie)).version, first.version);
    if (first.reason != Reason::Flag) continue;
    ++in;
    EXPECT_EQ(first.flag_verdict.rule, FlagRule::Percentage);
    EXPECT_LT(first.flag_verdict.bucket.value_or(1'000'000), 500'000u);
  }
  EXPECT_NEAR(in, 500, 64);
  EXPECT_NE(ask(Request()).reason, Reason::Flag) << "without an id nobody is in";
}

TEST_F(FlagSubjects, ANewVisitorKeepsWhatTheStickyIdSays) {
  config::Flag flag = flag_share("new-ui", Share::percent(50));
  flag.key = config::FlagKey{};
  add(flag);
  int in = 0;
  for (int i = 0; i < 400; ++i) {
    const Assignment first = ask(Request());
    ASSERT_TRUE(first.set_cookie);
    const CookieValue value = shop.cookie_key.value(first.new_cookie);
    const std::string cookie = "cw_shop=" + std::string(value.begin(), value.end());
    EXPECT_EQ(ask(Request().cookie(cookie)).version, first.version);
    in += first.version == 1 ? 1 : 0;
  }
  EXPECT_NEAR(in, 200, 40);
}

TEST_F(FlagSubjects, AFlagGoesByTheAddressWhenItsKeySaysSo) {
  config::Flag flag;
  flag.name = "office";
  flag.version = "green";
  flag.key = config::FlagKey{config::FlagKey::Kind::ClientIp, {}};
  flag.allow = config::IdList({"192.0.2.7"});
  add(flag);
  EXPECT_EQ(ask(Request()).reason, Reason::Flag);
  Request other;
  other.client_ip = "192.0.2.8";
  EXPECT_NE(ask(other).reason, Reason::Flag);
}

// Tests who is compared: a flag's users with its control group, the users whom its dice have kept
// out.
struct ComparedFlag : FlagSubjects {
  ComparedFlag() {
    shop.sticky.key = config::Sticky::Key::None;
    new_ui.allow = config::IdList({"friend"});
    new_ui.deny = config::IdList({"foe"});
  }
  void compare(const config::Flag& flag) {
    add(flag);
    shop.flags.back().comparison = comparison;
  }
  FlagDraw draw(const std::string& cookies) { return ask(Request().cookie(cookies)).draw; }
  // Returns the first user whom the dice let in, or keep out.
  std::string user_who_is(bool in) const {
    for (int i = 0;; ++i)
      if ((bucket_of(user(i), salt_of("flag", new_ui.name)) < 300'000) == in) return user(i);
  }
  config::Flag new_ui = flag_share("new-ui", Share::percent(30));
  std::shared_ptr<guard::Comparison> comparison =
      std::make_shared<guard::Comparison>(guard::ComparisonPolicy{}, 1, TimePoint{});
};

TEST_F(ComparedFlag, WhomTheDiceLetInIsComparedWithThoseTheyKeepOut) {
  compare(new_ui);
  const Assignment in = ask(Request().cookie("uid=" + user_who_is(true)));
  EXPECT_EQ(in.reason, Reason::Flag);
  EXPECT_EQ(in.draw.comparison, comparison.get());
  EXPECT_TRUE(in.draw.in);
  const Assignment out = ask(Request().cookie("uid=" + user_who_is(false)));
  EXPECT_NE(out.reason, Reason::Flag);
  EXPECT_EQ(out.draw.comparison, comparison.get());
  EXPECT_FALSE(out.draw.in);
  for (const FlagDraw& one : {in.draw, out.draw})
    EXPECT_DOUBLE_EQ(one.share, 0.3) << "the chance to be in, for both";
}

TEST_F(ComparedFlag, ListedUsersHaveNoPart) {
  compare(new_ui);
  EXPECT_EQ(ask(Request().cookie("uid=friend")).reason, Reason::Flag);
  EXPECT_EQ(draw("uid=friend").comparison, nullptr);
  EXPECT_EQ(draw("uid=foe").comparison, nullptr);
}

TEST_F(ComparedFlag, WhomItIsNotForHasNoPart) {
  new_ui.when = config::FlagCondition{Source::Cookie, "plan", config::IdList({"gold"})};
  compare(new_ui);
  EXPECT_EQ(draw("plan=gold").comparison, nullptr) << "nobody to throw dice for";
  EXPECT_EQ(draw("uid=" + user_who_is(true)).comparison, nullptr);
  EXPECT_TRUE(draw("plan=gold; uid=" + user_who_is(true)).in);
}

TEST_F(ComparedFlag, WhomAnEarlierFlagHasPlacedHasNoPart) {
  add(cutwater::test::flag_when("beta", Source::Cookie, "beta", "on"));
  compare(new_ui);
  EXPECT_EQ(draw("beta=on; uid=" + user_who_is(true)).comparison, nullptr);
  EXPECT_EQ(draw("beta=on; uid=" + user_who_is(false)).comparison, nullptr);
  EXPECT_NE(draw("uid=" + user_who_is(false)).comparison, nullptr);
}

TEST_F(ComparedFlag, WhomALaterFlagPlacesIsOfTheControlGroupAllTheSame) {
  compare(new_ui);
  add(cutwater::test::flag_when("beta", Source::Cookie, "beta", "on"));
  const Assignment later = ask(Request().cookie("beta=on; uid=" + user_who_is(false)));
  EXPECT_EQ(later.flag, "beta");
  EXPECT_EQ(later.draw.comparison, comparison.get());
  EXPECT_FALSE(later.draw.in);
}

TEST_F(ComparedFlag, ATesterOfThePreviewHasNoPart) {
  compare(new_ui);
  shop.preview = config::Preview{config::Preview::By::Cookie, "preview", "yes"};
  shop.preview_version = 1;
  EXPECT_EQ(draw("preview=yes; uid=" + user_who_is(true)).comparison, nullptr);
  EXPECT_EQ(draw("preview=yes; uid=" + user_who_is(false)).comparison, nullptr);
}

TEST_F(ComparedFlag, AFlagThatIsOffThrowsNoDice) {
  compare(new_ui);
  shop.flags.back().monitor = std::make_shared<guard::VersionMonitor>("shop", "green", 1);
  shop.flags.back().monitor->set_tripped(true);
  EXPECT_EQ(draw("uid=" + user_who_is(true)).comparison, nullptr);
  shop.flags.back().enabled = false;
  EXPECT_EQ(draw("uid=" + user_who_is(false)).comparison, nullptr);
}

TEST_F(ComparedFlag, AFlagThatIsNotComparedThrowsItsDiceForNobodyElse) {
  add(flag_share("other", Share::percent(100)));
  const Assignment other = ask(Request().cookie("uid=" + user(1)));
  EXPECT_EQ(other.reason, Reason::Flag);
  EXPECT_EQ(other.draw.comparison, nullptr);
}

TEST_F(ComparedFlag, AFailureIsThatOfWhomTheDiceWereThrownFor) {
  compare(new_ui);
  const std::string somebody = user_who_is(false);
  EXPECT_EQ(draw("uid=" + somebody).client, client_hash(somebody)) << "the split knows nobody";
  new_ui.key = config::FlagKey{};  // the subject of the split
  shop.sticky.key = config::Sticky::Key::OwnCookie;
  shop.flags.clear();
  compare(new_ui);
  const Assignment first = ask(Request());
  EXPECT_NE(first.draw.comparison, nullptr);
  EXPECT_EQ(first.draw.client, 0u) << "a cookie that has not come back is nobody yet";
  const CookieValue value = shop.cookie_key.value(first.new_cookie);
  const Assignment second =
      ask(Request().cookie("cw_shop=" + std::string(value.begin(), value.end())));
  EXPECT_EQ(second.draw.in, first.draw.in);
  EXPECT_EQ(second.draw.client, second.client);
  EXPECT_NE(second.draw.client, 0u);
}

TEST(FlagRuleText, EveryRuleHasItsOwnWord) {
  std::set<std::string_view> words;
  for (int i = 0; i <= static_cast<int>(FlagRule::NoVersion); ++i)
    words.insert(to_string(static_cast<FlagRule>(i)));
  EXPECT_EQ(words.size(), 8u);
}

}  // namespace
}  // namespace cutwater::routing
