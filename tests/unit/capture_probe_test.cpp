// CaptureProbe on the kernel: links that come, go and are many, a ring that is too small. Each test makes a network namespace and links of
// its own, and so needs root.
#include "core/probes/capture_probe.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <malloc.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/traffic/flow_view.hpp"
#include "tests/unit/own_network.hpp"
#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic {
namespace {

std::atomic<bool> g_refuses_promiscuity{false};

}  // namespace
}  // namespace vmtraffic

// The C library's, in this program.
extern "C" int setsockopt(int fd, int level, int option, const void* value, socklen_t size) noexcept {
  if (level == SOL_PACKET && option == PACKET_ADD_MEMBERSHIP && vmtraffic::g_refuses_promiscuity) {
    errno = ENOBUFS;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_setsockopt, fd, level, option, value, size));
}

namespace vmtraffic {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire_test::Bytes;

constexpr std::uint64_t kMacOfPeer = 0x525400FFFFFF;

// VM `id` with one vNIC.
Domain machine(std::uint32_t id) {
  Domain d;
  for (std::size_t i = 0; i < 4; ++i) d.uuid.octets[i] = static_cast<std::uint8_t>(id >> (24 - 8 * i));
  d.name = "vm" + std::to_string(id);
  d.state = DomainState::kRunning;
  Vnic v;
  v.type = VnicType::kBridge;
  v.mac = {{0x52, 0x54, 0, static_cast<std::uint8_t>(id >> 16), static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)}};
  d.vnics.push_back(v);
  return d;
}

// What it sends: one of its connections.
Bytes frame_of(std::uint32_t id, std::uint32_t port = 40000, std::size_t payload = 100) {
  return wire_test::ethernet(
      0x0800,
      wire_test::ipv4(6, wire_test::tcp(Bytes().fill(payload), {.src = port, .dst = 443}), {.src = 0x0A000000 + id, .dst = 0xC0000209}),
      0x525400000000 + id, kMacOfPeer);
}

// By link: what the kernel counted as received.
std::map<std::string, std::uint64_t> received() {
  std::map<std::string, std::uint64_t> out;
  std::ifstream file("/proc/thread-self/net/dev");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::uint64_t octets = 0, packets = 0;
    std::sscanf(line.c_str() + colon + 1, "%lu %lu", &octets, &packets);
    out[line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' '))] = packets;
  }
  return out;
}

