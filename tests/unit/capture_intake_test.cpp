#include "core/traffic/capture_intake.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "core/traffic/flow_view.hpp"
#include "core/traffic/performance_view.hpp"
#include "tests/unit/captured_frame.hpp"
#include "tests/unit/flow_fixture.hpp"
#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic::flow_test {
namespace {

using wire_test::Bytes;
using wire_test::ethernet;
using wire_test::ipv4;
using wire_test::ipv6;

constexpr Nanoseconds kMs = 1'000'000;
constexpr std::uint32_t kTapA = 11, kTapB = 12, kMirror = 99;  // flow_fixture's links of VM 1 and 2; nobody's
constexpr std::uint64_t kMacOfA = 0x525400000001, kMacOfB = 0x525400000002, kRouter = 0x5254000000FF;
constexpr std::uint32_t kA = 0x0A000001, kB = 0x0A000002, kFar = 0xC0000209;

class CaptureIntakeTest : public testing::Test {
 protected:
  CaptureIntakeTest() { begin({}); }
  void begin(CaptureIntakeOptions options) {
    intake_ = std::make_unique<CaptureIntake>(std::move(options));
    inventory_.domains = {domain(1), domain(2), domain(3)};
    intake_->set_inventory(inventory_, ports_);
    intake_->tick(now_, {});
  }
  void pass(const Bytes& frame, std::uint32_t link, Heading heading, std::uint32_t wire_length = 0) {
    CapturedPacket p = captured(frame, now_, link, heading);
    if (wire_length != 0) p.wire_length = wire_length;
    p.vlan_tpid = vlan_ == 0 ? std::uint16_t{0} : std::uint16_t{0x8100};
    p.vlan_tci = vlan_;
    intake_->take(p, now_);
  }
  // A packet from VM A, and one to it, at its own tap.
  void sent(const Bytes& packet, std::uint32_t type = 0x0800) { pass(ethernet(type, packet, kMacOfA, kRouter), kTapA, Heading::kIn); }
  void received(const Bytes& packet, std::uint32_t type = 0x0800) { pass(ethernet(type, packet, kRouter, kMacOfA), kTapA, Heading::kOut); }
  static Bytes tcp(std::uint32_t src, std::uint32_t dst, std::uint32_t sport, std::uint32_t dport, std::uint32_t seq, std::uint32_t ack,
                   std::uint32_t flags, std::size_t payload = 0) {
    return ipv4(6, wire_test::tcp(Bytes().fill(payload), {.src = sport, .dst = dport, .seq = seq, .ack = ack, .flags = flags}),
                {.src = src, .dst = dst});
  }
  static Bytes udp(std::uint32_t src, std::uint32_t dst, std::uint32_t sport, std::uint32_t dport, const Bytes& payload) {
    return ipv4(17, wire_test::udp(sport, dport, payload), {.src = src, .dst = dst});
  }
  void tick() {
    now_ += 10 * kSecond;
    intake_->tick(now_, {});
  }
  FlowRows flows() const {
    const FlowLedger* const ledgers[] = {&intake_->ledger()};
    return flow_rows(ledgers, {}, now_, {.top = 10, .place_of_agent = [](std::size_t, std::uint32_t) { return 0U; }});
  }
  PerformanceRows performance() const { return performance_rows(*intake_, now_, 10); }
  std::map<std::string, std::uint64_t> counters() const {
    const auto all = intake_->counters();
    return {all.begin(), all.end()};
  }
  // What was measured of a vNIC as a whole, by kind.
  std::map<std::string, std::pair<std::uint64_t, double>> latencies(std::uint32_t vnic) const {
    std::map<std::string, std::pair<std::uint64_t, double>> out;
    for (const VnicLatency& l : performance().latencies) {
      if (l.vnic == vnic && l.protocol == 0 && l.address_version == 0)
        out[std::string(name_of(l.kind))] = {l.five_minutes.count, static_cast<double>(l.five_minutes.mean_us)};
    }
    return out;
  }

