// IPv4, IPv6, and the extension headers: layouts in packet.hpp.
#include "core/wire/frame_decoder.hpp"

namespace vmtraffic::packet_detail {

void FrameDecoder::ipv4() {
  if (!has(20, Layer::kIpv4)) return;
  ByteReader r = cursor_.peek(20);
  const std::uint8_t first = r.u8();
  const std::size_t header = std::size_t{first & 0xFU} * 4;
  if (first >> 4 != 4 || header < 20) return note(PacketFault::kMalformed, Layer::kIpv4);
  const std::uint8_t traffic_class = r.u8();
  const std::uint16_t stated = r.u16();
  const std::size_t total = stated == 0 ? cursor_.wire_left() : stated;
  Ip& ip = frame_.ip.emplace();
  ip.dscp = traffic_class >> 2;
  ip.ecn = traffic_class & 3;
  ip.header_length = static_cast<std::uint16_t>(header);
  ip.total_length = static_cast<std::uint32_t>(total);
  ip.id = r.u16();
  const std::uint16_t fragment = r.u16();
  ip.dont_fragment = (fragment & 0x4000) != 0;
  if ((fragment & 0x3FFF) != 0) {
    ip.fragment = {.id = ip.id, .offset = (fragment & 0x1FFFu) * 8, .more = (fragment & 0x2000) != 0};
  }
  ip.ttl = r.u8();
  ip.protocol = r.u8();
  r.skip(2);
  read_ipv4(r, ip.src);
  read_ipv4(r, ip.dst);
  if (total < header) return note(PacketFault::kMalformed, Layer::kIpv4);
  if (total > cursor_.wire_left()) note(PacketFault::kMalformed, Layer::kIpv4);
  cursor_.limit(total);
  if (!has(header, Layer::kIpv4)) return;
  const std::size_t start = cursor_.at;
  cursor_.advance(header);
  if (ip.fragment && ip.fragment->offset > 0) return;
  for (std::size_t i = 0; ip.protocol == kAuthentication; ++i) {
    if (i == kMaxIpv6Extensions) return note(PacketFault::kTooDeep, Layer::kIpExtension);
    if (!extension(ip.protocol, start, false)) return;
  }
  transport();
}

void FrameDecoder::ipv6() {
  if (!has(40, Layer::kIpv6)) return;
  const std::size_t start = cursor_.at;
  ByteReader r = cursor_.peek(40);
  const std::uint32_t first = r.u32();
  if (first >> 28 != 6) return note(PacketFault::kMalformed, Layer::kIpv6);
  const std::uint16_t stated = r.u16();
  Ip& ip = frame_.ip.emplace();
  ip.dscp = first >> 22 & 0x3F;
  ip.ecn = first >> 20 & 3;
  ip.flow_label = first & 0xFFFFF;
  ip.protocol = r.u8();
  ip.ttl = r.u8();
  ip.src = read_ipv6(r);
  ip.dst = read_ipv6(r);
  ip.header_length = 40;
  // 0 stands for a jumbogram, or for a frame that the host's own offloading has yet to cut; or there is nothing at all.
  const bool unstated = stated == 0 && ip.protocol != kNoNextHeader;
  const std::size_t total = unstated ? cursor_.wire_left() : 40u + stated;
  ip.total_length = static_cast<std::uint32_t>(total);
  if (total > cursor_.wire_left()) note(PacketFault::kMalformed, Layer::kIpv6);
  cursor_.limit(total);
  cursor_.advance(40);
  const auto is_extension = [](std::uint8_t next) {
    return next == kHopByHop || next == kRouting || next == kFragment || next == kAuthentication || next == kDestinationOptions ||
           next == kMobility || next == kHostIdentity || next == kShim6;
  };
  for (std::size_t i = 0; is_extension(ip.protocol); ++i) {
    if (i == kMaxIpv6Extensions) return note(PacketFault::kTooDeep, Layer::kIpExtension);
    if (!extension(ip.protocol, start, unstated)) return;
    if (ip.fragment && ip.fragment->offset > 0) return;
  }
  transport();
}

// One extension header of the kind `next`, which becomes the kind that follows it. False: decoding ends here.
bool FrameDecoder::extension(std::uint8_t& next, std::size_t start, bool length_by_option) {
  if (!has(8, Layer::kIpExtension)) return false;  // all are at least that long, AH is longer
  ByteReader r = cursor_.peek(8);
  const std::uint8_t following = r.u8();
  const std::uint8_t units = r.u8();
  std::size_t length = (std::size_t{units} + 1) * 8;
  if (next == kAuthentication) length = (std::size_t{units} + 2) * 4;
  if (next == kFragment) length = 8;
  if (!has(length, Layer::kIpExtension)) return false;
  if (next == kFragment) {
    const std::uint16_t place = r.u16();
    frame_.ip->fragment = {.id = r.u32(), .offset = place & 0xFFF8u, .more = (place & 1) != 0};
  }
  if (next == kHopByHop && length_by_option) {
    ByteReader options = cursor_.peek(length);
    options.skip(2);
    jumbo(options, start);
  }
  cursor_.advance(length);
  frame_.ip->header_length = static_cast<std::uint16_t>(cursor_.at - start);
  next = following;
  return true;
}

// RFC 2675: option 0xC2 has a length that 16 bits cannot hold, without the 40 octets of the first header. A shorter one is an error.
void FrameDecoder::jumbo(ByteReader options, std::size_t start) {
  while (options.remaining() > 0) {
    const std::uint8_t type = options.u8();
    if (type == 0) continue;  // Pad1 is one octet
    ByteReader value = options.sub(options.u8());
    if (type != 0xC2) continue;
    const std::uint32_t stated = value.u32();
    const std::size_t total = std::size_t{stated} + 40;
    if (stated <= 0xFFFF || start + total > cursor_.wire_end) return note(PacketFault::kMalformed, Layer::kIpExtension);
    frame_.ip->total_length = static_cast<std::uint32_t>(total);
    cursor_.limit(start + total - cursor_.at);
    return;
  }
}

}  // namespace vmtraffic::packet_detail
