// The collector as a whole, on libvirt's in-process test driver: ticks, hand-over, clock steps, stopping.
#include "core/collector.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <new>
#include <thread>

#include "core/snapshot.hpp"
#include "core/snapshot/lease.hpp"
#include "tests/unit/sflow_fixture.hpp"
#include "tests/unit/udp_socket.hpp"

namespace vmtraffic {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kTwoDomains = R"(<node>
<domain type='test'><name>a</name><uuid>11111111-1111-1111-1111-111111111111</uuid><memory>8192</memory><os><type>hvm</type></os>
 <devices><interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><target dev='tap-none'/></interface></devices></domain>
<domain type='test'><name>b</name><uuid>22222222-2222-2222-2222-222222222222</uuid><memory>8192</memory><os><type>hvm</type></os></domain>
</node>)";

class CollectorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "vmtraffic-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    std::ofstream(dir_ / "node.xml") << kTwoDomains;
  }
  void TearDown() override { fs::remove_all(dir_); }

  Collector::Options options(std::string program, Clock clock = system_clock()) {
    Config config;
    config.interval_s = 1;
    config.runtime_directory = dir_ / "run";
    config.libvirt.uris = {"test://" + (dir_ / "node.xml").string()};
    return {config, std::move(program), [this](LogLevel, std::string_view text) { log(text); }, std::move(clock)};
  }
  void log(std::string_view text) {
    const std::lock_guard lock(mutex_);
    log_ += std::string(text) + "\n";
  }
  // Waits, at most ten seconds, for a snapshot that `wanted` accepts.
  template <class Wanted>
  std::shared_ptr<const Snapshot> wait(Wanted wanted) {
    SnapshotReader reader(dir_ / "run");
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto s = reader.poll();
      if (s.ok() && wanted(**s)) return *s;
      std::this_thread::sleep_for(20ms);
    }
    ADD_FAILURE() << "no such snapshot; the log says: " << log_;
    return nullptr;
  }

  fs::path dir_;
  std::mutex mutex_;
  std::string log_;
};

TEST_F(CollectorTest, PublishesWhatLibvirtTells) {
  Collector collector(options("one"));
  ASSERT_TRUE(collector.start().ok());
  const auto s = wait([](const Snapshot& x) { return x.domain_count() == 2; });
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->info().sequence, 1u) << "the first snapshot waits for libvirt's first answer";
  EXPECT_EQ(s->domain(0).name, "a");
  EXPECT_EQ(s->domain(0).state, DomainState::kRunning);
  EXPECT_TRUE(s->domain(0).confirmed_boottime.has_value());
  ASSERT_EQ(s->vnic_count(), 1u);
  EXPECT_EQ(s->vnic(0).rx, Counters{}) << "no link, no counters";
  EXPECT_TRUE(collector.collecting());
}

