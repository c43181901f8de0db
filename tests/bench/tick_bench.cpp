// What one tick costs with 1,000 vNICs in 1,000 domains, against floors measured in the same run:
//   sample   read all link counters, account them, compute every window   against one bare RTM_GETSTATS dump of the same links
//   publish  encode and publish the snapshot (inventory unchanged)         against writing and renaming the same octets bare
// The links are real (veth pairs, one end watched, so that half of what the kernel tells is none of ours), in a network namespace of the
// program's own: needs root.
//
//   tick_bench [vnics] [rounds] [directory]       default 1000 200 /dev/shm
//
// Prints CPU (user and system) as medians, and JSON on the last line.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include "core/analysis/windows.hpp"
#include "core/probes/link_counters.hpp"
#include "core/probes/netlink.hpp"
#include "core/probes/netlink_socket.hpp"
#include "core/snapshot/writer.hpp"
#include "core/traffic/ledger.hpp"

namespace {

using namespace vmtraffic;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "tick_bench: {}\n", why);
  std::exit(1);
}

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

struct Timing {
  std::vector<double> us;
  template <class Call>
  void time(Call&& call) {
    const double begin = cpu_us();
    call();
    us.push_back(cpu_us() - begin);
  }
  double median() {
    std::nth_element(us.begin(), us.begin() + static_cast<std::ptrdiff_t>(us.size() / 2), us.end());
    return us[us.size() / 2];
  }
};

std::string tap(int i) { return fmt::format("vnet{}", i); }

void make_links(int vnics) {
  if (::unshare(CLONE_NEWNET) != 0) fail("cannot make a network namespace (needs root)");
  std::FILE* ip = ::popen("ip -b -", "w");
  if (ip == nullptr) fail("cannot run ip");
  for (int i = 0; i < vnics; ++i) fmt::print(ip, "link add {} type veth peer name peer{}\n", tap(i), i);
  if (::pclose(ip) != 0) fail("ip did not make the links");
}

// The least that can be done for the octets: ask, receive, look for the end.
void bare_dump(int socket, netlink::Request& request, std::vector<std::byte>& buffer) {
  static std::uint32_t sequence = 0;
  request.header()->nlmsg_seq = ++sequence;
  if (::send(socket, request.header(), request.header()->nlmsg_len, 0) < 0) fail("the kernel refused a dump");
  for (bool done = false; !done;) {
    const ssize_t length = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (length <= 0) fail("the kernel broke off a dump");
    netlink::for_each_message({buffer.data(), static_cast<std::size_t>(length)},
                              [&](const netlink::Message& message) { done = done || message.type == NLMSG_DONE; });
  }
}

Inventory synthetic(int vnics) {
  Inventory inventory;
  for (int i = 0; i < vnics; ++i) {
    Domain d;
    for (std::size_t o = 0; o < 16; ++o)
      d.uuid.octets[o] = static_cast<std::uint8_t>((static_cast<unsigned>(i) * 2654435761u) >> (o % 4 * 8));
    d.uuid.octets[14] = static_cast<std::uint8_t>(i >> 8);
    d.uuid.octets[15] = static_cast<std::uint8_t>(i);
    d.name = fmt::format("instance-{:08x}", i);
    d.connection = "qemu:///system";
    d.hypervisor = "QEMU";
    d.os_type = "hvm";
    d.state = DomainState::kRunning;
    d.persistent = true;
    d.tags = {
        {"nova.instance", fmt::format("web-{}", i)}, {"nova.project", "shop"}, {"nova.project_id", "0123456789abcdef0123456789abcdef"}};
    Vnic v;
    v.mac = *MacAddress::parse(fmt::format("52:54:00:00:{:02x}:{:02x}", i >> 8 & 255, i & 255));
    v.type = VnicType::kBridge;
    v.source = "br-int";
    v.tap = tap(i);
    v.model = "virtio";
    v.port_id = fmt::format("00000000-0000-0000-0000-{:012x}", i);
    d.vnics.push_back(v);
    inventory.domains.push_back(std::move(d));
  }
  normalize(inventory);
  return inventory;
}

void write_bare(const std::string& directory, const std::vector<std::byte>& bytes) {
  const std::string temporary = directory + "/bare.new";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0 || ::write(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) fail("cannot write to " + directory);
  ::close(fd);
  if (::rename(temporary.c_str(), (directory + "/bare").c_str()) != 0) fail("cannot rename in " + directory);
}

}  // namespace

