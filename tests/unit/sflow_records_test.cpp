// What the records of a sample say: dropped packets and why, TCP, VNIs, VLANs, packets without their header.
#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "core/traffic/sflow_intake.hpp"
#include "tests/unit/sflow_fixture.hpp"

namespace vmtraffic {
namespace {

using namespace sflow_test;
using wire_test::tagged;
using wire_test::xdr_mac;
using wire_test::xdr_text;

constexpr Nanoseconds kNow = 1000 * kSecond;

Bytes ethernet_record(std::uint64_t from, std::uint64_t to, std::uint32_t length) {
  return tagged(2, Bytes().u32(length).add(xdr_mac(from)).add(xdr_mac(to)).u32(0x0800));
}
Bytes ipv4_record(std::uint32_t protocol = 6, std::uint32_t length = 1500) {
  return tagged(3, Bytes().words({length, protocol, kHere, kThere, 40000, 443, kTcpAck, 0}));
}
Bytes switch_record(std::uint32_t vlan) { return tagged(1001, Bytes().words({vlan, 0, vlan, 0})); }
Bytes vni_egress(std::uint32_t vni) { return tagged(1029, Bytes().u32(vni)); }
Bytes trap_record(std::string_view trap) { return tagged(1041, Bytes().add(xdr_text("l3_drops")).add(xdr_text(trap))); }

class SflowRecordsTest : public testing::Test {
 protected:
  SflowRecordsTest() { intake_.set_inventory(machines(3), kLinks); }
  void give(const std::vector<Bytes>& samples, bool here = true) {
    intake_.take(agent_.datagram(samples).octets(), *IpAddress::parse("127.0.0.1"), here, kNow);
  }
  void sample(const std::vector<Bytes>& records, std::uint32_t input = 11, std::uint32_t output = 2) {
    give({agent_.flow(input, output, records)});
  }
  void drop(std::uint32_t reason, std::vector<Bytes> records, std::uint32_t input = 11, std::uint32_t drops = 0) {
    records.insert(records.begin(), header_record(tcp_frame()));
    give({wire_test::discarded_packet(reason, records, {.sequence = ++discard_, .drops = drops, .input = input})});
  }
  using Drop = std::tuple<std::uint32_t, Direction, std::string, std::uint64_t, std::uint64_t>;
  std::vector<Drop> drops() const {
    std::vector<Drop> out;
    const FlowLedger& ledger = intake_.ledger();
    ledger.drops().for_each([&](const DropKey& key, const DropCounts& c) {
      out.emplace_back(key.vnic, key.direction, ledger.reason(key.reason), c.packets, c.octets);
    });
    std::sort(out.begin(), out.end());
    return out;
  }
  const VnicFlows& vnic(std::size_t row) const { return intake_.ledger().flows(row); }
  std::vector<Peer> peers_of(std::size_t row) const {
    std::vector<Peer> out;
    intake_.ledger().conversations().for_each([&](const ConversationKey& key, const ConversationFlows&) {
      if (key.vnic == intake_.ledger().number(row)) out.push_back(key.peer);
    });
    return out;
  }

