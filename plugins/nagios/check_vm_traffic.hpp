// check_vm_traffic: rates of VMs or vNICs against thresholds. UNKNOWN without a fresh snapshot, whatever else.
#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/nagios/traffic_options.hpp"

namespace vmtraffic::nagios {

Outcome check_vm_traffic(const TrafficOptions& options, const Clock& clock);

// The whole program but for the process: `arguments` without the program's name.
inline Outcome run_check_vm_traffic(const std::vector<std::string>& arguments, const Clock& clock) {
  return run_check(arguments, clock, parse_traffic_options, check_vm_traffic);
}

}  // namespace vmtraffic::nagios
