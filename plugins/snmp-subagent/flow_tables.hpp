// VMTRAFFIC-MIB's tables beyond the exact counters: parts of vmtraffic_mib().
#pragma once

#include <span>

#include "plugins/snmp-subagent/subtree.hpp"

namespace vmtraffic::snmp {

std::span<const Table> flow_tables();         // sampled flows: scalars, vNICs, protocols, services, conversations; dropped packets
std::span<const Table> agent_tables();        // sFlow agents
std::span<const Table> host_tables();         // other hosts and their vNICs
std::span<const Table> performance_tables();  // captured packets: latencies and losses

}  // namespace vmtraffic::snmp