  TestAgent agent_;
  std::uint32_t discard_{0};
  SflowIntake intake_{{}};
};

TEST_F(SflowRecordsTest, DroppedPacketsAreCountedByVnicDirectionAndReason) {
  drop(258, {});
  drop(258, {});
  drop(1, {});
  drop(9999, {});
  drop(0xFFFF'FFFF, {trap_record("blackhole_route")});
  drop(0, {tagged(1042, xdr_text("NO_SOCKET"))});
  // From outside to VM 2 by its MAC, and from nobody to nobody.
  give({wire_test::discarded_packet(257, {header_record(tcp_frame({.from = kRouter, .to = kMac2}))}, {.sequence = 1, .source_index = 9})});
  give(
      {wire_test::discarded_packet(257, {header_record(tcp_frame({.from = kRouter, .to = kRouter}))}, {.sequence = 2, .source_index = 9})});
  const Direction tx = Direction::kTx, rx = Direction::kRx;
  EXPECT_EQ(drops(), (std::vector<Drop>{{0, tx, "NO_SOCKET", 1, 100},
                                        {0, tx, "acl", 2, 200},
                                        {0, tx, "blackhole_route", 1, 100},
                                        {0, tx, "host_unreachable", 1, 100},
                                        {0, tx, "other", 1, 100},
                                        {1, rx, "ttl_exceeded", 1, 100},
                                        {kNoVnic, rx, "ttl_exceeded", 1, 100}}));
  EXPECT_EQ(intake_.ledger().counts().samples, 0U) << "what was dropped is no traffic";
  EXPECT_EQ(intake_.agents()[0].discarded_packets, 8U);
}

TEST_F(SflowRecordsTest, NotificationsThatTheAgentCouldNotSendAreCounted) {
  drop(258, {}, 11, 7);
  drop(258, {}, 11, 9);
  drop(258, {}, 11, 8);  // overtaken
  drop(258, {}, 11, 12);
  EXPECT_EQ(intake_.agents()[0].discard_drops, 5U);
}

TEST_F(SflowRecordsTest, ReasonsAreBoundedInNumberAndLength) {
  const std::string shortest(64, 'r');
  drop(0, {trap_record(shortest + "and more")});
  EXPECT_EQ(drops(), (std::vector<Drop>{{0, Direction::kTx, shortest, 1, 100}}));
  for (int i = 0; i < 1000; ++i) drop(0, {trap_record("reason " + std::to_string(i))});
  const auto all = drops();
  EXPECT_EQ(all.size(), 513U);
  EXPECT_EQ(*std::find_if(all.begin(), all.end(), [](const Drop& d) { return std::get<2>(d) == "other"; }),
            (Drop{0, Direction::kTx, "other", 489, 48'900}));
}

TEST_F(SflowRecordsTest, TcpAsTheAgentsKernelKnowsIt) {
  // direction, MSS twice, unacknowledged, lost, retransmitted, MTU, RTT, its variance, window, reordering, lowest RTT
  const auto tcp_info = [](std::uint32_t lost, std::uint32_t again, std::uint32_t rtt, std::uint32_t lowest) {
    return tagged(2209, Bytes().words({2, 1460, 1460, 1, lost, again, 1500, rtt, rtt / 10, 10, 3, lowest}));
  };
  sample({header_record(tcp_frame()), tcp_info(0, 0, 1000, 900)});
  sample({tcp_info(2, 1, 3000, 800), header_record(tcp_frame())});
  const TcpSums& tcp = vnic(0).tcp;
  EXPECT_EQ(std::tuple(tcp.samples, tcp.lossy, tcp.retransmitting, tcp.min_rtt_us, tcp.rtt_us, tcp.rtt_variance_us),
            std::tuple(2U, 1U, 1U, 800U, 4000.0, 400.0));
}

TEST_F(SflowRecordsTest, TheVniIsLearntAtTheSendersPort) {
  sample({header_record(tcp_frame()), vni_egress(5001)});
  EXPECT_EQ(vnic(0).vni, 5001U);
  sample({header_record(tcp_frame({.from = kMac2})), vni_egress(5002)});
  EXPECT_EQ(vnic(0).vni, 5001U) << "not by another's MAC";
  sample({header_record(tcp_frame({.from = kRouter, .to = kMac2})), vni_egress(5003)}, 2, 12);
  EXPECT_EQ(vnic(1).vni, std::nullopt) << "not from what it receives";
}

TEST_F(SflowRecordsTest, TheSwitchsVlanTellsEqualAddressesApart) {
  for (int twice = 0; twice < 2; ++twice) sample({header_record(tcp_frame()), switch_record(10)});
  intake_.tick(kNow, {});
  // VM 2 sends to VM 1's address over a router, in the other's VLAN and in its own.
  const Bytes back = header_record(tcp_frame({.from = kMac2, .src = 0x0A000002, .dst = kHere}));
  sample({back, switch_record(20)}, 12);
  EXPECT_EQ(peers_of(1), (std::vector<Peer>{{PeerKind::kAddress, 0, *IpAddress::parse("10.0.0.1")}}));
  sample({back, switch_record(10)}, 12);
  EXPECT_EQ(peers_of(1),
            (std::vector<Peer>{{PeerKind::kAddress, 0, *IpAddress::parse("10.0.0.1")}, {PeerKind::kVnic, intake_.ledger().number(0), {}}}));
}

// Agents that give a packet's fields and not its header: in whatever order, octets as on the tap.
TEST_F(SflowRecordsTest, PacketsWithoutHeaderAreWhatTheirFieldsSay) {
  const SampleSums one{.samples = 1, .packets = 100, .octets = 151'400, .spread = {1514, 1514.0 * 1514}};
  for (const auto& records : {std::vector{ethernet_record(kMac1, kRouter, 1518), ipv4_record()},
                              std::vector{ipv4_record(), ethernet_record(kMac1, kRouter, 1518)}}) {
    SflowIntake intake{{}};
    intake.set_inventory(machines(3), {});
    TestAgent agent;
    intake.take(agent.datagram({agent.flow(0, 0, records)}).octets(), *IpAddress::parse("127.0.0.1"), false, kNow);
    const VnicFlows& flows = intake.ledger().flows(0);
    EXPECT_EQ(flows.all.total(Direction::kTx), one);
    EXPECT_EQ(flows.elected[1], (Election{1, AttributedBy::kOuterMac, false, kNow}));
    EXPECT_EQ(flows.by_class[static_cast<std::size_t>(TrafficClass::kTcp)].total(Direction::kTx), one);
    EXPECT_NE(flows.services.find({6, 443}), nullptr);
    EXPECT_NE(intake.ledger().conversations().find({0, {PeerKind::kAddress, 0, *IpAddress::parse("192.0.2.9")}}), nullptr);
  }
}

TEST_F(SflowRecordsTest, AnIpPacketAloneIsItsPorts) {
  sample({ipv4_record(17, 1200)});
  sample({tagged(4, Bytes().words({900, 17}).u64(wire_test::kIp6Net).u64(1).u64(wire_test::kIp6Net).u64(2).words({5353, 53, 0, 0}))});
  sample({ethernet_record(kMac1, kRouter, 64)});
  EXPECT_EQ(vnic(0).all.total(Direction::kTx).samples, 3U);
  EXPECT_EQ(vnic(0).all.total(Direction::kTx).spread.packets, 1200 + 900 + 60);
  EXPECT_EQ(vnic(0).by_class[static_cast<std::size_t>(TrafficClass::kUdp)].total(Direction::kTx).samples, 2U);
  EXPECT_EQ(vnic(0).by_class[static_cast<std::size_t>(TrafficClass::kOther)].total(Direction::kTx).samples, 1U);
  EXPECT_NE(vnic(0).services.find({17, 53}), nullptr);
}

TEST_F(SflowRecordsTest, AHeaderOfAnUnknownProtocolTakesNothingAway) {
  const Bytes ppp = tagged(1, Bytes().words({7, 100, 4}).add(wire_test::xdr_opaque(Bytes().fill(9, 0x77))));
  sample({ethernet_record(kMac1, kRouter, 1518), ipv4_record(), ppp});
  sample({ppp});
  EXPECT_EQ(vnic(0).all.total(Direction::kTx).octets, 151'400);
  EXPECT_EQ(intake_.ledger().counts().samples, 1U) << "nothing is known of the second packet";
  EXPECT_EQ(intake_.agents()[0].samples, 2U);
}

}  // namespace
}  // namespace vmtraffic
