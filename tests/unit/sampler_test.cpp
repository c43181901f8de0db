// What the sampler makes of a history while libvirt is away, with a clock of ours.
#include "core/sampler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "core/probes/libvirt_connection.hpp"
#include "tests/unit/sflow_fixture.hpp"
#include "tests/unit/udp_socket.hpp"

namespace vmtraffic {
namespace {

constexpr const char* kNowhere = "qemu+unix:///system?socket=/nowhere/libvirt-sock-ro";
constexpr Nanoseconds kBegin = 1000 * kSecond;

Domain domain_with(VnicType type) {
  Domain d;
  d.uuid.octets[0] = static_cast<std::uint8_t>(type);
  d.connection = kNowhere;
  d.state = DomainState::kRunning;
  Vnic v;
  v.mac.octets = {0x52, 0x54, 0, 0, 0, static_cast<std::uint8_t>(type)};
  v.type = type;
  v.addresses = {"10.255.0.1", "10.255.0.2"};
  d.vnics.push_back(v);
  return d;
}

// Another collector's last word: a vNIC on a tap, and one of vhost-user, held since its reading of `age` before.
std::vector<std::byte> last_word(ReadingAge age) {
  SnapshotContent c;
  c.header.sequence = 7;
  c.header.inventory_generation = 3;
  c.header.sampled_boottime = kBegin;
  c.header.interval = 10 * kSecond;
  c.inventory.domains = {domain_with(VnicType::kBridge), domain_with(VnicType::kVhostUser)};
  c.numbers.domains.resize(2);
  c.numbers.totals.resize(2);
  for (auto& rates : c.numbers.rates) rates.resize(2);
  for (VnicTotals& t : c.numbers.totals) t.total[kRxOctets] = 5000, t.present = t.seen = 1;
  c.numbers.totals[0].if_index = 2'000'000'000;
  c.numbers.totals[1].age = age;
  return encode(c);
}

class SamplerWithoutLibvirt : public ::testing::Test {
 protected:
  void begin(ReadingAge age, const SflowConfig& sflow = {}) {
    const auto before = Snapshot::parse(last_word(age));
    ASSERT_TRUE(before.ok()) << before.error().text;
    history_.follow(*before);
    Config config;
    config.host = "hv";
    config.libvirt.uris = {kNowhere};
    config.sflow = sflow;
    Clock clock = system_clock();
    clock.boottime = [now = now_] { return now->load(); };  // the probe's thread may outlive us
    sampler_ = std::make_unique<Sampler>(Sampler::Options{config, "test", {}, clock}, history_);
  }
  void TearDown() override {
    sampler_->stop(std::chrono::seconds(5));
    stop_libvirt_event_loop();
  }
  Snapshot sample(Nanoseconds at) {
    *now_ = at;
    return Snapshot::parse(assemble(sampler_->sample({}))).value();
  }

