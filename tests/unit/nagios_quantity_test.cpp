#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "plugins/nagios/quantity.hpp"

namespace vmtraffic::nagios {
namespace {

TEST(HumanRate, ThreeDigits) {
  const std::vector<std::pair<double, std::string>> bits{
      {0, "0 bit/s"},         {0.05, "0.05 bit/s"}, {9.994, "9.99 bit/s"}, {9.996, "10 bit/s"},   {99.94, "99.9 bit/s"},
      {999, "999 bit/s"},     {999.6, "1 kbit/s"},  {1000, "1 kbit/s"},    {1234, "1.23 kbit/s"}, {12345, "12.3 kbit/s"},
      {123456, "123 kbit/s"}, {999999, "1 Mbit/s"}, {1.5e9, "1.5 Gbit/s"}, {2e13, "20 Tbit/s"},   {5e15, "5000 Tbit/s"}};
  for (const auto& [value, text] : bits) EXPECT_EQ(human_rate(value, Metric::kBits), text);
  EXPECT_EQ(human_rate(1.25e6, Metric::kOctets), "1.25 MB/s");
  EXPECT_EQ(human_rate(81234, Metric::kPackets), "81234 packets/s");
  EXPECT_EQ(human_rate(0.017, Metric::kErrors), "0.02 errors/s");
  EXPECT_EQ(human_rate(3, Metric::kDrops), "3 drops/s");
  EXPECT_EQ(human_percent(81.25), "81.2 %");
}

TEST(HumanDuration, GrowsCoarser) {
  EXPECT_EQ(human_duration(0), "0 s");
  EXPECT_EQ(human_duration(34.4), "34 s");
  EXPECT_EQ(human_duration(179.4), "179 s");
  EXPECT_EQ(human_duration(180), "3 min");
  EXPECT_EQ(human_duration(10799), "179 min");
  EXPECT_EQ(human_duration(10800), "3 h");
  EXPECT_EQ(human_duration(3 * 86400), "3 days");
}

TEST(RateOf, AbsentAndAbsurdStayAbsent) {
  Rates rates;
  EXPECT_EQ(rate_of(rates, Metric::kBits), std::nullopt);
  rates = {100.0, 2.0, 0.5, 0.25};
  EXPECT_EQ(rate_of(rates, Metric::kBits), 800);
  EXPECT_EQ(rate_of(rates, Metric::kOctets), 100);
  EXPECT_EQ(rate_of(rates, Metric::kPackets), 2);
  EXPECT_EQ(rate_of(rates, Metric::kErrors), 0.5);
  EXPECT_EQ(rate_of(rates, Metric::kDrops), 0.25);
  for (const double absurd : {-1.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    rates.octets = absurd;
    EXPECT_EQ(rate_of(rates, Metric::kBits), std::nullopt);
  }
}

TEST(Milliseconds, AsAPersonReadsThem) {
  const std::vector<std::pair<double, std::string>> cases{
      {0, "0 ms"},        {0.0004, "0 ms"},   {0.045, "0.045 ms"}, {0.3, "0.3 ms"},     {0.9994, "0.999 ms"}, {0.9996, "1 ms"},
      {1.234, "1.23 ms"}, {45.67, "45.7 ms"}, {120, "120 ms"},     {9999.4, "9999 ms"}, {9999.6, "10 s"},     {123456, "123 s"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(human_milliseconds(value), text);
  EXPECT_EQ(human_per_minute(1.5), "1.5 a minute");
}

TEST(Milliseconds, Units) {
  EXPECT_EQ(parse_milliseconds("250"), 250);
  EXPECT_EQ(parse_milliseconds("0.5ms"), 0.5);
  EXPECT_EQ(parse_milliseconds("500us"), 0.5);
  EXPECT_EQ(parse_milliseconds("1.5s"), 1500);
  for (const char* wrong : {"", "ms", "s", "5m", "5 ms", "5mss", "5min", "-", "1e3s"})
    EXPECT_EQ(parse_milliseconds(wrong), std::nullopt) << wrong;
}

TEST(ParseSpeed, Units) {
  EXPECT_EQ(parse_speed("1G"), 1e9);
  EXPECT_EQ(parse_speed("100M"), 1e8);
  EXPECT_EQ(parse_speed("2.5Gbit/s"), 2.5e9);
  EXPECT_EQ(parse_speed("10Gbit"), 1e10);
  EXPECT_EQ(parse_speed("100Mbps"), 1e8);
  EXPECT_EQ(parse_speed("1000000"), 1e6);
  for (const char* wrong : {"", "0", "-1G", "G", "1GB", "1Gi", "fast", "1 G"}) EXPECT_EQ(parse_speed(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace vmtraffic::nagios