std::size_t descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// Without this a test has nothing to go on with.
void must(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

class CaptureProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(enter_own_network());
    socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    ASSERT_GE(socket_, 0);
  }
  void TearDown() override {
    g_refuses_promiscuity = false;
    if (probe_) {
      probe_->request_stop();
      probe_->join(seconds(5));
    }
    ::close(socket_);
  }

  static void ip(const std::string& batch) {
    std::FILE* pipe = ::popen("ip -b -", "w");
    must(pipe != nullptr, "popen");
    std::fputs(batch.c_str(), pipe);
    must(::pclose(pipe) == 0, "ip -b: " + batch.substr(0, 200));
  }
  // Taps "t…" of VMs [first, first + count), of which the guests' ends are "g…", once they pass packets: a link that has just come up
  // drops some.
  void taps(std::uint32_t first, std::uint32_t count, const std::string& group = "0") {
    std::string batch;
    for (std::uint32_t id = first; id < first + count; ++id) {
      batch += fmt::format("link add t{0} group {1} type veth peer name g{0}\nlink set g{0} up\nlink set t{0} up\n", id, group);
    }
    ip(batch);
    const auto all_pass = [&] {
      const auto counted = received();
      bool all = true;
      for (std::uint32_t id = first; id < first + count; ++id) {
        if (const auto at = counted.find("t" + std::to_string(id)); at != counted.end() && at->second > 0) continue;
        send(id, frame_of(id));
        all = false;
      }
      return all;
    };
    must(soon(all_pass, seconds(20)), "taps that pass packets");
    for (std::uint32_t id = first; id < first + count; ++id) {
      inventory_.domains.push_back(machine(id));
      links_.push_back({.if_index = ::if_nametoindex(("t" + std::to_string(id)).c_str())});
    }
  }
  void send(std::uint32_t id, const Bytes& frame) const { send("g" + std::to_string(id), frame); }
  void send(const std::string& link, const Bytes& frame) const { send_into(::if_nametoindex(link.c_str()), frame); }
  void send_into(std::uint32_t if_index, const Bytes& frame) const {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_index);
    static_cast<void>(::sendto(socket_, frame.octets().data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
  }

  void start(const std::vector<std::string>& ports = {}, std::uint32_t ring_mib = 16) {
    CaptureProbeOptions options;
    options.ports = ports;
    options.ring_mib = ring_mib;
    options.all = true;
    start_with(std::move(options));
  }
  void start_with(CaptureProbeOptions options) {
    if (!options.clock.boottime) options.clock = system_clock();
    probe_ = std::make_unique<CaptureProbe>(std::move(options));
    probe_->start();
    const bool captures = soon([&] { return probe_->settled() && counter("filters") > 0; });
    must(captures, "a capture: " + probe_->health().message);
  }
  // The links of the present inventory, once they are captured.
  void captured() {
    const std::uint64_t before = counter("filters");
    probe_->set_inventory(inventory_, links_);
    must(soon([&] { return counter("filters") > before; }), "a filter: " + probe_->health().message);
  }
  std::uint64_t counter(const std::string& name) const {
    for (const auto& [known, value] : probe_->health().counters) {
      if (known == name) return value;
    }
    ADD_FAILURE() << name;
    return 0;
  }
  // Packets that each vNIC sent and received, in the inventory's rows.
  std::vector<std::array<std::uint64_t, 2>> packets() {
    std::vector<std::array<std::uint64_t, 2>> out;
    probe_->tick(system_clock().boottime(), {}, [&](const FlowLedger& ledger) {
      for (std::size_t row = 0; row < ledger.row_count(); ++row)
        out.push_back({static_cast<std::uint64_t>(ledger.flows(row).all.total(Direction::kTx).packets),
                       static_cast<std::uint64_t>(ledger.flows(row).all.total(Direction::kRx).packets)});
    });
    return out;
  }
  std::uint64_t sent_by(std::size_t row) { return packets().at(row)[0]; }
  bool soon(const std::function<bool()>& holds, seconds limit = seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      ::usleep(10'000);
    }
    return true;
  }
  bool is_up() {
    packets();
    return probe_->health().state == HealthState::kUp;
  }

  int socket_{-1};
  std::unique_ptr<CaptureProbe> probe_;
  Inventory inventory_;
  std::vector<OwnLink> links_;
};

// Packets into taps, from a thread of its own, at a pace that the kernel's queues follow.
class Flood {
 public:
  template <class Send>
  explicit Flood(Send send)
      : thread_([this, send] {
          while (!stop_) {
            for (int i = 0; i < 50; ++i) send(sent_++);
            ::usleep(1000);
          }
        }) {}
  ~Flood() { stop(); }
  std::uint32_t stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return sent_;
  }

 private:
  std::atomic<bool> stop_{false};
  std::uint32_t sent_{0};
  std::thread thread_;
};

TEST_F(CaptureProbeTest, ATapThatVanishesUnderLoad) {
  taps(1, 2);
  start();
  captured();
  const std::uint64_t before = received()["t2"];
  Flood flood([this, links = std::array{::if_nametoindex("g1"), ::if_nametoindex("g2")}](std::uint32_t n) {
    send_into(links[n % 2], frame_of(1 + n % 2, 40000 + n % 500));
  });
  ASSERT_TRUE(soon([&] { return sent_by(0) > 500; }));
  ip("link del t1\n");
  const std::uint64_t of_first = sent_by(0);
  inventory_.domains.erase(inventory_.domains.begin());
  links_.erase(links_.begin());
  captured();
  const std::uint64_t at_the_end_of_first = sent_by(0);
  ASSERT_TRUE(soon([&] { return sent_by(0) > at_the_end_of_first + 500; })) << "the other one goes on";
  EXPECT_TRUE(is_up()) << probe_->health().message;
  // It is plugged in again, with another ifIndex.
  taps(1, 1);
  captured();
  send(1, frame_of(1));
  ASSERT_TRUE(soon([&] { return sent_by(1) == 1; }));
  flood.stop();
  EXPECT_GT(of_first, 500U);
  const std::uint64_t expected = received()["t2"] - before;
  EXPECT_TRUE(soon([&] { return sent_by(0) == expected; })) << sent_by(0) << " of " << expected;
  EXPECT_EQ(counter("failures") + counter("ring_dropped"), 0U);
}

