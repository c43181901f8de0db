// Live packets on a veth pair in a network namespace of its own: the capture probe against `tcpdump -s 128 -w /dev/null`, in turns. The
// sender has one core, the receiver another. At each rate of a ladder both receive for some seconds; what counts as sent is what the kernel
// received on the captured side. The probe must lose nothing wherever tcpdump loses nothing.
//
//   capture_live [seconds]       default 2; root. A rate is tried up to three times: other work on the machine loses packets for either.
#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "core/clock.hpp"
#include "core/probes/capture_probe.hpp"
#include "tests/bench/veth_flood.hpp"

using namespace vmtraffic;
using namespace vmtraffic::bench;

namespace {

constexpr std::array<double, 10> kLadder{50'000, 100'000, 150'000, 200'000, 300'000, 400'000, 500'000, 700'000, 1'000'000, 1'500'000};
constexpr int kAttempts = 3;
constexpr std::uint32_t kFlows = 1000;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "capture_live: {}\n", why);
  std::exit(2);
}

std::uint64_t statistic(const char* name) {
  std::uint64_t value = 0;
  std::ifstream(fmt::format("/sys/class/net/b/statistics/{}", name)) >> value;
  return value;
}
// On the captured side, without what the kernel had no room for before anybody could see it.
std::uint64_t received_by_kernel() { return statistic("rx_packets") - statistic("rx_dropped"); }

struct Outcome {
  double rate{0};  // a second, as sent
  std::uint64_t sent{0}, received{0}, dropped{0};
  double cpu_s{0};
  std::uint64_t lost() const { return sent - std::min(sent, received); }
};

class Receiver {
 public:
  virtual ~Receiver() = default;
  virtual const char* name() const = 0;
  virtual pid_t start() = 0;                                               // returns once it captures
  virtual void read(std::uint64_t& received, std::uint64_t& dropped) = 0;  // once it has ended
};

// A child process on core 1 that calls run(to) and ends; the other end of `to` is in `from`.
template <class Run>
pid_t start_child(int& from, Run&& run) {
  std::array<int, 2> words{};
  if (pipe2(words.data(), O_CLOEXEC) != 0) fail("no pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    stay_on(1);
    run(words[1]);
    _exit(0);
  }
  close(words[1]);
  from = words[0];
  return pid;
}

class Tcpdump : public Receiver {
 public:
  const char* name() const override { return "tcpdump"; }
  pid_t start() override {
    const pid_t pid = start_child(from_, [](int to) {
      dup2(to, 2);
      execlp("tcpdump", "tcpdump", "-i", "b", "-s", "128", "-n", "-w", "/dev/null", nullptr);
    });
    wait_for("listening on b");
    return pid;
  }
  void read(std::uint64_t& received, std::uint64_t& dropped) override {
    wait_for("dropped by kernel");
    const auto number_before = [this](const char* what) {
      const std::size_t at = said_.find(what);
      const std::size_t begin = at == std::string::npos ? at : said_.rfind('\n', at);
      return begin == std::string::npos ? 0 : std::strtoull(said_.c_str() + begin, nullptr, 10);
    };
    received = number_before(" packets captured");
    dropped = number_before(" packets dropped by kernel");
    close(from_);
    said_.clear();
  }

 private:
  void wait_for(const char* what) {
    std::array<char, 512> some{};
    while (said_.find(what) == std::string::npos) {
      const ssize_t count = ::read(from_, some.data(), some.size());
      if (count <= 0) fail(fmt::format("tcpdump (tools/setup installs it) ended without a word of '{}': {}", what, said_));
      said_.append(some.data(), static_cast<std::size_t>(count));
    }
  }
  int from_{-1};
  std::string said_;
};

volatile std::sig_atomic_t stop = 0;

class OurProbe : public Receiver {
 public:
  const char* name() const override { return "probe"; }
  pid_t start() override {
    const pid_t pid = start_child(from_, [](int to) {
      std::signal(SIGINT, [](int) { stop = 1; });
      capture(to);
    });
    std::uint64_t ready = 0;
    if (::read(from_, &ready, sizeof(ready)) != sizeof(ready)) fail("the probe ended without a word");
    return pid;
  }
  void read(std::uint64_t& received, std::uint64_t& dropped) override {
    std::array<std::uint64_t, 2> both{};
    if (::read(from_, both.data(), sizeof(both)) != sizeof(both)) fail("the probe ended without a word");
    received = both[0];
    dropped = both[1];
    close(from_);
  }

