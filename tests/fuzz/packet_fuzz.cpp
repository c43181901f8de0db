// decode_packet() on any octets, as captures and sFlow samples bring them. The first octet says how: bits 0-1 what the snapshot starts
// with, bits 2-7 how much longer the packet was on the wire.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "core/wire/packet.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using namespace vmtraffic;

void require(bool holds) {
  if (!holds) std::abort();
}

void check(Extent extent, std::size_t size) { require(extent.offset <= size && extent.length <= size - extent.offset); }

void check(const Frame& frame, Octets snapshot) {
  check(frame.extent, snapshot.size());
  check(frame.payload, snapshot.size());
  require(frame.payload.offset >= frame.extent.offset);
  require(frame.payload.length <= frame.payload_length);
  require(frame.extent.length <= frame.length);
  require(frame.payload_length <= frame.length);
  require(frame.vlans.size() <= kMaxVlanTags && frame.mpls.size() <= kMaxMplsLabels);
  require(!(frame.ip && frame.arp));
  require(int{frame.tcp.has_value()} + frame.udp.has_value() + frame.icmp.has_value() <= 1);
  require(frame.ip || !(frame.tcp || frame.udp || frame.icmp));
  if (frame.ip) {
    require(frame.ip->version() == 4 || frame.ip->version() == 6);
    require(frame.ip->src.version == frame.ip->dst.version);
    require(frame.ip->header_length >= (frame.ip->version() == 4 ? 20 : 40));
    require(!(frame.ip->fragment && frame.ip->fragment->offset > 0 && (frame.tcp || frame.udp || frame.icmp)));
  }
  if (frame.tcp) {
    check(frame.tcp->options, snapshot.size());
    const TcpOptions options = tcp_options(snapshot, *frame.tcp);
    require(options.sack.size() <= kMaxSackBlocks && tcp_options(snapshot, *frame.tcp) == options);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::uint16_t kStarts[] = {0, 0x0800, 0x86DD, 0x8847};
  PacketFormat format;
  if ((data[0] & 3) != 0) format.ether_type = kStarts[data[0] & 3];
  const Octets snapshot(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  const std::size_t wire_length = snapshot.size() + (std::size_t{data[0]} >> 2) * 64;
  const Packet packet = decode_packet(snapshot, wire_length, format);
  require(decode_packet(snapshot, wire_length, format) == packet);
  check(packet.outer, snapshot);
  require(packet.outer.length == wire_length);
  require(packet.depth <= kMaxTunnels);
  require((packet.fault == PacketFault::kNone) == (packet.fault_at == Layer::kNone));
  check(packet.tunnel.options, snapshot.size());
  if (packet.depth == 0) {
    require(packet.inner == Frame{});
  } else {
    check(packet.inner, snapshot);
    require(packet.tunnel.kind != TunnelKind::kNone);
    require(packet.inner.extent.offset > packet.outer.extent.offset && packet.inner.length < packet.outer.length);
  }
  return 0;
}
