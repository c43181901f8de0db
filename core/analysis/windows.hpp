// Rates: the last interval's, and over one and five minutes the mean and the highest interval, each with the seconds it really covers.
// Pure.
//
// Memory is bounded whatever the interval: the past is kept in slots of at least ten seconds, each with the totals at its start and the
// highest interval in it, so a window's length is right to half a slot, and what it really covers is said.
#pragma once

#include <array>
#include <cstdint>
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

 private:
  static constexpr std::size_t kSlots = 34;  // five minutes, half a slot more, and the one being filled
  struct Row {
    std::array<MetricTotals, kSlots> start{};   // totals at each slot's start
    std::array<MetricRates, kSlots> highest{};  // highest interval in each slot
    std::uint64_t first_slot{0};                // earliest slot that is comparable with now,
    Nanoseconds began{0};                       // and the time of its start in this row
    MetricSet present{0};                       // metrics of all of them; 0: not counting
  };

  void start_at(Nanoseconds now, std::span<const VnicTotals> totals);
  void begin_row(std::size_t index, Nanoseconds now, const VnicTotals& totals);
  void tick(Nanoseconds now, std::span<const VnicTotals> totals);
  void rate_row(std::size_t index, Nanoseconds now, const VnicTotals& totals);
  std::uint64_t window_start(Nanoseconds now, Nanoseconds length) const;

  Nanoseconds slot_length_;
  Nanoseconds last_tick_{0};  // 0: none yet
  std::uint64_t slot_{0};     // the one being filled; its place is slot_ % kSlots
  std::uint64_t oldest_{0};   // the oldest that still stands
  std::array<Nanoseconds, kSlots> started_{};
  std::array<std::uint64_t, kWindowCount> from_slot_{};  // of this tick
  std::vector<Row> rows_;
  std::array<std::vector<VnicRates>, kWindowCount> rates_;
};

}  // namespace vmtraffic
