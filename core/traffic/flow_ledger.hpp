// What packet samples say of each vNIC: how much by protocol and service port, and with whom it talks. Estimates, never added to exact
// counters. Pure: samples and inventory in, sums out. Bounded: whatever a scan does, evictions are counted.
//
// Whose packet it is (docs/sflow.md): first by the agent's input and output port, which only an agent on this very host knows by our
// ifIndexes; then by the inner, then by the outer MAC, which are under the tenants' control. A MAC that two vNICs have names the one that
// is known to live in the packet's VNI, or nobody. For each vNIC and direction one agent is elected, the nearest, so that a packet which
// two switches sample counts once.
//
// Addresses are learnt from what a vNIC sends with its own MAC, each inside its network (the bridge or libvirt network with the VLAN) or
// VNI: tenants overlap.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
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
#include "core/traffic/numbers.hpp"
#include "core/types.hpp"
#include "core/wire/packet.hpp"

namespace vmtraffic {

struct TcpSample {  // as an agent's own kernel knows the connection
  std::uint32_t rtt_us{0}, rtt_variance_us{0}, min_rtt_us{0};
  std::uint32_t lost{0}, retransmitted{0};  // segments, just now
};

// What the ledger is asked to account for: one packet as an agent saw it.
struct SampledPacket {
  const Packet* packet{nullptr};
  double octets{0};                    // frame length without FCS
  double scale{1};                     // packets that it stands for
  std::uint32_t agent{0};              // an agent with its sub-agent, numbered by the caller from 1
  bool egress{false};                  // taken where the packet left; elections tell this from where it came in
  bool ports_are_ours{false};          // the agent is on this host: its ifIndexes are those of our links
  std::uint32_t input{0}, output{0};   // ifIndex; 0: not known, or several
  std::optional<std::uint32_t> vni{};  // that the agent tells beside the packet; a tunnel's own is in the packet
  std::uint16_t vlan{0};               // that the agent's switch gave it, tagged or not; 0: not told
  const TcpSample* tcp{nullptr};
  // A capture hands over what it counted of a flow: so many packets, whose octets are `octets` together.
  std::uint32_t frames{1};
  const Seen::Flow* flow{nullptr};  // and what it handed over of the same flow and direction before
  // Captured at the vNIC's own link, which `input` or `output` names: nothing is said of the vNIC at the other end but that it is there.
  bool at_tap{false};
  // What it was found to carry: see FlowLedger::know_application(). 0: looked for, and unknown.
  std::uint32_t application{kNotLookedFor};
  const std::string* server_name{nullptr};  // that a client asked for
  static constexpr std::uint32_t kNotLookedFor = 0xFFFF'FFFF;
};

struct ApplicationName {
  std::string name, category;
  friend bool operator==(const ApplicationName&, const ApplicationName&) = default;
};

// The other end of a conversation.
struct Peer {
  PeerKind kind{PeerKind::kNone};
  std::uint32_t number{0};  // kVnic: see FlowLedger::key(); kNetwork: its name's place in network_names()
  IpAddress address;        // kAddress
  friend bool operator==(const Peer&, const Peer&) = default;
  template <class H>
  friend H AbslHashValue(H h, const Peer& p) {
    return H::combine(std::move(h), std::uint64_t{static_cast<std::uint8_t>(p.kind)} << 32 | p.number, p.address);
  }
};

// A network that is named instead of its addresses.
struct NamedNetwork {
  std::string name;
  IpNetwork network;
  friend bool operator==(const NamedNetwork&, const NamedNetwork&) = default;
};

using BothWays = std::array<SampleSums, kDirectionCount>;

// The sums of the period that runs and of the one before: what a reader is shown covers between one period and two. Each sample is added
// in one place, so whatever has more than these is added up when it is asked for.
struct RecentSums {
  Nanoseconds since{0};                // of its first sample
  BothWays current, previous, before;  // the period that runs, the one before, and all that were before that
  // Of whole flows, of all that there was: a flow's octets weigh with the square of all of them, so that periods' variances do not add up.
  std::array<Spread, kDirectionCount> spread;
  void add(Direction d, const Seen& seen, Nanoseconds now) {
    if (since == 0) since = now;
    current[static_cast<std::size_t>(d)].add(seen);
    if (seen.flow != nullptr) spread[static_cast<std::size_t>(d)].add_flow(seen, seen.flow->before);
  }
  void begin_period() {
    for (std::size_t d = 0; d < kDirectionCount; ++d) before[d] += previous[d];
    previous = current;
    current = {};
  }
  SampleSums recent(Direction d) const {
    SampleSums sums = previous[static_cast<std::size_t>(d)];
    return sums += current[static_cast<std::size_t>(d)];
  }
  SampleSums total(Direction d) const {
    SampleSums sums = before[static_cast<std::size_t>(d)];
    sums += recent(d);
    const Spread& flows = spread[static_cast<std::size_t>(d)];
    if (flows.octets > 0) sums.spread = flows;
    return sums;
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

// What more than half of the votes are for, where there is such a thing.
template <class T>
struct Majority {
  T value{};               // Boyer and Moore's candidate
  std::uint32_t votes{0};  // that it is ahead
  void vote(const T& sample, std::uint32_t times) {
    if (value == sample) {
      votes += std::min(times, ~votes);
    } else if (votes >= times) {
      votes -= times;
    } else {
      value = sample;
      votes = times - votes;
    }
  }
};

// What is kept of a conversation: beside its sums the service and the application of most of its samples.
struct ConversationFlows {
  RecentSums sums;
  Majority<ServiceKey> service;
  Majority<std::uint32_t> application;
  std::string server_name;  // the last one that was asked for
};

// Sums of TCP samples, over one period.
struct TcpSums {
  std::uint32_t samples{0}, lossy{0}, retransmitting{0};
  std::uint32_t min_rtt_us{0};  // 0: none
  double rtt_us{0}, rtt_variance_us{0};
  void add(const TcpSample& sample);
  TcpSums& operator+=(const TcpSums& other);
};

// Where an address means something: a VNI, or a network of this host with a VLAN.
struct Scope {
  bool is_vni{false};
  std::uint32_t id{0};    // the VNI, or the network's number
  std::uint16_t vlan{0};  // of a network; 0: untagged, or not told
  // Open vSwitch does not tell which VLAN an access port is in: without one, all that may be told of a bridge is that tenants share it.
  bool is_told() const { return is_vni || vlan != 0; }
  friend bool operator==(const Scope&, const Scope&) = default;
  template <class H>
  friend H AbslHashValue(H h, const Scope& s) {
    return H::combine(std::move(h), s.is_vni, s.id, s.vlan);
  }
};

struct ScopedAddress {
  Scope scope;
  IpAddress address;
  friend bool operator==(const ScopedAddress&, const ScopedAddress&) = default;
  template <class H>
  friend H AbslHashValue(H h, const ScopedAddress& a) {
    return H::combine(std::move(h), a.scope, a.address);
  }
};

// Dropped packets that an agent told of. vnic: kNoVnic where it is nobody's.
struct DropKey {
  std::uint32_t vnic{0};
  Direction direction{Direction::kRx};
  std::uint32_t reason{0};  // see FlowLedger::reason()
  friend bool operator==(const DropKey&, const DropKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const DropKey& k) {
    return H::combine(std::move(h), k.vnic, static_cast<std::uint8_t>(k.direction), k.reason);
  }
};
struct DropCounts {
  Nanoseconds since{0};
  std::uint64_t packets{0}, octets{0};
  std::uint64_t current{0}, previous{0};  // packets of the two periods
};
inline constexpr std::uint32_t kNoVnic = 0xFFFF'FFFF;

// Whose samples a vNIC's direction is made of.
struct Election {
  std::uint32_t agent{0};  // 0: nobody's yet
  AttributedBy by{AttributedBy::kNothing};
  bool egress{false};
  Nanoseconds last_sample{0};
  friend bool operator==(const Election&, const Election&) = default;
};

// Octets by the exact counters, and those that samples stood for when these were read: a port that is read each minute alone is compared
// with what was sampled in the same minute.
struct ExactMark {
  std::uint64_t counted{0};
  double sampled{0};
  friend bool operator==(const ExactMark&, const ExactMark&) = default;
};
using ExactMarks = std::array<std::optional<ExactMark>, kDirectionCount>;

struct VnicFlows {
  VnicKey key;
  struct Hints {
    std::uint32_t service{0}, conversation{0}, application{0};
  };
  std::array<Hints, kDirectionCount> hints;  // of HeavyTable's
  std::array<Election, kDirectionCount> elected;
  RecentSums all;
  std::array<RecentSums, kTrafficClassCount> by_class;
  HeavyTable<ServiceKey, RecentSums> services;
  HeavyTable<std::uint32_t, RecentSums> applications;
  std::uint64_t foreign_mac{0};  // samples from its port with another's MAC
  TcpSums tcp, tcp_previous;
  // Source addresses of what it sends with its own MAC. More of them than fit in one period: it forwards for others, and they are not its.
  HeavyTable<ScopedAddress, std::uint32_t> addresses;
  std::uint32_t learning{0};        // IP packets that could have told one
  std::uint64_t evicted_before{0};  // of `addresses`, when the period began
  bool forwards{false};             // in the period before
  Nanoseconds port_told{0};         // when an agent on this host told last of its port's counters
  bool forwards_now() const { return forwards || addresses.evictions() > evicted_before; }
  std::uint32_t network{0};          // number of its bridge, libvirt network or parent device
  std::optional<std::uint32_t> vni;  // that its port's packets went into last
  // At the beginning of the two periods, by direction.
  ExactMarks exact, exact_previous;
  std::array<double, kDirectionCount> at_reading{};  // octets that samples stood for when the exact counters were read last
  VnicFlows(const VnicKey& k, std::uint32_t max_services)
      : key(k), services(max_services), applications(max_services), addresses(kMaxAddresses) {}
  static constexpr std::uint32_t kMaxAddresses = 16;
};

struct FlowCounts {
  std::uint64_t samples{0};
  double packets{0}, octets{0};                                // all that was sampled
  double unattributed_packets{0}, unattributed_octets{0};      // that no vNIC of ours sent or received
  std::uint64_t by_port{0}, by_inner_mac{0}, by_outer_mac{0};  // attributions
  std::uint64_t not_elected{0};                                // seen by an agent that is not the vNIC's nearest
  std::uint64_t foreign_mac{0};
  std::uint64_t drops{0};  // notifications of dropped packets
  friend bool operator==(const FlowCounts&, const FlowCounts&) = default;
};

class FlowLedger {
 public:
  struct Limits {
    std::uint32_t conversations{65'536};
    std::uint32_t conversations_per_vnic{0};  // not 0: room for so many of each, up to `conversations`, instead of for all of them at once
    std::uint32_t services_per_vnic{32};      // and as many applications
    Nanoseconds period{60 * kSecond};
    Nanoseconds election_lasts{180 * kSecond};  // an elected agent that is silent so long makes room
    bool captures{false};                       // what it is told is what a capture saw, else samples of it
    bool ports_tell{false};                     // exact counters are those that port_told() tells of, not read at each tick
  };
  FlowLedger(Limits limits, const std::vector<NamedNetwork>& networks);
  ~FlowLedger();

  // Rows as the ledger of exact counters has them: the inventory's vNICs in order, and the ifIndex of each one's link (0: none).
  // What was learnt of a vNIC that stays is kept.
  void set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes);

  // False: no vNIC of ours sent or received it. `ours`: it was seen on this host, so that being nobody's counts as a share not attributed.
  bool take(const SampledPacket& sample, Nanoseconds now, bool ours = true);
  // An agent on this host told of the counters of this port: now, after all samples taken so far.
  void port_told(std::uint32_t if_index, Nanoseconds now);
  // Whose packet it is: the sender's and the receiver's number, kNoVnic where it is none of ours. See number().
  struct Owners {
    std::uint32_t from, to;
  };
  Owners owners(const SampledPacket& sample);
  // A packet that was dropped, and why. One more for each that stands behind it: agents limit how many they tell of.
  void drop(const SampledPacket& dropped, std::string_view reason, Nanoseconds now);
  // What an application's number stands for; 0 stands for what is unknown. As many as an application detector has names.
  void know_application(std::uint32_t application, const ApplicationName& name);
  // To be called at each tick: begins a new period when one is over. `totals` are the exact counters, in the inventory's rows.
  void tick(Nanoseconds now, std::span<const VnicTotals> totals);

  // The agent's number will be another's: what it was elected for is free.
  void forget_agent(std::uint32_t agent);

  // By the inventory's rows.
  std::size_t row_count() const { return rows_.size(); }
  const VnicFlows& flows(std::size_t row) const { return *vnics_[rows_[row]]; }
  bool is_there(std::uint32_t number) const { return number < vnics_.size() && vnics_[number] != nullptr; }
  // Whether the ifIndex is that of a vNIC's link.
  bool has_port(std::uint32_t if_index) const { return by_if_index_.contains(if_index); }
  // Whether it is one of our vNICs that the frame inside of the tunnel belongs to.
  bool is_of_inner(const SampledPacket& sample) const;
  // Changes whenever owners() may say something else.
  std::uint64_t epoch() const { return epoch_; }
  // By the numbers that conversations name, which stay while the inventory changes. Only of vNICs that are there.
  std::uint32_t number(std::size_t row) const { return rows_[row]; }
  const VnicKey& key(std::uint32_t number) const { return vnics_[number]->key; }
  const HeavyTable<ConversationKey, ConversationFlows>& conversations() const { return conversations_; }
  const HeavyTable<DropKey, DropCounts>& drops() const { return drops_; }
  const std::string& reason(std::uint32_t id) const { return reasons_[id]; }
  const std::map<std::uint32_t, ApplicationName>& applications() const { return applications_; }
  // Addresses of the row's vNIC: seen at least twice, none where it forwards for others. In any order.
  std::vector<IpAddress> learnt_addresses(std::size_t row) const;
  // Each once, in the configuration's order: several networks may have one name.
  const std::vector<std::string>& network_names() const { return network_names_; }
  // The longest prefix first: of several that hold an address the first counts.
  struct NumberedNetwork {
    IpNetwork network;
    std::uint32_t name{0};  // its place in network_names()
  };
  const std::vector<NumberedNetwork>& networks() const { return networks_; }
  const FlowCounts& counts() const { return counts_; }
  const Limits& limits() const { return limits_; }
  // What the exact counters say now, beside what samples stood for when they were read.
  static ExactMarks marks_of(const VnicFlows& flows, const VnicTotals& totals);
  // Since when `current` and `previous` together have been counting.
  Nanoseconds recent_since() const { return previous_period_; }
  std::uint32_t periods() const { return periods_; }  // that have ended

 private:
  struct Side {
    std::uint32_t vnic;
    AttributedBy by;
  };
  struct Ends {
    std::optional<Side> from, to;
  };
  Ends ends_of(const SampledPacket& sample);
  Ends look_up_ends(const SampledPacket& sample) const;
  std::optional<Side> by_port(const SampledPacket& sample, std::uint32_t port) const;
  std::optional<Side> by_mac(const SampledPacket& sample, bool source) const;
  std::optional<std::uint32_t> owner(const MacAddress& mac, std::optional<std::uint32_t> vni) const;
  void learn(const SampledPacket& sample, const Side& side, const Frame& frame);
  Scope scope_of(const SampledPacket& sample, const Side& side, const Frame& frame) const;
  void rebuild_addresses();
  static bool tells_of(const SampledPacket& sample, const std::optional<Side>& side);
  bool is_guess(const Side& side, Nanoseconds now) const;
  bool elect(const Side& side, Direction direction, const SampledPacket& sample, Nanoseconds now);
  Peer peer_of(const SampledPacket& sample, const Side& side, const Frame& frame, Direction direction,
               const std::optional<Side>& other) const;
  void account(const SampledPacket& sample, const Side& side, const std::optional<Side>& other, Direction direction, Nanoseconds now);
  std::uint32_t new_id();
  static void note_reading(VnicFlows& flows);

  // Whose ports and addresses those of a packet without tunnel are. They are far fewer than conversations, so most samples find theirs
  // where the last sample with the same left it. Of another epoch: not to be used.
  struct EndsKey {
    std::uint64_t src{0}, dst{0};       // MACs
    std::uint32_t input{0}, output{0};  // where they are ours
    std::uint32_t vni{kNoVni};
    static constexpr std::uint32_t kNoVni = 0xFFFF'FFFF;
    friend bool operator==(const EndsKey&, const EndsKey&) = default;
  };
  struct FoundEnds {
    std::uint64_t epoch{0};
    EndsKey key;
    Ends ends;
  };
  std::vector<FoundEnds> found_ends_;  // a power of two of them
  std::uint64_t epoch_{1};             // of what they were found in

  Limits limits_;
  std::vector<NumberedNetwork> networks_;
  std::vector<std::string> network_names_;
  std::vector<std::unique_ptr<VnicFlows>> vnics_;  // by number
  std::vector<std::uint32_t> rows_;                // the inventory's vNICs: their numbers
  std::vector<std::uint32_t> free_;                // numbers to be given again
  absl::flat_hash_map<std::uint32_t, std::uint32_t> by_if_index_;
  absl::flat_hash_map<std::uint64_t, std::uint32_t> by_mac_;                                // kAmbiguous: more than one vNIC has it
  absl::flat_hash_map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> by_vni_mac_;  // VNI and MAC: learnt at ports; kAmbiguous
  absl::flat_hash_map<ScopedAddress, std::uint32_t> by_address_;                            // learnt; kAmbiguous
  absl::flat_hash_map<std::string, std::uint32_t> network_numbers_;                         // of sources in the inventory
  HeavyTable<ConversationKey, ConversationFlows> conversations_;
  HeavyTable<DropKey, DropCounts> drops_{kMaxDrops};
  std::vector<std::string> reasons_;
  std::map<std::string, std::uint32_t, std::less<>> reason_ids_;
  std::map<std::uint32_t, ApplicationName> applications_;
  static constexpr std::uint32_t kMaxDrops = 4096, kMaxReasons = 512, kLongestReason = 64;
  FlowCounts counts_;
  Nanoseconds period_{0}, previous_period_{0};
  std::uint32_t periods_{0};
  Nanoseconds sampled_here_{0};  // the last sample of an agent on this host
};

}  // namespace vmtraffic
