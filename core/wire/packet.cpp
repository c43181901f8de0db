#include "core/wire/packet.hpp"

#include <algorithm>

#include "core/wire/frame_decoder.hpp"

namespace vmtraffic {
namespace {

using packet_detail::Cursor;
using packet_detail::FrameDecoder;

Layer layer_of(TunnelKind kind) {
  switch (kind) {
    case TunnelKind::kNone:
      return Layer::kNone;
    case TunnelKind::kVxlan:
      return Layer::kVxlan;
    case TunnelKind::kGeneve:
      return Layer::kGeneve;
    case TunnelKind::kGre:
      return Layer::kGre;
    case TunnelKind::kIpInIp:
      return Layer::kIpInIp;
  }
  return Layer::kNone;
}

// Follows the tunnels from `tunnel` on, at the cursor.
void decode_inner(Packet& packet, Cursor& cursor, Tunnel tunnel, const PacketFormat& format) {
  while (tunnel.kind != TunnelKind::kNone) {
    if (packet.depth == 0) packet.tunnel = tunnel;
    const auto stop = [&](PacketFault fault) {
      if (packet.fault != PacketFault::kNone) return;
      packet.fault = fault;
      packet.fault_at = layer_of(tunnel.kind);
    };
    if (packet.depth == kMaxTunnels) return stop(PacketFault::kTooDeep);
    const bool ethernet = tunnel.protocol == packet_detail::kTypeTransparentEthernet;
    if (!ethernet && !packet_detail::is_known(tunnel.protocol)) return stop(PacketFault::kUnknown);
    Frame frame;
    const std::size_t start = cursor.at;
    FrameDecoder decoder(cursor, frame, format);
    decoder.decode(ethernet ? std::nullopt : std::optional(tunnel.protocol));
    if (packet.fault == PacketFault::kNone) {
      packet.fault = decoder.fault;
      packet.fault_at = decoder.fault_at;
    }
    if (cursor.at == start) return;
    packet.inner = frame;
    packet.tunnel = tunnel;
    ++packet.depth;
    tunnel = decoder.tunnel;
  }
}

}  // namespace

void decode_packet(Octets snapshot, std::size_t wire_length, const PacketFormat& format, Packet& packet) {
  Cursor cursor{.snapshot = snapshot, .at = 0, .end = snapshot.size(), .wire_end = std::max(wire_length, snapshot.size())};
  FrameDecoder decoder(cursor, packet.outer, format);
  decoder.decode(format.ether_type);
  packet.fault = decoder.fault;
  packet.fault_at = decoder.fault_at;
  if (decoder.tunnel.kind != TunnelKind::kNone) decode_inner(packet, cursor, decoder.tunnel, format);
}

Packet decode_packet(Octets snapshot, std::size_t wire_length, const PacketFormat& format) {
  Packet packet;
  decode_packet(snapshot, wire_length, format, packet);
  return packet;
}

}  // namespace vmtraffic
