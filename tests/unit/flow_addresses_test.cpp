// Whose an address is: what a vNIC is seen to send, inside its network or VNI.
#include <algorithm>

#include "tests/unit/flow_fixture.hpp"

namespace vmtraffic {
namespace {

using namespace flow_test;

Packet arp(MacAddress from, MacAddress says, IpAddress sender) {
  Packet p;
  p.outer.length = 42;
  p.outer.ether_type = 0x806;
  p.outer.ethernet = Ethernet{mac(255), from};
  p.outer.arp = Arp{.operation = 1, .sender_mac = says, .sender_ip = sender, .target_mac = {}, .target_ip = kThere};
  return p;
}

TEST_F(FlowLedgerTest, AddressesAreLearntFromWhatAVnicSendsWithItsOwnMac) {
  const auto from = [](std::uint8_t last, IpAddress src) { return plain(tcp_frame(mac(last), mac(99), src, kThere)); };
  IpAddress six{.version = 6}, six_multicast{.version = 6};
  six.octets[0] = 0xFE, six.octets[1] = 0x80, six.octets[15] = 1;
  six_multicast.octets[0] = 0xFF;
  for (int twice = 0; twice < 2; ++twice) {
    sampled(arp(mac(1), mac(1), ip(10, 0, 0, 7)), 11, 0);
    sampled(from(1, kHere), 11, 0);
    sampled(from(1, six), 0, 0, kAgent);  // by the MAC, from the same agent: not elected
    sampled(from(3, six), 0, 0, kSwitch, false);
    // None of these is an address of theirs.
    sampled(from(2, ip(10, 0, 0, 2)), 11, 0);                      // another's MAC
    sampled(arp(mac(1), mac(2), ip(10, 0, 0, 3)), 11, 0);          // an answer for another
    sampled(arp(mac(1), mac(1), IpAddress{.version = 4}), 11, 0);  // a probe
    sampled(from(1, ip(224, 0, 0, 1)), 11, 0);
    sampled(from(1, six_multicast), 11, 0);
    sampled(plain(tcp_frame(mac(99), mac(2), kThere, ip(10, 0, 0, 8))), 0, 12);  // received
  }
  sampled(from(1, ip(10, 0, 0, 9)), 11, 0);  // once: perhaps an accident
  auto learnt = ledger_.learnt_addresses(0);
  std::sort(learnt.begin(), learnt.end());
  EXPECT_EQ(learnt, (std::vector{kHere, ip(10, 0, 0, 7)}));
  EXPECT_EQ(ledger_.learnt_addresses(1), std::vector<IpAddress>{});
  EXPECT_EQ(ledger_.learnt_addresses(2), std::vector{six});
}

TEST_F(FlowLedgerTest, AVmThatForwardsForOthersHasNoAddresses) {
  const auto forwards = [&](std::uint8_t sources) {
    for (std::uint8_t i = 1; i <= sources; ++i) {
      for (int n = 0; n < 16; ++n) sampled(plain(tcp_frame(mac(1), mac(99), ip(10, 1, 0, i), kThere)), 11, 0);
    }
  };
  const auto period = [&] { ledger_.tick(now_ += 60 * kSecond, {}); };
  period();
  forwards(16);
  EXPECT_EQ(ledger_.learnt_addresses(0).size(), 16U);
  forwards(17);
  EXPECT_EQ(ledger_.learnt_addresses(0).size(), 0U) << "known at once";
  period();
  forwards(2);
  EXPECT_EQ(ledger_.learnt_addresses(0).size(), 0U) << "it forwarded a moment ago";
  period();
  EXPECT_EQ(ledger_.learnt_addresses(0).size(), 2U) << "nothing is left of those before";
}

// Two tenants: the same MAC and address in two VNIs.
class TwinsTest : public FlowLedgerTest {
 protected:
  void SetUp() override {
    inventory_.domains[1].vnics[0].mac = mac(1);
    FlowLedgerTest::SetUp();
    for (int twice = 0; twice < 2; ++twice) {
      in_vni(tcp_frame(mac(1), mac(99), kHere, kThere), 11, 0, 5001);
      in_vni(tcp_frame(mac(1), mac(99), kHere, kThere), 12, 0, 5002);
    }
    ledger_.tick(now_, {});
  }
  void in_vni(const Frame& frame, std::uint32_t input, std::uint32_t output, std::uint32_t vni) {
    const Packet packet = plain(frame);
    ledger_.take({.packet = &packet,
                  .octets = 1514,
                  .scale = 1,
                  .agent = kAgent,
                  .ports_are_ours = true,
                  .input = input,
                  .output = output,
                  .vni = vni},
                 now_);
  }
  // As a switch between the hosts sees it.
  void encapsulated(const Frame& inner, std::uint32_t vni) {
    Packet packet;
    packet.outer = tcp_frame(mac(200), mac(201), ip(172, 16, 0, 1), ip(172, 16, 0, 2));
    packet.inner = inner;
    packet.tunnel.kind = TunnelKind::kVxlan;
    packet.tunnel.vni = vni;
    packet.depth = 1;
    sampled(packet, 5, 6, kSwitch, false, 1);
  }
};

TEST_F(TwinsTest, StayApartByTheirVnis) {
  encapsulated(tcp_frame(mac(99), mac(1), kThere, kHere), 5002);
  encapsulated(tcp_frame(mac(99), mac(1), kThere, kHere), 5003);
  EXPECT_EQ(samples(0, Direction::kRx), 0U);
  EXPECT_EQ(samples(1, Direction::kRx), 1U);
  EXPECT_EQ(ledger_.counts().by_inner_mac, 1U);
  EXPECT_EQ(ledger_.counts().unattributed_packets, 1) << "nobody's in that VNI";
}

TEST_F(TwinsTest, AnAddressNamesThePeerInItsOwnVniAlone) {
  // VM 3 talks over a router to 10.0.0.1: in each tenant's network that is another VM, in a third nobody.
  const Frame frame = tcp_frame(mac(3), mac(99), ip(10, 0, 9, 3), kHere);
  in_vni(frame, 13, 0, 5001);
  EXPECT_NE(conversation(2, {PeerKind::kVnic, ledger_.number(0), {}}), nullptr);
  in_vni(frame, 13, 0, 5002);
  EXPECT_NE(conversation(2, {PeerKind::kVnic, ledger_.number(1), {}}), nullptr);
  in_vni(frame, 13, 0, 5003);
  EXPECT_NE(conversation(2, {PeerKind::kAddress, 0, kHere}), nullptr);
  EXPECT_EQ(ledger_.conversations().size(), 5U);
}

TEST_F(TwinsTest, AnAddressIsNotTheSendersOwnNorOneThatWasSeenOnceNorOneThatIsConfigured) {
  const auto sends = [&](std::uint8_t from, std::uint32_t port, IpAddress src, IpAddress dst) {
    in_vni(tcp_frame(mac(from), mac(99), src, dst), port, 0, 5001);
  };
  const IpAddress once = ip(10, 1, 0, 5);
  sends(1, 11, once, kThere);
  for (int twice = 0; twice < 2; ++twice) sends(1, 11, kThere, once);  // it says that it is a backup server
  ledger_.tick(now_, {});
  sends(3, 13, ip(10, 0, 9, 3), once);
  EXPECT_NE(conversation(2, {PeerKind::kAddress, 0, once}), nullptr) << "seen once: perhaps an accident";
  sends(3, 13, ip(10, 0, 9, 3), kThere);
  EXPECT_NE(conversation(2, {PeerKind::kNetwork, 0, {}}), nullptr) << "the configuration names it";
  sends(1, 11, kHere, kHere);
  EXPECT_EQ(conversation(0, {PeerKind::kVnic, ledger_.number(0), {}}), nullptr) << "nobody is his own peer";
}

TEST_F(FlowLedgerTest, AnAddressNamesThePeerInItsOwnNetworkAndVlanAlone) {
  for (std::size_t i = 0; i < 3; ++i) inventory_.domains[i].vnics[0].source = i == 1 ? "br1" : "br0";
  ledger_.set_inventory(inventory_, ports_);
  const auto tagged = [](Packet packet, std::uint16_t vlan) {
    if (vlan != 0) packet.outer.vlans.add({0x8100, vlan});
    return packet;
  };
  for (const std::uint16_t vlan : std::initializer_list<std::uint16_t>{0, 10}) {
    for (int twice = 0; twice < 2; ++twice) sampled(tagged(kOutward, vlan), 11, 0);
  }
  ledger_.tick(now_, {});
  const auto back = [&](std::uint8_t last, std::uint16_t vlan) {
    return tagged(plain(tcp_frame(mac(last), mac(99), ip(10, 0, 9, last), kHere)), vlan);
  };
  sampled(back(2, 10), 12, 0);
  EXPECT_EQ(conversation(1, {PeerKind::kVnic, ledger_.number(0), {}}), nullptr) << "another bridge";
  sampled(back(3, 11), 13, 0);
  EXPECT_EQ(conversation(2, {PeerKind::kVnic, ledger_.number(0), {}}), nullptr) << "another VLAN";
  sampled(back(3, 0), 13, 0);
  EXPECT_EQ(conversation(2, {PeerKind::kVnic, ledger_.number(0), {}}), nullptr) << "in a VLAN that nobody told";
  sampled(back(3, 10), 13, 0);
  EXPECT_NE(conversation(2, {PeerKind::kVnic, ledger_.number(0), {}}), nullptr);
}

}  // namespace
}  // namespace vmtraffic
