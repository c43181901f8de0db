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

}  // namespace vmtraffic
