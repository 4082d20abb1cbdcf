// Tests which requests the relative guard gets to see, and that it is told of each exactly once: a
// request that never left it would delay the judgement for as long as a request may take.
#include "proxy/guard/comparison.hpp"
#include "tests/integration/upstream_support.hpp"
#include "tests/support/fake_h2_upstream.hpp"
#include "tests/support/flags.hpp"

namespace cutwater::test {
namespace {

class ComparedProxy : public testing::Test {
 protected:
  void start() {
    setup.sticky().key = config::Sticky::Key::None;
    setup.compare("green", comparison);
    proxy = std::make_unique<Proxy>(setup);
  }
  void start_http1() {
    setup.version("blue", 50, {blue.port()}).version("green", 50, {green.port()});
    start();
  }
  void ask(int requests, const std::string& fields = "") {
    RawClient client(proxy->port());
    for (int i = 0; i < requests; ++i) {
      client.send("GET /p HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
      client.read_response();
    }
  }
  guard::TestReport errors() {
    comparison->judge(Clock::now(), true);
    std::vector<guard::TestReport> reports;
    comparison->add_reports(reports);
    return reports.at(0);
  }
  std::uint64_t judged() {
    const guard::TestReport report = errors();
    return report.bad + report.good + report.baseline->bad + report.baseline->good;
  }
  // All of them are over, long before the guard would stop waiting for them.
  void expect_judged(std::uint64_t requests) {
    EXPECT_TRUE(eventually([&] { return judged() == requests; })) << judged();
  }

  FakeUpstream blue, green;
  ProxySetup setup;
  std::shared_ptr<guard::Comparison> comparison =
      std::make_shared<guard::Comparison>(guard::ComparisonPolicy{}, 1, Clock::now());
  std::unique_ptr<Proxy> proxy;
};

TEST_F(ComparedProxy, ACandidateThatFailsIsFoundAndEveryRequestIsSeen) {
  green.answer(500, "no");
  start_http1();
  ask(80);
  expect_judged(80);
  EXPECT_EQ(errors().bad, green.received().size());
  EXPECT_EQ(errors().good, 0u);
  EXPECT_EQ(errors().baseline->bad, 0u);
  ASSERT_TRUE(comparison->failure());
  EXPECT_EQ(comparison->failure()->test, "relative_error_rate");
}

TEST_F(ComparedProxy, AFailureThatStableMadeGoodIsTheCandidatesAllTheSame) {
  green.answer(500, "no");
  setup.version("blue", 50, {blue.port()}).version("green", 50, {green.port()});
  setup.fallback_to_stable();
  start();
  ask(20);
  expect_judged(20);
  EXPECT_EQ(errors().bad, green.received().size());
  EXPECT_EQ(errors().good, 0u) << "of a request only the first attempt counts";
}

TEST_F(ComparedProxy, WhomAFlagHasSentIsNotCompared) {
  setup.version("blue", 50, {blue.port()}).version("green", 50, {green.port()});
  setup.flag(flag_when("beta", config::FlagCondition::Source::Cookie, "beta", "on"));
  start();
  ask(10, "Cookie: beta=on\r\n");
  ask(10);
  expect_judged(10);
}

TEST_F(ComparedProxy, AVersionWithoutAnEndpointHoldsNothingUp) {
  start_http1();
  proxy->endpoint(blue.port()).set_healthy(false);
  proxy->endpoint(green.port()).set_healthy(false);
  ask(3);
  proxy->endpoint(blue.port()).set_healthy(true);
  proxy->endpoint(green.port()).set_healthy(true);
  ask(10);
  EXPECT_TRUE(eventually([&] { return judged() >= 10; })) << judged();
}

TEST_F(ComparedProxy, AnEndlessAnswerIsNotWaitedFor) {
  const auto endless = [](const Received&, UpstreamConnection& connection) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    connection.wait_for_release();
  };
  blue.on_request(endless);
  green.on_request(endless);
  start_http1();
  RawClient client(proxy->port());
  client.send(kGet);
  expect_judged(1);
}

TEST_F(ComparedProxy, Http2UpstreamsAreComparedAlike) {
  FakeH2Upstream stable, candidate;
  candidate.answer({.status = 503});
  setup.http2_version("blue", 50, {stable.port()}).http2_version("green", 50, {candidate.port()});
  start();
  ask(80);
  expect_judged(80);
  EXPECT_EQ(errors().bad, candidate.requests());
  EXPECT_EQ(errors().good + errors().baseline->bad, 0u);
  EXPECT_TRUE(comparison->failure());
  proxy.reset();  // before the upstreams go
}

// --- probes are not users ------------------------------------------------------------------------

class ProbedProxy : public ComparedProxy {
 protected:
  // The candidate answers probes, and nothing else.
  ProbedProxy() {
    green.on_request([](const Received& request, UpstreamConnection& connection) {
      connection.answer(request.target().starts_with("/health") ? 200 : 500, "");
    });
    setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()}).stable("blue");
    setup.sticky().key = config::Sticky::Key::None;
    setup.ignored_paths() = {"/health", "/probes/*"};
  }
  void start_guarded() {
    proxy = std::make_unique<Proxy>(setup);
    proxy->monitor("green").arm({}, [] {});
  }
  void get(const std::string& target, int times = 1) {
    RawClient client(proxy->port());
    for (int i = 0; i < times; ++i) {
      client.send("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
      client.read_response();
    }
  }
  guard::GuardReport report() { return proxy->monitor("green").report(Clock::now()); }
  std::uint64_t ignored() { return proxy->of("green").ignored; }
};

TEST_F(ProbedProxy, ProbesProveNothingHoweverManyTheyAre) {
  start_guarded();
  get("/health", 100);
  get("/health?full=1", 100);
  EXPECT_TRUE(eventually([&] { return ignored() == 200; })) << ignored();
  EXPECT_EQ(report().verdict, guard::Verdict::NoTraffic);
  EXPECT_EQ(report().ignored, 200u);
  EXPECT_EQ(proxy->of("green").attempts(), 0u) << "they are counted apart";
}

TEST_F(ProbedProxy, UsersThatFailAreFoundThoughProbesPass) {
  start_guarded();
  for (int i = 0; i < 8; ++i) {
    get("/health", 20);
    get("/");
  }
  EXPECT_TRUE(eventually([&] { return proxy->monitor("green").tripped(); }));
}

TEST_F(ProbedProxy, AProbeThatFailsIsNoFailureOfTheVersion) {
  start_guarded();
  get("/probes/deep", 50);  // answered with 500
  EXPECT_TRUE(eventually([&] { return ignored() == 50; })) << ignored();
  EXPECT_FALSE(proxy->monitor("green").tripped());
}

TEST_F(ProbedProxy, ProbesGiveTheirPlaceBackInAnUnprovenVersion) {
  start_guarded();
  get("/health", 40);  // the cap is 16 in flight
  EXPECT_TRUE(eventually([&] { return ignored() == 40; })) << ignored();
}

TEST_F(ProbedProxy, ProbesAreNotCompared) {
  green.answer(200, "ok");  // a trip would send the later requests to stable alone
  setup.compare("green", comparison);
  setup.weight("blue", 50).weight("green", 50);
  start_guarded();
  get("/health", 20);
  get("/p", 10);
  expect_judged(10);
}

// --- a flag and its control group --------------------------------------------------------------

class ComparedFlagProxy : public ComparedProxy {
 protected:
  void start_flag() {
    setup.sticky().key = config::Sticky::Key::None;
    setup.flag(flag_share("new-ui", Share::percent(50))).compare_flag("new-ui", comparison);
    proxy = std::make_unique<Proxy>(setup);
  }
  void ask_as_users(int users) {
    for (int i = 0; i < users; ++i) ask(1, "Cookie: uid=u" + std::to_string(i) + "\r\n");
  }
  std::uint64_t flagged() { return errors().bad + errors().good; }
  std::uint64_t others() { return errors().baseline->bad + errors().baseline->good; }