TEST_F(CaptureProbeTest, AtTheGuestsEndOfALinkWaysAreTurned) {
  taps(1, 2);
  links_[0].end = LinkEnd::kGuest;
  start();
  captured();
  send(1, frame_of(1));
  send(2, frame_of(2));
  using Counts = std::vector<std::array<std::uint64_t, 2>>;
  EXPECT_TRUE(soon([&] { return packets() == Counts{{0, 1}, {1, 0}}; })) << testing::PrintToString(packets());
}

TEST_F(CaptureProbeTest, APortThatIsAVnicsLinkToo) {
  taps(1, 1);
  start({"t1"});
  captured();
  const auto sees = [&] {
    const std::uint64_t before = counter("packets");
    return soon([&] { return send(1, frame_of(1)), counter("packets") > before; });
  };
  EXPECT_TRUE(soon([&] { return send(1, frame_of(1)), sent_by(0) > 0; })) << "by the tap";
  const OwnLink own = std::exchange(links_[0], {});
  captured();
  EXPECT_TRUE(sees()) << "it is a port still";
  links_[0] = own;
  captured();
  const std::uint64_t before = sent_by(0);
  EXPECT_TRUE(soon([&] { return send(1, frame_of(1)), sent_by(0) > before; })) << "the vNIC's again";
}

TEST_F(CaptureProbeTest, AMirrorPortThatGoesDownAndComesBack) {
  ip("link add mirror type veth peer name source\nlink set source up\nlink set mirror up\n");
  ASSERT_TRUE(soon([&] { return send("source", frame_of(1)), received()["mirror"] > 0; }));
  inventory_.domains = {machine(1)};
  links_ = {{}};
  start({"mirror"});
  const auto counts = [&] {
    const std::uint64_t before = sent_by(0);
    return soon([&] { return send("source", frame_of(1)), sent_by(0) > before; });
  };
  const auto says = [&](const std::string& message) { return soon([&] { return packets(), probe_->health().message == message; }); };
  probe_->set_inventory(inventory_, links_);
  ASSERT_TRUE(counts());
  EXPECT_TRUE(is_up());
  ip("link set mirror down\n");
  EXPECT_TRUE(says("the link mirror (capture.ports) is down: 'ip link set mirror up'")) << probe_->health().message;
  ip("link set mirror up\n");
  EXPECT_TRUE(soon([&] { return is_up(); }));
  EXPECT_TRUE(counts());
  ip("link del mirror\n");
  EXPECT_TRUE(says("there is no link mirror (capture.ports)")) << probe_->health().message;
  ip("link add mirror type veth peer name source\nlink set source up\nlink set mirror up\n");
  EXPECT_TRUE(soon([&] { return is_up(); }));
  EXPECT_TRUE(counts()) << "another link by that name";
}

TEST_F(CaptureProbeTest, AMirrorPortThatTheKernelRefuses) {
  ip("link add mirror type veth peer name source\nlink set source up\nlink set mirror up\n");
  g_refuses_promiscuity = true;
  start({"mirror"});
  const auto says = [&](const std::string& message) { return soon([&] { return packets(), probe_->health().message == message; }); };
  EXPECT_TRUE(
      says(fmt::format("the link mirror (capture.ports) is not captured: the link with the ifIndex {} cannot be made to take all "
                       "packets: No buffer space available",
                       ::if_nametoindex("mirror"))))
      << probe_->health().message;
  EXPECT_EQ(probe_->health().state, HealthState::kDegraded);
  g_refuses_promiscuity = false;
  EXPECT_TRUE(soon([&] { return is_up(); })) << "it is tried again";
}

