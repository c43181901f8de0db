// check_vm_talkers: with whom VMs talk, how much with their top peer, and whether they may. Estimates from sampled packets; UNKNOWN without
// a fresh snapshot, or where nothing samples.
#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/nagios/talkers_options.hpp"

namespace vmtraffic::nagios {

Outcome check_vm_talkers(const TalkersOptions& options, const Clock& clock);

// The whole program but for the process: `arguments` without the program's name.
inline Outcome run_check_vm_talkers(const std::vector<std::string>& arguments, const Clock& clock) {
  return run_check(arguments, clock, parse_talkers_options, check_vm_talkers);
}

}  // namespace vmtraffic::nagios
