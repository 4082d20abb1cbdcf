// Tests what other programs read from a running proxy: roles, replayed answers, the event stream,
// metrics, the access log.
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <sstream>

#include "tests/support/load.hpp"
#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

namespace json = boost::json;

class Api : public testing::Test {
 protected:
  Api() : file(blue, green) {
    blue.answer(200, "blue");
    green.answer(200, "green");
  }
  FakeUpstream blue, green;
  ShopFile file;
};

TEST_F(Api, LetsEachTokenDoWhatItsRoleMay) {
  file.admin =
      "\n  listen: \"127.0.0.1:0\"\n  tokens:\n"
      "    - {name: dashboard, role: viewer, secret: \"${env:VIEWER}\"}\n"
      "    - {name: deploy-bot, role: deployer, secret: \"${env:DEPLOYER}\"}\n"
      "    - {name: boss, role: admin, secret: \"${env:BOSS}\"}";
  const std::string viewer = "viewer-secret-0123456789", deployer = "deployer-secret-0123456789",
                    boss = "boss-secret-0123456789";
  CutwaterProcess::Options options;
  options.environment = {{"VIEWER", viewer}, {"DEPLOYER", deployer}, {"BOSS", boss}};
  options.token = deployer;
  CutwaterProcess cutwater(file, options);
  const auto with = [&](const std::string& token) { return Admin(cutwater.admin_port(), token); };

  const std::string weights = "/v1/services/shop/weights";
  EXPECT_EQ(with("").get(weights).status, 401);
  EXPECT_NE(with("").get(weights).field("WWW-Authenticate"), "");
  EXPECT_EQ(with("").get("/livez").status, 200) << "probes carry no token";
  EXPECT_EQ(with("").get("/readyz").status, 200);
  EXPECT_EQ(with(viewer).get(weights).status, 200);
  EXPECT_EQ(with(viewer).set_weights(90, 10).status, 403);
  EXPECT_EQ(with(deployer).set_weights(90, 10).status, 200);
  EXPECT_EQ(with(deployer).post("/v1/proxy:drain").status, 403);
  EXPECT_EQ(with("wrong-secret-0123456789").set_weights(50, 50).status, 401);
  EXPECT_EQ(with(viewer).weight("green"), 10);
  EXPECT_EQ(cutwater.admin().last_decision("weights_set").at("actor").as_string(), "deploy-bot");

  EXPECT_EQ(cutwater.run({"rollout", "start", "shop", "--to", "green", "--dry-run"}).exit_code, 0);
  const std::string url = "http://127.0.0.1:" + std::to_string(cutwater.admin_port());
  const Finished wrong = run_cutwater({"rollout", "start", "shop", "--to", "green", "--wait"},
                                      {{"CUTWATER_ADMIN", url}, {"CUTWATER_TOKEN", "wrong"}});
  EXPECT_EQ(wrong.exit_code, 9) << wrong.err;

  const std::string shown = with(boss).get("/v1/config").text + cutwater.process().err();
  for (const std::string& secret : {viewer, deployer, boss})
    EXPECT_EQ(shown.find(secret), std::string::npos) << "a secret was printed";
}

TEST_F(Api, AnswersTheSameKeyTheSameWayEvenAfterARestart) {
  CutwaterProcess cutwater(file);
  const std::string body = R"({"to":"green","steps":["5%"],"bake":"1h"})";
  const std::string where = "/v1/services/shop/rollouts";
  const std::string key = "Idempotency-Key: \"deploy-4711\"\r\n";
  const AdminAnswer first = cutwater.admin().post(where, body, key);
  ASSERT_EQ(first.status, 201) << first.text;
  const AdminAnswer second = cutwater.admin().post(where, body, key);
  EXPECT_EQ(second.status, 201) << second.text;
  EXPECT_EQ(second.string("/id"), first.string("/id"));

  cutwater.kill_hard();
  cutwater.start_again();
  const AdminAnswer third = cutwater.admin().post(where, body, key);
  EXPECT_EQ(third.status, 201) << third.text;
  EXPECT_EQ(third.string("/id"), first.string("/id"));
  const AdminAnswer other = cutwater.admin().post(where, R"({"to":"green","steps":["6%"]})", key);
  EXPECT_EQ(other.status, 422) << other.text;
  EXPECT_EQ(cutwater.admin().get(where).at("/rollouts").as_array().size(), 1U);
}

