#include "core/analysis/windows.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "core/traffic/ledger.hpp"

namespace vmtraffic {
namespace {

constexpr Nanoseconds kMinSlot = 10 * kSecond;
constexpr std::array<Nanoseconds, kWindowCount> kLength{0, 60 * kSecond, 300 * kSecond};

double seconds(Nanoseconds t) { return static_cast<double>(t) / static_cast<double>(kSecond); }

Nanoseconds taken_at(Nanoseconds now, ReadingAge age) { return now - age * kReadingAgeUnit; }

}  // namespace

Windows::Windows(Nanoseconds interval) : slot_length_(std::max(interval, kMinSlot)) {}

// A row's rates go with it: one that is held has no other way to know them.
void Windows::remap(std::span<const std::uint32_t> from) {
  std::vector<Row> rows(from.size());
  std::array<std::vector<VnicRates>, kWindowCount> rates;
  for (auto& of_window : rates) of_window.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] == kNewRow || from[i] >= rows_.size()) continue;
    rows[i] = std::move(rows_[from[i]]);
    for (std::size_t w = 0; w < kWindowCount; ++w) rates[w][i] = rates_[w][from[i]];
  }
  rows_ = std::move(rows);
  rates_ = std::move(rates);
}

void Windows::begin_row(std::size_t index, const Clock& clock, Nanoseconds now, const VnicTotals& totals) {
  Row& row = rows_[index];
  row.present = totals.present;
  row.first_slot = clock.slot;
  row.began = now;
  row.start[clock.slot % kSlots] = totals.total;
  row.highest[clock.slot % kSlots] = {};
  for (auto& rates : rates_) rates[index] = {};
}

void Windows::begin_row_with_own_clock(std::size_t index, Nanoseconds taken, const VnicTotals& totals) {
  auto clock = std::make_unique<Clock>();
  clock->last = clock->started[0] = taken;
  begin_row(index, *clock, taken, totals);
  rows_[index].own = std::move(clock);
}

void Windows::start_at(Nanoseconds now, std::span<const VnicTotals> totals) {
  common_.oldest = ++common_.slot;
  common_.started[common_.slot % kSlots] = now;
  common_.last = now;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].own.reset();
    if (totals[i].age == 0) {
      begin_row(i, common_, now, totals[i]);
    } else if (totals[i].age == kHeld) {
      // Nobody can say any more when these totals were read: the row begins with its next reading.
      begin_row(i, common_, now, {});
    } else {
      begin_row_with_own_clock(i, taken_at(now, totals[i].age), totals[i]);
    }
  }
}

void Windows::find_windows(Clock& clock, Nanoseconds now) const {
  for (std::size_t w = 1; w < kWindowCount; ++w) {
    std::uint64_t slot = clock.slot;
    while (slot > clock.oldest && now - clock.started[(slot - 1) % kSlots] <= kLength[w] + slot_length_ / 2) --slot;
    clock.from[w] = slot;
  }
}

void Windows::rate_row(std::size_t index, const Clock& clock, Nanoseconds now, const VnicTotals& totals) {
  Row& row = rows_[index];
  row.present = totals.present;
  const VnicRates& interval = rates_[0][index];
  MetricRates& filling = row.highest[clock.slot % kSlots];
  for (std::size_t m = 0; m < kMetricCount; ++m) filling[m] = std::max(filling[m], interval.mean[m]);
  MetricRates highest{};
  std::uint64_t done = clock.slot + 1;  // slots from here on are in `highest`; the five minutes go on from where the minute ended
  for (std::size_t w = 1; w < kWindowCount; ++w) {
    const std::uint64_t from = std::max(clock.from[w], row.first_slot);
    while (done > from) {
      const MetricRates& slot = row.highest[--done % kSlots];
      for (std::size_t m = 0; m < kMetricCount; ++m) highest[m] = std::max(highest[m], slot[m]);
    }
    const double covered = seconds(now - (from == row.first_slot ? row.began : clock.started[from % kSlots]));
    VnicRates& out = rates_[w][index];
    out.covered_s = static_cast<float>(covered);
    out.present = row.present;
    out.highest = highest;
    const MetricTotals& start = row.start[from % kSlots];
    for (std::size_t m = 0; m < kMetricCount; ++m)
      out.mean[m] = static_cast<float>(static_cast<double>(totals.total[m] - start[m]) / covered);
  }
}

