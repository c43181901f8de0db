#include "core/traffic/flow_share.hpp"

#include <optional>

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

// What decides. A MAC is an address of 32 bits and a port.
struct Ends {
  std::uint32_t src{0}, dst{0};  // addresses, IPv6 folded
  std::uint16_t src_port{0}, dst_port{0};
  bool control{false};
};

std::uint32_t end_hash(std::uint32_t address, std::uint16_t port, std::uint32_t key) {
  std::uint32_t x = (address ^ key) * flow_hash::kEnd;
  x ^= x >> 15;
  return (x ^ port * flow_hash::kPort) * flow_hash::kEndAgain;
}

std::uint32_t hash(const Ends& ends, std::uint32_t key) {
  std::uint32_t x = end_hash(ends.src, ends.src_port, key) + end_hash(ends.dst, ends.dst_port, key);
  x ^= x >> 16;
  return (x * flow_hash::kBoth) >> 16;
}

std::optional<Ends> with_ports(Octets frame, std::size_t offset, Ends ends) {
  ByteReader ports = at(frame, offset);
  ends.src_port = ports.u16();
  ends.dst_port = ports.u16();
  if (!ports.ok()) return std::nullopt;
  ends.control = ends.src_port == kDns || ends.dst_port == kDns;
  return ends;
}

std::optional<Ends> ends_of_ipv4(Octets frame, std::size_t begin) {
  if (frame.size() < begin + 20) return std::nullopt;
  ByteReader addresses = at(frame, begin + 12);
  Ends ends;
  ends.src = addresses.u32();
  ends.dst = addresses.u32();
  const std::uint8_t protocol = at(frame, begin + 9).u8();
  ends.control = protocol == kIcmp;
  const bool fragment = (at(frame, begin + 6).u16() & 0x3FFF) != 0;
  if ((protocol != kTcp && protocol != kUdp) || fragment) return ends;
  const std::size_t header = std::size_t{4} * (at(frame, begin).u8() & 0x0FU);
  return with_ports(frame, begin + header, ends);
}

std::uint32_t folded(ByteReader& address, std::uint32_t key) {
  std::uint32_t x = address.u32() ^ key;
  for (int i = 0; i < 3; ++i) x = (x ^ x >> 15) * flow_hash::kFold ^ address.u32();
  return x;
}

std::optional<Ends> ends_of_ipv6(Octets frame, std::size_t begin, std::uint32_t key) {
  if (frame.size() < begin + 40) return std::nullopt;
  ByteReader addresses = at(frame, begin + 8);
  Ends ends;
  ends.src = folded(addresses, key);
  ends.dst = folded(addresses, key);
  const std::uint8_t next = at(frame, begin + 6).u8();
  if (next == kTcp || next == kUdp) return with_ports(frame, begin + 40, ends);
  ends.control = next == kIcmpv6;
  if (next != kHopByHop && next != kFragment) return ends;
  ByteReader extension = at(frame, begin + 40);
  ends.control = extension.u8() == kIcmpv6;
  if (!extension.ok()) return std::nullopt;
  return ends;
}

std::optional<Ends> ends_of(Octets frame, std::uint32_t key) {
  std::size_t begin = 14;
  ByteReader type_field = at(frame, 12);
  std::uint16_t type = type_field.u16();
  if (type == kVlan || type == kServiceVlan) {
    begin = 18;
    type_field.skip(2);
    type = type_field.u16();
  }
  if (!type_field.ok()) return std::nullopt;
  if (type == kIpv4) return ends_of_ipv4(frame, begin);
  if (type == kIpv6) return ends_of_ipv6(frame, begin, key);
  ByteReader macs(frame);
  Ends ends{.control = true};
  ends.dst = macs.u32(), ends.dst_port = macs.u16();
  ends.src = macs.u32(), ends.src_port = macs.u16();
  return ends;
}

}  // namespace

bool flow_is_kept(Octets frame, const KeptFlows& kept, std::uint32_t key) {
  if (kept == KeptFlows{}) return true;
  const auto ends = ends_of(frame, key);
  return ends && hash(*ends, key) < (ends->control ? kept.control : kept.data);
}

bool flow_is_control(Octets frame) {
  const auto ends = ends_of(frame, 0);
  return ends && ends->control;
}

}  // namespace vmtraffic
