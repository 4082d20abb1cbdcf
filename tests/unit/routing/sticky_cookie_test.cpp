#include "proxy/routing/sticky_cookie.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "proxy/routing/hmac_sha256.hpp"

namespace cutwater::routing {
namespace {

std::vector<std::uint8_t> bytes(std::string_view text) {
  return {text.begin(), text.end()};
}

std::string hex(const HmacSha256::Digest& digest) {
  std::string text;
  for (const std::uint8_t byte : digest) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string hmac(const std::vector<std::uint8_t>& key, const std::vector<std::uint8_t>& message) {
  return hex(HmacSha256(key)(message));
}

TEST(HmacSha256, Rfc4231) {
  const std::vector<std::uint8_t> long_key(131, 0xaa);
  std::vector<std::uint8_t> counting;
  for (std::uint8_t i = 1; i <= 25; ++i) counting.push_back(i);
  EXPECT_EQ(hmac(std::vector<std::uint8_t>(20, 0x0b), bytes("Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(hmac(bytes("Jefe"), bytes("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(hmac(std::vector<std::uint8_t>(20, 0xaa), std::vector<std::uint8_t>(50, 0xdd)),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  EXPECT_EQ(hmac(counting, std::vector<std::uint8_t>(50, 0xcd)),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
  EXPECT_EQ(hmac(long_key, bytes("Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(hmac(long_key, bytes("This is a test using a larger than block-size key and a larger "
                                 "than block-size data. The key needs to be hashed before being "
                                 "used by the HMAC algorithm.")),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

MacKey key(std::uint8_t fill) {
  MacKey key;
  key.fill(fill);
  return key;
}

CookieId some_id() {
  CookieId id;
  for (std::size_t i = 0; i < id.size(); ++i) id[i] = static_cast<std::uint8_t>(i * 17);
  return id;
}

std::string text(const CookieValue& value) {
  return {value.begin(), value.end()};
}

TEST(StickyCookie, WhatWasSignedIsAccepted) {
  const CookieSigner signer(key(1));
  const std::string value = text(signer.value(some_id()));
  EXPECT_EQ(value.substr(0, 23), "ABEiM0RVZneImaq7zN3u_w.");
  EXPECT_EQ(signer.verify(value), some_id());
}

TEST(StickyCookie, AnotherProxyWithTheSameKeyAcceptsItAndAnotherKeyDoesNot) {
  const std::string value = text(CookieSigner(key(1)).value(some_id()));
  EXPECT_TRUE(CookieSigner(key(1)).verify(value));
  EXPECT_FALSE(CookieSigner(key(2)).verify(value));
  CookieSigner assigned;
  EXPECT_FALSE(assigned.verify(value));
  assigned = key(1);
  EXPECT_TRUE(assigned.verify(value));
}

TEST(StickyCookie, NoSingleCharacterMayBeChanged) {
  const CookieSigner signer(key(1));
  const std::string value = text(signer.value(some_id()));
  constexpr std::string_view kAll =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.+/= \"";
  for (std::size_t at = 0; at < value.size(); ++at)
    for (const char c : kAll) {
      std::string forged = value;
      forged[at] = c;
      if (forged != value) {
        ASSERT_FALSE(signer.verify(forged)) << forged;
      }
    }
}

TEST(StickyCookie, WrongLengthsAndRubbishAreNotIds) {
  const CookieSigner signer(key(1));
  const std::string value = text(signer.value(some_id()));
  for (std::size_t length = 0; length < value.size(); ++length)
    ASSERT_FALSE(signer.verify(value.substr(0, length)));
  EXPECT_FALSE(signer.verify(value + "A"));
  EXPECT_FALSE(signer.verify(std::string(45, '.')));
  EXPECT_FALSE(signer.verify(std::string(45, '\xff')));
}

TEST(CookieIdSource, AsksForFourKibibytesAtATime) {
  int calls = 0;
  CookieIdSource ids([&](std::span<std::uint8_t> out) {
    EXPECT_EQ(out.size(), 4096u);
    std::fill(out.begin(), out.end(), static_cast<std::uint8_t>(++calls));
  });
  for (int i = 0; i < 256; ++i) EXPECT_EQ(ids.next()[0], 1);
  EXPECT_EQ(ids.next()[15], 2);
  EXPECT_EQ(calls, 2);
}

TEST(CookieIdSource, TheKernelsIdsAreAllDifferent) {
  CookieIdSource ids;
  std::set<CookieId> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(ids.next());
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(StickyCookie, TheCookieOfOneServiceIsNoGoodForAnother) {
  const CookieSigner shop(service_key("a secret of the proxy", "shop"));
  const CookieSigner blog(service_key("a secret of the proxy", "blog"));
  EXPECT_TRUE(shop.verify(text(shop.value(some_id()))));
  EXPECT_FALSE(blog.verify(text(shop.value(some_id()))));
  const CookieSigner elsewhere(service_key("a secret of the proxy", "shop"));
  EXPECT_EQ(elsewhere.value(some_id()), shop.value(some_id())) << "another proxy, the same secret";
}

TEST(StickyCookie, WhatAFormerKeySignedIsTakenUntilItsTimeIsOver) {
  const std::string value = text(CookieSigner(key(1)).value(some_id()));
  CookieSigner signer(key(2));
  signer.also_accept(key(1), 1000);
  EXPECT_EQ(signer.verify(value, [] { return std::int64_t{999}; }), some_id());
  EXPECT_EQ(signer.verify(value, [] { return std::int64_t{1000}; }), std::nullopt);
  EXPECT_NE(text(signer.value(some_id())), value) << "it signs by its own key";
}

std::string set_cookie(const config::Sticky& cookie, bool https,
                       std::size_t room = kMostSetCookie) {
  std::array<char, kMostSetCookie> out;
  return std::string(format_set_cookie(cookie, "abc", https, std::span(out).first(room)));
}

config::Sticky shop_cookie() {
  config::Sticky cookie;
  cookie.name = "cw_shop";
  return cookie;
}

TEST(SetCookie, SaysEverythingABrowserMustKnow) {
  config::Sticky cookie = shop_cookie();
  EXPECT_EQ(set_cookie(cookie, false),
            "cw_shop=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
  EXPECT_EQ(set_cookie(cookie, true),
            "cw_shop=abc; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax; Secure");
  cookie.same_site = config::Sticky::SameSite::None;
  cookie.always_secure = cookie.partitioned = true;
  cookie.domain = "example.com";
  cookie.path = "/app";
  EXPECT_EQ(set_cookie(cookie, false),
            "cw_shop=abc; Path=/app; Max-Age=2592000; HttpOnly; SameSite=None; "
            "Domain=example.com; Secure; Partitioned");
  cookie.same_site = config::Sticky::SameSite::Strict;
  EXPECT_NE(set_cookie(cookie, false).find("SameSite=Strict"), std::string::npos);
}

TEST(SetCookie, NeverWritesHalfACookie) {
  const std::size_t length = set_cookie(shop_cookie(), true).size();
  EXPECT_EQ(set_cookie(shop_cookie(), true, length).size(), length);
  for (std::size_t size = 0; size < length; ++size)
    EXPECT_EQ(set_cookie(shop_cookie(), true, size), "");
}

TEST(SetCookie, TheLongestThatCanBeConfiguredFits) {
  config::Sticky cookie;
  cookie.name = std::string(config::kMostCookieName, 'n');
  cookie.path = "/" + std::string(config::kMostCookiePath - 1, 'p');
  cookie.domain = std::string(255, 'd');
  cookie.ttl = std::chrono::seconds(999'999'999);
  cookie.same_site = config::Sticky::SameSite::Strict;
  cookie.always_secure = cookie.partitioned = true;
  std::array<char, kMostSetCookie> out;
  const std::string value(kCookieValueLength, 'v');
  const std::string_view written = format_set_cookie(cookie, value, true, out);
  EXPECT_TRUE(written.ends_with("; Partitioned")) << written;
}

TEST(SplitSalt, BelongsToTheSecretTheServiceAndTheStableVersion) {
  const std::uint64_t salt = split_salt("secret", "shop", "blue");
  EXPECT_EQ(salt, split_salt("secret", "shop", "blue"));
  const std::set<std::uint64_t> salts{salt, split_salt("other", "shop", "blue"),
                                      split_salt("secret", "api", "blue"),
                                      split_salt("secret", "shop", "green")};
  EXPECT_EQ(salts.size(), 4u);
}

}  // namespace
}  // namespace cutwater::routing
