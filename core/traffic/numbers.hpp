// One vNIC's figures in the form in which the ledger keeps them and the snapshot's numbers part carries them:
// plain arrays, a presence bit per value, in inventory order.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "core/types.hpp"

namespace vmtraffic {

// The order of every array below.
enum Metric : std::size_t {
  kRxOctets,
  kRxPackets,
  kRxErrors,
  kRxDrops,
  kTxOctets,
  kTxPackets,
  kTxErrors,
  kTxDrops,
  kMetricCount,
};

using MetricTotals = std::array<std::uint64_t, kMetricCount>;
using MetricRates = std::array<float, kMetricCount>;  // per second

// Which totals stand for something now: bit m for metric m.
using MetricSet = std::uint8_t;
inline constexpr MetricSet kAllMetrics = 0xFF;

// How long before the sample a vNIC's counters were read. 0: with it, as almost all are. Some are read apart, and more seldom than samples
// are taken (see core/probes/libvirt_probe.hpp): their age is at least 1, and a follower needs it to come to the same rates.
using ReadingAge = std::uint16_t;  // in units of kReadingAgeUnit
inline constexpr Nanoseconds kReadingAgeUnit = kSecond / 10;
inline constexpr ReadingAge kOldestReading = 0xFFFE;
// Of counters that were read apart, some time ago: at least 1.
constexpr ReadingAge reading_age(Nanoseconds ago) {
  return static_cast<ReadingAge>(std::clamp<Nanoseconds>((ago + kReadingAgeUnit / 2) / kReadingAgeUnit, 1, kOldestReading));
}
inline constexpr ReadingAge kHeld = 0xFFFF;  // nothing was read since the sample before: totals and rates stand as they were

// Totals of one vNIC and what is needed to go on with them: kernel's value = total - offset (modulo 2^64).
struct VnicTotals {
  MetricTotals total{};
  MetricTotals offset{};
  std::int64_t discontinuity_boottime{0};  // 0: never
  std::uint32_t if_index{0};               // 0: no link of the kernel's
  MetricSet present{0};                    // published now
  MetricSet seen{0};                       // total and offset are worth keeping, also while the link is gone
  ReadingAge age{0};                       // of the reading that led here
  friend bool operator==(const VnicTotals&, const VnicTotals&) = default;
};
static_assert(sizeof(VnicTotals) == 144);

// Rates of one vNIC over one window.
struct VnicRates {
  float covered_s{0};  // 0: no rate
  MetricRates mean{};
  MetricRates highest{};
  std::uint32_t present{0};  // bit m for metric m
  friend bool operator==(const VnicRates&, const VnicRates&) = default;
};
static_assert(sizeof(VnicRates) == 72);

}  // namespace vmtraffic
