// The flow records of sFlow version 5 that we decode. Those of the first specification, about the packet and its path, are in
// sflow_packet_records.hpp, where the shape of a structure is explained too; here are the extensions: tunnels, drops, delays, sockets.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "core/wire/sflow_fields.hpp"
#include "core/wire/sflow_packet_records.hpp"

namespace vmtraffic::sflow {

struct ExtendedL2TunnelEgress : SampledEthernet {
  static constexpr Structure kStructure{1021, "extended_L2_tunnel_egress", "sFlow Tunnel Structures",
                                        "outer Ethernet header that will be put around the packet"};
  friend bool operator==(const ExtendedL2TunnelEgress&, const ExtendedL2TunnelEgress&) = default;
};

struct ExtendedL2TunnelIngress : SampledEthernet {
  static constexpr Structure kStructure{1022, "extended_L2_tunnel_ingress", "sFlow Tunnel Structures",
                                        "outer Ethernet header that was taken off"};
  friend bool operator==(const ExtendedL2TunnelIngress&, const ExtendedL2TunnelIngress&) = default;
};

struct ExtendedIpv4TunnelEgress : SampledIpv4 {
  static constexpr Structure kStructure{1023, "extended_ipv4_tunnel_egress", "sFlow Tunnel Structures",
                                        "outer addresses that will be put around the packet"};
  friend bool operator==(const ExtendedIpv4TunnelEgress&, const ExtendedIpv4TunnelEgress&) = default;
};

struct ExtendedIpv4TunnelIngress : SampledIpv4 {
  static constexpr Structure kStructure{1024, "extended_ipv4_tunnel_ingress", "sFlow Tunnel Structures",
                                        "outer addresses that were taken off"};
  friend bool operator==(const ExtendedIpv4TunnelIngress&, const ExtendedIpv4TunnelIngress&) = default;
};

struct ExtendedIpv6TunnelEgress : SampledIpv6 {
  static constexpr Structure kStructure{1025, "extended_ipv6_tunnel_egress", "sFlow Tunnel Structures",
                                        "outer addresses that will be put around the packet"};
  friend bool operator==(const ExtendedIpv6TunnelEgress&, const ExtendedIpv6TunnelEgress&) = default;
};

struct ExtendedIpv6TunnelIngress : SampledIpv6 {
  static constexpr Structure kStructure{1026, "extended_ipv6_tunnel_ingress", "sFlow Tunnel Structures",
                                        "outer addresses that were taken off"};
  friend bool operator==(const ExtendedIpv6TunnelIngress&, const ExtendedIpv6TunnelIngress&) = default;
};

struct ExtendedDecapsulateEgress {
  static constexpr Structure kStructure{1027, "extended_decapsulate_egress", "sFlow Tunnel Structures", "where the inner packet begins"};
  std::uint32_t inner_header_offset{0};  // octets into the sampled header
  friend bool operator==(const ExtendedDecapsulateEgress&, const ExtendedDecapsulateEgress&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("inner_header_offset", s.inner_header_offset);
  }
};

struct ExtendedDecapsulateIngress {
  static constexpr Structure kStructure{1028, "extended_decapsulate_ingress", "sFlow Tunnel Structures", "where the inner packet begins"};
  std::uint32_t inner_header_offset{0};  // octets into the sampled header
  friend bool operator==(const ExtendedDecapsulateIngress&, const ExtendedDecapsulateIngress&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("inner_header_offset", s.inner_header_offset);
  }
};

struct ExtendedVniEgress {
  static constexpr Structure kStructure{1029, "extended_vni_egress", "sFlow Tunnel Structures", "the tenant's network"};
  std::uint32_t vni{0};
  friend bool operator==(const ExtendedVniEgress&, const ExtendedVniEgress&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("vni", s.vni);
  }
};

struct ExtendedVniIngress {
  static constexpr Structure kStructure{1030, "extended_vni_ingress", "sFlow Tunnel Structures", "the tenant's network"};
  std::uint32_t vni{0};
  friend bool operator==(const ExtendedVniIngress&, const ExtendedVniIngress&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("vni", s.vni);
  }
};

struct ExtendedEgressQueue {
  static constexpr Structure kStructure{1036, "extended_egress_queue", "sFlow Dropped Packet Notification Structures",
                                        "queue of the output port"};
  std::uint32_t queue{0};
  friend bool operator==(const ExtendedEgressQueue&, const ExtendedEgressQueue&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("queue", s.queue);
  }
};

struct ExtendedAcl {
  static constexpr Structure kStructure{1037, "extended_acl", "sFlow Dropped Packet Notification Structures",
                                        "rule that matched or dropped the packet"};
  std::uint32_t number{0};
  std::string_view name{};
  std::uint32_t direction{0};  // 0 unknown, 1 ingress, 2 egress
  friend bool operator==(const ExtendedAcl&, const ExtendedAcl&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("number", s.number);
    v("name", s.name);
    v("direction", s.direction);
  }
};

struct ExtendedFunction {
  static constexpr Structure kStructure{1038, "extended_function", "sFlow Dropped Packet Notification Structures",
                                        "function of the kernel that dropped the packet"};
  std::string_view symbol{};
  friend bool operator==(const ExtendedFunction&, const ExtendedFunction&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("symbol", s.symbol);
  }
};

struct ExtendedTransit {
  static constexpr Structure kStructure{1039, "extended_transit", "sFlow Transit Delay Structures",
                                        "time that the packet spent in the switch"};
  std::uint32_t delay_ns{0};  // 0xFFFFFFFF: that or more
  friend bool operator==(const ExtendedTransit&, const ExtendedTransit&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("delay_ns", s.delay_ns);
  }
};

struct ExtendedQueue {
  static constexpr Structure kStructure{1040, "extended_queue", "sFlow Transit Delay Structures", "queue depth that the packet met"};
  std::uint32_t depth_octets{0};
  friend bool operator==(const ExtendedQueue&, const ExtendedQueue&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("depth_octets", s.depth_octets);
  }
};

struct ExtendedHwTrap {
  static constexpr Structure kStructure{1041, "extended_hw_trap", "host-sflow's sflow.h", "devlink trap that took the packet"};
  std::string_view group{}, trap{};
  friend bool operator==(const ExtendedHwTrap&, const ExtendedHwTrap&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("group", s.group);
    v("trap", s.trap);
  }
};

struct ExtendedLinuxDropReason {
  static constexpr Structure kStructure{1042, "extended_linux_drop_reason", "host-sflow's sflow.h", "why the kernel dropped the packet"};
  std::string_view reason{};
  friend bool operator==(const ExtendedLinuxDropReason&, const ExtendedLinuxDropReason&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("reason", s.reason);
  }
};

struct ExtendedTimestamp {
  static constexpr Structure kStructure{1043, "extended_timestamp", "host-sflow's sflow.h", "when the packet was sampled"};
  std::uint64_t nanoseconds{0};  // of the agent's wall clock, since 1970
  friend bool operator==(const ExtendedTimestamp&, const ExtendedTimestamp&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("nanoseconds", s.nanoseconds);
  }
};

struct ExtendedSocketIpv4 {
  static constexpr Structure kStructure{2100, "extended_socket_ipv4", "sFlow Host Structures", "socket of the agent's own traffic"};
  std::uint32_t protocol{0};
  IpAddress local_ip{}, remote_ip{};
  std::uint32_t local_port{0}, remote_port{0};
  friend bool operator==(const ExtendedSocketIpv4&, const ExtendedSocketIpv4&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("protocol", s.protocol);
    v.ipv4("local_ip", s.local_ip);
    v.ipv4("remote_ip", s.remote_ip);
    v("local_port", s.local_port);
    v("remote_port", s.remote_port);
  }
};

struct ExtendedSocketIpv6 {
  static constexpr Structure kStructure{2101, "extended_socket_ipv6", "sFlow Host Structures", "socket of the agent's own traffic"};
  std::uint32_t protocol{0};
  IpAddress local_ip{}, remote_ip{};
  std::uint32_t local_port{0}, remote_port{0};
  friend bool operator==(const ExtendedSocketIpv6&, const ExtendedSocketIpv6&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("protocol", s.protocol);
    v.ipv6("local_ip", s.local_ip);
    v.ipv6("remote_ip", s.remote_ip);
    v("local_port", s.local_port);
    v("remote_port", s.remote_port);
  }
};

struct ExtendedProxySocketIpv4 : ExtendedSocketIpv4 {
  static constexpr Structure kStructure{2102, "extended_proxy_socket_ipv4", "sFlow HTTP Structures", "a proxy's socket towards its server"};
  friend bool operator==(const ExtendedProxySocketIpv4&, const ExtendedProxySocketIpv4&) = default;
};

struct ExtendedProxySocketIpv6 : ExtendedSocketIpv6 {
  static constexpr Structure kStructure{2103, "extended_proxy_socket_ipv6", "sFlow HTTP Structures", "a proxy's socket towards its server"};
  friend bool operator==(const ExtendedProxySocketIpv6&, const ExtendedProxySocketIpv6&) = default;
};

struct ExtendedTcpInfo {
  static constexpr Structure kStructure{2209, "extended_tcp_info", "TCP performance (host-sflow's sflow.h)",
                                        "RTT and loss as the agent's own kernel knows them"};
  std::uint32_t direction{0};                                                        // 0 unknown, 1 received, 2 sent
  std::uint32_t send_mss{0}, receive_mss{0}, unacked{0}, lost{0}, retransmitted{0};  // packets
  std::uint32_t path_mtu{0}, rtt_us{0}, rtt_variance_us{0}, congestion_window{0}, reordering{0}, min_rtt_us{0};
  friend bool operator==(const ExtendedTcpInfo&, const ExtendedTcpInfo&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("direction", s.direction);
    v("send_mss", s.send_mss);
    v("receive_mss", s.receive_mss);
    v("unacked", s.unacked);
    v("lost", s.lost);
    v("retransmitted", s.retransmitted);
    v("path_mtu", s.path_mtu);
    v("rtt_us", s.rtt_us);
    v("rtt_variance_us", s.rtt_variance_us);
    v("congestion_window", s.congestion_window);
    v("reordering", s.reordering);
    v("min_rtt_us", s.min_rtt_us);
  }
};

using FlowRecord =
    std::variant<SampledHeader, SampledEthernet, SampledIpv4, SampledIpv6, ExtendedSwitch, ExtendedRouter, ExtendedGateway, ExtendedMpls,
                 ExtendedNat, ExtendedMplsTunnel, ExtendedMplsVc, ExtendedMplsFtn, ExtendedMplsLdpFec, ExtendedVlanTunnel,
                 ExtendedL2TunnelEgress, ExtendedL2TunnelIngress, ExtendedIpv4TunnelEgress, ExtendedIpv4TunnelIngress,
                 ExtendedIpv6TunnelEgress, ExtendedIpv6TunnelIngress, ExtendedDecapsulateEgress, ExtendedDecapsulateIngress,
                 ExtendedVniEgress, ExtendedVniIngress, ExtendedEgressQueue, ExtendedAcl, ExtendedFunction, ExtendedTransit, ExtendedQueue,
                 ExtendedHwTrap, ExtendedLinuxDropReason, ExtendedTimestamp, ExtendedSocketIpv4, ExtendedSocketIpv6,
                 ExtendedProxySocketIpv4, ExtendedProxySocketIpv6, ExtendedTcpInfo>;

}  // namespace vmtraffic::sflow
