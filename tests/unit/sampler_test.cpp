// What the sampler makes of a history while libvirt is away, with a clock of ours.
#include "core/sampler.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>

#include "core/probes/libvirt_connection.hpp"

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
  void begin(ReadingAge age) {
    const auto before = Snapshot::parse(last_word(age));
    ASSERT_TRUE(before.ok()) << before.error().text;
    history_.follow(*before);
    Config config;
    config.host = "hv";
    config.libvirt.uris = {kNowhere};
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

}  // namespace
}  // namespace vmtraffic
