// Who may ask and from where: roles, tokens, Host, Origin.
#include <gtest/gtest.h>

#include "tests/unit/admin/admin_harness.hpp"

namespace cutwater::control {
namespace {

TEST(Access, TheRolesAreOfTheContract) {
  RunningAdmin admin(admin_with_tokens());
  struct RoleRow {
    const char* method;
    const char* target;
    const char* role;  // the least that may
  };
  const std::vector<std::string> roles = {"viewer", "deployer", "approver", "admin"};
  for (const RoleRow& row :
       std::vector<RoleRow>{{"GET", "/v1/services", "viewer"},
                            {"GET", "/v1/decisions", "viewer"},
                            {"GET", "/v1/config", "viewer"},
                            {"GET", "/metrics", "viewer"},
                            {"GET", "/openapi.json", "viewer"},
                            {"POST", "/v1/services/shop:explain", "viewer"},
                            {"GET", "/v1/rollouts/r-1/record", "viewer"},
                            {"POST", "/v1/rollouts/r-1:replay", "viewer"},
                            {"POST", "/v1/config:validate", "deployer"},
                            {"PUT", "/v1/services/shop/weights", "deployer"},
                            {"PUT", "/v1/services/shop/versions/green", "deployer"},
                            {"DELETE", "/v1/services/shop/versions/green", "deployer"},
                            {"POST", "/v1/services/shop/rollouts", "deployer"},
                            {"POST", "/v1/rollouts/r-1:pause", "deployer"},
                            {"POST", "/v1/rollouts/r-1:resume", "deployer"},
                            {"POST", "/v1/rollouts/r-1:promote", "deployer"},
                            {"POST", "/v1/rollouts/r-1:abort", "deployer"},
                            {"POST", "/v1/services/shop:rollback", "deployer"},
                            {"POST", "/v1/services/shop/flags/beta:kill", "deployer"},
                            {"POST", "/v1/services/shop/flags/beta:revive", "deployer"},
                            {"POST", "/v1/services/shop/versions/green:unlock", "deployer"},
                            {"POST", "/v1/services/shop/versions/green:drain", "deployer"},
                            {"POST", "/v1/services/shop/versions/green:undrain", "deployer"},
                            {"POST", "/v1/config:reload", "admin"},
                            {"POST", "/v1/proxy:drain", "admin"}}) {
    bool may = false;
    for (const std::string& role : roles) {
      may = may || role == row.role;
      const std::string body = std::string(row.method) == "GET" ? "" : R"({"endpoints":[]})";
      const Response response =
          body.empty() ? ask(admin, row.method, row.target, {bearer(role + "-secret")})
                       : ask_json(admin, row.method, row.target, body, {bearer(role + "-secret")});
      EXPECT_EQ(response.result_int() != 403, may) << role << " " << row.target;
      if (!may) {
        EXPECT_EQ(json_of(response).at("role_needed").as_string(), row.role) << row.target;
      }
    }
    EXPECT_EQ(ask(admin, row.method, row.target).result_int(), 401u) << row.target;
  }
}

TEST(Access, AsksForATokenAndNeverTakesItFromTheQuery) {
  RunningAdmin admin(admin_with_tokens());
  const Response refused = ask(admin, "GET", "/v1/services?token=viewer-secret&access_token=x");
  EXPECT_EQ(refused.result_int(), 401u);
  EXPECT_EQ(refused[http::field::www_authenticate], "Bearer realm=\"cutwater\"");
  EXPECT_EQ(problem_type(refused), "unauthenticated");
  EXPECT_EQ(ask(admin, "GET", "/no/such/path").result_int(), 401u);
  EXPECT_EQ(ask(admin, "GET", "/v1/services", {bearer("viewer-secret"), bearer("viewer-secret")})
                .result_int(),
            400u);
}

TEST(Access, TheActorIsTheTokensName) {
  RunningAdmin admin(admin_with_tokens());
  ask(admin, "POST", "/v1/services/shop:rollback", {bearer("deployer-secret")});
  EXPECT_EQ(admin.last_asked(), "rollback shop {} by deployer");
}

TEST(Access, GuessingIsSlowedDownAndNobodyElse) {
  RunningAdmin admin(admin_with_tokens());
  for (int guess = 0; guess < 10; ++guess) {
    EXPECT_EQ(ask(admin, "GET", "/v1/services", {bearer("x" + std::to_string(guess))}).result_int(),
              401u);
  }
  const Response blocked = ask(admin, "GET", "/v1/services", {bearer("another")});
  EXPECT_EQ(blocked.result_int(), 429u);
  EXPECT_NE(blocked[http::field::retry_after], "");
  EXPECT_EQ(ask(admin, "GET", "/v1/services", {bearer("viewer-secret")}).result_int(), 200u);
}

TEST(Access, HealthNeedsNoToken) {
  RunningAdmin admin(admin_with_tokens());
  EXPECT_EQ(ask(admin, "GET", "/livez").result_int(), 200u);
  admin.fake.is_ready = false;
  EXPECT_EQ(ask(admin, "GET", "/readyz").result_int(), 503u);
  EXPECT_EQ(problem_type(ask(admin, "GET", "/readyz")), "not_ready");
}

TEST(Access, ProbesAreAnsweredHoweverTheyAsk) {
  RunningAdmin admin(admin_with_tokens());
  for (const char* path : {"/livez", "/readyz"}) {
    for (const char* rest :
         {" HTTP/1.0\r\n\r\n", " HTTP/1.1\r\n\r\n", " HTTP/1.1\r\nHost: evil.test\r\n\r\n",
          " HTTP/1.0\r\nHost:\r\n\r\n", " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
          "?verbose&verbose HTTP/1.1\r\nHost: a\r\n\r\n",
          " HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"}) {
      for (const char* method : {"GET ", "HEAD "}) {
        RawClient client(admin);
        client.send(std::string(method) + path + rest);
        EXPECT_EQ(client.read(*method == 'H').result_int(), 200u) << method << path << rest;
      }
    }
  }
  RawClient client(admin);
  client.send("GET /v1/services HTTP/1.0\r\n\r\n");
  EXPECT_EQ(client.read().result_int(), 400u);
}

TEST(Access, TheAddressOfProbesAnswersNothingElse) {
  config::Admin config = admin_with_tokens();
  config.probes = config::Address{"127.0.0.1", 0};
  RunningAdmin admin(config);
  const std::uint16_t port = admin.server.probes_address()->port;
  EXPECT_NE(port, admin.address.port);
  const auto status = [&](const std::string& request) {
    RawClient client(port);
    client.send(request + "\r\n");
    return client.read().result_int();
  };
  const std::string token = "Host: localhost\r\n" + bearer("viewer-secret") + "\r\n";
  EXPECT_EQ(status("GET /readyz HTTP/1.0\r\n"), 200u);
  EXPECT_EQ(status("GET /metrics HTTP/1.1\r\n" + token), 200u);
  EXPECT_EQ(status("GET /metrics HTTP/1.1\r\nHost: localhost\r\n"), 401u);
  for (const char* target : {"/", "/v1/services", "/openapi.json", "/nope"})
    EXPECT_EQ(status("GET " + std::string(target) + " HTTP/1.1\r\n" + token), 404u) << target;
  EXPECT_EQ(status("POST /v1/services/shop:rollback HTTP/1.1\r\n" + token), 404u);
}

TEST(Access, ATokenTakenBackWorksNoLongerAndItsStreamsEnd) {
  config::Admin config = admin_with_tokens();
  RunningAdmin admin(config);
  const std::string events = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n";
  RawClient revoked(admin);
  RawClient kept(admin);
  revoked.send(events + bearer("viewer-secret") + "\r\n\r\n");
  kept.send(events + bearer("deployer-secret") + "\r\n\r\n");
  revoked.read_until("retry: 1000\n\n");
  kept.read_until("retry: 1000\n\n");
  RawClient half(admin);  // its body comes when the token is gone
  half.send("POST /v1/services/shop:explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n" +
            bearer("viewer-secret") + "\r\nExpect: 100-continue\r\n\r\n");
  half.read_until("100 Continue\r\n\r\n");

  config.tokens.erase(config.tokens.begin());
  admin.on_control([&] { admin.server.adopt(config); });
  EXPECT_TRUE(revoked.closed());
  half.send("{}");
  EXPECT_EQ(half.read().result_int(), 401u);
  EXPECT_EQ(ask(admin, "GET", "/v1/services", {bearer("viewer-secret")}).result_int(), 401u);
  admin.on_control([&] { admin.fake.publish({1, "decision", "{}"}); });
  EXPECT_NE(kept.read_until("id: 1\n"), "");
}

TEST(Access, ARoleOfANewConfigurationCountsAtOnce) {
  config::Admin config = admin_with_tokens();
  RunningAdmin admin(config);
  const auto rollback = [&] {
    return ask(admin, "POST", "/v1/services/shop:rollback", {bearer("viewer-secret")}).result_int();
  };
  EXPECT_EQ(rollback(), 403u);
  config.tokens.front().role = config::Role::Deployer;
  admin.on_control([&] { admin.server.adopt(config); });
  EXPECT_EQ(rollback(), 200u);
}

TEST(Access, ARebornNameIsMisdirected) {
  RunningAdmin admin;
  const Response response = ask(admin, "GET", "/v1/services", {"Host: evil.test"});
  EXPECT_EQ(response.result_int(), 421u);
  EXPECT_EQ(problem_type(response), "host_not_allowed");
  EXPECT_EQ(ask(admin, "GET", "/", {"Host: evil.test"}).result_int(), 421u);
  EXPECT_EQ(ask(admin, "GET", "/v1/services", {"Host: localhost", "Host: evil.test"}).result_int(),
            400u);
}

TEST(Access, AnotherWebSiteChangesNothing) {
  RunningAdmin admin;
  EXPECT_EQ(
      ask(admin, "POST", "/v1/services/shop:rollback", {"Origin: http://evil.test"}).result_int(),
      403u);
  EXPECT_EQ(
      ask(admin, "POST", "/v1/services/shop:rollback", {"Sec-Fetch-Site: cross-site"}).result_int(),
      403u);
  EXPECT_TRUE(admin.fake.asked.empty());
  EXPECT_EQ(
      ask(admin, "POST", "/v1/services/shop:rollback", {"Origin: http://localhost"}).result_int(),
      200u);
}

TEST(Access, NoPreflightIsEverAnswered) {
  RunningAdmin admin;
  const Response response = ask(admin, "OPTIONS", "/v1/services/shop/weights",
                                {"Origin: http://evil.test", "Access-Control-Request-Method: PUT"});
  EXPECT_EQ(response.result_int(), 403u);
  EXPECT_EQ(response.count(http::field::access_control_allow_origin), 0u);
  EXPECT_EQ(ask(admin, "GET", "/v1/services", {"Origin: http://evil.test"})
                .count(http::field::access_control_allow_origin),
            0u);
}

}  // namespace
}  // namespace cutwater::control
