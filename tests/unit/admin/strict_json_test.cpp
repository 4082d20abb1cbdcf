#include "control/admin/strict_json.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace cutwater::control::admin {
namespace {

std::string error_of(std::string_view text) {
  return parse_strict_json(text).error;
}

TEST(StrictJson, GivesTheValueThatWasSent) {
  const ParsedJson parsed = parse_strict_json(R"({"blue": 95, "green": 5, "deep": [{"a": {}}]})");
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(boost::json::serialize(parsed.value), R"({"blue":95,"green":5,"deep":[{"a":{}}]})");
}

TEST(StrictJson, RefusesAKeyGivenTwice) {
  EXPECT_EQ(error_of(R"({"blue": 95, "blue": 5})"), "the key \"blue\" occurs twice");
  EXPECT_EQ(error_of(R"({"a": [{"b": 1, "c": 2, "b": 3}]})"), "the key \"b\" occurs twice");
}

TEST(StrictJson, SeesThroughEscapesThatHideADuplicate) {
  EXPECT_EQ(error_of(R"({"blue": 95, "bl\u0075e": 5})"), "the key \"blue\" occurs twice");
}

TEST(StrictJson, AllowsTheSameKeyInDifferentObjects) {
  EXPECT_EQ(error_of(R"({"a": {"x": 1}, "b": {"x": 2}, "c": [{"x": 3}, {"x": 4}]})"), "");
}

TEST(StrictJson, RefusesNumbersThatWouldBecomeInfinite) {
  EXPECT_EQ(error_of(R"({"blue": 1e999})"), "a number is too large");
  EXPECT_EQ(error_of("3833E133351111"), "a number is too large");
  EXPECT_EQ(error_of("1e300"), "");
}

TEST(StrictJson, StopsAtDepth32) {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_EQ(error_of(nested(32)), "");
  EXPECT_EQ(error_of(nested(33)), "nested deeper than 32 levels");
}

TEST(StrictJson, RefusesWhatIsNotOneJsonValue) {
  for (const char* text : {"", " ", "{", "{}{}", "{} x", "{\"a\":}", "[1,]", "NaN", "01", "'a'",
                           "{\"a\":1,}", "// c\n{}", "\"\xff\"", "\xef\xbb\xbf{}", "nul"}) {
    EXPECT_NE(error_of(text), "") << text;
  }
}

}  // namespace
}  // namespace cutwater::control::admin
