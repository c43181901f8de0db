// What capturing costs a packet: our ring over all links with a list of 1, 100 and 1,000 of them, libpcap's `any` with the same list, and a
// libpcap handle for each link. All in a network namespace of its own, with veth pairs instead of VMs' taps.
//
// One thread sends frames into the a-sides and reads what is captured: a frame passes two links, its a-side, which is to be refused, and
// its b-side, which is to be kept. The kernel does its part within the sender's call, so the time of it all, less the same without a
// capture, is the cost of one refusal, one packet kept and its reading. The least of several rounds counts, each beside a round without a
// capture.
//
//   capture_ring [rounds]       default 200; root
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <limits>
#include <optional>
#include <thread>

#include "core/probes/packet_ring.hpp"
#include "tests/unit/wire_packet_builder.hpp"

using namespace vmtraffic;
using Ticks = std::chrono::steady_clock;

namespace {

constexpr std::size_t kPairs = 1000, kSnapshot = 192, kBatch = 50;
// A round is short, so that some are not disturbed by whatever else the machine does.
constexpr std::size_t kSent = 1000, kSentBetweenReads = 500;
constexpr std::uint32_t kRing_mib = 16;
constexpr int kHandle_mib = 2, kPatience_ms = 10;
constexpr double kBar = 1.0;  // the ring against `any`, with the longest list

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "capture_ring: {}\n", why);
  std::exit(2);
}

double ms_since(Ticks::time_point begin) { return std::chrono::duration<double, std::milli>(Ticks::now() - begin).count(); }

