// The listener on real sockets of loopback, on ports that nobody has.
#include "core/probes/sflow_listener.hpp"

#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <new>
#include <thread>

#include "tests/unit/sflow_fixture.hpp"
#include "tests/unit/udp_socket.hpp"

namespace vmtraffic {
namespace {

using namespace sflow_test;
using namespace std::chrono_literals;

// A clock that can be made to hold whoever asks it, or to throw.
struct TestClock {
  std::mutex mutex;
  std::condition_variable changed;
  bool holds{false};
  int held{0};
  std::atomic<bool> throws{false};

  Nanoseconds boottime() {
    if (throws) throw std::bad_alloc();
    std::unique_lock lock(mutex);
    ++held;
    changed.notify_all();
    changed.wait(lock, [this] { return !holds; });
    --held;
    return system_clock().boottime();
  }
  void hold() {
    std::unique_lock lock(mutex);
    holds = true;
    changed.wait_for(lock, 10s, [this] { return held > 0; });
  }
  void release() {
    const std::lock_guard lock(mutex);
    holds = false;
    changed.notify_all();
  }
};

class SflowListenerTest : public testing::Test {
 protected:
  using Counters = std::map<std::string, std::uint64_t>;

  SflowListenerTest() {
    options_.listen = {kLoopback4};
    options_.port = UdpSocket(kLoopback4).port();
    options_.allow = {*IpNetwork::parse("127.0.0.0/8"), *IpNetwork::parse("::1")};
    options_.receive_buffer_kib = 128;  // that anybody may have
    options_.retry = 20ms;
    options_.log = [this](LogLevel, std::string_view text) { log_.emplace_back(text); };
    options_.clock = system_clock();
    options_.clock.boottime = [clock = clock_] { return clock->boottime(); };
  }
  void TearDown() override {
    clock_->throws = false;
    clock_->release();
    stop();
  }
  void start() {
    listener_ = std::make_unique<SflowListener>(options_);
    listener_->set_inventory(machines(3), kLinks);
    listener_->start();
    ASSERT_TRUE(wait([this] { return listener_->settled(); }));
  }
  void stop() {
    if (listener_ == nullptr) return;
    listener_->request_stop();
    listener_->join(10s);
    listener_.reset();
  }
  template <class Condition>
  static bool wait(Condition&& holds) {
    const auto deadline = std::chrono::steady_clock::now() + 10s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(2ms);
    }
    return true;
  }
  Counters counters(const std::vector<std::string>& names) const {
    Counters out;
    for (const auto& [name, value] : listener_->health().counters) {
      if (std::find(names.begin(), names.end(), name) != names.end()) out[name] = value;
    }
    return out;
  }
  bool received(std::uint64_t count) const {
    return wait([&] { return counters({"received"}) == Counters{{"received", count}}; });
  }
  bool comes_to(HealthState state) const {
    return wait([&] { return listener_->health().state == state; });
  }
  std::string taken() const {
    return "UDP port " + std::to_string(options_.port) +
           " at 127.0.0.1 is taken by another process ('ss -ulnp' names it): end that, or set another port under [sflow]";
  }

