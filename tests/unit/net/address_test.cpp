// Tests addresses, networks, and the quota that counts connections by address.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <optional>
#include <thread>
#include <vector>

#include "proxy/net/connection_quota.hpp"
#include "proxy/net/ip_address.hpp"

namespace cutwater::net {
namespace {

IpAddress ip(std::string_view text) {
  const auto address = parse_ip(text);
  EXPECT_TRUE(address) << text;
  return address.value_or(IpAddress{});
}
bool contains(std::string_view network, std::string_view address) {
  const auto parsed = Network::parse(network);
  EXPECT_TRUE(parsed) << network;
  return parsed && parsed->contains(ip(address));
}

TEST(IpAddressTest, ReadsAndWritesBothFamilies) {
  for (const std::string text :
       {"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "2001:db8::1", "fe80::1:2:3:4"})
    EXPECT_EQ(ip(text).to_string(), text);
}

TEST(IpAddressTest, RefusesWhatIsNoAddress) {
  for (const std::string_view text : {"", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4x",
                                      "::1::", "localhost", "1.2.3.4 ", "[::1]", "12345::"})
    EXPECT_FALSE(parse_ip(text)) << text;
}

TEST(IpAddressTest, KnowsLoopback) {
  EXPECT_TRUE(ip("127.0.0.1").is_loopback());
  EXPECT_TRUE(ip("127.9.9.9").is_loopback());
  EXPECT_TRUE(ip("::1").is_loopback());
  EXPECT_FALSE(ip("128.0.0.1").is_loopback());
  EXPECT_FALSE(ip("::2").is_loopback());
  EXPECT_FALSE(ip("7f00::1").is_loopback());
}

TEST(IpAddressTest, AnIpv4PeerOnAnIpv6SocketIsItself) {
  sockaddr_storage storage{};
  auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
  v6.sin6_family = AF_INET6;
  ::inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
  EXPECT_EQ(ip_of(storage), ip("192.0.2.7"));
  ::inet_pton(AF_INET6, "2001:db8::7", &v6.sin6_addr);
  EXPECT_EQ(ip_of(storage), ip("2001:db8::7"));
}

TEST(NetworkTest, ContainsByPrefix) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.128"));
  EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contains("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(contains("192.0.2.7", "192.0.2.6"));
  EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("::1/128", "::1"));
  EXPECT_FALSE(contains("::1/128", "::2"));
}

TEST(NetworkTest, FamiliesDoNotMix) {
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_FALSE(contains("::/0", "127.0.0.1"));
}

TEST(NetworkTest, RefusesNonsense) {
  for (const std::string_view text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1",
                                      "10.0.0.0/8x", "10.0.0.0/+8", "10.0.0/8"})
    EXPECT_FALSE(Network::parse(text)) << text;
}

// --- ConnectionQuota --------------------------------------------------------------------------

TEST(ConnectionQuotaTest, BoundsAllConnectionsTogether) {
  ConnectionQuota quota(2, 0);
  const auto first = quota.try_enter(ip("192.0.2.1"), false);
  auto second = std::make_optional(quota.try_enter(ip("192.0.2.2"), true));
  EXPECT_TRUE(first);
  EXPECT_TRUE(*second);
  EXPECT_FALSE(quota.try_enter(ip("192.0.2.3"), true)) << "exempt only from the limit per address";
  second.reset();
  EXPECT_TRUE(quota.try_enter(ip("192.0.2.3"), false));
}

TEST(ConnectionQuotaTest, BoundsConnectionsOfOneAddress) {
  ConnectionQuota quota(0, 2);
  const IpAddress greedy = ip("192.0.2.1");
  const auto first = quota.try_enter(greedy, false);
  auto second = std::make_optional(quota.try_enter(greedy, false));
  EXPECT_FALSE(quota.try_enter(greedy, false));
  EXPECT_TRUE(quota.try_enter(ip("192.0.2.2"), false)) << "others are not affected";
  EXPECT_TRUE(quota.try_enter(greedy, true)) << "a proxy for many";
  second.reset();
  EXPECT_TRUE(quota.try_enter(greedy, false));
}

TEST(ConnectionQuotaTest, ARefusedAttemptTakesNoPlace) {
  ConnectionQuota quota(0, 1);
  const IpAddress greedy = ip("192.0.2.1");
  {
    const auto place = quota.try_enter(greedy, false);
    for (int i = 0; i < 10; ++i) EXPECT_FALSE(quota.try_enter(greedy, false));
  }
  EXPECT_TRUE(quota.try_enter(greedy, false));
}

TEST(ConnectionQuotaTest, AMovedPlaceIsFreedOnce) {
  ConnectionQuota quota(1, 0);
  {
    auto place = quota.try_enter(ip("192.0.2.1"), false);
    const auto moved = std::move(place);
    EXPECT_TRUE(moved);
    EXPECT_FALSE(quota.try_enter(ip("192.0.2.1"), false));
  }
  const auto again = quota.try_enter(ip("192.0.2.1"), false);
  EXPECT_TRUE(again);
  EXPECT_FALSE(quota.try_enter(ip("192.0.2.1"), false)) << "a place was freed twice";
}

TEST(ConnectionQuotaTest, IsTheSameForAllThreads) {
  ConnectionQuota quota(100, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&quota, t] {
      for (int i = 0; i < 2000; ++i) {
        const auto place = quota.try_enter(ip("192.0.2." + std::to_string(t)), false);
        EXPECT_TRUE(place);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<ConnectionQuota::Place> all;
  for (int i = 0; i < 101; ++i) all.push_back(quota.try_enter(ip("192.0.2.9"), false));
  EXPECT_TRUE(all[99]);
  EXPECT_FALSE(all[100]);
}

}  // namespace
}  // namespace cutwater::net