  Inventory inventory_;
  std::vector<std::uint32_t> ports_{11, 12, 13};
  std::unique_ptr<CaptureIntake> intake_;
  Nanoseconds now_{1'700'000'000 * kSecond};
  std::uint16_t vlan_{0};
};

TEST_F(CaptureIntakeTest, EachSideOfATap) {
  sent(tcp(kA, kFar, 40000, 443, 0, 0, kTcpSyn));
  now_ += 20 * kMs;
  received(tcp(kFar, kA, 443, 40000, 0, 1, kTcpSyn | kTcpAck));
  now_ += 1 * kMs;
  sent(tcp(kA, kFar, 40000, 443, 1, 1, kTcpAck));
  sent(tcp(kA, kFar, 40000, 443, 1, 1, kTcpAck, 100));
  now_ += 50 * kMs;
  received(tcp(kFar, kA, 443, 40000, 1, 101, kTcpAck, 1000));
  tick();
  EXPECT_EQ(latencies(0), (std::map<std::string, std::pair<std::uint64_t, double>>{
                              {"guest_rtt", {1, 1000}}, {"network_rtt", {2, 35'000}}, {"asked", {1, 50'000}}}));
  EXPECT_TRUE(latencies(1).empty());
  const FlowRows rows = flows();
  EXPECT_EQ(rows.vnics[0].tx.total_packets, 3);
  EXPECT_EQ(rows.vnics[0].rx.total_packets, 2);
  EXPECT_EQ(rows.vnics[0].tx.total_octets, 54 + 54 + 154);
  EXPECT_EQ(rows.vnics[0].rx.total_octets, 54 + 1054);
  EXPECT_EQ(rows.vnics[0].tx.total_octets_error, 0) << "each was seen";
  EXPECT_EQ(rows.vnics[0].tx_by, AttributedBy::kTap);
  ASSERT_EQ(rows.services.size(), 1U);
  EXPECT_EQ(rows.services[0].port, 443);
  const VnicLoss loss = performance().losses[0];
  EXPECT_EQ(loss.tx, (LossCounts{.segments = 1, .connections = 1}));
  EXPECT_EQ(loss.rx, (LossCounts{.segments = 1}));
  EXPECT_EQ(performance().losses[1].since, 0) << "nothing was captured of the other";
}

// The same packet passes both taps: it is one's tx and the other's rx, and each measures with its own stamps.
TEST_F(CaptureIntakeTest, BetweenTwoLocalVms) {
  const Bytes syn = ethernet(0x0800, tcp(kA, kB, 40000, 80, 0, 0, kTcpSyn), kMacOfA, kMacOfB);
  const Bytes syn_ack = ethernet(0x0800, tcp(kB, kA, 80, 40000, 0, 1, kTcpSyn | kTcpAck), kMacOfB, kMacOfA);
  pass(syn, kTapA, Heading::kIn);
  now_ += 3 * kMs;  // on its way through the host
  pass(syn, kTapB, Heading::kOut);
  now_ += 1 * kMs;
  pass(syn_ack, kTapB, Heading::kIn);
  now_ += 3 * kMs;
  pass(syn_ack, kTapA, Heading::kOut);
  tick();
  EXPECT_EQ(latencies(0), (std::map<std::string, std::pair<std::uint64_t, double>>{{"network_rtt", {1, 7000}}}));
  EXPECT_EQ(latencies(1), (std::map<std::string, std::pair<std::uint64_t, double>>{{"guest_rtt", {1, 1000}}}));
  const FlowRows rows = flows();
  for (const std::size_t vnic : {0U, 1U}) {
    EXPECT_EQ(rows.vnics[vnic].tx.total_packets, 1) << vnic;
    EXPECT_EQ(rows.vnics[vnic].rx.total_packets, 1) << vnic;
  }
  ASSERT_EQ(rows.conversations.size(), 2U) << "one row of each, naming the other";
  EXPECT_EQ(rows.conversations[0].kind, PeerKind::kVnic);
  EXPECT_EQ(rows.conversations[0].peer, 1U);
  EXPECT_EQ(rows.conversations[1].peer, 0U);
}

// Where only one of two local VMs is selected, nothing is claimed of the other.
TEST_F(CaptureIntakeTest, TheOtherEndOfATapIsOnlyAPeer) {
  ports_ = {11, 0, 0};
  intake_->set_inventory(inventory_, ports_);
  pass(ethernet(0x0800, tcp(kA, kB, 40000, 80, 0, 0, kTcpSyn), kMacOfA, kMacOfB), kTapA, Heading::kIn);
  tick();
  EXPECT_EQ(flows().vnics[1].rx.total_packets, 0);
  EXPECT_EQ(flows().vnics[0].tx.total_packets, 1);
  ASSERT_EQ(flows().conversations.size(), 1U);
  EXPECT_EQ(flows().conversations[0].kind, PeerKind::kVnic);
}

// The guest chooses its addresses, the tap tells the way.
TEST_F(CaptureIntakeTest, AForgedSenderIsStillTheTapsGuest) {
  pass(ethernet(0x0800, tcp(kFar, kA, 443, 40000, 5, 5, kTcpAck, 10), kRouter, kMacOfA), kTapA, Heading::kIn);
  received(tcp(kFar, kA, 443, 40000, 5, 5, kTcpAck, 10));
  tick();
  const FlowRows rows = flows();
  EXPECT_EQ(rows.vnics[0].tx.total_packets, 1);
  EXPECT_EQ(rows.vnics[0].rx.total_packets, 1);
  EXPECT_EQ(rows.vnics[0].foreign_mac, 1U);
}

TEST_F(CaptureIntakeTest, AMirrorPortTellsOfBothEndsByTheirMacs) {
  const Bytes syn = ethernet(0x0800, tcp(kA, kB, 40000, 80, 0, 0, kTcpSyn), kMacOfA, kMacOfB);
  pass(syn, kMirror, Heading::kUnknown);
  now_ += 4 * kMs;
  pass(ethernet(0x0800, tcp(kB, kA, 80, 40000, 0, 1, kTcpSyn | kTcpAck), kMacOfB, kMacOfA), kMirror, Heading::kUnknown);
  tick();
  EXPECT_EQ(latencies(0), (std::map<std::string, std::pair<std::uint64_t, double>>{{"network_rtt", {1, 4000}}}));
  EXPECT_EQ(latencies(1), (std::map<std::string, std::pair<std::uint64_t, double>>{{"guest_rtt", {1, 4000}}}));
  EXPECT_EQ(flows().vnics[0].tx_by, AttributedBy::kOuterMac);
}

// Tenants overlap: the same addresses and ports in two VLANs are two flows.
TEST_F(CaptureIntakeTest, VlansStayApart) {
  for (const std::uint16_t vlan : {std::uint16_t{5}, std::uint16_t{6}}) {
    vlan_ = vlan;
    sent(tcp(kA, kFar, 40000, 443, 100, 0, kTcpAck, 10));
  }
  EXPECT_EQ(counters()["flows"], 2U);
  vlan_ = 0;
  pass(ethernet(0x8100, wire_test::tag(5, 0x0800, tcp(kA, kFar, 40000, 443, 110, 0, kTcpAck, 10)), kMacOfA, kRouter), kTapA, Heading::kIn);
  EXPECT_EQ(counters()["flows"], 2U) << "a tag in the frame is the same VLAN";
  tick();
  EXPECT_EQ(flows().vnics[0].tx.total_octets, 3 * (14 + 4 + 40 + 10)) << "with its tag, whoever took it out";
}

TEST_F(CaptureIntakeTest, InsideATunnelOnAMirrorPort) {
  const auto tunnelled = [&](std::uint32_t vni, const Bytes& inner) {
    const Bytes vxlan = Bytes().u8(8).u24(0).u24(vni).u8(0).add(inner);
    return ethernet(0x0800, udp(0xAC100001, 0xAC100002, 50000, 4789, vxlan), 0x020000000001, 0x020000000002);
  };
  const Bytes inner = ethernet(0x0800, tcp(kA, kB, 40000, 80, 0, 0, kTcpSyn), kMacOfA, kMacOfB);
  pass(tunnelled(7, inner), kMirror, Heading::kUnknown);
  pass(tunnelled(8, inner), kMirror, Heading::kUnknown);
  EXPECT_EQ(counters()["flows"], 2U) << "a VNI each";
  tick();
  EXPECT_EQ(flows().vnics[0].tx.total_packets, 2);
  EXPECT_EQ(flows().vnics[0].tx.total_octets, 2 * 54) << "the inner frames'";
  EXPECT_EQ(flows().vnics[0].tx_by, AttributedBy::kInnerMac);
  pass(ethernet(0x0800, udp(kA, kFar, 50000, 4789, Bytes().u8(8).u24(0).u24(7).u8(0).add(inner)), kMacOfA, kRouter), kTapA, Heading::kIn);
  tick();
  EXPECT_EQ(flows().vnics[0].tx.total_packets, 3) << "a guest's own tunnel is its packet";
}

TEST_F(CaptureIntakeTest, Ipv6AndFragments) {
  pass(ethernet(0x86DD, ipv6(6, wire_test::tcp({}, {.src = 40000, .dst = 80, .seq = 0, .ack = 0, .flags = kTcpSyn})), kMacOfA, kRouter),
       kTapA, Heading::kIn);
  now_ += 5 * kMs;
  pass(
      ethernet(0x86DD,
               ipv6(6, wire_test::tcp({}, {.src = 80, .dst = 40000, .seq = 0, .ack = 1, .flags = kTcpSyn | kTcpAck}), {.src = 2, .dst = 1}),
               kRouter, kMacOfA),
      kTapA, Heading::kOut);
  sent(ipv4(17, wire_test::udp(1000, 2000, Bytes().fill(8)), {.src = kA, .dst = kFar, .fragment = 0x2000}));
  sent(ipv4(17, Bytes().fill(100), {.src = kA, .dst = kFar, .fragment = 0x0002}));
  tick();
  EXPECT_EQ(latencies(0), (std::map<std::string, std::pair<std::uint64_t, double>>{{"network_rtt", {1, 5000}}}));
  EXPECT_EQ(flows().vnics[0].tx.total_packets, 3) << "each fragment counts";
}

TEST_F(CaptureIntakeTest, DnsAndEcho) {
  const auto message = [](std::uint32_t id, bool response) { return Bytes().u16(id).u16(response ? 0x8180 : 0x0100).fill(8); };
  sent(udp(kA, kFar, 5000, 53, message(1, false)));  // glibc asks both at once, from one port
  sent(udp(kA, kFar, 5000, 53, message(2, false)));
  now_ += 8 * kMs;
  received(udp(kFar, kA, 53, 5000, message(2, true)));
  received(udp(kFar, kA, 53, 5000, message(2, true)));
  received(udp(kFar, kA, 53, 5000, message(9, true)));
  const auto echo = [](std::uint32_t src, std::uint32_t dst, std::uint32_t type) {
    return ipv4(1, wire_test::echo(type, 77, 1, Bytes().fill(8)), {.src = src, .dst = dst});
  };
  sent(echo(kA, kFar, 8));
  now_ += 2 * kMs;
  received(echo(kFar, kA, 0));
  received(echo(kFar, kA, 8));
  now_ += 1 * kMs;
  sent(echo(kA, kFar, 0));
  tick();
  tick();
  EXPECT_EQ(latencies(0), (std::map<std::string, std::pair<std::uint64_t, double>>{
                              {"dns", {1, 8000}}, {"network_echo", {1, 2000}}, {"guest_echo", {1, 1000}}}));
  const LossCounts tx = performance().losses[0].tx;
  EXPECT_EQ(tx.dns_queries, 2U);
  EXPECT_EQ(tx.dns_unanswered, 1U);
}

TEST_F(CaptureIntakeTest, ConnectionsThatNobodyAccepts) {
  sent(tcp(kA, kFar, 40000, 81, 0, 0, kTcpSyn));
  received(tcp(kFar, kA, 81, 40000, 0, 1, kTcpRst | kTcpAck));
  sent(tcp(kA, kFar, 40001, 82, 0, 0, kTcpSyn));
  received(tcp(kFar, kA, 50000, 22, 0, 0, kTcpSyn));
  tick();
  tick();
  const VnicLoss loss = performance().losses[0];
  EXPECT_EQ(loss.tx, (LossCounts{.refused = 1, .unanswered = 1}));
  EXPECT_EQ(loss.rx, (LossCounts{.unanswered = 1})) << "the guest did not answer";
}

// A firewall's or a router's word: the connection is refused, and the ICMP message counts as such, too.
TEST_F(CaptureIntakeTest, ConnectionsThatIcmpRefuses) {
  const auto error = [](std::uint32_t src, std::uint32_t dst, std::uint32_t code, const Bytes& about) {
    return ipv4(1, Bytes().u8(3).u8(code).u16(0).u32(0).add(about), {.src = src, .dst = dst});
  };
  const auto syn = [](std::uint32_t port) { return tcp(kA, kFar, port, 443, 7, 0, kTcpSyn); };
  constexpr std::uint32_t kSomeRouter = 0xC0000201;
  for (const std::uint32_t code : {1U, 3U, 13U}) {
    sent(syn(40000 + code));
    Bytes begins;
    const Bytes whole = syn(40000 + code);
    for (const std::byte octet : whole.octets().first(28)) begins.u8(std::to_integer<unsigned>(octet));
    received(error(kSomeRouter, kA, code, begins));  // what RFC 792 asks for
    received(error(kSomeRouter, kA, code, syn(40000 + code)));
  }
  sent(syn(40100));
  received(error(kSomeRouter, kA, 4, syn(40100)));                                // it goes on with smaller packets
  received(error(kSomeRouter, kA, 3, tcp(kA, kFar, 40100, 443, 8, 0, kTcpSyn)));  // not the one that waits
  received(error(kSomeRouter, kA, 3, tcp(kFar, kA, 443, 40100, 7, 0, kTcpSyn)));  // nor in that direction
  // The guest's own firewall.
  received(tcp(kFar, kA, 50000, 22, 9, 0, kTcpSyn));
  sent(error(kA, kFar, 13, tcp(kFar, kA, 50000, 22, 9, 0, kTcpSyn)));
  tick();
  tick();
  EXPECT_EQ(performance().losses[0].tx, (LossCounts{.refused = 3, .unanswered = 1, .unreachable = 9}));
  EXPECT_EQ(performance().losses[0].rx, (LossCounts{.refused = 1, .unreachable = 1}));
}

TEST_F(CaptureIntakeTest, ConnectionsThatIcmpRefusesByIpv6) {
  const Bytes syn = ipv6(6, wire_test::tcp({}, {.src = 40000, .dst = 80, .seq = 7, .ack = 0, .flags = kTcpSyn}));
  sent(syn, 0x86DD);
  received(ipv6(58, Bytes().u8(1).u8(1).u16(0).u32(0).add(syn), {.src = 9, .dst = 1}), 0x86DD);
  tick();
  EXPECT_EQ(performance().losses[0].tx, (LossCounts{.refused = 1, .unreachable = 1}));
}

TEST_F(CaptureIntakeTest, SidesOfALoss) {
  const auto to_guest = [&](std::uint32_t seq) { received(tcp(kFar, kA, 443, 40000, seq, 1, kTcpAck, 1000)); };
  to_guest(1000);
  to_guest(2000);
  sent(tcp(kA, kFar, 40000, 443, 1, 1000, kTcpAck));
  now_ += 300 * kMs;
  to_guest(1000);  // the guest did not get it
  to_guest(4000);
  now_ += 300 * kMs;
  to_guest(3000);  // the tap did not get it
  tick();
  const VnicLoss loss = performance().losses[0];
  EXPECT_EQ(loss.rx.lost_after, 1U);
  EXPECT_EQ(loss.rx.lost_before, 1U);
  EXPECT_EQ(loss.rx.segments, 5U);
  EXPECT_EQ(loss.tx.lost_before + loss.tx.lost_after, 0U);
}

// A scan costs evictions, not memory, and nobody else's figures.
TEST_F(CaptureIntakeTest, AMillionFlowsOfOneVm) {
  CaptureIntakeOptions options;
  options.flows = 4096;
  begin(options);
  const auto b_sends = [&](std::uint32_t n) {
    pass(ethernet(0x0800, tcp(kB, kFar, 41000, 443, 1000 * n, 0, kTcpAck, 1000), kMacOfB, kRouter), kTapB, Heading::kIn);
  };
  for (std::uint32_t i = 0; i < 300'000; ++i) {
    sent(tcp(kA, kFar + (i >> 14), 1024 + (i & 0x3FFF), 80, 0, 0, kTcpSyn));
    if (i % 100 == 0) b_sends(i / 100);
    if (i % 50'000 == 0) tick();
  }
  EXPECT_EQ(counters()["flows"], 4096U);
  EXPECT_GT(counters()["flows_evicted"], 290'000U);
  intake_->end(now_);
  tick();
  const FlowRows rows = flows();
  EXPECT_EQ(rows.vnics[0].tx.total_packets, 300'000) << "evicted flows are counted out";
  EXPECT_EQ(rows.vnics[1].tx.total_packets, 3'000);
  EXPECT_EQ(performance().losses[1].tx, (LossCounts{.segments = 3'000})) << "one connection all the time";
  EXPECT_EQ(performance().losses[0].tx.unanswered, 300'000U);
}

// Peers, too: whoever is measured most is kept, and what became of the others is counted.
TEST_F(CaptureIntakeTest, PeersAreBounded) {
  constexpr std::uint32_t kPeers = 8, kOnce = 200;
  CaptureIntakeOptions options;
  options.peers = kPeers;
  begin(options);
  const auto connect = [&](std::uint32_t peer, std::uint32_t port) {
    sent(tcp(kA, peer, port, 443, 0, 0, kTcpSyn));
    now_ += 20 * kMs;
    received(tcp(peer, kA, 443, port, 0, 1, kTcpSyn | kTcpAck));
    now_ += 1 * kMs;
    sent(tcp(kA, peer, port, 443, 1, 1, kTcpAck));
  };
  for (std::uint32_t i = 0; i < kOnce; ++i) {
    connect(kFar, 1024 + i);
    connect(0x0A640000 + i, 40000);
  }
  EXPECT_EQ(counters()["peers"], kPeers);
  EXPECT_EQ(counters()["peers_evicted"], kOnce + 1 - kPeers);
  tick();
  std::map<std::array<std::uint8_t, 16>, std::uint64_t> of_peers;
  for (const VnicLatency& l : performance().latencies) {
    if (l.address_version != 0 && l.kind == LatencyKind::kNetworkRtt) of_peers[l.address] = l.five_minutes.count;
  }
  EXPECT_EQ(of_peers.size(), kPeers);
  EXPECT_EQ(of_peers[ip(192, 0, 2, 9).octets], kOnce) << "the one that was there all the time";
  EXPECT_EQ(latencies(0).at("network_rtt").first, 2 * kOnce) << "the vNIC's own are all there";
}

// Of one packet or of many, after as long as is asked for, 300 s unless told otherwise, looked at once a minute. What it counted stays.
TEST_F(CaptureIntakeTest, AFlowThatIsSilentEnds) {
  for (const auto& [idle, packets] : {std::pair{Nanoseconds{0}, 1U}, {Nanoseconds{0}, 1000U}, {90 * kSecond, 1U}, {90 * kSecond, 1000U}}) {
    CaptureIntakeOptions options;
    if (idle != 0) options.idle = idle;
    begin(options);
    for (std::uint32_t i = 0; i < packets; ++i) sent(tcp(kA, kFar, 40000, 443, 1000 * i, 0, kTcpAck, 1000));
    const Nanoseconds last = now_;
    while (counters()["flows"] == 1 && now_ - last < 1000 * kSecond) {
      EXPECT_EQ(counters()["flows_idle"], 0U);
      tick();
    }
    const Nanoseconds end = idle == 0 ? 300 * kSecond : idle;
    EXPECT_GE(now_ - last, end);
    EXPECT_LT(now_ - last, end + 60 * kSecond);
    EXPECT_EQ(counters()["flows_idle"], 1U);
    EXPECT_EQ(flows().vnics[0].tx.total_packets, packets);
    EXPECT_EQ(performance().losses[0].tx, (LossCounts{.segments = packets}));
  }
}

TEST_F(CaptureIntakeTest, AFlowThatIsHeardOfNowAndThenDoesNotEnd) {
  for (std::uint32_t i = 0; i < 100; ++i) {
    for (std::uint32_t n = 0; n < 32; ++n) sent(tcp(kA, kFar, 40000, 443, 32 * i + n, 0, kTcpAck, 1));
    for (int ticks = 0; ticks < 23; ++ticks) tick();
    EXPECT_EQ(std::pair(counters()["flows"], counters()["flows_idle"]), (std::pair<std::uint64_t, std::uint64_t>(1, 0)));
  }
}

// Flows of a vNIC that is gone are not the next one's.
TEST_F(CaptureIntakeTest, ANumberThatIsGivenAgain) {
  sent(tcp(kA, kFar, 40000, 443, 0, 0, kTcpSyn));
  Inventory without;
  without.domains = {domain(2), domain(3)};
  const std::vector<std::uint32_t> ports{12, 13};
  intake_->set_inventory(without, ports);
  Inventory other;
  other.domains = {domain(2), domain(3), domain(4)};
  intake_->set_inventory(other, std::vector<std::uint32_t>{12, 13, 14});
  intake_->end(now_);
  tick();
  for (const VnicLoss& loss : performance().losses) EXPECT_EQ(loss.tx, LossCounts{});
  for (const VnicFlowSums& v : flows().vnics) EXPECT_EQ(v.tx.total_packets, 0);
}

// Nor is what a VM left open that of the one that has its tap next.
TEST_F(CaptureIntakeTest, AnotherVmAtTheSameTap) {
  const auto query = [](std::uint32_t id) { return udp(kA, kFar, 5000, 53, Bytes().u16(id).u16(0x0100).fill(8)); };
  sent(query(1));
  sent(tcp(kA, kFar, 40000, 443, 0, 0, kTcpSyn));
  Inventory other;
  other.domains = {domain(4)};
  intake_->set_inventory(other, std::vector<std::uint32_t>{11});
  sent(query(2));
  sent(tcp(kA, kFar, 40000, 443, 100, 1, kTcpAck, 10));
  intake_->end(now_);
  tick();
  EXPECT_EQ(performance().losses[0].tx, (LossCounts{.segments = 1, .dns_queries = 1, .dns_unanswered = 1}));
}

// At a mirror port addresses are all there is: another's packet with the same ends is his own, and takes nothing away.
TEST_F(CaptureIntakeTest, AForgedPacketAtAMirrorTakesNothingAway) {
  const Bytes packet = tcp(kA, kFar, 40000, 443, 1, 1, kTcpAck, 946);
  for (int i = 0; i < 100; ++i) pass(ethernet(0x0800, packet, kMacOfA, kRouter), kMirror, Heading::kUnknown);
  pass(ethernet(0x0800, packet, kMacOfB, kRouter), kMirror, Heading::kUnknown);
  tick();
  EXPECT_EQ(flows().vnics[0].tx.total_octets, 100'000);
  EXPECT_EQ(flows().vnics[1].tx.total_octets, 1000);
  EXPECT_EQ(performance().losses[0].tx.spurious, performance().losses[1].tx.spurious) << "nor is it what the other sent again";
}

TEST_F(CaptureIntakeTest, AShareOfTheFlowsStandsForAll) {
  intake_->set_kept_flows({kAllFlows / 4}, now_);
  sent(tcp(kA, kFar, 40000, 443, 0, 0, kTcpAck, 946));
  sent(ipv4(1, wire_test::echo(8, 77, 1, Bytes().fill(8)), {.src = kA, .dst = kFar}));
  sent(udp(kA, kFar, 5000, 53, Bytes().u16(1).u16(0x0100).fill(8)));
  tick();
  EXPECT_EQ(flows().vnics[0].tx.total_packets, 4 + 1 + 1) << "echo and DNS are control traffic";
  intake_->set_kept_flows({kAllFlows / 64, kAllFlows / 4}, now_);
  sent(ipv4(1, wire_test::echo(8, 77, 2, Bytes().fill(8)), {.src = kA, .dst = kFar}));
  tick();
  EXPECT_EQ(flows().vnics[0].tx.total_packets, 6 + 4) << "which has a share of its own";
}

TEST_F(CaptureIntakeTest, RubbishIsCountedAndForgiven) {
  std::mt19937 random(5);
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = ethernet(i % 2 == 0 ? 0x0800 : 0x86DD, {}, kMacOfA, kRouter);
    for (std::size_t n = random() % 90; n > 0; --n) frame.u8(i % 3 == 0 && n % 7 == 0 ? 0x45 : random() & 0xFF);
    pass(frame, kTapA, random() % 2 == 0 ? Heading::kIn : Heading::kOut,
         random() % 3 == 0 ? static_cast<std::uint32_t>(random() % 70'000) : 0);
  }
  pass({}, kTapA, Heading::kIn);
  tick();
  EXPECT_EQ(counters()["packets"], 20'001U);
  EXPECT_EQ(flows().vnics[0].tx.total_packets + flows().vnics[0].rx.total_packets, 20'001);
}

// Holes cost their sender, and not the others what they lost.
TEST_F(CaptureIntakeTest, AGuestOfHolesLeavesOthersTheirs) {
  CaptureIntakeOptions options;
  options.gaps = 64;
  begin(options);
  for (std::uint32_t i = 0; i < 100; ++i) sent(tcp(kA, kFar, 40000 + i / 10, 443, 2000 * (i % 10), 0, kTcpAck, 1000));
  EXPECT_GT(counters()["gaps_refused"], 0U);
  const auto b_sends = [&](std::uint32_t seq) {
    pass(ethernet(0x0800, tcp(kB, kFar, 41000, 443, seq, 0, kTcpAck, 1000), kMacOfB, kRouter), kTapB, Heading::kIn);
  };
  for (const std::uint32_t seq : {0U, 2000U}) b_sends(seq);
  now_ += 300 * kMs;
  b_sends(1000);
  tick();
  EXPECT_EQ(performance().losses[1].tx, (LossCounts{.segments = 3, .lost_before = 1}));
}

// A client that asks a dead server from one port: what finds a place among those that wait is a sample of all.
TEST_F(CaptureIntakeTest, NoDnsQueryMakesWayUnanswered) {
  const auto query = [](std::uint32_t id) { return udp(kA, kFar, 5000, 53, Bytes().u16(id).u16(0x0100).fill(8)); };
  std::uint32_t id = 0;
  for (int period = 0; period < 3; ++period) {
    for (int i = 0; i < 1000; ++i) sent(query(++id));
    sent(query(id - 999));  // repeated
    tick();
  }
  EXPECT_EQ(performance().losses[0].tx, (LossCounts{.dns_queries = 12, .dns_unanswered = 12}));
  for (int i = 0; i < 100; ++i) {
    sent(query(++id));
    received(udp(kFar, kA, 53, 5000, Bytes().u16(id).u16(0x8180).fill(8)));
  }
  tick();
  EXPECT_EQ(performance().losses[0].tx, (LossCounts{.dns_queries = 112, .dns_unanswered = 12}));
}

// Nobody counts unanswered echoes: an old one keeps no place from one that may be measured.
TEST_F(CaptureIntakeTest, AnEchoThatWaitsMakesWay) {
  const auto echo = [](std::uint32_t src, std::uint32_t dst, std::uint32_t type, std::uint32_t sequence) {
    return ipv4(1, wire_test::echo(type, 77, sequence, Bytes().fill(8)), {.src = src, .dst = dst});
  };
  for (std::uint32_t sequence = 0; sequence < 20; ++sequence) sent(echo(kA, kFar, 8, sequence));
  now_ += 2 * kMs;
  received(echo(kFar, kA, 0, 19));
  tick();
  EXPECT_EQ(latencies(0), (std::map<std::string, std::pair<std::uint64_t, double>>{{"network_echo", {1, 2000}}}));
}

// Linux sends it again after 1, 3, 7, 15, 31 and 63 s.
TEST_F(CaptureIntakeTest, ADeadConnectIsOneUnansweredConnection) {
  const Nanoseconds begin = now_;
  Nanoseconds ticked = now_;
  for (const int second : {0, 1, 3, 7, 15, 31, 63, 127}) {
    for (; ticked < begin + second * kSecond; ticked += kSecond) intake_->tick(ticked, {});
    now_ = ticked;
    if (second < 127) sent(tcp(kA, kFar, 40000, 81, 0, 0, kTcpSyn));
  }
  EXPECT_EQ(performance().losses[0].tx, (LossCounts{.unanswered = 1}));
  sent(tcp(kA, kFar, 40000, 81, 5000, 0, kTcpSyn));
  tick();
  EXPECT_EQ(performance().losses[0].tx, (LossCounts{.unanswered = 2})) << "another connect from the same port";
}

}  // namespace
}  // namespace vmtraffic::flow_test
