// The one place that knows how a link's counters go on: first sight, growth, wrap, reset, and a vNIC that moved to another tap.
//
// total = kernel's value + offset. The offset changes only when the counting starts anew, so a total never runs backwards, and on a
// fresh tap equals the kernel's own number.
#pragma once

#include <cstdint>

#include "core/traffic/numbers.hpp"
#include "core/types.hpp"

namespace vmtraffic {

enum class CounterWidth : std::uint8_t { k32, k64 };
enum class LinkEnd : std::uint8_t {
  kHost,
  kGuest
};  // whose counters a link has: what a tap receives its guest sent, a macvtap is the guest

// One reading of a vNIC's link, in the guest's direction.
struct LinkReading {
  // The kernel's link; for a virtual function the physical function's. 0: there is none now. Counters without a link are libvirt's, of a
  // vNIC that the kernel does not see.
  std::uint32_t if_index{0};
  MetricTotals values{};
  MetricSet present{0};
  CounterWidth width{CounterWidth::k64};
  ReadingAge age{0};            // kHeld: no new reading, and the one before still counts
  std::uint32_t function{0};    // of the physical function's link: the virtual function's number + 1; 0: the whole link
  LinkEnd end{LinkEnd::kHost};  // the link's; values are in the guest's direction at either
  friend bool operator==(const LinkReading&, const LinkReading&) = default;
};

// The link that passes one vNIC's packets and nobody else's: who looks there sees that vNIC.
struct OwnLink {
  std::uint32_t if_index{0};  // 0: there is none now
  LinkEnd end{LinkEnd::kHost};
  friend bool operator==(const OwnLink&, const OwnLink&) = default;
};
// A virtual function has none: its counters are found at its card's link, which passes the host's packets and those of the other functions.
OwnLink own_link(const LinkReading& reading);

// What a reading added to the totals.
struct CounterStep {
  MetricTotals delta{};
  MetricSet present{0};       // metrics with a delta: seen before, on the same link, not reset
  bool discontinuity{false};  // the totals cannot be compared with earlier ones
  friend bool operator==(const CounterStep&, const CounterStep&) = default;
};

// Moves `totals` on to `reading`, taken at `now`. `moved`: it is of another function of the same link than the reading before.
CounterStep advance(VnicTotals& totals, const LinkReading& reading, Nanoseconds now, bool moved = false);

}  // namespace vmtraffic
