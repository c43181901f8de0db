// collectd_publisher DIRECTORY SECONDS [flows]: holds the lease and publishes a snapshot every so many seconds until its standard input
// ends, saying for each one "sequence wall-time-ns" on standard output. Stands for the collector in collectd_daemon_test.py, so every value
// follows from the sequence s: the vNIC at place p (from 1) has totals s × 1000 × p + the metric's number, and event s says that the first
// domain was started. With `flows` the first vNIC has packet samples too, s × 1000 packets each way of 100 octets received and 200
// sent, and latencies and losses, always the same; and there is another host, hv-2, with the same domains.
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

FlowSums sums_of(std::uint64_t sequence, double length) {
  FlowSums sums{.total_samples = sequence * 10, .samples = 100};
  sums.total_packets = static_cast<double>(sequence) * 1000;
  sums.total_octets = sums.total_packets * length;
  return sums;
}

FlowRows flows_of(std::uint64_t sequence) {
  const FlowSums rx = sums_of(sequence, 100);
  const FlowSums tx = sums_of(sequence, 200);
  FlowRows flows;
  flows.vnics.resize(6);
  flows.vnics[0] = {.rx = rx,
                    .tx = tx,
                    .rtt_us = 1500,
                    .rtt_variance_us = 500,
                    .min_rtt_us = 1000,
                    .tcp_samples = 4,
                    .tcp_lossy = 1,
                    .coverage_rx = 1.25F,
                    .coverage_tx = 0.5F,
                    .rx_by = AttributedBy::kPort,
                    .tx_by = AttributedBy::kPort};
  flows.protocols = {{.rx = rx, .tx = tx, .vnic = 0, .protocol = TrafficClass::kTcp}};
  flows.services = {{.rx = rx, .tx = tx, .vnic = 0, .port = 443, .protocol = 6}};
  flows.networks = {"back/up"};
  flows.conversations = {{.rx = rx, .tx = tx, .vnic = 0, .peer = 2, .kind = PeerKind::kVnic},
                         {.rx = rx, .tx = tx, .address = {192, 0, 2, 9}, .vnic = 0, .kind = PeerKind::kAddress, .address_version = 4},
                         {.rx = rx, .tx = tx, .vnic = 0, .peer = 0, .kind = PeerKind::kNetwork}};
  flows.drops = {{.vnic = 0, .direction = Direction::kTx, .reason = "no/route", .packets = sequence}};
  return flows;
}

PerformanceRows performance_of() {
  PerformanceRows performance;
  performance.latencies = {{.interval = {.count = 3, .median_us = 1250, .p95_us = 2500},
                            .five_minutes = {.count = 9},
                            .vnic = 0,
                            .kind = LatencyKind::kNetworkRtt},
                           {.interval = {.count = 1, .median_us = 250'000, .p95_us = 250'000},
                            .five_minutes = {.count = 1},
                            .vnic = 0,
                            .kind = LatencyKind::kDns}};
  performance.losses.resize(6);
  performance.losses[0] = {.since = 1, .rx = {}, .tx = {}, .rx_recent = {.segments = 3, .lost_before = 1}, .tx_recent = {}};
  return performance;
}

Status publish_content(const std::string& directory, const SnapshotContent& content, std::uint64_t sequence) {
  const EncodedPart inventory = encode_inventory(content.inventory);
  const EncodedPart tags = encode_tags(content.inventory);
  const EncodedPart numbers = encode_numbers(content.numbers);
  const EncodedPart events = encode_events(content.events, sequence);
  const EncodedPart flows = encode_flows(content.flows.value_or(FlowRows{}));
  const EncodedPart performance = encode_performance(content.performance.value_or(PerformanceRows{}));
  return publish(directory, {.header = content.header,
                             .inventory = &inventory,
                             .numbers = &numbers,
                             .events = &events,
                             .tags = &tags,
                             .flows = content.flows ? &flows : nullptr,
                             .performance = content.performance ? &performance : nullptr});
}

// The index, and the one host that it lists.
Status publish_other(const std::string& directory, SnapshotContent content, std::uint64_t sequence) {
  const std::string address = "192.0.2.2";
  const auto hosts = hosts_directory(directory);
  const auto host = host_directory(directory, address);
  for (const auto& path : {hosts, host}) {
    if (const Status ready = prepare_runtime_directory(path); !ready.ok()) return ready;
  }
  content.flows.reset();
  content.performance.reset();
  content.events.clear();
  if (const Status done = publish_content(host, content, 0); !done.ok()) return done;
  const EncodedPart index = encode_hosts({{.name = "hv-2", .address = address, .last = content.header.sampled_boottime}});
  content.header.sequence = sequence;
  return publish(hosts, {.header = content.header, .hosts = &index});
}

int run(const std::string& directory, double interval_s, bool with_flows) {
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
    SnapshotContent content = content_of(sequence, interval_s, clock);
    if (with_flows) {
      content.flows = flows_of(sequence);
      content.performance = performance_of();
    }
    Status done = with_flows ? publish_other(directory, content, sequence) : Status(Done{});
    if (done.ok()) done = publish_content(directory, content, sequence);
    if (!done.ok()) {
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
  const bool with_flows = count == 4 && std::string_view(words[3]) == "flows";
  if (count != 3 && !with_flows) {
    std::cerr << "usage: collectd_publisher DIRECTORY SECONDS [flows]\n";
    return EXIT_FAILURE;
  }
  return vmtraffic::collectd::run(words[1], std::atof(words[2]), with_flows);
}
