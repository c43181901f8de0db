// collectd_publisher DIRECTORY SECONDS: holds the lease and publishes a snapshot every so many seconds until its standard input ends,
// saying for each one "sequence wall-time-ns" on standard output. Stands for the collector in collectd_daemon_test.py, so every value
// follows from the sequence s: the vNIC at place p (from 1) has totals s × 1000 × p + the metric's number, and event s says that the first
// domain was started.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "collectd_snapshots.hpp"
#include "core/clock.hpp"
#include "core/snapshot/lease.hpp"

namespace vmtraffic::collectd {
namespace {

std::vector<Domain> make_domains() {
  Vnic second = make_vnic(1, "vnet2");
  second.number = 1;
  Domain web = make_domain(1, "web", {make_vnic(1, "vnet1"), second});
  web.tags = {{"nova.instance", "shop"}, {"nova.project", "a \"b\"\n\\c\xff"}};
  return {web, make_domain(2, "a/../b \x1b[31m\n'\"=|;\\\xff", {make_vnic(2, "vnet3")}),
          make_domain(3, std::string(300, 'x') + "1", {make_vnic(3, "vnet4")}),
          make_domain(4, std::string(300, 'x') + "2", {make_vnic(4, "vnet5")}), make_domain(5, "..", {make_vnic(5, "vnet6")})};
}

SnapshotContent content_of(std::uint64_t sequence, double interval_s, const Clock& clock) {
  SnapshotContent content = make_content(make_domains());
  content.header.boot_id = clock.boot_id;
  content.header.sequence = sequence;
  content.header.sampled_boottime = clock.boottime();
  content.header.sampled_walltime = clock.walltime();
  content.header.interval = static_cast<Nanoseconds>(interval_s * 1e9);
  for (std::size_t i = 0; i < content.numbers.totals.size(); ++i) {
    for (std::size_t m = 0; m < kMetricCount; ++m) content.numbers.totals[i].total[m] = sequence * 1000 * (i + 1) + m;
  }
  for (DomainNumbers& domain : content.numbers.domains)
    domain = {.cpu_time_ns = sequence * 1'000'000, .confirmed_boottime = content.header.sampled_boottime};
  for (std::uint64_t s = sequence > 8 ? sequence - 8 : 1; s <= sequence; ++s) {
    Event event = make_event(s, EventKind::kStarted, "web", "booted");
    event.boottime = content.header.sampled_boottime;
    event.walltime = content.header.sampled_walltime;
    content.events.push_back(event);
  }
  return content;
}

int run(const std::string& directory, double interval_s) {
  const Clock clock = system_clock();
  if (const Status ready = prepare_runtime_directory(directory); !ready.ok()) {
    std::cerr << ready.error().text << '\n';
    return EXIT_FAILURE;
  }
  const auto lease = Lease::acquire(directory);
  if (!lease.ok()) {
    std::cerr << lease.error().text << '\n';
    return EXIT_FAILURE;
  }
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  for (std::uint64_t sequence = 1;; ++sequence) {
    const SnapshotContent content = content_of(sequence, interval_s, clock);
    const EncodedPart inventory = encode_inventory(content.inventory);
    const EncodedPart tags = encode_tags(content.inventory);
    const EncodedPart numbers = encode_numbers(content.numbers);
    const EncodedPart events = encode_events(content.events, sequence);
    const EncodedSnapshot snapshot{
        .header = content.header, .inventory = &inventory, .numbers = &numbers, .events = &events, .tags = &tags};
    if (const Status done = publish(directory, snapshot); !done.ok()) {
      std::cerr << done.error().text << '\n';
      return EXIT_FAILURE;
    }
    std::cout << fmt::format("{} {}", sequence, content.header.sampled_walltime) << std::endl;
    if (::poll(&input, 1, static_cast<int>(interval_s * 1000)) != 0) return EXIT_SUCCESS;
  }
}

}  // namespace
}  // namespace vmtraffic::collectd

int main(int count, char** words) {
  if (count != 3) {
    std::cerr << "usage: collectd_publisher DIRECTORY SECONDS\n";
    return EXIT_FAILURE;
  }
  return vmtraffic::collectd::run(words[1], std::atof(words[2]));
}
