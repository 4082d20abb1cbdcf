// Tests the gRPC health question against a server that speaks HTTP/2: what it asks, how it reads
// the answer.
#include "control/health/grpc_probe.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_h2_upstream.hpp"

namespace cutwater::control::health {
namespace {

using namespace cutwater::test;

class GrpcProbeTest : public testing::Test {
 protected:
  std::optional<std::string> ask(const std::string& service = "") {
    GrpcProbe probe("a:1", service);
    TcpStream stream = TcpStream::connect({upstream.port()});
    while (!probe.done()) {
      stream.send(probe.take_output());
      std::string input;
      if (stream.receive(input) != TcpStream::End::Open) return "closed";
      probe.feed(input);
    }
    return probe.problem();
  }
  void answer(std::string message, const std::string& status = "0") {
    upstream.answer(grpc_reply(status, message));
  }
  FakeH2Upstream upstream;
};

TEST_F(GrpcProbeTest, ServingIsHealthy) {
  answer("\x08\x01");
  EXPECT_EQ(ask("pkg.Service"), std::nullopt);
  const H2Received got = upstream.wait_for_request();
  EXPECT_EQ(got.field(":path"), "/grpc.health.v1.Health/Check");
  EXPECT_EQ(got.field("content-type"), "application/grpc");
  EXPECT_EQ(got.body, std::string("\0\0\0\0\x0d\x0a\x0bpkg.Service", 18));
}

TEST_F(GrpcProbeTest, TheServerAsAWholeHasNoName) {
  answer("\x08\x01");
  EXPECT_EQ(ask(), std::nullopt);
  EXPECT_EQ(upstream.wait_for_request().body, std::string(5, '\0'));
}

TEST_F(GrpcProbeTest, EverythingElseIsNot) {
  answer("\x08\x02");
  EXPECT_EQ(ask(), "answered NOT_SERVING");
  answer("");
  EXPECT_EQ(ask(), "answered UNKNOWN");
  answer("\x12\x01");
  EXPECT_EQ(ask(), "answered something else than a health answer");
  answer("\x08\x01", "5");
  EXPECT_EQ(ask(), "grpc-status 5");
  upstream.answer({.status = 503});
  EXPECT_EQ(ask(), "answered 503");
  upstream.answer({.fields = {{"grpc-status", "12"}, {"grpc-message", "no such"}}, .body = ""});
  EXPECT_EQ(ask(), "grpc-status 12: no such");
}

TEST_F(GrpcProbeTest, AServerOfAnotherProtocol) {
  upstream.send_raw("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_EQ(ask(), "did not speak HTTP/2");
}

}  // namespace
}  // namespace cutwater::control::health
