// The UDP datagram in a recorded packet: through Ethernet with its VLAN tags, Linux's cooked headers or none, and either version of IP.
//
// Promised: nothing is read outside the octets given, nothing is allocated. Fragments are not put together: the agents that matter here
// keep their datagrams to one packet.
//
//   Ethernet       | dst 6 | src 6 | (TPID 2 | TCI 2)* | EtherType 2 | …
//   cooked (SLL)   | type 2 | ARPHRD 2 | length 2 | address 8 | protocol 2 | …                        tcpdump.org, LINKTYPE_LINUX_SLL
//   cooked, 2nd    | protocol 2 | 2 | ifIndex 4 | ARPHRD 2 | type 1 | length 1 | address 8 | …        tcpdump.org, LINKTYPE_LINUX_SLL2
//   IPv4, IPv6     RFC 791, RFC 8200;    UDP   RFC 768
#pragma once

#include <cstdint>

#include "core/address.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

enum class LinkHeader : std::uint8_t { kEthernet, kCooked, kCooked2, kNone };

enum class UdpFound : std::uint8_t {
  kOther,     // not UDP over IP, or too short to tell
  kFragment,  // a part of some packet's payload
  kCut,       // UDP, and the recording has not all of it: `payload` is what there is
  kWhole,
};

struct UdpPacket {
  UdpFound found{UdpFound::kOther};
  IpAddress sender;
  std::uint16_t port{0};  // destination
  Octets payload;
};

UdpPacket udp_packet(Octets packet, LinkHeader link);

}  // namespace vmtraffic
