// PacketRing on the kernel: each test makes a network namespace and links of its own, and so needs root.
#include "core/probes/packet_ring.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <functional>
#include <optional>
#include <ostream>
#include <set>
#include <thread>

#include "core/clock.hpp"
#include "tests/unit/generated_frames.hpp"
#include "tests/unit/own_network.hpp"
#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic {
namespace {

using std::chrono::milliseconds;
using wire_test::Bytes;

// A packet with octets of its own.
struct Seen {
  std::uint32_t if_index{0};
  Heading heading{Heading::kUnknown};
  std::uint32_t wire_length{0};
  std::uint16_t vlan_tpid{0}, vlan_tci{0};
  std::vector<std::byte> octets;
  friend bool operator==(const Seen&, const Seen&) = default;
  friend void PrintTo(const Seen& seen, std::ostream* out) {
    *out << "{if_index=" << seen.if_index << " heading=" << static_cast<int>(seen.heading) << " wire=" << seen.wire_length << std::hex
         << " tpid=" << seen.vlan_tpid << " tci=" << seen.vlan_tci << std::dec << ' ' << testing::PrintToString(seen.octets) << '}';
  }
};

// Of a protocol that nobody speaks, so that no other packet is taken for it.
constexpr std::uint32_t kProbe = 0xFFFF'FFFF;  // sent to see that a link works: no test's own
Bytes marked(std::uint32_t number, std::size_t size = 60) { return wire_test::ethernet(0x88B5, Bytes().u32(number).fill(size - 18, 0x5A)); }
std::uint32_t mark_of(Octets octets) {
  ByteReader reader(octets);
  reader.skip(14);
  return reader.u32();
}

// What a child process has to say, which may give its rights away.
std::string said_by_child(const std::function<std::string()>& says) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string said = says();
    const bool told = ::write(ends[1], said.data(), said.size()) == static_cast<ssize_t>(said.size());
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string out;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = ::read(ends[0], piece.data(), piece.size())) > 0;) out.append(piece.data(), static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status == 0 ? out : "the child failed";
}

bool keep_capabilities(std::uint32_t mask) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  data[0].effective = data[0].permitted = mask;
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

