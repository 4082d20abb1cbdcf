#include "proxy/net/listener.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <vector>

#include "tests/support/tcp_stream.hpp"

namespace cutwater::net {
namespace {

using test::TcpStream;

TcpStream dial(std::uint16_t port) {
  return TcpStream::connect({.port = port, .receive_buffer = 0, .from = "127.0.0.1"});
}

TEST(BindListenerTest, FindsAFreePortAndSharesItOnlyWhenAsked) {
  const BoundSocket first = bind_listener({"127.0.0.1", 0}, false);
  ASSERT_GE(first.fd, 0) << first.problem;
  EXPECT_NE(first.address.port, 0);
  const BoundSocket second = bind_listener(first.address, false);
  EXPECT_GE(second.fd, 0) << second.problem;
  const BoundSocket exclusive = bind_listener(first.address, true);
  EXPECT_LT(exclusive.fd, 0);
  EXPECT_EQ(exclusive.problem, "Address already in use");
  ::close(first.fd);
  ::close(second.fd);
}

TEST(BindListenerTest, SaysWhatIsWrongWithAnAddress) {
  EXPECT_EQ(bind_listener({"example.test", 80}, false).problem, "not an IP address: example.test");
  EXPECT_EQ(bind_listener({"192.0.2.1", 0}, false).problem, "Cannot assign requested address");
}

TEST(BindListenerTest, KnowsIpv6) {
  const BoundSocket bound = bind_listener({"::1", 0}, false);
  if (bound.fd < 0) GTEST_SKIP() << "no IPv6 here: " << bound.problem;
  EXPECT_NE(bound.address.port, 0);
  ::close(bound.fd);
}

TEST(BindListenerTest, WhatIsAcceptedSendsWithoutDelay) {
  const BoundSocket bound = bind_listener({"127.0.0.1", 0}, false);
  const TcpStream client = dial(bound.address.port);
  const TcpStream accepted(::accept(bound.fd, nullptr, nullptr));
  int no_delay = 0;
  socklen_t length = sizeof no_delay;
  ::getsockopt(accepted.fd(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &length);
  EXPECT_NE(no_delay, 0);
  ::close(bound.fd);
}

// There are more connections than one turn accepts: a drain must not reset those that have already
// connected.
TEST(ListenerTest, TakesEveryoneWhoHasConnectedBeforeItCloses) {
  constexpr std::size_t kWaiting = 600;
  EventLoop loop;
  const BoundSocket bound = bind_listener({"127.0.0.1", 0}, false);
  ASSERT_GE(bound.fd, 0);
  std::vector<TcpStream> accepted;
  Listener listener(
      loop, bound.fd, [&](int fd, const sockaddr_storage&) { accepted.emplace_back(fd); },
      [] { ADD_FAILURE() << "accept failed"; });
  std::vector<TcpStream> clients;
  for (std::size_t i = 0; i < kWaiting; ++i) clients.push_back(dial(bound.address.port));
  listener.close();
  EXPECT_EQ(accepted.size(), kWaiting);
  EXPECT_THROW(dial(bound.address.port), test::TestFailure);
}

TEST(ListenerTest, ABurstIsTakenInSeveralTurns) {
  constexpr std::size_t kBurst = 600;
  EventLoop loop;
  const BoundSocket bound = bind_listener({"127.0.0.1", 0}, false);
  ASSERT_GE(bound.fd, 0);
  std::vector<TcpStream> clients;
  for (std::size_t i = 0; i < kBurst; ++i) clients.push_back(dial(bound.address.port));
  std::vector<TcpStream> accepted;
  Listener listener(
      loop, bound.fd,
      [&](int fd, const sockaddr_storage& peer) {
        EXPECT_TRUE(ip_of(peer).is_loopback());
        accepted.emplace_back(fd);
        if (accepted.size() == kBurst) loop.stop();
      },
      [] { ADD_FAILURE() << "accept failed"; });
  loop.run();
  EXPECT_EQ(accepted.size(), kBurst);
}

}  // namespace
}  // namespace cutwater::net
