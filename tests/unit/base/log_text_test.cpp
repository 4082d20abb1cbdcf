// Tests that nobody writes a line of the log but the proxy.
#include "control/base/log_text.hpp"

#include <gtest/gtest.h>

namespace cutwater::control {
namespace {

TEST(LogText, KeepsWhatPeopleWrite) {
  for (const char* text : {"", "rolled back: 5 % of 40 requests", "größer als 2 s – 注意 🚀"})
    EXPECT_EQ(log_text(text), text);
}

TEST(LogText, HasOneLine) {
  EXPECT_EQ(log_text("a\nb\r\n\tc"), "a\\nb\\r\\n\\tc");
  EXPECT_EQ(log_text("a\xe2\x80\xa8"
                     "b"),
            "a\\u2028b");
}

TEST(LogText, CommandsNoTerminal) {
  EXPECT_EQ(log_text("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(log_text("\xc2\x9b"
                     "2J\x7f"),
            "\\x9b2J\\x7f")
      << "C1 and DEL";
  EXPECT_EQ(log_text("\xe2\x80\xae"
                     "drow"),
            "\\u202edrow")
      << "turned around";
  EXPECT_EQ(log_text(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(LogText, EndsNoQuote) {
  EXPECT_EQ(log_text("x\" actor=admin \\"), "x\\\" actor=admin \\\\");
  EXPECT_EQ(log_text("x\" \\", Quotes::Leave), "x\" \\");
}

TEST(LogText, IsUtf8WhateverCame) {
  EXPECT_EQ(log_text("\xff"), "\\xff");
  EXPECT_EQ(log_text("\xc0\xaf"), "\\xc0\\xaf") << "an overlong slash";
  EXPECT_EQ(log_text("\xed\xa0\x80"), "\\xed\\xa0\\x80") << "a surrogate";
  EXPECT_EQ(log_text("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80") << "above U+10FFFF";
  EXPECT_EQ(log_text("\xe2\x82"), "\\xe2\\x82") << "cut off";
}

TEST(LogText, IsBoundedAndNeverCutsACharacter) {
  std::string text(kMostLogText, 'x');
  EXPECT_EQ(log_text(text), text);
  text += 'x';
  EXPECT_EQ(log_text(text).size(), kMostLogText + 3);
  EXPECT_TRUE(log_text(text).ends_with("xxx..."));
  EXPECT_EQ(log_text("abc\xc3\xbc", Quotes::Leave, 4), "abc...");
  EXPECT_EQ(log_text("abc\n", Quotes::Leave, 4), "abc...");
}

}  // namespace
}  // namespace cutwater::control