// virtio_net_hdr of linux/virtio_net.h, which is no C++.
struct Offload {
  std::uint8_t flags, gso_type;
  std::uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

class Ring : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(enter_own_network());
    socket_ = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    ASSERT_GE(socket_, 0);
  }
  void TearDown() override { ::close(socket_); }

  void open(const PacketRingOptions& options = {.size_mib = 4, .patience = milliseconds(5)}) {
    auto opened = PacketRing::open(options);
    ASSERT_TRUE(opened) << opened.error().text;
    ring_.emplace(std::move(*opened));
  }

  void set(const CaptureFilterOptions& options) {
    const auto built = build_capture_filter(options);
    ASSERT_TRUE(built) << built.error().text;
    const Status done = ring_->set_filter(built->program);
    ASSERT_TRUE(done) << done.error().text;
  }
  void allow(const std::vector<std::string>& links, std::uint32_t snapshot_length = 192) {
    std::vector<std::uint32_t> indexes;
    for (const std::string& name : links) indexes.push_back(index_of(name));
    set({.if_indexes = indexes, .snapshot_length = snapshot_length});
  }

  static void ip(const std::string& batch) {
    std::FILE* pipe = ::popen("ip -b -", "w");
    ASSERT_NE(pipe, nullptr);
    std::fputs(batch.c_str(), pipe);
    ASSERT_EQ(::pclose(pipe), 0) << batch;
  }
  static std::uint32_t index_of(const std::string& name) { return ::if_nametoindex(name.c_str()); }

  static std::uint64_t received_by(const std::string& name) {
    std::ifstream file("/proc/thread-self/net/dev");
    for (std::string word; file >> word;) {
      std::uint64_t octets = 0, packets = 0;
      if (word == name + ":" && file >> octets >> packets) return packets;
    }
    return 0;
  }

  // A pair that passes packets: a link that has just come up drops them for a moment.
  void veth(const std::string& a, const std::string& b) {
    ip("link add " + a + " type veth peer name " + b + "\nlink set " + a + " up\nlink set " + b + " up\n");
    for (int tries = 0; tries < 400 && received_by(b) == 0; ++tries, ::usleep(5000)) send(a, marked(kProbe));
    for (int tries = 0; tries < 400 && received_by(a) == 0; ++tries, ::usleep(5000)) send(b, marked(kProbe));
    ASSERT_GT(received_by(a), 0u);
    ASSERT_GT(received_by(b), 0u);
  }

  void send(const std::string& link, const Bytes& frame) const { send(index_of(link), frame); }
  void send(std::uint32_t if_index, const Bytes& frame) const { send(if_index, frame.octets()); }
  void send(std::uint32_t if_index, Octets frame) const {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = static_cast<int>(if_index);
    static_cast<void>(::sendto(socket_, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof(to)));
  }

  void read_some(std::vector<Seen>& into) {
    std::array<CapturedPacket, 16> packets;
    for (std::size_t count = 0; (count = ring_->next(packets)) > 0;) {
      for (const CapturedPacket& p : std::span(packets).first(count)) {
        if (mark_of(p.octets) == kProbe) continue;
        last_walltime_ = p.walltime;
        into.push_back({p.if_index, p.heading, p.wire_length, p.vlan_tpid, p.vlan_tci, {p.octets.begin(), p.octets.end()}});
      }
    }
  }
  // Until there are so many, and a moment longer: what should not be there has its time to come.
  std::vector<Seen> collect(std::size_t count) {
    std::vector<Seen> out;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (out.size() < count && std::chrono::steady_clock::now() < deadline) {
      if (ring_->wait(milliseconds(100))) read_some(out);
    }
    while (ring_->wait(milliseconds(60))) read_some(out);
    return out;
  }

  Seen seen(const std::string& link, Heading heading, const Bytes& frame) const {
    return {index_of(link), heading, static_cast<std::uint32_t>(frame.size()), 0, 0, frame.vector()};
  }

  int socket_{-1};
  std::optional<PacketRing> ring_;
  Nanoseconds last_walltime_{0};
};

TEST_F(Ring, DeliversBothSidesOfAVeth) {
  veth("va", "vb");
  open();
  allow({"va", "vb"});
  const Nanoseconds before = system_clock().walltime();
  const Bytes frame = marked(1, 100);
  send("va", frame);
  EXPECT_EQ(collect(2), (std::vector{seen("va", Heading::kOut, frame), seen("vb", Heading::kIn, frame)}));
  EXPECT_GE(last_walltime_, before);
  EXPECT_LE(last_walltime_, system_clock().walltime());
  EXPECT_EQ(ring_->stats(), (PacketRing::Stats{.received = 2}));
  EXPECT_EQ(ring_->stats(), (PacketRing::Stats{.received = 2})) << "reading them clears the kernel's, not ours";
}

// The other side of a tap is a program, as QEMU is: what it writes the guest has sent.
TEST_F(Ring, OfATapWhatTheGuestSendsComesIn) {
  const int tap = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ASSERT_GE(tap, 0);
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "tap-vm1");
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  ASSERT_EQ(::ioctl(tap, TUNSETIFF, &request), 0);
  ip("link set tap-vm1 up\n");
  open();
  allow({"tap-vm1"});
  const Bytes from_guest = marked(1), to_guest = marked(2);
  ASSERT_EQ(::write(tap, from_guest.octets().data(), from_guest.size()), 60);
  std::vector<Seen> got = collect(1);
  EXPECT_EQ(got, std::vector{seen("tap-vm1", Heading::kIn, from_guest)});
  // Its queue may take a moment to come up: until then nothing goes out, and nothing is seen to.
  got.clear();
  for (int tries = 0; tries < 200 && got.empty(); ++tries) {
    send("tap-vm1", to_guest);
    got = collect(1);
  }
  ASSERT_FALSE(got.empty());
  EXPECT_EQ(got.front(), seen("tap-vm1", Heading::kOut, to_guest));
  ::close(tap);
}

