// Datagrams in, agents out: who is listened to, what got lost on the way, how many packets a sample stands for, what is bounded.
#include "core/traffic/sflow_intake.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "tests/unit/sflow_fixture.hpp"
#include "tests/unit/wire_allocations.hpp"

namespace vmtraffic {
namespace {

using namespace sflow_test;

const IpAddress kLoopback = *IpAddress::parse("127.0.0.1");

class SflowIntakeTest : public testing::Test {
 protected:
  explicit SflowIntakeTest(SflowIntakeOptions options = {}) { begin(std::move(options)); }
  void begin(SflowIntakeOptions options) {
    intake_ = std::make_unique<SflowIntake>(std::move(options));
    intake_->set_inventory(machines(3), kLinks);
  }
  void give(const Bytes& datagram, bool here = true, const IpAddress& sender = kLoopback) {
    intake_->take(datagram.octets(), sender, here, now_);
  }
  // Two ticks later, when what is missing is believed to be lost.
  void settle() {
    intake_->tick(now_, {});
    intake_->tick(now_, {});
  }
  std::map<std::string, std::uint64_t> counters(const std::vector<std::string>& names) const {
    std::map<std::string, std::uint64_t> out;
    for (const auto& [name, value] : intake_->counters()) {
      if (std::find(names.begin(), names.end(), name) != names.end()) out[name] = value;
    }
    return out;
  }
  using Counters = std::map<std::string, std::uint64_t>;
  SampleSums sent(std::size_t row) const { return intake_->ledger().flows(row).all.total(Direction::kTx); }
  // Of the agent `agent_`, as if all had gone well with one data source.
  AgentStatus well(std::uint64_t datagrams) const {
    AgentStatus s;
    s.address = "127.0.0.1";
    s.sender = "127.0.0.1";
    s.local = true;
    s.first = kBegin;
    s.last = now_;
    s.uptime_ms = agent_.uptime_ms;
    s.datagrams = s.samples = datagrams;
    s.data_sources = 1;
    s.sampling_rate = 100;
    s.stated_rate = 100;
    return s;
  }

