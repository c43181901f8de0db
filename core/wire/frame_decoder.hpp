// Inside decode_packet(): the decoder of one frame, whose steps are spread over packet_*.cpp by layer. No header for anybody else.
#pragma once

#include <algorithm>
#include <optional>

#include "core/wire/packet.hpp"

namespace vmtraffic::packet_detail {

enum EtherType : std::uint16_t {
  kFirstEtherType = 0x0600,
  kTypeIpv4 = 0x0800,
  kTypeArp = 0x0806,
  kTypeTransparentEthernet = 0x6558,
  kTypeVlan = 0x8100,
  kTypeIpv6 = 0x86DD,
  kTypeMpls = 0x8847,
  kTypeMplsMulticast = 0x8848,
  kTypeServiceVlan = 0x88A8,
  kTypeOldServiceVlan = 0x9100,
};

enum Protocol : std::uint8_t {
  kHopByHop = 0,
  kIcmpV4 = 1,
  kIpv4InIp = 4,
  kProtocolTcp = 6,
  kProtocolUdp = 17,
  kIpv6InIp = 41,
  kRouting = 43,
  kFragment = 44,
  kProtocolGre = 47,
  kAuthentication = 51,
  kIcmpV6 = 58,
  kNoNextHeader = 59,
  kDestinationOptions = 60,
  kMobility = 135,
  kHostIdentity = 139,
  kShim6 = 140,
};

// Where decoding stands, and what bounds it: the snapshot, and the lengths that headers have stated so far.
struct Cursor {
  Octets snapshot;
  std::size_t at{0};
  std::size_t end{0};       // of what is both in the snapshot and part of the packet
  std::size_t wire_end{0};  // of what the packet has on the wire

  // Always at <= end <= wire_end: nothing advances past what left() says, and no limit lies before what has been read.
  std::size_t left() const { return end - at; }
  std::size_t wire_left() const { return wire_end - at; }
  ByteReader peek(std::size_t n) const { return ByteReader(snapshot.subspan(at, n)); }
  void advance(std::size_t n) { at += n; }
  // From here the packet has n octets and no more.
  void limit(std::size_t n) {
    wire_end = std::min(wire_end, at + n);
    end = std::min(end, wire_end);
  }
  Extent extent() const { return {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(left())}; }
};

inline bool is_vlan(std::uint16_t type) { return type == kTypeVlan || type == kTypeServiceVlan || type == kTypeOldServiceVlan; }

inline bool is_known(std::uint16_t type) {
  return type == kTypeIpv4 || type == kTypeIpv6 || type == kTypeArp || type == kTypeMpls || type == kTypeMplsMulticast || is_vlan(type);
}

// One frame; what it carries, when that is another frame, is left to decode_packet().
class FrameDecoder {
 public:
  FrameDecoder(Cursor& cursor, Frame& frame, const PacketFormat& format) : cursor_(cursor), frame_(frame), format_(format) {}

  void decode(std::optional<std::uint16_t> ether_type);

  Tunnel tunnel;  // of kind kNone when the frame carries no other frame
  PacketFault fault{PacketFault::kNone};
  Layer fault_at{Layer::kNone};

 private:
  void note(PacketFault what, Layer where) {  // the first one is the one to know
    if (fault != PacketFault::kNone) return;
    fault = what;
    fault_at = where;
  }
  // Whether n octets of a header are there.
  bool has(std::size_t n, Layer layer) {
    if (cursor_.left() >= n) return true;
    note(cursor_.wire_left() < n ? PacketFault::kMalformed : PacketFault::kTruncated, layer);
    return false;
  }
  void network(std::uint16_t type);
  void ethernet_payload(std::uint16_t type);
  void mpls();
  void arp();
  void ipv4();
  void ipv6();
  bool extension(std::uint8_t& next, std::size_t start, bool length_by_option);
  void jumbo(ByteReader options, std::size_t start);
  void transport();
  void tcp();
  void udp();
  void icmp();
  void vxlan();
  void geneve();
  void gre();
  void ip_in_ip(std::uint16_t type);

  Cursor& cursor_;
  Frame& frame_;
  const PacketFormat& format_;
};

}  // namespace vmtraffic::packet_detail