// The test driver makes a vNIC's counters from the clock: 100,000 octets a second to the guest.
TEST_F(CollectorTest, CountsVhostUserByLibvirtAlone) {
  std::ofstream(dir_ / "node.xml") << R"(<node>
<domain type='test'><name>a</name><uuid>11111111-1111-1111-1111-111111111111</uuid><memory>8192</memory><os><type>hvm</type></os><devices>
 <interface type='vhostuser'><mac address='52:54:00:00:00:01'/><source type='unix' path='/tmp/vhu-a' mode='server'/><target dev='vhu-a'/><model type='virtio'/></interface>
 <interface type='bridge'><mac address='52:54:00:00:00:02'/><source bridge='br0'/><target dev='tap-none'/></interface>
</devices></domain>
</node>)";
  Collector::Options o = options("one");
  o.config.libvirt.vhost_user_interval_s = 3;
  auto first = std::make_unique<Collector>(o);
  ASSERT_TRUE(first->start().ok());
  const auto counts = wait([](const Snapshot& x) { return x.vnic_count() == 2 && x.vnic(0).rx.octets; });
  ASSERT_NE(counts, nullptr);
  EXPECT_EQ(counts->vnic(0).if_index, std::nullopt);
  EXPECT_TRUE(counts->vnic(0).tx.drops);
  EXPECT_EQ(counts->vnic(1).rx, Counters{}) << "the kernel counts those with a tap, or nobody";

  // From the first rate on there is one in every snapshot, over the seconds between two readings, also over a hand-over.
  Collector second(options("two"));
  ASSERT_TRUE(second.start().ok());
  std::uint64_t last = 0;
  std::size_t totals = 0;
  const auto check = [&](const Snapshot& x) {
    const WindowRates rates = x.rates(0, Window::kInterval);
    if (x.info().sequence == last || rates.covered_s == 0) return;
    last = x.info().sequence;
    totals += x.vnic(0).rx.octets ? 1u : 0u;
    EXPECT_NEAR(rates.rx.octets.value_or(0), 100'000, 10'000) << last;
    EXPECT_NEAR(x.rates(0, Window::kMinute).rx.octets.value_or(0), 100'000, 10'000) << last;
    EXPECT_GT(rates.covered_s, 0.3);
    EXPECT_LT(rates.covered_s, 4.5);
  };
  ASSERT_NE(wait([&](const Snapshot& x) { return check(x), totals >= 4; }), nullptr);
  first.reset();
  ASSERT_NE(wait([&](const Snapshot& x) { return check(x), totals >= 8 && x.info().writer_program == "two"; }), nullptr);
}

TEST_F(CollectorTest, OneCollectsAndTheOtherTakesOver) {
  auto first = std::make_unique<Collector>(options("one"));
  ASSERT_TRUE(first->start().ok());
  ASSERT_NE(wait([](const Snapshot& x) { return x.info().writer_program == "one"; }), nullptr);
  Collector second(options("two"));
  ASSERT_TRUE(second.start().ok());
  const auto before = wait([](const Snapshot& x) { return x.info().sequence >= 3; });
  ASSERT_NE(before, nullptr);
  EXPECT_EQ(before->info().writer_program, "one");
  EXPECT_FALSE(second.collecting());
  first.reset();
  const auto after = wait([](const Snapshot& x) { return x.info().writer_program == "two"; });
  ASSERT_NE(after, nullptr);
  EXPECT_GT(after->info().sequence, before->info().sequence);
  EXPECT_EQ(after->domain_count(), 2u) << "what the other knew is there at once";
  EXPECT_EQ(after->last_event_sequence(), before->last_event_sequence()) << "a hand-over is no event of any domain";
}

// Who collects listens, and nobody else: the port is free for the next.
TEST_F(CollectorTest, SflowGoesOverWithTheCollecting) {
  const auto with_sflow = [&](std::string program, std::uint16_t port) {
    Collector::Options o = options(std::move(program));
    o.config.sflow.enabled = true;
    o.config.sflow.listen = {sflow_test::kLoopback4};
    o.config.sflow.port = port;
    return o;
  };
  const sflow_test::UdpSocket socket(sflow_test::kLoopback4);
  const std::uint16_t port = sflow_test::UdpSocket(sflow_test::kLoopback4).port();
  sflow_test::TestAgent agent;
  auto first = std::make_unique<Collector>(with_sflow("one", port));
  ASSERT_TRUE(first->start().ok());
  ASSERT_NE(wait([](const Snapshot& x) { return x.health_count() == 4 && x.health(3).state == HealthState::kUp; }), nullptr);
  Collector second(with_sflow("two", port));
  ASSERT_TRUE(second.start().ok());
  socket.send(port, agent.next());
  const auto heard = wait([](const Snapshot& x) { return x.agent_count() == 1; });
  ASSERT_NE(heard, nullptr);
  EXPECT_EQ(heard->flows()->samples, 1u);
  EXPECT_EQ(heard->vnic_flows(0)->all.tx.total.samples, 1u);
  first.reset();
  const auto after = wait([](const Snapshot& x) { return x.info().writer_program == "two" && x.health(3).state == HealthState::kUp; });
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(after->flows()->samples, 0u) << "samples are counted since this collector's start";
  socket.send(port, agent.next());
  EXPECT_NE(wait([](const Snapshot& x) { return x.info().writer_program == "two" && x.agent_count() == 1; }), nullptr);
}

