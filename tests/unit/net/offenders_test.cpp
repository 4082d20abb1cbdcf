// Tests who was cut off for flooding, for how long that counts, and that the table keeps its size.
#include "proxy/net/offenders.hpp"

#include <gtest/gtest.h>

namespace cutwater::net {
namespace {

IpAddress ip(std::string_view text) {
  return parse_ip(text).value();
}

class OffendersTest : public testing::Test {
 protected:
  unsigned offences(std::string_view address) { return offenders->find(ip(address), now).offences; }
  void offend(std::string_view address) { offenders->note(ip(address), now); }

  std::unique_ptr<Offenders> offenders = std::make_unique<Offenders>();
  TimePoint now{Seconds(1000)};
};

TEST_F(OffendersTest, EachOffenceCountsAgainstItsAddressOnly) {
  EXPECT_EQ(offenders->noted(), 0u);
  EXPECT_EQ(offences("192.0.2.1"), 0u);
  offend("192.0.2.1");
  offend("192.0.2.1");
  EXPECT_EQ(offences("192.0.2.1"), 2u);
  EXPECT_EQ(offences("192.0.2.2"), 0u);
  EXPECT_EQ(offenders->noted(), 2u);
}

TEST_F(OffendersTest, NoMoreThanSoManyCount) {
  for (int i = 0; i < 100; ++i) offend("192.0.2.1");
  EXPECT_EQ(offences("192.0.2.1"), Offenders::kMost);
}

TEST_F(OffendersTest, AMinuteWithoutAnotherForgivesAll) {
  offend("192.0.2.1");
  now += Seconds(59);
  offend("192.0.2.1");
  EXPECT_EQ(offenders->find(ip("192.0.2.1"), now).forgiven, now + Seconds(60));
  now += Seconds(59);
  EXPECT_EQ(offences("192.0.2.1"), 2u);
  now += Seconds(1);
  EXPECT_EQ(offences("192.0.2.1"), 0u);
  offend("192.0.2.1");
  EXPECT_EQ(offences("192.0.2.1"), 1u) << "it begins anew";
}

TEST_F(OffendersTest, OfIpv6TheNetworkCounts) {
  offend("2001:db8:0:1::1");
  offend("2001:db8:0:1:ffff::2");
  EXPECT_EQ(offences("2001:db8:0:1:a:b:c:d"), 2u);
  EXPECT_EQ(offences("2001:db8:0:2::1"), 0u);
}

TEST_F(OffendersTest, WhoeverComesIsKnownHoweverManyCameBefore) {
  for (unsigned i = 0; i < 100'000; ++i) {
    IpAddress address = ip("10.0.0.0");
    address.bytes[1] = static_cast<std::uint8_t>(i >> 16);
    address.bytes[2] = static_cast<std::uint8_t>(i >> 8);
    address.bytes[3] = static_cast<std::uint8_t>(i);
    offenders->note(address, now);
    ASSERT_EQ(offenders->find(address, now).offences, 1u);
    now += Milliseconds(1);
  }
  offend("192.0.2.1");
  offend("192.0.2.1");
  EXPECT_EQ(offences("192.0.2.1"), 2u);
}

}  // namespace
}  // namespace cutwater::net
