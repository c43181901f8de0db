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
  std::size_t old = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    while (old < keys_.size() && keys_[old] < keys[i]) ++old;
    if (old == keys_.size() || keys_[old] != keys[i]) continue;
    from[i] = static_cast<std::uint32_t>(old);
    totals[i] = totals_[old];
  }
  keys_ = std::move(keys);
  totals_ = std::move(totals);
  steps_.assign(keys_.size(), {});
  return from;
}

std::span<const CounterStep> Ledger::sample(std::span<const LinkReading> readings, Nanoseconds now) {
  assert(readings.size() == totals_.size());
  for (std::size_t i = 0; i < readings.size(); ++i) steps_[i] = advance(totals_[i], readings[i], now);
  return steps_;
}

void Ledger::restore(std::span<const VnicTotals> totals) {
  assert(totals.size() == totals_.size());
  std::copy(totals.begin(), totals.end(), totals_.begin());
}

}  // namespace vmtraffic
