// The packet that an ICMP error is about: each error quotes its beginning.
//
// Promised: nothing is read outside the octets given, nothing is allocated.
//
//   RFC 792     | type | code | sum 2 | 4 | IPv4 header | 8 octets or more of its payload |
//   RFC 4443    | type | code | sum 2 | 4 | IPv6 header | … |
#pragma once

#include <cstdint>
#include <optional>

#include "core/address.hpp"
#include "core/wire/byte_reader.hpp"

namespace vmtraffic {

struct QuotedSegment {  // of TCP
  IpAddress src, dst;
  std::uint16_t src_port{0}, dst_port{0};
  std::uint32_t seq{0};
  friend bool operator==(const QuotedSegment&, const QuotedSegment&) = default;
};

// `body`: what follows the checksum. Nothing where the quoted packet is not TCP, is a later fragment, or has IPv6 extension headers.
std::optional<QuotedSegment> quoted_segment(Octets body);

}  // namespace vmtraffic