  static constexpr Nanoseconds kBegin = 1000 * kSecond;
  Nanoseconds now_{kBegin};
  TestAgent agent_;
  std::unique_ptr<SflowIntake> intake_;
};

TEST_F(SflowIntakeTest, AgentsAndTheirSubAgentsAreKeptApart) {
  TestAgent sub{.sub_agent = 7}, other{.address = 0x0A0A0A0A};
  for (int i = 0; i < 3; ++i) give(agent_.next());
  give(sub.next());
  now_ += kSecond;
  give(other.next(), false, *IpAddress::parse("10.9.9.9"));
  AgentStatus second = well(1), third = well(1);
  second.sub_agent = 7;
  second.last = kBegin;
  second.uptime_ms = third.uptime_ms = 1100;
  third.address = "10.10.10.10";
  third.sender = "10.9.9.9";
  third.local = false;
  third.first = now_;
  AgentStatus first = well(3);
  first.last = kBegin;
  EXPECT_EQ(intake_->agents(), (std::vector{first, second, third}));
  EXPECT_EQ(counters({"datagrams_lost", "agents", "data_sources"}), (Counters{{"datagrams_lost", 0}, {"agents", 3}, {"data_sources", 3}}));
}

TEST_F(SflowIntakeTest, AgentsThatAreNotConfiguredAreNotListenedTo) {
  begin({.agents = {*IpNetwork::parse("127.0.0.0/8")}});
  TestAgent stranger{.address = 0x0A000001};
  give(stranger.next());
  give(agent_.next());
  EXPECT_EQ(intake_->agents(), std::vector{well(1)});
  EXPECT_EQ(counters({"agents_denied", "flow_samples"}), (Counters{{"agents_denied", 1}, {"flow_samples", 1}}));
}

TEST_F(SflowIntakeTest, PortsAreOursWhereTheAgentIsOnThisHost) {
  give(agent_.next(), true);
  give(agent_.next(), false);
  EXPECT_EQ(counters({"attributed_by_port", "not_elected"}), (Counters{{"attributed_by_port", 1}, {"not_elected", 1}}));
  begin({.local_agents = {*IpNetwork::parse("10.10.10.10")}});
  TestAgent listed{.address = 0x0A0A0A0A};
  give(listed.next(), false);
  EXPECT_EQ(counters({"attributed_by_port", "attributed_by_outer_mac"}),
            (Counters{{"attributed_by_port", 1}, {"attributed_by_outer_mac", 0}}));
  begin({.local_agents = {*IpNetwork::parse("10.10.10.10")}});
  give(agent_.next(), true);
  EXPECT_EQ(counters({"attributed_by_port", "attributed_by_outer_mac"}),
            (Counters{{"attributed_by_port", 0}, {"attributed_by_outer_mac", 1}}));
}

TEST_F(SflowIntakeTest, CountsGapsAndUsesLateDatagramsAndNothingOfADuplicate) {
  std::vector<Bytes> datagrams;
  for (int i = 0; i < 6; ++i) datagrams.push_back(agent_.next());
  for (const std::size_t i : {0U, 1U, 1U, 5U, 2U, 5U, 2U}) give(datagrams[i]);
  settle();
  AgentStatus expected = well(4);
  expected.lost = expected.samples_lost = 2;
  expected.late = 1;
  expected.duplicates = 3;
  expected.sampling_rate = intake_->agents()[0].sampling_rate;
  EXPECT_EQ(intake_->agents(), std::vector{expected});
  EXPECT_EQ(sent(0).samples, 4U);
  EXPECT_NEAR(sent(0).packets, 420, 20) << "six hundred packets were, of which four samples tell";
  EXPECT_EQ(counters({"datagrams_lost", "datagrams_duplicate", "datagrams", "flow_samples"}),
            (Counters{{"datagrams_lost", 2}, {"datagrams_duplicate", 3}, {"datagrams", 7}, {"flow_samples", 4}}));
}

// As SNMP's Counter64 and a check's perfdata show them.
TEST_F(SflowIntakeTest, LossesThatWerePublishedAreNeverTakenBack) {
  using Losses = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;
  const auto published = [&] {
    const AgentStatus s = intake_->agents()[0];
    return Losses{s.lost, s.samples_lost, counters({"datagrams_lost"})["datagrams_lost"]};
  };
  std::vector<Bytes> datagrams;
  for (int i = 0; i < 6; ++i) datagrams.push_back(agent_.next());
  give(datagrams[0]);
  give(datagrams[3]);
  intake_->tick(now_, {});
  EXPECT_EQ(published(), (Losses{0, 0, 0}));
  give(datagrams[2]);
  intake_->tick(now_, {});
  EXPECT_EQ(published(), (Losses{1, 1, 1}));
  give(datagrams[1]);
  EXPECT_EQ(published(), (Losses{1, 1, 1})) << "came after all";
  give(datagrams[5]);
  settle();
  EXPECT_EQ(published(), (Losses{2, 2, 2}));
  now_ += 3601 * kSecond;
  intake_->tick(now_, {});
  EXPECT_EQ(counters({"datagrams_lost", "agents"}), (Counters{{"datagrams_lost", 2}, {"agents", 0}}));
}

TEST_F(SflowIntakeTest, ARestartSoonAfterTheStartSwallowsNothing) {
  agent_ = {.uptime_ms = 0, .step_ms = 1000};
  for (int i = 0; i < 3; ++i) now_ += kSecond, give(agent_.next());
  agent_ = {.uptime_ms = 0, .step_ms = 1000};
  for (int i = 0; i < 5; ++i) now_ += kSecond, give(agent_.next());
  AgentStatus expected = well(8);
  expected.first = kBegin + kSecond;
  expected.restarts = 1;
  EXPECT_EQ(intake_->agents(), std::vector{expected});
  EXPECT_EQ(sent(0).samples, 8U);
  EXPECT_EQ(counters({"datagrams_lost", "datagrams_duplicate", "agent_restarts", "data_sources"}),
            (Counters{{"datagrams_lost", 0}, {"datagrams_duplicate", 0}, {"agent_restarts", 1}, {"data_sources", 1}}));
}

TEST_F(SflowIntakeTest, AnUptimeThatWrapsIsNoRestart) {
  agent_.uptime_ms = 0xFFFF'FF00;
  for (int i = 0; i < 5; ++i) give(agent_.next());
  EXPECT_EQ(agent_.uptime_ms, 244U);
  EXPECT_EQ(intake_->agents(), std::vector{well(5)});
}

TEST_F(SflowIntakeTest, GapsOfSamplesAreCountedForEachDataSource) {
  const auto from = [&](std::uint32_t source, std::uint32_t sequence) {
    return wire_test::flow_sample({.sequence = sequence, .source_class = 0, .source_index = source, .rate = 100, .pool = 100 * sequence},
                                  {header_record(tcp_frame())});
  };
  give(agent_.datagram({from(3, 1), from(4, 500), from(3, 2)}));
  give(agent_.datagram({from(3, 5), from(4, 501)}));
  settle();
  AgentStatus expected = well(2);
  expected.samples = 5;
  expected.samples_lost = 2;
  expected.data_sources = 2;
  expected.sampling_rate = intake_->agents()[0].sampling_rate;
  EXPECT_EQ(intake_->agents(), std::vector{expected});
}

TEST_F(SflowIntakeTest, ASampleStandsForWhatThePoolGrewNotForTheStatedRate) {
  for (int i = 0; i < 1000; ++i) give(agent_.datagram({agent_.flow(11, 2, {header_record(tcp_frame())}, 250)}));
  EXPECT_NEAR(sent(0).packets, 250'000, 250'000 * 0.011) << "the stated rate counts for the first few";
  EXPECT_DOUBLE_EQ(intake_->agents()[0].sampling_rate, sent(0).packets / 1000);
  EXPECT_EQ(intake_->agents()[0].stated_rate, 100U);
}

TEST_F(SflowIntakeTest, ADataSourceThatBeginsAnewTakesNothingOfItsPastAlong) {
  for (int i = 0; i < 2000; ++i) give(agent_.next());
  EXPECT_DOUBLE_EQ(sent(0).packets, 200'000);
  agent_.sample = agent_.pool = 0;  // while the agent's own uptime runs on
  for (int i = 0; i < 100; ++i) give(agent_.next());
  EXPECT_DOUBLE_EQ(sent(0).packets, 210'000);
  EXPECT_EQ(intake_->agents()[0].samples_lost, 0U);
}

// What passed while nothing came is nobody's: not of those that are sampled after it.
TEST_F(SflowIntakeTest, AfterAnOutageSamplesStandForWhatTheySawAlone) {
  for (int i = 0; i < 1000; ++i) give(agent_.next());
  EXPECT_DOUBLE_EQ(sent(0).packets, 100'000);
  for (int i = 0; i < 300; ++i) (void)agent_.next();
  for (int i = 0; i < 100; ++i) give(agent_.next());
  EXPECT_DOUBLE_EQ(sent(0).packets, 110'000) << "three hundred in a row";
  settle();
  EXPECT_EQ(intake_->agents()[0].samples_lost, 300U);
  for (int i = 0; i < 50; ++i) (void)agent_.next();
  now_ += 61 * kSecond;
  for (int i = 0; i < 100; ++i) give(agent_.next());
  EXPECT_DOUBLE_EQ(sent(0).packets, 120'000) << "few, but it was long";
  now_ += 61 * kSecond;
  for (int i = 0; i < 50; ++i) (void)agent_.flow(11, 2, {});  // its pool grows, nothing is lost
  agent_.sample -= 50;
  for (int i = 0; i < 600; ++i) give(agent_.next());
  EXPECT_GT(sent(0).packets, 183'000) << "a quiet time is no outage: what the pool grew by counts";
}

TEST_F(SflowIntakeTest, AnAgentElsewhereThatCallsItselfLoopbackIsKnownByItsSender) {
  TestAgent one, two;
  const IpAddress hv1 = *IpAddress::parse("10.0.0.11"), hv2 = *IpAddress::parse("10.0.0.12");
  for (int i = 0; i < 3; ++i) give(one.next(), false, hv1), give(two.next(), false, hv2);
  const auto agents = intake_->agents();
  ASSERT_EQ(agents.size(), 2U);
  EXPECT_EQ(agents[0].address, "10.0.0.11");
  EXPECT_EQ(agents[1].address, "10.0.0.12");
  EXPECT_EQ(agents[0].datagrams + agents[1].datagrams, 6U);
  EXPECT_EQ(agents[0].lost + agents[0].restarts + agents[0].duplicates, 0U);
}

TEST_F(SflowIntakeTest, WhatIsSampledWhereItLeavesIsToldFromWhereItCameIn) {
  const auto from_port = [&](std::uint32_t source) {
    return agent_.datagram({wire_test::flow_sample({.sequence = ++agent_.sample,
                                                    .source_class = 0,
                                                    .source_index = source,
                                                    .rate = 1,
                                                    .pool = agent_.sample,
                                                    .input = 11,
                                                    .output = 12},
                                                   {header_record(tcp_frame({.to = kMac2}))})});
  };
  for (int i = 0; i < 5; ++i) give(from_port(11)), give(from_port(12));
  EXPECT_EQ(sent(0).samples, 5U);
  EXPECT_EQ(intake_->ledger().flows(1).all.total(Direction::kRx).samples, 5U);
}

TEST_F(SflowIntakeTest, WhatTheAgentDroppedIsCountedOnceHoweverSamplesCome) {
  std::vector<Bytes> datagrams;
  for (const std::uint32_t drops : {0xFFFF'FFF0U, 0U, 4U, 10U}) {
    agent_.drops = drops;
    datagrams.push_back(agent_.next());
  }
  for (const std::size_t i : {0U, 2U, 1U, 3U}) give(datagrams[i]);
  AgentStatus expected = well(4);
  expected.late = 1;
  expected.agent_drops = 26;
  expected.sampling_rate = intake_->agents()[0].sampling_rate;
  EXPECT_EQ(intake_->agents(), std::vector{expected});
}

TEST_F(SflowIntakeTest, AgentsAndDataSourcesAreBounded) {
  begin({.max_agents = 2, .max_data_sources = 3});
  for (std::uint32_t a = 0; a < 5; ++a) {
    TestAgent agent{.sub_agent = a};
    std::vector<Bytes> samples{agent.flow(11, 2, {header_record(tcp_frame())})};
    for (std::uint32_t s = 0; s < 4; ++s) samples.push_back(wire_test::counter_sample(1, 0, s, {}));
    give(agent.datagram(samples));
  }
  EXPECT_EQ(counters({"agents", "agents_refused", "data_sources", "data_sources_refused"}),
            (Counters{{"agents", 2}, {"agents_refused", 3}, {"data_sources", 3}, {"data_sources_refused", 7}}));
}

TEST_F(SflowIntakeTest, AgentsThatAreSilentAreForgottenAndTheirNumberIsAnothers) {
  TestAgent other{.address = 0x0A0A0A0A};
  give(agent_.next());
  agent_.sequence += 3;
  give(agent_.next());
  now_ += 1800 * kSecond;
  give(other.next());
  now_ += 1801 * kSecond;
  intake_->tick(now_, {});
  EXPECT_EQ(intake_->agents()[0], AgentStatus{});
  EXPECT_EQ(intake_->ledger().flows(0).elected[1], (Election{2, AttributedBy::kPort, false, kBegin + 1800 * kSecond}));
  EXPECT_EQ(counters({"agents", "data_sources", "datagrams_lost"}), (Counters{{"agents", 1}, {"data_sources", 1}, {"datagrams_lost", 3}}));
  now_ += 1800 * kSecond;
  TestAgent third{.sub_agent = 9};
  give(third.next());
  intake_->tick(now_, {});
  EXPECT_EQ(intake_->agent_count(), 1U);
  ASSERT_EQ(intake_->agents().size(), 2U);
  EXPECT_EQ(intake_->agents()[0].sub_agent, 9U) << "the place of the first";
  EXPECT_EQ(intake_->ledger().flows(0).elected[1], (Election{1, AttributedBy::kPort, false, now_}));
}

TEST_F(SflowIntakeTest, AForgottenAgentIsElectedNoMore) {
  give(agent_.next());
  now_ += 3601 * kSecond;
  intake_->tick(now_, {});
  EXPECT_EQ(intake_->ledger().flows(0).elected, (std::array<Election, 2>{}));
}

// A tenth of the datagrams lost, another twice, all out of order: the lost are counted exactly, and the estimate keeps its promise.
TEST_F(SflowIntakeTest, ALongStreamOverABadNetwork) {
  std::mt19937 random(4);  // NOLINT(cert-msc51-cpp): the same run every time
  std::geometric_distribution<std::uint32_t> skip(1.0 / 100);
  std::vector<Bytes> arriving;
  double packets = 0, octets = 0;
  std::uint64_t lost = 0, doubled = 0;
  const int last = 20'000;
  agent_.step_ms = 10;
  for (int i = 0; i <= last; ++i) {
    const std::uint32_t between = skip(random) + 1;
    const std::size_t payload = random() % 10 < 6 ? 0 : 1400;
    packets += between;
    octets += between * (54 + 1400 * 0.4);
    const Bytes datagram = agent_.datagram({agent_.flow(11, 2, {header_record(tcp_frame({}, payload))}, between)});
    const auto fate = random() % 100;
    if (i != 0 && i != last && fate < 10) {
      ++lost;
      continue;
    }
    arriving.push_back(datagram);
    if (fate >= 90) arriving.push_back(datagram), ++doubled;
  }
  for (std::size_t i = 1; i + 21 < arriving.size(); i += 20)
    std::shuffle(arriving.begin() + static_cast<long>(i), arriving.begin() + static_cast<long>(i) + 20, random);
  for (const Bytes& datagram : arriving) {
    now_ += kSecond / 100;
    give(datagram);
    if (now_ % (10 * kSecond) == 0) intake_->tick(now_, {});
  }
  settle();
  const AgentStatus s = intake_->agents()[0];
  EXPECT_EQ(s.datagrams, last + 1 - lost);
  EXPECT_EQ(s.lost, lost);
  EXPECT_EQ(s.samples_lost, lost);
  EXPECT_EQ(s.duplicates, doubled);
  EXPECT_EQ(s.restarts, 0U);
  const Estimate e = estimate_of(sent(0));
  EXPECT_EQ(e.samples, s.datagrams);
  EXPECT_LE(std::abs(e.packets - packets), e.packets_error_95 * e.packets);
  EXPECT_LE(std::abs(e.octets - octets), e.octets_error_95 * e.octets);
}

TEST_F(SflowIntakeTest, AllocatesNothingInSteadyState) {
  std::vector<Bytes> datagrams;
  const Bytes tcp_info = wire_test::tagged(2209, Bytes().words({2, 1, 2, 3, 4, 5, 6, 700, 80, 9, 10, 600}));
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const Bytes record = header_record(tcp_frame({.dst = kThere + i % 50, .dport = 1000 + i % 20}));
    datagrams.push_back(agent_.datagram({agent_.flow(11, 12, {record, tcp_info}), wire_test::counter_sample(i, 0, 5, {}),
                                         wire_test::discarded_packet(258, {record}, {.sequence = i})}));
  }
  for (std::size_t i = 0; i < 1000; ++i) give(datagrams[i]);
  const std::size_t before = wire_test::allocations();
  for (std::size_t i = 1000; i < 2000; ++i) give(datagrams[i]);
  EXPECT_EQ(wire_test::allocations() - before, 0U);
  EXPECT_EQ(intake_->agents()[0].samples, 2000U);
}

}  // namespace
}  // namespace vmtraffic
