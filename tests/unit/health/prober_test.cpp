// Tests the prober against a small server of our own. Time stands still until the test lets a probe
// wake.
#include "control/health/prober.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <cstring>
#include <deque>

#include "tests/support/fake_h2_upstream.hpp"
#include "tests/support/fake_upstream.hpp"
#include "tests/support/tls.hpp"

namespace cutwater::control::health {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

// Answers each request with `status`; 0 means that it reads the request and says nothing.
class FakeService {
 public:
  explicit FakeService(asio::io_context& context)
      : acceptor_(context, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(context, accept(), asio::detached);
  }

  int status = 200;
  std::vector<std::string> seen;  // "GET /health 127.0.0.1:1234"

  tcp::endpoint address() const { return acceptor_.local_endpoint(); }
  std::string authority() const { return "127.0.0.1:" + std::to_string(address().port()); }
  void close() { acceptor_.close(); }

 private:
  asio::awaitable<void> accept() {
    while (acceptor_.is_open()) {
      boost::system::error_code failed;
      tcp::socket socket =
          co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
      if (failed) co_return;
      asio::co_spawn(acceptor_.get_executor(), serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    boost::system::error_code failed;
    beast::flat_buffer buffer;
    http::request<http::empty_body> request;
    co_await http::async_read(socket, buffer, request,
                              asio::redirect_error(asio::use_awaitable, failed));
    if (failed) co_return;
    seen.push_back(std::string(request.method_string()) + " " + std::string(request.target()) +
                   " " + std::string(request[http::field::host]));
    if (status == 0) {  // until the client gives up
      co_await socket.async_wait(tcp::socket::wait_read,
                                 asio::redirect_error(asio::use_awaitable, failed));
      co_return;
    }
    http::response<http::string_body> response{static_cast<http::status>(status), 11};
    response.body() = "a body nobody reads";
    response.prepare_payload();
    co_await http::async_write(socket, response, asio::redirect_error(asio::use_awaitable, failed));
  }

  tcp::acceptor acceptor_;
};

// Every sleeping probe waits here until the test wakes it.
class Sleepers {
 public:
  explicit Sleepers(asio::io_context& context) : context_(context) {}

  std::vector<config::Duration> asked;  // what was slept, in order
  std::size_t waiting() const { return timers_.size(); }

  asio::awaitable<void> sleep(config::Duration duration) {
    asked.push_back(duration);
    const auto timer = std::make_shared<asio::steady_timer>(context_, TimePoint::max());
    timers_.push_back(timer);
    boost::system::error_code failed;
    co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, failed));
    std::erase(timers_, timer);
  }

  void wake_all() {
    const auto timers = timers_;
    for (const auto& timer : timers) timer->cancel();
  }

 private:
  asio::io_context& context_;
  std::vector<std::shared_ptr<asio::steady_timer>> timers_;
};

class Prober : public testing::Test {
 protected:
  Target target_for(const FakeService& service, std::string version = "green") {
    return target_at(service.address(), std::move(version), "http://" + service.authority(),
                     service.authority(), {});
  }
  // Makes an https endpoint called `name` at this port, spoken to as `tls` says.
  Target tls_target(std::uint16_t port, const std::string& name, const config::UpstreamTls& tls) {
    return target_at({asio::ip::address_v4::loopback(), port}, name, "https://" + name, name,
                     {name, test::client_context(tls, "h2"), false});
  }
  Target target_at(const tcp::endpoint& at, std::string version, std::string url,
                   std::string authority, upstream::EndpointOptions options) {
    sockaddr_storage address{};
    std::memcpy(&address, at.data(), at.size());
    config::Health health;
    health.enabled = true;
    health.path = "/healthz";
    health.interval = 30s;
    health.timeout = 5s;
    health.unhealthy_after = 3;
    health.start_period = 0s;
    return {
        "shop", std::move(version),
        std::make_shared<upstream::Endpoint>(++ids_, std::move(url), std::move(authority), address,
                                             static_cast<socklen_t>(at.size()), std::move(options)),
        health};
  }

  template <typename Condition>
  void run_until(Condition condition) {
    const auto give_up = Clock::now() + 10s;
    while (!condition()) {
      context_.restart();
      context_.run_one_for(100ms);
      ASSERT_LT(Clock::now(), give_up) << "nothing happened";
    }
  }

  // Lets every target be probed once, until every probe sleeps again.
  void probe_once() {
    const std::size_t before = sleepers_.asked.size();
    const std::size_t sleeping = sleepers_.waiting();
    ASSERT_GT(sleeping, 0u);
    sleepers_.wake_all();
    run_until([&] { return sleepers_.asked.size() == before + sleeping; });
  }

  // Calls update(), and waits until every probe that should run waits for its first turn.
  void update(std::vector<Target> targets) {
    const std::size_t expected = targets.size();
    prober_.update(std::move(targets));
    context_.restart();
    context_.poll();  // probes that leave wake up and go
    run_until([&] { return sleepers_.waiting() == expected; });
  }

