#include "core/traffic/flow_ledger.hpp"

#include <gtest/gtest.h>

namespace vmtraffic {
namespace {

constexpr std::uint32_t kAgent = 1, kSwitch = 2;

MacAddress mac(std::uint8_t last) { return {{0x52, 0x54, 0, 0, 0, last}}; }

IpAddress ip(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress out{.version = 4};
  out.octets[0] = a, out.octets[1] = b, out.octets[2] = c, out.octets[3] = d;
  return out;
}

Domain domain(std::uint8_t id) {
  Domain d;
  d.uuid.octets[0] = id;
  d.state = DomainState::kRunning;
  Vnic v;
  v.mac = mac(id);
  d.vnics.push_back(v);
  return d;
}

Frame tcp_frame(MacAddress from, MacAddress to, IpAddress src, IpAddress dst, std::uint16_t sport = 40000, std::uint16_t dport = 443,
                std::uint16_t flags = kTcpAck) {
  Frame f;
  f.length = 1514;
  f.ether_type = 0x800;
  f.ethernet = Ethernet{to, from};
  f.ip = Ip{.src = src, .dst = dst, .protocol = 6};
  f.tcp = Tcp{.src_port = sport, .dst_port = dport, .flags = flags};
  return f;
}

Packet plain(const Frame& frame) {
  Packet p;
  p.outer = frame;
  return p;
}

const IpAddress kHere = ip(10, 0, 0, 1), kThere = ip(192, 0, 2, 9);
const Packet kOutward = plain(tcp_frame(mac(1), mac(99), kHere, kThere));

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
  std::uint64_t samples(std::size_t row, Direction d) const { return ledger_.flows(row).all.total[static_cast<std::size_t>(d)].samples; }
  const ConversationFlows* conversation(std::size_t row, const Peer& peer) const {
    return ledger_.conversations().find({ledger_.number(row), peer});
  }

