#include "core/analysis/windows.hpp"

#include <algorithm>
#include <cassert>

#include "core/traffic/ledger.hpp"

namespace vmtraffic {
namespace {

constexpr Nanoseconds kMinSlot = 10 * kSecond;
constexpr std::array<Nanoseconds, kWindowCount> kLength{0, 60 * kSecond, 300 * kSecond};

double seconds(Nanoseconds t) { return static_cast<double>(t) / static_cast<double>(kSecond); }

}  // namespace

Windows::Windows(Nanoseconds interval) : slot_length_(std::max(interval, kMinSlot)) {}

void Windows::remap(std::span<const std::uint32_t> from) {
  std::vector<Row> rows(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != kNewRow) rows[i] = rows_[from[i]];
  }
  rows_ = std::move(rows);
  for (auto& rates : rates_) rates.assign(from.size(), {});
}

void Windows::begin_row(std::size_t index, Nanoseconds now, const VnicTotals& totals) {
  Row& row = rows_[index];
  row.present = totals.present;
  row.first_slot = slot_;
  row.began = now;
  row.start[slot_ % kSlots] = totals.total;
  row.highest[slot_ % kSlots] = {};
  for (auto& rates : rates_) rates[index] = {};
}

void Windows::start_at(Nanoseconds now, std::span<const VnicTotals> totals) {
  oldest_ = ++slot_;
  started_[slot_ % kSlots] = now;
  for (std::size_t i = 0; i < rows_.size(); ++i) begin_row(i, now, totals[i]);
  last_tick_ = now;
}

std::uint64_t Windows::window_start(Nanoseconds now, Nanoseconds length) const {
  std::uint64_t slot = slot_;
  while (slot > oldest_ && now - started_[(slot - 1) % kSlots] <= length + slot_length_ / 2) --slot;
  return slot;
}

void Windows::rate_row(std::size_t index, Nanoseconds now, const VnicTotals& totals) {
  Row& row = rows_[index];
  const VnicRates& interval = rates_[0][index];
  MetricRates& filling = row.highest[slot_ % kSlots];
  for (std::size_t m = 0; m < kMetricCount; ++m) filling[m] = std::max(filling[m], interval.mean[m]);
  MetricRates highest{};
  std::uint64_t done = slot_ + 1;  // slots from here on are in `highest`; the five minutes go on from where the minute ended
  for (std::size_t w = 1; w < kWindowCount; ++w) {
    const std::uint64_t from = std::max(from_slot_[w], row.first_slot);
    while (done > from) {
      const MetricRates& slot = row.highest[--done % kSlots];
      for (std::size_t m = 0; m < kMetricCount; ++m) highest[m] = std::max(highest[m], slot[m]);
    }
    const double covered = seconds(now - (from == row.first_slot ? row.began : started_[from % kSlots]));
    VnicRates& out = rates_[w][index];
    out.covered_s = static_cast<float>(covered);
    out.present = row.present;
    out.highest = highest;
    const MetricTotals& start = row.start[from % kSlots];
    for (std::size_t m = 0; m < kMetricCount; ++m)
      out.mean[m] = static_cast<float>(static_cast<double>(totals.total[m] - start[m]) / covered);
  }
}

// rates_[0] holds the interval's rates, with nothing present where the row cannot be compared with the tick before.
void Windows::tick(Nanoseconds now, std::span<const VnicTotals> totals) {
  for (std::size_t w = 1; w < kWindowCount; ++w) from_slot_[w] = window_start(now, kLength[w]);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const std::uint32_t present = rates_[0][i].present;
    if (present != 0 && present == rows_[i].present && present == totals[i].present) {
      rate_row(i, now, totals[i]);
    } else {
      begin_row(i, now, totals[i]);
    }
  }
  last_tick_ = now;
  // A tick that comes a little early still ends its slot: otherwise slots would be two intervals long now and then.
  if (now - started_[slot_ % kSlots] < slot_length_ - slot_length_ / 20) return;
  ++slot_;
  oldest_ = std::max(oldest_, slot_ < kSlots ? 0 : slot_ - kSlots + 1);
  started_[slot_ % kSlots] = now;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].start[slot_ % kSlots] = totals[i].total;
    rows_[i].highest[slot_ % kSlots] = {};
    if (rows_[i].first_slot < oldest_) rows_[i].first_slot = oldest_, rows_[i].began = started_[oldest_ % kSlots];
  }
}

void Windows::advance(Nanoseconds now, std::span<const VnicTotals> totals, std::span<const CounterStep> steps) {
  assert(totals.size() == rows_.size() && steps.size() == rows_.size());
  if (last_tick_ == 0) return start_at(now, totals);
  if (now <= last_tick_) return;
  const double elapsed = seconds(now - last_tick_);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    VnicRates& interval = rates_[0][i];
    interval.covered_s = static_cast<float>(elapsed);
    interval.present = steps[i].present;
    for (std::size_t m = 0; m < kMetricCount; ++m) interval.mean[m] = static_cast<float>(static_cast<double>(steps[i].delta[m]) / elapsed);
    interval.highest = interval.mean;
  }
  tick(now, totals);
}

void Windows::follow(Nanoseconds now, std::span<const VnicTotals> totals, std::span<const VnicRates> interval_rates, bool unbroken) {
  assert(totals.size() == rows_.size() && interval_rates.size() == rows_.size());
  if (last_tick_ == 0 || !unbroken) return start_at(now, totals);
  if (now <= last_tick_) return;
  std::copy(interval_rates.begin(), interval_rates.end(), rates_[0].begin());
  tick(now, totals);
}

}  // namespace vmtraffic