TEST_F(CaptureProbeTest, AFullRingDropsWhatIsCountedAndStallsNothing) {
  taps(1, 1);
  start({}, 1);
  captured();
  const std::uint64_t before = received()["t1"];
  // Nothing is taken from the ring as long as somebody looks.
  constexpr std::uint32_t kSent = 20'000;
  probe_->tick(system_clock().boottime(), {}, [&](const FlowLedger&) {
    for (std::uint32_t i = 0; i < kSent; ++i) {
      send(1, frame_of(1, 40000 + i % 100));
      if (i % 100 == 99) ::usleep(500);
    }
  });
  const std::uint64_t passed = received()["t1"] - before;
  ASSERT_GT(passed, kSent / 2) << "the kernel's own queue was full";
  EXPECT_TRUE(soon([&] { return counter("ring_received") + counter("ring_dropped") == passed; }));
  const std::uint64_t dropped = counter("ring_dropped");
  EXPECT_GT(dropped, 1000U);
  EXPECT_GT(counter("ring_full"), 0U);
  EXPECT_TRUE(soon([&] { return sent_by(0) == passed - dropped; })) << "what had room is all there";
  const ProbeHealth health = probe_->health();
  EXPECT_EQ(health.state, HealthState::kDegraded);
  EXPECT_EQ(health.message, "the kernel dropped " + std::to_string(dropped) +
                                " captured packets lately: set a larger 'ring', fewer links or a cpu_percent under [capture]");
  // And on it goes.
  for (int i = 0; i < 100; ++i) send(1, frame_of(1));
  EXPECT_TRUE(soon([&] { return sent_by(0) == passed - dropped + 100; }, seconds(2)));
  EXPECT_EQ(counter("ring_dropped"), dropped);
}

TEST_F(CaptureProbeTest, CountersGoOnWithAnotherRing) {
  const auto fails = std::make_shared<std::atomic<bool>>(false);
  CaptureProbeOptions options;
  options.clock = system_clock();
  options.clock.boottime = [fails] {
    if (fails->exchange(false)) throw std::runtime_error("no clock");
    return system_clock().boottime();
  };
  options.retry = milliseconds(10);
  options.all = true;
  taps(1, 1);
  start_with(std::move(options));
  captured();
  for (int i = 0; i < 100; ++i) send(1, frame_of(1));
  ASSERT_TRUE(soon([&] { return sent_by(0) == 100; }));
  const std::uint64_t filters = counter("filters");
  *fails = true;  // its ring goes with what the thread was about
  ASSERT_TRUE(soon([&] { return counter("failures") == 1 && counter("filters") > filters; }));
  EXPECT_EQ(counter("ring_received"), 100U);
  for (int i = 0; i < 10; ++i) send(1, frame_of(1));
  ASSERT_TRUE(soon([&] { return sent_by(0) == 110; }));
  EXPECT_TRUE(soon([&] { return counter("ring_received") == 110; })) << counter("ring_received");
  EXPECT_TRUE(is_up()) << probe_->health().message;
}

TEST_F(CaptureProbeTest, AThousandTaps) {
  constexpr std::uint32_t kTaps = 1000;
  taps(1, kTaps);
  taps(5001, 20);  // that nobody selected
  inventory_.domains.resize(kTaps);
  links_.resize(kTaps);
  start();
  captured();
  auto before = received();
  for (std::uint32_t round = 0; round < 3; ++round) {
    for (std::uint32_t id = 1; id <= kTaps; ++id) {
      for (std::uint32_t n = 0; n <= id % 4; ++n) send(id, frame_of(id, 40000 + n));
      if (id % 50 == 0) send(5001 + id % 20, frame_of(5001)), ::usleep(1000);
    }
  }
  auto after = received();
  std::vector<std::array<std::uint64_t, 2>> expected;
  for (std::uint32_t id = 1; id <= kTaps; ++id) {
    const std::string tap = "t" + std::to_string(id);
    expected.push_back({after[tap] - before[tap], 0});
    must(expected.back()[0] > 0, tap + " passed nothing");
  }
  EXPECT_TRUE(soon([&] { return packets() == expected; }));
  EXPECT_EQ(counter("links"), kTaps);
  EXPECT_EQ(counter("packets_elsewhere") + counter("ring_dropped") + counter("failures"), 0U);
  EXPECT_TRUE(is_up()) << probe_->health().message;
}