TEST_F(Api, TellsEachDecisionOnTheEventStream) {
  CutwaterProcess cutwater(file);
  const std::string ask = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n";
  RawClient listener(cutwater.admin_port());
  listener.send(ask + "\r\n");
  EXPECT_EQ(listener.read_response_head().field("Content-Type"), "text/event-stream");
  ASSERT_EQ(cutwater.admin().set_weights(80, 20).status, 200);
  const auto heard = [](RawClient& client, const std::string& words) {
    std::string text = client.reader().buffered();
    while (text.find(words) == text.npos)
      if (client.stream().receive(text) != TcpStream::End::Open) break;
    return text;
  };
  const std::string text = heard(listener, "green 20%");
  const std::size_t event = text.find("event: decision\n");
  ASSERT_NE(event, text.npos) << text;
  const std::size_t data = text.find("data: ", event) + 6;
  const json::value decision = json::parse(text.substr(data, text.find('\n', data) - data));
  EXPECT_EQ(decision.at("action").as_string(), "weights_set");

  // A reader that comes back gets what was said meanwhile, and nothing twice.
  const std::size_t id = text.rfind("id: ", event) + 4;
  const std::string last = text.substr(id, text.find('\n', id) - id);
  ASSERT_EQ(cutwater.admin().set_weights(70, 30).status, 200);
  RawClient returning(cutwater.admin_port());
  returning.send(ask + "Last-Event-ID: " + last + "\r\n\r\n");
  returning.read_response_head();
  const std::string missed = heard(returning, "green 30%");
  EXPECT_NE(missed.find("green 30%"), missed.npos);
  EXPECT_EQ(missed.find("green 20%"), missed.npos);
}

TEST_F(Api, ReadsHistoryFromItsBeginningOrItsEnd) {
  CutwaterProcess cutwater(file);
  for (const int share : {10, 20, 30}) cutwater.admin().set_weights(100 - share, share);
  const auto greens = [&](const std::string& query) {
    const AdminAnswer answer = cutwater.admin().get("/v1/decisions?service=shop&limit=2" + query);
    std::vector<int> out;
    for (const json::value& decision : answer.at("/decisions").as_array())
      out.push_back(decision.at_pointer("/after/weights/green").to_number<int>());
    return out;
  };
  EXPECT_EQ(greens(""), (std::vector<int>{20, 30})) << "the newest";
  EXPECT_EQ(greens("&after=0"), (std::vector<int>{10, 20})) << "from the beginning";
  EXPECT_EQ(greens("&after=1"), (std::vector<int>{20, 30}));
  const Finished first = cutwater.run({"history", "shop", "--after", "0", "--limit", "1"});
  EXPECT_NE(first.out.find("green 10 %"), std::string::npos) << first.out;
  EXPECT_EQ(first.out.find("green 30 %"), std::string::npos) << first.out;
}

TEST_F(Api, ServesMetricsThatPromtoolAccepts) {
  file.service = "    fallback: stable\n";
  CutwaterProcess cutwater(file);
  green.answer(500, "broken");
  ASSERT_EQ(cutwater.admin()
                .post("/v1/services/shop/rollouts", R"({"to":"green","steps":["50%"]})")
                .status,
            201);
  Load load(cutwater.port());
  ASSERT_TRUE(eventually([&] { return cutwater.admin().weight("green") == 0; }, 2 * kPatience));
  ASSERT_TRUE(load.wait_for_more(100));
  load.stop();
  const AdminAnswer metrics = cutwater.admin().get("/metrics");
  ASSERT_EQ(metrics.status, 200);
  for (const char* name :
       {"cutwater_requests_total{", "cutwater_request_duration_seconds_bucket{",
        "cutwater_errors_total{", "cutwater_latency_seconds{", "cutwater_weight_ratio{",
        "cutwater_retries_total ", "cutwater_fallbacks_total ", "cutwater_endpoint_up{",
        "cutwater_rollout_phase{", "cutwater_guard_evidence{", "cutwater_decisions_total{",
        "cutwater_config_generation ", "cutwater_config_last_reload_success ",
        "cutwater_connections{", "cutwater_build_info{"})
    EXPECT_NE(metrics.text.find(std::string("\n") + name), std::string::npos) << name;

  TempDir scratch;
  write_file(scratch.file("metrics"), metrics.text);
  ChildProcess promtool({"/bin/sh", "-c", "promtool check metrics < " + scratch.file("metrics")});
  EXPECT_EQ(promtool.wait(), 0) << promtool.out() << promtool.err();
  EXPECT_EQ(promtool.out() + promtool.err(), "") << "not even a remark";
}

