// Tests weights as a deploy script sets them: nothing acknowledged is ever lost, and nothing
// reaches a version after the answer that took its traffic.
#include <gtest/gtest.h>
#include <signal.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <set>

#include "tests/support/load.hpp"
#include "tests/support/process.hpp"

namespace cutwater::test {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

std::int64_t now_ns() {
  return Clock::now().time_since_epoch().count();
}

// Sets weights over one connection as fast as it can until the proxy is gone; every write is
// different from the one before it.
class Writer {
 public:
  explicit Writer(std::uint16_t port, int first) : client_(port), next_(first) {
    thread_ = std::thread([this] { run(); });
  }
  void wait_for_first_answer() const {
    if (!eventually([this] { return acknowledged_ >= 0; })) throw TestFailure("no write answered");
  }
  void join() { thread_.join(); }

  int acknowledged() const { return acknowledged_; }  // the last write, in hundredths of a percent
  int in_flight() const { return in_flight_; }        // sent but never answered; -1 for none
  std::uint64_t last_generation() const { return last_generation_; }
  const std::vector<std::uint64_t>& generations() const { return generations_; }
  const std::string& problem() const { return problem_; }

 private:
  void run() {
    for (;; next_ = (next_ + 1) % 10000) {
      in_flight_ = next_;
      const double green = next_ / 100.0;
      if (!client_.try_send(weights_request(100 - green, green))) return;
      Response response;
      try {
        response = client_.read_response();
      } catch (const TestFailure&) {
        return;  // it was killed: this write may have happened or not
      }
      if (!response.complete) return;
      if (response.status != 200) {
        problem_ = response.head.start_line + " " + response.body;
        return;
      }
      const json::value body = json::parse(response.body);
      last_generation_ = body.at("generation").to_number<std::uint64_t>();
      generations_.push_back(last_generation_);
      acknowledged_ = next_;
      in_flight_ = -1;
    }
  }

  RawClient client_;
  int next_;
  std::atomic<int> acknowledged_{-1};
  std::atomic<int> in_flight_{-1};
  std::uint64_t last_generation_ = 0;
  std::vector<std::uint64_t> generations_;
  std::string problem_;
  std::thread thread_;
};

// Each round takes 40 ms; there are fewer rounds where everything is slower (sanitizers).
int kill_rounds() {
  const char* wanted = std::getenv("CUTWATER_KILL_ROUNDS");
  return wanted != nullptr ? std::atoi(wanted) : 200;
}

TEST(Weights, AreTheLastAcknowledgedOnesAfterAKillAtAnyMoment) {
  FakeUpstream blue, green;
  CutwaterProcess cutwater(ShopFile(blue, green));
  std::mt19937 random(20261123);
  std::vector<std::uint64_t> acknowledged;
  int kept_in_flight = 0;
  const int rounds = kill_rounds();
  const auto started = Clock::now();
  for (int round = 0; round < rounds; ++round) {
    Writer writer(cutwater.admin_port(), static_cast<int>(random() % 10000));
    writer.wait_for_first_answer();
    // time passes until the kill
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 20000));
    cutwater.kill_hard();
    writer.join();
    ASSERT_EQ(writer.problem(), "") << "in round " << round;

    cutwater.start_again();
    const AdminAnswer now = cutwater.admin().get("/v1/services/shop/weights");
    const int weight = static_cast<int>(std::lround(now.number("/weights/green") * 100));
    ASSERT_TRUE(weight == writer.acknowledged() || weight == writer.in_flight())
        << "round " << round << ": after the restart green has " << weight / 100.0
        << " %, acknowledged was " << writer.acknowledged() / 100.0 << ", in flight "
        << writer.in_flight() / 100.0;
    ASSERT_GE(now.number("/generation"), static_cast<double>(writer.last_generation()));
    if (weight != writer.acknowledged()) ++kept_in_flight;
    acknowledged.insert(acknowledged.end(), writer.generations().begin(),
                        writer.generations().end());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - started).count();

  std::set<std::uint64_t> remembered;
  for (const json::value& decision : cutwater.admin().decisions())
    remembered.insert(decision.at_pointer("/after/generation").to_number<std::uint64_t>());
  std::size_t lost = 0;
  for (const std::uint64_t generation : acknowledged) lost += !remembered.contains(generation);
  EXPECT_EQ(lost, 0U) << "acknowledged writes are missing in the history";
  EXPECT_GE(acknowledged.size(), static_cast<std::size_t>(rounds));
  std::printf(
      "[ measured ] %d kills, %zu acknowledged writes, %d writes in flight survived, %.0f ms a "
      "round\n",
      rounds, acknowledged.size(), kept_in_flight, seconds * 1000 / rounds);
}

