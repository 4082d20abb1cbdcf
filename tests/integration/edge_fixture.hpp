// Holds what most edge tests share: one service "shop" with the version "blue", served by the
// scripted upstream `blue`. Change `setup` before the first use of proxy(), which starts it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>

#include "tests/support/fake_upstream.hpp"
#include "tests/support/proxy_fixture.hpp"
#include "tests/support/raw_client.hpp"

namespace cutwater::test {

inline const std::string kPost = "POST /p HTTP/1.1\r\nHost: a\r\n";
inline const std::string kGet = "GET /p HTTP/1.1\r\nHost: a\r\n";

inline const std::string kUpgrade = kGet + "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
inline const std::string kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

// Scripts an upstream that switches, returns every byte until the client half-closes, says "bye"
// and closes.
inline void switch_and_echo(const Received&, UpstreamConnection& connection) {
  connection.send(kSwitch);
  std::string bytes;
  while (connection.stream().receive(bytes) == TcpStream::End::Open) {
    connection.send(bytes);
    bytes.clear();
  }
  connection.send("bye");
  connection.close();
}

// Members are destroyed in reverse order: the proxy first, then what it talks to.
class Edge : public ::testing::Test {
 protected:
  Edge() { setup.version("blue", 100, {blue.port()}); }

  Proxy& proxy() {
    if (!proxy_) proxy_ = std::make_unique<Proxy>(setup);
    return *proxy_;
  }
  void stop_proxy() { proxy_.reset(); }
  std::uint16_t port() { return proxy().port(); }

  std::uint64_t bad_requests() {
    std::uint64_t sum = 0;
    for (const auto& [label, count] : proxy().totals().bad_requests) sum += count;
    return sum;
  }
  std::uint64_t outcomes(stats::Outcome outcome) { return proxy().outcomes("blue", outcome); }
  std::uint64_t attempts() { return proxy().of("blue").attempts(); }

  void TearDown() override {
    for (const std::string& problem : blue.problems()) ADD_FAILURE() << "upstream: " << problem;
  }

  FakeUpstream blue;
  ProxySetup setup;

 private:
  std::unique_ptr<Proxy> proxy_;
};

// Describes a row of a table of inputs: its id in tests/HARDENING.md, what it shows, the bytes.
struct Input {
  std::string id;
  std::string bytes;
  int status = 400;
  int or_status = 0;  // 0 means only `status`
};
inline void PrintTo(const Input& input, std::ostream* out) {
  *out << input.id << ": " << ::testing::PrintToString(input.bytes.substr(0, 300));
}

enum class Sent { Whole, ByteByByte };

// Runs one test per row and way of sending.
class Inputs : public Edge, public ::testing::WithParamInterface<std::tuple<Input, Sent>> {
 protected:
  const Input& input() const { return std::get<0>(GetParam()); }
  void say(RawClient& client) const {
    if (std::get<1>(GetParam()) == Sent::Whole)
      client.try_send(input().bytes);
    else
      client.send_byte_by_byte(input().bytes);
  }
  void expect_refusal(const Response& response) const {
    EXPECT_TRUE(response.status == input().status || response.status == input().or_status)
        << response.head.raw << response.body;
    EXPECT_EQ(response.field("Connection"), "close");
  }
  // The request is refused and the connection closed; the process and its other clients are well.
  void expect_closed_and_well(RawClient& client) {
    EXPECT_EQ(client.read_until_close(), "") << "more than one answer";
    EXPECT_EQ(get(port(), "/next").status, 200);
  }
};

inline std::string name_of(const ::testing::TestParamInfo<std::tuple<Input, Sent>>& info) {
  return std::get<0>(info.param).id +
         (std::get<1>(info.param) == Sent::Whole ? "" : "_byte_by_byte");
}

}  // namespace cutwater::test
