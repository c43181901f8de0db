// What packet samples say of a vNIC, as value lists. Pure. Only types that stand in types.db; behind the vNIC's name stands what of it:
//   if_octets, if_packets   VNIC:sampled            all, estimated
//                           VNIC:protocol:udp       by protocol
//                           VNIC:service:tcp:443    by service port below kFirstEphemeralPort: the heaviest
//                           VNIC:application:SSH    by what flows carry, where the collector tells: the heaviest
//                           VNIC:vm:NAME:MAC, VNIC:network:NAME, if asked for VNIC:address:IP   by peer: the heaviest
//   gauge                   VNIC:coverage_rx        share of the exact counters' octets that the samples account for (percent ends at
//   100.1)
//                           VNIC:error_rx           the true octets lie within ± this share of the recent estimate, in 95 of 100 cases
//   derive                  VNIC:samples_rx
//   latency, percent        VNIC:rtt, …; VNIC:tcp_lossy, VNIC:tcp_retransmitting
//   if_rx_dropped, if_tx_dropped   VNIC:drop:REASON
//
// Estimates are sent as totals, from which collectd makes rates. A row whose totals began anew counts from its beginning alone: what
// collectd then sees is a negative difference (DERIVE drops it) or too small a one, never one too big. For that an identifier must be one
// row's: what changes within a row (a conversation's service, application and server name) goes into the metadata.
//
// Each identifier is a file of an RRD for ever: those that strangers choose, addresses and ephemeral ports, would be without bound.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/collectd/naming.hpp"
#include "plugins/collectd/values.hpp"

namespace vmtraffic::collectd {

// A peer or service of fewer recent samples is not sent: what could be said of it is off by more than a half.
inline constexpr std::uint64_t kLeastRecentSamples = 10;
// From here on a port is as a rule one that a kernel gave to a client (Linux: 32768 and up), and the next connection has another.
inline constexpr std::uint16_t kFirstEphemeralPort = 32768;
// Reasons of a vNIC's drops: they come from the network.
inline constexpr std::size_t kMostDropReasons = 32;

// Which rows are which vNIC's. Made once per snapshot; costs nothing where there are no flows.
class FlowIndex {
 public:
  struct Range {
    std::size_t first{0}, count{0};
  };

  FlowIndex() = default;
  explicit FlowIndex(const Snapshot& snapshot);

  bool empty() const { return protocols_.empty(); }
  Range protocols(std::size_t vnic) const { return at(protocols_, vnic); }
  Range services(std::size_t vnic) const { return at(services_, vnic); }
  Range applications(std::size_t vnic) const { return at(applications_, vnic); }
  Range conversations(std::size_t vnic) const { return at(conversations_, vnic); }
  std::vector<std::size_t> drops(std::size_t vnic) const;

 private:
  static Range at(const std::vector<Range>& ranges, std::size_t vnic) { return vnic < ranges.size() ? ranges[vnic] : Range{}; }
  std::vector<Range> protocols_, services_, applications_, conversations_;  // by vNIC
  std::vector<std::pair<std::size_t, std::size_t>> drops_;                  // vNIC and row, sorted
};

// What all vNICs of a snapshot have in common.
struct FlowContext {
  const Snapshot& snapshot;
  const DomainNames& names;
  const Naming& naming;
  const FlowIndex& index;
  std::size_t top{0};     // peers, services and applications of a vNIC
  bool addresses{false};  // peers that are addresses too
};

// Appends the lists of one vNIC, which is called `name`. `prototype` has all that they share, its metadata among it.
void add_flow_values(const FlowContext& context, std::size_t vnic, const std::string& name, const ValueList& prototype,
                     std::vector<ValueList>& lists);

}  // namespace vmtraffic::collectd
