// What packet samples say of each vNIC: how much by protocol and service port, and with whom it talks. Estimates, never added to exact
// counters. Pure: samples and inventory in, sums out. Bounded: whatever a scan does, evictions are counted.
//
// Whose packet it is (docs/sflow.md): first by the agent's input and output port, which only an agent on this very host knows by our
// ifIndexes; then by the inner, then by the outer MAC, which are under the tenants' control. For each vNIC and direction one agent is
// elected, the nearest, so that a packet which two switches sample counts once.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/flows.hpp"
#include "core/traffic/estimate.hpp"
#include "core/traffic/heavy_table.hpp"
#include "core/traffic/inventory.hpp"
#include "core/types.hpp"
#include "core/wire/packet.hpp"

namespace vmtraffic {

// What the ledger is asked to account for: one packet as an agent saw it.
struct SampledPacket {
  const Packet* packet{nullptr};
  double octets{0};                   // frame length without FCS
  double scale{1};                    // packets that it stands for
  std::uint32_t agent{0};             // an agent with its sub-agent, numbered by the caller from 1
  bool ports_are_ours{false};         // the agent is on this host: its ifIndexes are those of our links
  std::uint32_t input{0}, output{0};  // ifIndex; 0: not known, or several
};

// The other end of a conversation.
struct Peer {
  PeerKind kind{PeerKind::kNone};
  std::uint32_t number{0};  // kVnic: see FlowLedger::key(); kNetwork: its place in the configuration
  IpAddress address;        // kAddress
  friend bool operator==(const Peer&, const Peer&) = default;
  template <class H>
  friend H AbslHashValue(H h, const Peer& p) {
    return H::combine(std::move(h), static_cast<std::uint8_t>(p.kind), p.number, p.address);
  }
};

// A network that is named instead of its addresses.
struct NamedNetwork {
  std::string name;
  IpNetwork network;
  friend bool operator==(const NamedNetwork&, const NamedNetwork&) = default;
};

using BothWays = std::array<SampleSums, kDirectionCount>;

// The sums of the period that runs and of the one before: what a reader is shown covers between one period and two.
struct RecentSums {
  BothWays total;  // since it was first seen
  BothWays current, previous;
  void add(Direction d, double octets, double scale) {
    total[static_cast<std::size_t>(d)].add(octets, scale);
    current[static_cast<std::size_t>(d)].add(octets, scale);
  }
  void begin_period() {
    previous = current;
    current = {};
  }
  SampleSums recent(Direction d) const {
    SampleSums sums = previous[static_cast<std::size_t>(d)];
    return sums += current[static_cast<std::size_t>(d)];
  }
};

struct ConversationKey {
  std::uint32_t vnic{0};
  Peer peer;
  friend bool operator==(const ConversationKey&, const ConversationKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const ConversationKey& k) {
    return H::combine(std::move(h), k.vnic, k.peer);
  }
};

// Whose samples a vNIC's direction is made of.
struct Election {
  std::uint32_t agent{0};  // 0: nobody's yet
  AttributedBy by{AttributedBy::kNothing};
  Nanoseconds last_sample{0};
  friend bool operator==(const Election&, const Election&) = default;
};

struct VnicFlows {
  VnicKey key;
  RecentSums all;
  std::array<RecentSums, kTrafficClassCount> by_class;
  HeavyTable<ServiceKey, RecentSums> services;
  std::uint64_t foreign_mac{0};  // samples from its port with another's MAC
  std::array<Election, kDirectionCount> elected;
  VnicFlows(const VnicKey& k, std::uint32_t max_services) : key(k), services(max_services) {}
};

struct FlowCounts {
  std::uint64_t samples{0};
  double packets{0}, octets{0};                                // all that was sampled
  double unattributed_packets{0}, unattributed_octets{0};      // that no vNIC of ours sent or received
  std::uint64_t by_port{0}, by_inner_mac{0}, by_outer_mac{0};  // attributions
  std::uint64_t not_elected{0};                                // seen by an agent that is not the vNIC's nearest
  std::uint64_t foreign_mac{0};
  friend bool operator==(const FlowCounts&, const FlowCounts&) = default;
};

class FlowLedger {
 public:
  struct Limits {
    std::uint32_t conversations{65'536};
    std::uint32_t services_per_vnic{32};
    Nanoseconds period{60 * kSecond};
    Nanoseconds election_lasts{180 * kSecond};  // an elected agent that is silent so long makes room
  };
  FlowLedger(Limits limits, std::vector<NamedNetwork> networks);
  ~FlowLedger();

  // Rows as the ledger of exact counters has them: the inventory's vNICs in order, and the ifIndex of each one's link (0: none).
  // What was learnt of a vNIC that stays is kept.
  void set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes);

  void take(const SampledPacket& sample, Nanoseconds now);
  // To be called at each tick: begins a new period when one is over.
  void tick(Nanoseconds now);

  // By the inventory's rows.
  std::size_t row_count() const { return rows_.size(); }
  const VnicFlows& flows(std::size_t row) const { return *vnics_[rows_[row]]; }
  // By the numbers that conversations name, which stay while the inventory changes. Only of vNICs that are there.
  std::uint32_t number(std::size_t row) const { return rows_[row]; }
  const VnicKey& key(std::uint32_t number) const { return vnics_[number]->key; }
  const HeavyTable<ConversationKey, RecentSums>& conversations() const { return conversations_; }
  const std::vector<NamedNetwork>& networks() const { return networks_; }
  const FlowCounts& counts() const { return counts_; }
  // Since when `current` and `previous` together have been counting.
  Nanoseconds recent_since() const { return previous_period_; }

 private:
  struct Side {
    std::uint32_t vnic;
    AttributedBy by;
  };
  std::optional<Side> by_port(const SampledPacket& sample, std::uint32_t port) const;
  std::optional<Side> by_mac(const Packet& packet, bool source) const;
  bool elect(const Side& side, Direction direction, std::uint32_t agent, Nanoseconds now);
  Peer peer_of(const Frame& frame, Direction direction, const std::optional<Side>& other) const;
  void account(const SampledPacket& sample, const Side& side, const std::optional<Side>& other, Direction direction, Nanoseconds now);
  std::uint32_t new_id();

  Limits limits_;
  std::vector<NamedNetwork> networks_;
  std::vector<std::unique_ptr<VnicFlows>> vnics_;  // by number
  std::vector<std::uint32_t> rows_;                // the inventory's vNICs: their numbers
  std::vector<std::uint32_t> free_;                // numbers to be given again
  absl::flat_hash_map<std::uint32_t, std::uint32_t> by_if_index_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> by_mac_;  // kAmbiguous: more than one vNIC has it
  HeavyTable<ConversationKey, RecentSums> conversations_;
  FlowCounts counts_;
  Nanoseconds period_{0}, previous_period_{0};
};

}  // namespace vmtraffic