TEST_F(Api, LogsEachRequestAsALineOfJson) {
  TempDir logs;
  const std::string path = logs.file("access.log");
  file.top = "access_log: {file: " + path + "}\n";
  file.service =
      "    fallback: stable\n    flags:\n"
      "      - {name: beta, when: {cookie: \"beta=on\"}, version: green}\n";
  CutwaterProcess cutwater(file);
  get(cutwater.port(), "/plain");
  get(cutwater.port(), "/flagged", "Cookie: beta=on\r\n");
  get(cutwater.port(), "/odd?q=%22\"'\\x", "User-Agent: \"\\\x01\r\n");
  green.answer(503, "no");
  get(cutwater.port(), "/fell-back", "Cookie: beta=on\r\n");

  const auto lines = [&] {
    std::vector<std::string> out;
    std::istringstream text(read_file(path));
    for (std::string line; std::getline(text, line);) out.push_back(line);
    return out;
  };
  // Each worker writes its lines when its time comes.
  ASSERT_TRUE(eventually([&] {
    const std::string text = read_file(path);
    const auto has = [&](const char* target) { return text.find(target) != std::string::npos; };
    return has("/plain") && has("/flagged") && has("/fell-back") && text.ends_with('\n');
  }));
  std::map<std::string, json::value> by_target;
  for (const std::string& line : lines()) {
    boost::system::error_code error;
    const json::value entry = json::parse(line, error);
    ASSERT_FALSE(error) << line;
    if (const auto* target = entry.as_object().if_contains("target"))
      by_target[std::string(target->as_string())] = entry;
  }
  const auto text = [&](const char* target, const char* member) {
    const json::object& entry = by_target.at(target).as_object();
    const auto* value = entry.if_contains(member);
    return value != nullptr ? std::string(value->as_string()) : std::string("<none>");
  };
  EXPECT_EQ(text("/plain", "service"), "shop");
  EXPECT_EQ(text("/plain", "version"), "blue");
  EXPECT_NE(text("/plain", "reason"), "<none>");
  EXPECT_EQ(text("/flagged", "version"), "green");
  EXPECT_EQ(text("/flagged", "reason"), "flag");
  EXPECT_EQ(text("/flagged", "flag"), "beta");
  EXPECT_EQ(text("/fell-back", "version"), "blue");
  EXPECT_EQ(text("/fell-back", "failed_version"), "green");
  EXPECT_EQ(text("/fell-back", "failed_outcome"), "status_5xx");
  EXPECT_EQ(by_target.at("/fell-back").at("attempts").as_int64(), 2);
  EXPECT_EQ(text("/plain", "traceparent").size(), 55U);
}

TEST_F(Api, DescribesAndExplainsItself) {
  file.service = "    flags:\n      - {name: beta, when: {cookie: \"beta=on\"}, version: green}\n";
  CutwaterProcess cutwater(file);
  const AdminAnswer openapi = cutwater.admin().get("/openapi.json");
  EXPECT_EQ(openapi.string("/openapi").substr(0, 3), "3.1");
  const Finished explained = cutwater.run({"explain", "shop", "--cookie", "beta=on"});
  EXPECT_EQ(explained.exit_code, 0) << explained.err;
  EXPECT_NE(explained.out.find("green"), std::string::npos) << explained.out;
  EXPECT_EQ(cutwater.run({"flag", "kill", "shop", "beta"}).exit_code, 0);
  EXPECT_NE(get(cutwater.port(), "/", "Cookie: beta=on\r\n").field("Cutwater-Version"), "green");
  const Finished status = cutwater.run({"status", "shop"});
  EXPECT_EQ(status.exit_code, 0) << status.err;
  EXPECT_NE(status.out.find("blue"), std::string::npos) << status.out;
  const Finished as_json = cutwater.run({"status", "shop", "--output", "json"});
  EXPECT_EQ(as_json.json().at_pointer("/weights/blue").to_number<double>(), 100);
}

}  // namespace
}  // namespace cutwater::test