std::size_t resident_kib() {
  std::size_t size = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

std::string b_side(std::size_t i) { return fmt::format("b{}", i); }

// Frames of 64 flows into the first `links` a-sides in turn.
class Sender {
 public:
  Sender() : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    if (fd_ < 0) fail("no packet socket: run it as root");
    for (std::size_t i = 0; i < kPairs; ++i) a_sides_.push_back(static_cast<int>(if_nametoindex(fmt::format("a{}", i).c_str())));
    for (std::uint32_t i = 0; i < 64; ++i)
      frames_.push_back(wire_test::ethernet(
          0x0800, wire_test::ipv4(6, wire_test::tcp(wire_test::Bytes().fill(1000), {.src = 40'000 + i}), {.src = 0x0A000100 + i})));
  }
  ~Sender() { close(fd_); }
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void send(std::size_t count, std::size_t links) {
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> pieces{};
    std::array<sockaddr_ll, kBatch> to{};
    for (std::size_t sent = 0; sent < count; sent += kBatch) {
      for (std::size_t i = 0; i < kBatch; ++i, ++next_) {
        const wire_test::Bytes& frame = frames_[next_ % frames_.size()];
        pieces[i] = {const_cast<std::byte*>(frame.octets().data()), frame.size()};
        to[i].sll_family = AF_PACKET;
        to[i].sll_ifindex = a_sides_[next_ % links];
        messages[i].msg_hdr = {};
        messages[i].msg_hdr.msg_name = &to[i];
        messages[i].msg_hdr.msg_namelen = sizeof(to[i]);
        messages[i].msg_hdr.msg_iov = &pieces[i];
        messages[i].msg_hdr.msg_iovlen = 1;
      }
      if (sendmmsg(fd_, messages.data(), kBatch, 0) != static_cast<int>(kBatch)) fail("frames were not sent");
    }
  }

 private:
  const int fd_;
  std::vector<int> a_sides_;
  std::vector<wire_test::Bytes> frames_;
  std::size_t next_{0};
};

struct Subject {
  std::string name;
  std::size_t links;
  std::function<std::size_t()> read;  // all that waits
  bool keeps_all{true};
};

volatile unsigned sum = 0;  // so that no octet is left unread

double round_ns(Sender& sender, std::size_t links, const std::function<std::size_t()>& read, std::size_t& kept) {
  kept = 0;
  auto begin = Ticks::now();
  for (std::size_t sent = 0; sent < kSent; sent += kSentBetweenReads) {
    sender.send(kSentBetweenReads, links);
    if (read) kept += read();
  }
  double took = ms_since(begin);
  if (read) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2 * kPatience_ms));  // the blocks that are not full are given out then
    begin = Ticks::now();
    kept += read();
    took += ms_since(begin);
  }
  return took * 1e6 / kSent;
}

double measure(Sender& sender, const Subject& subject, int rounds) {
  double captured = std::numeric_limits<double>::max();
  std::size_t kept = 0, all = 0;
  for (int i = 0; i < rounds; ++i) {
    captured = std::min(captured, round_ns(sender, subject.links, subject.read, kept));
    all += kept;
  }
  fmt::print("  {:<44} {:7.0f} ns a frame in all, {:5.1f} % kept\n", subject.name, captured,
             100.0 * static_cast<double>(all) / static_cast<double>(kSent) / rounds);
  // A round's last packets may come in the next one: the kernel passes them on when it finds the time.
  const std::size_t sent = kSent * static_cast<std::size_t>(rounds);
  if (subject.keeps_all && all < sent) fmt::print("  ({} of {} packets were lost)\n", sent - all, sent);
  return captured;
}

double measure_bare(Sender& sender, std::size_t links, int rounds) {
  double bare = std::numeric_limits<double>::max();
  std::size_t kept = 0;
  for (int i = 0; i < rounds; ++i) bare = std::min(bare, round_ns(sender, links, {}, kept));
  return bare;
}

PacketRing open_ring(std::size_t links, const KeptFlows& kept_flows) {
  auto ring = PacketRing::open({.size_mib = kRing_mib, .patience = std::chrono::milliseconds(kPatience_ms)});
  if (!ring) fail(ring.error().text);
  CaptureFilterOptions options{.kept_flows = kept_flows, .snapshot_length = kSnapshot};
  options.if_indexes.emplace();
  for (std::size_t i = 0; i < links; ++i) options.if_indexes->push_back(if_nametoindex(b_side(i).c_str()));
  const auto filter = install_filter(*ring, options);
  if (!filter) fail(filter.error().text);
  if (!filter->exact) fail("the filter is not exact: net.core.optmem_max is too small");
  return std::move(*ring);
}

std::size_t read_ring(PacketRing& ring) {
  std::array<CapturedPacket, 64> packets;
  std::size_t all = 0;
  for (std::size_t count = 0; (count = ring.next(packets)) > 0; all += count) {
    for (std::size_t i = 0; i < count; ++i) sum = sum + packets[i].wire_length + std::to_integer<unsigned>(packets[i].octets[40]);
  }
  return all;
}

struct ClosePcap {
  void operator()(pcap_t* handle) const noexcept { pcap_close(handle); }
};
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

Pcap open_pcap(const std::string& link, int mib, const std::string& filter) {
  std::array<char, PCAP_ERRBUF_SIZE> complaint{};
  Pcap handle(pcap_create(link.c_str(), complaint.data()));
  if (handle == nullptr) fail(complaint.data());
  pcap_set_snaplen(handle.get(), kSnapshot);
  pcap_set_buffer_size(handle.get(), mib << 20);
  pcap_set_timeout(handle.get(), kPatience_ms);
  pcap_set_tstamp_precision(handle.get(), PCAP_TSTAMP_PRECISION_NANO);
  if (link == "any") pcap_set_datalink(handle.get(), DLT_LINUX_SLL2);
  if (pcap_activate(handle.get()) < 0) fail(pcap_geterr(handle.get()));
  if (link == "any" && pcap_set_datalink(handle.get(), DLT_LINUX_SLL2) != 0) fail(pcap_geterr(handle.get()));
  if (pcap_setnonblock(handle.get(), 1, complaint.data()) != 0) fail(complaint.data());
  if (filter.empty()) return handle;
  bpf_program program{};
  if (pcap_compile(handle.get(), &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) fail(pcap_geterr(handle.get()));
  if (pcap_setfilter(handle.get(), &program) != 0) fail(pcap_geterr(handle.get()));
  pcap_freecode(&program);
  return handle;
}

std::size_t read_pcap(pcap_t* handle) {
  std::size_t all = 0;
  pcap_pkthdr* header = nullptr;
  const u_char* octets = nullptr;
  while (pcap_next_ex(handle, &header, &octets) == 1) {
    sum = sum + header->len + octets[40];
    ++all;
  }
  return all;
}

std::string list_for_any(std::size_t links) {
  std::string out;
  for (std::size_t i = 0; i < links; ++i) out += fmt::format("{}ifindex {}", i == 0 ? "" : " or ", if_nametoindex(b_side(i).c_str()));
  return out;
}

void make_pairs() {
  if (unshare(CLONE_NEWNET) != 0) fail("cannot make a network namespace: run it as root");
  std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;
  std::FILE* pipe = popen("ip -b -", "w");
  if (pipe == nullptr) fail("no ip(8)");
  for (std::size_t i = 0; i < kPairs; ++i)
    fmt::print(pipe, "link add a{0} type veth peer name b{0}\nlink set a{0} up\nlink set b{0} up\n", i);
  if (pclose(pipe) != 0) fail("the veth pairs were not made");
}

bool all_pass_frames() {
  std::ifstream file("/proc/thread-self/net/dev");
  std::size_t passing = 0;
  for (std::string line; std::getline(file, line);) {
    std::uint64_t octets = 0;
    std::size_t number = 0;
    if (std::sscanf(line.c_str(), " b%zu: %lu", &number, &octets) == 2 && octets > 0) ++passing;
  }
  return passing == kPairs;
}

double measure_ring(Sender& sender, std::size_t links, int rounds) {
  const auto begin = Ticks::now();
  PacketRing ring = open_ring(links, {});
  const double opening = ms_since(begin);
  const double ns = measure(sender, {"this ring", links, [&] { return read_ring(ring); }}, rounds);
  fmt::print("  (opened and its filter set in {:.0f} ms, {} MiB; {} dropped)\n", opening, kRing_mib, ring.stats().dropped);
  return ns;
}

double measure_share(Sender& sender, std::size_t links, int rounds) {
  PacketRing ring = open_ring(links, {kAllFlows / 4});
  return measure(sender, {"this ring, a quarter of the flows", links, [&] { return read_ring(ring); }, false}, rounds);
}

double measure_any(Sender& sender, std::size_t links, int rounds) {
  const auto begin = Ticks::now();
  const Pcap handle = open_pcap("any", kRing_mib, list_for_any(links));
  const double opening = ms_since(begin);
  const double ns = measure(sender, {"libpcap, any, ifindex list", links, [&] { return read_pcap(handle.get()); }}, rounds);
  fmt::print("  (opened and its filter compiled in {:.0f} ms)\n", opening);
  return ns;
}

double measure_handles(Sender& sender, std::size_t links, int rounds) {
  const std::size_t before = resident_kib();
  auto begin = Ticks::now();
  std::vector<Pcap> handles;
  for (std::size_t i = 0; i < links; ++i) handles.push_back(open_pcap(b_side(i), kHandle_mib, ""));
  const double opening = ms_since(begin);
  const std::size_t memory = resident_kib() - before;
  const auto read_all = [&] {
    std::size_t all = 0;
    for (const Pcap& handle : handles) all += read_pcap(handle.get());
    return all;
  };
  const double ns = measure(sender, {"libpcap, a handle a link", links, read_all}, rounds);
  begin = Ticks::now();
  handles.clear();
  fmt::print("  (opened in {:.0f} ms, {} MiB, closed in {:.0f} ms)\n", opening, memory / 1024, ms_since(begin));
  return ns;
}

struct Costs {
  double ring{0}, any{0};  // ns a frame, over the same without a capture
};

Costs compare(Sender& sender, std::size_t links, int rounds) {
  fmt::print("{} link{}:\n", links, links == 1 ? "" : "s");
  double bare = measure_bare(sender, links, rounds);
  const double ring = measure_ring(sender, links, rounds), share = measure_share(sender, links, rounds),
               any = measure_any(sender, links, rounds);
  std::optional<double> handles;
  if (links == 10 || links == 100) handles = measure_handles(sender, links, rounds);
  bare = std::min(bare, measure_bare(sender, links, rounds));
  fmt::print("  without a capture {:.0f} ns; over it: this ring {:.0f}, a quarter of the flows {:.0f}, any {:.0f}", bare, ring - bare,
             share - bare, any - bare);
  if (handles) fmt::print(", a handle a link {:.0f}", *handles - bare);
  fmt::print("\n");
  return {ring - bare, any - bare};
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 200;
  make_pairs();
  Sender sender;
  for (int tries = 0; !all_pass_frames(); ++tries) {
    if (tries == 500) fail("the veth pairs do not come up");
    sender.send(kPairs, kPairs);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  fmt::print("{} frames of 1,054 octets a round over veth pairs, snapshot {} octets; the least of {} rounds\n", kSent, kSnapshot, rounds);
  Costs last;
  for (const std::size_t links : {std::size_t{1}, std::size_t{10}, std::size_t{100}, kPairs}) last = compare(sender, links, rounds);
  const double ratio = last.ring / last.any;
  fmt::print("{{\"benchmark\":\"capture_ring\",\"links\":{},\"ring_ns\":{:.0f},\"any_ns\":{:.0f},\"ratio\":{:.3f}}}\n", kPairs, last.ring,
             last.any, ratio);
  return ratio <= kBar ? 0 : 1;
}
