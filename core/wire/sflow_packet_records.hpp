// The flow records of sFlow version 5 itself: what an agent says about one sampled packet and its path. The enterprise is 0 for all.
//
//   record:  | enterprise 20 bits, format 12 | length 4 | the structure, in XDR: numbers of 4 and 8 octets, text and lists behind a count |
//
// Each structure has its number, its name as sFlow.org has it, where it is specified and what we use it for; docs/sflow.md is the same
// list. Its fields() are in the order of the wire: reading, printing and comparing all go by them. Text and lists look into the datagram.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/wire/sflow_fields.hpp"

namespace vmtraffic::sflow {

struct SampledHeader {
  static constexpr Structure kStructure{1, "sampled_header", "sFlow Version 5",
                                        "the packet itself: addresses, conversation, protocol, length"};
  std::uint32_t protocol{0};      // 1 Ethernet, 11 IPv4, 12 IPv6, 13 MPLS; the others are not decoded any further
  std::uint32_t frame_length{0};  // octets on the wire. Agents count the FCS into it, or say it with `stripped`
  std::uint32_t stripped{0};      // octets that the agent took off the packet before it took the header
  SampledOctets header{};
  friend bool operator==(const SampledHeader&, const SampledHeader&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("protocol", s.protocol);
    v("frame_length", s.frame_length);
    v("stripped", s.stripped);
    v("header", s.header);
  }
};

struct SampledEthernet {
  static constexpr Structure kStructure{2, "sampled_ethernet", "sFlow Version 5", "addresses and length where the agent sends no header"};
  std::uint32_t length{0};
  MacAddress src{}, dst{};
  std::uint32_t type{0};
  friend bool operator==(const SampledEthernet&, const SampledEthernet&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("length", s.length);
    v("src", s.src);
    v("dst", s.dst);
    v("type", s.type);
  }
};

struct SampledIpv4 {
  static constexpr Structure kStructure{3, "sampled_ipv4", "sFlow Version 5", "conversation where the agent sends no header"};
  std::uint32_t length{0}, protocol{0};
  IpAddress src{}, dst{};
  std::uint32_t src_port{0}, dst_port{0}, tcp_flags{0}, tos{0};
  friend bool operator==(const SampledIpv4&, const SampledIpv4&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("length", s.length);
    v("protocol", s.protocol);
    v.ipv4("src", s.src);
    v.ipv4("dst", s.dst);
    v("src_port", s.src_port);
    v("dst_port", s.dst_port);
    v("tcp_flags", s.tcp_flags);
    v("tos", s.tos);
  }
};

struct SampledIpv6 {
  static constexpr Structure kStructure{4, "sampled_ipv6", "sFlow Version 5", "conversation where the agent sends no header"};
  std::uint32_t length{0}, protocol{0};
  IpAddress src{}, dst{};
  std::uint32_t src_port{0}, dst_port{0}, tcp_flags{0}, priority{0};
  friend bool operator==(const SampledIpv6&, const SampledIpv6&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("length", s.length);
    v("protocol", s.protocol);
    v.ipv6("src", s.src);
    v.ipv6("dst", s.dst);
    v("src_port", s.src_port);
    v("dst_port", s.dst_port);
    v("tcp_flags", s.tcp_flags);
    v("priority", s.priority);
  }
};

struct ExtendedSwitch {
  static constexpr Structure kStructure{1001, "extended_switch", "sFlow Version 5", "VLANs and priorities on both sides of the switch"};
  std::uint32_t src_vlan{0}, src_priority{0}, dst_vlan{0}, dst_priority{0};
  friend bool operator==(const ExtendedSwitch&, const ExtendedSwitch&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("src_vlan", s.src_vlan);
    v("src_priority", s.src_priority);
    v("dst_vlan", s.dst_vlan);
    v("dst_priority", s.dst_priority);
  }
};

struct ExtendedRouter {
  static constexpr Structure kStructure{1002, "extended_router", "sFlow Version 5", "next hop and prefix lengths"};
  IpAddress next_hop{};
  std::uint32_t src_mask_length{0}, dst_mask_length{0};
  friend bool operator==(const ExtendedRouter&, const ExtendedRouter&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v.address("next_hop", s.next_hop);
    v("src_mask_length", s.src_mask_length);
    v("dst_mask_length", s.dst_mask_length);
  }
};

struct ExtendedGateway {
  static constexpr Structure kStructure{1003, "extended_gateway", "sFlow Version 5", "autonomous systems of both ends"};
  IpAddress next_hop{};
  std::uint32_t as{0}, src_as{0}, src_peer_as{0};
  AsPath dst_as_path{};
  NumberList communities{};
  std::uint32_t local_pref{0};
  friend bool operator==(const ExtendedGateway&, const ExtendedGateway&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v.address("next_hop", s.next_hop);
    v("as", s.as);
    v("src_as", s.src_as);
    v("src_peer_as", s.src_peer_as);
    v("dst_as_path", s.dst_as_path);
    v("communities", s.communities);
    v("local_pref", s.local_pref);
  }
};

struct ExtendedMpls {
  static constexpr Structure kStructure{1006, "extended_mpls", "sFlow Version 5", "label stacks on both sides"};
  IpAddress next_hop{};
  NumberList in_stack{}, out_stack{};  // entries as in RFC 3032, top first
  friend bool operator==(const ExtendedMpls&, const ExtendedMpls&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v.address("next_hop", s.next_hop);
    v("in_stack", s.in_stack);
    v("out_stack", s.out_stack);
  }
};

struct ExtendedNat {
  static constexpr Structure kStructure{1007, "extended_nat", "sFlow Version 5", "addresses after translation"};
  IpAddress src{}, dst{};
  friend bool operator==(const ExtendedNat&, const ExtendedNat&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v.address("src", s.src);
    v.address("dst", s.dst);
  }
};

struct ExtendedMplsTunnel {
  static constexpr Structure kStructure{1008, "extended_mpls_tunnel", "sFlow Version 5", "name of the MPLS tunnel"};
  std::string_view name{};
  std::uint32_t id{0}, cos{0};
  friend bool operator==(const ExtendedMplsTunnel&, const ExtendedMplsTunnel&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("name", s.name);
    v("id", s.id);
    v("cos", s.cos);
  }
};

struct ExtendedMplsVc {
  static constexpr Structure kStructure{1009, "extended_mpls_vc", "sFlow Version 5", "name of the MPLS virtual circuit"};
  std::string_view name{};
  std::uint32_t id{0}, cos{0};
  friend bool operator==(const ExtendedMplsVc&, const ExtendedMplsVc&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("name", s.name);
    v("id", s.id);
    v("cos", s.cos);
  }
};

struct ExtendedMplsFtn {
  static constexpr Structure kStructure{1010, "extended_mpls_FTN", "sFlow Version 5", "forwarding class of the label"};
  std::string_view description{};
  std::uint32_t mask{0};
  friend bool operator==(const ExtendedMplsFtn&, const ExtendedMplsFtn&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("description", s.description);
    v("mask", s.mask);
  }
};

struct ExtendedMplsLdpFec {
  static constexpr Structure kStructure{1011, "extended_mpls_LDP_FEC", "sFlow Version 5", "prefix length of the label's class"};
  std::uint32_t prefix_length{0};
  friend bool operator==(const ExtendedMplsLdpFec&, const ExtendedMplsLdpFec&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("prefix_length", s.prefix_length);
  }
};

struct ExtendedVlanTunnel {
  static constexpr Structure kStructure{1012, "extended_vlantunnel", "sFlow Version 5", "outer VLAN tags that the switch took off"};
  NumberList layers{};  // TPID and TCI in one number, outermost first
  friend bool operator==(const ExtendedVlanTunnel&, const ExtendedVlanTunnel&) = default;
  template <class Self, class Visit>
  static constexpr void fields(Self& s, Visit& v) {
    v("layers", s.layers);
  }
};

}  // namespace vmtraffic::sflow
