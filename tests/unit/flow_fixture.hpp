// What the tests of flows share: a ledger of three VMs with the links 11, 12, 13, and packets as values.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "core/traffic/flow_ledger.hpp"

namespace vmtraffic::flow_test {

inline constexpr std::uint32_t kAgent = 1, kSwitch = 2;

inline MacAddress mac(std::uint8_t last) { return {{0x52, 0x54, 0, 0, 0, last}}; }

inline IpAddress ip(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress out{.version = 4};
  out.octets[0] = a, out.octets[1] = b, out.octets[2] = c, out.octets[3] = d;
  return out;
}

inline Domain domain(std::uint8_t id) {
  Domain d;
  d.uuid.octets[0] = id;
  d.state = DomainState::kRunning;
  Vnic v;
  v.mac = mac(id);
  d.vnics.push_back(v);
  return d;
}

inline Frame tcp_frame(MacAddress from, MacAddress to, IpAddress src, IpAddress dst, std::uint16_t sport = 40000, std::uint16_t dport = 443,
                       std::uint16_t flags = kTcpAck) {
  Frame f;
  f.length = 1514;
  f.ether_type = 0x800;
  f.ethernet = Ethernet{to, from};
  f.ip = Ip{.src = src, .dst = dst, .protocol = 6};
  f.tcp = Tcp{.src_port = sport, .dst_port = dport, .flags = flags};
  return f;
}

inline Packet plain(const Frame& frame) {
  Packet p;
  p.outer = frame;
  return p;
}

inline const IpAddress kHere = ip(10, 0, 0, 1), kThere = ip(192, 0, 2, 9);
inline const Packet kOutward = plain(tcp_frame(mac(1), mac(99), kHere, kThere));

class FlowLedgerTest : public testing::Test {
 protected:
  // VMs 1, 2, 3 with the links 11, 12, 13.
  void SetUp() override { ledger_.set_inventory(inventory_, ports_); }
  void sampled(const Packet& packet, std::uint32_t input, std::uint32_t output, std::uint32_t agent = kAgent, bool ours = true,
               double scale = 100) {
    ledger_.take(
        {.packet = &packet, .octets = 1514, .scale = scale, .agent = agent, .ports_are_ours = ours, .input = input, .output = output},
        now_);
  }
  std::uint64_t samples(std::size_t row, Direction d) const { return ledger_.flows(row).all.total(d).samples; }
  const ConversationFlows* conversation(std::size_t row, const Peer& peer) const {
    return ledger_.conversations().find({ledger_.number(row), peer});
  }

  Inventory inventory_{{domain(1), domain(2), domain(3)}};
  std::vector<std::uint32_t> ports_{11, 12, 13};
  FlowLedger ledger_{{}, {{"backup", {ip(192, 0, 2, 0), 24}}, {"lab", {ip(198, 51, 100, 0), 24}}, {"vault", {ip(192, 0, 2, 128), 25}}}};
  Nanoseconds now_{1000 * kSecond};
};

}  // namespace vmtraffic::flow_test
