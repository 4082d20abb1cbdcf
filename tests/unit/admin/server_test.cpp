// What a script, a browser or an attacker meets at the admin port.
#include "control/admin/server.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <list>

#include "tests/unit/admin/admin_harness.hpp"

namespace cutwater::control {
namespace {

TEST(AdminServer, ShowsAServiceWithItsGenerationAsETag) {
  RunningAdmin admin;
  const Response response = ask(admin, "GET", "/v1/services/shop");
  EXPECT_EQ(response.result_int(), 200u);
  EXPECT_EQ(response[http::field::content_type], "application/json");
  EXPECT_EQ(response[http::field::etag], "\"7\"");
  EXPECT_EQ(json_of(response).at("weights").at("blue").to_number<double>(), 95);
}

TEST(AdminServer, WritesWeightsOnlyForWhoKnowsTheGeneration) {
  RunningAdmin admin;
  const std::string body = R"({"blue": 90, "green": 10})";
  const std::string path = "/v1/services/shop/weights";
  EXPECT_EQ(ask_json(admin, "PUT", path, body).result_int(), 428u);
  EXPECT_EQ(ask_json(admin, "PUT", path, body, {"If-Match: \"6\""}).result_int(), 412u);
  EXPECT_EQ(ask_json(admin, "PUT", path, body, {"If-Match: W/\"7\""}).result_int(), 412u);
  const Response done = ask_json(admin, "PUT", path, body, {"If-Match: \"7\""});
  EXPECT_EQ(done.result_int(), 200u);
  EXPECT_EQ(done[http::field::etag], "\"8\"");
  EXPECT_EQ(json_of(done).at("weights").at("green").to_number<double>(), 10);
  EXPECT_EQ(ask_json(admin, "PUT", path, body, {"If-Match: *"}).result_int(), 200u);
}

TEST(AdminServer, ARehearsalChangesNothing) {
  RunningAdmin admin;
  const std::string path = "/v1/services/shop/weights?dry_run=true";
  EXPECT_EQ(ask_json(admin, "PUT", path, R"({"blue":0})", {"If-Match: *"}).result_int(), 200u);
  EXPECT_EQ(admin.last_asked(), "put_weights shop {\"blue\":0} if-match any by local dry");
  EXPECT_EQ(admin.fake.generation, 7u);
}

TEST(AdminServer, AMisspeltOrUnsupportedRehearsalIsNotTheRealThing) {
  RunningAdmin admin;
  for (const char* target :
       {"/v1/services/shop:rollback?dry_run=true", "/v1/services/shop/rollouts?dryrun=true",
        "/v1/services/shop/rollouts?dry_run=yes",
        "/v1/services/shop/rollouts?dry_run=true&dry_run=false"}) {
    EXPECT_EQ(problem_type(ask_json(admin, "POST", target, "{}")), "bad_query") << target;
  }
  EXPECT_TRUE(admin.fake.asked.empty());
}

struct Row {
  const char* method;
  const char* target;
  const char* body;
  unsigned status;
  const char* asked;
};

TEST(AdminServer, EveryRouteReachesItsOperation) {
  RunningAdmin admin;
  const std::vector<Row> rows = {
      {"GET", "/v1/services", "", 200, ""},
      {"GET", "/v1/services/nope", "", 404, ""},
      {"GET", "/v1/services/shop/weights", "", 200, ""},
      {"GET", "/v1/services/shop/versions/green", "", 200, "show shop green by local"},
      {"GET", "/v1/services/shop/flags", "", 200, ""},
      {"GET", "/v1/services/shop/flags/beta", "", 200, ""},
      {"GET", "/v1/services/shop/flags/nope", "", 404, ""},
      {"GET", "/v1/services/shop/rollouts", "", 200, ""},
      {"GET", "/v1/rollouts/r-1", "", 200, ""},
      {"GET", "/v1/rollouts/r-1/analysis", "", 200, ""},
      {"GET", "/v1/rollouts/r-1/record", "", 200, "record r-1"},
      {"POST", "/v1/rollouts/r-1:replay", "", 200, "replay r-1 {}"},
      {"POST", "/v1/rollouts/r-1:replay", R"({"error_rate":"2%"})", 200,
       "replay r-1 {\"error_rate\":\"2%\"}"},
      {"GET", "/v1/config", "", 200, ""},
      {"GET", "/v1/proxy", "", 200, ""},
      {"GET", "/livez", "", 200, ""},
      {"GET", "/readyz", "", 200, ""},
      {"POST", "/v1/services/shop:explain", R"({"path":"/"})", 200,
       "explain shop {\"path\":\"/\"}"},
      {"POST", "/v1/services/shop:rollback", "", 200, "rollback shop {} by local"},
      {"POST", "/v1/services/shop:rollback", R"({"to":"blue"})", 200,
       "rollback shop {\"to\":\"blue\"} by local"},
      {"POST", "/v1/services/shop/versions/green:unlock", "", 200, "unlock shop green by local"},
      {"POST", "/v1/services/shop/versions/green:drain", "", 200, "drain shop green by local"},
      {"POST", "/v1/services/shop/versions/green:undrain", "", 200, "unlock shop green by local"},
      {"PUT", "/v1/services/shop/versions/pink", R"({"endpoints":[]})", 201,
       "put_version shop pink {\"endpoints\":[]} if-match absent by local"},
      {"DELETE", "/v1/services/shop/versions/pink", "", 200,
       "remove_version shop pink if-match absent by local"},
      {"POST", "/v1/services/shop/flags/beta:kill", "", 200, "kill shop beta by local"},
      {"POST", "/v1/services/shop/flags/beta:revive", "", 200, "revive shop beta by local"},
      {"POST", "/v1/services/shop/rollouts", R"({"to":"green"})", 201,
       "start_rollout shop {\"to\":\"green\"} by local"},
      {"POST", "/v1/rollouts/r-1:pause", "", 200, "pause r-1 {} by local"},
      {"POST", "/v1/rollouts/r-1:resume", "", 200, "resume r-1 {} by local"},
      {"POST", "/v1/rollouts/r-1:promote", "", 200, "promote r-1 {} by local"},
      {"POST", "/v1/rollouts/r-1:promote-full", "", 200, "promote-full r-1 {} by local"},
      {"POST", "/v1/rollouts/r-1:abort", R"({"reason":"no"})", 200,
       "abort r-1 {\"reason\":\"no\"} by local"},
      {"POST", "/v1/config:reload", "", 200, "reload by local"},
      {"POST", "/v1/proxy:drain", "", 202, "drain by local"},
      {"GET", "/v1/decisions", "", 200, "decisions  newest limit 100"},
      {"GET", "/v1/decisions?after=0", "", 200, "decisions  after 0 limit 100"},
      {"GET", "/v1/decisions?service=shop&after=4&limit=9999", "", 200,
       "decisions shop after 4 limit 1000"},
      {"GET", "/v1/decisions?limit=-1", "", 400, ""},
  };
  for (const Row& row : rows) {
    admin.fake.asked.clear();
    const Response response = *row.body == 0 ? ask(admin, row.method, row.target)
                                             : ask_json(admin, row.method, row.target, row.body);
    EXPECT_EQ(response.result_int(), row.status) << row.method << " " << row.target;
    EXPECT_EQ(admin.last_asked(), row.asked) << row.method << " " << row.target;
  }
}

TEST(AdminServer, ANewRolloutHasALocation) {
  RunningAdmin admin;
  const Response made = ask_json(admin, "POST", "/v1/services/shop/rollouts", R"({"to":"green"})");
  EXPECT_EQ(made[http::field::location], "/v1/rollouts/r-1");
}

TEST(AdminServer, TheSameKeyAndBodyActOnlyOnce) {
  RunningAdmin admin;
  const std::string path = "/v1/services/shop/rollouts";
  const std::string key = "Idempotency-Key: deploy-41";
  const Response first = ask_json(admin, "POST", path, R"({"to":"green"})", {key});
  const Response again = ask_json(admin, "POST", path, R"({"to":"green"})", {key});
  EXPECT_EQ(again.result_int(), 201u);
  EXPECT_EQ(again.body(), first.body());
  EXPECT_EQ(again[http::field::location], first[http::field::location]);
  EXPECT_EQ(admin.fake.asked.size(), 1u);
  const Response other = ask_json(admin, "POST", path, R"({"to":"blue"})", {key});
  EXPECT_EQ(problem_type(other), "idempotency_key_reused");
  EXPECT_EQ(problem_type(ask(admin, "POST", "/v1/services/shop:rollback", {key})),
            "idempotency_key_reused");
  EXPECT_EQ(admin.fake.asked.size(), 1u);
  EXPECT_EQ(ask_json(admin, "POST", path, R"({"to":"green"})", {key, key}).result_int(), 400u);
}

TEST(AdminServer, AKeyWhoseFirstRequestStillRunsIsAConflict) {
  RunningAdmin admin;
  admin.fake.keys_in_flight.insert("local/deploy-41");
  const Response response =
      ask(admin, "POST", "/v1/services/shop:rollback", {"Idempotency-Key: deploy-41"});
  EXPECT_EQ(response.result_int(), 409u);
  EXPECT_EQ(problem_type(response), "idempotency_key_in_flight");
  EXPECT_TRUE(admin.fake.asked.empty());
}

TEST(AdminServer, AKeyIsAlsoReleasedWhenTheOperationFails) {
  RunningAdmin admin;
  admin.fake.throws = true;
  const std::string key = "Idempotency-Key: k";
  EXPECT_EQ(ask(admin, "POST", "/v1/services/shop:rollback", {key}).result_int(), 500u);
  admin.fake.throws = false;
  EXPECT_EQ(ask(admin, "POST", "/v1/services/shop:rollback", {key}).result_int(), 200u);
}

TEST(AdminServer, DuplicateKeysAreRefusedBeforeAnyoneActsOnThem) {
  RunningAdmin admin;
  const Response response = ask_json(admin, "PUT", "/v1/services/shop/weights",
                                     R"({"blue": 0, "blue": 100})", {"If-Match: *"});
  EXPECT_EQ(response.result_int(), 400u);
  EXPECT_EQ(json_of(response).at("detail").as_string(),
            "The body is not usable JSON: the key \"blue\" occurs twice.");
  EXPECT_TRUE(admin.fake.asked.empty());
}

TEST(AdminServer, AWriteNeedsAJsonObjectAndSaysSo) {
  RunningAdmin admin;
  const std::string path = "/v1/services/shop/weights";
  EXPECT_EQ(ask(admin, "PUT", path, {"If-Match: *"}, "{}").result_int(), 415u);
  EXPECT_EQ(ask(admin, "PUT", path, {"Content-Type: text/plain"}, "{}").result_int(), 415u);
  EXPECT_EQ(ask(admin, "POST", "/v1/services/shop:rollback",
                {"Content-Type: application/x-www-form-urlencoded"})
                .result_int(),
            415u);
  EXPECT_EQ(problem_type(ask_json(admin, "PUT", path, "[1]")), "bad_json");
  EXPECT_EQ(problem_type(ask_json(admin, "PUT", path, "{")), "bad_json");
  EXPECT_EQ(problem_type(ask_json(admin, "PUT", path, "")), "body_missing");
  EXPECT_EQ(ask(admin, "PUT", path,
                {"If-Match: *", "Content-Type: Application/JSON; charset=utf-8"}, "{\"blue\":1}")
                .result_int(),
            200u);
}

TEST(AdminServer, AConfigurationIsCheckedAsYaml) {
  RunningAdmin admin;
  EXPECT_EQ(ask(admin, "POST", "/v1/config:validate", {"Content-Type: text/yaml"}, "version: 1")
                .result_int(),
            200u);
  EXPECT_EQ(admin.last_asked(), "validate version: 1");
}

TEST(AdminServer, ABodyOver64KiBIsRefusedUnread) {
  RunningAdmin admin;
  RawClient client(admin);
  client.send(
      "PUT /v1/services/shop/weights HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/json\r\nContent-Length: 65537\r\n\r\n");
  const Response response = client.read();
  EXPECT_EQ(response.result_int(), 413u);
  EXPECT_EQ(problem_type(response), "body_too_large");
  EXPECT_FALSE(response.keep_alive());
}

TEST(AdminServer, ChunksDoNotGetAroundTheLimit) {
  RunningAdmin admin;
  RawClient client(admin);
  client.send(
      "PUT /v1/services/shop/weights HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/json\r\nTransfer-Encoding: chunked\r\n\r\n11000\r\n" +
      std::string(0x11000, ' '));
  EXPECT_EQ(client.read().result_int(), 413u);
}

TEST(AdminServer, AHeadOver16KiBIsRefused) {
  RunningAdmin admin;
  EXPECT_EQ(ask(admin, "GET", "/livez", {"X: " + std::string(20000, 'x')}).result_int(), 431u);
}

TEST(AdminServer, WhatIsNotHttpIsRefusedAndClosed) {
  RunningAdmin admin;
  RawClient client(admin);
  client.send("SSH-2.0-OpenSSH\r\n\r\n");
  EXPECT_EQ(client.read().result_int(), 400u);
  EXPECT_TRUE(client.closed());
}

TEST(AdminServer, UnknownPathsAndWrongMethodsSayWhatToDo) {
  RunningAdmin admin;
  EXPECT_EQ(problem_type(ask(admin, "GET", "/v2/services")), "not_found");
  const Response wrong = ask(admin, "DELETE", "/v1/services/shop/weights");
  EXPECT_EQ(wrong.result_int(), 405u);
  EXPECT_EQ(wrong[http::field::allow], "GET, HEAD, PUT");
  EXPECT_EQ(json_of(wrong).at("detail").as_string(), "Here you can use GET, HEAD, PUT.");
}

TEST(AdminServer, AProblemCarriesTheMembersOfRfc9457AndMore) {
  RunningAdmin admin;
  const Response stale =
      ask_json(admin, "PUT", "/v1/services/shop/weights", "{}", {"If-Match: \"1\""});
  EXPECT_EQ(stale[http::field::content_type], "application/problem+json");
  const auto body = json_of(stale);
  EXPECT_EQ(body.at("type").as_string(), "about:blank#stale");
  EXPECT_EQ(body.at("title").as_string(), "Precondition Failed");
  EXPECT_EQ(body.at("status").as_int64(), 412);
  EXPECT_EQ(body.at("current_generation").to_number<int>(), 7);
}

TEST(AdminServer, AnExceptionIsAProblemNotTheEnd) {
  RunningAdmin admin;
  admin.fake.throws = true;
  EXPECT_EQ(ask(admin, "GET", "/v1/services").result_int(), 500u);
  EXPECT_EQ(ask(admin, "GET", "/livez").result_int(), 200u);
}

TEST(AdminServer, HeadIsGetWithoutTheBody) {
  RunningAdmin admin;
  const Response get = ask(admin, "GET", "/v1/services/shop/weights");
  const Response head = ask(admin, "HEAD", "/v1/services/shop/weights");
  EXPECT_EQ(head.result_int(), 200u);
  EXPECT_EQ(head[http::field::content_length], get[http::field::content_length]);
  EXPECT_EQ(head.body(), "");
}

TEST(AdminServer, AConnectionCarriesManyRequestsAlsoPipelined) {
  RunningAdmin admin;
  RawClient client(admin);
  const std::string one = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
  client.send(one + one + "GET /nope HTTP/1.1\r\nHost: localhost\r\n\r\n" + one);
  EXPECT_EQ(client.read().result_int(), 200u);
  EXPECT_EQ(client.read().result_int(), 200u);
  EXPECT_EQ(client.read().result_int(), 404u);
  EXPECT_EQ(client.read().result_int(), 200u);
}

TEST(AdminServer, ASlowHeadIsCutOff) {
  AdminLimits limits;
  limits.first_head_deadline = std::chrono::milliseconds(50);
  RunningAdmin admin(local_admin(), limits);
  RawClient client(admin);
  client.send("GET /livez HTTP/1.1\r\nHost:");
  EXPECT_TRUE(client.closed());
}

TEST(AdminServer, IdleConnectionsCannotKeepAnOperatorOut) {
  AdminLimits limits;
  limits.strangers = 2;
  RunningAdmin admin(local_admin(), limits);
  RawClient oldest(admin);
  RawClient older(admin);
  for (RawClient* client : {&oldest, &older}) {
    client->send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client->read();
  }
  EXPECT_EQ(ask(admin, "POST", "/v1/services/shop:rollback").result_int(), 200u);
  EXPECT_TRUE(oldest.closed());
}

// More of each than there are places: unfinished heads and unfinished bodies of strangers and of a
// viewer.
TEST(AdminServer, StuckConnectionsKeepNeitherProbesNorARightTokenOut) {
  AdminLimits limits;
  limits.strangers = 8;
  limits.callers = 8;
  RunningAdmin admin(admin_with_tokens(), limits);
  const std::string explain =
      "POST /v1/services/shop:explain HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n"
      "Content-Type: application/json\r\n";
  std::list<RawClient> stuck;
  for (int round = 0; round < 12; ++round) {
    stuck.emplace_back(admin).send("GET /readyz HTTP/1.1\r\nHo");
    stuck.emplace_back(admin).send(explain + "\r\n");
    stuck.emplace_back(admin).send(explain + bearer("viewer-secret") +
                                   "\r\nExpect: 100-continue\r\n\r\n");
    stuck.back().read_until("100 Continue\r\n\r\n");  // the viewer has its place
    EXPECT_EQ(ask(admin, "GET", "/readyz").result_int(), 200u) << round;
    EXPECT_EQ(ask(admin, "HEAD", "/livez").result_int(), 200u) << round;
    EXPECT_EQ(
        ask(admin, "POST", "/v1/services/shop:rollback", {bearer("deployer-secret")}).result_int(),
        200u)
        << round;
  }
}

TEST(AdminServer, BodiesOfStrangersAreNotWaitedFor) {
  RunningAdmin admin(admin_with_tokens());
  RawClient client(admin);
  client.send(
      "POST /v1/services/shop:rollback HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Length: 9\r\n\r\n");
  const Response refused = client.read();
  EXPECT_EQ(refused.result_int(), 401u);
  EXPECT_FALSE(refused.keep_alive());
}

TEST(AdminServer, FollowersHoldPlacesThatNobodyTakesFromThem) {
  AdminLimits limits;
  limits.callers = 2;
  RunningAdmin admin(admin_with_tokens(), limits);
  std::list<RawClient> followers;
  for (int i = 0; i < 2; ++i) {
    followers.emplace_back(admin).send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n" +
                                       bearer("viewer-secret") + "\r\n\r\n");
    followers.back().read_until("retry: 1000\n\n");
  }
  EXPECT_EQ(problem_type(ask(admin, "GET", "/v1/services", {bearer("deployer-secret")})),
            "too_many_callers");
  EXPECT_EQ(ask(admin, "GET", "/readyz").result_int(), 200u);
}

TEST(AdminServer, MetricsAreTextAndScrapesAreLimited) {
  AdminLimits limits;
  RunningAdmin admin(local_admin(), limits);
  const Response response = ask(admin, "GET", "/metrics");
  EXPECT_EQ(response[http::field::content_type], "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(response.body(), "cutwater_build_info 1\n");
}

TEST(AdminServer, ScrapersThatDoNotReadTakeOnlyTheirPlaces) {
  AdminLimits limits;
  limits.scrapes = 2;
  RunningAdmin admin(local_admin(), limits);
  admin.metrics_text.assign(32 * 1024 * 1024, 'x');  // more than socket buffers hold
  RawClient first(admin);
  RawClient second(admin);
  for (RawClient* client : {&first, &second}) {
    client->send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client->read_until("\r\n\r\n");
  }
  EXPECT_EQ(problem_type(ask(admin, "GET", "/metrics")), "too_many_scrapes");
  EXPECT_EQ(ask(admin, "GET", "/livez").result_int(), 200u);
}

TEST(AdminServer, LongPollsWaitForAChangeAndAreClamped) {
  RunningAdmin admin;
  admin.fake.rollout_views = {fake_rollout_view("progressing"), fake_rollout_view("succeeded")};
  const Response changed = ask(admin, "GET", "/v1/rollouts/r-1?wait=1h");
  EXPECT_EQ(json_of(changed).at("phase").as_string(), "succeeded");
  EXPECT_EQ(admin.last_asked(), "wait_rollout r-1 300000ms");
  EXPECT_EQ(ask(admin, "GET", "/v1/rollouts/r-1?wait=10ms").result_int(), 200u);
  EXPECT_EQ(problem_type(ask(admin, "GET", "/v1/rollouts/r-1?wait=soon")), "bad_query");
}

TEST(AdminServer, FollowersLeaveRoomForActions) {
  AdminLimits limits;
  limits.followers = 1;
  RunningAdmin admin(local_admin(), limits);
  RawClient follower(admin);
  follower.send("GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  follower.read_until("retry: 1000\n\n");
  EXPECT_EQ(problem_type(ask(admin, "GET", "/v1/rollouts/r-1?wait=1s")), "too_many_followers");
  EXPECT_EQ(problem_type(ask(admin, "GET", "/v1/events")), "too_many_followers");
  EXPECT_EQ(ask(admin, "POST", "/v1/services/shop:rollback").result_int(), 200u);
}

TEST(AdminServer, ThePageUsesNothingFromElsewhere) {
  RunningAdmin admin(admin_with_tokens());
  const Response page = ask(admin, "GET", "/");
  EXPECT_EQ(page.result_int(), 200u);
  EXPECT_NE(page["Content-Security-Policy"].find("default-src 'self'"), std::string::npos);
  EXPECT_NE(page["Content-Security-Policy"].find("frame-ancestors 'none'"), std::string::npos);
  EXPECT_EQ(page["X-Content-Type-Options"], "nosniff");
  EXPECT_EQ(page.body().find("style="), std::string::npos);
  EXPECT_EQ(page.body().find("<script>"), std::string::npos);
  EXPECT_EQ(page.body().find("http"), std::string::npos);
  EXPECT_EQ(ask(admin, "GET", "/ui.js")[http::field::content_type],
            "text/javascript; charset=utf-8");
  EXPECT_EQ(ask(admin, "GET", "/ui.css")[http::field::content_type], "text/css; charset=utf-8");
}

TEST(AdminServer, OpenApiIsServed) {
  RunningAdmin admin;
  EXPECT_TRUE(json_of(ask(admin, "GET", "/openapi.json"))
                  .at("paths")
                  .as_object()
                  .contains("/v1/services/{service}:rollback"));
}

TEST(AdminServer, WithoutTokensItListensOnlyOnLoopback) {
  config::Admin config;
  config.listen = {"0.0.0.0", 0};
  RunningAdmin admin(config);
  EXPECT_EQ(admin.message,
            "admin address 0.0.0.0:0: without admin.tokens the API binds only to loopback or a "
            "unix socket");
}

TEST(AdminServer, APortInUseIsAMessage) {
  RunningAdmin first;
  config::Admin config;
  config.listen = {"127.0.0.1", first.address.port};
  RunningAdmin second(config);
  EXPECT_NE(second.message.find("Address already in use"), std::string::npos);
}

TEST(AdminServer, AUnixSocketIsForItsGroupAndAStaleOneIsReplaced) {
  config::Admin config;
  config.unix_path = testing::TempDir() + "cutwater-admin-" + std::to_string(::getpid()) + ".sock";
  {  // what a killed process leaves behind
    asio::io_context io;
    asio::local::stream_protocol::acceptor left(io, {config.unix_path});
  }
  RunningAdmin admin(config);
  ASSERT_EQ(admin.message, "");
  EXPECT_EQ(admin.address.host, config.unix_path);
  struct stat status {};
  ASSERT_EQ(::stat(config.unix_path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0660u);
  asio::io_context io;
  asio::local::stream_protocol::socket socket(io);
  socket.connect({config.unix_path});
  asio::write(socket, asio::buffer(std::string("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")));
  boost::beast::flat_buffer buffer;
  Response response;
  http::read(socket, buffer, response);
  EXPECT_EQ(response.result_int(), 200u);
  RunningAdmin second(config);
  EXPECT_NE(second.message, "") << "a socket in use must not be stolen";
}

}  // namespace
}  // namespace cutwater::control