TEST_F(CaptureProbeTest, TagsAndNamesSelect) {
  taps(1, 5);
  inventory_.domains[0].name = "web1";
  inventory_.domains[1].name = "an-old-web";
  inventory_.domains[2].tags = {{"nova.project", "shop"}, {"nova.flavor", "small"}};
  inventory_.domains[3].tags = {{"nova.project", "bank"}, {"nova.flavor", "shop"}};
  CaptureProbeOptions options;
  options.vms = {"^web", "^db"};
  options.tags = {{"nova.project", "shop"}, {"nova.project", "school"}};
  start_with(std::move(options));
  captured();
  EXPECT_EQ(counter("links"), 2U);
  // Those that are selected last: when they are there, so would be the others'.
  const auto all_send = [&] {
    for (const std::uint32_t id : {2U, 4U, 5U, 1U, 3U}) {
      for (std::uint32_t n = 0; n < 10 * id; ++n) send(id, frame_of(id));
    }
  };
  using Packets = std::vector<std::array<std::uint64_t, 2>>;
  all_send();
  EXPECT_TRUE(soon([&] { return packets() == Packets{{10, 0}, {0, 0}, {30, 0}, {0, 0}, {0, 0}}; }));
  // What VMs are called and tagged is what counts, not what they were.
  inventory_.domains[0].name = "old";
  inventory_.domains[3].tags["nova.project"] = "school";
  captured();
  EXPECT_EQ(counter("links"), 2U);
  all_send();
  EXPECT_TRUE(soon([&] { return packets() == Packets{{10, 0}, {0, 0}, {60, 0}, {40, 0}, {0, 0}}; }));
  EXPECT_TRUE(is_up()) << probe_->health().message;
}

TEST_F(CaptureProbeTest, AFilterLeavesOutWhatItDoesNotMatch) {
  taps(1, 2);
  CaptureProbeOptions options;
  options.all = true;
  options.filter = "tcp port 80";
  ip("link set lo up\n");  // libpcap asks it
  start_with(std::move(options));
  captured();
  const auto all_send = [&] {
    for (const std::uint32_t id : {1U, 2U}) {
      for (std::uint32_t n = 0; n < 20; ++n) {
        send(id, frame_of(id));
        send(id, wire_test::ethernet(0x0800, wire_test::ipv4(17, wire_test::udp(80, 80, Bytes().fill(100))), 0x525400000000 + id));
        send(id, wire_test::ethernet(0x0806, wire_test::arp(1), 0x525400000000 + id));
      }
      for (std::uint32_t n = 0; n < 10 * id; ++n) send(id, frame_of(id, 80));
    }
  };
  using Packets = std::vector<std::array<std::uint64_t, 2>>;
  all_send();
  EXPECT_TRUE(soon([&] { return packets() == Packets{{10, 0}, {20, 0}}; }));
  // Also with other links.
  inventory_.domains.resize(1);
  links_.resize(1);
  captured();
  all_send();
  EXPECT_TRUE(soon([&] { return packets() == Packets{{20, 0}}; }));
  EXPECT_EQ(counter("packets"), 40U) << "nor were the others let in";
  EXPECT_TRUE(is_up()) << probe_->health().message;
}

