#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "plugins/nagios/threshold.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The grammar's whole table: text, the range, its plain text, values that do not alert, values that do.
struct RangeCase {
  std::string text;
  Range range;
  std::string plain;
  std::vector<double> fine, alerts;
};

const std::vector<RangeCase>& range_cases() {
  static const std::vector<RangeCase> cases{
      {"10", {0, 10, false}, "10", {0, 5, 10}, {-0.1, 10.1, 1e12, -kInfinity, kInfinity}},
      {"0", {0, 0, false}, "0", {0}, {-1e-9, 1e-9}},
      {"10:", {10, kInfinity, false}, "10:", {10, 11, kInfinity}, {9.99, -5, -kInfinity}},
      {"0:", {0, kInfinity, false}, "0:", {0, 1, kInfinity}, {-0.1}},
      {"~:10", {-kInfinity, 10, false}, "~:10", {-kInfinity, -5, 10}, {10.01, kInfinity}},
      {":10", {0, 10, false}, "10", {0, 10}, {-1, 11}},
      {"10:20", {10, 20, false}, "10:20", {10, 15, 20}, {9.9, 20.1}},
      {"10:10", {10, 10, false}, "10:10", {10}, {9.9, 10.1}},
      {"-20:-10", {-20, -10, false}, "-20:-10", {-20, -15, -10}, {-20.1, -9.9, 0}},
      {"-5:5", {-5, 5, false}, "-5:5", {-5, 0, 5}, {-5.1, 5.1}},
      {"~:-5", {-kInfinity, -5, false}, "~:-5", {-5, -kInfinity}, {-4.9, 0}},
      {"~:", {-kInfinity, kInfinity, false}, "~:", {-kInfinity, 0, kInfinity}, {}},
      {"@10:20", {10, 20, true}, "@10:20", {9.9, 20.1}, {10, 15, 20}},
      {"@10", {0, 10, true}, "@10", {-0.1, 10.1}, {0, 5, 10}},
      {"@10:", {10, kInfinity, true}, "@10:", {9.9, -kInfinity}, {10, kInfinity}},
      {"@~:10", {-kInfinity, 10, true}, "@~:10", {10.1}, {10, -kInfinity}},
      {"@~:", {-kInfinity, kInfinity, true}, "@~:", {}, {-kInfinity, 0, kInfinity}},
      {"0.5:1.25", {0.5, 1.25, false}, "0.5:1.25", {0.5, 1, 1.25}, {0.4, 1.3}},
      {"+1:+2", {1, 2, false}, "1:2", {1, 2}, {0, 3}},
      {"1k", {0, 1e3, false}, "1000", {1000}, {1001}},
      {"1K", {0, 1e3, false}, "1000", {1000}, {1001}},
      {"1.5M:2G", {1.5e6, 2e9, false}, "1500000:2000000000", {1.5e6, 2e9}, {1.4e6, 2.1e9}},
      {"~:3T", {-kInfinity, 3e12, false}, "~:3000000000000", {3e12}, {3.1e12}},
  };
  return cases;
}

TEST(Range, WholeTable) {
  for (const RangeCase& c : range_cases()) {
    SCOPED_TRACE(c.text);
    const Result<Range> range = parse_range(c.text);
    ASSERT_TRUE(range.ok()) << range.error().text;
    EXPECT_EQ(*range, c.range);
    EXPECT_EQ(range->text(), c.plain);
    EXPECT_EQ(*parse_range(range->text()), c.range);
    for (const double value : c.fine) EXPECT_FALSE(range->alerts(value)) << value;
    for (const double value : c.alerts) EXPECT_TRUE(range->alerts(value)) << value;
  }
}

TEST(Range, NoNumberAlertsOutsideAndNotInside) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(parse_range("10")->alerts(nan));
  EXPECT_FALSE(parse_range("@10")->alerts(nan));
}

