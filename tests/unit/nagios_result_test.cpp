#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {
namespace {

CheckResult example() {
  return {.state = State::kWarning,
          .text = "web1 rx 12 Mbit/s",
          .perfdata = {{.label = "web1_rx_bits",
                        .value = 12'000'000.5,
                        .thresholds = {*parse_range("10M"), *parse_range("@1:2")},
                        .min = 0,
                        .max = 1e9},
                       {.label = "web1/52:54:00:00:00:01_rx_octets_total",
                        .value = std::uint64_t{18'446'744'073'709'551'615ULL},
                        .unit = Unit::kCount},
                       {.label = "age", .value = 1.25, .unit = Unit::kSeconds, .max = 30},
                       {.label = "share", .value = 0.0, .unit = Unit::kPercent}},
          .long_text = {"first", "second"}};
}

constexpr const char* kFirst = "'web1_rx_bits'=12000000.5;10000000;@1:2;0;1000000000";
constexpr const char* kSecond = "'web1/52:54:00:00:00:01_rx_octets_total'=18446744073709551615c";

TEST(Result, WholeOutput) {
  EXPECT_EQ(render("VM_TRAFFIC", example(), kDefaultMaxOutput), std::string("VM_TRAFFIC WARNING: web1 rx 12 Mbit/s | ") + kFirst + " " +
                                                                    kSecond + " 'age'=1.25s;;;;30 'share'=0%\nfirst\nsecond\n");
}

TEST(Result, MillisecondsInPerfdata) {
  EXPECT_EQ(text_of({.label = "rtt", .value = 0.045, .unit = Unit::kMilliseconds, .thresholds = {*parse_range("0.5"), {}}, .min = 0}),
            "'rtt'=0.045ms;0.5;;0");
}

TEST(Result, WithoutPerfdata) {
  EXPECT_EQ(render("VM_TRAFFIC", {.state = State::kOk, .text = "fine"}, kDefaultMaxOutput), "VM_TRAFFIC OK: fine\n");
}

TEST(Result, CutAtAWholeLabelAndSaid) {
  CheckResult many{.state = State::kOk, .text = "fine"};
  for (int i = 100; i < 200; ++i) many.perfdata.push_back({.label = std::to_string(i), .value = std::uint64_t{1}});
  many.long_text = {"long"};
  EXPECT_EQ(render("S", many, 200),
            "S OK: fine [19 of 100 perfdata values fit] | '100'=1 '101'=1 '102'=1 '103'=1 '104'=1 '105'=1 '106'=1 '107'=1 '108'=1 '109'=1 "
            "'110'=1 '111'=1 '112'=1 '113'=1 '114'=1 '115'=1 '116'=1 '117'=1 '118'=1\n");
}

TEST(Result, EveryBudgetIsKept) {
  CheckResult result = example();
  result.text = "w\xC3\xA4hrend " + std::string(300, 'x') + "\xE2\x82\xAC";
  for (std::size_t budget = 0; budget < 700; ++budget) {
    const std::string output = render("VM_TRAFFIC", result, budget);
    EXPECT_LE(output.size(), std::max(budget, kLeastMaxOutput));
    ASSERT_TRUE(output.ends_with('\n'));
    // Whole values only: an even number of quotes, and none of it torn.
    const std::size_t bar = output.find(" | ");
    if (bar != std::string::npos) {
      const std::string values = output.substr(bar + 3);
      EXPECT_TRUE(values.starts_with(kFirst) || values.starts_with(kSecond) || values.starts_with("'age'=1.25s;;;;30") ||
                  values.starts_with("'share'=0%"))
          << budget << values;
    }
  }
}

TEST(Result, NothingBreaksTheLine) {
  const CheckResult evil{.state = State::kOk, .text = "a|b\nc\x1B[31m", .perfdata = {}, .long_text = {"x|y\nz"}};
  EXPECT_EQ(render("S", evil, kDefaultMaxOutput), "S OK: a?b?c?[31m\nx?y?z\n");
}

TEST(TextName, PlainOrQuoted) {
  EXPECT_EQ(text_name("web-1.example_x+y@z"), "web-1.example_x+y@z");
  EXPECT_EQ(text_name(""), "\"\"");
  EXPECT_EQ(text_name("a b"), "\"a b\"");
  EXPECT_EQ(text_name("a|b"), R"("a\x7cb")");
  EXPECT_EQ(text_name("a\"b"), R"("a\x22b")");
  EXPECT_EQ(text_name("a\nb"), R"("a\x0ab")");
  EXPECT_EQ(text_name("a\\b"), R"("a\\b")");
  EXPECT_EQ(text_name("a\x1B[2J"), R"("a\x1b[2J")");
  EXPECT_EQ(text_name("\xFF"), R"("\xff")");
  EXPECT_EQ(text_name("m\xC3\xBCller"), "\"m\xC3\xBCller\"");
  EXPECT_EQ(text_name("a; db CRITICAL"), R"("a; db CRITICAL")");
}

TEST(LabelPart, NothingThatEndsALabel) {
  EXPECT_EQ(label_part("web1"), "web1");
  EXPECT_EQ(label_part("a b"), "a b");
  EXPECT_EQ(label_part("it's"), R"(it\x27s)");
  EXPECT_EQ(label_part("a=b"), R"(a\x3db)");
  EXPECT_EQ(label_part("a|b;c\"d/e", "/"), R"(a\x7cb\x3bc\x22d\x2fe)");
  EXPECT_EQ(label_part("a:b"), "a:b");
  EXPECT_EQ(label_part("qemu:///system"), "qemu:///system");
  EXPECT_EQ(label_part("a::b:::c"), R"(a:\x3Ab:\x3A:c)");
  EXPECT_EQ(label_part("a\nb\\"), R"(a\x0ab\\)");
  EXPECT_EQ(label_part("\xC3("), R"(\xc3()");
}

TEST(LabelPart, DifferentNamesNeverMeet) {
  // Names made of the pieces that escaping is about, in all orders.
  const std::vector<std::string> pieces{"", "a", ":", "::", "'", "\\", "\\x27", "\\x3A", "\\x3a", "/", "\n", "\xFF", "\\\\", "="};
  std::set<std::string> names;
  std::set<std::string> labels;
  std::set<std::string> texts;
  for (const auto& a : pieces) {
    for (const auto& b : pieces) {
      for (const auto& c : pieces) {
        names.insert(a + b + c);
        labels.insert(label_part(a + b + c, "/"));
        texts.insert(text_name(a + b + c));
      }
    }
  }
  EXPECT_EQ(labels.size(), names.size());
  EXPECT_EQ(texts.size(), names.size());
}

}  // namespace
}  // namespace vmtraffic::nagios
