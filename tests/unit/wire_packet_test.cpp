#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "core/wire/packet.hpp"
#include "tests/unit/wire_golden.hpp"
#include "tests/unit/wire_json.hpp"
#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic {

void PrintTo(const Packet& packet, std::ostream* out) { *out << wire_test::json_of(packet, {}); }

namespace {

using namespace wire_test;

Packet decode(const Bytes& octets, const PacketFormat& format = {}) { return decode_packet(octets.octets(), octets.size(), format); }

MacAddress mac_of(std::uint64_t number) {
  MacAddress mac;
  for (std::size_t i = 0; i < 6; ++i) mac.octets[i] = static_cast<std::uint8_t>(number >> (8 * (5 - i)));
  return mac;
}

IpAddress ip_of(std::uint32_t number) {
  IpAddress ip{.version = 4};
  for (std::size_t i = 0; i < 4; ++i) ip.octets[i] = static_cast<std::uint8_t>(number >> (8 * (3 - i)));
  return ip;
}

Ip web_ip() {
  return {.src = ip_of(kIpA),
          .dst = ip_of(kIpB),
          .protocol = 6,
          .ttl = 64,
          .header_length = 20,
          .id = 0x1234,
          .total_length = 45,
          .dont_fragment = true};
}

Tcp web_tcp(std::uint32_t options_at) {
  return {.src_port = 40000,
          .dst_port = 443,
          .seq = 0x01020304,
          .ack = 0x05060708,
          .flags = kTcpAck | kTcpPsh,
          .window = 502,
          .header_length = 20,
          .options = {options_at, 0}};
}

const Bytes kHello = Bytes().text("hello");

TEST(Packet, TcpOverIpv4IsAWholeValue) {
  Packet expected;
  expected.outer.extent = {0, 59};
  expected.outer.length = 59;
  expected.outer.ether_type = 0x0800;
  expected.outer.ethernet = {.dst = mac_of(kMacB), .src = mac_of(kMacA)};
  expected.outer.ip = web_ip();
  expected.outer.tcp = web_tcp(54);
  expected.outer.payload = {54, 5};
  expected.outer.payload_length = 5;
  EXPECT_EQ(decode(ethernet(0x0800, ipv4(6, tcp(kHello)))), expected);
}

TEST(Packet, AVxlanTunnelGivesBothFramesAndItsVni) {
  Packet expected;
  expected.outer.extent = {0, 109};
  expected.outer.length = 109;
  expected.outer.ether_type = 0x0800;
  expected.outer.ethernet = {.dst = mac_of(kMacB), .src = mac_of(kMacA)};
  expected.outer.ip = web_ip();
  expected.outer.ip->protocol = 17;
  expected.outer.ip->total_length = 95;
  expected.outer.udp = {.src_port = 50000, .dst_port = 4789, .length = 75};
  expected.outer.payload = {50, 59};
  expected.outer.payload_length = 59;
  expected.depth = 1;
  expected.tunnel.kind = TunnelKind::kVxlan;
  expected.tunnel.protocol = 0x6558;
  expected.tunnel.vni = 5001;
  expected.inner.extent = {50, 59};
  expected.inner.length = 59;
  expected.inner.ether_type = 0x0800;
  expected.inner.ethernet = {.dst = mac_of(kMacD), .src = mac_of(kMacC)};
  expected.inner.ip = web_ip();
  expected.inner.tcp = web_tcp(104);
  expected.inner.payload = {104, 5};
  expected.inner.payload_length = 5;
  const Packet packet =
      decode(ethernet(0x0800, ipv4(17, udp(50000, 4789, vxlan(5001, ethernet(0x0800, ipv4(6, tcp(kHello)), kMacC, kMacD))))));
  EXPECT_EQ(packet, expected);
  EXPECT_EQ(&packet.innermost(), &packet.inner);
}

// The golden packets: tests/data/sflow/packets.jsonl is what `wire_dump packets` prints, read over once, and compared with tshark.
TEST(Packet, GoldenPackets) {
  std::ifstream file(VMTRAFFIC_TEST_DATA "/sflow/packets.jsonl");
  for (const GoldenPacket& golden : golden_packets()) {
    JsonObject object;
    object("name", golden.name);
    object("octets", hex(golden.octets.octets()));
    object("wire_length", std::uint64_t{golden.wire_length});
    object.raw("packet", json_of(decode_packet(golden.octets.octets(), golden.wire_length), golden.octets.octets()));
    std::string line;
    std::getline(file, line);
    EXPECT_EQ(object.text(), line);
  }
  std::string line;
  EXPECT_FALSE(std::getline(file, line)) << line;
}

TEST(Packet, StartsAtAnEtherTypeToo) {
  const Bytes octets = ipv4(6, tcp(kHello));
  const Packet packet = decode(octets, {.ether_type = 0x0800});
  EXPECT_EQ(packet.outer.ethernet, std::nullopt);
  EXPECT_EQ(packet.outer.ip, web_ip());
  EXPECT_EQ(packet.outer.tcp, web_tcp(40));
  EXPECT_EQ(packet.outer.payload, (Extent{40, 5}));
  EXPECT_EQ(packet.fault, PacketFault::kNone);
}

TEST(Packet, TunnelPortsAreTheCallers) {
  const std::array<std::uint16_t, 2> ports{4789, 8472};
  const Bytes octets = ethernet(0x0800, ipv4(17, udp(1, 8472, vxlan(9, ethernet(0x0800, ipv4(6, tcp(kHello)))))));
  EXPECT_EQ(decode(octets).depth, 0);
  const Packet packet = decode(octets, {.vxlan_ports = ports});
  EXPECT_EQ(packet.depth, 1);
  EXPECT_EQ(packet.tunnel.vni, 9U);
}

TEST(Packet, APayloadIsAsLongAsItsIpHeaderSays) {
  const Bytes octets = ethernet(0x0800, ipv4(6, tcp(Bytes().fill(1000))));
  const Packet packet = decode_packet(octets.octets().first(128), octets.size());
  EXPECT_EQ(packet.fault, PacketFault::kNone);
  EXPECT_EQ(packet.outer.length, 1054U);
  EXPECT_EQ(packet.outer.payload, (Extent{54, 74}));
  EXPECT_EQ(packet.outer.payload_length, 1000U);
  const Packet with_fcs = decode_packet(octets.octets().first(128), octets.size() + 4);
  EXPECT_EQ(with_fcs.outer.payload_length, 1000U);
}

TEST(Packet, FaultsOfAWholeFrameSayWhatIsBroken) {
  std::map<std::string, std::pair<PacketFault, Layer>> faults;
  for (const GoldenPacket& golden : golden_packets()) {
    const Packet packet = decode_packet(golden.octets.octets(), golden.wire_length);
    if (packet.fault != PacketFault::kNone) faults[golden.name] = {packet.fault, packet.fault_at};
  }
  const std::map<std::string, std::pair<PacketFault, Layer>> expected{
      {"five-tags", {PacketFault::kTooDeep, Layer::kVlan}},
      {"geneve-version-1", {PacketFault::kUnknown, Layer::kGeneve}},
      {"gre-pptp", {PacketFault::kUnknown, Layer::kGre}},
      {"gre-unknown-type", {PacketFault::kUnknown, Layer::kGre}},
      {"ipip-5", {PacketFault::kTooDeep, Layer::kIpInIp}},
      {"ipv4-bad-header-length", {PacketFault::kMalformed, Layer::kIpv4}},
      {"ipv4-bad-version", {PacketFault::kMalformed, Layer::kIpv4}},
      {"ipv4-cuts-tcp", {PacketFault::kMalformed, Layer::kTcp}},
      {"ipv4-too-long", {PacketFault::kMalformed, Layer::kIpv4}},
      {"ipv4-too-short", {PacketFault::kMalformed, Layer::kIpv4}},
      {"ipv6-short-jumbo", {PacketFault::kMalformed, Layer::kIpExtension}},
      {"llc", {PacketFault::kUnknown, Layer::kEthernet}},
      {"mpls-unknown", {PacketFault::kUnknown, Layer::kMpls}},
      {"nine-extensions", {PacketFault::kTooDeep, Layer::kIpExtension}},
      {"nine-labels", {PacketFault::kTooDeep, Layer::kMpls}},
      {"tcp-bad-offset", {PacketFault::kMalformed, Layer::kTcp}},
      {"tcp-cut-in-options", {PacketFault::kTruncated, Layer::kTcp}},
      {"udp-too-long", {PacketFault::kMalformed, Layer::kUdp}},
      {"udp-too-short", {PacketFault::kMalformed, Layer::kUdp}},
      {"unknown-ether-type", {PacketFault::kUnknown, Layer::kEthernet}},
      {"unknown-protocol", {PacketFault::kUnknown, Layer::kIpv4}},
      {"vxlan-empty", {PacketFault::kMalformed, Layer::kEthernet}},
      {"vxlan-without-vni", {PacketFault::kMalformed, Layer::kVxlan}},
  };
  EXPECT_EQ(faults, expected);
}

TcpOptions options_of(std::initializer_list<unsigned> octets) {
  TcpHead head;
  head.options = Bytes().raw(octets);
  const Bytes bytes = ethernet(0x0800, ipv4(6, tcp({}, head)));
  const Packet packet = decode(bytes);
  return tcp_options(bytes.octets(), *packet.outer.tcp);
}

TEST(TcpOptions, WholeValues) {
  EXPECT_EQ(options_of({}), TcpOptions{});
  TcpOptions syn;
  syn.mss = 1460;
  syn.sack_permitted = true;
  syn.timestamps = {.value = 0x01020304, .echo_reply = 0};
  syn.window_scale = 7;
  EXPECT_EQ(options_of({2, 4, 0x05, 0xB4, 4, 2, 8, 10, 1, 2, 3, 4, 0, 0, 0, 0, 1, 3, 3, 7}), syn);
  TcpOptions sack;
  sack.sack.add({.left = 1, .right = 2});
  EXPECT_EQ(options_of({1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2}), sack);
}

TEST(TcpOptions, WhatCameBeforeABrokenOneStays) {
  TcpOptions mss;
  mss.mss = 1460;
  EXPECT_EQ(options_of({2, 4, 0x05, 0xB4, 0, 3, 3, 7}), mss);  // the list has ended
  mss.complete = false;
  EXPECT_EQ(options_of({2, 4, 0x05, 0xB4, 3, 0, 0, 0}), mss);   // a length of 0
  EXPECT_EQ(options_of({2, 4, 0x05, 0xB4, 8, 10, 0, 0}), mss);  // longer than the header
  EXPECT_EQ(options_of({2, 4, 0x05, 0xB4, 8, 4, 0, 0}), mss);   // too short for timestamps
  EXPECT_EQ(options_of({2, 4, 0x05, 0xB4, 5, 4, 0, 1}), mss);   // half a block
  EXPECT_EQ(options_of({2, 4, 0x05, 0xB4, 1, 1, 1, 3}), mss);   // a kind without its length
}

}  // namespace
}  // namespace vmtraffic
