// Tests row T31 of tests/HARDENING.md: whatever stands in Cookie, reading it is never an error.
#include "proxy/routing/cookie_header.hpp"

#include <gtest/gtest.h>

#include <string>

namespace cutwater::routing {
namespace {

http::FieldList cookies(std::initializer_list<std::string_view> values) {
  http::FieldList fields;
  for (const std::string_view value : values)
    fields.push_back({"Cookie", value, http::FieldId::Cookie});
  return fields;
}

std::optional<std::string_view> beta(std::initializer_list<std::string_view> values) {
  static http::FieldList fields;
  fields = cookies(values);
  return find_cookie(fields, "beta", [](std::string_view) { return true; });
}

TEST(CookieHeader, FindsAPairAmongOthers) {
  EXPECT_EQ(beta({"beta=on"}), "on");
  EXPECT_EQ(beta({"a=1; beta=on; c=3"}), "on");
  EXPECT_EQ(beta({"a=1; c=3"}), std::nullopt);
  EXPECT_EQ(beta({}), std::nullopt);
}

TEST(CookieHeader, TheFirstOneWins) {
  EXPECT_EQ(beta({"beta=off; beta=on"}), "off");
}

TEST(CookieHeader, SeveralFieldsAreReadAsOne) {
  EXPECT_EQ(beta({"a=1", "beta=on"}), "on");
  EXPECT_EQ(beta({"beta=1", "beta=2"}), "1");
}

TEST(CookieHeader, NamesAreCaseSensitiveAndWhole) {
  EXPECT_EQ(beta({"Beta=on; xbeta=on; betax=on"}), std::nullopt);
}

TEST(CookieHeader, ToleratesSpacingAndEmptyPairs) {
  EXPECT_EQ(beta({"a=1;beta=on"}), "on");
  EXPECT_EQ(beta({";; ;beta=on;;"}), "on");
  EXPECT_EQ(beta({"  beta  =  on  ; c=3"}), "on");
  EXPECT_EQ(beta({"beta=on;"}), "on");
}

TEST(CookieHeader, QuotesAroundAValueAreTakenOff) {
  EXPECT_EQ(beta({"beta=\"on\""}), "on");
  EXPECT_EQ(beta({"beta=\"\""}), "");
}

TEST(CookieHeader, AnEmptyValueIsAValue) {
  EXPECT_EQ(beta({"beta=; beta=on"}), "");
}

TEST(CookieHeader, EverythingAfterTheFirstEqualsSignIsTheValue) {
  EXPECT_EQ(beta({"beta=a=b=="}), "a=b==");
}

TEST(CookieHeader, UnusablePairsArePassedOver) {
  EXPECT_EQ(beta({"beta; =x; beta=on"}), "on") << "no value, no name";
  EXPECT_EQ(beta({"beta=\"o; beta=on"}), "on") << "lonely quote";
  EXPECT_EQ(beta({"beta=o\"n; beta=on"}), "on") << "inner quote";
  EXPECT_EQ(beta({std::string_view("beta=o\0n; beta=on", 17)}), "on") << "NUL";
  EXPECT_EQ(beta({"beta=o\x7fn; beta=on"}), "on");
  EXPECT_EQ(beta({"$Version=1; beta=on; $Path=/"}), "on");
}

TEST(CookieHeader, ThreeHundredPairsAndEightKibibytesAreRead) {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "c" + std::to_string(i) + "=v; ";
  EXPECT_EQ(beta({many + "beta=on"}), "on");
  EXPECT_EQ(beta({"x=" + std::string(8192, 'y') + "; beta=on"}), "on");
  EXPECT_EQ(beta({std::string(8192, ';')}), std::nullopt);
}

TEST(CookieHeader, AskedForAValidOneItGoesOnLooking) {
  const http::FieldList fields = cookies({"id=forged; id=real"});
  EXPECT_EQ(find_cookie(fields, "id", [](std::string_view v) { return v == "real"; }), "real");
  EXPECT_EQ(find_cookie(fields, "id", [](std::string_view) { return false; }), std::nullopt);
}

}  // namespace
}  // namespace cutwater::routing
