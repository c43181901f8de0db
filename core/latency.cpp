#include "core/latency.hpp"

namespace vmtraffic {

std::string_view name_of(LatencyKind kind) {
  switch (kind) {
    case LatencyKind::kGuestRtt:
      return "guest_rtt";
    case LatencyKind::kNetworkRtt:
      return "network_rtt";
    case LatencyKind::kServed:
      return "served";
    case LatencyKind::kAsked:
      return "asked";
    case LatencyKind::kDns:
      return "dns";
    case LatencyKind::kGuestEcho:
      return "guest_echo";
    case LatencyKind::kNetworkEcho:
      return "network_echo";
  }
  return "unknown";
}

}  // namespace vmtraffic
