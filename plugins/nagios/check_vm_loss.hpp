// check_vm_loss: what VMs lose on the guest's side and on the network's, against thresholds. UNKNOWN without a fresh
// snapshot, or where nothing is captured.
#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/nagios/loss_options.hpp"

namespace vmtraffic::nagios {

Outcome check_vm_loss(const LossOptions& options, const Clock& clock);

// The whole program but for the process: `arguments` without the program's name.
inline Outcome run_check_vm_loss(const std::vector<std::string>& arguments, const Clock& clock) {
  return run_check(arguments, clock, parse_loss_options, check_vm_loss);
}

}  // namespace vmtraffic::nagios
