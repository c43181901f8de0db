#include "core/address.hpp"

#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

TEST(IpNetwork, IsReadAndWritten) {
  for (const char* text : {"10.0.0.0/8", "192.0.2.9/32", "0.0.0.0/0", "2001:db8::/33", "::/0"}) {
    const auto network = IpNetwork::parse(text);
    ASSERT_TRUE(network) << text;
    EXPECT_EQ(network->text(), text);
  }
  EXPECT_EQ(IpNetwork::parse("192.0.2.9")->text(), "192.0.2.9/32");
  EXPECT_EQ(IpNetwork::parse("::1")->text(), "::1/128");
  for (const char* text : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129", "2001:db8::1/64", "10.0.0/8", "a/8",
                           "10.0.0.0/8 ", "10.0.0.0/-1", "10.0.0.0/+8"}) {
    EXPECT_EQ(IpNetwork::parse(text), std::nullopt) << text;
  }
  EXPECT_EQ(IpAddress::parse(std::string_view("10.0.0.1\0x", 10)), std::nullopt);
}

TEST(IpNetwork, ContainsWhatItsPrefixSays) {
  const auto contains = [](const char* network, const char* address) {
    return IpNetwork::parse(network)->contains(*IpAddress::parse(address));
  };
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.129"));
  EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contains("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_TRUE(contains("2001:db8:8000::/33", "2001:db8:8000::1"));
  EXPECT_FALSE(contains("2001:db8:8000::/33", "2001:db8:7fff::1"));
}

}  // namespace
}  // namespace vmtraffic
