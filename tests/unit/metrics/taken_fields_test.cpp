// What the log says of fields about the client that strangers send.
#include "control/metrics/taken_fields.hpp"

#include <gtest/gtest.h>

namespace cutwater::control {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1000s};

TEST(TakenFields, NothingTakenIsNothingSaid) {
  TakenFields taken;
  EXPECT_FALSE(taken.due(kStart, {}));
  EXPECT_FALSE(taken.due(kStart + 2h, {{"X-Forwarded-*", 0}}));
}

TEST(TakenFields, TheFirstIsSaidAtOnceAndTheRestOnceAnHourByFamily) {
  TakenFields taken;
  const auto first = taken.due(kStart, {{"X-Forwarded-*", 2}});
  ASSERT_TRUE(first);
  EXPECT_NE(first->find(": X-Forwarded-* 2. `trusted_proxies`"), std::string::npos) << *first;
  EXPECT_FALSE(taken.due(kStart + 59min, {{"True-Client-IP", 1}, {"X-Forwarded-*", 9}}));
  const auto hour = taken.due(kStart + 1h, {{"True-Client-IP", 1}, {"X-Forwarded-*", 12}});
  ASSERT_TRUE(hour);
  EXPECT_NE(hour->find(": True-Client-IP 1, X-Forwarded-* 10."), std::string::npos) << *hour;
  EXPECT_FALSE(taken.due(kStart + 3h, {{"True-Client-IP", 1}, {"X-Forwarded-*", 12}}))
      << "nothing was taken since";
  EXPECT_TRUE(taken.due(kStart + 4h, {{"True-Client-IP", 2}, {"X-Forwarded-*", 12}}));
}

}  // namespace
}  // namespace cutwater::control