TEST_F(CollectorTest, AWallClockThatStepsChangesNothing) {
  Clock clock = system_clock();
  std::atomic<Nanoseconds> step{0};
  clock.walltime = [&step, real = clock.walltime] { return real() + step; };
  Collector collector(options("one", clock));
  ASSERT_TRUE(collector.start().ok());
  Nanoseconds last = 0;
  for (const Nanoseconds to : {-3600 * kSecond, 3600 * kSecond}) {
    step = to;
    const auto s = wait([&](const Snapshot& x) { return x.info().sampled_boottime > last + kSecond; });
    ASSERT_NE(s, nullptr);
    EXPECT_FALSE(s->stale(clock));
    EXPECT_LT(*s->age(clock), 2 * kSecond);
    last = s->info().sampled_boottime;
  }
  collector.stop();
}

TEST_F(CollectorTest, AnotherBootsSnapshotIsNoBeginning) {
  Clock other = system_clock();
  other.boot_id = "another boot";
  {
    Collector before(options("before", other));
    ASSERT_TRUE(before.start().ok());
    ASSERT_NE(wait([](const Snapshot& x) { return x.info().sequence >= 2; }), nullptr);
  }
  Collector now(options("now"));
  ASSERT_TRUE(now.start().ok());
  const auto s = wait([](const Snapshot& x) { return x.info().writer_program == "now"; });
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->info().sequence, 1u);
}

TEST_F(CollectorTest, AnUnreachableLibvirtIsSaidInTheHealth) {
  Collector::Options o = options("one");
  o.config.libvirt.uris = {"qemu+unix:///system?socket=" + (dir_ / "nothing").string()};
  Collector collector(o);
  ASSERT_TRUE(collector.start().ok());
  const auto s = wait([](const Snapshot& x) { return x.health_count() == 3 && x.health(2).state == HealthState::kDown; });
  ASSERT_NE(s, nullptr);
  EXPECT_EQ(s->health(0).state, HealthState::kUp);
  EXPECT_EQ(s->health(1).name, "link_counters");
  EXPECT_NE(s->health(2).message.find("cannot connect to "), std::string_view::npos);
}

TEST_F(CollectorTest, ALeaseFileThatIsRemovedEndsTheCollectingAndIsMadeAnew) {
  Collector collector(options("one"));
  ASSERT_TRUE(collector.start().ok());
  ASSERT_NE(wait([](const Snapshot& x) { return x.info().sequence >= 1; }), nullptr);
  fs::remove(dir_ / "run" / kLeaseFileName);
  const auto s = wait([](const Snapshot& x) { return x.info().sequence >= 4; });
  ASSERT_NE(s, nullptr);
  EXPECT_TRUE(fs::exists(dir_ / "run" / kLeaseFileName));
}

TEST_F(CollectorTest, HandsOverToWhoHasThePrecedenceAndTakesOverWhenThatEnds) {
  Collector guest(options("guest"));
  ASSERT_TRUE(guest.start().ok());
  ASSERT_NE(wait([](const Snapshot& x) { return x.info().sequence >= 2; }), nullptr);
  {
    Collector::Options own = options("own");
    own.wants_precedence = true;
    Collector collector(own);
    ASSERT_TRUE(collector.start().ok());
    const auto s = wait([](const Snapshot& x) { return x.info().writer_program == "own"; });
    ASSERT_NE(s, nullptr);
    EXPECT_GE(s->info().sequence, 3u) << "it goes on where the other was";
    EXPECT_NE(wait([&](const Snapshot& x) { return x.info().sequence >= s->info().sequence + 4; }), nullptr);
    EXPECT_TRUE(collector.collecting());
    EXPECT_FALSE(guest.collecting());
  }
  EXPECT_NE(wait([](const Snapshot& x) { return x.info().writer_program == "guest"; }), nullptr);
  // And once more: it was not in vain.
  Collector::Options own = options("own again");
  own.wants_precedence = true;
  Collector again(own);
  ASSERT_TRUE(again.start().ok());
  EXPECT_NE(wait([](const Snapshot& x) { return x.info().writer_program == "own again"; }), nullptr);
}

