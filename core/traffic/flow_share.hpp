// Which packets are kept where a capture keeps a share of the flows: whole flows, both directions of each, the same ones on every host.
//
// A hash of both ends decides. A capture's filter computes it in the kernel (core/probes/capture_filter.hpp); this is the same in C++, for
// recordings and for whoever wants to know. The two are one definition: a change here is one there.
//
// - TCP and UDP: addresses and ports. Everything else that is IP, and every fragment (the first one too, which alone has ports): the
//   addresses alone, so that all fragments of a packet share its fate.
// - Always kept: what is not IP (ARP too), ICMP, ICMPv6 (also behind one extension header, as MLD is), and port 53 of TCP and UDP.
// - IPv6 with an extension header: the addresses alone. Tunnels: their outermost headers.
// - One VLAN tag may stand in the frame. What has more is not IP to this.
// - A packet that ends before the headers that it announces is not kept.
#pragma once

#include <cstdint>

#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

inline constexpr std::uint32_t kAllFlows = 65'536;

// `frame` begins with its Ethernet header; its first 82 octets decide. `kept` of kAllFlows flows are kept.
bool flow_is_kept(Octets frame, std::uint32_t kept);

// What both definitions of the hash are made of: 32 bits, all arithmetic wraps.
namespace flow_hash {
inline constexpr std::uint32_t kFold = 0x85EB'CA6B;  // an IPv6 address, word by word: x = x * kFold ^ next
inline constexpr std::uint32_t kPort = 0x9E37'79B1;  // one end: x = (address ^ port * kPort) * kEnd; x ^= x >> 15; x *= kEndAgain
inline constexpr std::uint32_t kEnd = 0x7FEB'352D;
inline constexpr std::uint32_t kEndAgain = 0x846C'A68B;
inline constexpr std::uint32_t kBoth = 0xC2B2'AE35;  // the sum of both ends: x ^= x >> 16; x *= kBoth; its upper 16 bits decide
}  // namespace flow_hash

}  // namespace vmtraffic
