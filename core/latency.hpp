// The words of latency and loss: what a capture at a vNIC's own tap tells of both of its sides. The guest's side is the VM with its
// software, the network's side is everything else.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/flows.hpp"
#include "core/types.hpp"

namespace vmtraffic {

// Latencies that were measured over some time, in microseconds. Quantiles are wrong by at most 1/64 of themselves. count 0: the rest says
// nothing.
struct LatencyStats {
  std::uint64_t count{0};
  double minimum_us{0}, mean_us{0}, median_us{0}, p95_us{0}, p99_us{0};
  friend bool operator==(const LatencyStats&, const LatencyStats&) = default;
};

enum class LatencyKind : std::uint8_t {
  kGuestRtt = 0,     // TCP: from the tap to the guest and back
  kNetworkRtt = 1,   // TCP: from the tap to the peer and back
  kServed = 2,       // last octet of a request to the first of the guest's response, as seen at the tap
  kAsked = 3,        // the same where the guest asks: the network and the server together
  kDns = 4,          // the guest's DNS queries to their responses
  kGuestEcho = 5,    // ICMP echo that the guest answered
  kNetworkEcho = 6,  // ICMP echo that the guest sent
};
inline constexpr std::size_t kLatencyKindCount = 7;
std::string_view name_of(LatencyKind kind);  // "guest_rtt", "network_rtt", "served", "asked", "dns", "guest_echo", "network_echo"

// What happened to a vNIC's TCP segments, connections and queries, of one direction: the guest's. Counts since the collector saw the vNIC.
struct LossCounts {
  std::uint64_t segments{0};     // with data; a super-frame is as many as it has on the wire
  std::uint64_t lost_before{0};  // sent again, and the tap had not seen it before: lost between the sender and the tap
  std::uint64_t lost_after{0};   // sent again, and the tap had seen it before: lost between the tap and the receiver
  std::uint64_t spurious{0};     // sent again although it had arrived
  std::uint64_t reordered{0};    // overtaken on its way to the tap
  std::uint64_t unseen{0};       // acknowledged although the tap never saw it: the capture missed it
  std::uint64_t duplicate_acks{0};
  std::uint64_t zero_windows{0};  // times that the sender of this direction closed its window
  std::uint64_t resets{0};        // RST that this direction's sender sent into a connection
  std::uint64_t connections{0};   // that this direction's sender opened and that were accepted
  std::uint64_t refused{0};       // answered by RST or ICMP
  std::uint64_t unanswered{0};    // no answer at all
  std::uint64_t dns_queries{0}, dns_unanswered{0};
  std::uint64_t unreachable{0};  // ICMP destination unreachable that this direction's sender got
  friend bool operator==(const LossCounts&, const LossCounts&) = default;
  LossCounts operator-(const LossCounts& earlier) const;
};

}  // namespace vmtraffic
