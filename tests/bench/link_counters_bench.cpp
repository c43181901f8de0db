// What LinkCounters::sample() costs for 1,000 vNICs, against one bare RTM_GETSTATS dump of the same links in the same run.
// The links are real (veth pairs, one end watched, so that half of what the kernel tells is none of ours), in a network namespace of the
// program's own: needs root.
//
//   link_counters_bench [vnics] [rounds]        default 1000 200
//
// Prints CPU microseconds (user and system) and the ratio of the medians, as JSON on one line at the end.
#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "core/probes/link_counters.hpp"
#include "core/probes/netlink.hpp"
#include "core/probes/netlink_socket.hpp"

namespace {

using namespace vmtraffic;

[[noreturn]] void fail(const std::string& why) {
  fmt::print(stderr, "link_counters_bench: {}\n", why);
  std::exit(1);
}

double cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

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

}  // namespace

int main(int argc, char** argv) {
  const int vnics = argc > 1 ? std::atoi(argv[1]) : 1000;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 200;
  make_links(vnics);
  auto opened = LinkCounters::open();
  auto socket = netlink::open_kernel_socket(0);
  if (!opened) fail(opened.error().text);
  if (!socket) fail(socket.error().text);
  LinkCounters& counters = **opened;
  std::vector<LinkQuery> queries;
  for (int i = 0; i < vnics; ++i) queries.push_back({tap(i), std::nullopt});
  counters.watch(queries);
  std::vector<LinkReading> readings;
  const auto sample = [&] {
    if (Status status = counters.sample(readings); !status) fail(status.error().text);
  };

  Timing first, bare, ours;
  first.time(sample);  // lists the links
  netlink::Request request = netlink::Request::stats();
  std::vector<std::byte> buffer(32 << 10);
  for (int i = 0; i < rounds + 10; ++i) {
    bare.time([&] { bare_dump(*socket, request, buffer); });
    ours.time(sample);
    if (i == 9) bare.us.clear(), ours.us.clear();  // warm
  }
  const auto missing = std::count_if(readings.begin(), readings.end(), [](const LinkReading& r) { return r.present != kAllMetrics; });
  if (missing != 0) fail(fmt::format("{} links have no counters", missing));
  fmt::print("{} vNICs among {} links: bare dump {:.0f} us, sample {:.0f} us, first sample with listing {:.0f} us\n", vnics, 2 * vnics + 1,
             bare.median(), ours.median(), first.median());
  fmt::print("{{\"benchmark\":\"link_counters\",\"vnics\":{},\"bare_us\":{:.1f},\"sample_us\":{:.1f},\"ratio\":{:.3f}}}\n", vnics,
             bare.median(), ours.median(), ours.median() / bare.median());
}
