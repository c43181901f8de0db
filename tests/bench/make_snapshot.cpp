// make_snapshot: publishes a synthetic snapshot of any size, for benchmarks and for trying a front end without a collector.
// Every value follows from the domain's and the vNIC's number, so that a reader's output can be told in advance.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "core/clock.hpp"
#include "core/snapshot/writer.hpp"

namespace {

using namespace vmtraffic;

struct Options {
  std::uint32_t domains{2}, vnics{1};
  std::string directory;
  std::string name_prefix{"vm-"};
  double interval_s{10}, age_s{0}, every_s{0};
  std::uint64_t sequence{1};
  bool down{false}, capture{false};
};

Vnic make_vnic(std::uint32_t domain, std::uint32_t number) {
  Vnic vnic;
  const auto octet = [](std::uint32_t value) { return static_cast<std::uint8_t>(value & 0xFF); };
  vnic.mac = {{0x52, 0x54, octet(domain >> 16), octet(domain >> 8), octet(domain), octet(number)}};
  vnic.number = number;
  vnic.type = VnicType::kBridge;
  vnic.source = "br0";
  vnic.tap = fmt::format("vnet{}x{}", domain, number);
  vnic.model = "virtio";
  vnic.link = LinkState::kUp;
  return vnic;
}

Domain make_domain(const Options& options, std::uint32_t number) {
  Domain domain;
  for (std::size_t i = 0; i < 4; ++i) domain.uuid.octets[15 - i] = static_cast<std::uint8_t>(number >> (8 * i));
  domain.uuid.octets[0] = 0xD0;
  domain.name = fmt::format("{}{}", options.name_prefix, number);
  domain.connection = "qemu:///system";
  domain.hypervisor = "QEMU";
  domain.os_type = "hvm";
  domain.state = options.down ? DomainState::kShutoff : DomainState::kRunning;
  domain.persistent = true;
  domain.autostart = false;
  domain.vcpus = domain.vcpus_max = 2;
  domain.memory_kib = domain.memory_max_kib = 1 << 20;
  for (std::uint32_t v = 0; v < options.vnics; ++v) domain.vnics.push_back(make_vnic(number, v));
  return domain;
}

// Octets of a vNIC: 1,000,000 times its place plus the metric's number; rates: a thousandth of the totals per second.
VnicTotals make_totals(std::uint32_t place, const Options& options) {
  VnicTotals totals;
  if (options.down) return totals;
  for (std::size_t m = 0; m < kMetricCount; ++m) totals.total[m] = std::uint64_t{1'000'000} * place + m;
  totals.if_index = place + 10;
  totals.present = totals.seen = kAllMetrics;
  return totals;
}

VnicRates make_rates(const VnicTotals& totals, float covered_s) {
  VnicRates rates;
  if (totals.present == 0) return rates;
  rates.covered_s = covered_s;
  for (std::size_t m = 0; m < kMetricCount; ++m) {
    rates.mean[m] = static_cast<float>(totals.total[m]) / 1000.0F;
    rates.highest[m] = rates.mean[m] * 2;
  }
  rates.present = kAllMetrics;
  return rates;
}

// As if packets were captured: each kind of latency, a service and a peer of each vNIC, all with the vNIC's place as their microseconds;
// segments 1,000 times its place.
PerformanceRows make_performance(std::uint32_t vnics, Nanoseconds since) {
  PerformanceRows rows;
  rows.covered_s = 60;
  for (std::uint32_t vnic = 0; vnic < vnics; ++vnic) {
    VnicLatency row;
    row.vnic = vnic;
    const auto us = static_cast<float>(vnic + 1);
    row.interval = row.five_minutes = {.count = 10, .minimum_us = us, .mean_us = us, .median_us = us, .p95_us = us, .p99_us = us};
    for (std::size_t kind = 0; kind < kLatencyKindCount; ++kind) {
      row.kind = static_cast<LatencyKind>(kind);
      rows.latencies.push_back(row);
    }
    VnicLatency service = row, peer = row;
    service.kind = LatencyKind::kServed;
    service.protocol = 6;
    service.port = 443;
    peer.kind = LatencyKind::kNetworkRtt;
    peer.address = {192, 0, 2, 1};
    peer.address_version = 4;
    rows.latencies.insert(rows.latencies.end(), {service, peer});
    const LossCounts segments{.segments = std::uint64_t{1000} * (vnic + 1)};
    rows.losses.push_back({.since = since, .rx = segments, .tx = segments, .rx_recent = segments, .tx_recent = segments});
  }
  return rows;
}

SnapshotContent make_content(const Options& options, const Clock& clock) {
  SnapshotContent content;
  const auto ns = [](double seconds) { return static_cast<Nanoseconds>(seconds * 1e9); };
  content.header = {.host = "synthetic",
                    .boot_id = clock.boot_id,
                    .sequence = options.sequence,
                    .sampled_boottime = clock.boottime() - ns(options.age_s),
                    .sampled_walltime = clock.walltime() - ns(options.age_s),
                    .interval = ns(options.interval_s),
                    .inventory_generation = 1,
                    .writer_pid = static_cast<std::uint32_t>(::getpid()),
                    .writer_program = "make_snapshot",
                    .writer_version = VMTRAFFIC_VERSION};
  for (std::uint32_t d = 0; d < options.domains; ++d) content.inventory.domains.push_back(make_domain(options, d + 1));
  normalize(content.inventory);
  const Nanoseconds sampled = content.header.sampled_boottime;
  content.numbers.domains.assign(options.domains, {.cpu_time_ns = 5'000'000'000, .confirmed_boottime = sampled});
  constexpr float kSpans_s[kWindowCount] = {10, 60, 300};
  for (std::uint32_t place = 1; place <= options.domains * options.vnics; ++place) {
    content.numbers.totals.push_back(make_totals(place, options));
    for (std::size_t w = 0; w < kWindowCount; ++w)
      content.numbers.rates[w].push_back(make_rates(content.numbers.totals.back(), kSpans_s[w]));
  }
  content.health = {{"collector", HealthState::kUp, "", sampled, sampled, {{"ticks", options.sequence}}},
                    {"libvirt qemu:///system", HealthState::kUp, "", sampled, sampled, {{"libvirt_calls", 2}}}};
  if (options.capture) content.performance = make_performance(options.domains * options.vnics, sampled);
  return content;
}

Status publish_once(const Options& options) {
  const SnapshotContent content = make_content(options, system_clock());
  const EncodedPart inventory = encode_inventory(content.inventory);
  const EncodedPart tags = encode_tags(content.inventory);
  const EncodedPart numbers = encode_numbers(content.numbers.domains, content.numbers.totals, content.numbers.rates);
  const EncodedPart health = encode_health(content.health);
  const EncodedPart events = encode_events({}, 0);
  const EncodedPart performance = content.performance ? encode_performance(*content.performance) : EncodedPart{};
  EncodedSnapshot snapshot{content.header, &inventory, &numbers, &health, &events, &tags};
  if (content.performance) snapshot.performance = &performance;
  if (Status ready = prepare_runtime_directory(options.directory); !ready) return ready;
  return publish(options.directory, snapshot);
}

}  // namespace

int main(int count, char** words) {
  CLI::App app{"Publishes a synthetic snapshot.", "make_snapshot"};
  Options options;
  app.add_option("--domains", options.domains, "Number of domains")->capture_default_str();
  app.add_option("--vnics", options.vnics, "vNICs of each")->check(CLI::Range(0, 256))->capture_default_str();
  app.add_option("--runtime-directory", options.directory, "Where the snapshot goes")->required();
  app.add_option("--name-prefix", options.name_prefix, "Domains are called PREFIX1, PREFIX2, …")->capture_default_str();
  app.add_option("--interval", options.interval_s, "The interval that the snapshot claims, in seconds")->capture_default_str();
  app.add_option("--age", options.age_s, "How old it claims to be, in seconds")->capture_default_str();
  app.add_option("--sequence", options.sequence, "Its sequence number")->capture_default_str();
  app.add_option("--every", options.every_s, "Publish again every so many seconds until killed; 0: once");
  app.add_flag("--down", options.down, "Domains that do not run: no links, no counters, no rates");
  app.add_flag("--capture", options.capture, "Latencies and losses, too");
  CLI11_PARSE(app, count, words);
  while (true) {
    if (const Status status = publish_once(options); !status) {
      std::cerr << "make_snapshot: " << status.error().text << '\n';
      return EXIT_FAILURE;
    }
    if (!(options.every_s > 0)) return EXIT_SUCCESS;
    std::this_thread::sleep_for(std::chrono::duration<double>(options.every_s));
    ++options.sequence;
  }
}
