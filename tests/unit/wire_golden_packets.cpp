#include "tests/unit/wire_golden.hpp"
#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic::wire_test {
namespace {

const Bytes& data() {
  static const Bytes octets = Bytes().fill(32, 0xDA);
  return octets;
}

TcpHead syn() {
  TcpHead head;
  head.ack = 0;
  head.flags = 0x0C2;  // SYN with ECE and CWR
  head.options = Bytes().raw({2, 4, 0x05, 0xB4, 4, 2, 8, 10}).u32(1111).u32(0).raw({1, 3, 3, 7});
  return head;
}

TcpHead sack() {
  TcpHead head;
  head.flags = 0x10;
  head.options = Bytes().raw({1, 1, 8, 10}).u32(2222).u32(1111).raw({1, 1, 5, 18}).words({100, 200, 300, 400});
  return head;
}

Bytes web() { return ipv4(6, tcp(data())); }
Bytes web6() { return ipv6(6, tcp(data())); }
Bytes inner() { return ethernet(0x0800, web(), kMacC, kMacD); }

void add_plain(std::vector<GoldenPacket>& all) {
  const auto add = [&](std::string name, const Bytes& octets) { all.push_back({std::move(name), octets, octets.size()}); };
  add("tcp", ethernet(0x0800, web()));
  add("tcp-syn", ethernet(0x0800, ipv4(6, tcp({}, syn()), {.tos = 0xBA})));
  add("tcp-sack", ethernet(0x0800, ipv4(6, tcp({}, sack()))));
  add("tcp-padded", ethernet(0x0800, ipv4(6, tcp({}))).fill(6));
  add("ipv4-options", ethernet(0x0800, ipv4(17, udp(53, 5353, data()), {.options = Bytes().raw({1, 1, 1, 1, 148, 4, 0, 0})})));
  add("ipv4-first-fragment", ethernet(0x0800, ipv4(17, udp(1000, 2000, data()), {.fragment = 0x2000})));
  add("ipv4-last-fragment", ethernet(0x0800, ipv4(17, data(), {.fragment = 0x0005})));
  add("udp", ethernet(0x0800, ipv4(17, udp(1000, 2000, data()), {.ttl = 1})));
  add("icmp-echo", ethernet(0x0800, ipv4(1, echo(8, 77, 3, data()))));
  add("icmp-unreachable", ethernet(0x0800, ipv4(1, Bytes().u8(3).u8(3).u16(0).u32(0).add(ipv4(17, udp(1000, 2000, {}))))));
  add("arp", ethernet(0x0806, arp(1), kMacA, 0xFFFFFFFFFFFF));
  add("vlan", ethernet(0x8100, tag(0x6064, 0x0800, web())));
  add("qinq", ethernet(0x88A8, tag(0x0063, 0x8100, tag(0x1064, 0x86DD, web6()))));
  add("mpls", ethernet(0x8847, mpls(1000, false, mpls(2000, true, web()))));
  add("mpls-ipv6", ethernet(0x8847, mpls(16, true, web6())));
  add("llc", ethernet(38, Bytes().raw({0x42, 0x42, 3}).fill(35)).fill(8));
}

void add_ipv6(std::vector<GoldenPacket>& all) {
  const auto add = [&](std::string name, const Bytes& payload) {
    const Bytes octets = ethernet(0x86DD, payload);
    all.push_back({std::move(name), octets, octets.size()});
  };
  add("ipv6-tcp", ipv6(6, tcp(data()), {.traffic_class = 0xB9}));
  add("ipv6-udp", ipv6(17, udp(53, 5353, data())));
  add("ipv6-echo", ipv6(58, echo(128, 99, 4, data())));
  add("ipv6-neighbour", ipv6(58, Bytes().u8(135).u8(0).u16(0).u32(0).u64(kIp6Net).u64(2), {.hop_limit = 255}));
  const Bytes routing = extension(6, Bytes().raw({4, 0, 0, 0, 0, 0}).u64(kIp6Net).u64(9), tcp(data()));
  add("ipv6-extensions", ipv6(0, extension(60, Bytes().raw({1, 4, 0, 0, 0, 0}), extension(43, Bytes().raw({1, 4, 0, 0, 0, 0}), routing))));
  add("ipv6-first-fragment", ipv6(44, fragment6(17, 0, true, udp(1000, 2000, data()))));
  add("ipv6-last-fragment", ipv6(44, fragment6(17, 1448, false, data())));
  add("ipv6-ah", ipv6(51, Bytes().u8(6).u8(4).u16(0).u32(256).u32(1).fill(12, 0xAB).add(tcp(data()))));
  const Bytes jumbo = extension(6, Bytes().raw({0xC2, 4}).u32(8 + 20 + 70000), tcp(Bytes().fill(70000)));
  const Bytes large = ethernet(0x86DD, ipv6(0, jumbo, {.payload_length = 0}));
  add("ipv6-short-jumbo", ipv6(0, extension(6, Bytes().raw({0xC2, 4}).u32(13), tcp(data())), {.payload_length = 0}));
  Bytes beginning;
  for (const std::byte octet : large.octets().first(128)) beginning.u8(std::to_integer<unsigned>(octet));
  all.push_back({"ipv6-jumbo", beginning, large.size()});
}

void add_tunnels(std::vector<GoldenPacket>& all) {
  const auto add = [&](std::string name, const Bytes& payload) {
    const Bytes octets = ethernet(0x0800, payload);
    all.push_back({std::move(name), octets, octets.size()});
  };
  const Bytes option = Bytes().u16(0x0102).u8(0x80).u8(1).u32(0xAABBCCDD);
  add("vxlan", ipv4(17, udp(50000, 4789, vxlan(5001, inner()))));
  add("vxlan-ipv6-inside", ipv4(17, udp(50000, 4789, vxlan(0xFFFFFF, ethernet(0x8100, tag(7, 0x86DD, web6()), kMacC, kMacD)))));
  add("geneve", ipv4(17, udp(50000, 6081, geneve(6001, 0x6558, {}, inner()))));
  add("geneve-options", ipv4(17, udp(50000, 6081, geneve(6002, 0x6558, option, inner()))));
  add("geneve-ip", ipv4(17, udp(50000, 6081, geneve(6003, 0x0800, {}, web()))));
  add("gre-ipv4", ipv4(47, gre(0, 0x0800, {}, web())));
  add("gre-ipv6", ipv4(47, gre(0x3000, 0x86DD, Bytes().words({0xABCD, 42}), web6())));
  add("gre-checksum", ipv4(47, gre(0xB000, 0x0800, Bytes().u16(0xBEEF).u16(0).words({5, 6}), web())));
  add("nvgre", ipv4(47, gre(0x2000, 0x6558, Bytes().u24(7001).u8(0x33), inner())));
  add("ipip", ipv4(4, web()));
  add("6in4", ipv4(41, web6()));
  add("vxlan-in-gre", ipv4(47, gre(0, 0x0800, {}, ipv4(17, udp(50000, 4789, vxlan(8001, inner()))))));
  Bytes nested = web();
  for (int i = 0; i < 4; ++i) nested = ipv4(4, nested);
  add("ipip-4", nested);
  add("ipip-5", ipv4(4, nested));
  const Bytes outer6 = ethernet(0x86DD, ipv6(17, udp(50000, 4789, vxlan(9001, inner()))));
  all.push_back({"vxlan-over-ipv6", outer6, outer6.size()});
  const Bytes four_in_six = ethernet(0x86DD, ipv6(4, web()));
  all.push_back({"4in6", four_in_six, four_in_six.size()});
}

// Broken, odd or unknown.
void add_faults(std::vector<GoldenPacket>& all) {
  const auto add = [&](std::string name, const Bytes& octets) { all.push_back({std::move(name), octets, octets.size()}); };
  add("unknown-ether-type", ethernet(0x88CC, data()));
  add("unknown-protocol", ethernet(0x0800, ipv4(132, data())));
  add("five-tags", ethernet(0x8100, tag(1, 0x8100, tag(2, 0x8100, tag(3, 0x8100, tag(4, 0x8100, tag(5, 0x0800, web())))))));
  Bytes labels = web();
  for (std::uint32_t i = 0; i < 9; ++i) labels = mpls(100 + i, i == 0, labels);
  add("nine-labels", ethernet(0x8847, labels));
  add("mpls-unknown", ethernet(0x8847, mpls(1000, true, Bytes().fill(20))));
  Bytes extensions = tcp(data());
  for (int i = 0; i < 9; ++i) extensions = extension(i == 0 ? 6 : 60, Bytes().raw({1, 4, 0, 0, 0, 0}), extensions);
  add("nine-extensions", ethernet(0x86DD, ipv6(60, extensions)));
  add("ipv4-bad-version", ethernet(0x0800, Bytes().u8(0x55).fill(19)));
  add("ipv4-bad-header-length", ethernet(0x0800, Bytes().u8(0x44).fill(19)));
  add("ipv4-too-long", ethernet(0x0800, ipv4(17, udp(1, 2, {}), {.total_length = 2000})));
  add("ipv4-too-short", ethernet(0x0800, ipv4(17, udp(1, 2, {}), {.total_length = 19})));
  add("ipv4-cuts-tcp", ethernet(0x0800, ipv4(6, tcp({}), {.total_length = 30})));
  add("ipv4-no-length", ethernet(0x0800, ipv4(6, tcp(data()), {.total_length = 0})));
  add("tcp-bad-offset", ethernet(0x0800, ipv4(6, Bytes().u16(1).u16(2).u64(0).u16(0x4002).fill(6))));
  add("udp-too-long", ethernet(0x0800, ipv4(17, Bytes().u16(1).u16(2).u16(100).u16(0).fill(4))));
  add("udp-too-short", ethernet(0x0800, ipv4(17, Bytes().u16(1).u16(2).u16(7).u16(0).fill(4))));
  add("vxlan-without-vni", ethernet(0x0800, ipv4(17, udp(1, 4789, Bytes().u64(0).add(inner())))));
  add("geneve-version-1", ethernet(0x0800, ipv4(17, udp(1, 6081, Bytes().u8(0x40).fill(7).add(inner())))));
  add("gre-pptp", ethernet(0x0800, ipv4(47, gre(0x3001, 0x880B, Bytes().u64(0), data()))));
  add("gre-unknown-type", ethernet(0x0800, ipv4(47, gre(0, 0x9999, {}, data()))));
  add("vxlan-empty", ethernet(0x0800, ipv4(17, udp(1, 4789, vxlan(3, {})))));
  const Bytes cut = Bytes().add(
      ethernet(0x0800, ipv4(6, Bytes().u32(0x9C4001BB).u64(0).u16(0x8010).u16(502).u32(0).raw({1, 1, 8, 10}), {.total_length = 1044})));
  all.push_back({"tcp-cut-in-options", cut, cut.size() + 1000});
}

}  // namespace

std::vector<GoldenPacket> golden_packets() {
  std::vector<GoldenPacket> all;
  add_plain(all);
  add_ipv6(all);
  add_tunnels(all);
  add_faults(all);
  return all;
}

}  // namespace vmtraffic::wire_test
