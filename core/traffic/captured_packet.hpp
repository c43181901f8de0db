// One packet as a capture delivers it: the beginning of a frame, and what the kernel or a recording tells beside it.
#pragma once

#include <cstdint>

#include "core/types.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

// Which way a packet passed the link that it was captured on.
enum class Heading : std::uint8_t {
  kUnknown = 0,  // a recording that does not tell
  kIn = 1,       // the host received it there: on a tap it is what the guest sent
  kOut = 2,      // the host sent it there
};
// At a macvtap the host's end is the guest.
constexpr Heading turned(Heading h) { return h == Heading::kIn ? Heading::kOut : h == Heading::kOut ? Heading::kIn : h; }

struct CapturedPacket {
  Octets octets;                 // from the Ethernet header on; valid until the source is asked for the next
  std::uint32_t wire_length{0};  // without FCS and without a tag taken out; a super-frame of segmentation offload has one
  Nanoseconds walltime{0};       // since 1970
  std::uint32_t if_index{0};     // 0: a recording
  Heading heading{Heading::kUnknown};
  std::uint16_t ether_type{0};  // not 0: `octets` begin with what this stands for, without an Ethernet header
  // The outermost VLAN tag where the kernel took it out of the frame. tpid 0: none was taken out.
  std::uint16_t vlan_tpid{0}, vlan_tci{0};
};

}  // namespace vmtraffic
