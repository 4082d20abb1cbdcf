#include "control/admin/auth.hpp"

#include <gtest/gtest.h>

namespace cutwater::control::admin {
namespace {

using namespace std::chrono_literals;

std::vector<config::Token> one_token() {
  return {{"bot", config::Role::Deployer, {"s3cret", "${env:X}"}}};
}

TEST(Auth, WithoutTokensEveryoneIsTheLocalAdmin) {
  Authenticator auth({});
  const Admitted admitted = auth.admit({}, "127.0.0.1", TimePoint());
  ASSERT_TRUE(admitted.actor);
  EXPECT_EQ(admitted.actor->name, "local");
  EXPECT_EQ(admitted.actor->role, config::Role::Admin);
}

TEST(Auth, TheTokenSaysWhoAsks) {
  Authenticator auth(one_token());
  const Admitted admitted = auth.admit({"bearer s3cret"}, "10.0.0.1", TimePoint());
  ASSERT_TRUE(admitted.actor);
  EXPECT_EQ(admitted.actor->name, "bot");
  EXPECT_EQ(admitted.actor->role, config::Role::Deployer);
}

TEST(Auth, RefusesAnythingElse) {
  Authenticator auth(one_token());
  for (const char* header : {"Bearer s3cre", "Bearer s3cret ", "Bearer s3crets", "Bearer ",
                             "Bearer", "Basic s3cret", "s3cret", ""}) {
    const Admitted admitted = auth.admit({header}, "10.0.0.1", TimePoint());
    EXPECT_FALSE(admitted.actor) << header;
    EXPECT_EQ(admitted.status, 401) << header;
  }
}

TEST(Auth, TwoHeadersAreAMistakeEvenIfBothAreRight) {
  Authenticator auth(one_token());
  EXPECT_EQ(auth.admit({"Bearer s3cret", "Bearer s3cret"}, "10.0.0.1", TimePoint()).status, 400);
}

TEST(Auth, TenDifferentGuessesSlowFurtherGuessesOfThePeerDown) {
  Authenticator auth(one_token());
  const TimePoint now;
  for (int guess = 0; guess < 10; ++guess) {
    EXPECT_EQ(auth.admit({"Bearer x" + std::to_string(guess)}, "10.0.0.1", now).status, 401);
  }
  const Admitted blocked = auth.admit({"Bearer another"}, "10.0.0.1", now + 1s);
  EXPECT_EQ(blocked.status, 429);
  EXPECT_EQ(blocked.retry_after, 9s);
  EXPECT_EQ(auth.admit({"Bearer another"}, "10.0.0.2", now + 1s).status, 401);
  EXPECT_EQ(auth.admit({"Bearer another"}, "10.0.0.1", now + 10s).status, 401);
}

TEST(Auth, ARightTokenPassesWhateverOthersAtTheAddressGuess) {
  Authenticator auth(one_token());
  const TimePoint now;
  for (int guess = 0; guess < 100; ++guess) {
    auth.admit({"Bearer x" + std::to_string(guess)}, "unix", now);
    EXPECT_TRUE(auth.admit({"Bearer s3cret"}, "unix", now).actor) << guess;
  }
}

TEST(Auth, TokensOfANewConfigurationCountAtOnce) {
  Authenticator auth(one_token());
  const Sha256 shown = auth.admit({"Bearer s3cret"}, "10.0.0.1", TimePoint()).token;
  auth.adopt({{"bot", config::Role::Viewer, {"s3cret", ""}}, {"new", {}, {"fresh", ""}}});
  EXPECT_EQ(auth.holder_of(shown)->role, config::Role::Viewer);
  EXPECT_TRUE(auth.admit({"Bearer fresh"}, "10.0.0.1", TimePoint()).actor);
  auth.adopt({{"new", config::Role::Viewer, {"fresh", ""}}});
  EXPECT_FALSE(auth.holder_of(shown));
  EXPECT_EQ(auth.admit({"Bearer s3cret"}, "10.0.0.1", TimePoint()).status, 401);
}

TEST(Auth, AStaleTokenInALoopGoesOnHearingThatItIsWrong) {
  Authenticator auth(one_token());
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(auth.admit({"Bearer stale"}, "10.0.0.1", TimePoint()).status, 401);
}

TEST(Auth, SlowFailuresAreForgotten) {
  Authenticator auth(one_token());
  TimePoint now;
  for (int guess = 0; guess < 50; ++guess, now += 2s) {
    EXPECT_EQ(auth.admit({"Bearer x" + std::to_string(guess)}, "10.0.0.1", now).status, 401);
  }
}

TEST(Auth, TheTableOfGuessersIsBounded) {
  GuessLimiter limiter;
  for (std::size_t i = 0; i < GuessLimiter::kPeers + 500; ++i) {
    limiter.failed("peer" + std::to_string(i), sha256("x"), TimePoint());
  }
  EXPECT_EQ(limiter.size(), GuessLimiter::kPeers);
}

TEST(Hosts, AnswersToLoopbackItsAddressAndTheAllowedNames) {
  config::Admin admin;
  admin.listen = {"10.1.2.3", 9901};
  admin.allowed_hosts = {"Ops.example.com"};
  const HostPolicy hosts(admin);
  for (const char* host :
       {"localhost", "LOCALHOST:9901", "127.0.0.1", "127.0.0.1:1", "[::1]", "[::1]:9901",
        "10.1.2.3:9901", "ops.example.com", "ops.example.com:80"}) {
    EXPECT_TRUE(hosts.allows(host)) << host;
  }
  for (const char* host : {"evil.test", "evil.test:9901", "localhost.evil.test", "", ":9901", "::1",
                           "10.1.2.4", "localhost:x", "localhost:", "localhost:9901@evil.test",
                           "user@localhost", "[::1]evil.test", "127.0.0.1.nip.io"}) {
    EXPECT_FALSE(hosts.allows(host)) << host;
  }
}

TEST(Hosts, BoundToEveryAddressItAnswersToLiteralsBecauseTheyCannotBeRebound) {
  config::Admin admin;
  admin.listen = {"0.0.0.0", 9901};
  const HostPolicy hosts(admin);
  EXPECT_TRUE(hosts.allows("192.0.2.7:9901"));
  EXPECT_TRUE(hosts.allows("[2001:db8::1]"));
  EXPECT_FALSE(hosts.allows("evil.test"));
}

TEST(CrossSite, OnlyABrowserOnAnotherSiteIsOne) {
  EXPECT_FALSE(is_cross_site("", "", "localhost:9901"));
  EXPECT_FALSE(is_cross_site("http://localhost:9901", "same-origin", "localhost:9901"));
  EXPECT_TRUE(is_cross_site("http://evil.test", "", "localhost:9901"));
  EXPECT_TRUE(is_cross_site("http://localhost:3000", "", "localhost:9901"));
  EXPECT_TRUE(is_cross_site("null", "", "localhost:9901"));
  EXPECT_TRUE(is_cross_site("", "cross-site", "localhost:9901"));
  EXPECT_TRUE(is_cross_site("", "same-site", "localhost:9901"));
}

}  // namespace
}  // namespace cutwater::control::admin
