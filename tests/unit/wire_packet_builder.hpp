// Frames made by hand, header by header: each function puts its header before a payload. Checksums are left 0, as on a tap.
#pragma once

#include <optional>

#include "tests/unit/wire_bytes.hpp"

namespace vmtraffic::wire_test {

inline constexpr std::uint64_t kMacA = 0x525400000001, kMacB = 0x525400000002, kMacC = 0x525400000003, kMacD = 0x525400000004;
inline constexpr std::uint32_t kIpA = 0x0A000001, kIpB = 0x0A000002;
inline constexpr std::uint64_t kIp6Net = 0x20010DB800000000;

inline Bytes mac(std::uint64_t address) { return Bytes().u16(address >> 32).u32(address); }

inline Bytes ethernet(std::uint32_t type, const Bytes& payload, std::uint64_t src = kMacA, std::uint64_t dst = kMacB) {
  return Bytes().add(mac(dst)).add(mac(src)).u16(type).add(payload);
}

// What stands behind an EtherType of `tpid`.
inline Bytes tag(std::uint32_t tci, std::uint32_t type, const Bytes& payload) { return Bytes().u16(tci).u16(type).add(payload); }

inline Bytes mpls(std::uint32_t label, bool bottom, const Bytes& payload, std::uint32_t ttl = 64) {
  return Bytes().u32(label << 12 | (bottom ? 0x100u : 0u) | ttl).add(payload);
}

struct Ipv4Head {
  std::uint32_t src{kIpA}, dst{kIpB};
  std::uint32_t tos{0}, id{0x1234}, fragment{0x4000}, ttl{64};
  Bytes options{};
  std::optional<std::uint32_t> total_length{};
};

inline Bytes ipv4(std::uint32_t protocol, const Bytes& payload, const Ipv4Head& head = {}) {
  const std::size_t header = 20 + head.options.size();
  Bytes made;
  made.u8(0x40 | header / 4).u8(head.tos).u16(head.total_length.value_or(static_cast<std::uint32_t>(header + payload.size())));
  made.u16(head.id).u16(head.fragment).u8(head.ttl).u8(protocol).u16(0).u32(head.src).u32(head.dst);
  return made.add(head.options).add(payload);
}

struct Ipv6Head {
  std::uint64_t src{1}, dst{2};  // the lower halves, in 2001:db8::/64
  std::uint32_t traffic_class{0}, flow_label{0xABCDE}, hop_limit{64};
  std::optional<std::uint32_t> payload_length{};
};

inline Bytes ipv6(std::uint32_t next, const Bytes& payload, const Ipv6Head& head = {}) {
  Bytes made;
  made.u32(6u << 28 | head.traffic_class << 20 | head.flow_label);
  made.u16(head.payload_length.value_or(static_cast<std::uint32_t>(payload.size()))).u8(next).u8(head.hop_limit);
  return made.u64(kIp6Net).u64(head.src).u64(kIp6Net).u64(head.dst).add(payload);
}

// An IPv6 extension header of the common shape; `body` fills it to a multiple of 8 together with the first two octets.
inline Bytes extension(std::uint32_t next, const Bytes& body, const Bytes& payload) {
  return Bytes().u8(next).u8((body.size() + 2) / 8 - 1).add(body).add(payload);
}

inline Bytes fragment6(std::uint32_t next, std::uint32_t offset, bool more, const Bytes& payload) {
  return Bytes().u8(next).u8(0).u16(offset | (more ? 1u : 0u)).u32(0xCAFE0001).add(payload);
}

struct TcpHead {
  std::uint32_t src{40000}, dst{443}, seq{0x01020304}, ack{0x05060708}, flags{0x18}, window{502};
  Bytes options{};
};

inline Bytes tcp(const Bytes& payload, const TcpHead& head = {}) {
  Bytes made;
  made.u16(head.src).u16(head.dst).u32(head.seq).u32(head.ack).u16((5 + head.options.size() / 4) << 12 | head.flags).u16(head.window);
  return made.u16(0).u16(0).add(head.options).add(payload);
}

inline Bytes udp(std::uint32_t src, std::uint32_t dst, const Bytes& payload) {
  return Bytes().u16(src).u16(dst).u16(8 + payload.size()).u16(0).add(payload);
}

inline Bytes echo(std::uint32_t type, std::uint32_t id, std::uint32_t sequence, const Bytes& payload) {
  return Bytes().u8(type).u8(0).u16(0).u16(id).u16(sequence).add(payload);
}

inline Bytes arp(std::uint32_t operation) {
  return Bytes().u16(1).u16(0x0800).u8(6).u8(4).u16(operation).add(mac(kMacA)).u32(kIpA).add(mac(0)).u32(kIpB);
}

inline Bytes vxlan(std::uint32_t vni, const Bytes& frame) { return Bytes().u8(0x08).u24(0).u24(vni).u8(0).add(frame); }

inline Bytes geneve(std::uint32_t vni, std::uint32_t type, const Bytes& options, const Bytes& payload) {
  return Bytes().u8(options.size() / 4).u8(0).u16(type).u24(vni).u8(0).add(options).add(payload);
}

// `fields` are what the flags announce: checksum and reserved, key, sequence.
inline Bytes gre(std::uint32_t flags, std::uint32_t type, const Bytes& fields, const Bytes& payload) {
  return Bytes().u16(flags).u16(type).add(fields).add(payload);
}

}  // namespace vmtraffic::wire_test
