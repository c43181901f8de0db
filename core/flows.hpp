// The words of flow analysis: what packet samples say of a vNIC's traffic. Estimates are a type of their own, never added to exact
// Counters: their ratio (coverage) tells how far to trust a breakdown.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace vmtraffic {

enum class Direction : std::uint8_t { kRx = 0, kTx = 1 };  // the guest's
inline constexpr std::size_t kDirectionCount = 2;

// How a sample came to its vNIC; the higher the nearer.
enum class AttributedBy : std::uint8_t { kNothing = 0, kOuterMac = 1, kInnerMac = 2, kPort = 3, kTap = 4 };
std::string_view name_of(AttributedBy by);  // "nothing", "outer_mac", "inner_mac", "port", "tap"

enum class TrafficClass : std::uint8_t { kTcp, kUdp, kIcmp, kIcmpv6, kSctp, kEsp, kOtherIp, kArp, kOther };
inline constexpr std::size_t kTrafficClassCount = 9;
std::string_view name_of(TrafficClass c);  // "tcp", "udp", …, "other_ip", "arp", "other"

// Whose word a row is; the higher the more exact.
enum class FlowSource : std::uint8_t { kUnknown = 0, kSflow = 1, kCaptureScaled = 2, kCapture = 3 };
std::string_view name_of(FlowSource source);  // "unknown", "sflow", "capture_scaled", "capture"

// The other end of a conversation: a vNIC of this host, an address, or a network that the configuration names.
enum class PeerKind : std::uint8_t { kNone = 0, kVnic = 1, kAddress = 2, kNetwork = 3 };
std::string_view name_of(PeerKind kind);  // "none", "vnic", "address", "network"

// The port that names a service: of TCP and UDP alone. protocol 0: none.
struct ServiceKey {
  std::uint8_t protocol{0};
  std::uint16_t port{0};
  friend bool operator==(const ServiceKey&, const ServiceKey&) = default;
  friend auto operator<=>(const ServiceKey&, const ServiceKey&) = default;
  std::string text() const;  // "tcp/443", "udp/53"; "" for none
  template <class H>
  friend H AbslHashValue(H h, const ServiceKey& k) {
    return H::combine(std::move(h), k.protocol, k.port);
  }
};

// What n samples say about all packets.
struct Estimate {
  double octets{0}, packets{0};
  std::uint64_t samples{0};
  // The true value lies within ± this share of the estimate in 95 of 100 cases; 0: every packet was seen; infinite: nothing was.
  double packets_error_95{0}, octets_error_95{0};
  friend bool operator==(const Estimate&, const Estimate&) = default;
};

// One direction of a vNIC, protocol, service or conversation.
struct FlowEstimate {
  Estimate total;   // since the row began
  Estimate recent;  // over FlowsInfo::covered_s, or since the row began where that is later
  friend bool operator==(const FlowEstimate&, const FlowEstimate&) = default;
};

struct FlowBothWays {
  Nanoseconds since{0};  // boot time at which the row began: totals count from there
  FlowEstimate rx, tx;   // the guest's
  friend bool operator==(const FlowBothWays&, const FlowBothWays&) = default;
};

}  // namespace vmtraffic
