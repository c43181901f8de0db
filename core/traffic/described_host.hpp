// A hypervisor that is known by what its sFlow agents say of it: its VMs by hsflowd's structures (sflow_host.txt), its taps' counters by
// the counter samples of their ports, what they send by packet samples. Pure.
//
// hsflowd names a VM's MACs, but not which port is whose (it gives them ifIndex 0). The port is the one whose own MAC is the VM's with
// libvirt's first octet (fe:…), where the agent tells ports' MACs; else the one from which more than half of all samples came with that
// MAC, and more of them than from any other port. Counters of a VM that are summed over its vNICs (structure 2104) are not used: they have
// 32 bits, and agents disagree about their direction.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/traffic/counter_delta.hpp"
#include "core/traffic/flow_ledger.hpp"
#include "core/traffic/ledger.hpp"
#include "core/wire/sflow.hpp"

namespace vmtraffic {

class DescribedHost {
 public:
  // `vnics_left`: how many more may be described, of all hosts together.
  DescribedHost(const IpAddress& agent, FlowLedger::Limits limits, const std::vector<NamedNetwork>& networks, std::size_t& vnics_left);
  ~DescribedHost();
  DescribedHost(const DescribedHost&) = delete;
  DescribedHost& operator=(const DescribedHost&) = delete;

  // True for what only an agent on a hypervisor says: a description of its VMs or of one. What any host says of itself is none.
  static bool describes(const sflow::CounterSample& sample);

  // A counter sample of one of its agents.
  void take(const sflow::CounterSample& sample, sflow::DecodeCounters& counters, Nanoseconds now);
  // One of its packet samples: the ports are its own. False: nobody's.
  bool take(const SampledPacket& sample, Nanoseconds now);

  // To be called at each tick, before what follows is read: forgets VMs that were not described for long, gives ports to vNICs, accounts
  // for their counters.
  void tick(Nanoseconds now);

  const IpAddress& agent() const { return agent_; }
  const std::string& name() const { return name_; }  // as it calls itself; empty: it did not
  Nanoseconds last() const { return last_; }         // when it was heard last
  std::uint64_t generation() const { return generation_; }
  const std::shared_ptr<const Inventory>& inventory() const { return inventory_; }  // changes with the generation
  std::vector<DomainNumbers> numbers() const;                                       // by domain
  // Of the last tick, by the inventory's rows of vNICs. A row is read when its port's counter sample comes, and held in between (see
  // kHeld).
  const std::vector<VnicTotals>& totals() const { return ledger_.totals(); }
  std::span<const CounterStep> steps() const { return steps_; }
  // For each row its old place or kNewRow, where the last tick changed the inventory; empty otherwise.
  const std::vector<std::uint32_t>& moved_from() const { return moved_from_; }

  FlowLedger& flows() { return flows_; }
  const FlowLedger& flows() const { return flows_; }
  std::uint64_t refused() const { return refused_; }  // VMs and ports beyond what is kept

 private:
  struct Guest {
    Domain domain;
    Nanoseconds described{0};
    std::optional<std::uint64_t> cpu_time_ms;
  };
  struct Port {
    MetricTotals values{};  // the guest's direction, packets widened to 64 bits
    MetricSet present{0};
    std::array<std::uint32_t, 2> raw_packets{};  // in, out: as told last
    Nanoseconds taken{0};                        // 0: no counters yet
    bool given{false};                           // to whoever counts, and to the row that has it
    std::string name;
    // Of the MAC that its samples come with: Boyer and Moore's candidate.
    MacAddress mac;
    std::uint32_t votes{0};
    bool known{false};     // the candidate has had enough votes
    Nanoseconds heard{0};  // counters or samples
  };
  struct Description;  // what one counter sample says
  void describe_host(const Description& said);
  void describe_guest(const sflow::DataSource& source, const Description& said, Nanoseconds now);
  void count(std::uint32_t if_index, const Description& said, Nanoseconds now);
  void vote(std::uint32_t if_index, const MacAddress& mac, Nanoseconds now);
  void forget(Nanoseconds now);
  void learn_addresses(Nanoseconds now);
  Port* port_of(std::uint32_t if_index);
  using PortByMac = absl::flat_hash_map<std::uint64_t, std::uint32_t>;
  PortByMac ports_by_mac() const;
  void rebuild();
  std::vector<LinkReading> take_readings(Nanoseconds now);

  std::size_t& vnics_left_;
  std::size_t vnics_{0};  // described
  IpAddress agent_;
  std::string name_;
  Nanoseconds last_{0};
  std::map<sflow::DataSource, Guest> guests_;
  std::map<DomainUuid, const Guest*> guest_of_;
  absl::flat_hash_map<std::uint32_t, Port> ports_;         // by ifIndex
  std::map<MacAddress, std::uint32_t> adapters_;           // the host's own MACs: ifIndex
  std::map<VnicKey, std::vector<std::string>> addresses_;  // learnt
  Nanoseconds learnt_at_{0};
  bool changed_{false};
  std::uint64_t generation_{0};
  std::shared_ptr<const Inventory> inventory_;
  std::vector<std::uint32_t> if_indexes_;  // by row
  Ledger ledger_;
  std::span<const CounterStep> steps_;
  std::vector<std::uint32_t> moved_from_;
  FlowLedger flows_;
  std::uint64_t refused_{0};
};

}  // namespace vmtraffic
