// Tests the outgoing client: what reaches the other side, what comes back, and every way it can go
// wrong.
#include "control/base/http_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>

#include "tests/support/fake_upstream.hpp"
#include "tests/unit/notify/tls_receiver.hpp"

namespace cutwater::control {
namespace {

using namespace std::chrono_literals;
using test::FakeUpstream;
using test::TlsReceiver;
using testing::HasSubstr;
using testing::StartsWith;

HttpOutcome ask(HttpRequest request) {
  boost::asio::io_context io(1);
  std::optional<HttpOutcome> outcome;
  boost::asio::co_spawn(io, ask_http(std::move(request)),
                        [&](std::exception_ptr error, HttpOutcome value) {
                          if (error) std::rethrow_exception(error);
                          outcome = std::move(value);
                        });
  io.run();
  return std::move(*outcome);
}

std::string url_of(std::uint16_t port, const std::string& path = "/hook") {
  return "http://127.0.0.1:" + std::to_string(port) + path;
}

TEST(HttpClient, DeliversARequestAndBringsBackTheAnswer) {
  FakeUpstream receiver;
  receiver.answer(201, "thanks", "X-Ticket: 7\r\n");
  HttpRequest request{.url = url_of(receiver.port(), "/hook?team=a"), .body = R"({"a":1})"};
  request.fields = {{"Content-Type", "application/json"}};

  const HttpOutcome outcome = ask(request);

  ASSERT_TRUE(outcome.answer) << outcome.error;
  EXPECT_EQ(outcome.answer->status, 201);
  EXPECT_TRUE(outcome.answer->is_success());
  EXPECT_EQ(outcome.answer->body, "thanks");
  EXPECT_EQ(outcome.answer->field("x-ticket"), "7");
  const auto got = receiver.wait_for_request();
  EXPECT_EQ(got.head.start_line, "POST /hook?team=a HTTP/1.1");
  EXPECT_EQ(got.field("Host"), "127.0.0.1:" + std::to_string(receiver.port()));
  EXPECT_EQ(got.field("Content-Type"), "application/json");
  EXPECT_EQ(got.body, R"({"a":1})");
}

// "127.1" is for the resolver to read, who needs neither /etc/hosts nor a name server for it.
TEST(HttpClient, LooksANameUp) {
  FakeUpstream receiver;
  const HttpOutcome outcome =
      ask({.method = "GET", .url = "http://127.1:" + std::to_string(receiver.port())});
  ASSERT_TRUE(outcome.answer) << outcome.error;
  EXPECT_EQ(receiver.wait_for_request().head.start_line, "GET / HTTP/1.1");
}

TEST(HttpClient, TriesEachAddress) {
  using boost::asio::ip::address_v4;
  FakeUpstream receiver;
  const test::RefusingPort refusing;
  const HttpOutcome outcome = ask({.method = "GET",
                                   .url = "http://hooks.example.com/",
                                   .addresses = {{address_v4::loopback(), refusing.port()},
                                                 {address_v4::loopback(), receiver.port()}}});
  ASSERT_TRUE(outcome.answer) << outcome.error;
  EXPECT_EQ(receiver.wait_for_request().field("Host"), "hooks.example.com");
}

TEST(HttpClient, CutsALongBodyAndKeepsTheStatus) {
  FakeUpstream receiver;
  receiver.answer(503, std::string(100'000, 'x'));
  const HttpOutcome outcome = ask({.url = url_of(receiver.port()), .max_body = 1000});
  ASSERT_TRUE(outcome.answer) << outcome.error;
  EXPECT_EQ(outcome.answer->status, 503);
  EXPECT_EQ(outcome.answer->body.size(), 1000u);
  EXPECT_TRUE(outcome.answer->truncated);
}

TEST(HttpClient, WaitsForNoBodyThatItDoesNotRead) {
  FakeUpstream receiver;
  receiver.answer_raw("HTTP/1.1 503 Busy\r\nContent-Length: 10\r\n\r\nabc");
  const HttpOutcome outcome = ask({.url = url_of(receiver.port()), .head_only = true});
  ASSERT_TRUE(outcome.answer) << outcome.error;
  EXPECT_EQ(outcome.answer->status, 503);
  EXPECT_EQ(outcome.answer->body, "");
}

TEST(HttpClient, RefusesAHeadThatIsTooLong) {
  FakeUpstream receiver;
  receiver.answer(200, "", "X-Long: " + std::string(2000, 'x') + "\r\n");
  EXPECT_EQ(ask({.url = url_of(receiver.port()), .max_head = 1000}).error,
            "read: header limit exceeded");
}

TEST(HttpClient, ABodyThatEndsTooEarlyIsNoAnswer) {
  FakeUpstream receiver;
  receiver.close_after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_EQ(ask({.url = url_of(receiver.port())}).error, "read: partial message");
}

TEST(HttpClient, AHugeContentLengthCostsNothing) {
  FakeUpstream receiver;
  receiver.answer_raw("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nabc");
  const HttpOutcome outcome = ask({.url = url_of(receiver.port()), .timeout = 300ms});
  EXPECT_FALSE(outcome.answer);
  EXPECT_EQ(outcome.error, "no answer within 300 ms");
}

TEST(HttpClient, GivesUpOnWhoNeverAnswers) {
  FakeUpstream receiver;
  receiver.never_answer();
  EXPECT_EQ(ask({.url = url_of(receiver.port()), .timeout = 200ms}).error,
            "no answer within 200 ms");
}

TEST(HttpClient, SaysWhatFailed) {
  const test::RefusingPort refusing;
  EXPECT_EQ(ask({.url = url_of(refusing.port())}).error, "connect: Connection refused");
  FakeUpstream rude;
  rude.close_without_answer();
  EXPECT_THAT(ask({.url = url_of(rude.port())}).error, StartsWith("read: "));
  EXPECT_THAT(ask({.url = "ftp://127.0.0.1/secret"}).error,
              testing::AllOf(HasSubstr("http(s)://"), testing::Not(HasSubstr("secret"))));
}

TEST(HttpClient, FollowsNoRedirect) {
  FakeUpstream receiver;
  receiver.answer(302, "", "Location: http://127.0.0.1:1/elsewhere\r\n");
  const HttpOutcome outcome = ask({.url = url_of(receiver.port())});
  ASSERT_TRUE(outcome.answer);
  EXPECT_EQ(outcome.answer->status, 302);
  EXPECT_FALSE(outcome.answer->is_success());
}

TEST(HttpClient, SpeaksTlsWithWhoItTrusts) {
  TlsReceiver receiver("IP:127.0.0.1");
  const HttpOutcome outcome = ask({.url = "https://127.0.0.1:" + std::to_string(receiver.port()),
                                   .body = "hello",
                                   .ca_file = receiver.certificate()});
  ASSERT_TRUE(outcome.answer) << outcome.error;
  EXPECT_EQ(outcome.answer->status, 202);
  EXPECT_EQ(outcome.answer->body, "got hello");
}

TEST(HttpClient, RefusesACertificateNobodyVouchesFor) {
  TlsReceiver receiver("IP:127.0.0.1");
  const HttpOutcome outcome = ask({.url = "https://127.0.0.1:" + std::to_string(receiver.port())});
  EXPECT_FALSE(outcome.answer);
  EXPECT_THAT(outcome.error, StartsWith("TLS: "));
}

TEST(HttpClient, RefusesACertificateOfAnotherName) {
  TlsReceiver receiver("DNS:hooks.example.com");
  const HttpOutcome outcome = ask({.url = "https://127.0.0.1:" + std::to_string(receiver.port()),
                                   .ca_file = receiver.certificate()});
  EXPECT_FALSE(outcome.answer);
  EXPECT_THAT(outcome.error, StartsWith("TLS: "));
}

TEST(HttpUrl, IsTakenApart) {
  const auto url = parse_http_url("https://hooks.example.com/services/T0?x=1#here");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "hooks.example.com");
  EXPECT_EQ(url->port, "443");
  EXPECT_EQ(url->authority, "hooks.example.com");
  EXPECT_EQ(url->target, "/services/T0?x=1");
  const auto v6 = parse_http_url("http://[::1]:8080?x");
  ASSERT_TRUE(v6);
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->port, "8080");
  EXPECT_EQ(v6->authority, "[::1]:8080");
  EXPECT_EQ(v6->target, "/?x");
}

TEST(HttpUrl, RefusesWhatItCannotAsk) {
  for (const char* bad : {"", "hooks.example.com", "ftp://a/", "http://", "http://u:p@a/",
                          "http://a:0/", "http://a:99999/", "http://a b/", "http://a/\r\nX: y"})
    EXPECT_FALSE(parse_http_url(bad)) << bad;
}

}  // namespace
}  // namespace cutwater::control
