#include "core/traffic/flow_share.hpp"

namespace vmtraffic {
namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86DD, kVlan = 0x8100, kServiceVlan = 0x88A8;
constexpr std::uint8_t kHopByHop = 0, kIcmp = 1, kTcp = 6, kUdp = 17, kFragment = 44, kIcmpv6 = 58;
constexpr std::uint16_t kDns = 53;

ByteReader at(Octets frame, std::size_t offset) {
  ByteReader reader(frame);
  reader.skip(offset);
  return reader;
}

struct Ends {
  std::uint32_t src{0}, dst{0};  // addresses, IPv6 folded
  std::uint16_t src_port{0}, dst_port{0};
};

std::uint32_t end_hash(std::uint32_t address, std::uint16_t port) {
  std::uint32_t x = (address ^ port * flow_hash::kPort) * flow_hash::kEnd;
  x ^= x >> 15;
  return x * flow_hash::kEndAgain;
}

bool in_share(const Ends& ends, std::uint32_t kept) {
  std::uint32_t x = end_hash(ends.src, ends.src_port) + end_hash(ends.dst, ends.dst_port);
  x ^= x >> 16;
  return (x * flow_hash::kBoth) >> 16 < kept;
}

bool with_ports(Octets frame, std::size_t offset, Ends ends, std::uint32_t kept) {
  ByteReader ports = at(frame, offset);
  ends.src_port = ports.u16();
  ends.dst_port = ports.u16();
  if (!ports.ok()) return false;
  return ends.src_port == kDns || ends.dst_port == kDns || in_share(ends, kept);
}

bool ipv4_is_kept(Octets frame, std::size_t begin, std::uint32_t kept) {
  if (frame.size() < begin + 20) return false;
  ByteReader addresses = at(frame, begin + 12);
  Ends ends;
  ends.src = addresses.u32();
  ends.dst = addresses.u32();
  const std::uint8_t protocol = at(frame, begin + 9).u8();
  if (protocol == kIcmp) return true;
  const bool fragment = (at(frame, begin + 6).u16() & 0x3FFF) != 0;
  if ((protocol != kTcp && protocol != kUdp) || fragment) return in_share(ends, kept);
  const std::size_t header = std::size_t{4} * (at(frame, begin).u8() & 0x0FU);
  return with_ports(frame, begin + header, ends, kept);
}

std::uint32_t folded(ByteReader& address) {
  std::uint32_t x = address.u32();
  for (int i = 0; i < 3; ++i) x = x * flow_hash::kFold ^ address.u32();
  return x;
}

bool ipv6_is_kept(Octets frame, std::size_t begin, std::uint32_t kept) {
  if (frame.size() < begin + 40) return false;
  ByteReader addresses = at(frame, begin + 8);
  Ends ends;
  ends.src = folded(addresses);
  ends.dst = folded(addresses);
  const std::uint8_t next = at(frame, begin + 6).u8();
  if (next == kIcmpv6) return true;
  if (next == kTcp || next == kUdp) return with_ports(frame, begin + 40, ends, kept);
  if (next != kHopByHop && next != kFragment) return in_share(ends, kept);
  ByteReader extension = at(frame, begin + 40);
  const std::uint8_t behind = extension.u8();
  return extension.ok() && (behind == kIcmpv6 || in_share(ends, kept));
}

}  // namespace

bool flow_is_kept(Octets frame, std::uint32_t kept) {
  if (kept >= kAllFlows) return true;
  std::size_t begin = 14;
  ByteReader type_field = at(frame, 12);
  std::uint16_t type = type_field.u16();
  if (type == kVlan || type == kServiceVlan) {
    begin = 18;
    type_field.skip(2);
    type = type_field.u16();
  }
  if (!type_field.ok()) return false;
  if (type == kIpv4) return ipv4_is_kept(frame, begin, kept);
  if (type == kIpv6) return ipv6_is_kept(frame, begin, kept);
  return true;
}

}  // namespace vmtraffic
