// Live datagrams on loopback: the sFlow probe with one receiving thread against a bare recvmmsg loop in the same run. The sender has one
// core, the receiver another. At each rate of a ladder both are asked for a second; then CPU is compared at the bar's rate, or the highest
// that the bare loop receives without a loss where it is lower.
//
//   sflow_live OVS_PCAP VMS_TOML [seconds]       default 1
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "core/inventory_file.hpp"
#include "core/probes/sflow_listener.hpp"
#include "core/probes/sflow_socket.hpp"
#include "tests/bench/sflow_recording.hpp"

using namespace vmtraffic;

namespace {

constexpr std::uint16_t kPort = 16343;
constexpr std::uint32_t kBuffer_kib = 8192;
constexpr double kBarRate = 200'000, kBarCpu = 2.5;
constexpr std::array<double, 6> kLadder{50'000, 100'000, 150'000, 200'000, 300'000, 400'000};

struct Outcome {
  std::uint64_t sent{0}, received{0};
  double seconds{0}, cpu_s{0};
  bool lossless() const { return received == sent; }
  double rate() const { return static_cast<double>(sent) / seconds; }
};

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "sflow_live: {}\n", why);
  std::exit(2);
}

void stay_on(unsigned core) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  sched_setaffinity(0, sizeof(one), &one);
}

volatile std::sig_atomic_t stop = 0;

std::uint64_t receive_bare() {
  const auto fd = open_sflow_socket(*IpAddress::parse("127.0.0.1"), kPort, 1, kBuffer_kib);
  if (!fd) fail(fd.error().text);
  DatagramBatch batch;
  std::uint64_t received = 0;
  std::uint32_t dropped = 0;
  while (stop == 0) {
    pollfd waiting{*fd, POLLIN, 0};
    if (poll(&waiting, 1, 50) <= 0) continue;
    for (int count = 1; count > 0;) {
      count = batch.receive(*fd, dropped);
      received += static_cast<std::uint64_t>(std::max(count, 0));
    }
  }
  close(*fd);
  return received;
}

std::uint64_t receive_as_probe(const InventoryFile& vms) {
  SflowListenerOptions options;
  options.listen = {*IpAddress::parse("127.0.0.1")};
  options.port = kPort;
  options.allow = {*IpNetwork::parse("127.0.0.0/8")};
  options.receive_buffer_kib = kBuffer_kib;
  options.clock = system_clock();
  SflowListener listener(options);
  listener.set_inventory(vms.inventory, vms.if_indexes);
  listener.start();
  while (stop == 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const ProbeHealth health = listener.health();
  listener.request_stop();
  listener.join(std::chrono::seconds(1));
  return health.counters[0].second;  // "received"
}

std::uint64_t send_at(double rate, double seconds, const std::vector<std::vector<std::byte>>& frames, double& took) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(kPort);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) != 0) fail("cannot send to loopback");
  std::array<mmsghdr, 32> messages{};
  std::array<iovec, 32> pieces{};
  const auto begin = std::chrono::steady_clock::now();
  std::uint64_t sent = 0;
  for (std::size_t next = 0;;) {
    took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (took >= seconds) break;
    if (static_cast<double>(sent) > took * rate) continue;
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const auto& frame = frames[next++ % frames.size()];
      pieces[i] = {const_cast<std::byte*>(frame.data()) + bench::kUdpPayload, frame.size() - bench::kUdpPayload};
      messages[i].msg_hdr = {};
      messages[i].msg_hdr.msg_iov = &pieces[i];
      messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int count = sendmmsg(fd, messages.data(), messages.size(), 0);
    if (count > 0) sent += static_cast<std::uint64_t>(count);
  }
  close(fd);
  return sent;
}

template <class Receive>
Outcome measure(double rate, double seconds, const std::vector<std::vector<std::byte>>& frames, Receive&& receive) {
  int pipes[2];
  if (pipe(pipes) != 0) fail("no pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    stay_on(1);
    std::signal(SIGTERM, [](int) { stop = 1; });
    const std::uint64_t received = receive();
    const bool told = write(pipes[1], &received, sizeof(received)) == sizeof(received);
    _exit(told ? 0 : 1);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // its socket is open by then
  Outcome out;
  out.sent = send_at(rate, seconds, frames, out.seconds);
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  kill(pid, SIGTERM);
  if (read(pipes[0], &out.received, sizeof(out.received)) != sizeof(out.received)) fail("a receiver ended without a word");
  rusage used{};
  wait4(pid, nullptr, 0, &used);
  close(pipes[0]);
  close(pipes[1]);
  const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  out.cpu_s = s(used.ru_utime) + s(used.ru_stime);
  return out;
}

void show(const char* name, const Outcome& outcome) {
  fmt::print("  {:<10} sent {:>8.0f}/s   lost {:>7} of {:>7}   CPU {:5.1f} % of a core\n", name, outcome.rate(),
             outcome.sent - outcome.received, outcome.sent, outcome.cpu_s / outcome.seconds * 100);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) fail("wants OVS_PCAP VMS_TOML");
  const double seconds = argc > 3 ? std::strtod(argv[3], nullptr) : 1;
  const auto vms = load_inventory(argv[2]);
  if (!vms) fail(vms.error().text);
  const bench::Recording recording = bench::long_recording(argv[1], 60'000);
  stay_on(0);
  fmt::print("{} datagrams of a real Open vSwitch in a ring (an agent that begins anew at each lap), {} s at each rate\n",
             recording.frames.size(), seconds);
  double bare_rate = 0, probe_rate = 0, compared = 0, ratio = 0;
  for (const double rate : kLadder) {
    const Outcome bare = measure(rate, seconds, recording.frames, [] { return receive_bare(); });
    const Outcome probe = measure(rate, seconds, recording.frames, [&] { return receive_as_probe(*vms); });
    show("recvmmsg", bare);
    show("probe", probe);
    if (bare.lossless()) bare_rate = std::max(bare_rate, bare.rate());
    if (probe.lossless()) probe_rate = std::max(probe_rate, probe.rate());
    if (bare.lossless() && rate <= kBarRate) compared = bare.rate(), ratio = probe.cpu_s / bare.cpu_s;
    if (!bare.lossless() && !probe.lossless()) break;
  }
  if (bare_rate == 0) fail("the bare loop lost datagrams at the lowest rate already: this machine is too busy to compare anything");
  const double wanted = std::min(kBarRate, bare_rate) * 0.98;  // the sender's own pace
  fmt::print("without loss: recvmmsg {:.0f}/s, probe {:.0f}/s; CPU at {:.0f}/s {:.2f} x\n", bare_rate, probe_rate, compared, ratio);
  fmt::print("{{\"benchmark\":\"sflow_live\",\"bare_rate\":{:.0f},\"probe_rate\":{:.0f},\"cpu_ratio\":{:.3f}}}\n", bare_rate, probe_rate,
             ratio);
  return probe_rate >= wanted && ratio <= kBarCpu ? 0 : 1;
}
