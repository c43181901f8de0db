// A snapshot with a bit of everything, for tests of what reads and writes snapshots.
#pragma once

#include "core/snapshot/writer.hpp"

namespace vmtraffic {

inline DomainUuid uuid_number(std::uint8_t n) {
  DomainUuid uuid;
  uuid.octets.fill(n);
  return uuid;
}

inline Clock clock_at(Nanoseconds boottime, Nanoseconds walltime = 1'700'000'000 * kSecond) {
  return {[boottime] { return boottime; }, [walltime] { return walltime; }, "boot-1"};
}

inline SnapshotContent small_snapshot() {
  SnapshotContent c;
  c.header = {"hv-1", "boot-1", 42, 1000 * kSecond, 1'700'000'000 * kSecond, 10 * kSecond, 3, 4711, "vmtraffic-collect", "0.1.0"};
  Domain web;
  web.uuid = uuid_number(0x11);
  web.name = "web";
  web.title = "the web";
  web.connection = "qemu:///system";
  web.hypervisor = "QEMU";
  web.os_type = "hvm";
  web.state = DomainState::kRunning;
  web.state_reason = 1;
  web.persistent = true;
  web.autostart = false;
  web.vcpus = 2;
  web.vcpus_max = 4;
  web.memory_kib = 131072;
  web.memory_max_kib = 262144;
  web.tags = {{"nova.instance", "web-1"}, {"nova.project", "shop"}};
  Vnic first;
  first.mac = *MacAddress::parse("52:54:00:00:00:01");
  first.type = VnicType::kBridge;
  first.source = "br0";
  first.tap = "vnet0";
  first.model = "virtio";
  first.port_id = "port-a";
  first.teaming = "persistent";
  first.alias = "net0";
  first.link = LinkState::kUp;
  first.bandwidth_rx = Bandwidth{125'000, 250'000, 64'000};
  first.addresses = {"10.0.0.1", "fd00::1"};
  Vnic second = first;  // the same MAC: a teaming pair
  second.ordinal = 1;
  second.number = 1;
  second.type = VnicType::kHostdev;
  second.tap = "";
  second.teaming = "transient";
  second.alias = "net1";
  second.bandwidth_rx.reset();
  second.bandwidth_tx = Bandwidth{1000, 0, 0};
  second.pci = PciAddress{0, 3, 0x10, 1};
  second.addresses.clear();
  web.vnics = {first, second};
  Domain off;
  off.uuid = uuid_number(0x22);
  off.name = "off";
  off.connection = "qemu:///system";
  off.hypervisor = "QEMU";
  off.state = DomainState::kShutoff;
  Vnic third;
  third.mac = *MacAddress::parse("52:54:00:00:00:03");
  off.vnics = {third};
  c.inventory.domains = {web, off};
  c.numbers.domains = {{123'456'789, 999 * kSecond}, {std::nullopt, 998 * kSecond}};
  c.numbers.totals.resize(3);
  c.numbers.totals[0].total = {1000, 10, 1, 2, 2000, 20, 3, 4};
  c.numbers.totals[0].offset = {100, 1, 0, 0, 200, 2, 0, 0};
  c.numbers.totals[0].if_index = 7;
  c.numbers.totals[0].present = c.numbers.totals[0].seen = kAllMetrics;
  c.numbers.totals[0].discontinuity_boottime = 500 * kSecond;
  c.numbers.totals[1].total = {5, 0, 0, 0, 0, 0, 0, 0};
  c.numbers.totals[1].if_index = 3;
  c.numbers.totals[1].present = c.numbers.totals[1].seen = 1;
  c.numbers.totals[2].total = {77, 7, 0, 0, 0, 0, 0, 0};  // kept while the domain is off
  c.numbers.totals[2].seen = kAllMetrics;
  for (auto& rates : c.numbers.rates) rates.resize(3);
  c.numbers.rates[0][0] = {10, {100, 1, 0, 0, 200, 2, 0, 0}, {100, 1, 0, 0, 200, 2, 0, 0}, kAllMetrics};
  c.numbers.rates[1][0] = {60, {50, 1, 0, 0, 150, 2, 0, 0}, {100, 1, 0, 0, 200, 2, 0, 0}, kAllMetrics};
  c.numbers.rates[2][0] = {130, {40, 1, 0, 0, 140, 2, 0, 0}, {120, 1, 0, 0, 220, 2, 0, 0}, kAllMetrics};
  c.health = {{"collector", HealthState::kUp, "", 1 * kSecond, 1000 * kSecond, {{"ticks", 100}}},
              {"libvirt qemu:///system",
               HealthState::kDown,
               "libvirtd does not answer",
               900 * kSecond,
               880 * kSecond,
               {{"libvirt_calls", 5}, {"domains", 2}}}};
  c.events = {{8, 990 * kSecond, 1'699'999'990 * kSecond, EventKind::kStarted, uuid_number(0x11), "web", "booted"},
              {9, 995 * kSecond, 1'699'999'995 * kSecond, EventKind::kStopped, uuid_number(0x22), "off", "destroyed"}};
  return c;
}

// `packets` of `length` octets each way of the row, from samples that stand for `scale` packets each; half of it recent.
inline FlowSums flow_sums(std::uint64_t samples, double scale, double length) {
  FlowSums s;
  s.total_samples = samples;
  s.total_packets = static_cast<double>(samples) * scale;
  s.total_octets = s.total_packets * length;
  s.samples = static_cast<std::uint32_t>(samples / 2);
  s.packets = static_cast<float>(s.samples * scale);
  s.octets = static_cast<float>(s.samples * scale * length);
  s.total_octets_error = s.total_packets_error = 0.125F;
  s.octets_error = s.packets_error = 0.25F;
  return s;
}

// The same host with two agents, and flows of its first vNIC (row 0) and of the third (row 2).
inline SnapshotContent snapshot_with_flows() {
  SnapshotContent c = small_snapshot();
  FlowRows f;
  f.covered_s = 80;
  f.samples = 5000;
  f.packets = 500'000;
  f.octets = 4e8;
  f.unattributed_packets = 25'000;
  f.unattributed_octets = 1e7;
  f.vnics.resize(3);
  f.vnics[0] = {.since = 100 * kSecond,
                .rx = flow_sums(1000, 100, 200),
                .tx = flow_sums(2000, 100, 1000),
                .foreign_mac = 3,
                .rtt_us = 1500,
                .rtt_variance_us = 250,
                .min_rtt_us = 900,
                .tcp_samples = 40,
                .tcp_lossy = 2,
                .tcp_retransmitting = 1,
                .coverage_rx = 0.98F,
                .coverage_tx = 1.01F,
                .rx_agent = 1,
                .tx_agent = 1,
                .rx_by = AttributedBy::kPort,
                .tx_by = AttributedBy::kPort};
  f.vnics[2] = {.since = 200 * kSecond, .rx = flow_sums(10, 100, 64), .tx = {}, .rx_agent = 2, .rx_by = AttributedBy::kInnerMac};
  f.protocols = {
      {.since = 100 * kSecond, .rx = flow_sums(900, 100, 200), .tx = flow_sums(1900, 100, 1000), .vnic = 0, .protocol = TrafficClass::kTcp},
      {.since = 150 * kSecond, .rx = flow_sums(100, 100, 200), .tx = flow_sums(100, 100, 1000), .vnic = 0, .protocol = TrafficClass::kUdp},
      {.since = 200 * kSecond, .rx = flow_sums(10, 100, 64), .tx = {}, .vnic = 2, .protocol = TrafficClass::kIcmp}};
  f.services = {
      {.since = 100 * kSecond, .rx = flow_sums(900, 100, 200), .tx = flow_sums(1900, 100, 1000), .vnic = 0, .port = 443, .protocol = 6},
      {.since = 150 * kSecond, .rx = flow_sums(100, 100, 200), .tx = flow_sums(100, 100, 1000), .vnic = 0, .port = 53, .protocol = 17}};
  f.networks = {"backup", "office|=;'lan"};
  f.conversations = {{.since = 100 * kSecond,
                      .rx = flow_sums(600, 100, 200),
                      .tx = flow_sums(1400, 100, 1000),
                      .address = {192, 0, 2, 9},
                      .vnic = 0,
                      .port = 443,
                      .protocol = 6,
                      .kind = PeerKind::kAddress,
                      .address_version = 4},
                     {.since = 100 * kSecond,
                      .rx = flow_sums(200, 100, 200),
                      .tx = flow_sums(400, 100, 1000),
                      .vnic = 0,
                      .peer = 1,
                      .port = 443,
                      .protocol = 6,
                      .kind = PeerKind::kNetwork},
                     {.since = 150 * kSecond,
                      .rx = flow_sums(100, 100, 200),
                      .tx = flow_sums(100, 100, 1000),
                      .vnic = 0,
                      .peer = 2,
                      .port = 53,
                      .protocol = 17,
                      .kind = PeerKind::kVnic},
                     {.since = 200 * kSecond,
                      .rx = flow_sums(10, 100, 64),
                      .tx = {},
                      .address = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5},
                      .vnic = 2,
                      .kind = PeerKind::kAddress,
                      .address_version = 6}};
  f.drops = {{.vnic = 0,
              .direction = Direction::kTx,
              .reason = "ttl_value_is_too_small",
              .packets = 7,
              .octets = 700,
              .recent_packets = 2,
              .since = 300 * kSecond},
             {.vnic = std::nullopt,
              .direction = Direction::kRx,
              .reason = "no_buffer_space",
              .packets = 1,
              .octets = 64,
              .recent_packets = 0,
              .since = 400 * kSecond}};
  f.peers = {3, 0, 1};
  c.flows = std::move(f);
  c.agents = {{.address = "10.0.0.1",
               .sub_agent = 0,
               .sender = "127.0.0.1",
               .host = "",
               .local = true,
               .first = 90 * kSecond,
               .last = 999 * kSecond,
               .uptime_ms = 5'000'000,
               .datagrams = 900,
               .lost = 3,
               .late = 1,
               .duplicates = 2,
               .restarts = 1,
               .samples = 4900,
               .samples_lost = 12,
               .counter_samples = 100,
               .discarded_packets = 8,
               .agent_drops = 5,
               .discard_drops = 1,
               .data_sources = 4,
               .sampling_rate = 100.5,
               .stated_rate = 100},
              {.address = "2001:db8::2",
               .sub_agent = 100000,
               .sender = "2001:db8::2",
               .host = "tor-1",
               .first = 95 * kSecond,
               .last = 998 * kSecond,
               .uptime_ms = 77,
               .datagrams = 50,
               .samples = 100,
               .data_sources = 48,
               .sampling_rate = 2048,
               .stated_rate = 2048}};
  return c;
}

// The same where a capture told of some of it, and of what it carries.
inline SnapshotContent snapshot_with_applications() {
  SnapshotContent c = snapshot_with_flows();
  FlowRows& f = *c.flows;
  f.applications = {{.since = 100 * kSecond, .rx = flow_sums(900, 100, 200), .tx = flow_sums(1900, 100, 1000), .vnic = 0, .application = 1},
                    {.since = 150 * kSecond, .rx = flow_sums(100, 100, 200), .tx = flow_sums(100, 100, 1000), .vnic = 0, .application = 0}};
  f.application_names = {"Unknown", "TLS.Google"};
  f.application_categories = {"Unspecified", "Web"};
  f.server_names = {"www.google.com", "", "", ""};
  f.conversations[0].source = FlowSource::kCapture;
  f.conversations[0].application = 2;
  f.conversations[1].source = FlowSource::kSflow;
  return c;
}

}  // namespace vmtraffic