// The receiving side finds the tag beside the frame, the sending side still in it.
TEST_F(Ring, HandsOverTheTagThatTheKernelTookOut) {
  veth("va", "vb");
  open();
  allow({"va", "vb"});
  for (const std::uint16_t tpid : {std::uint16_t{0x8100}, std::uint16_t{0x88A8}}) {
    const Bytes payload = Bytes().u32(7).fill(60, 0x11);
    const Bytes tagged = wire_test::ethernet(tpid, wire_test::tag(0x6005, 0x88B5, payload));
    Seen untagged = seen("vb", Heading::kIn, wire_test::ethernet(0x88B5, payload));
    untagged.vlan_tpid = tpid;
    untagged.vlan_tci = 0x6005;
    send("va", tagged);
    EXPECT_EQ(collect(2), (std::vector{seen("va", Heading::kOut, tagged), untagged}));
  }
}

TEST_F(Ring, FindsATagByAnExpression) {
  ip("link set lo up\n");
  veth("va", "vb");
  open();
  const auto expression = compile_expression("vlan 5");
  ASSERT_TRUE(expression) << expression.error().text;
  set({.if_indexes = {{index_of("vb")}}, .expression = *expression});
  for (const std::uint32_t vlan : {4u, 5u, 6u})
    send("va", wire_test::ethernet(0x8100, wire_test::tag(vlan, 0x88B5, Bytes().u32(vlan).fill(50))));
  send("va", marked(1));
  Seen expected = seen("vb", Heading::kIn, wire_test::ethernet(0x88B5, Bytes().u32(5).fill(50)));
  expected.vlan_tpid = 0x8100;
  expected.vlan_tci = 5;
  EXPECT_EQ(collect(1), std::vector{expected});
}

TEST_F(Ring, WaitsForWhatWasNotReadYet) {
  veth("va", "vb");
  open();
  allow({"vb"});
  for (std::uint32_t i = 0; i < 3; ++i) send("va", marked(i));
  std::array<CapturedPacket, 2> packets;
  std::size_t count = 0;
  while (count < 3) {
    ASSERT_TRUE(ring_->wait(std::chrono::seconds(5)));
    count += ring_->next(packets);
  }
  // The block is read to its end, and nobody has asked for the next one.
  EXPECT_FALSE(ring_->wait(milliseconds(20)));
}

TEST_F(Ring, CutsAtTheSnapshotLengthAndTellsTheWholeOne) {
  veth("va", "vb");
  open();
  allow({"vb"}, 64);
  const Bytes frame = marked(1, 1000);
  send("va", frame);
  Seen cut = seen("vb", Heading::kIn, frame);
  cut.octets.resize(64);
  EXPECT_EQ(collect(1), std::vector{cut});
}