TEST(Range, Mistakes) {
  const std::string right = "; right would be e.g. 10, 10:, ~:10, 10:20 or @10:20";
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", R"("" is no range: there is no number)"},
      {"@", R"("@" is no range: there is no number)"},
      {":", R"(":" is no range: it has neither a start nor an end)"},
      {"@:", R"("@:" is no range: it has neither a start nor an end)"},
      {"~", R"("~" is no range: it is no number)"},
      {"x", R"("x" is no range: it is no number)"},
      {"10%", R"("10%" is no range: it is no number)"},
      {"1 0", R"("1 0" is no range: it is no number)"},
      {" 10", R"(" 10" is no range: it is no number)"},
      {"1e3", R"("1e3" is no range: it is no number)"},
      {"0x10", R"("0x10" is no range: it is no number)"},
      {"inf", R"("inf" is no range: it is no number)"},
      {"nan", R"("nan" is no range: it is no number)"},
      {".5", R"(".5" is no range: it is no number)"},
      {"--5", R"("--5" is no range: it is no number)"},
      {"k", R"("k" is no range: it is no number)"},
      {"10kk", R"("10kk" is no range: it is no number)"},
      {"10Ki", R"("10Ki" is no range: it is no number)"},
      {"1,5", R"("1,5" is no range: it is no number)"},
      {"@@10", R"("@@10" is no range: it is no number)"},
      {"10@", R"("10@" is no range: it is no number)"},
      {"a:10", R"("a:10" is no range: its start "a" is no number)"},
      {"10:b", R"("10:b" is no range: its end "b" is no number)"},
      {"10:~", R"("10:~" is no range: its end "~" is no number)"},
      {"1:2:3", R"("1:2:3" is no range: its end "2:3" is no number)"},
      {"10:5", R"("10:5" is no range: its start 10 is above its end 5)"},
      {"-5", R"("-5" is no range: its start 0 is above its end -5)"},
      {"1\n|\"", R"("1\x0a\x7c\x22" is no range: it is no number)"},
      {"1" + std::string(400, '0'), "\"1" + std::string(400, '0') + "\" is no range: it is no number"},
  };
  for (const auto& [text, sentence] : cases) {
    const Result<Range> range = parse_range(text);
    ASSERT_FALSE(range.ok()) << text;
    EXPECT_EQ(range.error(), (Error{ErrorCode::kInvalid, sentence + right}));
  }
}

TEST(Thresholds, CriticalBeforeWarning) {
  const Thresholds both{*parse_range("10"), *parse_range("20")};
  EXPECT_EQ(both.state(10), State::kOk);
  EXPECT_EQ(both.state(11), State::kWarning);
  EXPECT_EQ(both.state(21), State::kCritical);
  EXPECT_EQ(Thresholds{}.state(1e30), State::kOk);
  const Thresholds critical_only{std::nullopt, *parse_range("20")};
  EXPECT_EQ(critical_only.state(15), State::kOk);
  EXPECT_EQ(critical_only.state(25), State::kCritical);
}

TEST(PlainNumber, NoExponentNoTrailingZeros) {
  EXPECT_EQ(plain_number(0), "0");
  EXPECT_EQ(plain_number(-0.0), "0");
  EXPECT_EQ(plain_number(-0.0001), "0");
  EXPECT_EQ(plain_number(1e15), "1000000000000000");
  EXPECT_EQ(plain_number(1.5), "1.5");
  EXPECT_EQ(plain_number(1.23456), "1.235");
  EXPECT_EQ(plain_number(100), "100");
  EXPECT_EQ(plain_number(1234.56, 0), "1235");
}

TEST(State, OneOrder) {
  EXPECT_EQ(worse(State::kOk, State::kUnknown), State::kUnknown);
  EXPECT_EQ(worse(State::kUnknown, State::kWarning), State::kWarning);
  EXPECT_EQ(worse(State::kCritical, State::kWarning), State::kCritical);
  EXPECT_EQ(exit_code(State::kOk), 0);
  EXPECT_EQ(exit_code(State::kWarning), 1);
  EXPECT_EQ(exit_code(State::kCritical), 2);
  EXPECT_EQ(exit_code(State::kUnknown), 3);
  for (const State state : {State::kOk, State::kUnknown, State::kWarning, State::kCritical}) EXPECT_EQ(parse_state(name_of(state)), state);
  EXPECT_EQ(parse_state("warning"), State::kWarning);
  EXPECT_EQ(parse_state(""), std::nullopt);
  EXPECT_EQ(parse_state("warn"), std::nullopt);
}

}  // namespace
}  // namespace vmtraffic::nagios
