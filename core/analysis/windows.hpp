// Rates: the last interval's, and over one and five minutes the mean and the highest interval, each with the seconds it really covers.
// Pure.
//
// Memory is bounded whatever the interval: the past is kept in slots of at least ten seconds, each with the totals at its start and the
// highest interval in it, so a window's length is right to half a slot, and what it really covers is said.
//
// Almost every row is read at every tick, and all of those share one clock. A row that is read more seldom (VnicTotals::age is not 0) has a
// clock of its own, which goes on from reading to reading: its intervals are the seconds between two readings, and at the ticks in between
// its rates stand as they were. So no zeros are invented there, and no burst when the next reading comes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/traffic/counter_delta.hpp"
#include "core/traffic/numbers.hpp"
#include "core/types.hpp"

namespace vmtraffic {

class Windows {
 public:
  explicit Windows(Nanoseconds interval);

  // Follows a change of the inventory: for each new row its old place or kNewRow (see Ledger::set_inventory).
  void remap(std::span<const std::uint32_t> from);

  // One tick: the totals at `now` and the steps that led there, one per row.
  void advance(Nanoseconds now, std::span<const VnicTotals> totals, std::span<const CounterStep> steps);

  // A tick that another collector made at `now`, with the interval rates it published. `unbroken`: the tick before it was seen too;
  // otherwise the highest interval cannot be known and the windows begin here.
  void follow(Nanoseconds now, std::span<const VnicTotals> totals, std::span<const VnicRates> interval_rates, bool unbroken);

  // By Window, one entry per row, as of the last tick.
  const std::array<std::vector<VnicRates>, kWindowCount>& rates() const { return rates_; }

  // When a row with a clock of its own was read last; 0: it has none.
  Nanoseconds last_reading(std::size_t index) const { return rows_[index].own ? rows_[index].own->last : 0; }

 private:
  static constexpr std::size_t kSlots = 34;  // five minutes, half a slot more, and the one being filled
  // Where the slots of rows lie in time.
  struct Clock {
    Nanoseconds last{0};                             // tick or reading; 0: none yet
    std::uint64_t slot{0};                           // the one being filled; its place is slot % kSlots
    std::uint64_t oldest{0};                         // the oldest that still stands
    std::array<Nanoseconds, kSlots> started{};       // each slot's start
    std::array<std::uint64_t, kWindowCount> from{};  // each window's first slot, as of `last`
  };
  struct Row {
    std::array<MetricTotals, kSlots> start{};   // totals at each slot's start
    std::array<MetricRates, kSlots> highest{};  // highest interval in each slot
    std::uint64_t first_slot{0};                // earliest slot that is comparable with now,
    Nanoseconds began{0};                       // and the time of its start in this row
    MetricSet present{0};                       // metrics of all of them; 0: not counting
    std::unique_ptr<Clock> own;                 // of a row that is not read at every tick; empty: the common one
  };

  bool keeps_own_time(std::size_t index, const VnicTotals& totals) const { return totals.age != 0 || rows_[index].own != nullptr; }
  bool goes_on(std::size_t index, const VnicTotals& totals) const;
  void set_interval(std::size_t index, const CounterStep& step, double elapsed);
  void start_at(Nanoseconds now, std::span<const VnicTotals> totals);
  void begin_row(std::size_t index, const Clock& clock, Nanoseconds now, const VnicTotals& totals);
  void begin_row_with_own_clock(std::size_t index, Nanoseconds taken, const VnicTotals& totals);
  void tick(Nanoseconds now, std::span<const VnicTotals> totals);
  void tick_own(std::size_t index, Nanoseconds now, const VnicTotals& totals);
  void rate_row(std::size_t index, const Clock& clock, Nanoseconds now, const VnicTotals& totals);
  void find_windows(Clock& clock, Nanoseconds now) const;
  bool end_slot(Clock& clock, Nanoseconds now) const;
  static void open_slot(Row& row, const Clock& clock, const VnicTotals& totals);

  Nanoseconds slot_length_;
  Clock common_;
  std::vector<Row> rows_;
  std::array<std::vector<VnicRates>, kWindowCount> rates_;
};

}  // namespace vmtraffic
