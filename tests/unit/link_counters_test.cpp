// LinkCounters on the kernel: each test makes a network namespace and links of its own, and so needs root.
// What no kernel does on demand (silence, broken answers, an SR-IOV card) stands in link_counters_fake_test.cpp.
#include "core/probes/link_counters.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <new>
#include <ostream>
#include <sstream>
#include <string_view>

namespace {

std::size_t allocations = 0;

}  // namespace

// GCC does not see that these belong together.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#pragma GCC diagnostic pop

#include "tests/unit/own_network.hpp"

namespace vmtraffic {

void PrintTo(const LinkReading& reading, std::ostream* out) {
  *out << "{if_index=" << reading.if_index << " present=" << static_cast<int>(reading.present);
  for (const std::uint64_t value : reading.values) *out << ' ' << value;
  *out << '}';
}

namespace {

constexpr std::string_view kNoAnswerInTime = "rtnetlink: no answer in time: Connection timed out";

LinkReading reading(std::uint32_t if_index, const MetricTotals& values) {
  LinkReading made;
  made.if_index = if_index;
  made.values = values;
  made.present = kAllMetrics;
  return made;
}

class Links : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(enter_own_network());
    open();
  }

  void open(LinkCountersOptions options = {}) {
    auto opened = LinkCounters::open(std::move(options));
    ASSERT_TRUE(opened) << opened.error().text;
    counters_ = std::move(*opened);
  }

  static void ip(const std::string& batch) {
    std::FILE* pipe = ::popen("ip -b -", "w");
    ASSERT_NE(pipe, nullptr);
    std::fputs(batch.c_str(), pipe);
    ASSERT_EQ(::pclose(pipe), 0) << batch;
  }

  void watch(const std::vector<std::string>& taps) {
    std::vector<LinkQuery> queries;
    for (const std::string& tap : taps) queries.push_back({tap, std::nullopt});
    counters_->watch(std::move(queries));
  }

  // Whoever makes or removes links, in any namespace, holds the kernel's one lock, on a busy machine for longer than a sample waits.
  std::vector<LinkReading> sample() {
    Status status = counters_->sample(readings_);
    for (int tries = 0; tries < 20 && !status && status.error().text == kNoAnswerInTime; ++tries) status = counters_->sample(readings_);
    EXPECT_TRUE(status) << status.error().text;
    return readings_;
  }

