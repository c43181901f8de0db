#include "tests/bench/veth_flood.hpp"

#include <endian.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "tests/unit/wire_packet_builder.hpp"

namespace vmtraffic::bench {
namespace {

using Ticks = std::chrono::steady_clock;
constexpr std::size_t kBatch = 32, kHeaders = 14 + 20 + 32, kPayload = kFloodFrame - kHeaders;
constexpr std::size_t kAddressAt = 26, kPortAt = 34, kSequenceAt = 38;
constexpr std::uint32_t kPorts = 50'000, kFirstPort = 10'000, kAddresses = 20, kFirstAddress = 0x0A000100;

void put(std::vector<std::byte>& frame, std::size_t at, auto wire) { std::memcpy(frame.data() + at, &wire, sizeof(wire)); }

[[noreturn]] void fail(const char* why) {
  fmt::print(stderr, "{}\n", why);
  std::exit(2);
}

}  // namespace

void make_veth() {
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) fail("cannot make a network namespace: run it as root");
  if (std::system("mount --make-rprivate / && mount -t sysfs sysfs /sys") != 0) fail("cannot mount /sys");
  std::ofstream("/proc/sys/net/ipv6/conf/default/disable_ipv6") << 1;  // it would chatter
  if (std::system("ip link set lo up && ip link add name a type veth peer name b && ip link set dev a up && ip link set dev b up") != 0)
    fail("no veth");
}

void stay_on(unsigned core) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

std::uint64_t counter(const ProbeHealth& health, std::string_view name) {
  for (const auto& [key, value] : health.counters) {
    if (key == name) return value;
  }
  return 0;
}

FloodSender::FloodSender(std::uint32_t connections, std::uint32_t to_port)
    : fd_(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)), link_(static_cast<int>(if_nametoindex("a"))), connections_(connections) {
  if (fd_ < 0) fail("no packet socket: run it as root");
  const wire_test::TcpHead head{.dst = to_port, .options = wire_test::Bytes().u32(0x0101'080A).u32(1).u32(1)};
  const wire_test::Bytes made = wire_test::ethernet(0x0800, wire_test::ipv4(6, wire_test::tcp(wire_test::Bytes().fill(kPayload), head)));
  frames_.assign(kBatch, {made.octets().begin(), made.octets().end()});
}

FloodSender::~FloodSender() { close(fd_); }

double FloodSender::send(double rate, double seconds) {
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> pieces{};
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = link_;
  const auto begin = Ticks::now();
  std::uint64_t sent = 0;
  for (;;) {
    const double took = std::chrono::duration<double>(Ticks::now() - begin).count();
    if (took >= seconds) {
      sent_ += sent;
      return static_cast<double>(sent) / took;
    }
    if (static_cast<double>(sent) > took * rate) continue;
    for (std::size_t i = 0; i < kBatch; ++i) {
      auto& frame = frames_[i];
      put(frame, kAddressAt, htobe32(kFirstAddress + next_ % kAddresses + next_ / kPorts * 256));
      put(frame, kPortAt, htobe16(static_cast<std::uint16_t>(kFirstPort + next_ % kPorts)));
      put(frame, kSequenceAt, htobe32(sequence_));
      next_ = next_ + 1 < connections_ ? next_ + 1 : 0;
      if (next_ == 0) sequence_ += static_cast<std::uint32_t>(kPayload);
      pieces[i] = {frame.data(), frame.size()};
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_name = &to;
      messages[i].msg_hdr.msg_namelen = sizeof(to);
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = sendmmsg(fd_, messages.data(), kBatch, 0);
    if (count > 0) sent += static_cast<std::uint64_t>(count);
  }
}

}  // namespace vmtraffic::bench