// Its holder hangs before it takes the lease.
TEST_F(CollectorTest, APrecedenceThatNobodyUsesCostsAFewIntervals) {
  Collector collector(options("one"));
  ASSERT_TRUE(collector.start().ok());
  ASSERT_NE(wait([](const Snapshot& x) { return x.info().sequence >= 1; }), nullptr);
  const auto precedence = Lease::acquire(dir_ / "run", kPrecedenceFileName);
  ASSERT_TRUE(precedence.ok()) << precedence.error().text;
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (collector.collecting() && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(5ms);
  EXPECT_FALSE(collector.collecting());
  const auto s = wait([](const Snapshot& x) { return x.info().sequence >= 6; });
  ASSERT_NE(s, nullptr);
  EXPECT_TRUE(collector.collecting()) << "not given up again";
}

TEST_F(CollectorTest, ARuntimeDirectoryThatVanishesIsMadeAgain) {
  Collector collector(options("one"));
  ASSERT_TRUE(collector.start().ok());
  ASSERT_NE(wait([](const Snapshot& x) { return x.info().sequence >= 1; }), nullptr);
  fs::remove_all(dir_ / "run");
  EXPECT_NE(wait([](const Snapshot& x) { return x.info().sequence >= 2; }), nullptr);
}

TEST_F(CollectorTest, AnInsecureRuntimeDirectoryIsRefused) {
  fs::create_directory(dir_ / "run");
  fs::permissions(dir_ / "run", fs::perms::all);
  Collector collector(options("one"));
  const Status s = collector.start();
  ASSERT_FALSE(s.ok());
  EXPECT_EQ(s.error().code, ErrorCode::kInsecure);
}

TEST_F(CollectorTest, ARuntimeDirectoryThatBecomesInsecureEndsTheCollectingUntilItIsMended) {
  Collector collector(options("one"));
  ASSERT_TRUE(collector.start().ok());
  ASSERT_NE(wait([](const Snapshot&) { return true; }), nullptr);
  const auto wait_for = [&](bool collecting) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (collector.collecting() != collecting && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(20ms);
    return collector.collecting() == collecting;
  };
  fs::permissions(dir_ / "run", fs::perms::all);
  EXPECT_TRUE(wait_for(false));
  fs::permissions(dir_ / "run", fs::perms::owner_all);
  EXPECT_TRUE(wait_for(true));
}

// Whatever is thrown in a thread of ours (here by the clock), our host's process goes on, and so do we.
TEST_F(CollectorTest, AnExceptionIsSaidAndTheNextIntervalBeginsAnew) {
  const auto fails = std::make_shared<std::atomic<bool>>(false);
  Clock clock = system_clock();
  clock.boottime = [fails, before = clock.boottime] {
    if (fails->load()) throw std::bad_alloc();
    return before();
  };
  Collector collector(options("one", clock));
  ASSERT_TRUE(collector.start().ok());
  const auto first = wait([](const Snapshot& s) { return s.domain_count() == 2; });
  ASSERT_NE(first, nullptr);
  fails->store(true);
  std::this_thread::sleep_for(1500ms);
  fails->store(false);
  const auto next = wait([&](const Snapshot& s) { return s.info().sequence > first->info().sequence + 1; });
  ASSERT_NE(next, nullptr);
  EXPECT_EQ(next->domain_count(), 2U);
  EXPECT_TRUE(collector.collecting());
}

TEST_F(CollectorTest, SampleOnceNeedsNoDirectory) {
  const auto bytes = sample_once(options("x").config, {}, 50ms, 5s);
  ASSERT_TRUE(bytes.ok());
  const auto s = Snapshot::parse(*bytes);
  ASSERT_TRUE(s.ok());
  EXPECT_EQ(s->domain_count(), 2u);
  EXPECT_FALSE(fs::exists(dir_ / "run"));
}

}  // namespace
}  // namespace vmtraffic