TEST(Weights, SendNothingToAVersionOnceZeroIsAnswered) {
  FakeUpstream blue, green;
  std::atomic<std::int64_t> zero_since{0};  // when the answer to "green: 0" was read; 0 = not now
  std::atomic<int> late{0};
  green.on_request([&](const Received& request, UpstreamConnection& connection) {
    const std::int64_t zero = zero_since;
    if (zero != 0 && std::stoll(request.field("X-Sent-Ns")) > zero) ++late;
    connection.answer(200, "green");
  });
  CutwaterProcess cutwater(ShopFile(blue, green));
  const Admin admin = cutwater.admin();
  Load::Options users;
  users.users = 8;
  users.pause = 200us;
  users.fields = [] { return "X-Sent-Ns: " + std::to_string(now_ns()) + "\r\n"; };
  Load load(cutwater.port(), std::move(users));

  for (int change = 0; change < 100; ++change) {
    const std::size_t before = green.requests();
    ASSERT_EQ(admin.set_weights(50, 50).status, 200);
    ASSERT_TRUE(eventually([&] { return green.requests() > before; })) << "green got no traffic";
    ASSERT_EQ(admin.set_weights(100, 0).status, 200);
    zero_since = now_ns();
    ASSERT_TRUE(load.wait_for_more(20));
    zero_since = 0;
  }
  load.stop();
  EXPECT_EQ(late, 0) << "requests sent after the answer reached green";
  EXPECT_EQ(load.failed(), 0U) << load.first_failure();
  EXPECT_GE(load.answers(), 2000U);
  std::printf("[ measured ] 200 changes under %llu requests, %zu to green, %d late\n",
              static_cast<unsigned long long>(load.answers()), green.requests(), late.load());
}

TEST(Weights, SurviveARestartAndWinOverTheFile) {
  FakeUpstream blue, green;
  ShopFile file(blue, green);
  file.top = "drain_notice: 0s\n";
  CutwaterProcess cutwater(file);
  ASSERT_EQ(cutwater.admin().set_weights(70, 30).status, 200);
  const double generation = cutwater.admin().get("/v1/services/shop/weights").number("/generation");

  EXPECT_EQ(cutwater.terminate(), 0);
  cutwater.start_again();

  const AdminAnswer after = cutwater.admin().get("/v1/services/shop/weights");
  EXPECT_EQ(after.number("/weights/blue"), 70);
  EXPECT_EQ(after.number("/weights/green"), 30);
  EXPECT_GE(after.number("/generation"), generation);
}

TEST(Weights, KeepEachUserOnTheirVersionOverARestart) {
  FakeUpstream blue, green;
  ShopFile file(blue, green);
  file.weights = "{blue: 50%, green: 50%}";
  CutwaterProcess cutwater(file);
  std::vector<std::pair<std::string, std::string>> users;  // cookie, version
  for (int user = 0; user < 20; ++user) {
    const Response first = get(cutwater.port());
    const std::string cookie = first.field("Set-Cookie");
    ASSERT_TRUE(cookie.starts_with("cw_shop=")) << first.head.raw;
    users.emplace_back(cookie.substr(0, cookie.find(';')), first.field("Cutwater-Version"));
  }
  cutwater.kill_hard();
  cutwater.start_again();
  for (const auto& [cookie, version] : users) {
    const Response again = get(cutwater.port(), "/", "Cookie: " + cookie + "\r\n");
    EXPECT_EQ(again.field("Cutwater-Version"), version);
    EXPECT_EQ(again.field("Set-Cookie"), "") << "the cookie is still good";
  }
}

TEST(Weights, AskForTheETagOneHasSeen) {
  FakeUpstream blue, green;
  CutwaterProcess cutwater(ShopFile(blue, green));
  const Admin admin = cutwater.admin();
  const std::string where = "/v1/services/shop/weights";
  const std::string body = R"({"blue": 95, "green": 5})";
  const std::string seen = admin.get(where).field("ETag");
  ASSERT_TRUE(seen.starts_with("\"") && seen.ends_with("\"")) << seen;

  const AdminAnswer without = admin.put(where, body, "");
  EXPECT_EQ(without.status, 428);
  EXPECT_EQ(without.field("Content-Type"), "application/problem+json");
  const AdminAnswer with = admin.put(where, body, "If-Match: " + seen + "\r\n");
  EXPECT_EQ(with.status, 200) << with.text;
  EXPECT_NE(with.field("ETag"), seen);
  const AdminAnswer stale = admin.put(where, body, "If-Match: " + seen + "\r\n");
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(admin.put(where, body, "If-Match: W/" + with.field("ETag") + "\r\n").status, 412);
  EXPECT_EQ(admin.put(where, body, "If-Match: *\r\n").status, 200);
}

TEST(Weights, ThatMakeNoSenseChangeNothing) {
  FakeUpstream blue, green;
  CutwaterProcess cutwater(ShopFile(blue, green));
  const Admin admin = cutwater.admin();
  for (const char* body :
       {R"({"blue": 95})", R"({"blue": 95, "red": 5})", R"({"blue": 50, "blue": 50})", "[1]",
        R"({"blue": 99.99999, "green": 0.00001})", R"({"blue": 200, "green": -100})", "nonsense"}) {
    const AdminAnswer answer = admin.put("/v1/services/shop/weights", body);
    EXPECT_TRUE(answer.status == 400 || answer.status == 422) << body << ": " << answer.text;
    EXPECT_EQ(answer.field("Content-Type"), "application/problem+json");
  }
  EXPECT_EQ(admin.weight("blue"), 100);
}

TEST(Weights, AreSetFromTheCommandLine) {
  FakeUpstream blue, green;
  CutwaterProcess cutwater(ShopFile(blue, green));
  const Finished set = cutwater.run({"weights", "shop", "blue=75", "green=25"});
  EXPECT_EQ(set.exit_code, 0) << set.err;
  EXPECT_EQ(cutwater.admin().weight("green"), 25);
  const Finished shown = cutwater.run({"weights", "shop", "--output", "json"});
  EXPECT_EQ(shown.json().at_pointer("/weights/green").to_number<double>(), 25);
  EXPECT_EQ(cutwater.run({"weights", "shop", "blue=75"}).exit_code, 2);
}

}  // namespace
}  // namespace cutwater::test