  // Samples until the readings are these: the kernel may pass a frame on a moment later. At last what it was instead.
  std::vector<LinkReading> sample_until(const std::vector<LinkReading>& expected) {
    for (int tries = 0; tries < 200 && sample() != expected; ++tries) ::usleep(10'000);
    return readings_;
  }

  std::uint64_t count(std::string_view name) const {
    for (const auto& [counter, value] : counters_->counters()) {
      if (counter == name) return value;
    }
    ADD_FAILURE() << "no counter " << name;
    return 0;
  }

  static std::uint32_t index_of(const std::string& name) { return ::if_nametoindex(name.c_str()); }

  // /proc/net/dev's columns in our order, the kernel's direction.
  static MetricTotals proc_net_dev(const std::string& name) {
    std::ifstream file("/proc/thread-self/net/dev");
    for (std::string line; std::getline(file, line);) {
      std::istringstream words(line);
      std::string first;
      words >> first;
      if (first != name + ":") continue;
      std::array<std::uint64_t, 16> columns{};
      for (std::uint64_t& column : columns) words >> column;
      return {columns[0], columns[1], columns[2], columns[3], columns[8], columns[9], columns[10], columns[11]};
    }
    ADD_FAILURE() << "no link " << name;
    return {};
  }

  static MetricTotals turned(const MetricTotals& values) {
    return {values[4], values[5], values[6], values[7], values[0], values[1], values[2], values[3]};
  }

  // Broadcasts frames out of a link, as the host's bridge would.
  static void send_frames(const std::string& name, int frames, std::size_t size) {
    const int socket = ::socket(AF_PACKET, SOCK_RAW, 0);
    ASSERT_GE(socket, 0);
    // A link that has just come up has no queue yet: past it.
    const int bypass = 1;
    ASSERT_EQ(::setsockopt(socket, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof(bypass)), 0);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(index_of(name));
    std::vector<unsigned char> frame(size, 0xFF);
    for (int i = 0; i < frames; ++i) {
      // A full tap refuses it, which is what one test is after; a frame that was lost elsewhere shows in the counters.
      static_cast<void>(::sendto(socket, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
    }
    ::close(socket);
  }

  std::unique_ptr<LinkCounters> counters_;
  std::vector<LinkReading> readings_;
};

TEST_F(Links, OfAVethAreTurned) {
  ip("link add va type veth peer name vb\nlink set va up\nlink set vb up\n");
  send_frames("va", 3, 100);
  send_frames("vb", 5, 200);
  watch({"va", "vb", "none"});
  // Sent by the host into va: the guest behind va receives. No protocol of the host takes such frames, so what a guest sends is dropped.
  const std::vector expected{reading(index_of("va"), {300, 3, 0, 0, 1000, 5, 0, 5}), reading(index_of("vb"), {1000, 5, 0, 0, 300, 3, 0, 3}),
                             LinkReading{}};
  EXPECT_EQ(sample_until(expected), expected);
  EXPECT_EQ(readings_[0].values, turned(proc_net_dev("va")));
  EXPECT_EQ(readings_[1].values, turned(proc_net_dev("vb")));
}

// The tap's other side is a program, as QEMU is: what it writes the guest has sent.
TEST_F(Links, OfATapAreTurned) {
  const int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ASSERT_GE(tap, 0);
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "tap-vm1");
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  ASSERT_EQ(::ioctl(tap, TUNSETIFF, &request), 0);
  ip("link set tap-vm1 up\n");
  std::array<unsigned char, 60> frame{};
  frame.fill(0xFF);
  for (int i = 0; i < 7; ++i) ASSERT_EQ(::write(tap, frame.data(), frame.size()), 60);
  send_frames("tap-vm1", 2, 100);
  std::array<unsigned char, 2000> received{};
  for (int i = 0; i < 2; ++i) ASSERT_EQ(::read(tap, received.data(), received.size()), 100);
  watch({"tap-vm1"});
  const std::vector expected{reading(index_of("tap-vm1"), {200, 2, 0, 0, 420, 7, 0, 7})};
  EXPECT_EQ(sample_until(expected), expected);

  // A queue that the guest does not empty: the host's tx_dropped are frames that the guest did not receive.
  ip("link set tap-vm1 txqueuelen 1\n");
  send_frames("tap-vm1", 600, 100);
  const LinkReading full = sample().at(0);
  EXPECT_EQ(full.values, turned(proc_net_dev("tap-vm1")));
  EXPECT_GT(full.values[kRxDrops], 0u);
  ::close(tap);
}

TEST_F(Links, OfAMacvtapAreNotTurned) {
  ip("link add va type veth peer name vb\nlink add link vb name macvtap0 type macvtap mode bridge\nlink set va up\nlink set vb up\nlink "
     "set macvtap0 up\n");
  watch({"macvtap0"});
  // The kernel hands broadcasts on when it finds the time, and to links that it has seen to be up.
  for (int tries = 0; tries < 200 && sample().at(0).values[kRxPackets] == 0; ++tries) {
    send_frames("va", 1, 100);
    ::usleep(10'000);
  }
  ::usleep(50'000);
  const std::uint64_t frames = sample().at(0).values[kRxPackets];
  EXPECT_GT(frames, 0u);
  // Nobody holds the guest's end open, so what arrives there is dropped there.
  LinkReading expected = reading(index_of("macvtap0"), {100 * frames, frames, 0, frames});
  expected.end = LinkEnd::kGuest;
  EXPECT_EQ(readings_, std::vector{expected});
  EXPECT_EQ(readings_[0].values, proc_net_dev("macvtap0"));
}

TEST_F(Links, OneLinkMayServeSeveralQueriesAndNames) {
  ip("link add va type veth peer name vb\nlink property add dev va altname another-name-of-va\nlink set va up\nlink set vb up\n");
  send_frames("va", 1, 100);
  watch({"va", "", "another-name-of-va", "va"});
  const LinkReading va = reading(index_of("va"), {100, 1});
  EXPECT_EQ(sample(), (std::vector{va, LinkReading{}, va, va}));
  counters_->watch({});
  EXPECT_EQ(sample(), std::vector<LinkReading>{});
}

TEST_F(Links, AreFollowedThroughRenames) {
  ip("link add va type veth peer name vb\nlink set va up\nlink set vb up\n");
  const std::uint32_t va = index_of("va");
  const std::uint32_t vb = index_of("vb");
  watch({"va", "vb", "vc"});
  sample();
  ip("link set va down\nlink set va name vc\n");
  EXPECT_EQ(sample()[0], LinkReading{});
  EXPECT_EQ(readings_[1].if_index, vb);
  EXPECT_EQ(readings_[2].if_index, va);
  ip("link set vb down\nlink set vb name va\nlink set vc name vb\n");
  EXPECT_EQ(sample()[0].if_index, vb);
  EXPECT_EQ(readings_[1].if_index, va);
  EXPECT_EQ(readings_[2], LinkReading{});
  EXPECT_EQ(count("listings"), 1u);  // notifications sufficed
}

TEST_F(Links, AreFollowedThroughDeletionAndBack) {
  ip("link add va type veth peer name vb\nlink set va up\nlink set vb up\n");
  send_frames("va", 3, 100);
  watch({"va"});
  const LinkReading before = sample().at(0);
  ip("link del va\n");
  EXPECT_EQ(sample(), std::vector{LinkReading{}});
  ip("link add va type veth peer name vb\nlink set va up\nlink set vb up\n");
  EXPECT_NE(index_of("va"), before.if_index);
  EXPECT_EQ(sample(), std::vector{reading(index_of("va"), {})});
  // Within one interval, as when a VM is restarted; of another kind even.
  ip("link del va\nlink add va type bridge\n");
  EXPECT_EQ(sample(), std::vector{reading(index_of("va"), {})});
  EXPECT_EQ(count("listings"), 1u);
}

TEST_F(Links, JoinAndLeaveABridgeUnharmed) {
  ip("link add va type veth peer name vb\nlink add br0 type bridge\nlink set va up\n");
  watch({"va"});
  const auto before = sample();
  ip("link set va master br0\n");
  EXPECT_EQ(sample(), before);
  ip("link set va nomaster\n");
  EXPECT_EQ(sample(), before);
}

constexpr const char* kDeleteMany = "link del group 7\n";  // at once: one by one costs 20 ms each

std::string add_many(int links) {
  std::string batch;
  for (int i = 0; i < links; ++i)
    batch += "link add vnet" + std::to_string(i) + " group 7 type veth peer name peer" + std::to_string(i) + "\n";
  return batch;
}

std::vector<std::string> many_names(int links) {
  std::vector<std::string> names;
  for (int i = 0; i < links; ++i) names.push_back("vnet" + std::to_string(i));
  return names;
}

std::ptrdiff_t links_read(const std::vector<LinkReading>& readings) {
  return std::count_if(readings.begin(), readings.end(), [](const LinkReading& r) { return r.if_index != 0 && r.present == kAllMetrics; });
}

TEST_F(Links, ComeAndGoByTheHundred) {
  watch(many_names(500));
  EXPECT_EQ(links_read(sample()), 0);
  ip(add_many(500));
  EXPECT_EQ(links_read(sample()), 500);
  for (int i = 0; i < 500; ++i) ASSERT_EQ(readings_[static_cast<std::size_t>(i)].if_index, index_of("vnet" + std::to_string(i)));
  EXPECT_EQ(count("notifications_lost"), 0u);
  EXPECT_EQ(count("listings"), 1u);
  EXPECT_EQ(count("links"), 1001u);
  ip(kDeleteMany);
  EXPECT_EQ(links_read(sample()), 0);
  EXPECT_EQ(count("links"), 1u);
}

TEST_F(Links, AreListedAgainWhenNotificationsAreLost) {
  open({.notification_buffer = 4096});
  watch(many_names(200));
  EXPECT_EQ(links_read(sample()), 0);
  ip(add_many(200));
  EXPECT_EQ(links_read(sample()), 200);
  EXPECT_EQ(count("notifications_lost"), 1u);
  EXPECT_EQ(count("listings"), 2u);
  EXPECT_EQ(count("links"), 401u);
  ip(kDeleteMany);
  EXPECT_EQ(links_read(sample()), 0);
  EXPECT_EQ(count("links"), 1u);
}

TEST_F(Links, CostNoAllocationWhileNothingChanges) {
  ip(add_many(50));
  watch(many_names(50));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(counters_->sample(readings_));
  const std::size_t before = allocations;
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(counters_->sample(readings_));
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(links_read(readings_), 50);
  EXPECT_EQ(count("dumps"), 13u);  // one each
}

// A link that comes and goes without end interrupts dumps; sampling goes on regardless.
TEST_F(Links, AreReadWhileOthersComeAndGo) {
  ip(add_many(300));
  watch(many_names(300));
  std::FILE* pipe = ::popen("ip -b -", "w");
  ASSERT_NE(pipe, nullptr);
  for (int i = 0; i < 50; ++i) std::fputs("link add other type veth peer name other-peer\nlink del other\n", pipe);
  std::fflush(pipe);
  // Whoever makes links holds the kernel's lock, on a busy machine for longer than a sample waits: then there is none, and no half of one.
  int samples = 0;
  for (int i = 0; i < 50; ++i) {
    if (const Status status = counters_->sample(readings_); !status) {
      EXPECT_EQ(status.error().text, kNoAnswerInTime);
      continue;
    }
    ++samples;
    EXPECT_EQ(links_read(readings_), 300);
  }
  EXPECT_GT(samples, 0);
  EXPECT_EQ(::pclose(pipe), 0);
  EXPECT_EQ(links_read(sample()), 300);
  EXPECT_EQ(count("links"), 601u);
}

}  // namespace
}  // namespace vmtraffic
