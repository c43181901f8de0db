// check_vm_latency: latencies of VMs, of the guest's side and of the network's, against thresholds. UNKNOWN without a fresh
// snapshot, or where nothing is captured.
#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/nagios/latency_options.hpp"

namespace vmtraffic::nagios {

Outcome check_vm_latency(const LatencyOptions& options, const Clock& clock);

// The whole program but for the process: `arguments` without the program's name.
inline Outcome run_check_vm_latency(const std::vector<std::string>& arguments, const Clock& clock) {
  return run_check(arguments, clock, parse_latency_options, check_vm_latency);
}

}  // namespace vmtraffic::nagios
