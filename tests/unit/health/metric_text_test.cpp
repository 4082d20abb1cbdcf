#include "control/health/metric_text.hpp"

#include <gtest/gtest.h>

#include "control/health/memory_probe.hpp"

namespace cutwater::control::health {
namespace {

TEST(MetricText, FindsTheMetricAmongOthersAndComments) {
  constexpr const char* kText =
      "# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
      "# TYPE process_resident_memory_bytes gauge\n"
      "process_resident_memory_bytes_max 9\n"
      "process_resident_memory_bytes 1.5e+08\n"
      "up 1\n";
  EXPECT_EQ(read_metric(kText, "process_resident_memory_bytes"), 1.5e8);
  EXPECT_EQ(read_metric(kText, "process_resident"), std::nullopt) << "only the whole name";
  EXPECT_EQ(read_metric("", "up"), std::nullopt);
}

TEST(MetricText, SamplesWithLabelsAddUp) {
  EXPECT_EQ(
      read_metric("jvm{area=\"heap\",id=\"a}\\\"b\"} 40 1700000000\njvm{area=\"nonheap\"} 2\r\n",
                  "jvm"),
      42);
}

TEST(MetricText, WhatIsNoNumberIsNoAnswer) {
  for (const char* text : {"m NaN\n", "m +Inf\n", "m x\n", "m{a=\"b\" 1\n", "m \n", "m{} 1e999\n"})
    EXPECT_EQ(read_metric(text, "m"), std::nullopt) << text;
}

config::Memory limit() {
  config::Memory memory;
  memory.enabled = true;
  memory.limit_bytes = 100 << 20;
  return memory;
}
constexpr double kMiB = 1 << 20;

TEST(MemoryWatch, ThreeSamplesRunningAboveTheThresholdAreEnough) {
  MemoryWatch watch;
  const auto note = [&](std::optional<double> used) {
    return watch.note({1, "http://10.0.0.1:9001", used}, limit());
  };
  EXPECT_FALSE(note(95 * kMiB));
  EXPECT_FALSE(note(95 * kMiB));
  const auto reason = note(95 * kMiB);
  ASSERT_TRUE(reason);
  EXPECT_EQ(*reason, "http://10.0.0.1:9001 uses 95 MiB of 100 MiB, above 90% in 3 samples running");
}

TEST(MemoryWatch, OneBelowOrNoAnswerBeginsAgain) {
  MemoryWatch watch;
  const auto note = [&](std::optional<double> used) {
    return watch.note({1, "u", used}, limit()).has_value();
  };
  for (const std::optional<double> pause : {std::optional<double>(90 * kMiB), {}}) {
    EXPECT_FALSE(note(99 * kMiB));
    EXPECT_FALSE(note(99 * kMiB));
    EXPECT_FALSE(note(pause)) << "exactly the threshold is not above it";
  }
}

TEST(MemoryWatch, EndpointsAreCountedApart) {
  MemoryWatch watch;
  for (int i = 0; i < 2; ++i)
    for (std::uint32_t endpoint = 1; endpoint <= 3; ++endpoint)
      EXPECT_FALSE(watch.note({endpoint, "u", 99 * kMiB}, limit()));
  watch.keep_only({1, 3});
  EXPECT_FALSE(watch.note({2, "u", 99 * kMiB}, limit()));
  EXPECT_TRUE(watch.note({1, "u", 99 * kMiB}, limit()));
}

}  // namespace
}  // namespace cutwater::control::health
