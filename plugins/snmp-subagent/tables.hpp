// Our two MIBs as data: which objects there are, and how each cell follows from a snapshot.
#pragma once

#include <span>

#include "plugins/snmp-subagent/subtree.hpp"

namespace vmtraffic::snmp {

// Where a vNIC stands in the ifTable of the host's own agent. Zero where there is no such interface, as InterfaceIndexOrZero has it.
struct HostInterfaces {
  std::int32_t link{0};      // the link that leads to the vNIC
  std::int32_t physical{0};  // the interface that a link-less vNIC is a function of
};
// A passed-through function has no link of its own unless a switchdev representor stands for it: the snapshot's index is then that of the
// physical function, which counts for it.
HostInterfaces host_interfaces(const VnicRow& vnic);

// VM-MIB (RFC 7666), mib-2.236: the hypervisor's scalars, vmTable, vmNetworkTable.
inline constexpr const char* kVmMibRoot = "1.3.6.1.2.1.236";
std::span<const Table> vm_mib();

// VMTRAFFIC-MIB (the text of that name beside this file): what VM-MIB lacks. In net-snmp's playpen until it has a number of its own.
inline constexpr const char* kVmtrafficMibRoot = "1.3.6.1.4.1.8072.9999.9999.6343";
std::span<const Table> vmtraffic_mib();

}  // namespace vmtraffic::snmp