// With a limit to its CPU time it keeps some of the flows, and what it publishes of them is what all of them sent.
TEST_F(CaptureProbeTest, VolumesOfAShareStandForAll) {
  taps(1, 2);
  CaptureProbeOptions options;
  options.all = true;
  options.cpu_percent = 1;
  start_with(std::move(options));
  captured();
  // Every second frame is of the first quarter of the flows.
  constexpr std::uint32_t kFlows = 10'000;
  std::vector<Bytes> frames;
  for (std::uint32_t i = 0; i < kFlows; ++i) {
    const Bytes datagram = wire_test::udp(10'000 + i, 443, Bytes().fill(100));
    frames.push_back(wire_test::ethernet(0x0800, wire_test::ipv4(17, datagram), 0x525400000001, kMacOfPeer));
  }
  std::vector<VnicTotals> totals(2);
  double kept = 1;
  FlowRows rows;
  const std::uint64_t before = received()["t1"];
  const auto tick = [&] {
    totals[0].present = totals[0].seen = kAllMetrics;
    totals[0].total[kTxPackets] = received()["t1"] - before;
    totals[0].total[kTxOctets] = totals[0].total[kTxPackets] * frames[0].size();
    const Nanoseconds now = system_clock().boottime();
    kept = probe_
               ->tick(now, totals,
                      [&](const FlowLedger& ledger) {
                        const FlowLedger* const ledgers[] = {&ledger};
                        rows = flow_rows(ledgers, totals, now, {});
                      })
               .kept_share;
  };
  tick();
  // Some times as much as the limit allows; to a sanitizer's build many times as much.
  Flood flood(
      [&, link = ::if_nametoindex("g1")](std::uint32_t n) { send_into(link, frames[n % 2 == 0 ? n / 2 % (kFlows / 4) : n / 2 % kFlows]); });
  double least = 1;
  for (int ticks = 0, of_a_share = 0; of_a_share < 4 && ticks < 60; ++ticks) {
    ::usleep(1'000'000);
    tick();
    least = std::min(least, kept);
    of_a_share += kept < 1 ? 1 : 0;
  }
  flood.stop();
  // What has come when this has, which is not of the kind that was too much.
  const auto all_came = [&] {
    send(2, wire_test::ethernet(0x0806, wire_test::arp(1), 0x525400000002));
    ::usleep(200'000);
    tick();
    return rows.vnics[1].tx.total_samples > 0;
  };
  ASSERT_TRUE(soon(all_came));
  EXPECT_LT(least, 1);
  const FlowSums& told = rows.vnics[0].tx;
  EXPECT_LT(told.total_samples, totals[0].total[kTxPackets]);
  // Twice the error holds the true value but once in some ten thousand times.
  // Where next to no flows were kept, the error says that nobody knows.
  const double most = least > 0.02 ? 1 : HUGE_VAL;
  const auto agrees = [&](double estimate, double error, std::uint64_t exact) {
    return error > 0 && error < most && std::abs(estimate - static_cast<double>(exact)) <= 2 * error * estimate;
  };
  EXPECT_TRUE(agrees(told.total_packets, static_cast<double>(told.total_packets_error), totals[0].total[kTxPackets]))
      << told.total_packets << " of " << totals[0].total[kTxPackets] << ", error " << told.total_packets_error;
  EXPECT_TRUE(agrees(told.total_octets, static_cast<double>(told.total_octets_error), totals[0].total[kTxOctets]))
      << told.total_octets << " of " << totals[0].total[kTxOctets] << ", error " << told.total_octets_error;
  ASSERT_EQ(rows.conversations.size(), 2U);
  EXPECT_EQ(rows.conversations[0].source, FlowSource::kCaptureScaled);
}

// 500 taps at a time, which are other VMs' each time, beside one that is busy all the time.
TEST_F(CaptureProbeTest, TenThousandTapsThatComeAndGo) {
  constexpr std::uint32_t kRounds = 20, kAtOnce = 500;
  taps(1, 1);
  start();
  captured();
  const std::uint64_t before = received()["t1"];
  Flood flood([this, link = ::if_nametoindex("g1")](std::uint32_t n) { send_into(link, frame_of(1, 40000 + n % 500)); });
  std::size_t open = 0, memory = 0, most = 0;
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    const std::uint32_t first = 2 + round * kAtOnce;
    taps(first, kAtOnce, "7");
    captured();
    for (std::uint32_t id = first; id < first + kAtOnce; ++id) send(id, frame_of(id));
    ASSERT_TRUE(soon([&] { return packets().back()[0] > 0; }));
    ip("link del group 7\n");
    inventory_.domains.resize(1);
    links_.resize(1);
    captured();
    packets();
    const std::size_t used = mallinfo2().uordblks;
    if (round == 3) open = descriptors(), memory = used;
    if (round > 3) most = std::max(most, used);
  }
  flood.stop();
  EXPECT_EQ(descriptors(), open);
  // Tables that fill up to their bounds: the flows of one VM, and the numbers of those that were there at once.
  EXPECT_LT(most, memory + 1'000'000) << memory;
  const std::uint64_t expected = received()["t1"] - before;
  EXPECT_TRUE(soon([&] { return sent_by(0) == expected; })) << sent_by(0) << " of " << expected;
  EXPECT_EQ(counter("ring_dropped") + counter("failures"), 0U);
  EXPECT_GE(counter("filters"), 2 * kRounds);
  EXPECT_TRUE(is_up()) << probe_->health().message;
}

}  // namespace
}  // namespace vmtraffic
