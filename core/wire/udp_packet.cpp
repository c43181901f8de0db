#include "core/wire/udp_packet.hpp"

#include <algorithm>

namespace vmtraffic {
namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86DD, kUnknown = 0;
constexpr std::uint8_t kUdp = 17, kHopByHop = 0, kRouting = 43, kFragmentHeader = 44, kDestinationOptions = 60;
constexpr int kMostTags = 4, kMostExtensions = 8;

bool is_tag(std::uint16_t ether_type) { return ether_type == 0x8100 || ether_type == 0x88A8 || ether_type == 0x9100; }

// The EtherType of what follows the link's header.
std::uint16_t ether_type_of(ByteReader& reader, LinkHeader link) {
  std::uint16_t type = kUnknown;
  switch (link) {
    case LinkHeader::kEthernet:
      reader.skip(12);
      type = reader.u16();
      break;
    case LinkHeader::kCooked:
      reader.skip(14);
      type = reader.u16();
      break;
    case LinkHeader::kCooked2:
      type = reader.u16();
      reader.skip(18);
      break;
    case LinkHeader::kNone: {
      const Octets rest = reader.rest();
      const int version = rest.empty() ? 0 : std::to_integer<int>(rest[0]) >> 4;
      return version == 4 ? kIpv4 : version == 6 ? kIpv6 : kUnknown;
    }
  }
  for (int tags = 0; tags < kMostTags && is_tag(type); ++tags) {
    reader.skip(2);
    type = reader.u16();
  }
  return type;
}

IpAddress address_of(std::uint8_t version, Octets octets) {
  IpAddress address{.version = version};
  std::transform(octets.begin(), octets.end(), address.octets.begin(), [](std::byte b) { return std::to_integer<std::uint8_t>(b); });
  return address;
}

// The datagram behind an IP header. `length`: of the IP payload, as its header says.
void read_udp(ByteReader reader, std::size_t length, UdpPacket& out) {
  reader.skip(2);
  out.port = reader.u16();
  const std::size_t stated = reader.u16();
  reader.skip(2);
  if (!reader.ok() || stated < 8 || stated > length) return;
  const Octets rest = reader.rest();
  out.payload = rest.first(std::min(rest.size(), stated - 8));
  out.found = rest.size() < stated - 8 ? UdpFound::kCut : UdpFound::kWhole;
}

void read_ipv4(ByteReader reader, UdpPacket& out) {
  const std::uint8_t first = reader.u8();
  const std::size_t header = std::size_t{first & 0xFU} * 4;
  reader.skip(1);
  const std::size_t total = reader.u16();
  reader.skip(2);
  const std::uint16_t fragment = reader.u16();
  reader.skip(1);
  const std::uint8_t protocol = reader.u8();
  reader.skip(2);
  const Octets sender = reader.take(4);
  reader.skip(4);
  if (!reader.ok() || first >> 4 != 4 || header < 20 || total < header || protocol != kUdp) return;
  if ((fragment & 0x3FFF) != 0) {  // more to come, or not the first
    out.found = UdpFound::kFragment;
    return;
  }
  reader.skip(header - 20);
  out.sender = address_of(4, sender);
  read_udp(reader, total - header, out);
}

void read_ipv6(ByteReader reader, UdpPacket& out) {
  const std::uint8_t first = reader.u8();
  reader.skip(3);
  std::size_t length = reader.u16();
  std::uint8_t next = reader.u8();
  reader.skip(1);
  const Octets sender = reader.take(16);
  reader.skip(16);
  if (!reader.ok() || first >> 4 != 6) return;
  for (int extensions = 0; extensions < kMostExtensions && next != kUdp; ++extensions) {
    if (next != kHopByHop && next != kRouting && next != kFragmentHeader && next != kDestinationOptions) return;
    const bool is_fragment = next == kFragmentHeader;
    next = reader.u8();
    const std::size_t units = reader.u8();
    const std::uint16_t fragment = reader.u16();
    const std::size_t octets = is_fragment ? 8 : 8 + units * 8;
    reader.skip(octets - 4);
    if (!reader.ok() || length < octets) return;
    length -= octets;
    if (is_fragment && (fragment & 0xFFF9) != 0) {
      out.found = next == kUdp ? UdpFound::kFragment : UdpFound::kOther;
      return;
    }
  }
  if (next != kUdp) return;
  out.sender = address_of(6, sender);
  read_udp(reader, length, out);
}

}  // namespace

UdpPacket udp_packet(Octets packet, LinkHeader link) {
  UdpPacket out;
  ByteReader reader(packet);
  const std::uint16_t type = ether_type_of(reader, link);
  if (!reader.ok()) return out;
  if (type == kIpv4) read_ipv4(reader, out);
  if (type == kIpv6) read_ipv6(reader, out);
  return out;
}

}  // namespace vmtraffic
