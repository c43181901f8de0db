// Ethernet, VLAN tags, MPLS labels, ARP: layouts in packet.hpp.
#include "core/wire/frame_decoder.hpp"

namespace vmtraffic::packet_detail {

void FrameDecoder::decode(std::optional<std::uint16_t> ether_type) {
  frame_.extent = cursor_.extent();
  frame_.length = static_cast<std::uint32_t>(cursor_.wire_left());
  if (ether_type) {
    ethernet_payload(*ether_type);
  } else if (has(14, Layer::kEthernet)) {
    ByteReader r = cursor_.peek(14);
    Ethernet& ethernet = frame_.ethernet.emplace();
    ethernet.dst = read_mac(r);
    ethernet.src = read_mac(r);
    cursor_.advance(14);
    ethernet_payload(r.u16());
  }
  frame_.payload = cursor_.extent();
  frame_.payload_length = static_cast<std::uint32_t>(cursor_.wire_left());
}

void FrameDecoder::ethernet_payload(std::uint16_t type) {
  while (is_vlan(type)) {
    frame_.ether_type = type;
    if (!has(4, Layer::kVlan)) return;
    ByteReader r = cursor_.peek(4);
    if (!frame_.vlans.add({.tpid = type, .tci = r.u16()})) return note(PacketFault::kTooDeep, Layer::kVlan);
    type = r.u16();
    cursor_.advance(4);
  }
  frame_.ether_type = type;
  network(type);
}

void FrameDecoder::network(std::uint16_t type) {
  switch (type) {
    case kTypeIpv4:
      return ipv4();
    case kTypeIpv6:
      return ipv6();
    case kTypeArp:
      return arp();
    case kTypeMpls:
    case kTypeMplsMulticast:
      return mpls();
    default:
      if (type < kFirstEtherType) {  // an 802.3 length: what follows is LLC, and after it padding
        if (type > cursor_.wire_left()) note(PacketFault::kMalformed, Layer::kEthernet);
        cursor_.limit(type);
      }
      note(PacketFault::kUnknown, Layer::kEthernet);
  }
}

void FrameDecoder::mpls() {
  for (bool bottom = false; !bottom;) {
    if (!has(4, Layer::kMpls)) return;
    const MplsLabel label{cursor_.peek(4).u32()};
    if (!frame_.mpls.add(label)) return note(PacketFault::kTooDeep, Layer::kMpls);
    cursor_.advance(4);
    bottom = label.bottom();
  }
  if (!has(1, Layer::kMpls)) return;
  // Nothing says what a label stack carries. Like every router that balances load, go by the version field of IP.
  switch (cursor_.peek(1).u8() >> 4) {
    case 4:
      return ipv4();
    case 6:
      return ipv6();
    default:
      note(PacketFault::kUnknown, Layer::kMpls);
  }
}

void FrameDecoder::arp() {
  if (!has(8, Layer::kArp)) return;
  ByteReader r = cursor_.peek(std::min<std::size_t>(cursor_.left(), 28));
  const bool known = r.u16() == 1 && r.u16() == kTypeIpv4 && r.u8() == 6 && r.u8() == 4;
  if (!known) return note(PacketFault::kUnknown, Layer::kArp);
  if (!has(28, Layer::kArp)) return;
  Arp& arp = frame_.arp.emplace();
  arp.operation = r.u16();
  arp.sender_mac = read_mac(r);
  arp.sender_ip = read_ipv4(r);
  arp.target_mac = read_mac(r);
  arp.target_ip = read_ipv4(r);
  cursor_.advance(28);
  cursor_.limit(0);  // what follows is padding
}

}  // namespace vmtraffic::packet_detail