  static constexpr int kUsers = 40;
};

TEST_F(ComparedFlagProxy, AFlagWhoseUsersFailIsFoundAndEveryRequestIsSeen) {
  green.answer(500, "no");
  setup.version("blue", 100, {blue.port()}).version("green", 0, {green.port()});
  start_flag();
  ask_as_users(kUsers);
  expect_judged(kUsers);
  EXPECT_EQ(errors().bad, green.received().size());
  EXPECT_EQ(errors().baseline->good, blue.received().size());
  ASSERT_TRUE(comparison->failure());
  EXPECT_EQ(comparison->failure()->test, "relative_error_rate");
}

TEST_F(ComparedFlagProxy, WhomTheSplitSendsToTheSameVersionIsOfTheControlGroup) {
  green.answer(500, "no");
  setup.version("blue", 0, {blue.port()}).version("green", 100, {green.port()}).stable("blue");
  start_flag();
  ask_as_users(kUsers);
  expect_judged(kUsers);
  EXPECT_EQ(errors().good + errors().baseline->good, 0u);
  EXPECT_GT(flagged(), 10u);
  EXPECT_GT(others(), 10u);
  EXPECT_FALSE(comparison->failure()) << "both fail alike";
}

TEST_F(ComparedFlagProxy, AUserWhomTheFlagsVersionCannotTakeHasNoPart) {
  setup.version("blue", 100, {blue.port()}).version("green", 0, {green.port()});
  start_flag();
  ask_as_users(kUsers);
  expect_judged(kUsers);
  const std::uint64_t in_control = others();
  EXPECT_LT(in_control, std::uint64_t{kUsers});
  proxy->monitor("green").set_tripped(true);
  ask_as_users(kUsers);
  expect_judged(kUsers + in_control);
  EXPECT_EQ(flagged(), kUsers - in_control) << "those of before";
}

TEST_F(ComparedFlagProxy, AFailureThatStableMadeGoodIsTheFlagsAllTheSame) {
  green.answer(500, "no");
  setup.version("blue", 100, {blue.port()}).version("green", 0, {green.port()});
  setup.fallback_to_stable();
  start_flag();
  ask_as_users(kUsers);
  expect_judged(kUsers);
  EXPECT_EQ(errors().good, 0u) << "of a request only the first attempt counts";
  EXPECT_EQ(errors().bad, green.received().size());
}

TEST_F(ComparedFlagProxy, ARequestHasAPartInTheRolloutsComparisonAndInTheFlags) {
  const auto rollout =
      std::make_shared<guard::Comparison>(guard::ComparisonPolicy{}, 1, Clock::now());
  setup.version("blue", 50, {blue.port()}).version("green", 50, {green.port()});
  setup.compare("green", rollout);
  start_flag();
  ask_as_users(kUsers);
  expect_judged(kUsers);
  const auto dealt = [&] {
    rollout->judge(Clock::now(), true);
    std::vector<guard::TestReport> reports;
    rollout->add_reports(reports);
    return reports.at(0).good + reports.at(0).baseline->good;
  };
  EXPECT_TRUE(eventually([&] { return dealt() == others(); })) << dealt();
}

// --- gRPC: how a call went is said behind its body ---------------------------------------------

class ComparedCalls : public ComparedProxy {
 protected:
  ~ComparedCalls() override { proxy.reset(); }  // before the upstreams go
  void start_calls() {
    setup.http2_version("blue", 50, {stable.port()}).http2_version("green", 50, {candidate.port()});
    start();
  }
  void make_calls(int calls) {
    H2Client client(proxy->port());
    for (int i = 0; i < calls; ++i) client.answer(grpc_call(client));
  }

