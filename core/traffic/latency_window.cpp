#include "core/traffic/latency_window.hpp"

#include <algorithm>

namespace vmtraffic {
namespace {

constexpr Nanoseconds kSlice = 30 * kSecond;
constexpr Nanoseconds kFiveMinutes = 300 * kSecond;
constexpr double kUnit = 256;  // ns
constexpr double kMicrosecond = 1000;

}  // namespace

std::pair<double, double> LatencyHistogram::range_of(std::size_t bucket) {
  if (bucket < 64) return {kUnit * static_cast<double>(bucket), kUnit * static_cast<double>(bucket + 1)};
  const std::size_t shift = bucket / 32 - 1;
  const double width = kUnit * static_cast<double>(std::uint64_t{1} << shift);
  const auto place = static_cast<double>(bucket - shift * 32);
  return {width * place, width * (place + 1)};
}

// Wherever in the bucket the latency was, half of the bucket is the most that this is wrong by. That they lay evenly in it would be a
// guess, and wrong by all of it where they do not.
double LatencyHistogram::middle_of(std::size_t bucket) {
  const auto [first, last] = range_of(bucket);
  return (first + last) / 2;
}

LatencyWindow::Sums& LatencyWindow::Sums::operator+=(const Sums& other) {
  if (other.count == 0) return *this;
  least = count == 0 ? other.least : std::min(least, other.least);
  count += other.count;
  total += other.total;
  return *this;
}

LatencyStats LatencyWindow::stats_of(const LatencyHistogram& histogram, const Sums& sums) {
  if (sums.count == 0) return {};
  const auto [median, p95, p99] = histogram.quantiles(sums.count, std::array{0.5, 0.95, 0.99});
  const double least = static_cast<double>(sums.least);
  // A bucket's middle must not put a quantile below the least that there is.
  const auto us = [&](double ns) { return std::max(ns, least) / kMicrosecond; };
  return {.count = sums.count,
          .minimum_us = least / kMicrosecond,
          .mean_us = sums.total / static_cast<double>(sums.count) / kMicrosecond,
          .median_us = us(median),
          .p95_us = us(p95),
          .p99_us = us(p99)};
}

void LatencyWindow::tick(Nanoseconds now) {
  interval_ = stats_of(now_, sums_);
  bool changed = sums_.count > 0;
  if (changed) {
    if (slices_.empty() || now - slices_.back().since >= kSlice) slices_.push_back({now, {}, {}});
    Slice& slice = slices_.back();
    slice.sums += sums_;
    const auto known = static_cast<std::ptrdiff_t>(slice.bins.size());
    for (std::size_t b = now_.begin(); b < now_.end(); ++b) {
      const std::uint32_t count = now_.count(b);
      if (count == 0) continue;
      long_.add(b, count);
      const auto bucket = static_cast<std::uint16_t>(b);
      const auto end = slice.bins.begin() + known;
      const auto at = std::lower_bound(slice.bins.begin(), end, bucket, [](const Bin& bin, std::uint16_t x) { return bin.bucket < x; });
      if (at != end && at->bucket == bucket) {
        at->count += count;
      } else {
        slice.bins.push_back({bucket, count});
      }
    }
    now_.clear();
    std::inplace_merge(slice.bins.begin(), slice.bins.begin() + known, slice.bins.end(),
                       [](const Bin& a, const Bin& b) { return a.bucket < b.bucket; });
    sums_ = {};
  }
  while (!slices_.empty() && now - slices_.front().since > kFiveMinutes) {
    for (const Bin& bin : slices_.front().bins) long_.remove(bin.bucket, bin.count);
    slices_.pop_front();
    changed = true;
  }
  if (!changed) return;
  if (slices_.empty()) long_.clear();
  Sums all;
  for (const Slice& slice : slices_) all += slice.sums;
  five_minutes_ = stats_of(long_, all);
}

}  // namespace vmtraffic
