// Which share of the flows a capture may keep so that it stays within a part of one core. Pure: times come in as parameters.
//
// - A flood is met within a few tenths of a second. A burst that costs less than a quarter of a second's budget changes nothing.
// - The two kinds of flows (core/traffic/flow_share.hpp) have each a share of its own. A kind that takes less than half of the budget is
//   left alone while the other takes too much: a flood of echoes costs nobody his TCP, nor the other way round.
// - What is left out comes back slowly, and stops below where it was too much before: a single heavy flow would else come and go, and
//   half a flow looks like a loss. How long it stops there doubles each time that it was too much again, up to two minutes.
#pragma once

#include <cstdint>

#include "core/traffic/flow_share.hpp"
#include "core/types.hpp"

namespace vmtraffic {

// CPU time of what is done once in a while, a tick's: as if it were used evenly until it is done next. A tick's time is in the order of
// what a second's budget is, and no reason for a cut where the ticks are ten seconds apart.
class SpreadTime {
 public:
  void add(Nanoseconds now, Nanoseconds cpu);
  // Of what was added so far; never less than before.
  Nanoseconds used(Nanoseconds now) const;

 private:
  Nanoseconds used_{0}, all_{0};  // when the last was added: before it, and with it
  Nanoseconds added_{0}, every_{kSecond};
};

class CpuBudget {
 public:
  // Of one core: 0.1 is a tenth. 0: there is no limit.
  explicit CpuBudget(double limit) : limit_(limit) {}

  // Whether there may be another answer than the last one: not before a tenth of a second has passed.
  bool is_due(Nanoseconds now) const;
  // To be asked as often as it is due. `cpu`: what was used since it began, for all these packets. How many may be kept from now on.
  KeptFlows kept_flows(Nanoseconds now, Nanoseconds cpu, const PacketsTaken& taken);

 private:
  struct Share {
    std::uint32_t kept{kAllFlows};
    Nanoseconds cut{0}, grown{0};      // when it became another one
    std::uint32_t ceiling{kAllFlows};  // where it was too much
    Nanoseconds ceiling_until{0}, backoff{0};
  };
  static void cut(Share& share, Nanoseconds now, double factor);
  static void grow(Share& share, Nanoseconds now, bool fast);

  double limit_;
  Share data_, control_;
  Nanoseconds looked_{0}, cpu_{0};  // the last time
  PacketsTaken taken_;
  double debt_{0};  // nanoseconds that were used beyond the limit
};

}  // namespace vmtraffic
