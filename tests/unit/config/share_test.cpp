#include "config/share.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace cutwater {
namespace {

TEST(Share, IsReadExactly) {
  EXPECT_EQ(parse_share("5%"), Share::percent(5));
  EXPECT_EQ(parse_share("0%"), Share{});
  EXPECT_EQ(parse_share("100%"), Share::percent(100));
  EXPECT_EQ(parse_share("100.0000%"), Share::percent(100));
  EXPECT_EQ(parse_share("0.01%"), Share{100});
  EXPECT_EQ(parse_share("0.0125%"), Share{125});
  EXPECT_EQ(parse_share("99.9999%"), Share{999'999});
  EXPECT_EQ(parse_share("33.3%"), Share{333'000});
}

TEST(Share, RefusesWhatIsNotStrictDecimal) {
  for (const char* text : {"",         "%",
                           "5",        "05%",
                           "00%",      "+5%",
                           "-1%",      "5 %",
                           " 5%",      "5%%",
                           "1e1%",     "0x5%",
                           ".5%",      "5.%",
                           "0.00001%", "100.0001%",
                           "101%",     "nan%",
                           "inf%",     "5,5%",
                           "1.2.3%",   "99999999999999999999%",
                           "٥%"}) {
    EXPECT_EQ(parse_share(text), std::nullopt) << text;
  }
}

TEST(Share, FromANumberOfPercent) {
  EXPECT_EQ(share_from_percent(95), Share::percent(95));
  EXPECT_EQ(share_from_percent(0.01), Share{100});
  EXPECT_EQ(share_from_percent(0.07), Share{700});
  EXPECT_EQ(share_from_percent(99.9999), Share{999'999});
  EXPECT_EQ(share_from_percent(0), Share{});
  for (const double bad :
       {-0.1, 100.1, 0.00001, 33.33333, double(NAN), double(INFINITY), double(-INFINITY)}) {
    EXPECT_EQ(share_from_percent(bad), std::nullopt) << bad;
  }
}

TEST(Share, IsShownInTheShortestForm) {
  EXPECT_EQ(to_string(Share::percent(5)), "5%");
  EXPECT_EQ(to_string(Share{100}), "0.01%");
  EXPECT_EQ(to_string(Share{1}), "0.0001%");
  EXPECT_EQ(to_string(Share{125'000}), "12.5%");
  EXPECT_EQ(to_string(Share{}), "0%");
  EXPECT_EQ(to_string(Share::percent(100)), "100%");
}

TEST(Share, WhatIsShownReadsBackTheSame) {
  for (std::int32_t value = 0; value <= Share::kWhole; value += 37) {
    ASSERT_EQ(parse_share(to_string(Share{value})), Share{value}) << value;
    ASSERT_EQ(share_from_percent(Share{value}.as_percent()), Share{value}) << value;
  }
}

}  // namespace
}  // namespace cutwater
