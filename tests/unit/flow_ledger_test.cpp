#include <algorithm>
#include <string>
#include <tuple>

#include "tests/unit/flow_fixture.hpp"

namespace vmtraffic {
namespace {

using namespace flow_test;

TEST_F(FlowLedgerTest, ThePortSaysWhosePacketItIs) {
  sampled(kOutward, 11, 0);
  const RecentSums& all = ledger_.flows(0).all;
  EXPECT_EQ(all.total(Direction::kTx), (SampleSums{.samples = 1, .packets = 100, .octets = 151400, .spread = {1514, 1514.0 * 1514}}));
  EXPECT_EQ(all.total(Direction::kRx), SampleSums{});
  EXPECT_EQ(ledger_.flows(0).elected[1], (Election{kAgent, AttributedBy::kPort, false, now_}));
  EXPECT_EQ(ledger_.flows(0).by_class[static_cast<std::size_t>(TrafficClass::kTcp)].total(Direction::kTx).samples, 1U);
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
  EXPECT_EQ(ledger_.flows(0).all.total(Direction::kTx).octets, 14640);
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

TEST_F(FlowLedgerTest, AMacAloneDoesNotNameAVnicWhosePortIsSampledHere) {
  // VM 1 sends into its tenant's tunnel (port 90) to a host there, which has the MAC of VM 2, another tenant's.
  const Packet packet = plain(tcp_frame(mac(1), mac(2), kHere, kThere));
  ledger_.port_told(11, now_);
  ledger_.port_told(12, now_);
  ledger_.port_told(90, now_);
  sampled(packet, 11, 90);
  sampled(packet, 0, 0, kSwitch, false);  // and a switch on the way sees it too
  EXPECT_EQ(samples(0, Direction::kTx), 1U);
  EXPECT_EQ(samples(1, Direction::kRx), 0U);
  EXPECT_NE(conversation(0, {PeerKind::kNetwork, 0, {}}), nullptr) << "the peer is known by its address";
  EXPECT_EQ(ledger_.counts().not_elected, 3U);
  EXPECT_EQ(ledger_.counts().unattributed_packets, 0);
  // An agent that is silent, or tells counters alone, covers nothing.
  now_ += 181 * kSecond;
  ledger_.port_told(12, now_);
  sampled(packet, 0, 0, kSwitch, false);
  EXPECT_EQ(samples(1, Direction::kRx), 1U);
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
  EXPECT_EQ(ledger_.flows(0).all.total(Direction::kTx).samples, 2U);
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

TEST_F(FlowLedgerTest, DropsAreCountedByReasonAndDirectionOverTwoPeriods) {
  const auto dropped = [&](std::uint32_t input, std::uint32_t output, std::string_view reason) {
    ledger_.drop({.packet = &kOutward, .octets = 1514, .agent = kAgent, .ports_are_ours = true, .input = input, .output = output}, reason,
                 now_);
  };
  ledger_.tick(now_, {});
  dropped(11, 12, "acl");
  dropped(11, 0, "acl");
  dropped(11, 0, "red");
  ledger_.tick(now_ += 60 * kSecond, {});
  dropped(11, 0, "acl");
  std::vector<std::string> all;
  ledger_.drops().for_each([&](const DropKey& key, const DropCounts& c) {
    all.push_back(std::to_string(key.vnic) + (key.direction == Direction::kRx ? " rx " : " tx ") + ledger_.reason(key.reason) + " " +
                  std::to_string(c.packets) + " " + std::to_string(c.octets) + " " + std::to_string(c.previous) + "+" +
                  std::to_string(c.current) + " since " + std::to_string(c.since / kSecond));
  });
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<std::string>{"0 tx acl 3 4542 2+1 since 1000", "0 tx red 1 1514 1+0 since 1000",
                                           "1 rx acl 1 1514 1+0 since 1000"}));
  EXPECT_EQ(ledger_.counts().drops, 4U);
}

TEST_F(FlowLedgerTest, BaselinesOfTheExactCountersAreThoseOfItsPeriods) {
  const auto tick = [&](std::uint64_t rx, std::uint64_t tx, unsigned present, Nanoseconds later) {
    std::vector<VnicTotals> totals(3);
    totals[0].total[kRxOctets] = rx;
    totals[0].total[kTxOctets] = tx;
    totals[0].present = static_cast<MetricSet>(present);
    ledger_.tick(now_ += later, totals);
    return std::pair(ledger_.flows(0).exact_previous, ledger_.flows(0).exact);
  };
  const auto marks = [](std::optional<std::uint64_t> rx, std::optional<std::uint64_t> tx) {
    const auto mark = [](const auto& v) { return v ? std::optional(ExactMark{*v, 0}) : std::nullopt; };
    return ExactMarks{mark(rx), mark(tx)};
  };
  constexpr unsigned kBoth = 1U << kRxOctets | 1U << kTxOctets;
  EXPECT_EQ(tick(100, 200, kBoth, 0), (std::pair(marks(100, 200), marks(100, 200))));
  EXPECT_EQ(tick(110, 210, kBoth, 30 * kSecond), (std::pair(marks(100, 200), marks(100, 200)))) << "within the period";
  EXPECT_EQ(tick(120, 220, 1U << kTxOctets, 30 * kSecond), (std::pair(marks(100, 200), marks(std::nullopt, 220))));
  EXPECT_EQ(tick(130, 230, kBoth, 60 * kSecond), (std::pair(marks(std::nullopt, 220), marks(130, 230))));
  EXPECT_EQ(ledger_.flows(1).exact, ExactMarks{}) << "absent is not zero";
}

// A port that is read now and then: what was sampled since it was read is not compared with what it had counted then.
TEST_F(FlowLedgerTest, SamplesAreMarkedWhenTheExactCountersAreRead) {
  std::vector<VnicTotals> totals(3);
  totals[0].present = 1U << kTxOctets;
  const auto sampled_at_reading = [&] { return FlowLedger::marks_of(ledger_.flows(0), totals[0])[1]->sampled; };
  sampled(kOutward, 11, 0);
  ledger_.tick(now_, totals);
  EXPECT_EQ(sampled_at_reading(), 151'400);
  sampled(kOutward, 11, 0);
  totals[0].age = kHeld;
  ledger_.tick(now_, totals);
  EXPECT_EQ(sampled_at_reading(), 151'400) << "nothing was read";
  ledger_.port_told(11, now_);
  EXPECT_EQ(sampled_at_reading(), 151'400) << "the kernel counts here";
  FlowLedger::Limits limits;
  limits.ports_tell = true;
  FlowLedger there(limits, {});
  there.set_inventory(inventory_, ports_);
  there.take({.packet = &kOutward, .octets = 1514, .scale = 1, .agent = kAgent, .ports_are_ours = true, .input = 11}, now_);
  there.port_told(11, now_);
  there.take({.packet = &kOutward, .octets = 1514, .scale = 1, .agent = kAgent, .ports_are_ours = true, .input = 11}, now_);
  totals[0].age = 1;
  there.tick(now_, totals);
  EXPECT_EQ(FlowLedger::marks_of(there.flows(0), totals[0])[1]->sampled, 1514) << "the port told before the second";
}

TEST_F(FlowLedgerTest, APacketThatOneAgentSamplesTwiceCountsOnce) {
  const Packet packet = plain(tcp_frame(mac(1), mac(2), kHere, ip(10, 0, 0, 2)));
  for (const bool egress : {false, true, false, true}) {
    ledger_.take({.packet = &packet,
                  .octets = 1514,
                  .scale = 1,
                  .agent = kAgent,
                  .egress = egress,
                  .ports_are_ours = true,
                  .input = 11,
                  .output = 12},
                 now_);
  }
  EXPECT_EQ(samples(0, Direction::kTx), 2U);
  EXPECT_EQ(samples(1, Direction::kRx), 2U);
  EXPECT_EQ(ledger_.counts().not_elected, 4U);
}

TEST_F(FlowLedgerTest, AConversationIsOfTheServiceThatMostOfItIsOf) {
  const auto of = [&](std::uint16_t port, int times) {
    for (int i = 0; i < times; ++i) sampled(plain(tcp_frame(mac(1), mac(99), kHere, kThere, 40000, port)), 11, 0);
  };
  of(22, 3);
  of(443, 8);
  of(80, 4);
  const ConversationFlows* c = conversation(0, {PeerKind::kNetwork, 0, {}});
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->service.value, (ServiceKey{6, 443}));
  EXPECT_EQ(c->service.votes, 1U);
}

TEST_F(FlowLedgerTest, TcpIsSummedOverTwoPeriods) {
  const auto with = [&](TcpSample tcp) {
    ledger_.take({.packet = &kOutward, .octets = 60, .scale = 1, .agent = kAgent, .ports_are_ours = true, .input = 11, .tcp = &tcp}, now_);
  };
  const auto sums = [&] {
    TcpSums s = ledger_.flows(0).tcp;
    s += ledger_.flows(0).tcp_previous;
    return std::tuple(s.samples, s.lossy, s.retransmitting, s.min_rtt_us, s.rtt_us, s.rtt_variance_us);
  };
  ledger_.tick(now_, {});
  with({.rtt_us = 1000, .rtt_variance_us = 10, .min_rtt_us = 500, .lost = 2, .retransmitted = 0});
  with({.rtt_us = 3000, .rtt_variance_us = 30, .min_rtt_us = 0, .lost = 0, .retransmitted = 0});
  ledger_.tick(now_ += 60 * kSecond, {});
  with({.rtt_us = 2000, .rtt_variance_us = 20, .min_rtt_us = 700, .lost = 1, .retransmitted = 1});
  EXPECT_EQ(sums(), std::tuple(3U, 2U, 1U, 500U, 6000.0, 60.0));
  ledger_.tick(now_ += 60 * kSecond, {});
  EXPECT_EQ(sums(), std::tuple(1U, 1U, 1U, 700U, 2000.0, 20.0));
  ledger_.tick(now_ += 60 * kSecond, {});
  EXPECT_EQ(sums(), std::tuple(0U, 0U, 0U, 0U, 0.0, 0.0));
}

TEST_F(FlowLedgerTest, NetworksOfOneNameAreOne) {
  FlowLedger ledger({}, {{"office", {ip(192, 0, 2, 0), 24}}, {"lab", {ip(198, 51, 100, 0), 24}}, {"office", {ip(203, 0, 113, 0), 24}}});
  ledger.set_inventory(inventory_, ports_);
  EXPECT_EQ(ledger.network_names(), (std::vector<std::string>{"office", "lab"}));
  for (const IpAddress& there : {kThere, ip(203, 0, 113, 5)}) {
    const Packet packet = plain(tcp_frame(mac(1), mac(99), kHere, there));
    ledger.take({.packet = &packet, .octets = 1514, .scale = 1, .agent = kAgent, .ports_are_ours = true, .input = 11}, now_);
  }
  ASSERT_EQ(ledger.conversations().size(), 1U);
  const ConversationFlows* c = ledger.conversations().find({ledger.number(0), {PeerKind::kNetwork, 0, {}}});
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->sums.total(Direction::kTx).samples, 2U);
}

TEST_F(FlowLedgerTest, RoomForConversationsGrowsWithTheVnics) {
  FlowLedger ledger({.conversations = 600, .conversations_per_vnic = 200}, {});
  const auto scanned = [&](std::uint8_t vms) {
    Inventory inventory;
    for (std::uint8_t id = 1; id <= vms; ++id) inventory.domains.push_back(domain(id));
    ledger.set_inventory(inventory, ports_);
    for (unsigned i = 0; i < 2000; ++i) {
      const Packet packet =
          plain(tcp_frame(mac(1), mac(99), kHere, ip(100, vms, static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i))));
      ledger.take({.packet = &packet, .octets = 60, .scale = 1, .agent = kAgent, .ports_are_ours = true, .input = 11, .output = 0}, now_);
    }
    return ledger.conversations().size();
  };
  EXPECT_EQ(scanned(1), 256U) << "the least";
  EXPECT_EQ(scanned(2), 400U);
  EXPECT_EQ(scanned(9), 600U) << "the most";
  EXPECT_EQ(scanned(2), 600U) << "what there is room for stays";
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
  EXPECT_EQ(heavy->sums.total(Direction::kTx).samples, 50U);
  EXPECT_EQ(ledger.conversations().size(), 1000U);
  EXPECT_EQ(ledger.conversations().evictions(), 1'000'001U - 1000);
}

}  // namespace
}  // namespace vmtraffic
