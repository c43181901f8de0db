// What is published of ledgers: ranks, rows of the inventory, one ledger for each direction, coverage.
#include "core/traffic/flow_view.hpp"

#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <type_traits>

#include "tests/unit/flow_fixture.hpp"

namespace vmtraffic {
namespace {

using namespace flow_test;

class FlowViewTest : public FlowLedgerTest {
 protected:
  void SetUp() override {
    FlowLedgerTest::SetUp();
    one_.set_inventory(inventory_, ports_);
    two_.set_inventory(inventory_, ports_);
  }
  void take(FlowLedger& ledger, const Packet& packet, std::uint32_t input, std::uint32_t output, int times = 1,
            std::uint32_t agent = kAgent) {
    for (int i = 0; i < times; ++i) {
      ledger.take(
          {.packet = &packet, .octets = 1000, .scale = 10, .agent = agent, .ports_are_ours = true, .input = input, .output = output}, now_);
    }
  }
  void send(FlowLedger& ledger, IpAddress to, int times, std::uint16_t port = 443) {
    take(ledger, plain(tcp_frame(mac(1), mac(99), kHere, to, 40000, port)), 11, 0, times);
  }
  FlowRows rows(std::vector<const FlowLedger*> ledgers, std::span<const VnicTotals> totals = {}, std::uint32_t top = 10) const {
    return flow_rows(ledgers, totals, now_,
                     {top, [](std::size_t ledger, std::uint32_t agent) { return static_cast<std::uint32_t>(100 * ledger + agent); }});
  }
  // "row peer rx-samples/tx-samples service", in the order of the rows.
  static std::vector<std::string> conversations(const FlowRows& rows) {
    std::vector<std::string> out;
    for (const ConversationSums& c : rows.conversations) {
      const std::string peer = c.kind == PeerKind::kVnic      ? "row " + std::to_string(c.peer)
                               : c.kind == PeerKind::kNetwork ? rows.networks[c.peer]
                                                              : IpAddress{c.address_version, c.address}.text();
      out.push_back(std::to_string(c.vnic) + " " + peer + " " + std::to_string(c.rx.samples) + "/" + std::to_string(c.tx.samples) + " " +
                    ServiceKey{c.protocol, c.port}.text());
    }
    return out;
  }

