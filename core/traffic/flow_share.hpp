// Which packets are kept where a capture keeps a share of the flows: whole flows, both directions of each.
//
// A hash of both ends and of a key decides: who does not know the key cannot tell which flows are left out. A capture's filter computes it
// in the kernel (core/probes/capture_filter.hpp); this is the same in C++, for what that filter has let in. The two are one definition: a
// change here is one there.
//
// - Of two kinds of flows, each with a share of its own: control traffic, which is what is not IP (ARP too), ICMP, ICMPv6 (also behind one
//   extension header, as MLD is), and port 53 of TCP and UDP: little as a rule, and worth much; and data, which is all else.
// - TCP and UDP: addresses and ports decide. Everything else that is IP, and every fragment (the first one too, which alone has ports): the
//   addresses alone, so that all fragments of a packet share its fate. What is not IP: the MACs, so that the answer to a broadcast is
//   another flow.
// - IPv6 with an extension header: the addresses alone. Tunnels: their outermost headers.
// - One VLAN tag may stand in the frame. What has more is not IP to this.
// - A packet that ends before the headers that it announces is not kept, unless all are.
#pragma once

#include <cstdint>

#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

inline constexpr std::uint32_t kAllFlows = 65'536;

// Of kAllFlows of each kind.
struct KeptFlows {
  std::uint32_t data{kAllFlows}, control{kAllFlows};
  friend bool operator==(const KeptFlows&, const KeptFlows&) = default;
};

// Packets of flows of each kind, since the beginning.
struct PacketsTaken {
  std::uint64_t data{0}, control{0};
};

// Octets of a frame that may be asked for: from its Ethernet header on.
inline constexpr std::size_t kShareDecides = 82;

// `frame` begins with its Ethernet header; its first kShareDecides octets decide.
bool flow_is_kept(Octets frame, const KeptFlows& kept, std::uint32_t key);
bool flow_is_control(Octets frame);

// What both definitions of the hash are made of: 32 bits, all arithmetic wraps.
namespace flow_hash {
inline constexpr std::uint32_t kFold = 0x85EB'CA6B;  // an IPv6 address, word by word: x = (x ^ x >> 15) * kFold ^ next; first ^ key
inline constexpr std::uint32_t kPort =
    0x9E37'79B1;  // one end: x = (address ^ key) * kEnd; x ^= x >> 15; x = (x ^ port * kPort) * kEndAgain
inline constexpr std::uint32_t kEnd = 0x7FEB'352D;
inline constexpr std::uint32_t kEndAgain = 0x846C'A68B;
inline constexpr std::uint32_t kBoth = 0xC2B2'AE35;  // the sum of both ends: x ^= x >> 16; x *= kBoth; its upper 16 bits decide
}  // namespace flow_hash

}  // namespace vmtraffic