// What a guest's segmentation offload leaves whole is one packet, longer than any MTU.
TEST_F(Ring, TellsASuperFramesLength) {
  veth("va", "vb");
  open();
  allow({"vb"});
  const int on = 1;
  ASSERT_EQ(::setsockopt(socket_, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)), 0);
  const Bytes frame = wire_test::ethernet(0x0800, wire_test::ipv4(6, wire_test::tcp(Bytes().fill(60'000, 0x22))));
  Offload offload{};
  offload.flags = 1;     // VIRTIO_NET_HDR_F_NEEDS_CSUM
  offload.gso_type = 1;  // VIRTIO_NET_HDR_GSO_TCPV4
  offload.hdr_len = 54;
  offload.gso_size = 1448;
  offload.csum_start = 34;
  offload.csum_offset = 16;
  std::array<iovec, 2> pieces{{{&offload, sizeof(offload)}, {const_cast<std::byte*>(frame.octets().data()), frame.size()}}};
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(index_of("va"));
  msghdr message{};
  message.msg_name = &to;
  message.msg_namelen = sizeof(to);
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  ASSERT_EQ(::sendmsg(socket_, &message, 0), static_cast<ssize_t>(sizeof(offload) + frame.size()));
  const std::vector<Seen> got = collect(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(got[0].wire_length, 14u + 20 + 20 + 60'000);
  EXPECT_EQ(got[0].octets.size(), 192u);
}

TEST_F(Ring, DeliversNothingFromBeforeTheFirstFilter) {
  veth("va", "vb");
  open();
  for (int i = 0; i < 100; ++i) send("va", marked(1));
  EXPECT_FALSE(ring_->wait(milliseconds(50)));
  allow({"vb"});
  send("va", marked(2));
  EXPECT_EQ(collect(1), std::vector{seen("vb", Heading::kIn, marked(2))});
  EXPECT_EQ(ring_->stats(), (PacketRing::Stats{.received = 1}));
}

TEST_F(Ring, TakesALinkThatIsPluggedInLater) {
  veth("va", "vb");
  open();
  allow({"vb"});
  veth("vc", "vd");
  send("vc", marked(1));
  send("va", marked(2));
  EXPECT_EQ(collect(1), std::vector{seen("vb", Heading::kIn, marked(2))});
  allow({"vb", "vd"});
  send("vc", marked(3));
  send("va", marked(4));
  EXPECT_EQ(collect(2), (std::vector{seen("vd", Heading::kIn, marked(3)), seen("vb", Heading::kIn, marked(4))}));
}

TEST_F(Ring, GoesOnWhenALinkVanishes) {
  veth("va", "vb");
  veth("vc", "vd");
  open();
  allow({"vb", "vd"});
  const Status promiscuous = ring_->set_promiscuous(index_of("vb"));
  ASSERT_TRUE(promiscuous) << promiscuous.error().text;
  send("va", marked(1));
  ip("link del va\n");
  for (int i = 0; i < 3; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    std::vector<Seen> got;
    if (ring_->wait(milliseconds(50))) {
      read_some(got);
      EXPECT_EQ(mark_of(got.at(0).octets), 1u);
    } else {
      EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds(45)) << "it does not wait any more";
    }
  }
  send("vc", marked(2));
  EXPECT_EQ(collect(1), std::vector{seen("vd", Heading::kIn, marked(2))});
}

TEST_F(Ring, CountsWhatAFullRingDrops) {
  veth("va", "vb");
  open({.size_mib = 1, .patience = milliseconds(5)});
  allow({"vb"}, 1000);
  PacketRing::Stats stats;
  constexpr std::uint32_t kSent = 3000;
  for (std::uint32_t sent = 0; sent < kSent;) {
    for (int i = 0; i < 100; ++i) send("va", marked(sent++, 1000));
    // At the kernel's pace: its own queue of received packets has an end, too.
    for (int tries = 0; tries < 400 && stats.received + stats.dropped < sent; ++tries, ::usleep(1000)) stats = ring_->stats();
  }
  EXPECT_EQ(stats.received + stats.dropped, kSent);
  EXPECT_GT(stats.received, 0u);
  EXPECT_LT(stats.received, (1U << 20) / 1000) << "more than the ring holds";
  EXPECT_GE(stats.frozen, 1u);
  // What was received is all there, the oldest packets of all.
  const std::vector<Seen> got = collect(stats.received);
  ASSERT_EQ(got.size(), stats.received);
  for (std::uint32_t i = 0; i < got.size(); ++i) ASSERT_EQ(mark_of(got[i].octets), i);
  // And the ring has thawed.
  send("va", marked(kSent));
  const std::vector<Seen> after = collect(1);
  ASSERT_EQ(after.size(), 1u);
  EXPECT_EQ(mark_of(after[0].octets), kSent);
  EXPECT_EQ(ring_->stats().received, stats.received + 1);
}

TEST_F(Ring, LosesNothingWhileItsFilterIsReplaced) {
  for (const char* n : {"1", "2", "3", "4"}) veth(std::string("a") + n, std::string("b") + n);
  open({.size_mib = 64, .patience = milliseconds(5)});
  allow({"b1", "b2"});
  constexpr std::uint32_t kRounds = 20'000;
  std::atomic<bool> done{false};
  std::thread sender([&] {
    const std::array links{index_of("a1"), index_of("a2"), index_of("a3"), index_of("a4")};
    for (std::uint32_t round = 0; round < kRounds; ++round) {
      for (const std::uint32_t link : links) send(link, marked(round));
      if (round % 100 == 99) ::usleep(1000);  // the kernel's own queue of received packets has an end
    }
    done = true;
  });
  std::vector<Seen> got;
  int replaced = 0;
  while (!done) {
    ++replaced % 2 == 0 ? allow({"b1", "b2"}) : allow({"b2", "b3"});
    read_some(got);
    ring_->wait(milliseconds(1));
  }
  sender.join();
  const std::vector<Seen> rest = collect(0);
  got.insert(got.end(), rest.begin(), rest.end());
  EXPECT_GT(replaced, 20);
  EXPECT_EQ(ring_->stats().dropped, 0u);
  std::uint32_t kept = 0;
  std::set<std::uint32_t> links;
  for (const Seen& packet : got) {
    links.insert(packet.if_index);
    if (packet.if_index != index_of("b2")) continue;
    ASSERT_EQ(mark_of(packet.octets), kept++);
  }
  EXPECT_EQ(kept, kRounds);
  EXPECT_EQ(links, (std::set{index_of("b1"), index_of("b2"), index_of("b3")}));
}

// The kernel's own run of the program, compiled to machine code, against the definition in C++.
TEST_F(Ring, KeepsTheShareOfFlowsThatItsDefinitionSays) {
  veth("va", "vb");
  open();
  constexpr KeptFlows kKept{kAllFlows / 2, kAllFlows / 3};
  constexpr std::uint32_t kKey = 0xDEAD'BEEF;
  set({.if_indexes = {{index_of("vb")}}, .kept_flows = kKept, .share_key = kKey});
  filter_test::GeneratedFrames frames;
  std::vector<std::vector<std::byte>> expected;
  std::vector<Seen> got;
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::byte> frame = frames.next().vector();
    send(index_of("va"), frame);
    if (i % 100 == 99 && ring_->wait(milliseconds(10))) read_some(got);
    // As the receiving side sees it: the outermost tag is taken out.
    ByteReader reader(frame);
    reader.skip(12);
    const std::uint16_t type = reader.u16();
    if (type == 0x8100 || type == 0x88A8) frame.erase(frame.begin() + 12, frame.begin() + 16);
    if (flow_is_kept(frame, kKept, kKey)) expected.push_back(std::move(frame));
  }
  EXPECT_GT(expected.size(), 500u);
  const std::vector<Seen> rest = collect(expected.size() - std::min(got.size(), expected.size()));
  got.insert(got.end(), rest.begin(), rest.end());
  for (std::size_t i = 0; i < std::min(got.size(), expected.size()); ++i) ASSERT_EQ(got[i].octets, expected[i]) << i;
  EXPECT_EQ(got.size(), expected.size());
  EXPECT_EQ(ring_->stats(), (PacketRing::Stats{.received = expected.size()}));
}

TEST_F(Ring, LeavesOutLinksWithoutEthernet) {
  const int tun = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ASSERT_GE(tun, 0);
  ifreq request{};
  std::snprintf(request.ifr_name, sizeof(request.ifr_name), "tun0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  ASSERT_EQ(::ioctl(tun, TUNSETIFF, &request), 0);
  ip("link set tun0 up\n");
  veth("va", "vb");
  open();
  set({});
  const Bytes packet = wire_test::ipv4(17, wire_test::udp(1, 2, Bytes().fill(20)));
  ASSERT_EQ(::write(tun, packet.octets().data(), packet.size()), static_cast<ssize_t>(packet.size()));
  send("va", marked(1));
  EXPECT_EQ(collect(2), (std::vector{seen("va", Heading::kOut, marked(1)), seen("vb", Heading::kIn, marked(1))}));
  EXPECT_EQ(ring_->stats().received, 3u) << "it was not there to be left out";
  ::close(tun);
}

TEST_F(Ring, IsWokenFromAnotherThread) {
  open();
  const auto begin = std::chrono::steady_clock::now();
  std::thread other([&] {
    ::usleep(50'000);
    ring_->wake();
  });
  EXPECT_FALSE(ring_->wait(std::chrono::seconds(20)));
  other.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  // Nobody waited: the next one ends at once, and only that.
  ring_->wake();
  ring_->wake();
  const auto again = std::chrono::steady_clock::now();
  EXPECT_FALSE(ring_->wait(std::chrono::seconds(20)));
  EXPECT_LT(std::chrono::steady_clock::now() - again, std::chrono::seconds(10));
  const auto last = std::chrono::steady_clock::now();
  EXPECT_FALSE(ring_->wait(milliseconds(80)));
  EXPECT_GE(std::chrono::steady_clock::now() - last, milliseconds(75));
}

TEST_F(Ring, MakesALinkTakeAllPackets) {
  veth("va", "vb");
  open();
  const auto promiscuity = [] {
    std::FILE* pipe = ::popen("ip -d -o link show vb | grep -o 'promiscuity [0-9]*'", "r");
    std::array<char, 64> line{};
    const std::string out = std::fgets(line.data(), line.size(), pipe) != nullptr ? line.data() : "";
    ::pclose(pipe);
    return out;
  };
  ASSERT_EQ(promiscuity(), "promiscuity 0\n");
  const Status done = ring_->set_promiscuous(index_of("vb"));
  EXPECT_TRUE(done) << done.error().text;
  EXPECT_EQ(promiscuity(), "promiscuity 1\n");
  const Status missing = ring_->set_promiscuous(4711);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error(), (Error{ErrorCode::kMissing, "no link has the ifIndex 4711"}));
  ring_.reset();
  EXPECT_EQ(promiscuity(), "promiscuity 0\n");
}

TEST_F(Ring, NeedsOneCapability) {
  ip("link set lo up\n");
  veth("va", "vb");
  const std::string all = said_by_child([&]() -> std::string {
    if (!keep_capabilities(1U << CAP_NET_RAW)) return "capset failed";
    auto opened = PacketRing::open({.size_mib = 16});
    if (!opened) return opened.error().text;
    const auto expression = compile_expression("not arp");
    if (!expression) return expression.error().text;
    const auto installed = install_filter(*opened, {.if_indexes = {{index_of("vb")}}, .expression = *expression});
    if (!installed) return installed.error().text;
    const Status promiscuous = opened->set_promiscuous(index_of("vb"));
    if (!promiscuous) return promiscuous.error().text;
    send("va", marked(9));
    std::array<CapturedPacket, 4> packets;
    if (!opened->wait(std::chrono::seconds(5)) || opened->next(packets) != 1) return "no packet";
    return "packet " + std::to_string(mark_of(packets[0].octets));
  });
  EXPECT_EQ(all, "packet 9");
}

TEST_F(Ring, SaysWhatToDoWithoutTheRight) {
  ip("link set lo up\n");
  const std::string denied =
      "this user may not capture packets: give the program the right by 'setcap cap_net_raw+ep PROGRAM', or by "
      "AmbientCapabilities=CAP_NET_RAW in its systemd unit";
  const std::string ring = said_by_child([]() -> std::string {
    if (!keep_capabilities(0)) return "capset failed";
    const auto opened = PacketRing::open();
    return opened ? "opened" : std::to_string(static_cast<int>(opened.error().code)) + " " + opened.error().text;
  });
  EXPECT_EQ(ring, std::to_string(static_cast<int>(ErrorCode::kDenied)) + " " + denied);
  const std::string expression = said_by_child([]() -> std::string {
    if (!keep_capabilities(0)) return "capset failed";
    const auto compiled = compile_expression("tcp");
    if (!check_expression("tcp")) return "not even looked at";
    return compiled ? "compiled" : std::to_string(static_cast<int>(compiled.error().code)) + " " + compiled.error().text;
  });
  EXPECT_EQ(expression, std::to_string(static_cast<int>(ErrorCode::kDenied)) + " " + denied);
}

TEST_F(Ring, SaysThatLoIsDown) {
  const auto compiled = compile_expression("tcp");
  ASSERT_FALSE(compiled);
  EXPECT_EQ(compiled.error(),
            (Error{ErrorCode::kUnavailable, "the interface lo is down, and libpcap needs it to compile a filter: 'ip link set lo up'"}));
}

TEST_F(Ring, SaysThatThereIsNoMemory) {
  const std::string said = said_by_child([]() -> std::string {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit limit{pages * 4096 + (8U << 20), pages * 4096 + (8U << 20)};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return "setrlimit failed";
    const auto opened = PacketRing::open({.size_mib = 32});
    return opened ? "opened" : std::to_string(static_cast<int>(opened.error().code)) + " " + opened.error().text;
  });
  EXPECT_EQ(said, std::to_string(static_cast<int>(ErrorCode::kUnavailable)) +
                      " there is no memory for a capture ring of 32 MiB: set a smaller one");
}

TEST_F(Ring, RefusesWhatMakesNoSense) {
  const auto none = PacketRing::open({.size_mib = 0});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error(), (Error{ErrorCode::kInvalid, "a capture ring of 0 MiB is not possible: say 1 to 2048"}));
  const auto patience = PacketRing::open({.size_mib = 1, .patience = milliseconds(0)});
  ASSERT_FALSE(patience);
  EXPECT_EQ(patience.error(), (Error{ErrorCode::kInvalid, "a packet cannot wait 0 ms in a capture ring: say 1 to 10000"}));
  open();
  const Status empty = ring_->set_filter({});
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error(), (Error{ErrorCode::kInvalid, "a filter of 0 instructions is none: the kernel takes 1 to 4096"}));
  const FilterInstruction endless{BPF_LD | BPF_IMM, 0, 0, 0};
  const Status refused = ring_->set_filter(std::span(&endless, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(), (Error{ErrorCode::kInvalid, "the kernel refuses the capture's filter of 1 instructions: Invalid argument"}));
}

// Older kernels give a socket's filters 20 KiB, the old one and the new one together.
TEST_F(Ring, MakesAFilterCoarserThatTheKernelHasNoRoomFor) {
  const std::string limit = "/proc/sys/net/core/optmem_max";
  if (::access(limit.c_str(), W_OK) != 0) GTEST_SKIP() << "this kernel has one limit for all namespaces";
  std::ofstream(limit) << 20480;
  veth("va", "vb");
  open();
  CaptureFilterOptions options{.if_indexes = {{index_of("vb")}}};
  for (std::uint32_t i = 1; i <= 1500; ++i) options.if_indexes->push_back(1000 + 7 * i);
  const auto exact = build_capture_filter(options);
  ASSERT_TRUE(exact && exact->exact);
  const Status refused = ring_->set_filter(exact->program);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error(),
            (Error{ErrorCode::kUnavailable, "the kernel has no room for a filter of " + std::to_string(exact->program.size()) +
                                                " instructions: net.core.optmem_max is 20480 octets, set more by sysctl"}));
  std::set<std::size_t> lengths;
  for (std::uint32_t i = 1; i <= 3; ++i) {  // each takes the place of one that is as long
    const auto installed = install_filter(*ring_, options);
    ASSERT_TRUE(installed) << installed.error().text;
    EXPECT_FALSE(installed->exact);
    lengths.insert(installed->program.size());
    send("va", marked(i));
    EXPECT_EQ(collect(1), std::vector{seen("vb", Heading::kIn, marked(i))});
  }
  EXPECT_EQ(lengths.size(), 1u) << "one leaves less room than another";
  EXPECT_GT(*lengths.begin(), 1000u);
  // A share of the flows makes it longer, and beside the one before there is no room for even the shortest.
  options.kept_flows.data = kAllFlows / 2;
  const auto grown = install_filter(*ring_, options);
  ASSERT_TRUE(grown) << grown.error().text;
  send("va", marked(4));
  EXPECT_EQ(collect(1), std::vector{seen("vb", Heading::kIn, marked(4))});
}

}  // namespace
}  // namespace vmtraffic
