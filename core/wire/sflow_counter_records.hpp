// The counter records of sFlow version 5 that we decode: of ports, VLANs and switches here, of hosts and domains in sflow_host_records.hpp.
// The shape of a structure is explained in sflow_packet_records.hpp. Counters of all ones mean that the agent does not know: absent here.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/wire/sflow_fields.hpp"
#include "core/wire/sflow_host_records.hpp"

namespace vmtraffic::sflow {

// In and out are the switch's: in is what it received on the port.
struct InterfaceCounters {
  static constexpr Structure kStructure{1, "if_counters", "sFlow Version 5",
                                        "a port's octets, packets, errors and drops, beside the kernel's"};
  std::uint32_t if_index{0}, if_type{0};
  std::uint64_t if_speed{0};      // bit/s
  std::uint32_t if_direction{0};  // 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out
  std::uint32_t if_status{0};     // bit 0: up by the administrator, bit 1: in operation
  Counter64 in_octets{};
  Counter32 in_unicast{}, in_multicast{}, in_broadcast{}, in_discards{}, in_errors{}, in_unknown_protocols{};
  Counter64 out_octets{};
  Counter32 out_unicast{}, out_multicast{}, out_broadcast{}, out_discards{}, out_errors{};
  std::uint32_t promiscuous{0};
  friend bool operator==(const InterfaceCounters&, const InterfaceCounters&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("if_index", s.if_index);
    v("if_type", s.if_type);
    v("if_speed", s.if_speed);
    v("if_direction", s.if_direction);
    v("if_status", s.if_status);
    v("in_octets", s.in_octets);
    v("in_unicast", s.in_unicast);
    v("in_multicast", s.in_multicast);
    v("in_broadcast", s.in_broadcast);
    v("in_discards", s.in_discards);
    v("in_errors", s.in_errors);
    v("in_unknown_protocols", s.in_unknown_protocols);
    v("out_octets", s.out_octets);
    v("out_unicast", s.out_unicast);
    v("out_multicast", s.out_multicast);
    v("out_broadcast", s.out_broadcast);
    v("out_discards", s.out_discards);
    v("out_errors", s.out_errors);
    v("promiscuous", s.promiscuous);
  }
};

// dot3StatsTable of RFC 3635.
struct EthernetCounters {
  static constexpr Structure kStructure{2, "ethernet_counters", "sFlow Version 5", "errors of a physical port"};
  Counter32 alignment_errors{}, fcs_errors{}, single_collisions{}, multiple_collisions{}, sqe_test_errors{}, deferred_transmissions{},
      late_collisions{}, excessive_collisions{}, internal_mac_transmit_errors{}, carrier_sense_errors{}, frame_too_longs{},
      internal_mac_receive_errors{}, symbol_errors{};
  friend bool operator==(const EthernetCounters&, const EthernetCounters&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("alignment_errors", s.alignment_errors);
    v("fcs_errors", s.fcs_errors);
    v("single_collisions", s.single_collisions);
    v("multiple_collisions", s.multiple_collisions);
    v("sqe_test_errors", s.sqe_test_errors);
    v("deferred_transmissions", s.deferred_transmissions);
    v("late_collisions", s.late_collisions);
    v("excessive_collisions", s.excessive_collisions);
    v("internal_mac_transmit_errors", s.internal_mac_transmit_errors);
    v("carrier_sense_errors", s.carrier_sense_errors);
    v("frame_too_longs", s.frame_too_longs);
    v("internal_mac_receive_errors", s.internal_mac_receive_errors);
    v("symbol_errors", s.symbol_errors);
  }
};

struct VlanCounters {
  static constexpr Structure kStructure{5, "vlan_counters", "sFlow Version 5", "octets of a VLAN"};
  std::uint32_t vlan_id{0};
  Counter64 octets{};
  Counter32 unicast{}, multicast{}, broadcast{}, discards{};
  friend bool operator==(const VlanCounters&, const VlanCounters&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("vlan_id", s.vlan_id);
    v("octets", s.octets);
    v("unicast", s.unicast);
    v("multicast", s.multicast);
    v("broadcast", s.broadcast);
    v("discards", s.discards);
  }
};

struct OpenFlowPort {
  static constexpr Structure kStructure{1004, "of_port", "sFlow OpenFlow Structures", "ties a port to its OpenFlow number"};
  std::uint64_t datapath_id{0};
  std::uint32_t port_number{0};
  friend bool operator==(const OpenFlowPort&, const OpenFlowPort&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("datapath_id", s.datapath_id);
    v("port_number", s.port_number);
  }
};

struct PortName {
  static constexpr Structure kStructure{1005, "port_name", "sFlow OpenFlow Structures", "ties a port to its name, which is the tap's"};
  std::string_view name{};
  friend bool operator==(const PortName&, const PortName&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("name", s.name);
  }
};

struct AppResources {
  static constexpr Structure kStructure{2203, "app_resources", "sFlow Application Structures", "the agent's own CPU and memory"};
  Counter32 user_time_ms{}, system_time_ms{};
  Counter64 memory_used{}, memory_max{};
  Counter32 files_open{}, files_max{}, connections_open{}, connections_max{};
  friend bool operator==(const AppResources&, const AppResources&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("user_time_ms", s.user_time_ms);
    v("system_time_ms", s.system_time_ms);
    v("memory_used", s.memory_used);
    v("memory_max", s.memory_max);
    v("files_open", s.files_open);
    v("files_max", s.files_max);
    v("connections_open", s.connections_open);
    v("connections_max", s.connections_max);
  }
};

struct OvsDatapathStats {
  static constexpr Structure kStructure{2207, "ovs_dp_stats", "Open vSwitch performance monitoring",
                                        "packets that the datapath lost or sent up"};
  Counter32 hits{}, misses{}, lost{}, mask_hits{}, flows{}, masks{};
  friend bool operator==(const OvsDatapathStats&, const OvsDatapathStats&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("hits", s.hits);
    v("misses", s.misses);
    v("lost", s.lost);
    v("mask_hits", s.mask_hits);
    v("flows", s.flows);
    v("masks", s.masks);
  }
};

using CounterRecord = std::variant<InterfaceCounters, EthernetCounters, VlanCounters, OpenFlowPort, PortName, HostDescription, HostAdapters,
                                   HostParent, HostCpu, HostMemory, HostDiskIo, HostNetIo, Mib2Ip, Mib2Icmp, Mib2Tcp, Mib2Udp, VirtualNode,
                                   VirtualCpu, VirtualMemory, VirtualDiskIo, VirtualNetIo, AppResources, OvsDatapathStats>;

}  // namespace vmtraffic::sflow
