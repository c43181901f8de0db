// What is published of latencies and losses, in the form in which the snapshot's performance part carries it. Made by
// core/traffic/performance_view.hpp, encoded by core/snapshot/writer.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/latency.hpp"
#include "core/types.hpp"

namespace vmtraffic {

struct LatencySums {
  std::uint64_t count{0};
  float minimum_us{0}, mean_us{0}, median_us{0}, p95_us{0}, p99_us{0};
  std::uint32_t reserved{0};
  friend bool operator==(const LatencySums&, const LatencySums&) = default;
};
static_assert(sizeof(LatencySums) == 32);

// Of a vNIC as a whole; of one of its services, where protocol is not 0; or with one peer, where address_version is not 0.
struct VnicLatency {
  LatencySums interval, five_minutes;
  std::array<std::uint8_t, 16> address{};
  std::uint32_t vnic{0};
  std::uint16_t port{0};
  std::uint8_t protocol{0};
  LatencyKind kind{LatencyKind::kGuestRtt};
  std::uint8_t address_version{0};
  std::uint8_t reserved{0};
  std::uint16_t reserved2{0};
  std::uint32_t reserved3{0};
  friend bool operator==(const VnicLatency&, const VnicLatency&) = default;
};
static_assert(sizeof(VnicLatency) == 96);

struct VnicLoss {
  Nanoseconds since{0};                     // when counting began; 0: nothing was captured of it
  LossCounts rx, tx, rx_recent, tx_recent;  // the guest's directions
  friend bool operator==(const VnicLoss&, const VnicLoss&) = default;
};
static_assert(sizeof(VnicLoss) == 488);

struct PerformanceRows {
  double covered_s{0};                 // what recent losses cover
  double kept_share{1};                // of all flows: 1 unless the CPU limit was reached
  std::vector<VnicLatency> latencies;  // by vNIC: as a whole, its services, its peers
  std::vector<VnicLoss> losses;        // inventory order
};

}  // namespace vmtraffic