  std::shared_ptr<std::atomic<Nanoseconds>> now_ = std::make_shared<std::atomic<Nanoseconds>>(kBegin + 10 * kSecond);
  History history_{10 * kSecond};
  std::unique_ptr<Sampler> sampler_;
};

const Counters kKnown{5000, std::nullopt, std::nullopt, std::nullopt};

TEST_F(SamplerWithoutLibvirt, HoldsVhostUserRowsForThreeOfTheirIntervals) {
  begin(kHeld);
  const Snapshot held = sample(kBegin + 20 * kSecond);
  EXPECT_EQ(held.vnic(0).rx, Counters{}) << "its tap is gone";
  EXPECT_EQ(held.vnic(1).rx, kKnown);
  EXPECT_EQ(held.rates(1, Window::kInterval), WindowRates{});
  EXPECT_EQ(sample(kBegin + 190 * kSecond).vnic(1).rx, kKnown);  // three minutes after it began itself: nobody says when the reading was
  EXPECT_EQ(sample(kBegin + 200 * kSecond).vnic(1).rx, Counters{});
  EXPECT_EQ(history_.ledger.totals()[1].total[kRxOctets], 5000u) << "what it counted is kept";
}

TEST_F(SamplerWithoutLibvirt, KeepsTheAddressesThatWereKnown) {
  begin(kHeld);
  for (Nanoseconds minute = 1; minute < 10; ++minute) {
    const Snapshot s = sample(kBegin + 60 * minute * kSecond);
    ASSERT_EQ(s.vnic(0).addresses.size(), 2u);
    EXPECT_EQ(s.vnic(0).addresses[0], "10.255.0.1");
    EXPECT_EQ(s.info().inventory_generation, 3u);
    EXPECT_EQ(s.event_count(), 0u);
  }
}

std::vector<std::string_view> addresses_of(const Snapshot& s, std::size_t row) {
  const auto all = s.vnic(row).addresses;
  return {all.begin(), all.end()};
}

TEST_F(SamplerWithoutLibvirt, WithoutSflowThereAreNoFlows) {
  begin(kHeld);
  const Snapshot s = sample(kBegin + 20 * kSecond);
  EXPECT_EQ(s.flows(), std::nullopt);
  EXPECT_EQ(s.vnic_flows(0), std::nullopt);
  EXPECT_EQ(s.agent_count(), 0u);
  EXPECT_EQ(s.health_count(), 3u) << "ours, the link counters', libvirt's";
}

TEST_F(SamplerWithoutLibvirt, WithSflowSnapshotsHaveFlowsAgentsAndLearntAddresses) {
  SflowConfig sflow;
  sflow.enabled = true;
  sflow.listen = {sflow_test::kLoopback4};
  sflow.port = sflow_test::UdpSocket(sflow_test::kLoopback4).port();
  begin(kHeld, sflow);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!sampler_->settled() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const Snapshot none = sample(kBegin + 20 * kSecond);
  ASSERT_TRUE(none.flows());
  EXPECT_EQ(none.flows()->samples, 0u);
  EXPECT_EQ(none.agent_count(), 0u);
  ASSERT_EQ(none.health_count(), 4u);
  EXPECT_EQ(none.health(3).name, "sflow");
  EXPECT_EQ(none.health(3).state, HealthState::kUp);

  sflow_test::TestAgent agent;
  const sflow_test::UdpSocket socket(sflow_test::kLoopback4);
  const auto from = 0x525400000000 + static_cast<std::uint64_t>(VnicType::kBridge);
  for (int i = 0; i < 3; ++i)
    socket.send(sflow.port, agent.datagram({agent.flow(0, 0, {sflow_test::header_record(sflow_test::tcp_frame({.from = from}))})}));
  Snapshot s = sample(kBegin + 30 * kSecond);
  for (Nanoseconds later = 31; s.flows()->samples < 3 && std::chrono::steady_clock::now() < deadline; ++later) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    s = sample(kBegin + 30 * kSecond + later * kSecond / 1000);
  }
  EXPECT_EQ(s.flows()->samples, 3u);
  ASSERT_TRUE(s.vnic_flows(0));
  EXPECT_EQ(s.vnic_flows(0)->all.tx.total.samples, 3u);
  EXPECT_EQ(s.vnic_flows(0)->tx_agent, std::optional<std::size_t>(0));
  ASSERT_EQ(s.conversation_count(), 1u);
  EXPECT_EQ(s.conversation(0).address.text(), "192.0.2.9");
  ASSERT_EQ(s.agent_count(), 1u);
  EXPECT_EQ(s.agent(0).address, "127.0.0.1");
  EXPECT_EQ(s.agent(0).datagrams, 3u);
  EXPECT_EQ(s.info().inventory_generation, 3u);

  // When the host's own tables are read again.
  s = sample(kBegin + 100 * kSecond);
  EXPECT_EQ(addresses_of(s, 0), (std::vector<std::string_view>{"10.0.0.1", "10.255.0.1", "10.255.0.2"}));
  EXPECT_EQ(s.info().inventory_generation, 4u);
  s = sample(kBegin + 110 * kSecond);
  EXPECT_EQ(s.vnic_flows(0)->all.tx.total.samples, 3u) << "the same vNIC in another generation";
  EXPECT_EQ(s.info().inventory_generation, 4u);
}

}  // namespace
}  // namespace vmtraffic