  Inventory inventory_{{domain(1), domain(2), domain(3)}};
  std::vector<std::uint32_t> ports_{11, 12, 13};
  FlowLedger ledger_{{}, {{"backup", {ip(192, 0, 2, 0), 24}}, {"all", {ip(0, 0, 0, 0), 0}}, {"vault", {ip(192, 0, 2, 128), 25}}}};
  Nanoseconds now_{1000 * kSecond};
};

TEST_F(FlowLedgerTest, ThePortSaysWhosePacketItIs) {
  sampled(kOutward, 11, 0);
  const RecentSums& all = ledger_.flows(0).all;
  EXPECT_EQ(all.total[1], (SampleSums{.samples = 1, .packets = 100, .octets = 151400, .length = 1514, .length_squared = 1514.0 * 1514}));
  EXPECT_EQ(all.total[0], SampleSums{});
  EXPECT_EQ(ledger_.flows(0).elected[1], (Election{kAgent, AttributedBy::kPort, now_}));
  EXPECT_EQ(ledger_.flows(0).by_class[static_cast<std::size_t>(TrafficClass::kTcp)].total[1].samples, 1U);
  ASSERT_NE(ledger_.flows(0).services.find({6, 443}), nullptr);
  ASSERT_NE(conversation(0, {PeerKind::kNetwork, 0, {}}), nullptr) << "the longest prefix names it";
}

TEST_F(FlowLedgerTest, APacketBetweenTwoVmsIsOnesTxAndTheOthersRx) {
  const Packet packet = plain(tcp_frame(mac(1), mac(2), kHere, ip(10, 0, 0, 2)));
  sampled(packet, 11, 12);
  EXPECT_EQ(samples(0, Direction::kTx), 1U);
  EXPECT_EQ(samples(1, Direction::kRx), 1U);
  EXPECT_NE(conversation(0, {PeerKind::kVnic, ledger_.number(1), {}}), nullptr);
  EXPECT_NE(conversation(1, {PeerKind::kVnic, ledger_.number(0), {}}), nullptr);
}

TEST_F(FlowLedgerTest, AForeignMacIsChargedToItsPortAndCounted) {
  const Packet packet = plain(tcp_frame(mac(2), mac(99), kHere, kThere));
  sampled(packet, 11, 0);
  EXPECT_EQ(samples(0, Direction::kTx), 1U);
  EXPECT_EQ(samples(1, Direction::kTx), 0U);
  EXPECT_EQ(ledger_.flows(0).foreign_mac, 1U);
  EXPECT_EQ(ledger_.counts().foreign_mac, 1U);
}

TEST_F(FlowLedgerTest, AnotherHostsPortsAreNotOurs) {
  sampled(kOutward, 12, 13, kSwitch, false);
  EXPECT_EQ(samples(0, Direction::kTx), 1U) << "by the MAC";
  EXPECT_EQ(ledger_.counts().by_outer_mac, 1U);
  EXPECT_EQ(samples(1, Direction::kTx), 0U);
}

TEST_F(FlowLedgerTest, TheInnerAddressNamesAVmBehindATunnel) {
  Packet packet;
  packet.outer = tcp_frame(mac(200), mac(201), ip(172, 16, 0, 1), ip(172, 16, 0, 2));
  packet.inner = tcp_frame(mac(1), mac(77), kHere, kThere);
  packet.inner.length = 1464;
  packet.depth = 1;
  sampled(packet, 5, 6, kSwitch, false, 10);
  EXPECT_EQ(ledger_.counts().by_inner_mac, 1U);
  EXPECT_EQ(ledger_.flows(0).all.total[1].octets, 14640);
}

TEST_F(FlowLedgerTest, TheNearestAgentIsElectedUntilItIsSilent) {
  sampled(kOutward, 0, 0, kSwitch, false);
  sampled(kOutward, 11, 0);                 // nearer: from here on alone
  sampled(kOutward, 0, 0, kSwitch, false);  // the same packet seen by the switch
  EXPECT_EQ(samples(0, Direction::kTx), 2U);
  EXPECT_EQ(ledger_.counts().not_elected, 1U);
  now_ += 181 * kSecond;
  sampled(kOutward, 0, 0, kSwitch, false);
  EXPECT_EQ(samples(0, Direction::kTx), 3U);
}

TEST_F(FlowLedgerTest, WhatNobodyOwnsIsCounted) {
  const Packet packet = plain(tcp_frame(mac(98), mac(99), kHere, kThere));
  sampled(packet, 77, 78);
  EXPECT_EQ(ledger_.counts().unattributed_packets, 100);
  EXPECT_EQ(ledger_.counts().unattributed_octets, 151400);
}

TEST_F(FlowLedgerTest, EqualMacsNameNobody) {
  Inventory twins{{domain(1), domain(2)}};
  twins.domains[1].vnics[0].mac = mac(1);
  ledger_.set_inventory(twins, {});
  sampled(kOutward, 0, 0, kSwitch, false);
  EXPECT_EQ(ledger_.counts().unattributed_packets, 100);
}

TEST_F(FlowLedgerTest, TheServiceIsAtTheEndThatListens) {
  sampled(plain(tcp_frame(mac(1), mac(99), kHere, kThere, 80, 50000, kTcpSyn)), 11, 0);
  EXPECT_NE(ledger_.flows(0).services.find({6, 50000}), nullptr) << "SYN goes to the one that listens";
  sampled(plain(tcp_frame(mac(1), mac(99), kHere, kThere, 50001, 60000, kTcpSyn | kTcpAck)), 11, 0);
  EXPECT_NE(ledger_.flows(0).services.find({6, 50001}), nullptr) << "SYN-ACK comes from it";
}

TEST_F(FlowLedgerTest, PeriodsSayWhatIsRecent) {
  ledger_.tick(now_, {});
  sampled(kOutward, 11, 0);
  now_ += 60 * kSecond;
  ledger_.tick(now_, {});
  sampled(kOutward, 11, 0);
  EXPECT_EQ(ledger_.flows(0).all.recent(Direction::kTx).samples, 2U);
  EXPECT_EQ(ledger_.recent_since(), 1000 * kSecond);
  now_ += 60 * kSecond;
  ledger_.tick(now_, {});
  EXPECT_EQ(ledger_.flows(0).all.recent(Direction::kTx).samples, 1U);
  EXPECT_EQ(ledger_.flows(0).all.total[1].samples, 2U);
}

TEST_F(FlowLedgerTest, AVnicThatStaysKeepsItsFiguresAndANewOneInheritsNothing) {
  sampled(plain(tcp_frame(mac(1), mac(2), kHere, ip(10, 0, 0, 2))), 11, 12);
  const std::uint32_t number = ledger_.number(0);
  ledger_.set_inventory({{domain(1), domain(4)}}, std::vector<std::uint32_t>{11, 14});
  EXPECT_EQ(ledger_.number(0), number);
  EXPECT_EQ(samples(0, Direction::kTx), 1U);
  EXPECT_EQ(samples(1, Direction::kRx), 0U);
  EXPECT_EQ(ledger_.conversations().size(), 0U) << "both ends named a VM that is gone";
  EXPECT_EQ(ledger_.key(ledger_.number(1)).mac, mac(4));
}

TEST_F(FlowLedgerTest, AScanLeavesTheHeavyConversations) {
  FlowLedger ledger({.conversations = 1000}, {});
  ledger.set_inventory(inventory_, ports_);
  const auto take = [&](const Packet& packet) {
    ledger.take({.packet = &packet, .octets = 60, .scale = 1, .agent = kAgent, .ports_are_ours = true, .input = 11, .output = 0}, now_);
  };
  for (int i = 0; i < 50; ++i) take(kOutward);
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    take(plain(tcp_frame(mac(1), mac(99), kHere,
                         ip(100, static_cast<std::uint8_t>(i >> 16), static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)))));
  }
  const ConversationFlows* heavy = ledger.conversations().find({ledger.number(0), {PeerKind::kAddress, 0, kThere}});
  ASSERT_NE(heavy, nullptr);
  EXPECT_EQ(heavy->sums.total[1].samples, 50U);
  EXPECT_EQ(ledger.conversations().size(), 1000U);
  EXPECT_EQ(ledger.conversations().evictions(), 1'000'001U - 1000);
}

}  // namespace
}  // namespace vmtraffic
