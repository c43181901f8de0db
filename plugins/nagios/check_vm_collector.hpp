// check_vm_collector: does somebody collect, and how well? The snapshot's age, each probe's health, what was dropped, how old names are.
#pragma once

#include <string>
#include <vector>

#include "core/clock.hpp"
#include "plugins/nagios/check_process.hpp"
#include "plugins/nagios/command_line.hpp"

namespace vmtraffic::nagios {

inline constexpr CheckName kCollectorCheck{"check_vm_collector", "VM_COLLECTOR"};

struct CollectorOptions {
  CommonOptions common;
  Thresholds age;                // seconds; without: as fresh as kStaleAfterIntervals asks
  State stale{State::kUnknown};  // a snapshot that is stale, or none that can be used
  State starting{State::kOk};    // a probe that is starting; for longer than a minute it counts as degraded
  State degraded{State::kWarning};
  State down{State::kCritical};
  Thresholds drops;         // the sum of all counters of what was lost, since the collector's start
  Thresholds unattributed;  // percent of traffic that no vNIC owns
  Thresholds names;         // seconds since libvirt confirmed a VM; without: old names are a warning
  Thresholds agent_loss;    // percent of an sFlow agent's datagrams that did not arrive, the worst agent's
  Thresholds agent_silent;  // seconds since an sFlow agent's last datagram, the most silent one's

  bool judges_agents() const { return agent_loss.warning || agent_loss.critical || agent_silent.warning || agent_silent.critical; }
};

Parsed<CollectorOptions> parse_collector_options(const std::vector<std::string>& arguments);
Outcome check_vm_collector(const CollectorOptions& options, const Clock& clock);

// The whole program but for the process: `arguments` without the program's name.
inline Outcome run_check_vm_collector(const std::vector<std::string>& arguments, const Clock& clock) {
  return run_check(arguments, clock, parse_collector_options, check_vm_collector);
}

}  // namespace vmtraffic::nagios