int main(int argc, char** argv) {
  const int vnics = argc > 1 ? std::atoi(argv[1]) : 1000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 200;
  std::string directory = std::string(argc > 3 ? argv[3] : "/dev/shm") + "/vmtraffic-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) fail("cannot make a directory in " + directory);
  make_links(vnics);

  auto opened = LinkCounters::open();
  auto socket = netlink::open_kernel_socket(0);
  if (!opened) fail(opened.error().text);
  if (!socket) fail(socket.error().text);
  const Inventory inventory = synthetic(vnics);
  Ledger ledger;
  Windows windows(10 * kSecond);
  windows.remap(ledger.set_inventory(inventory));
  std::vector<LinkQuery> queries;
  for (const Domain& d : inventory.domains) queries.push_back({d.vnics[0].tap, std::nullopt});
  (*opened)->watch(queries);
  std::vector<LinkReading> readings;
  Nanoseconds now = 1000 * kSecond;
  const auto sample = [&] {
    if (Status status = (*opened)->sample(readings); !status) fail(status.error().text);
    now += 10 * kSecond;
    const auto steps = ledger.sample(readings, now);
    windows.advance(now, ledger.totals(), steps);
  };

  const EncodedPart inventory_part = encode_inventory(inventory);
  const EncodedPart tags_part = encode_tags(inventory);
  Numbers numbers;
  numbers.domains.assign(inventory.domains.size(), {123'456'789, now});
  const std::vector<ProbeHealth> health{{"collector", HealthState::kUp, "", 0, now, {{"ticks", 1}}}};
  const EncodedPart events_part = encode_events({}, 0);
  const auto make = [&](auto&& use) {
    const EncodedPart numbers_part = encode_numbers(numbers.domains, ledger.totals(), windows.rates());
    const EncodedPart health_part = encode_health(health);
    EncodedSnapshot s;
    s.header.host = "bench";
    s.inventory = &inventory_part;
    s.numbers = &numbers_part;
    s.health = &health_part;
    s.events = &events_part;
    s.tags = &tags_part;
    use(s);
  };
  const auto publish_ours = [&] {
    make([&](const EncodedSnapshot& s) {
      if (Status status = publish(directory, s); !status) fail(status.error().text);
    });
  };

  Timing bare, ours, bare_write, ours_write;
  netlink::Request request = netlink::Request::stats();
  std::vector<std::byte> buffer(32 << 10);
  sample();
  std::vector<std::byte> bytes;
  make([&](const EncodedSnapshot& s) { bytes = assemble(s); });
  for (int i = 0; i < rounds + 40; ++i) {
    bare.time([&] { bare_dump(*socket, request, buffer); });
    ours.time(sample);
    bare_write.time([&] { write_bare(directory, bytes); });
    ours_write.time(publish_ours);
    if (i == 39) bare.us.clear(), ours.us.clear(), bare_write.us.clear(), ours_write.us.clear();  // warm: five minutes of windows are full
  }
  std::filesystem::remove_all(directory);
  if (std::any_of(readings.begin(), readings.end(), [](const LinkReading& r) { return r.present != kAllMetrics; }))
    fail("links without counters");
  fmt::print("{} vNICs in {} domains among {} links, snapshot of {} octets; CPU per tick, medians of {}\n", vnics, vnics, 2 * vnics + 1,
             bytes.size(), rounds);
  fmt::print("  bare RTM_GETSTATS dump       {:8.3f} ms\n  sample and account           {:8.3f} ms   {:.2f} x\n", bare.median() / 1e3,
             ours.median() / 1e3, ours.median() / bare.median());
  fmt::print("  bare write and rename        {:8.3f} ms\n  encode and publish           {:8.3f} ms   {:.2f} x\n", bare_write.median() / 1e3,
             ours_write.median() / 1e3, ours_write.median() / bare_write.median());
  fmt::print(
      "{{\"benchmark\":\"tick\",\"vnics\":{},\"dump_us\":{:.1f},\"sample_us\":{:.1f},\"sample_ratio\":{:.3f},\"write_us\":{:.1f},\"publish_"
      "us\":{:.1f},\"publish_ratio\":{:.3f}}}\n",
      vnics, bare.median(), ours.median(), ours.median() / bare.median(), bare_write.median(), ours_write.median(),
      ours_write.median() / bare_write.median());
}
