// Latencies of one kind: count, minimum, mean and quantiles over the last interval and over the last five minutes. Pure.
//
// A histogram with 32 buckets to each doubling, as HdrHistogram has them: a quantile is wrong by at most 1/64 of itself (and 0.13 us),
// whatever the distribution. Minimum and mean are exact.
//
//   add     O(1), allocates nothing
//   tick    O(buckets between the shortest and the longest), allocates what the last five minutes need; where nothing came or went, nothing
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "core/latency.hpp"
#include "core/types.hpp"

namespace vmtraffic {

class LatencyHistogram {
 public:
  // Units of 256 ns: below 64 of them each has a bucket of its own. What is longer than the last bucket (68 s) is in it.
  static constexpr std::size_t kBuckets = 768;

  static std::size_t bucket_of(Nanoseconds latency) {
    if (latency < 0) return 0;
    std::uint64_t units = static_cast<std::uint64_t>(latency) >> 8;
    if (units >= std::uint64_t{1} << kWidth) units = (std::uint64_t{1} << kWidth) - 1;
    if (units < 64) return units;
    const int shift = static_cast<int>(std::bit_width(units)) - 6;
    return static_cast<std::size_t>(shift) * 32 + (units >> shift);
  }
  // The bucket's [first, last) in nanoseconds.
  static std::pair<double, double> range_of(std::size_t bucket);

  void add(Nanoseconds latency) { add(bucket_of(latency), 1); }
  void add(std::size_t bucket, std::uint32_t count) {
    counts_[bucket] += count;
    if (bucket < begin_) begin_ = bucket;
    if (bucket >= end_) end_ = bucket + 1;
  }
  void remove(std::size_t bucket, std::uint32_t count) { counts_[bucket] -= count; }
  std::uint32_t count(std::size_t bucket) const { return counts_[bucket]; }
  // Outside of [begin, end) nothing was counted since all was cleared: most vNICs' latencies are in few buckets.
  std::size_t begin() const { return begin_; }
  std::size_t end() const { return end_; }
  void clear() {
    for (std::size_t b = begin_; b < end_; ++b) counts_[b] = 0;
    begin_ = kBuckets;
    end_ = 0;
  }

  // The latencies below which these shares of all lie, in nanoseconds. `total`: how many there are, not 0. Shares in rising order.
  template <std::size_t N>
  std::array<double, N> quantiles(std::uint64_t total, const std::array<double, N>& shares) const {
    std::array<double, N> out{};
    std::uint64_t before = 0;
    std::size_t bucket = begin_;
    for (std::size_t i = 0; i < N; ++i) {
      const double rank = shares[i] * static_cast<double>(total);
      while (bucket + 1 < end_ && static_cast<double>(before + counts_[bucket]) < rank) before += counts_[bucket++];
      out[i] = middle_of(bucket);
    }
    return out;
  }

 private:
  static constexpr int kWidth = 28;
  static double middle_of(std::size_t bucket);

  std::array<std::uint32_t, kBuckets> counts_{};
  std::size_t begin_{kBuckets}, end_{0};
};

class LatencyWindow {
 public:
  void add(Nanoseconds latency) {
    if (latency < 0) latency = 0;
    now_.add(latency);
    sums_.add(latency);
  }
  // An interval is over.
  void tick(Nanoseconds now);

  // Of the interval that ended at the last tick, and of the five minutes before it. count 0: nothing was measured.
  const LatencyStats& interval() const { return interval_; }
  const LatencyStats& five_minutes() const { return five_minutes_; }
  // Whether there is anything that a reader could be shown, or something to come at the next tick.
  bool empty() const { return slices_.empty() && sums_.count == 0; }

 private:
  struct Sums {
    std::uint64_t count{0};
    double total{0};
    Nanoseconds least{0};
    void add(Nanoseconds latency) {
      least = count == 0 || latency < least ? latency : least;
      ++count;
      total += static_cast<double>(latency);
    }
    Sums& operator+=(const Sums& other);
  };
  struct Bin {
    std::uint16_t bucket;
    std::uint32_t count;
  };
  // Half a minute, so that five minutes are ten of them, give or take one.
  struct Slice {
    Nanoseconds since;
    Sums sums;
    std::vector<Bin> bins;
  };
  static LatencyStats stats_of(const LatencyHistogram& histogram, const Sums& sums);

  LatencyHistogram now_, long_;  // the interval that runs, and all slices
  Sums sums_;                    // of the first
  std::deque<Slice> slices_;
  LatencyStats interval_, five_minutes_;
};

}  // namespace vmtraffic
