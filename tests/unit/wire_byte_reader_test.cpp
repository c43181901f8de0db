#include <gtest/gtest.h>

#include "core/wire/address.hpp"
#include "core/wire/byte_reader.hpp"
#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic {
namespace {

using wire_test::Bytes;

TEST(ByteReader, ReadsInNetworkOrder) {
  const Bytes bytes = Bytes().u8(1).u16(0x0203).u24(0x040506).u32(0x0708090A).u64(0x0B0C0D0E0F101112).f32(-1.5F).text("end");
  ByteReader reader(bytes.octets());
  EXPECT_EQ(reader.u8(), 1);
  EXPECT_EQ(reader.u16(), 0x0203);
  EXPECT_EQ(reader.u24(), 0x040506U);
  EXPECT_EQ(reader.u32(), 0x0708090AU);
  EXPECT_EQ(reader.u64(), 0x0B0C0D0E0F101112U);
  EXPECT_EQ(reader.f32(), -1.5F);
  EXPECT_EQ(reader.remaining(), 3U);
  EXPECT_EQ(text_of(reader.rest()), "end");
  EXPECT_EQ(text_of(reader.take(3)), "end");
  EXPECT_TRUE(reader.ok());
}

TEST(ByteReader, FailsForGoodAfterAShortRead) {
  const Bytes bytes = Bytes().u16(0x0102).u8(3);
  ByteReader reader(bytes.octets());
  EXPECT_EQ(reader.u32(), 0U);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.remaining(), 0U);
  EXPECT_EQ(reader.u8(), 0);
  EXPECT_TRUE(reader.take(1).empty());
  EXPECT_TRUE(reader.take(0).empty());
  EXPECT_FALSE(reader.sub(0).ok());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, TakesAllOrNothing) {
  const Bytes bytes = Bytes().u32(1);
  ByteReader reader(bytes.octets());
  EXPECT_TRUE(reader.take(5).empty());
  EXPECT_FALSE(reader.ok());
  reader = ByteReader(bytes.octets());
  EXPECT_TRUE(reader.take(static_cast<std::size_t>(-1)).empty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, AChildSeesItsOwnOctetsAlone) {
  const Bytes bytes = Bytes().u16(0x0102).u16(0x0304);
  ByteReader reader(bytes.octets());
  ByteReader child = reader.sub(2);
  EXPECT_EQ(child.u32(), 0U);
  EXPECT_FALSE(child.ok());
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.u16(), 0x0304);
  EXPECT_FALSE(reader.sub(1).ok());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, AnEmptyOneIsInOrderUntilItIsRead) {
  ByteReader reader;
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.take(0).empty());
  EXPECT_TRUE(reader.ok());
  reader.u8();
  EXPECT_FALSE(reader.ok());
}

IpAddress ipv6(std::uint64_t high, std::uint64_t low) {
  const Bytes bytes = Bytes().u64(high).u64(low);
  ByteReader reader(bytes.octets());
  return read_ipv6(reader);
}

TEST(IpAddress, IsWrittenAsRfc5952SaysIt) {
  const Bytes bytes = Bytes().u32(0x0A0000FF);
  ByteReader reader(bytes.octets());
  EXPECT_EQ(read_ipv4(reader).text(), "10.0.0.255");
  EXPECT_EQ(IpAddress{}.text(), "unknown");
  EXPECT_EQ(ipv6(0, 0).text(), "::");
  EXPECT_EQ(ipv6(0, 1).text(), "::1");
  EXPECT_EQ(ipv6(0x2001'0DB8'0000'0000, 0).text(), "2001:db8::");
  EXPECT_EQ(ipv6(0x2001'0DB8'0000'0001, 0x0001'0001'0001'0001).text(), "2001:db8:0:1:1:1:1:1");
  EXPECT_EQ(ipv6(0x2001'0000'0000'0001, 0x0000'0000'0000'0001).text(), "2001:0:0:1::1");
  EXPECT_EQ(ipv6(0x2001'0DB8'0000'0000, 0x0001'0000'0000'0001).text(), "2001:db8::1:0:0:1");
  EXPECT_EQ(ipv6(0xFE80'0000'0000'0000, 0x5054'00FF'FE00'0A0B).text(), "fe80::5054:ff:fe00:a0b");
  EXPECT_EQ(ipv6(0xFFFF'FFFF'FFFF'FFFF, 0xFFFF'FFFF'FFFF'FFFF).text(), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

}  // namespace
}  // namespace vmtraffic
