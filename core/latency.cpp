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

LossCounts LossCounts::operator-(const LossCounts& earlier) const {
  return {.segments = segments - earlier.segments,
          .lost_before = lost_before - earlier.lost_before,
          .lost_after = lost_after - earlier.lost_after,
          .spurious = spurious - earlier.spurious,
          .reordered = reordered - earlier.reordered,
          .unseen = unseen - earlier.unseen,
          .duplicate_acks = duplicate_acks - earlier.duplicate_acks,
          .zero_windows = zero_windows - earlier.zero_windows,
          .resets = resets - earlier.resets,
          .connections = connections - earlier.connections,
          .refused = refused - earlier.refused,
          .unanswered = unanswered - earlier.unanswered,
          .dns_queries = dns_queries - earlier.dns_queries,
          .dns_unanswered = dns_unanswered - earlier.dns_unanswered,
          .unreachable = unreachable - earlier.unreachable};
}

}  // namespace vmtraffic
