// Tests assignment (control/admin/README.md) as a visitor and an operator would notice it.
#include "proxy/routing/assignment.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "builders.hpp"
#include "proxy/routing/splitter.hpp"
#include "tests/support/flags.hpp"

namespace cutwater::routing {
namespace {

using test::Request;

class Assign : public testing::Test {
 protected:
  void weights(std::int32_t candidate) {
    shop.versions[0].weight = Share::kWhole - candidate;
    shop.versions[1].weight = candidate;
  }
  void flag(std::string name, std::string cookie, std::string value) {
    add(cutwater::test::flag_when(std::move(name), config::FlagCondition::Source::Cookie,
                                  std::move(cookie), std::move(value)));
  }
  void add(const config::Flag& flag) {
    shop.flags.push_back(make_flag(flag, shop.sticky, shop.version_names()));
  }
  void sticky(config::Sticky::Key key, std::string name = {}) {
    shop.sticky.key = key;
    shop.sticky.name = std::move(name);
  }
  Assignment ask(const Request& request) { return assign(shop, request.view(), random, ids); }
  // The visitor comes back with the cookie it was given.
  Assignment come_back(const Assignment& first) {
    const CookieValue value = shop.cookie_key.value(first.new_cookie);
    const std::string cookie = "cw_shop=" + std::string(value.begin(), value.end());
    return ask(Request().cookie(cookie));
  }