 private:
  static void capture(int to) {
    Inventory inventory;
    Domain& domain = inventory.domains.emplace_back();
    domain.name = "guest";
    domain.state = DomainState::kRunning;
    domain.vnics.emplace_back().mac = *MacAddress::parse("52:54:00:00:00:01");
    const std::array<OwnLink, 1> links{{{.if_index = if_nametoindex("b")}}};
    CaptureProbeOptions options;
    options.all = true;
    options.clock = system_clock();
    CaptureProbe probe(std::move(options));
    probe.set_inventory(inventory, links);
    probe.start();
    while (counter(probe.health(), "filters") == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    const std::uint64_t ready = 1;
    if (write(to, &ready, sizeof(ready)) < 0) return;
    const std::array<VnicTotals, 1> totals{};
    for (int i = 1; stop == 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      if (i % 20 == 0) (void)probe.tick(system_clock().boottime(), totals, [](const FlowLedger&) {});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1200));  // its counters are a second old at most
    const ProbeHealth health = probe.health();
    const std::array<std::uint64_t, 2> both{counter(health, "packets"), counter(health, "ring_dropped")};
    if (write(to, both.data(), sizeof(both)) < 0) return;
    probe.request_stop();
    probe.join(std::chrono::seconds(1));
  }
  int from_{-1};
};

Outcome measure(Receiver& receiver, FloodSender& sender, double rate, double seconds) {
  Outcome out;
  const pid_t pid = receiver.start();
  const std::uint64_t before = received_by_kernel();
  out.rate = sender.send(rate, seconds);
  std::this_thread::sleep_for(std::chrono::milliseconds(1200));  // tcpdump reads blocks that are a second old
  out.sent = received_by_kernel() - before;
  kill(pid, SIGINT);
  receiver.read(out.received, out.dropped);
  rusage used{};
  wait4(pid, nullptr, 0, &used);
  const auto s = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  out.cpu_s = s(used.ru_utime) + s(used.ru_stime);
  return out;
}

// The best of some attempts; the first without a loss ends them.
Outcome best(Receiver& receiver, FloodSender& sender, double rate, double seconds) {
  Outcome out;
  for (int i = 0; i < kAttempts; ++i) {
    const Outcome now = measure(receiver, sender, rate, seconds);
    if (i == 0 || now.lost() < out.lost()) out = now;
    if (out.lost() == 0) break;
  }
  fmt::print("  {:<8} sent {:>8.0f}/s   lost {:>8} of {:>8} (dropped, as it says: {})   CPU {:4.1f} % of a core\n", receiver.name(),
             out.rate, out.lost(), out.sent, out.dropped, out.cpu_s / seconds * 100);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 2;
  make_veth();
  stay_on(0);
  FloodSender sender(kFlows);
  Tcpdump tcpdump;
  OurProbe probe;
  fmt::print("{} connections, frames of {} octets over a veth pair, {} s at each rate, the best of {}\n", kFlows, kFloodFrame, seconds,
             kAttempts);
  double tcpdump_rate = 0, probe_rate = 0;
  bool is_met = true;
  for (const double rate : kLadder) {
    const Outcome bare = best(tcpdump, sender, rate, seconds), ours = best(probe, sender, rate, seconds);
    if (bare.lost() == 0) tcpdump_rate = std::max(tcpdump_rate, bare.rate);
    if (ours.lost() == 0) probe_rate = std::max(probe_rate, ours.rate);
    is_met = is_met && (bare.lost() > 0 || ours.lost() == 0);
    if (bare.lost() > 0 && ours.lost() > 0) break;
    if (bare.rate < 0.9 * rate) break;  // the sender cannot do more
  }
  if (tcpdump_rate == 0) fail("tcpdump lost packets at the lowest rate already: this machine is too busy to compare anything");
  fmt::print("without loss: tcpdump {:.0f}/s, probe {:.0f}/s; where tcpdump lost nothing the probe lost {} (bar: nothing)\n", tcpdump_rate,
             probe_rate, is_met ? "nothing" : "packets");
  fmt::print("{{\"benchmark\":\"capture_live\",\"tcpdump_rate\":{:.0f},\"probe_rate\":{:.0f}}}\n", tcpdump_rate, probe_rate);
  return is_met ? 0 : 1;
}