// A tick that comes a little early still ends its slot: otherwise slots would be two intervals long now and then.
bool Windows::end_slot(Clock& clock, Nanoseconds now) const {
  if (now - clock.started[clock.slot % kSlots] < slot_length_ - slot_length_ / 20) return false;
  ++clock.slot;
  clock.oldest = std::max(clock.oldest, clock.slot < kSlots ? 0 : clock.slot - kSlots + 1);
  clock.started[clock.slot % kSlots] = now;
  return true;
}

void Windows::open_slot(Row& row, const Clock& clock, const VnicTotals& totals) {
  row.start[clock.slot % kSlots] = totals.total;
  row.highest[clock.slot % kSlots] = {};
  if (row.first_slot < clock.oldest) row.first_slot = clock.oldest, row.began = clock.started[clock.oldest % kSlots];
}

// Whether the interval's rates, which rates_[0] holds, continue the row's windows. Metrics may cease without taking the others with them;
// one that comes (back) has no start to compare with.
bool Windows::goes_on(std::size_t index, const VnicTotals& totals) const {
  const std::uint32_t present = rates_[0][index].present;
  return present != 0 && present == totals.present && (present & ~std::uint32_t{rows_[index].present}) == 0;
}

// rates_[0] holds the interval's rates, with nothing present where the row cannot be compared with the tick before.
void Windows::tick(Nanoseconds now, std::span<const VnicTotals> totals) {
  find_windows(common_, now);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (keeps_own_time(i, totals[i])) {
      tick_own(i, now, totals[i]);
    } else if (goes_on(i, totals[i])) {
      rate_row(i, common_, now, totals[i]);
    } else {
      begin_row(i, common_, now, totals[i]);
    }
  }
  common_.last = now;
  if (!end_slot(common_, now)) return;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].own == nullptr) open_slot(rows_[i], common_, totals[i]);
  }
}

void Windows::tick_own(std::size_t index, Nanoseconds now, const VnicTotals& totals) {
  Row& row = rows_[index];
  if (totals.age == kHeld) {
    if (row.own == nullptr) begin_row(index, common_, now, {});  // as in start_at()
    return;
  }
  const Nanoseconds taken = taken_at(now, totals.age);
  if (totals.age == 0) {
    row.own.reset();
    begin_row(index, common_, now, totals);
  } else if (row.own != nullptr && taken > row.own->last && goes_on(index, totals)) {
    Clock& clock = *row.own;
    find_windows(clock, taken);
    rate_row(index, clock, taken, totals);
    clock.last = taken;
    if (end_slot(clock, taken)) open_slot(row, clock, totals);
  } else {
    begin_row_with_own_clock(index, taken, totals);
  }
}

void Windows::set_interval(std::size_t index, const CounterStep& step, double elapsed) {
  VnicRates& interval = rates_[0][index];
  interval.covered_s = static_cast<float>(elapsed);
  interval.present = step.present;
  for (std::size_t m = 0; m < kMetricCount; ++m) interval.mean[m] = static_cast<float>(static_cast<double>(step.delta[m]) / elapsed);
  interval.highest = interval.mean;
}

void Windows::advance(Nanoseconds now, std::span<const VnicTotals> totals, std::span<const CounterStep> steps) {
  assert(totals.size() == rows_.size() && steps.size() == rows_.size());
  if (common_.last == 0) return start_at(now, totals);
  if (now <= common_.last) return;
  const double elapsed = seconds(now - common_.last);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (!keeps_own_time(i, totals[i])) {
      set_interval(i, steps[i], elapsed);
    } else if (totals[i].age != kHeld && rows_[i].own != nullptr) {
      set_interval(i, steps[i], seconds(taken_at(now, totals[i].age) - rows_[i].own->last));
    }
  }
  tick(now, totals);
}

void Windows::follow(Nanoseconds now, std::span<const VnicTotals> totals, std::span<const VnicRates> interval_rates, bool unbroken) {
  assert(totals.size() == rows_.size() && interval_rates.size() == rows_.size());
  if (common_.last == 0 || !unbroken) return start_at(now, totals);
  if (now <= common_.last) return;
  std::copy(interval_rates.begin(), interval_rates.end(), rates_[0].begin());
  tick(now, totals);
}

}  // namespace vmtraffic