  ServiceSnapshot shop = test::service({{"blue", 950'000}, {"green", 50'000}});
  Random random{1};
  // The ids are random, but the same every time.
  CookieIdSource ids{[bits = std::mt19937_64(1)](std::span<std::uint8_t> out) mutable {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(bits());
  }};
};

TEST_F(Assign, ADecisionIsInForceAsLongAsItsVersionMayHaveIt) {
  const auto now_is = [](ServiceSnapshot service) {
    RoutingSnapshot now;
    now.services.push_back(std::make_shared<const ServiceSnapshot>(std::move(service)));
    return now;
  };
  Assignment chosen;
  chosen.version = 1;
  chosen.reason = Reason::Key;
  EXPECT_TRUE(is_still_in_force(shop, chosen, now_is(shop)));
  EXPECT_FALSE(is_still_in_force(shop, chosen, now_is(test::service({{"blue", 1'000'000}}))));
  EXPECT_FALSE(is_still_in_force(shop, chosen, RoutingSnapshot{})) << "the service is gone";
  ServiceSnapshot promoted = test::service({{"blue", 0}, {"green", 1'000'000}});
  Assignment fallen;
  fallen.reason = Reason::Stable;
  EXPECT_TRUE(is_still_in_force(shop, fallen, now_is(promoted))) << "blue is still stable";
  promoted.stable = 1;
  EXPECT_FALSE(is_still_in_force(shop, fallen, now_is(promoted)));
  Assignment first;
  first.reason = Reason::Chance;
  EXPECT_FALSE(is_still_in_force(shop, first, now_is(promoted))) << "no weight any more";
  chosen.reason = Reason::Flag;
  chosen.flag = "beta";
  EXPECT_FALSE(is_still_in_force(shop, chosen, now_is(shop))) << "there is no such flag";
}

TEST_F(Assign, ANewVisitorGetsACookieWhateverTheVersion) {
  std::set<std::size_t> versions;
  for (int i = 0; i < 40; ++i) {
    const Assignment first = ask(Request());
    EXPECT_TRUE(first.set_cookie);
    EXPECT_EQ(first.reason, Reason::Sticky);
    EXPECT_TRUE(first.random);
    EXPECT_EQ(first.client, 0u) << "nobody knows yet whether it keeps cookies";
    EXPECT_EQ(first.weight, shop.versions[first.version].weight);
    versions.insert(first.version);
  }
  EXPECT_EQ(versions.size(), 2u);
}

TEST_F(Assign, TheFirstRequestAndAllLaterOnesGoToTheSameVersion) {
  for (int i = 0; i < 500; ++i) {
    const Assignment first = ask(Request());
    const Assignment second = come_back(first);
    ASSERT_EQ(second.version, first.version);
    ASSERT_EQ(second.bucket, first.bucket);
    ASSERT_FALSE(second.set_cookie) << "never changed after";
    ASSERT_NE(second.client, 0u);
  }
}

TEST_F(Assign, NewVisitorsAreDealtByChanceAndIndependently) {
  weights(500'000);
  int green = 0, changes = 0;
  std::size_t last = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::size_t version = ask(Request()).version;
    green += version == 1;
    changes += version != last;
    last = version;
  }
  EXPECT_NEAR(green, 5000, 200);
  EXPECT_NEAR(changes, 5000, 200) << "in an even sequence every visitor would change sides";
}

TEST_F(Assign, TheIdsOfNewVisitorsAreUniformWithinTheirSide) {
  // Otherwise the next step of the ramp would not add the share it says.
  weights(100'000);
  int below_half = 0, green = 0;
  for (int i = 0; i < 40'000; ++i) {
    const Assignment first = ask(Request());
    if (first.version != 1) continue;
    ++green;
    below_half += first.bucket < 50'000;
  }
  EXPECT_NEAR(below_half, green / 2, 4 * std::sqrt(green / 4));
}

TEST_F(Assign, ATinyShareIsRight) {
  weights(500);  // 0.05 %
  int green = 0;
  for (int i = 0; i < 200'000; ++i) green += ask(Request()).version == 1;
  EXPECT_NEAR(green, 100, 40);
}

TEST_F(Assign, AForgedCookieIsANewVisitor) {
  const Assignment assigned = ask(Request().cookie("cw_shop=" + std::string(45, 'A')));
  EXPECT_TRUE(assigned.set_cookie);
  EXPECT_EQ(assigned.client, 0u);
}

TEST_F(Assign, TheFirstValidCookieWinsOverForgedOnesBeforeIt) {
  const CookieValue value = shop.cookie_key.value(CookieId{1, 2, 3});
  const std::string real(value.begin(), value.end());
  const std::string text = "cw_shop=junk; cw_shop=" + std::string(45, '.') + "; cw_shop=" + real;
  const Assignment assigned = ask(Request().cookie("a=b").cookie(text));
  EXPECT_FALSE(assigned.set_cookie);
  EXPECT_NE(assigned.client, 0u);
}

TEST_F(Assign, ThousandsOfForgedCookiesCostOnlyAFewHashes) {
  std::string text;
  for (int i = 0; i < 16; ++i) text += "cw_shop=" + std::string(45, 'A') + "; ";
  const CookieValue value = shop.cookie_key.value(CookieId{1});
  text += "cw_shop=" + std::string(value.begin(), value.end());
  EXPECT_TRUE(ask(Request().cookie(text)).set_cookie) << "the seventeenth is not looked at";
}

TEST_F(Assign, NobodyLeavesTheCandidateOnTheWayUpAndEverybodyOnRollback) {
  std::vector<Assignment> green;
  for (int i = 0; i < 2000; ++i)
    if (const Assignment first = ask(Request()); first.version == 1) green.push_back(first);
  ASSERT_GT(green.size(), 50u);
  for (const std::int32_t weight : {100'000, 250'000, 1'000'000}) {
    weights(weight);
    for (const Assignment& visitor : green) ASSERT_EQ(come_back(visitor).version, 1u);
  }
  weights(0);
  for (const Assignment& visitor : green) {
    ASSERT_EQ(come_back(visitor).version, 0u);
    ASSERT_FALSE(come_back(visitor).set_cookie) << "a rollback needs no new cookie";
  }
}

TEST_F(Assign, AFlagForcesAVersionEvenAtWeightZero) {
  weights(0);
  flag("beta", "beta", "on");
  const Assignment forced = ask(Request().cookie("beta=on"));
  EXPECT_EQ(forced.version, 1u);
  EXPECT_EQ(forced.reason, Reason::Flag);
  EXPECT_EQ(forced.flag, "beta");
  EXPECT_FALSE(forced.random) << "relative guards must not see it";
  EXPECT_EQ(forced.weight, 0);
  EXPECT_TRUE(forced.set_cookie) << "first contact is first contact";
  EXPECT_EQ(ask(Request().cookie("beta=off")).version, 0u);
  EXPECT_EQ(ask(Request().cookie("beta=ON")).version, 0u) << "exact value";
  EXPECT_EQ(ask(Request()).version, 0u);
}

TEST_F(Assign, AKilledFlagMatchesNobody) {
  weights(0);
  flag("beta", "beta", "on");
  shop.flags[0].enabled = false;
  EXPECT_EQ(ask(Request().cookie("beta=on")).version, 0u);
}

TEST_F(Assign, TheFirstFlagThatMatchesWins) {
  const auto when = config::FlagCondition::Source::Cookie;
  add(cutwater::test::flag_when("to-nowhere", when, "beta", "on", "gone"));
  add(cutwater::test::flag_when("to-blue", when, "beta", "on", "blue"));
  flag("to-green", "beta", "on");
  const Assignment assigned = ask(Request().cookie("beta=on"));
  EXPECT_EQ(assigned.flag, "to-blue") << "a version that is not there cannot be forced";
  EXPECT_EQ(assigned.version, 0u);
}

TEST_F(Assign, AFlagMayAskForAHeader) {
  weights(0);
  add(cutwater::test::flag_when("staff", config::FlagCondition::Source::Header, "X-Staff", "true"));
  EXPECT_EQ(ask(Request().header("x-staff", "true")).reason, Reason::Flag);
  EXPECT_EQ(ask(Request().header("x-staff", "no")).reason, Reason::Sticky);
}

TEST_F(Assign, AFlaggedVisitorIsStillTheSameClientForTheGuard) {
  flag("beta", "beta", "on");
  const Assignment first = ask(Request());
  const CookieValue value = shop.cookie_key.value(first.new_cookie);
  const std::string cookie = "beta=on; cw_shop=" + std::string(value.begin(), value.end());
  const Assignment forced = ask(Request().cookie(cookie));
  EXPECT_EQ(forced.reason, Reason::Flag);
  EXPECT_EQ(forced.client, come_back(first).client);
}

TEST_F(Assign, AHeaderKeySplitsByItsValue) {
  sticky(config::Sticky::Key::Header, "X-User-Id");
  const Assignment one = ask(Request().header("x-user-id", "u17"));
  EXPECT_EQ(one.reason, Reason::Key);
  EXPECT_EQ(one.bucket, bucket_of("u17", shop.salt));
  EXPECT_EQ(one.client, client_hash("u17"));
  EXPECT_FALSE(one.set_cookie);
}

TEST_F(Assign, ACookieKeySplitsByTheFirstValueThatIsNotEmpty) {
  sticky(config::Sticky::Key::Cookie, "uid");
  EXPECT_EQ(ask(Request().cookie("uid=; uid=u17")).bucket, bucket_of("u17", shop.salt));
}

TEST_F(Assign, WithoutTheKeyEachRequestIsDealtByChance) {
  sticky(config::Sticky::Key::Header, "X-User-Id");
  int green = 0;
  for (int i = 0; i < 2000; ++i) {
    const Assignment assigned = ask(Request().header("X-User-Id", ""));
    ASSERT_EQ(assigned.reason, Reason::Chance);
    ASSERT_FALSE(assigned.has_subject);
    ASSERT_EQ(assigned.client, 0u);
    green += assigned.version == 1;
  }
  EXPECT_NEAR(green, 100, 40);
}

TEST_F(Assign, StickyNoneIsChanceAndSetsNoCookie) {
  sticky(config::Sticky::Key::None);
  const Assignment assigned = ask(Request());
  EXPECT_EQ(assigned.reason, Reason::Chance);
  EXPECT_FALSE(assigned.set_cookie);
  EXPECT_TRUE(assigned.random);
}

TEST_F(Assign, AddressesAreTakenWholeForIpv4AndBy64ForIpv6) {
  sticky(config::Sticky::Key::ClientIp);
  const auto from = [&](std::string_view ip) {
    Request request;
    request.client_ip = ip;
    return ask(request);
  };
  EXPECT_EQ(from("192.0.2.7").reason, Reason::Key);
  EXPECT_NE(from("192.0.2.7").client, from("192.0.2.8").client);
  EXPECT_EQ(from("::ffff:192.0.2.7").client, from("192.0.2.7").client);
  EXPECT_EQ(from("2001:db8:1:2::1").client, from("2001:db8:1:2:ffff::9").client);
  EXPECT_NE(from("2001:db8:1:2::1").client, from("2001:db8:1:3::1").client);
  for (const std::string_view odd : {"", "unix", "[::1]", "1.2.3", "fe80::1%eth0"})
    EXPECT_EQ(from(odd).reason, Reason::Chance) << odd;
}

TEST_F(Assign, ATrippedVersionGetsNothingAndItsShareGoesToStable) {
  weights(1'000'000);
  shop.versions[1].monitor->set_tripped(true);
  for (int i = 0; i < 100; ++i) {
    const Assignment assigned = ask(Request());
    ASSERT_EQ(assigned.version, 0u);
    ASSERT_EQ(assigned.reason, Reason::Stable);
    ASSERT_EQ(assigned.first_reason, Reason::Sticky);
    ASSERT_EQ(assigned.wanted, 1u) << "explain says what would have been";
    ASSERT_FALSE(assigned.random);
    ASSERT_EQ(assigned.weight, 0);
    ASSERT_TRUE(assigned.set_cookie);
  }
}

TEST_F(Assign, ATrippedVersionIsClosedToFlagsToo) {
  flag("beta", "beta", "on");
  shop.versions[1].monitor->set_tripped(true);
  const Assignment assigned = ask(Request().cookie("beta=on"));
  EXPECT_EQ(assigned.version, 0u);
  EXPECT_EQ(assigned.first_reason, Reason::Flag);
}

TEST_F(Assign, AVersionWithoutAHealthyEndpointGetsNothing) {
  weights(1'000'000);
  shop.versions[1].endpoints[0]->set_healthy(false);
  EXPECT_EQ(ask(Request()).version, 0u);
  shop.versions[1].endpoints[0]->set_healthy(true);
  EXPECT_EQ(ask(Request()).version, 1u);
}

TEST_F(Assign, StableKeepsItsRequestsEvenWhenItIsDown) {
  weights(0);
  shop.versions[0].endpoints[0]->set_healthy(false);
  const Assignment assigned = ask(Request());
  EXPECT_EQ(assigned.version, 0u);
  EXPECT_EQ(assigned.reason, Reason::Sticky) << "it fell nowhere; the exchange answers 503";
}

TEST_F(Assign, FallingToStableAfterARefusedAdmissionIsNotRandom) {
  weights(1'000'000);
  Assignment assigned = ask(Request());
  fall_to_stable(shop, assigned);
  EXPECT_EQ(assigned.version, 0u);
  EXPECT_EQ(assigned.reason, Reason::Stable);
  EXPECT_EQ(assigned.first_reason, Reason::Sticky);
  EXPECT_EQ(assigned.wanted, 1u);
  EXPECT_FALSE(assigned.random);
  EXPECT_EQ(assigned.weight, 0);
}

TEST_F(Assign, ThreeVersionsAreDealtByChanceAndStick) {
  shop = test::service({{"blue", 700'000}, {"green", 200'000}, {"red", 100'000}});
  std::vector<int> counts(3);
  for (int i = 0; i < 1000; ++i) {
    const Assignment first = ask(Request());
    ++counts[first.version];
    ASSERT_EQ(come_back(first).version, first.version);
  }
  EXPECT_NEAR(counts[1], 200, 50);
  EXPECT_NEAR(counts[2], 100, 38);
}

TEST(ReasonText, EveryReasonHasItsOwnWord) {
  std::set<std::string_view> words;
  for (const Reason reason :
       {Reason::Flag, Reason::Sticky, Reason::Key, Reason::Chance, Reason::Stable})
    words.insert(to_string(reason));
  EXPECT_EQ(words.size(), 5u);
}

// From another site a browser keeps the cookie back, and a new one would deal its user anew.
TEST_F(Assign, NoCookieIsSetWhereABrowserKeptItBack) {
  using SameSite = config::Sticky::SameSite;
  const auto sets = [this](SameSite same_site, http::Method method, std::string_view site) {
    shop.sticky.same_site = same_site;
    Request request;
    request.head.method = method;
    if (!site.empty()) request.header("Sec-Fetch-Site", site);
    return ask(request).set_cookie;
  };
  using http::Method;
  EXPECT_FALSE(sets(SameSite::Lax, Method::Post, "cross-site"));
  EXPECT_FALSE(sets(SameSite::Lax, Method::Head, "cross-site"));
  EXPECT_TRUE(sets(SameSite::Lax, Method::Get, "cross-site")) << "a link brings the cookie along";
  EXPECT_TRUE(sets(SameSite::Lax, Method::Post, "same-site"));
  EXPECT_TRUE(sets(SameSite::Lax, Method::Post, "none"));
  EXPECT_TRUE(sets(SameSite::Lax, Method::Post, "")) << "no browser, or an old one";
  EXPECT_FALSE(sets(SameSite::Strict, Method::Get, "cross-site")) << "not even a link brings it";
  EXPECT_TRUE(sets(SameSite::Strict, Method::Get, "same-origin"));
  EXPECT_TRUE(sets(SameSite::None, Method::Post, "cross-site")) << "it is always sent";
}

TEST_F(Assign, AServiceWithOneVersionSetsNoCookie) {
  shop = test::service({{"blue", Share::kWhole}});
  EXPECT_FALSE(ask(Request()).set_cookie);
}

}  // namespace
}  // namespace cutwater::routing
