#include "core/traffic/ledger.hpp"

#include <algorithm>
#include <cassert>

namespace vmtraffic {

std::vector<std::uint32_t> Ledger::set_inventory(const Inventory& inventory) {
  std::vector<VnicKey> keys;
  keys.reserve(inventory.vnic_count());
  for (const Domain& d : inventory.domains) {
    for (const Vnic& v : d.vnics) keys.push_back({d.uuid, v.mac, v.ordinal});
  }
  assert(std::is_sorted(keys.begin(), keys.end()));
  std::vector<std::uint32_t> from(keys.size(), kNewRow);
  std::vector<VnicTotals> totals(keys.size());
  std::vector<std::uint32_t> functions(keys.size());
  std::size_t old = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    while (old < keys_.size() && keys_[old] < keys[i]) ++old;
    if (old == keys_.size() || keys_[old] != keys[i]) continue;
    from[i] = static_cast<std::uint32_t>(old);
    totals[i] = totals_[old];
    functions[i] = functions_[old];
  }
  keys_ = std::move(keys);
  totals_ = std::move(totals);
  functions_ = std::move(functions);
  steps_.assign(keys_.size(), {});
  return from;
}

std::span<const CounterStep> Ledger::sample(std::span<const LinkReading> readings, Nanoseconds now) {
  assert(readings.size() == totals_.size());
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const LinkReading& reading = readings[i];
    // A restart may bring another virtual function of the same card, whose link is the same.
    const bool moved = reading.present != 0 && functions_[i] != 0 && reading.function != functions_[i];
    if (reading.present != 0) functions_[i] = reading.function;
    steps_[i] = advance(totals_[i], reading, now, moved);
  }
  return steps_;
}

void Ledger::restore(std::span<const VnicTotals> totals) {
  assert(totals.size() == totals_.size());
  std::copy(totals.begin(), totals.end(), totals_.begin());
}

}  // namespace vmtraffic
