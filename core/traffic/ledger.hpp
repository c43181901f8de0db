// The ledger: every vNIC's totals in inventory order, from reading to reading and over changes of the inventory. Pure.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/traffic/counter_delta.hpp"
#include "core/traffic/inventory.hpp"
#include "core/traffic/numbers.hpp"

namespace vmtraffic {

inline constexpr std::uint32_t kNewRow = std::numeric_limits<std::uint32_t>::max();

class Ledger {
 public:
  // Takes the rows of a normalized inventory. Rows whose vNIC stays keep their totals, also when its tap changed or is gone.
  // Returns for each new row its old place, or kNewRow.
  std::vector<std::uint32_t> set_inventory(const Inventory& inventory);

  // One reading per row. The steps are valid until the next call.
  std::span<const CounterStep> sample(std::span<const LinkReading> readings, Nanoseconds now);

  // Takes over rows that another collector of this boot published, one per row of the inventory set before.
  void restore(std::span<const VnicTotals> totals);

  const std::vector<VnicTotals>& totals() const { return totals_; }
  const std::vector<VnicKey>& keys() const { return keys_; }

 private:
  std::vector<VnicKey> keys_;  // sorted
  std::vector<VnicTotals> totals_;
  std::vector<std::uint32_t> functions_;  // LinkReading::function of each row's last reading; 0: none yet
  std::vector<CounterStep> steps_;
};

}  // namespace vmtraffic
