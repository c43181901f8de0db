// Small snapshots for the tests of the collectd plugin.
#pragma once

#include <gtest/gtest.h>

#include <memory>

#include "core/snapshot.hpp"
#include "core/snapshot/writer.hpp"

namespace vmtraffic::collectd {

inline constexpr const char* kBootId = "0b0b0b0b-0000-4000-8000-000000000001";

inline DomainUuid uuid(std::uint8_t n) { return {{0xD0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n}}; }
inline MacAddress mac(std::uint8_t n) { return {{0x52, 0x54, 0, 0, 0, n}}; }

inline Vnic make_vnic(std::uint8_t number, const std::string& tap) {
  Vnic vnic;
  vnic.mac = mac(number);
  vnic.type = VnicType::kBridge;
  vnic.source = "br0";
  vnic.tap = tap;
  return vnic;
}

inline Domain make_domain(std::uint8_t number, const std::string& name, std::vector<Vnic> vnics = {}) {
  Domain domain;
  domain.uuid = uuid(number);
  domain.name = name;
  domain.connection = "qemu:///system";
  domain.state = DomainState::kRunning;
  domain.state_reason = 1;
  domain.persistent = true;
  domain.vnics = std::move(vnics);
  return domain;
}

// Totals 100 × `place` + the metric's number.
inline VnicTotals make_totals(std::uint64_t place, MetricSet present = kAllMetrics) {
  VnicTotals totals;
  for (std::size_t m = 0; m < kMetricCount; ++m) totals.total[m] = 100 * place + m;
  totals.present = totals.seen = present;
  return totals;
}

// Sampled at boot time 1,000 s and wall time 1,700,000,000 s, every vNIC with totals of its place from 1.
inline SnapshotContent make_content(std::vector<Domain> domains) {
  SnapshotContent content;
  content.header = {.host = "host",
                    .boot_id = kBootId,
                    .sequence = 7,
                    .sampled_boottime = 1000 * kSecond,
                    .sampled_walltime = 1'700'000'000 * kSecond,
                    .interval = 10 * kSecond,
                    .inventory_generation = 1,
                    .writer_pid = 1,
                    .writer_program = "test",
                    .writer_version = "0"};
  content.inventory.domains = std::move(domains);
  normalize(content.inventory);
  content.numbers.domains.assign(content.inventory.domains.size(), {});
  const std::size_t vnics = content.inventory.vnic_count();
  for (std::size_t place = 1; place <= vnics; ++place) content.numbers.totals.push_back(make_totals(place));
  for (auto& window : content.numbers.rates) window.assign(vnics, {});
  return content;
}

inline std::shared_ptr<const Snapshot> make_snapshot(const SnapshotContent& content) {
  auto snapshot = Snapshot::parse(encode(content));
  EXPECT_TRUE(snapshot.ok()) << (snapshot.ok() ? "" : snapshot.error().text);
  return std::make_shared<const Snapshot>(std::move(snapshot).value());
}

inline Event make_event(std::uint64_t sequence, EventKind kind, const std::string& domain, const std::string& detail,
                        std::uint8_t number = 1) {
  return {sequence,
          static_cast<Nanoseconds>(sequence) * kSecond,
          static_cast<Nanoseconds>(1'600'000'000 + sequence) * kSecond,
          kind,
          uuid(number),
          domain,
          detail};
}

}  // namespace vmtraffic::collectd
