// Keys of the sticky cookies over upgrades, changes of the secret and restarts.
#include "control/snapshot/cookie_keys.hpp"

#include <gtest/gtest.h>

namespace cutwater::control {
namespace {

using routing::CookieId;
using routing::CookieSigner;
using routing::MacKey;

constexpr std::int64_t kStart = 1'000'000;
constexpr std::int64_t kTtl = 3600;

MacKey proxy_key() {
  MacKey key;
  key.fill(7);
  return key;
}

config::Config config_with(const std::string& secret, const std::string& service = "shop") {
  config::Config config;
  config.services.emplace_back();
  config.services[0].name = service;
  config.services[0].sticky.ttl = std::chrono::seconds(kTtl);
  config.services[0].sticky.secret = {secret, secret.empty() ? "" : "${env:S}"};
  return config;
}

std::string cookie_of(const CookieSigner& signer) {
  const routing::CookieValue value = signer.value(CookieId{1, 2, 3});
  return {value.begin(), value.end()};
}

bool takes(const CookieSigner& signer, const std::string& value, std::int64_t now) {
  static std::int64_t time;
  time = now;
  return signer.verify(value, [] { return time; }).has_value();
}

CookieKeys adopted(const config::Config& config, std::int64_t now, const std::string& stored = "") {
  CookieKeys keys(proxy_key());
  keys.restore(stored);
  keys.adopt(config, now);
  return keys;
}

// Before, one key signed for all services. No user may be dealt anew by the upgrade.
TEST(CookieKeys, AfterAnUpgradeTheFormerCookiesAreGoodForTheirTtl) {
  const std::string former = cookie_of(CookieSigner(proxy_key()));
  const CookieKeys keys = adopted(config_with(""), kStart);
  EXPECT_TRUE(takes(keys.signer("shop"), former, kStart + kTtl - 1));
  EXPECT_FALSE(takes(keys.signer("shop"), former, kStart + kTtl));
  // A restart does not begin the time anew.
  const CookieKeys later = adopted(config_with(""), kStart + kTtl - 10, keys.text());
  EXPECT_TRUE(takes(later.signer("shop"), former, kStart + kTtl - 1));
  EXPECT_FALSE(takes(later.signer("shop"), former, kStart + kTtl));
}

TEST(CookieKeys, AServiceThatComesLongAfterTheUpgradeTakesNoCookieOfTheFormerForm) {
  CookieKeys keys = adopted(config_with(""), kStart);
  keys.adopt(config_with("", "blog"), kStart + kTtl);
  EXPECT_FALSE(takes(keys.signer("blog"), cookie_of(CookieSigner(proxy_key())), kStart + kTtl));
}

TEST(CookieKeys, WhatWasSignedBeforeASecretChangedIsGoodForItsTtl) {
  CookieKeys keys = adopted(config_with(""), kStart);
  const std::string by_proxy = cookie_of(keys.signer("shop"));
  keys.adopt(config_with("the first secret"), kStart + 100);
  const std::string by_first = cookie_of(keys.signer("shop"));
  EXPECT_NE(by_first, by_proxy);
  keys = adopted(config_with("the second secret"), kStart + 200, keys.text());
  const CookieSigner now = keys.signer("shop");
  EXPECT_TRUE(takes(now, by_proxy, kStart + 100 + kTtl - 1));
  EXPECT_FALSE(takes(now, by_proxy, kStart + 100 + kTtl));
  EXPECT_TRUE(takes(now, by_first, kStart + 200 + kTtl - 1));
  EXPECT_FALSE(takes(now, by_first, kStart + 200 + kTtl));
  keys.adopt(config_with("the first secret"), kStart + 300);
  EXPECT_EQ(cookie_of(keys.signer("shop")), by_first);
  EXPECT_TRUE(takes(keys.signer("shop"), by_first, kStart + 100 * kTtl)) << "it signs again";
}

TEST(CookieKeys, TwoProxiesWithTheSameSecretAgree) {
  MacKey other;
  other.fill(9);
  CookieKeys there(other);
  there.adopt(config_with("the same secret!"), kStart);
  const CookieKeys here = adopted(config_with("the same secret!"), kStart);
  EXPECT_EQ(cookie_of(there.signer("shop")), cookie_of(here.signer("shop")));
}

}  // namespace
}  // namespace cutwater::control
