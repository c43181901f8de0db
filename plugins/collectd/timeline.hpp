// Which time a sample gets in collectd. collectd divides by the difference of these times and refuses a value that is not newer than the
// last one of its name, while the wall clock may be set in either direction. So times follow the boot clock and are led to the wall clock:
//
//   - first sample, and after the wall clock jumped forward by more than a minute: the wall time;
//   - else: the last time plus what the boot clock counted, moved towards the wall time by at most 1 % of that. Rates are
//     then at most 1 % off, and a clock set back loses no sample: times run ahead of the wall clock until they have met it.
//
// A forward jump is taken at once, because a host that booted with a wrong clock would otherwise report the past for days; collectd
// then sees one long interval.
#pragma once

#include <optional>

#include "core/types.hpp"

namespace vmtraffic::collectd {

class Timeline {
 public:
  struct Stamp {
    Nanoseconds time{0};     // since 1970, later than all before
    Nanoseconds stepped{0};  // how far the wall clock was set since the last sample, if by more than a second; negative: back
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  // `boottime` must be later than the last one.
  Stamp advance(Nanoseconds boottime, Nanoseconds walltime);

 private:
  struct Last {
    Nanoseconds boottime, walltime, time;
  };
  std::optional<Last> last_;
};

}  // namespace vmtraffic::collectd
