// Another host, as hsflowd and its switch tell of it.
#include "core/traffic/described_host.hpp"

#include <gtest/gtest.h>

#include "core/traffic/sflow_intake.hpp"
#include "core/traffic/sflow_view.hpp"
#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic {
namespace {

using wire_test::Bytes;

constexpr Nanoseconds kNow = 1000 * kSecond;
const IpAddress kAgent = *IpAddress::parse("10.0.0.2"), kSwitch = *IpAddress::parse("10.0.0.250");

Bytes padded(std::string_view text) {
  Bytes out = Bytes().u32(static_cast<std::uint32_t>(text.size())).text(text);
  for (std::size_t i = text.size(); i % 4 != 0; ++i) out.u8(0);
  return out;
}

Bytes record(std::uint32_t format, const Bytes& body) {
  return Bytes().u32(format).u32(static_cast<std::uint32_t>(body.octets().size())).add(body);
}

Bytes uuid(std::uint8_t n) {
  Bytes out;
  for (int i = 0; i < 16; ++i) out.u8(n);
  return out;
}

Bytes mac(std::uint8_t first, std::uint8_t last) { return Bytes().u8(first).u8(0x54).u8(0).u8(0).u8(0).u8(last); }

Bytes host_description(std::string_view name, std::uint8_t n) {
  return record(2000, Bytes().add(padded(name)).add(uuid(n)).u32(3).u32(2).add(padded("6.1")));
}

Bytes virtual_node() { return record(2100, Bytes().u32(2400).u32(8).u64(1U << 30).u64(1U << 29).u32(2)); }

Bytes adapters(std::initializer_list<std::pair<std::uint32_t, Bytes>> list) {
  Bytes body = Bytes().u32(static_cast<std::uint32_t>(list.size()));
  for (const auto& [if_index, address] : list) body.u32(if_index).u32(1).add(address).u16(0);
  return record(2001, body);
}

Bytes interface_counters(std::uint32_t if_index, std::uint64_t in_octets, std::uint32_t in_packets, std::uint64_t out_octets,
                         std::uint32_t out_packets) {
  return record(1, Bytes()
                       .u32(if_index)
                       .u32(6)
                       .u64(1'000'000'000)
                       .u32(1)
                       .u32(3)
                       .u64(in_octets)
                       .u32(in_packets)
                       .u32(0xFFFF'FFFF)
                       .u32(0xFFFF'FFFF)
                       .u32(1)
                       .u32(2)
                       .u32(0)
                       .u64(out_octets)
                       .u32(out_packets)
                       .u32(0)
                       .u32(0)
                       .u32(3)
                       .u32(4)
                       .u32(0));
}

// One sFlow agent with its sequence numbers.
class Agent {
 public:
  Agent(SflowIntake& intake, const IpAddress& address, std::uint32_t sub_agent, bool sent_here = false)
      : intake_(intake), address_(address), sub_agent_(sub_agent), sent_here_(sent_here) {}

  void counters(std::uint32_t source, std::initializer_list<Bytes> records, Nanoseconds now = kNow) {
    Bytes body = Bytes().u32(++samples_).u32(source).u32(static_cast<std::uint32_t>(records.size()));
    for (const Bytes& r : records) body.add(r);
    send(2, body, now);
  }

  // A frame of 100 octets from one MAC to another, seen between two ports, one of ten.
  void packet(std::uint32_t input, std::uint32_t output, const Bytes& from, const Bytes& to, Nanoseconds now = kNow) {
    Bytes frame = Bytes().add(to).add(from).u16(0x0800);
    frame.u8(0x45).u8(0).u16(86).u32(0).u8(64).u8(17).u16(0).u32(0x0A000001).u32(0x0A000002).u16(5000).u16(53).u16(66).u16(0).u16(0);
    const Bytes header = record(1, Bytes().u32(1).u32(104).u32(4).u32(static_cast<std::uint32_t>(frame.octets().size())).add(frame));
    ++packets_;
    send(1, Bytes().u32(packets_).u32(input).u32(10).u32(packets_ * 10).u32(0).u32(input).u32(output).u32(1).add(header), now);
  }

 private:
  void send(std::uint32_t format, const Bytes& sample, Nanoseconds now) {
    Bytes datagram = Bytes().u32(5).u32(1);
    for (std::size_t i = 0; i < 4; ++i) datagram.u8(address_.octets[i]);
    datagram.u32(sub_agent_).u32(++sequence_).u32(1000).u32(1);
    datagram.add(record(format, sample));
    intake_.take(datagram.octets(), address_, sent_here_, now);
  }

  SflowIntake& intake_;
  IpAddress address_;
  std::uint32_t sub_agent_, sequence_{0}, samples_{0}, packets_{0};
  bool sent_here_;
};

const Bytes kWeb = mac(0x52, 1), kDb = mac(0x52, 2), kOutside = mac(0x00, 9);

class DescribedHostTest : public testing::Test {
 protected:
  // hsflowd names two VMs, one of them with a port that it knows by the tap's MAC.
  void describe(Nanoseconds now = kNow) {
    hsflowd_.counters(0x0200'0001, {host_description("hv-2", 0x99), adapters({{7, mac(0xFE, 1)}, {2, mac(0x02, 0)}}), virtual_node()}, now);
    const Bytes parent = record(2002, Bytes().u32(2).u32(1));
    hsflowd_.counters(0x0300'0001,
                      {host_description("web", 0x11), adapters({{0, kWeb}}), parent, record(2101, Bytes().u32(1).u32(5000).u32(2)),
                       record(2102, Bytes().u64(1U << 30).u64(1U << 31))},
                      now);
    hsflowd_.counters(0x0300'0002, {host_description("db", 0x22), adapters({{0, kDb}}), parent, record(2101, Bytes().u32(3).u32(7).u32(1))},
                      now);
  }
  const DescribedHost& host() { return *intake_.host(kAgent); }

  SflowIntake intake_{{}};
  Agent hsflowd_{intake_, kAgent, 100'000}, ovs_{intake_, kAgent, 0}, tor_{intake_, kSwitch, 0};
};

TEST_F(DescribedHostTest, VmsAreThoseThatItsAgentDescribes) {
  describe();
  intake_.tick(kNow, {});
  ASSERT_NE(intake_.host(kAgent), nullptr);
  EXPECT_EQ(host().name(), "hv-2");
  const Inventory& inventory = *host().inventory();
  ASSERT_EQ(inventory.domains.size(), 2U);
  Domain web;
  web.uuid.octets.fill(0x11);
  web.name = "web";
  web.connection = "sflow:10.0.0.2";
  web.hypervisor = "sFlow";
  web.os_type = "6.1";
  web.state = DomainState::kRunning;
  web.vcpus = 2;
  web.memory_kib = 1 << 20;
  web.memory_max_kib = 2 << 20;
  web.vnics.resize(1);
  web.vnics[0].mac = {{0x52, 0x54, 0, 0, 0, 1}};
  EXPECT_EQ(inventory.domains[0], web);
  EXPECT_EQ(inventory.domains[1].state, DomainState::kPaused);
  EXPECT_EQ(host().numbers(), (std::vector<DomainNumbers>{{5'000'000'000, kNow}, {7'000'000, kNow}}));
}

TEST_F(DescribedHostTest, CpuTimeGoesOnWhere32BitsOfMillisecondsEnd) {
  const auto told = [&](std::uint32_t ms) {
    hsflowd_.counters(0x0300'0001, {host_description("web", 0x11), adapters({{0, kWeb}}), record(2101, Bytes().u32(1).u32(ms).u32(2))});
    intake_.tick(kNow, {});
    return host().numbers()[0].cpu_time_ns.value_or(0) / 1'000'000;
  };
  EXPECT_EQ(told(0xFFFF'FF00), 0xFFFF'FF00U);
  EXPECT_EQ(told(0x100), 0x1'0000'0100U);
  EXPECT_EQ(told(0x200), 0x1'0000'0200U);
  EXPECT_EQ(told(0x80), 0x80U) << "started again";
}

TEST_F(DescribedHostTest, CountersAreThoseOfThePortWhoseMacIsTheTaps) {
  describe();
  ovs_.counters(7, {interface_counters(7, 1000, 10, 2000, 20), record(1005, padded("vnet0"))});
  intake_.tick(kNow, {});
  const VnicTotals& web = host().totals()[0];
  EXPECT_EQ(web.total, (MetricTotals{2000, 20, 4, 3, 1000, 10, 2, 1})) << "in is what the guest sent";
  EXPECT_EQ(web.if_index, 7U);
  EXPECT_EQ(host().inventory()->domains[0].vnics[0].tap, "vnet0");
  intake_.tick(kNow + 10 * kSecond, {});
  EXPECT_EQ(host().totals()[0].age, kHeld) << "no counter sample came";
  // 32 bits of packets wrap, and octets go on.
  ovs_.counters(7, {interface_counters(7, 5000, 4, 2000, 20)}, kNow + 20 * kSecond);
  intake_.tick(kNow + 20 * kSecond, {});
  EXPECT_EQ(host().totals()[0].total[kTxOctets], 5000U);
  EXPECT_EQ(host().totals()[0].total[kTxPackets], (std::uint64_t{1} << 32) + 4);
  EXPECT_EQ(host().totals()[1], VnicTotals{}) << "no port of db's is known";
}

TEST_F(DescribedHostTest, AnotherPortIsThatWhereMostOfItsPacketsComeFrom) {
  describe();
  intake_.tick(kNow, {});
  for (int i = 0; i < 20; ++i) ovs_.packet(8, 2, kDb, kOutside);
  for (int i = 0; i < 5; ++i) ovs_.packet(9, 2, kDb, kOutside);  // somebody who sends from db's address, now and then
  ovs_.counters(8, {interface_counters(8, 100, 1, 200, 2)});
  intake_.tick(kNow, {});
  intake_.tick(kNow, {});
  EXPECT_EQ(host().totals()[1].total[kTxOctets], 100U);
  ovs_.packet(8, 2, kDb, kOutside);
  EXPECT_EQ(host().flows().flows(1).elected[1].by, AttributedBy::kPort);
}

TEST_F(DescribedHostTest, TwoPortsWithOneMacAreNobodys) {
  describe();
  intake_.tick(kNow, {});
  for (int i = 0; i < 20; ++i) ovs_.packet(8, 2, kDb, kOutside);
  for (int i = 0; i < 40; ++i) ovs_.packet(9, 2, kDb, kOutside);  // more than db itself
  ovs_.counters(8, {interface_counters(8, 100, 1, 200, 2)});
  ovs_.counters(9, {interface_counters(9, 300, 3, 400, 4)});
  intake_.tick(kNow, {});
  intake_.tick(kNow, {});
  EXPECT_EQ(host().totals()[1], VnicTotals{});
}

TEST_F(DescribedHostTest, AVmThatIsStartedAgainHasItsNewPort) {
  describe();
  intake_.tick(kNow, {});
  for (int i = 0; i < 1000; ++i) ovs_.packet(8, 2, kDb, kOutside);
  intake_.tick(kNow, {});
  const Nanoseconds later = kNow + 170 * kSecond;
  describe(later);
  for (int i = 0; i < 10; ++i) ovs_.packet(31, 2, kDb, kOutside, later);
  intake_.tick(kNow + 200 * kSecond, {});  // port 8 has been silent for so long
  ovs_.counters(31, {interface_counters(31, 100, 1, 200, 2)}, kNow + 201 * kSecond);
  intake_.tick(kNow + 202 * kSecond, {});
  EXPECT_EQ(host().totals()[1].total[kTxOctets], 100U);
}

// Two agents of one host tell of one port, the one from what it knew a moment ago.
TEST_F(DescribedHostTest, OlderCountersAreNoNewBeginning) {
  describe();
  ovs_.counters(7, {interface_counters(7, 1000, 10, 2000, 20)});
  intake_.tick(kNow, {});
  hsflowd_.counters(7, {interface_counters(7, 990, 9, 1990, 19)});
  intake_.tick(kNow + kSecond, {});
  EXPECT_EQ(host().totals()[0].total[kTxOctets], 1000U);
  ovs_.counters(7, {interface_counters(7, 10, 1, 20, 2)}, kNow + 2 * kSecond);  // the link was made anew
  intake_.tick(kNow + 2 * kSecond, {});
  EXPECT_EQ(host().totals()[0].total[kTxOctets], 1010U);
  EXPECT_EQ(host().totals()[0].discontinuity_boottime, kNow + 2 * kSecond);
}

TEST_F(DescribedHostTest, WhatIsDescribedIsBounded) {
  SflowIntakeOptions options;
  options.max_described_vnics = 2;
  options.max_hosts = 1;
  SflowIntake intake(options);
  Agent agent(intake, kAgent, 100'000);
  agent.counters(0x0300'0001, {host_description("one", 1), adapters({{0, kWeb}, {0, kDb}})});
  agent.counters(0x0300'0002, {host_description("two", 2), adapters({{0, kOutside}})});
  intake.tick(kNow, {});
  EXPECT_EQ(intake.host(kAgent)->inventory()->domains.size(), 1U);
  EXPECT_EQ(intake.refused(), (SflowRefusals{.guests = 1}));
  Agent other(intake, kSwitch, 0);
  for (int i = 0; i < 3; ++i) other.counters(0x0300'0001, {host_description("three", 3)});
  EXPECT_EQ(intake.refused(), (SflowRefusals{.hosts = 3, .guests = 1}));
  agent.counters(0x0300'0001, {host_description("one", 1), adapters({{0, kWeb}})});  // makes room
  agent.counters(0x0300'0002, {host_description("two", 2), adapters({{0, kOutside}})});
  intake.tick(kNow, {});
  EXPECT_EQ(intake.host(kAgent)->inventory()->domains.size(), 2U);
  intake.tick(kNow + 3601 * kSecond, {});
  EXPECT_EQ(intake.hosts().size(), 0U);
  EXPECT_EQ(intake.refused(), (SflowRefusals{.hosts = 3, .guests = 1})) << "a count of what happened stays";
}

// A sender elsewhere that names this host's agent as itself.
TEST_F(DescribedHostTest, NobodyElsewhereIsTakenForThisHostsAgent) {
  SflowIntake intake{{}};
  Agent impostor(intake, kAgent, 0);
  impostor.counters(0x0200'0001, {host_description("evil", 0x66), virtual_node()});
  EXPECT_EQ(intake.agents().size(), 1U);
  Agent own(intake, kAgent, 0, true);
  own.packet(1, 2, kWeb, kOutside);
  intake.tick(kNow, {});
  EXPECT_EQ(intake.agents().size(), 2U);
  EXPECT_EQ(intake.host(kAgent)->flows().counts().samples, 0U);
  EXPECT_EQ(intake.ledger().counts().samples, 1U);
}

TEST_F(DescribedHostTest, ASwitchInBetweenTellsOfItsVmsByTheirMacs) {
  describe();
  intake_.tick(kNow, {});
  tor_.packet(1, 2, kWeb, kOutside);
  tor_.packet(1, 2, kOutside, mac(0x00, 8));
  EXPECT_EQ(host().flows().flows(0).all.total(Direction::kTx).samples, 1U);
  EXPECT_EQ(host().flows().flows(0).elected[1].by, AttributedBy::kOuterMac);
  EXPECT_EQ(host().flows().counts().unattributed_packets, 0) << "what passes a switch is not all the host's";
}

// What any server's hsflowd says, and a switch's that runs it.
TEST_F(DescribedHostTest, AHostWithoutVmsIsNone) {
  describe();
  hsflowd_.counters(0x0200'0001, {host_description("hv-2", 0x99)});
  Agent server(intake_, kSwitch, 100'000);
  server.counters(0x0200'0001, {host_description("tor", 0x77), adapters({{1, mac(0x02, 7)}})});
  EXPECT_EQ(intake_.hosts().size(), 1U);
  server.counters(0x0200'0001, {host_description("tor", 0x77), virtual_node()});
  intake_.tick(kNow, {});
  EXPECT_EQ(intake_.hosts().size(), 2U);
  tor_.packet(1, 2, kWeb, kOutside);
  EXPECT_EQ(host().flows().flows(0).all.total(Direction::kTx).samples, 1U)
      << "a switch that calls itself a hypervisor still sees the others";
}

TEST_F(DescribedHostTest, AddressesAreThoseThatItsVmsSendFrom) {
  describe();
  intake_.tick(kNow, {});
  for (int twice = 0; twice < 2; ++twice) ovs_.packet(7, 2, kWeb, kOutside);
  intake_.tick(kNow + 10 * kSecond, {});
  EXPECT_EQ(host().inventory()->domains[0].vnics[0].addresses, std::vector<std::string>{})
      << "seldom, as each change makes the inventory anew";
  describe(kNow + 60 * kSecond);
  intake_.tick(kNow + 60 * kSecond, {});
  EXPECT_EQ(host().inventory()->domains[0].vnics[0].addresses, std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(host().inventory()->domains[1].vnics[0].addresses, std::vector<std::string>{});
  const std::uint64_t generation = host().generation();
  intake_.tick(kNow + 120 * kSecond, {});
  EXPECT_EQ(host().generation(), generation);
}

TEST_F(DescribedHostTest, ItsViewHasItsOwnAgents) {
  describe();
  intake_.tick(kNow, {});
  ovs_.packet(7, 2, kWeb, kOutside);
  tor_.packet(1, 2, kDb, kOutside);
  const SflowIntake* const intakes[] = {&intake_};
  const SflowView view = sflow_view(intakes, {}, kNow, 10);
  ASSERT_EQ(view.hosts.size(), 1U);
  const HostView& host = view.hosts[0];
  ASSERT_EQ(host.agents.size(), 2U);
  EXPECT_EQ(host.agents[0].sub_agent, 0U);
  EXPECT_EQ(host.agents[1].sub_agent, 100'000U);
  ASSERT_EQ(host.flows.vnics.size(), 2U);
  EXPECT_EQ(host.flows.vnics[0].tx_agent, 1U) << "the switch on the host";
  EXPECT_EQ(host.flows.vnics[1].tx_agent, 0U) << "a switch that is not on it";
}

TEST_F(DescribedHostTest, VmsThatAreNoLongerDescribedGo) {
  describe();
  intake_.tick(kNow, {});
  hsflowd_.counters(0x0300'0001, {host_description("web", 0x11), adapters({{0, kWeb}})}, kNow + 100 * kSecond);
  intake_.tick(kNow + 181 * kSecond, {});
  ASSERT_EQ(host().inventory()->domains.size(), 1U);
  EXPECT_EQ(host().inventory()->domains[0].name, "web");
  intake_.tick(kNow + 2 * 3600 * kSecond, {});
  EXPECT_EQ(intake_.host(kAgent), nullptr) << "its agents are forgotten";
}

TEST_F(DescribedHostTest, ThisHostIsLibvirts) {
  SflowIntakeOptions options;
  options.local_agents = {*IpNetwork::parse("10.0.0.2")};
  SflowIntake intake(options);
  Agent agent(intake, kAgent, 100'000);
  agent.counters(0x0200'0001, {host_description("here", 0x99), virtual_node()});
  EXPECT_EQ(intake.host(kAgent), nullptr);
  options.hosts = SflowIntakeOptions::Hosts::kAll;
  SflowIntake all(options);
  Agent same(all, kAgent, 100'000);
  same.counters(0x0200'0001, {host_description("here", 0x99), virtual_node()});
  EXPECT_NE(all.host(kAgent), nullptr);
}

}  // namespace
}  // namespace vmtraffic
