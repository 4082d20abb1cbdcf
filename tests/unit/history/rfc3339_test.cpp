#include "control/base/rfc3339.hpp"

#include <gtest/gtest.h>

namespace cutwater::control {
namespace {

TEST(Rfc3339, ReadsWhatIsWritten) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2026-11-18T11:06:40.123Z"), 1'795'000'000'123);
  EXPECT_EQ(parse_rfc3339("2026-11-18T12:06:40+01:00"), 1'795'000'000'000);
  EXPECT_EQ(parse_rfc3339("2026-11-18t05:36:40.5-05:30"), 1'795'000'000'500);
  EXPECT_EQ(parse_rfc3339("2026-11-18 11:06:40.123456789Z"), 1'795'000'000'123);
  EXPECT_EQ(parse_rfc3339("2024-02-29T23:59:60Z"), parse_rfc3339("2024-03-01T00:00:00Z"));
  EXPECT_EQ(parse_rfc3339(time_text(1'795'000'000'999)), 1'795'000'000'999);
}

TEST(Rfc3339, RefusesTheRest) {
  for (const char* bad :
       {"", "now", "2026-11-18", "2026-11-18T11:06:40", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-11-18T24:00:00Z",
        "2026-11-18T11:60:00Z", "2026-11-18T11:06:61Z", "2026-11-18T11:06:40.Z",
        "2026-11-18T11:06:40Zz", "2026-11-18T11:06:40+1:00", "2026-11-18T11:06:40+24:00",
        "2026-11-18T11:06:40.1x2Z", "+026-11-18T11:06:40Z", "2026-11-18T11:06:40+"})
    EXPECT_FALSE(parse_rfc3339(bad)) << bad;
}

TEST(Since, IsADurationAgoOrAMoment) {
  EXPECT_EQ(parse_since("2h", 10'000'000), 10'000'000 - 2 * 3600 * 1000);
  EXPECT_EQ(parse_since("1970-01-01T00:00:01Z", 5), 1000);
  EXPECT_FALSE(parse_since("yesterday", 5));
}

}  // namespace
}  // namespace cutwater::control