  std::shared_ptr<TestClock> clock_ = std::make_shared<TestClock>();  // a thread that is left behind asks it
  SflowListenerOptions options_;
  std::vector<std::string> log_;
  std::unique_ptr<SflowListener> listener_;
};

TEST_F(SflowListenerTest, ReceivesOnBothVersionsOfIp) {
  const UdpSocket six(kLoopback6);
  if (!six.bound()) GTEST_SKIP() << "this host has no ::1";
  const UdpSocket four(kLoopback4);
  options_.listen = {kLoopback4, kLoopback6};
  start();
  TestAgent first, second{.address = 0x0A0A0A0A};
  for (int i = 0; i < 3; ++i) four.send(options_.port, first.next());
  for (int i = 0; i < 2; ++i) six.send(options_.port, second.next());
  ASSERT_TRUE(received(5));
  const SflowView view = listener_->tick(system_clock().boottime(), {});
  ASSERT_EQ(view.agents.size(), 2U);
  using Heard = std::tuple<std::string, std::string, std::uint64_t, bool>;
  const auto heard = [&](std::size_t i) {
    return Heard{view.agents[i].address, view.agents[i].sender, view.agents[i].datagrams, view.agents[i].local};
  };
  EXPECT_EQ(heard(0), (Heard{"10.10.10.10", "::1", 2, true}));
  EXPECT_EQ(heard(1), (Heard{"127.0.0.1", "127.0.0.1", 3, true}));
  EXPECT_EQ(view.flows.vnics[0].tx.samples, 3U) << "the second agent is as near, but came later";
  EXPECT_EQ(view.flows.vnics[0].tx_agent, 2U) << "its place in the list";
  EXPECT_EQ(listener_->learnt_addresses(), (std::vector<std::vector<std::string>>{{"10.0.0.1"}, {}, {}}));
  EXPECT_EQ(counters({"attributed_by_port", "not_elected", "failures", "kernel_drops", "senders_denied", "unattributed_ppm"}),
            (Counters{{"attributed_by_port", 3},
                      {"not_elected", 2},
                      {"failures", 0},
                      {"kernel_drops", 0},
                      {"senders_denied", 0},
                      {"unattributed_ppm", 0}}));
  const ProbeHealth health = listener_->health();
  EXPECT_EQ(std::tuple(health.name, health.state, health.message), std::tuple("sflow", HealthState::kUp, ""));
  EXPECT_EQ(log_, std::vector{"sFlow: listening on UDP port " + std::to_string(options_.port)});
}

TEST_F(SflowListenerTest, TheUnattributedShareIsThatOfTheLastTwoPeriods) {
  options_.threads = 2;
  start();
  const UdpSocket socket(kLoopback4);
  TestAgent agent;
  std::uint64_t sent = 0;
  Nanoseconds now = system_clock().boottime();
  // Sends, gives the share and begins a new period.
  const auto share = [&](const Bytes& datagram) {
    socket.send(options_.port, datagram);
    EXPECT_TRUE(received(++sent));
    EXPECT_TRUE(wait([&] { return counters({"flow_samples"}) == Counters{{"flow_samples", sent}}; }));
    const std::uint64_t ppm = counters({"unattributed_ppm"}).at("unattributed_ppm");
    listener_->tick(now, {});
    now += 60 * kSecond;
    return ppm;
  };
  const auto nobodys = [&] { return agent.datagram({agent.flow(50, 51, {header_record(tcp_frame({.from = 0x525400000077}))})}); };
  std::vector<std::uint64_t> seen;
  for (int i = 0; i < 3; ++i) seen.push_back(share(nobodys()));
  for (int i = 0; i < 3; ++i) seen.push_back(share(agent.next()));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{1'000'000, 1'000'000, 1'000'000, 500'000, 0, 0}));
}

TEST_F(SflowListenerTest, WhatThereIsNoRoomForIsSaidForAsLongAsItComes) {
  options_.intake.max_agents = 1;
  start();
  const UdpSocket socket(kLoopback4);
  TestAgent first, second{.sub_agent = 1};
  Nanoseconds now = system_clock().boottime();
  std::uint64_t sent = 0;
  const auto after = [&](TestAgent& agent) {
    socket.send(options_.port, agent.next());
    EXPECT_TRUE(received(++sent));
    EXPECT_TRUE(wait([&] { return counters({"datagrams"}) == Counters{{"datagrams", sent}}; }));
    listener_->tick(now, {});
    now += 30 * kSecond;
    const ProbeHealth health = listener_->health();
    return std::pair(health.state, health.message);
  };
  const std::string said =
      "more than 1 agents send to one thread, and what is beyond is not counted: name those that matter in 'allow' or 'agents' under "
      "[sflow], or set more 'threads'";
  const std::pair well(HealthState::kUp, std::string()), refused(HealthState::kDegraded, said);
  EXPECT_EQ(after(first), well);
  EXPECT_EQ(after(second), refused);
  EXPECT_EQ(after(first), refused) << "in the period before";
  EXPECT_EQ(after(first), refused);
  EXPECT_EQ(after(first), well);
  EXPECT_EQ(after(second), refused);
  stop();
  EXPECT_EQ(log_, (std::vector{"sFlow: listening on UDP port " + std::to_string(options_.port), "sFlow: " + said}));
}

// As systemd starts the services: without CAP_NET_ADMIN, of which each thread has its own.
TEST_F(SflowListenerTest, AReceiveBufferThatTheKernelCutsIsSaid) {
  std::uint32_t most = 0;
  std::ifstream("/proc/sys/net/core/rmem_max") >> most;
  ASSERT_GT(most, 1024U);
  const std::uint32_t wanted_kib = most / 1024 * 2;
  std::thread([&] {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> none{};
    ASSERT_EQ(syscall(SYS_capset, &header, none.data()), 0);
    options_.receive_buffer_kib = wanted_kib;
    start();
  }).join();
  EXPECT_EQ(counters({"receive_buffer_bytes"}), (Counters{{"receive_buffer_bytes", most}}));
  EXPECT_EQ(listener_->health().state, HealthState::kUp);
  stop();
  EXPECT_EQ(log_, (std::vector<std::string>{"sFlow: listening on UDP port " + std::to_string(options_.port),
                                            "sFlow: the kernel lets a socket hold " + std::to_string(most / 1024) + " KiB instead of the " +
                                                std::to_string(wanted_kib) + " of 'receive_buffer' under [sflow]: set net.core.rmem_max=" +
                                                std::to_string(wanted_kib * 1024) +
                                                " with sysctl, or give the service CAP_NET_ADMIN (AmbientCapabilities= in its unit)"}));
}

TEST_F(SflowListenerTest, AReceiveBufferThatIsGrantedIsPublished) {
  start();
  EXPECT_EQ(counters({"receive_buffer_bytes"}), (Counters{{"receive_buffer_bytes", 128 * 1024}}));
  stop();
  EXPECT_EQ(log_, std::vector{"sFlow: listening on UDP port " + std::to_string(options_.port)});
}

TEST_F(SflowListenerTest, WhoIsNotAllowedIsCountedAndNotHeard) {
  options_.allow = {*IpNetwork::parse("127.0.0.2")};
  start();
  TestAgent agent;
  UdpSocket(kLoopback4).send(options_.port, agent.next());
  UdpSocket(*IpAddress::parse("127.0.0.2")).send(options_.port, agent.next());
  ASSERT_TRUE(received(2));
  EXPECT_EQ(counters({"senders_denied", "datagrams", "agents"}), (Counters{{"senders_denied", 1}, {"datagrams", 1}, {"agents", 1}}));
}

TEST_F(SflowListenerTest, ThatNobodyWhoSendsIsAllowedIsSaid) {
  options_.allow = {*IpNetwork::parse("127.0.0.2")};
  options_.intake.agents = {*IpNetwork::parse("127.0.0.1")};
  options_.intake.limits.period = 10 * kSecond;  // shorter than an idle agent's silence: this looks back further
  options_.threads = 2;
  start();
  const UdpSocket stranger(kLoopback4), allowed(*IpAddress::parse("127.0.0.2"));
  TestAgent agent, strange_agent{.address = 0xC0000209};
  Nanoseconds now = system_clock().boottime();
  std::uint64_t sent = 0;
  const auto after = [&](const UdpSocket& socket, TestAgent& from, int count) {
    for (int i = 0; i < count; ++i) socket.send(options_.port, from.next());
    sent += static_cast<std::uint64_t>(count);
    EXPECT_TRUE(wait([&] {
      const Counters c = counters({"senders_denied", "datagrams"});
      return c.at("senders_denied") + c.at("datagrams") == sent;
    }));
    listener_->tick(now, {});
    now += 30 * kSecond;
    const ProbeHealth health = listener_->health();
    return std::pair(health.state, health.message);
  };
  using Seen = std::pair<HealthState, std::string>;
  const auto refused = [](const std::string& what) { return Seen(HealthState::kDegraded, what); };
  const std::string sender = "3 datagrams were refused: 127.0.0.1, the last sender, is not in sflow.allow";
  const std::string one_more = "4 datagrams were refused: 127.0.0.1, the last sender, is not in sflow.allow";
  const std::string strange = "1 datagram was refused: the agent 192.0.2.9 is not in sflow.agents";
  EXPECT_EQ(after(stranger, agent, 0), Seen(HealthState::kUp, "")) << "nobody sends";
  EXPECT_EQ(after(stranger, agent, 3), refused(sender));
  EXPECT_EQ(after(stranger, agent, 1), refused(one_more)) << "the third tick begins a period";
  EXPECT_EQ(after(allowed, strange_agent, 1), refused(one_more + "; " + strange));
  EXPECT_EQ(after(allowed, agent, 1), Seen(HealthState::kUp, "")) << "what was wanted comes: the others are strangers";
  EXPECT_EQ(after(stranger, agent, 1), Seen(HealthState::kUp, ""));
  for (int i = 0; i < 4; ++i) after(stranger, agent, 0);
  EXPECT_EQ(after(stranger, agent, 1), refused("1 datagram was refused: 127.0.0.1, the last sender, is not in sflow.allow"))
      << "and nothing else for two periods";
  EXPECT_EQ(counters({"senders_denied", "agents_denied"}), (Counters{{"senders_denied", 6}, {"agents_denied", 1}}));
  stop();
  EXPECT_EQ(log_, (std::vector{"sFlow: listening on UDP port " + std::to_string(options_.port), "sFlow: " + sender}));
}

TEST_F(SflowListenerTest, DatagramsTooLongOrEmptyAreCounted) {
  start();
  const UdpSocket socket(kLoopback4);
  TestAgent agent;
  socket.send(options_.port, {});
  socket.send(options_.port, agent.next().fill(16'384));
  Bytes longest = agent.next();
  socket.send(options_.port, longest.fill(16'384 - longest.size()));
  ASSERT_TRUE(received(3));
  EXPECT_EQ(counters({"oversized", "datagrams", "header_broken", "flow_samples"}),
            (Counters{{"oversized", 1}, {"datagrams", 2}, {"header_broken", 1}, {"flow_samples", 1}}));
}

TEST_F(SflowListenerTest, APortThatIsTakenIsSaidAndTriedAgain) {
  auto other = std::make_unique<UdpSocket>(kLoopback4, options_.port);
  ASSERT_TRUE(other->bound());
  start();
  ProbeHealth health = listener_->health();
  EXPECT_EQ(std::tuple(health.state, health.message, health.last_ok_boottime.has_value()), std::tuple(HealthState::kDown, taken(), false));
  other.reset();
  ASSERT_TRUE(comes_to(HealthState::kUp));
  health = listener_->health();
  EXPECT_EQ(health.message, "");
  TestAgent agent;
  UdpSocket(kLoopback4).send(options_.port, agent.next());
  EXPECT_TRUE(received(1));
  stop();
  EXPECT_EQ(log_, (std::vector{"sFlow: " + taken(), "sFlow: listening on UDP port " + std::to_string(options_.port) + " again"}));
}

TEST_F(SflowListenerTest, OneAddressOfTwoIsHalfOfIt) {
  const UdpSocket six(kLoopback6);
  if (!six.bound()) GTEST_SKIP() << "this host has no ::1";
  auto other = std::make_unique<UdpSocket>(kLoopback4, options_.port);
  ASSERT_TRUE(other->bound());
  options_.listen = {kLoopback4, kLoopback6};
  options_.threads = 2;
  start();
  const ProbeHealth health = listener_->health();
  EXPECT_EQ(std::tuple(health.state, health.message), std::tuple(HealthState::kDegraded, taken()));
  TestAgent agent;
  six.send(options_.port, agent.next());
  EXPECT_TRUE(received(1));
  other.reset();
  EXPECT_TRUE(comes_to(HealthState::kUp));
}

TEST_F(SflowListenerTest, AnAddressThatTheHostDoesNotHaveIsNamed) {
  options_.listen = {*IpAddress::parse("192.0.2.1")};
  start();
  const ProbeHealth health = listener_->health();
  EXPECT_EQ(std::tuple(health.state, health.message),
            std::tuple(HealthState::kDown, "UDP port " + std::to_string(options_.port) +
                                               " at 192.0.2.1: this host has no such address: mend 'listen' under [sflow]"));
}

// Each thread has its own list of agents: an agent that two of them heard would stand there twice, with gaps.
TEST_F(SflowListenerTest, WhatOneSenderSendsComesToOneThread) {
  options_.threads = 4;
  start();
  constexpr std::uint32_t kSenders = 8, kEach = 40;
  std::vector<TestAgent> agents(kSenders);
  for (std::uint32_t n = 0; n < kEach; ++n) {
    for (std::uint32_t s = 0; s < kSenders; ++s) {
      agents[s].address = 0x7F000001 + s;
      IpAddress from = kLoopback4;
      from.octets[3] = static_cast<std::uint8_t>(1 + s);
      UdpSocket(from).send(options_.port, agents[s].next());  // from another port each time
    }
    ASSERT_TRUE(received((n + std::uint64_t{1}) * kSenders));
  }
  const SflowView view = listener_->tick(system_clock().boottime(), {});
  ASSERT_EQ(view.agents.size(), kSenders);
  for (std::uint32_t s = 0; s < kSenders; ++s) {
    const AgentStatus& a = view.agents[s];
    EXPECT_EQ(std::tuple(a.address, a.datagrams, a.lost, a.late), std::tuple("127.0.0." + std::to_string(1 + s), kEach, 0U, 0U));
  }
  EXPECT_EQ(view.flows.samples, kSenders * kEach);
  EXPECT_EQ(view.flows.vnics[0].tx.samples, kEach) << "one agent's, not the sum of what eight saw";
}

TEST_F(SflowListenerTest, StopsAtOnceAndLeavesThePort) {
  std::atomic<bool> done{false};
  std::thread flood([&] {
    const UdpSocket socket(kLoopback4);
    TestAgent agent;
    for (int i = 0; i < 200'000 && !done; ++i) socket.send(options_.port, agent.next());
  });
  auto least = std::chrono::steady_clock::duration::max();
  for (int i = 0; i < 5; ++i) {
    start();
    const auto before = std::chrono::steady_clock::now();
    stop();
    least = std::min(least, std::chrono::steady_clock::now() - before);
  }
  done = true;
  flood.join();
  EXPECT_LT(least, 100ms);
  EXPECT_TRUE(UdpSocket(kLoopback4, options_.port).bound());
}

// Whatever is thrown in a thread of ours, here by the clock, and also while it says so: our host's process goes on, and so do we.
TEST_F(SflowListenerTest, AnExceptionIsCountedAndReceivingGoesOn) {
  start();
  clock_->throws = true;
  ASSERT_TRUE(wait([this] { return counters({"failures"}) != Counters{{"failures", 0}}; }));
  EXPECT_LT(counters({"failures"})["failures"], 100U) << "not at full speed";
  clock_->throws = false;
  TestAgent agent;
  UdpSocket(kLoopback4).send(options_.port, agent.next());
  EXPECT_TRUE(received(1));
}

TEST_F(SflowListenerTest, WhatTheKernelDroppedIsCounted) {
  options_.receive_buffer_kib = 1;
  start();
  clock_->hold();
  const UdpSocket socket(kLoopback4);
  TestAgent agent;
  std::uint64_t sent = 0;
  for (; sent < 500; ++sent) socket.send(options_.port, agent.next());
  clock_->release();
  // The kernel tells with the next one that it takes.
  EXPECT_TRUE(wait([&] {
    socket.send(options_.port, agent.next());
    ++sent;
    std::this_thread::sleep_for(20ms);
    const Counters c = counters({"received", "kernel_drops"});
    return c.at("received") + c.at("kernel_drops") == sent;
  }));
  EXPECT_GT(counters({"kernel_drops"})["kernel_drops"], 250U);
  listener_->tick(system_clock().boottime(), {});
  const SflowView view = listener_->tick(system_clock().boottime(), {});
  ASSERT_EQ(view.agents.size(), 1U);
  EXPECT_EQ(view.agents[0].lost, counters({"kernel_drops"})["kernel_drops"]) << "and its numbers say the same";
}

}  // namespace
}  // namespace vmtraffic
