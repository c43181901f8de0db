// VMs whose packets were captured: what the tests of check_vm_latency and check_vm_loss look at.
#pragma once

#include <string>
#include <utility>

#include "nagios_fixture.hpp"

namespace vmtraffic::nagios {

inline Outcome outcome(State state, std::string output) { return {state, std::move(output)}; }

// Latencies whose median is `median_us`, with the other figures in a known ratio to it.
inline LatencySums latency_sums(std::uint64_t count, float median_us) {
  return {.count = count,
          .minimum_us = median_us / 2,
          .mean_us = median_us * 2,
          .median_us = median_us,
          .p95_us = median_us * 4,
          .p99_us = median_us * 8};
}

// Over five minutes; of the last interval a tenth as many, and each twice as long.
inline VnicLatency latency_of(std::uint32_t vnic, LatencyKind kind, std::uint64_t count, float median_us) {
  VnicLatency latency;
  latency.vnic = vnic;
  latency.kind = kind;
  latency.five_minutes = latency_sums(count, median_us);
  latency.interval = latency_sums(count / 10, median_us * 2);
  return latency;
}

// vNIC 0 is web1's, 1 and 2 are db1's, 3 is that of a VM that is shut off, 4 is new1's, of which nothing was captured.
inline ContentBuilder captured_vms() {
  ContentBuilder builder;
  builder.domain("web1").tags = {{"nova.project", "shop"}};
  builder.vnic(1, {});
  builder.domain("db1");
  builder.vnic(2, {});
  builder.vnic(3, {});
  builder.domain("off", DomainState::kShutoff);
  builder.bare_vnic(4);
  builder.domain("new1");
  builder.vnic(5, {});
  PerformanceRows& rows = builder.content.performance.emplace();
  rows.covered_s = 80;
  rows.losses.resize(5);
  for (std::size_t vnic = 0; vnic < 3; ++vnic) rows.losses[vnic].since = kNow - 1000 * kSecond;
  return builder;
}

}  // namespace vmtraffic::nagios
