// The two clocks, as a value that tests can replace. Boot time orders and measures; wall time is for display alone.
#pragma once

#include <functional>
#include <string>

#include "core/types.hpp"

namespace vmtraffic {

struct Clock {
  std::function<Nanoseconds()> boottime;  // CLOCK_BOOTTIME: runs on through suspend, never steps
  std::function<Nanoseconds()> walltime;  // CLOCK_REALTIME since 1970: may step
  std::string boot_id;                    // /proc/sys/kernel/random/boot_id: boot times of two boots are not comparable
};

Clock system_clock();

}  // namespace vmtraffic
