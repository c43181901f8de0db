#include "core/text.hpp"

#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

TEST(Printable, LeavesOrdinaryTextAlone) {
  EXPECT_EQ(printable("web-01 (Zürich) 日本"), "web-01 (Zürich) 日本");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("a\nb\tc\x1b[31m\x7f"), "a\\x0ab\\x09c\\x1b[31m\\x7f");
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "txt"),
            "\\xe2\\x80\\xaetxt");  // right-to-left override
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
}

TEST(Printable, EscapesInvalidUtf8OctetByOctet) {
  EXPECT_EQ(printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(Printable, IsInjective) {
  EXPECT_EQ(printable("\\x0a"), "\\\\x0a");
  EXPECT_NE(printable("\\x0a"), printable("\n"));
}

TEST(Printable, EscapesWhatItIsAskedTo) { EXPECT_EQ(printable("a|b'c=d", "|'="), "a\\x7cb\\x27c\\x3dd"); }

TEST(JsonString, IsValidWhateverTheNameHolds) {
  EXPECT_EQ(json_string("a\"b/c"), "\"a\\\"b/c\"");
  EXPECT_EQ(json_string("\n\x1b"), "\"\\u000a\\u001b\"");
  EXPECT_EQ(json_string("\xff"), "\"\\\\xff\"");
  EXPECT_EQ(json_string("\\xff"), "\"\\\\\\\\xff\"");
  EXPECT_EQ(json_string("\xe2\x80\xa8"), "\"\\u2028\"");
}

TEST(Shortened, CutsBetweenCharacters) {
  EXPECT_EQ(shortened("abcdef", 6), "abcdef");
  EXPECT_EQ(shortened("abcdefg", 6), "abc…");
  EXPECT_EQ(shortened("aüüüü", 6), "aü…");
  EXPECT_EQ(shortened("abcd", 2), "ab");
  EXPECT_EQ(shortened("abcd", 0), "");
}

}  // namespace
}  // namespace vmtraffic
