#include "config/units.hpp"

#include <gtest/gtest.h>

#include "config/suggest.hpp"

namespace cutwater::config {
namespace {
using namespace std::chrono_literals;

TEST(Units, Durations) {
  EXPECT_EQ(parse_duration("250ms"), 250ms);
  EXPECT_EQ(parse_duration("10s"), 10s);
  EXPECT_EQ(parse_duration("5m"), 5min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("30d"), 24h * 30);
  EXPECT_EQ(parse_duration("0s"), 0s);
  for (const char* text : {"", "10", "s", "010s", "-1s", "1.5s", "1e3s", "0x10s", "10 s", "10S",
                           "1h30m", "10sec", "1w", "3651d", "99999999999999999999ms"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Units, Sizes) {
  EXPECT_EQ(parse_size("64KiB"), 65536u);
  EXPECT_EQ(parse_size("1MiB"), 1048576u);
  EXPECT_EQ(parse_size("2GiB"), 2147483648u);
  EXPECT_EQ(parse_size("240B"), 240u);
  EXPECT_EQ(parse_size("240"), 240u);
  for (const char* text : {"", "KiB", "064KiB", "64KB", "64k", "64 KiB", "0x10", "1e3", "-1",
                           "1.5MiB", "2000GiB", "18446744073709551616"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Units, CountsDoNotWrap) {
  EXPECT_EQ(parse_count("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_count("18446744073709551616"), std::nullopt);
  EXPECT_EQ(parse_count("100", 100), 100u);
  EXPECT_EQ(parse_count("101", 100), std::nullopt);
  EXPECT_EQ(parse_count("9", 5), std::nullopt);
  EXPECT_EQ(parse_count("00"), std::nullopt);
  EXPECT_EQ(parse_count("0"), 0u);
}

TEST(Units, AreShownInTheLargestUnitThatLosesNothing) {
  EXPECT_EQ(to_string(90s), "90s");
  EXPECT_EQ(to_string(24h), "1d");
  EXPECT_EQ(to_string(1500ms), "1500ms");
  EXPECT_EQ(to_string(0ms), "0s");
  EXPECT_EQ(size_to_string(65536), "64KiB");
  EXPECT_EQ(size_to_string(1000), "1000B");
  EXPECT_EQ(size_to_string(0), "0B");
}

TEST(Suggest, DistanceCountsASwapAsOneAndIgnoresCase) {
  EXPECT_EQ(edit_distance("weights", "weights"), 0u);
  EXPECT_EQ(edit_distance("wieghts", "weights"), 1u);
  EXPECT_EQ(edit_distance("Weights", "weights"), 0u);
  EXPECT_EQ(edit_distance("drain-notice", "drain_notice"), 0u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
}

TEST(Suggest, NamesTheNearestOrListsTheKnown) {
  EXPECT_EQ(suggestion("wieght", {"weights", "versions"}), ", did you mean `weights`?");
  EXPECT_EQ(suggestion("quorum", {"blue", "green"}), "; known here: blue, green");
  EXPECT_EQ(suggestion("x", {"y"}), "; known here: y");
  EXPECT_EQ(suggestion("anything", {}), "");
}

}  // namespace
}  // namespace cutwater::config