  asio::io_context context_;
  Sleepers sleepers_{context_};
  TimePoint now_{1h};
  std::vector<std::string> changes_;
  HealthProber prober_{
      context_,
      [this](const Target& target, bool healthy, const std::string& why) {
        changes_.push_back(target.version + (healthy ? " healthy: " : " unhealthy: ") + why);
      },
      {[this] { return now_; }, [this](config::Duration d) { return sleepers_.sleep(d); },
       [](config::Duration interval) { return interval / 10; }}};
  std::uint32_t ids_ = 0;
};

TEST_F(Prober, AsksForThePathUnderTheEndpointsOwnName) {
  FakeService service(context_);
  update({target_for(service)});
  probe_once();
  EXPECT_THAT(service.seen, ElementsAre("GET /healthz " + service.authority()));
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(Prober, AsksByTheConfiguredHostElseByAGuessWhich421DoesNotFault) {
  FakeService service(context_);
  service.status = 421;
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  for (const char* host : {"", "shop.example.com"}) {
    target.health.host = host;
    update({target});
    probe_once();
    EXPECT_EQ(target.endpoint->healthy(), target.health.host.empty());
  }
  EXPECT_EQ(service.seen.back(), "GET /healthz shop.example.com");
}

TEST_F(Prober, SendsTheHeadersThatAreConfigured) {
  test::FakeUpstream service;
  Target target = target_at({asio::ip::address_v4::loopback(), service.port()}, "green",
                            "http://green.test", "green.test", {});
  target.health.headers = {{"X-Probe", "yes"}, {"User-Agent", "ours"}};
  update({target});
  probe_once();
  const test::Received request = service.wait_for_request();
  EXPECT_EQ(request.field("X-Probe"), "yes");
  EXPECT_EQ(request.field("User-Agent"), "ours");
}

TEST_F(Prober, AsksAtTheConfiguredPortOfTheEndpointsHost) {
  FakeService service(context_);
  Target target = target_at({asio::ip::address_v4::loopback(), 1}, "green", "http://127.0.0.1:1",
                            "127.0.0.1:1", {});
  target.health.port = service.address().port();
  update({target});
  probe_once();
  EXPECT_THAT(service.seen, ElementsAre("GET /healthz 127.0.0.1:1"));
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(Prober, TheConfiguredStatusesAreHealthyAndNoOthers) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  target.health.status_from = 300;
  target.health.status_to = 399;
  update({target});
  for (const int status : {299, 300, 399, 400}) {
    service.status = status;
    probe_once();
    EXPECT_EQ(target.endpoint->healthy(), status == 300 || status == 399) << status;
  }
}

TEST_F(Prober, WaitsItsFirstDelayThenTheInterval) {
  FakeService service(context_);
  update({target_for(service)});
  probe_once();
  probe_once();

  EXPECT_THAT(sleepers_.asked, ElementsAre(3s, 30s, 30s));
}

TEST_F(Prober, GivesUpAnEndpointAfterThreeFailuresInARow) {
  FakeService service(context_);
  const Target target = target_for(service);
  update({target});

  service.status = 503;
  probe_once();
  probe_once();
  EXPECT_TRUE(target.endpoint->healthy());
  probe_once();

  EXPECT_FALSE(target.endpoint->healthy());
  EXPECT_THAT(changes_,
              ElementsAre("green unhealthy: 3 failures in a row, the last: answered 503"));
  probe_once();
  EXPECT_EQ(changes_.size(), 1u) << "said once";
}

TEST_F(Prober, HttpsIsAskedWithTheTrustOfRequests) {
  test::TestAuthority authority;
  test::FakeUpstream service;
  const auto server = test::server_context(authority.issue({.names = {"green.test"}}));
  service.speak_tls(server, true);
  for (const std::string& name : {std::string("green.test"), std::string("blue.test")}) {
    config::UpstreamTls tls;
    tls.ca = authority.ca_path();
    tls.server_name = name;
    Target target = tls_target(service.port(), name, tls);
    target.health.unhealthy_after = 1;
    update({target});
    probe_once();
    EXPECT_EQ(target.endpoint->healthy(), name == "green.test");
  }
  EXPECT_THAT(changes_, ElementsAre(HasSubstr("TLS handshake: hostname mismatch")));
}

TEST_F(Prober, GrpcOverTlsIsAskedInHttp2) {
  test::TestAuthority authority;
  const auto server = test::server_context(authority.issue({.names = {"green.test"}}));
  test::choose_alpn(server.get(), "h2");
  test::FakeH2Upstream service;
  service.speak_tls(server);
  service.answer(test::grpc_reply("0", "\x08\x01"));
  config::UpstreamTls tls;
  tls.ca = authority.ca_path();
  Target target = tls_target(service.port(), "green.test", tls);
  target.health.grpc = true;
  target.health.unhealthy_after = 1;
  update({target});
  probe_once();
  EXPECT_TRUE(target.endpoint->healthy());
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_EQ(service.wait_for_request().field(":scheme"), "https");
}

TEST_F(Prober, OneSuccessBetweenStartsTheCountAgain) {
  FakeService service(context_);
  const Target target = target_for(service);
  update({target});

  for (const int status : {500, 500, 200, 500, 500}) {
    service.status = status;
    probe_once();
  }

  EXPECT_TRUE(target.endpoint->healthy());
  EXPECT_THAT(changes_, IsEmpty());
}

TEST_F(Prober, OneSuccessBringsAnEndpointBack) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  update({target});
  service.status = 500;
  probe_once();
  ASSERT_FALSE(target.endpoint->healthy());

  service.status = 201;
  probe_once();

  EXPECT_TRUE(target.endpoint->healthy());
  EXPECT_THAT(changes_.back(), StartsWith("green healthy: "));
}

TEST_F(Prober, OnlyA2xxIsHealthy) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  update({target});

