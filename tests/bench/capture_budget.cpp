// The capture probe with a limit of a tenth of a core under a flood: the CPU time of its thread and of its ticks, one a second, and beside
// it the exact counters. The sender has one core and sends as much as it can, segments of many connections into one end of a veth pair; the
// probe captures at the other end.
//
//   capture_budget [seconds] [percent] [port]       of 20, 10 and 443, the connections' other end; root. Port 53: control traffic
#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "core/clock.hpp"
#include "core/probes/capture_probe.hpp"
#include "core/probes/link_counters.hpp"
#include "tests/bench/veth_flood.hpp"

using namespace vmtraffic;
using namespace vmtraffic::bench;

namespace {

constexpr std::uint32_t kConnections = 300'000;  // more than are kept at once
constexpr double kBar = 1.2;                     // of the limit
constexpr int kWindow_s = 10, kLooksASecond = 10;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "capture_budget: {}\n", why);
  std::exit(2);
}

std::vector<std::string> threads() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) out.push_back(entry.path());
  return out;
}

// Seconds of CPU time of one thread.
double cpu_of(const std::string& thread) {
  double ns = 0;
  std::ifstream(thread + "/schedstat") >> ns;
  return ns / 1e9;
}

double own_cpu() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

// The most of a core in any ten seconds, or in all of it where it is shorter.
double worst_of(const std::vector<double>& looks) {
  const std::size_t window = std::min<std::size_t>(kWindow_s * kLooksASecond, looks.size() - 1);
  double worst = 0;
  for (std::size_t i = window; i < looks.size(); ++i)
    worst = std::max(worst, (looks[i] - looks[i - window]) / static_cast<double>(window) * kLooksASecond);
  return worst;
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::strtod(argv[1], nullptr) : 20;
  const auto percent = static_cast<std::uint32_t>(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 10);
  const auto port = static_cast<std::uint32_t>(argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 443);
  make_veth();
  auto links = LinkCounters::open();
  if (!links) fail(links.error().text);
  (*links)->watch(std::vector<LinkQuery>{{"b", std::nullopt}});
  std::vector<LinkReading> readings;
  const auto exact = [&](std::size_t metric) {
    if (const Status sampled = (*links)->sample(readings); !sampled) fail(sampled.error().text);
    return readings.at(0).values.at(metric);
  };
  const std::uint64_t packets_before = exact(kTxPackets), octets_before = exact(kTxOctets);

  Inventory inventory;
  for (const char* name : {"a", "b"}) {
    Domain& domain = inventory.domains.emplace_back();
    domain.name = name;
    domain.uuid.octets[0] = static_cast<std::uint8_t>(inventory.domains.size());
    domain.state = DomainState::kRunning;
    domain.vnics.emplace_back().mac = *MacAddress::parse(fmt::format("52:54:00:00:01:0{}", inventory.domains.size()));
  }
  const std::array<OwnLink, 2> own{{{.if_index = if_nametoindex("a")}, {.if_index = if_nametoindex("b")}}};
  CaptureProbeOptions options;
  options.all = true;
  options.cpu_percent = percent;
  options.clock = system_clock();
  CaptureProbe probe(std::move(options));
  probe.set_inventory(inventory, own);
  const std::vector<std::string> before = threads();
  stay_on(1);  // the probe's thread after it
  probe.start();
  while (counter(probe.health(), "filters") == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  std::string thread;
  for (const std::string& one : threads()) {
    if (std::find(before.begin(), before.end(), one) == before.end()) thread = one;
  }
  std::this_thread::sleep_for(std::chrono::seconds(1));

  FloodSender sender(kConnections, port);
  double rate = 0;
  std::thread flood([&] {
    stay_on(0);
    rate = sender.send(1e9, seconds);
  });
  const std::array<VnicTotals, 2> totals{};
  double ticks = 0;  // seconds of CPU time
  const auto look = [&] { return cpu_of(thread) + ticks; };
  std::vector<double> looks{look()};
  auto next = std::chrono::steady_clock::now();
  while (looks.size() <= static_cast<std::size_t>(seconds * kLooksASecond)) {
    std::this_thread::sleep_until(next += std::chrono::milliseconds(1000 / kLooksASecond));
    looks.push_back(look());
    const std::size_t second = looks.size() / kLooksASecond;
    if (looks.size() % kLooksASecond != 1) continue;
    const double before_tick = own_cpu();
    (void)probe.tick(system_clock().boottime(), totals, [](const FlowLedger&) {});
    const double tick = own_cpu() - before_tick;
    ticks += tick;
    const ProbeHealth health = probe.health();
    fmt::print(
        "  {:>2} s: CPU {:5.1f} % of a core, the tick {:.0f} ms, {:6.2f} % of the flows kept, {} packets taken, {} dropped by a full ring, "
        "{} flows\n",
        second, (looks.back() - looks[looks.size() - 1 - kLooksASecond]) * 100, tick * 1e3,
        static_cast<double>(counter(health, port == 53 ? "kept_control_flows_ppm" : "kept_flows_ppm")) / 1e4, counter(health, "packets"),
        counter(health, "ring_dropped"), counter(health, "flows"));
  }
  flood.join();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const std::uint64_t packets = exact(kTxPackets) - packets_before, octets = exact(kTxOctets) - octets_before;
  const bool is_exact = packets == sender.sent() && octets == sender.sent() * kFloodFrame;
  const double worst = worst_of(looks);
  fmt::print("{:.0f} frames/s of {} connections with port {} for {} s; the most in any {} s: {:.1f} % of a core (limit {}, bar {:.1f})\n",
             rate, kConnections, port, seconds, kWindow_s, worst * 100, percent, kBar * percent);
  fmt::print("exact counters: {} packets, {} octets; sent: {} packets, {} octets{}\n", packets, octets, sender.sent(),
             sender.sent() * kFloodFrame, is_exact ? "" : ": NOT THE SAME");
  fmt::print("{{\"benchmark\":\"capture_budget\",\"limit\":{:.2f},\"port\":{},\"worst\":{:.4f},\"rate\":{:.0f},\"exact\":{}}}\n",
             percent / 100.0, port, worst, rate, is_exact);
  probe.request_stop();
  probe.join(std::chrono::seconds(1));
  return worst <= kBar * percent / 100 && is_exact ? 0 : 1;
}