  FlowLedger one_{{}, {{"backup", {ip(192, 0, 2, 0), 24}}}};
  FlowLedger two_{{}, {{"backup", {ip(192, 0, 2, 0), 24}}}};
};

TEST_F(FlowViewTest, ShowsTheTopOfEachVnicAndAllNamedNetworks) {
  for (std::uint8_t i = 1; i <= 6; ++i) send(one_, ip(10, 9, 9, i), i * 2);
  send(one_, kThere, 1, 22);
  take(one_, plain(tcp_frame(mac(2), mac(99), ip(10, 0, 0, 2), ip(10, 9, 9, 1))), 12, 0, 3);
  EXPECT_EQ(conversations(rows({&one_}, {}, 2)), (std::vector<std::string>{"0 10.9.9.6 0/12 tcp/443", "0 10.9.9.5 0/10 tcp/443",
                                                                           "0 backup 0/1 tcp/22", "1 10.9.9.1 0/3 tcp/443"}));
}

TEST_F(FlowViewTest, NamedNetworksAreTheLongestPrefixFirst) {
  const FlowLedger ledger({}, {{"all", {ip(10, 0, 0, 0), 8}}, {"office", {ip(10, 1, 0, 0), 16}}, {"all", {ip(192, 0, 2, 7), 32}}});
  const FlowRows made = rows({&ledger});
  EXPECT_EQ(made.networks, (std::vector<std::string>{"all", "office"}));
  EXPECT_EQ(made.network_prefixes, (std::vector<NetworkPrefix>{{.address = {192, 0, 2, 7}, .name = 0, .version = 4, .length = 32},
                                                               {.address = {10, 1}, .name = 1, .version = 4, .length = 16},
                                                               {.address = {10}, .name = 0, .version = 4, .length = 8}}));
}

TEST_F(FlowViewTest, AllPeersOfLateAreCounted) {
  one_.tick(now_, {});
  for (std::uint8_t i = 1; i <= 200; ++i) send(one_, ip(10, 9, 9, i), 1);
  send(one_, kThere, 1);
  send(one_, ip(192, 0, 2, 10), 1);  // the same network
  const FlowRows all = rows({&one_}, {}, 2);
  EXPECT_EQ(all.conversations.size(), 3U);
  EXPECT_EQ(all.peers, (std::vector<std::uint32_t>{201, 0, 0}));
  one_.tick(now_ += 60 * kSecond, {});
  send(one_, ip(10, 9, 9, 1), 1);
  EXPECT_EQ(rows({&one_}).peers, (std::vector<std::uint32_t>{201, 0, 0})) << "of this period and the one before";
  one_.tick(now_ += 60 * kSecond, {});
  EXPECT_EQ(rows({&one_}).peers, (std::vector<std::uint32_t>{1, 0, 0}));
}

TEST_F(FlowViewTest, APeerOfTwoLedgersIsOne) {
  send(one_, kThere, 5);
  take(two_, plain(tcp_frame(mac(99), mac(1), kThere, kHere, 443, 40000)), 0, 11, 3, 7);
  take(two_, plain(tcp_frame(mac(99), mac(1), ip(10, 9, 9, 1), kHere, 443, 40000)), 0, 11, 3, 7);
  EXPECT_EQ(rows({&one_, &two_}).peers, (std::vector<std::uint32_t>{2, 0, 0}));
}

// What is chosen before its estimates are made is what stands first where all are made.
TEST_F(FlowViewTest, TheTopIsTheBeginningOfAll) {
  one_.tick(now_, {});
  for (std::uint32_t i = 0; i < 60; ++i) {
    if (i == 20 || i == 40) one_.tick(now_ += 60 * kSecond, {});  // some are of earlier periods, and rank behind by their totals
    const auto peer = ip(10, 9, 9, static_cast<std::uint8_t>(i));
    const auto port = static_cast<std::uint16_t>(1000 + i % 25);
    send(one_, peer, static_cast<int>(3 + i * 37 % 61 * 3), port);  // no two alike
    if (i % 3 == 0) take(one_, plain(tcp_frame(mac(99), mac(1), peer, kHere, port, 40000)), 0, 11);
    take(one_, plain(tcp_frame(mac(2), mac(99), ip(10, 0, 0, 2), peer)), 12, 0, static_cast<int>(1 + i * 29 % 61));
  }
  send(one_, kThere, 1);
  const FlowRows all = rows({&one_}, {}, 1000);
  ASSERT_GT(all.conversations.size(), 100U);
  for (const std::uint32_t top : {1U, 5U, 59U}) {
    const auto first = [top](const auto& sums) {
      std::remove_cvref_t<decltype(sums)> out;
      std::map<std::uint32_t, std::uint32_t> taken;
      for (const auto& row : sums) {
        if constexpr (requires { row.kind; }) {
          if (row.kind == PeerKind::kNetwork) {
            out.push_back(row);
            continue;
          }
        }
        if (taken[row.vnic]++ < top) out.push_back(row);
      }
      return out;
    };
    const FlowRows some = rows({&one_}, {}, top);
    EXPECT_TRUE(some.conversations == first(all.conversations)) << top;
    EXPECT_TRUE(some.services == first(all.services)) << top;
  }
}

TEST_F(FlowViewTest, TheSumsOfARowAreItsLedgers) {
  one_.tick(now_, {});
  send(one_, kThere, 4);
  one_.tick(now_ += 60 * kSecond, {});
  one_.tick(now_ += 60 * kSecond, {});
  send(one_, kThere, 1);
  now_ += 20 * kSecond;
  const FlowRows all = rows({&one_});
  EXPECT_EQ(std::tuple(all.covered_s, all.samples, all.packets, all.octets, all.unattributed_packets),
            std::tuple(80.0, 5U, 50.0, 50'000.0, 0.0));
  ASSERT_EQ(all.vnics.size(), 3U);
  ASSERT_EQ(all.protocols.size(), 1U);
  const auto error = [](double n) { return static_cast<float>(1.96 * std::sqrt(1 / n) * std::sqrt(0.9)); };
  FlowSums tx;
  tx.total_octets = 50'000, tx.total_packets = 50, tx.total_samples = 5;
  tx.octets = 10'000, tx.packets = 10, tx.samples = 1;
  tx.octets_error = tx.packets_error = error(1);
  tx.total_octets_error = tx.total_packets_error = error(5);
  EXPECT_EQ(all.vnics[0].tx, tx);
  EXPECT_EQ(all.protocols[0].tx, tx);
  EXPECT_EQ(all.services[0].tx, tx);
  EXPECT_EQ(all.conversations[0].tx, tx);
  EXPECT_EQ(std::tuple(all.vnics[0].since, all.vnics[0].tx_by, all.vnics[0].rx_by, all.vnics[0].tx_agent, all.vnics[0].rx_agent),
            std::tuple(1000 * kSecond, AttributedBy::kPort, AttributedBy::kNothing, 1U, 0U));
  EXPECT_EQ(all.vnics[1], rows({&two_}).vnics[1]) << "nothing";
}

TEST_F(FlowViewTest, ProtocolsAndServicesAreRankedByTheirRecentOctets) {
  Frame udp = tcp_frame(mac(1), mac(99), kHere, kThere);
  udp.ip->protocol = 17;
  udp.tcp.reset();
  udp.udp = Udp{.src_port = 40000, .dst_port = 53};
  send(one_, kThere, 2, 443);
  send(one_, kThere, 3, 80);
  take(one_, plain(udp), 11, 0, 7);
  const FlowRows all = rows({&one_}, {}, 2);
  ASSERT_EQ(all.protocols.size(), 2U);
  EXPECT_EQ(all.protocols[0].protocol, TrafficClass::kUdp);
  EXPECT_EQ(all.protocols[1].tx.samples, 5U);
  ASSERT_EQ(all.services.size(), 2U);
  EXPECT_EQ(std::tuple(all.services[0].protocol, all.services[0].port, all.services[1].port), std::tuple(17, 53, 80));
}

TEST_F(FlowViewTest, RowsAreTheInventorysOfNow) {
  take(one_, plain(tcp_frame(mac(3), mac(2), ip(10, 0, 0, 3), ip(10, 0, 0, 2))), 13, 12, 5);
  one_.drop({.packet = &kOutward, .octets = 60, .agent = kAgent, .ports_are_ours = true, .input = 13, .output = 0}, "acl", now_);
  EXPECT_EQ(conversations(rows({&one_})), (std::vector<std::string>{"1 row 2 5/0 tcp/443", "2 row 1 0/5 tcp/443"}));
  // VM 1 goes; VM 0, which stands first, gets its number.
  one_.set_inventory({{domain(0), domain(2), domain(3)}}, std::vector<std::uint32_t>{10, 12, 13});
  EXPECT_EQ(one_.number(0), 0U + one_.row_count()) << "the numbers of those that go are free only then";
  one_.set_inventory({{domain(2), domain(3), domain(4)}}, std::vector<std::uint32_t>{12, 13, 14});
  const FlowRows all = rows({&one_});
  EXPECT_EQ(conversations(all), (std::vector<std::string>{"0 row 1 5/0 tcp/443", "1 row 0 0/5 tcp/443"}));
  EXPECT_EQ(all.vnics[0].rx.samples, 5U);
  EXPECT_EQ(all.vnics[1].tx.samples, 5U);
  EXPECT_EQ(all.vnics[2], rows({&two_}).vnics[2]) << "nothing";
  EXPECT_EQ(all.drops, std::vector{(DropSums{1, Direction::kTx, "acl", 1, 60, 1, now_})});
  EXPECT_EQ(all.services[0].vnic, 0U);
  EXPECT_EQ(all.services[1].vnic, 1U);
}

// Two threads: each heard another agent of the same packets.
TEST_F(FlowViewTest, EachDirectionIsOfTheLedgerWhoseAgentIsNearer) {
  const Packet back = plain(tcp_frame(mac(99), mac(1), kThere, kHere, 443, 40000));
  send(one_, kThere, 5);           // by the port
  take(one_, back, 0, 0, 4);       // by the MAC
  take(two_, kOutward, 0, 0, 50);  // by the MAC
  take(two_, back, 0, 11, 3, 7);   // by the port
  for (const auto& ledgers : {std::vector<const FlowLedger*>{&one_, &two_}, std::vector<const FlowLedger*>{&two_, &one_}}) {
    const FlowRows all = rows(ledgers);
    EXPECT_EQ(std::tuple(all.vnics[0].tx.samples, all.vnics[0].rx.samples), std::tuple(5U, 3U));
    EXPECT_EQ(std::tuple(all.vnics[0].tx_by, all.vnics[0].rx_by), std::tuple(AttributedBy::kPort, AttributedBy::kPort));
    const bool first = ledgers[0] == &one_;
    EXPECT_EQ(std::tuple(all.vnics[0].tx_agent, all.vnics[0].rx_agent), first ? std::tuple(1U, 107U) : std::tuple(101U, 7U));
    EXPECT_EQ(conversations(all), std::vector<std::string>{"0 backup 3/5 tcp/443"});
    ASSERT_EQ(all.services.size(), 1U);
    EXPECT_EQ(std::tuple(all.services[0].tx.samples, all.services[0].rx.samples), std::tuple(5U, 3U));
    EXPECT_EQ(all.protocols.size(), 1U);
    EXPECT_EQ(all.samples, 62U) << "all that was heard";
  }
}

// An agent at the very port, one packet in ten; and a mirror port, where the address alone tells whose packet it is.
TEST_F(FlowViewTest, ACaptureComesBeforeSamplesUntilItIsSilent) {
  FlowLedger capture({.captures = true}, {});
  capture.set_inventory(inventory_, ports_);
  const Seen::Flow none;
  const Packet packet = plain(tcp_frame(mac(1), mac(99), kHere, ip(10, 9, 9, 9)));
  const auto first = [&] {
    const FlowRows all = rows({&one_, &capture});
    EXPECT_EQ(rows({&capture, &one_}).conversations[0].source, all.conversations[0].source) << "whichever stands first";
    return all.conversations.at(0).source;
  };
  send(one_, ip(10, 9, 9, 9), 100);  // stands for 1,000
  EXPECT_EQ(first(), FlowSource::kSflow);
  for (int i = 0; i < 950; ++i) capture.take({.packet = &packet, .octets = 1000, .agent = kAgent, .flow = &none}, now_);
  EXPECT_EQ(first(), FlowSource::kCapture);
  EXPECT_EQ(rows({&one_, &capture}).vnics[0].tx.total_samples, 950U) << "nothing is added up";
  now_ += 200 * kSecond;
  send(one_, ip(10, 9, 9, 9), 1);
  EXPECT_EQ(first(), FlowSource::kSflow) << "the capture is silent";
}

// Packets of a capture, each of which stands for `scale`: of a share of the flows where that is not 1.
class CapturedFlowViewTest : public FlowViewTest {
 protected:
  void SetUp() override {
    FlowViewTest::SetUp();
    capture_.set_inventory(inventory_, ports_);
  }
  void pass(std::uint8_t peer, double scale, bool sent = true) {
    const IpAddress there = ip(10, 9, 9, peer);
    const Packet packet = plain(sent ? tcp_frame(mac(1), mac(99), kHere, there) : tcp_frame(mac(99), mac(1), there, kHere, 443, 40000));
    const Seen::Flow flow{.kept = 1 / scale};
    capture_.take({.packet = &packet, .octets = 1000, .scale = scale, .agent = kAgent, .flow = &flow}, now_);
  }
  // By the last octet of the peer's address.
  std::map<std::uint8_t, FlowSource> sources(std::vector<const FlowLedger*> ledgers) const {
    std::map<std::uint8_t, FlowSource> out;
    for (const ConversationSums& c : rows(std::move(ledgers)).conversations) out[c.address[3]] = c.source;
    return out;
  }

  FlowLedger capture_{{.captures = true}, {}};
};

TEST_F(CapturedFlowViewTest, AConversationIsExactWhereEachOfItsPacketsWasSeen) {
  pass(1, 1), pass(1, 1, false);
  pass(2, 4), pass(2, 4, false);
  pass(3, 1), pass(3, 4);         // the limit was met later
  pass(4, 1), pass(4, 4, false);  // nor is it exact where one way of it is not
  using enum FlowSource;
  EXPECT_EQ(sources({&capture_}),
            (std::map<std::uint8_t, FlowSource>{{1, kCapture}, {2, kCaptureScaled}, {3, kCaptureScaled}, {4, kCaptureScaled}}));
  for (const ConversationSums& c : rows({&capture_}).conversations) {
    const float error = std::max(c.rx.total_samples > 0 ? c.rx.total_octets_error : 0, c.tx.total_octets_error);
    EXPECT_EQ(error == 0, c.source == kCapture) << int{c.address[3]};
  }
}

// An agent at the very port, which tells of far more packets.
TEST_F(CapturedFlowViewTest, AlsoAShareOfTheFlowsComesBeforeSamples) {
  send(one_, ip(10, 9, 9, 1), 100);
  send(one_, ip(10, 9, 9, 2), 100);
  for (int i = 0; i < 3; ++i) pass(1, 4);
  for (const auto& ledgers : {std::vector<const FlowLedger*>{&one_, &capture_}, std::vector<const FlowLedger*>{&capture_, &one_}}) {
    EXPECT_EQ(sources(ledgers), (std::map<std::uint8_t, FlowSource>{{1, FlowSource::kCaptureScaled}}))
        << "the other peer's flows are of the rest";
    EXPECT_EQ(std::tuple(rows(ledgers).vnics[0].tx.total_samples, rows(ledgers).vnics[0].tx.total_packets), std::tuple(3U, 12.0));
  }
}

// Of one direction the capture tells, of the other an agent: both are shown, and the conversation is as exact as the less exact of them.
TEST_F(CapturedFlowViewTest, OfTwoSourcesOfAConversationTheLessExactIsNamed) {
  for (const auto& [peer, scale] : {std::pair<std::uint8_t, double>{1, 1}, {2, 4}}) {
    pass(peer, scale);
    take(one_, plain(tcp_frame(mac(99), mac(1), ip(10, 9, 9, peer), kHere, 443, 40000)), 0, 11, 5);
  }
  for (const auto& ledgers : {std::vector<const FlowLedger*>{&one_, &capture_}, std::vector<const FlowLedger*>{&capture_, &one_}}) {
    EXPECT_EQ(conversations(rows(ledgers)), (std::vector<std::string>{"0 10.9.9.2 5/1 tcp/443", "0 10.9.9.1 5/1 tcp/443"}));
    EXPECT_EQ(sources(ledgers), (std::map<std::uint8_t, FlowSource>{{1, FlowSource::kSflow}, {2, FlowSource::kSflow}}));
  }
}

// Each probe's configuration has networks of its own.
TEST_F(FlowViewTest, NetworksOfTwoConfigurationsKeepTheirNames) {
  FlowLedger capture({.captures = true}, {{"lab", {ip(10, 2, 0, 0), 16}}, {"backup", {ip(192, 0, 2, 0), 24}}});
  capture.set_inventory(inventory_, ports_);
  const Seen::Flow none;
  for (const IpAddress& to : {ip(10, 2, 0, 5), kThere}) {
    const Packet packet = plain(tcp_frame(mac(1), mac(99), kHere, to));
    capture.take({.packet = &packet, .octets = to == kThere ? 100.0 : 1000.0, .agent = kAgent, .flow = &none}, now_);
  }
  send(one_, kThere, 1);
  const FlowRows all = rows({&one_, &capture});
  EXPECT_EQ(all.networks, (std::vector<std::string>{"backup", "lab"}));
  EXPECT_EQ(all.network_prefixes, (std::vector<NetworkPrefix>{{.address = {192, 0, 2}, .name = 0, .version = 4, .length = 24},
                                                              {.address = {10, 2}, .name = 1, .version = 4, .length = 16}}));
  EXPECT_EQ(conversations(all), (std::vector<std::string>{"0 lab 0/1 tcp/443", "0 backup 0/1 tcp/443"}));
}

TEST_F(FlowViewTest, ALedgerWhoseAgentIsSilentMakesRoom) {
  send(one_, kThere, 5);
  now_ += 181 * kSecond;
  take(two_, kOutward, 0, 0, 2);
  EXPECT_EQ(rows({&one_, &two_}).vnics[0].tx.samples, 2U);
  EXPECT_EQ(rows({&two_, &one_}).vnics[0].tx.samples, 2U);
  send(one_, kThere, 1);
  EXPECT_EQ(rows({&one_, &two_}).vnics[0].tx.total_samples, 6U);
}

TEST_F(FlowViewTest, OfAConversationInTwoLedgersTheBusierOnesServiceIsShown) {
  send(one_, kThere, 2, 22);
  take(two_, plain(tcp_frame(mac(99), mac(1), kThere, kHere, 443, 40000)), 0, 11, 9);
  EXPECT_EQ(conversations(rows({&one_, &two_})), std::vector<std::string>{"0 backup 9/2 tcp/443"});
  EXPECT_EQ(conversations(rows({&two_, &one_})), std::vector<std::string>{"0 backup 9/2 tcp/443"});
}

TEST_F(FlowViewTest, OfTwoThatTellOfTheSameDropsTheOneWithMoreIsBelieved) {
  const SampledPacket dropped{.packet = &kOutward, .octets = 60, .agent = kAgent, .ports_are_ours = true, .input = 11, .output = 0};
  for (int i = 0; i < 2; ++i) one_.drop(dropped, "acl", now_);
  for (int i = 0; i < 3; ++i) two_.drop(dropped, "acl", now_);
  one_.drop(dropped, "red", now_);
  const std::vector<DropSums> expected{{0, Direction::kTx, "acl", 3, 180, 3, now_}, {0, Direction::kTx, "red", 1, 60, 1, now_}};
  EXPECT_EQ(rows({&one_, &two_}).drops, expected);
  EXPECT_EQ(rows({&two_, &one_}).drops, expected);
}

TEST_F(FlowViewTest, TcpOfBothDirectionsIsOneVnics) {
  const auto with = [&](FlowLedger& ledger, const Packet& packet, std::uint32_t in, std::uint32_t out, TcpSample tcp) {
    ledger.take(
        {.packet = &packet, .octets = 60, .scale = 1, .agent = kAgent, .ports_are_ours = true, .input = in, .output = out, .tcp = &tcp},
        now_);
  };
  with(one_, kOutward, 11, 0, {.rtt_us = 1000, .rtt_variance_us = 100, .min_rtt_us = 900});
  with(two_, plain(tcp_frame(mac(99), mac(1), kThere, kHere)), 0, 11,
       {.rtt_us = 2000, .rtt_variance_us = 300, .min_rtt_us = 800, .lost = 1});
  const VnicFlowSums v = rows({&one_, &two_}).vnics[0];
  EXPECT_EQ(std::tuple(v.tcp_samples, v.tcp_lossy, v.tcp_retransmitting, v.rtt_us, v.rtt_variance_us, v.min_rtt_us),
            std::tuple(2U, 1U, 0U, 1500.0F, 200.0F, 800.0F));
}

class CoverageTest : public FlowViewTest {
 protected:
  // Sampling sees `samples` times ten packets of 1,000 octets.
  void SetUp() override {
    FlowViewTest::SetUp();
    totals_.resize(3);
    counters(1'000'000);
    one_.tick(now_, totals_);
    send(one_, kThere, 98);
    now_ += 30 * kSecond;
    counters(2'000'000);
  }
  void counters(std::uint64_t tx) {
    totals_[0].total[kTxOctets] = tx;
    totals_[0].present = totals_[0].seen = 1U << kTxOctets;
  }
  std::pair<float, float> coverage() {
    one_.tick(now_, totals_);
    const VnicFlowSums v = rows({&one_}, totals_).vnics[0];
    return {v.coverage_rx, v.coverage_tx};
  }
  std::vector<VnicTotals> totals_;
};

TEST_F(CoverageTest, IsWhatSamplesSayOfWhatTheCountersCounted) {
  EXPECT_EQ(coverage(), std::pair(-1.0F, 0.98F));
  one_.tick(now_ += 30 * kSecond, totals_);
  EXPECT_EQ(coverage(), std::pair(-1.0F, 0.98F)) << "of the period before";
  one_.tick(now_ += 60 * kSecond, totals_);
  EXPECT_EQ(coverage(), std::pair(-1.0F, -1.0F)) << "nothing was sent since";
  counters(3'000'000);
  EXPECT_EQ(coverage(), std::pair(-1.0F, 0.0F)) << "an agent was there, and told of none of it";
}

TEST_F(CoverageTest, IsNotKnownOfAbsentCountersFewOctetsOrNoAgent) {
  totals_[0].present = 0;
  EXPECT_EQ(coverage().second, -1);
  counters(1'009'999);
  EXPECT_EQ(coverage().second, -1);
  counters(1'010'000);
  EXPECT_EQ(coverage().second, 98);
  totals_[0].total[kRxOctets] = 5'000'000;
  totals_[0].present = 1U << kRxOctets;
  one_.tick(now_ += 60 * kSecond, totals_);
  totals_[0].total[kRxOctets] = 9'000'000;
  one_.tick(now_ += 60 * kSecond, totals_);
  totals_[0].total[kRxOctets] = 10'000'000;
  EXPECT_EQ(coverage(), std::pair(-1.0F, -1.0F)) << "nobody samples what it receives";
}

// The totals go on over a new tap, or a counter that began anew: what passed in between was not counted.
TEST_F(CoverageTest, IsNotKnownWhereTheCountersBeganAnew) {
  totals_[0].discontinuity_boottime = now_ - 10 * kSecond;
  EXPECT_EQ(coverage().second, -1);
  one_.tick(now_ += 30 * kSecond, totals_);
  EXPECT_EQ(coverage().second, -1) << "still within what is recent";
  one_.tick(now_ += 60 * kSecond, totals_);
  send(one_, kThere, 50);
  counters(3'000'000);
  EXPECT_EQ(coverage().second, 0.5F);
}

}  // namespace
}  // namespace vmtraffic
