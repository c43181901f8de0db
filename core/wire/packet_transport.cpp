// TCP, UDP, ICMP, and the tunnels above UDP and IP: layouts in packet.hpp.
#include "core/wire/frame_decoder.hpp"

namespace vmtraffic::packet_detail {

void FrameDecoder::transport() {
  const std::uint8_t protocol = frame_.ip->protocol;
  const bool v6 = frame_.ip->version() == 6;
  switch (protocol) {
    case kProtocolTcp:
      return tcp();
    case kProtocolUdp:
      return udp();
    case kProtocolGre:
      return gre();
    case kIpv4InIp:
      return ip_in_ip(kTypeIpv4);
    case kIpv6InIp:
      return ip_in_ip(kTypeIpv6);
    case kNoNextHeader:
      return;
    default:
      if (protocol == (v6 ? kIcmpV6 : kIcmpV4)) return icmp();
      note(PacketFault::kUnknown, v6 ? Layer::kIpv6 : Layer::kIpv4);
  }
}

void FrameDecoder::tcp() {
  if (!has(20, Layer::kTcp)) return;
  ByteReader r = cursor_.peek(20);
  Tcp& tcp = frame_.tcp.emplace();
  tcp.src_port = r.u16();
  tcp.dst_port = r.u16();
  tcp.seq = r.u32();
  tcp.ack = r.u32();
  const std::uint16_t offset_and_flags = r.u16();
  tcp.flags = offset_and_flags & 0xFFF;
  tcp.window = r.u16();
  tcp.header_length = static_cast<std::uint8_t>((offset_and_flags >> 12) * 4);
  if (tcp.header_length < 20) return note(PacketFault::kMalformed, Layer::kTcp);
  const std::size_t present = std::min<std::size_t>(tcp.header_length, cursor_.left());
  tcp.options = {static_cast<std::uint32_t>(cursor_.at + 20), static_cast<std::uint32_t>(present - 20)};
  if (!has(tcp.header_length, Layer::kTcp)) {
    // The rest of the header lies outside the snapshot, but its length is known, and so is that of the payload behind it.
    const std::size_t missing = tcp.header_length - present;
    cursor_.advance(present);
    cursor_.wire_end -= std::min(missing, cursor_.wire_left());
    return;
  }
  cursor_.advance(tcp.header_length);
}

void FrameDecoder::udp() {
  if (!has(8, Layer::kUdp)) return;
  ByteReader r = cursor_.peek(8);
  Udp& udp = frame_.udp.emplace();
  udp.src_port = r.u16();
  udp.dst_port = r.u16();
  udp.length = r.u16();
  // 0: longer than the field can say. A first fragment has less than its datagram.
  if (udp.length != 0 && !frame_.ip->fragment) {
    if (udp.length < 8 || udp.length > cursor_.wire_left()) note(PacketFault::kMalformed, Layer::kUdp);
    if (udp.length >= 8) cursor_.limit(udp.length);
  }
  cursor_.advance(8);
  const auto is_one_of = [port = udp.dst_port](std::span<const std::uint16_t> ports) {
    return std::find(ports.begin(), ports.end(), port) != ports.end();
  };
  if (is_one_of(format_.vxlan_ports)) return vxlan();
  if (is_one_of(format_.geneve_ports)) return geneve();
}

void FrameDecoder::icmp() {
  if (!has(4, Layer::kIcmp)) return;
  ByteReader r = cursor_.peek(4);
  Icmp& icmp = frame_.icmp.emplace();
  icmp.type = r.u8();
  icmp.code = r.u8();
  cursor_.advance(4);
  const bool echo = frame_.ip->version() == 6 ? icmp.type == 128 || icmp.type == 129 : icmp.type == 0 || icmp.type == 8;
  if (!echo || !has(4, Layer::kIcmp)) return;
  r = cursor_.peek(4);
  IcmpEcho& ids = icmp.echo.emplace();
  ids.id = r.u16();
  ids.sequence = r.u16();
  cursor_.advance(4);
}

void FrameDecoder::vxlan() {
  if (!has(8, Layer::kVxlan)) return;
  ByteReader r = cursor_.peek(8);
  const bool vni_is_valid = (r.u8() & 0x08) != 0;
  if (!vni_is_valid) return note(PacketFault::kMalformed, Layer::kVxlan);
  r.skip(3);
  tunnel = {.kind = TunnelKind::kVxlan, .protocol = kTypeTransparentEthernet, .vni = r.u24()};
  cursor_.advance(8);
}

void FrameDecoder::geneve() {
  if (!has(8, Layer::kGeneve)) return;
  ByteReader r = cursor_.peek(8);
  const std::uint8_t first = r.u8();
  if (first >> 6 != 0) return note(PacketFault::kUnknown, Layer::kGeneve);
  r.skip(1);
  const std::size_t options = std::size_t{first & 0x3FU} * 4;
  Tunnel read{.kind = TunnelKind::kGeneve, .protocol = r.u16(), .vni = r.u24()};
  if (!has(8 + options, Layer::kGeneve)) return;
  read.options = {static_cast<std::uint32_t>(cursor_.at + 8), static_cast<std::uint32_t>(options)};
  cursor_.advance(8 + options);
  tunnel = read;
}

void FrameDecoder::gre() {
  if (!has(4, Layer::kGre)) return;
  ByteReader r = cursor_.peek(4);
  const std::uint16_t flags = r.u16();
  const bool checksum = (flags & 0x8000) != 0, key = (flags & 0x2000) != 0, sequence = (flags & 0x1000) != 0;
  // Version 1 is PPTP's; the routing of RFC 1701 is gone, and its length with it.
  if ((flags & 0x4007) != 0) return note(PacketFault::kUnknown, Layer::kGre);
  Tunnel read{.kind = TunnelKind::kGre, .protocol = r.u16()};
  const std::size_t length = 4u + 4u * (std::size_t{checksum} + key + sequence);
  if (!has(length, Layer::kGre)) return;
  r = cursor_.peek(length);
  r.skip(4);
  if (checksum) {
    read.checksum = r.u16();
    r.skip(2);
  }
  if (key) read.key = r.u32();
  if (sequence) read.sequence = r.u32();
  if (key && !checksum && !sequence && read.protocol == kTypeTransparentEthernet) read.vni = *read.key >> 8;
  cursor_.advance(length);
  tunnel = read;
}

void FrameDecoder::ip_in_ip(std::uint16_t type) { tunnel = {.kind = TunnelKind::kIpInIp, .protocol = type}; }

}  // namespace vmtraffic::packet_detail
