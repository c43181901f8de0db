// What a capture measured, for tests of what shows it.
#pragma once

#include "tests/unit/snapshot_fixture.hpp"

namespace vmtraffic {

// Latencies around `median_us`, which lies in the middle of the least and the most.
inline LatencySums latency_sums(std::uint64_t count, float median_us) {
  return {.count = count,
          .minimum_us = median_us / 2,
          .mean_us = median_us + 1,
          .median_us = median_us,
          .p95_us = median_us * 3 / 2,
          .p99_us = median_us * 2};
}

// Each count another: `first`, `first` + 1, and so on, in their order.
inline LossCounts loss_counts(std::uint64_t first) {
  return {.segments = first,
          .lost_before = first + 1,
          .lost_after = first + 2,
          .spurious = first + 3,
          .reordered = first + 4,
          .unseen = first + 5,
          .duplicate_acks = first + 6,
          .zero_windows = first + 7,
          .resets = first + 8,
          .connections = first + 9,
          .refused = first + 10,
          .unanswered = first + 11,
          .dns_queries = first + 12,
          .dns_unanswered = first + 13,
          .unreachable = first + 14};
}

// The small snapshot of snapshot_fixture.hpp, whose first vNIC (row 0) was measured in every way. Of the third (row 2) packets came, but
// in the last interval nothing was measured of it, and of the second none came.
inline SnapshotContent snapshot_with_performance() {
  SnapshotContent c = small_snapshot();
  PerformanceRows p;
  p.covered_s = 80;
  p.kept_share = 0.75;
  for (std::uint8_t k = 0; k < kLatencyKindCount; ++k) {
    p.latencies.push_back({.interval = latency_sums(10U + k, 1000.F * static_cast<float>(k + 1)),
                           .five_minutes = latency_sums(300U + k, 1500.F * static_cast<float>(k + 1)),
                           .vnic = 0,
                           .kind = static_cast<LatencyKind>(k)});
  }
  p.latencies.push_back({.interval = latency_sums(5, 700),
                         .five_minutes = latency_sums(70, 750),
                         .vnic = 0,
                         .port = 443,
                         .protocol = 6,
                         .kind = LatencyKind::kServed});
  p.latencies.push_back({.interval = latency_sums(4, 600),
                         .five_minutes = latency_sums(60, 650),
                         .address = {192, 0, 2, 9},
                         .vnic = 0,
                         .kind = LatencyKind::kNetworkRtt,
                         .address_version = 4});
  p.latencies.push_back({.interval = {}, .five_minutes = latency_sums(1, 250), .vnic = 2, .kind = LatencyKind::kGuestRtt});
  p.losses.resize(3);
  p.losses[0] = {.since = 100 * kSecond,
                 .rx = loss_counts(1000),
                 .tx = loss_counts(2000),
                 .rx_recent = loss_counts(100),
                 .tx_recent = loss_counts(200)};
  p.losses[2].since = 200 * kSecond;
  c.performance = std::move(p);
  return c;
}

}  // namespace vmtraffic