  service.status = 302;
  probe_once();

  EXPECT_FALSE(target.endpoint->healthy());
}

TEST_F(Prober, ARefusedConnectionIsAFailure) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  service.close();
  update({target});

  probe_once();

  EXPECT_FALSE(target.endpoint->healthy());
  EXPECT_THAT(changes_, ElementsAre(HasSubstr("connect: Connection refused")));
}

TEST_F(Prober, SilenceBeyondTheTimeoutIsAFailure) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  target.health.timeout = 30ms;  // the one real wait here, because the timeout belongs to the
                                 // socket
  service.status = 0;
  update({target});

  probe_once();

  EXPECT_FALSE(target.endpoint->healthy());
  EXPECT_THAT(changes_, ElementsAre(HasSubstr("no answer within 30 ms")));
}

TEST_F(Prober, FailuresWhileStartingDoNotCount) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  target.health.start_period = 40s;
  update({target});
  service.status = 503;

  now_ += 39s;
  probe_once();
  EXPECT_TRUE(target.endpoint->healthy());
  now_ += 1s;
  probe_once();

  EXPECT_FALSE(target.endpoint->healthy());
}

TEST_F(Prober, TheFirstSuccessEndsTheStartPeriod) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  target.health.start_period = 40s;
  update({target});
  probe_once();

  service.status = 503;
  probe_once();

  EXPECT_FALSE(target.endpoint->healthy());
}

TEST_F(Prober, ATargetThatStaysKeepsItsCountAndTakesNewSettings) {
  FakeService service(context_);
  Target target = target_for(service);
  update({target});
  service.status = 500;
  probe_once();
  probe_once();

  target.health.path = "/ready";
  target.health.interval = 10s;
  update({target});
  probe_once();

  EXPECT_FALSE(target.endpoint->healthy());
  EXPECT_EQ(service.seen.back(), "GET /ready " + service.authority());
  EXPECT_EQ(sleepers_.asked.back(), 10s);
}

TEST_F(Prober, ATargetThatLeavesIsNotAskedAgainAndIsUsable) {
  FakeService old_service(context_);
  FakeService new_service(context_);
  Target leaving = target_for(old_service, "blue");
  leaving.health.unhealthy_after = 1;
  update({leaving});
  old_service.status = 500;
  probe_once();
  ASSERT_FALSE(leaving.endpoint->healthy());

  update({target_for(new_service)});
  probe_once();

  EXPECT_EQ(old_service.seen.size(), 1u);
  EXPECT_EQ(new_service.seen.size(), 1u);
  EXPECT_TRUE(leaving.endpoint->healthy());
}

TEST_F(Prober, ATargetWithoutHealthChecksIsNotAsked) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.enabled = false;

  prober_.update({target});
  context_.poll();

  EXPECT_EQ(sleepers_.waiting(), 0u);
}

TEST_F(Prober, StopEndsAProbeThatIsUnderWay) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  service.status = 0;
  update({target});
  sleepers_.wake_all();
  run_until([&] { return service.seen.size() == 1; });

  prober_.stop();
  service.close();
  context_.restart();
  context_.run_for(5s);  // returns at once: nothing is left to do

  EXPECT_TRUE(context_.stopped()) << "a probe goes on";
  EXPECT_THAT(changes_, IsEmpty());
  EXPECT_TRUE(target.endpoint->healthy());
}

TEST_F(Prober, TheTargetsMayChangeWhileItIsToldOfAChange) {
  FakeService service(context_);
  Target target = target_for(service);
  target.health.unhealthy_after = 1;
  int told = 0;
  HealthProber prober(context_,
                      [&](const Target&, bool, const std::string&) {
                        ++told;
                        prober.update({});
                      },
                      {[this] { return now_; }, [this](auto d) { return sleepers_.sleep(d); },
                       [](auto interval) { return interval; }});
  prober.update({target});
  run_until([&] { return sleepers_.waiting() == 1; });
  service.status = 500;
  sleepers_.wake_all();

  run_until([&] { return told == 1; });
  service.close();
  context_.restart();
  context_.run_for(5s);

  EXPECT_TRUE(context_.stopped()) << "a probe goes on";
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace cutwater::control::health
