// By how much counters grew lately, where only their totals are known: in the period that runs and the one before, which is what RecentSums
// covers. Pure.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/types.hpp"

namespace vmtraffic {

template <std::size_t N>
class RecentGrowth {
 public:
  using Readings = std::array<double, N>;

  // `period` as the ledgers' own, FlowLedger::Limits::period: then both begin theirs at the same ticks.
  explicit RecentGrowth(Nanoseconds period) : period_(period) {}

  // To be called at each tick, with the totals at this moment: begins a new period when one is over. What came before the first tick is of
  // the first period.
  void tick(Nanoseconds now, const Readings& totals) {
    const bool begins = began_ == 0;
    if (!begins && now - began_ < period_) return;
    began_ = now;
    if (begins) return;
    previous_ = current_;
    current_ = totals;
  }

  Readings of(const Readings& totals) const {
    Readings out{};
    for (std::size_t i = 0; i < N; ++i) out[i] = totals[i] - previous_[i];
    return out;
  }

 private:
  Nanoseconds period_;
  Nanoseconds began_{0};             // the period that runs; 0: not yet
  Readings current_{}, previous_{};  // totals when it began, and when the one before did
};

// The packets of this host's agents that no vNIC sent or received, as a share of all that they sampled, lately.
class UnattributedShare {
 public:
  explicit UnattributedShare(Nanoseconds period) : growth_(period) {}

  // Totals of all packets and of those without a vNIC (FlowCounts).
  void tick(Nanoseconds now, double packets, double unattributed) { growth_.tick(now, {packets, unattributed}); }

  // Parts per million; 0 where nothing was sampled lately, nothing where nothing ever was.
  std::optional<std::uint64_t> ppm(double packets, double unattributed) const {
    if (packets <= 0) return std::nullopt;
    const auto [all, without] = growth_.of({packets, unattributed});
    return all > 0 ? static_cast<std::uint64_t>(without / all * 1e6) : 0;
  }

 private:
  RecentGrowth<2> growth_;
};

}  // namespace vmtraffic
