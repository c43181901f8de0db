#include "core/wire/packet.hpp"

namespace vmtraffic {

std::string_view name_of(PacketFault fault) {
  switch (fault) {
    case PacketFault::kNone:
      return "none";
    case PacketFault::kTruncated:
      return "truncated";
    case PacketFault::kMalformed:
      return "malformed";
    case PacketFault::kUnknown:
      return "unknown";
    case PacketFault::kTooDeep:
      return "too deep";
  }
  return "unknown";
}

std::string_view name_of(Layer layer) {
  constexpr std::array<std::string_view, 15> names{"none", "ethernet", "vlan", "mpls",  "arp",    "ipv4", "ipv6",    "ip extension",
                                                   "tcp",  "udp",      "icmp", "vxlan", "geneve", "gre",  "ip in ip"};
  const auto index = static_cast<std::size_t>(layer);
  return index < names.size() ? names[index] : "none";
}

std::string_view name_of(TunnelKind kind) {
  switch (kind) {
    case TunnelKind::kNone:
      return "none";
    case TunnelKind::kVxlan:
      return "vxlan";
    case TunnelKind::kGeneve:
      return "geneve";
    case TunnelKind::kGre:
      return "gre";
    case TunnelKind::kIpInIp:
      return "ip in ip";
  }
  return "none";
}

}  // namespace vmtraffic