  FakeH2Upstream stable, candidate;
};

TEST_F(ComparedCalls, CallsThatSucceedAreNoFailures) {
  stable.answer(grpc_reply("0"));
  candidate.answer(grpc_reply("0"));
  start_calls();
  make_calls(20);
  expect_judged(20);
  EXPECT_EQ(errors().bad + errors().baseline->bad, 0u);
}

TEST_F(ComparedCalls, AStatusBehindTheBodyIsJudged) {
  stable.answer(grpc_reply("0"));
  candidate.answer(grpc_reply("14"));
  start_calls();
  make_calls(80);
  expect_judged(80);
  EXPECT_EQ(errors().bad, candidate.requests());
  EXPECT_EQ(errors().good + errors().baseline->bad, 0u);
  EXPECT_TRUE(comparison->failure());
}

TEST_F(ComparedCalls, AStreamIsNotWaitedForAndNoFailure) {
  H2Reply stream = grpc_reply("0");
  stream.end = false;
  stable.answer(stream);
  candidate.answer(stream);
  start_calls();
  H2Client client(proxy->port());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.head_of(grpc_call(client)).status, 200);
  expect_judged(4);
  EXPECT_EQ(errors().bad + errors().baseline->bad, 0u);
}

}  // namespace
}  // namespace cutwater::test
