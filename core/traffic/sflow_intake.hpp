// sFlow datagrams in, flows and agents out: whose samples are trusted, what was lost on the way, how many packets each sample stands for,
// and which packet is whose. Pure: octets, addresses and times come in as parameters. One intake per receiving thread.
//
// In steady state take() allocates nothing. What agents can make grow is bounded, and counted where it is refused: agents, data sources,
// conversations, reasons.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/traffic/described_host.hpp"
#include "core/traffic/flow_ledger.hpp"
#include "core/traffic/flow_rows.hpp"
#include "core/traffic/sampling_rate.hpp"
#include "core/traffic/sequence.hpp"
#include "core/wire/sflow.hpp"

namespace vmtraffic {

struct SflowIntakeOptions {
  std::vector<IpNetwork> agents{};        // by the address that they name; empty: all
  std::vector<IpNetwork> local_agents{};  // on this host, by the same; empty: those whose datagrams were sent on this host
  std::vector<NamedNetwork> networks{};
  std::vector<std::uint16_t> vxlan_ports{4789}, geneve_ports{6081};
  FlowLedger::Limits limits{};
  std::size_t max_agents{4096};                    // sub-agents
  std::size_t max_data_sources{524'288};           // of all agents: a hypervisor has two for each vNIC and VM
  std::size_t max_data_sources_per_agent{16'384};  // so that one leaves room for the others
  Nanoseconds forget_agent_after{3600 * kSecond};
  // Whether hosts that agents describe are kept: all but this one, which libvirt tells of; or this one too, where there is no libvirt.
  enum class Hosts { kOthers, kAll } hosts{Hosts::kOthers};
  std::size_t max_hosts{2048};
  std::size_t max_described_vnics{131'072};  // of all of them
  std::uint32_t conversations_per_host{4096}, conversations_per_described_vnic{32};
};

// How often something was turned away because there was no room, by what it was.
struct SflowRefusals {
  std::uint64_t agents{0}, data_sources{0}, hosts{0};
  std::uint64_t guests{0};  // VMs and ports of other hosts
  friend bool operator==(const SflowRefusals&, const SflowRefusals&) = default;
};

// Datagrams of somebody who is not listened to, and who that was last.
struct SflowDenials {
  std::uint64_t count{0};
  IpAddress last{};
  Nanoseconds at{0};  // when the last one came

  void add(const IpAddress& who, Nanoseconds now) {
    ++count;
    last = who;
    at = now;
  }
  SflowDenials& operator+=(const SflowDenials& o) {
    count += o.count;
    if (o.at > at) {
      last = o.last;
      at = o.at;
    }
    return *this;
  }
};

class SflowIntake {
 public:
  explicit SflowIntake(SflowIntakeOptions options);
  ~SflowIntake();

  // One datagram from `sender`. `sent_here`: on this host, so that (see Options) its ifIndexes are those of our links.
  void take(Octets datagram, const IpAddress& sender, bool sent_here, Nanoseconds now);

  void set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes) {
    ledger_.set_inventory(inventory, if_indexes);
  }
  // To be called at each tick, with the exact counters in the inventory's rows.
  void tick(Nanoseconds now, std::span<const VnicTotals> totals);

  const FlowLedger& ledger() const { return ledger_; }
  // What was missing at the call before, and still is, counts as lost from now on, and for good. tick() does so too. At a recording's end,
  // where nothing comes any more, once more after the last tick.
  void settle();

  // One of each agent and sub-agent, by the numbers that the ledger's elections name, from 1: entry n - 1.
  std::vector<AgentStatus> agents() const;
  // Hosts that agents describe, by their agents' addresses.
  const std::map<IpAddress, std::unique_ptr<DescribedHost>>& hosts() const { return hosts_; }
  DescribedHost* host(const IpAddress& agent);  // null: none
  std::size_t agent_count() const { return agents_.size(); }
  SflowRefusals refused() const;
  const SflowDenials& agents_denied() const { return agents_denied_; }  // by `agents`
  std::uint64_t accepted() const { return accepted_; }                  // datagrams of agents that it lets in
  // For the snapshot's health.
  std::vector<std::pair<std::string, std::uint64_t>> counters() const;
  const sflow::DecodeCounters& decoded() const { return decoded_; }

 private:
  struct Agent;
  struct Source;
  Agent* agent_of(const sflow::Datagram& datagram, bool local, Nanoseconds now);
  Source* source_of(Agent& agent, std::uint8_t kind, const sflow::DataSource& source, Nanoseconds now);
  bool is_libvirts(const Agent& agent) const;
  DescribedHost* own_host(const Agent& agent);
  void sample(Agent& agent, const sflow::FlowSample& sample, Nanoseconds now);
  void sample(Agent& agent, const sflow::CounterSample& sample, Nanoseconds now);
  void sample(Agent& agent, const sflow::DiscardedPacket& sample, Nanoseconds now);
  bool allowed(const IpAddress& agent) const;
  DescribedHost* new_host(const Agent& agent);
  void account(const Agent& agent, const SampledPacket& packet, Nanoseconds now);
  void forget_agents(Nanoseconds now);
  void forget_sources(Agent& agent, Nanoseconds now);
  void index_hosts();

  SflowIntakeOptions options_;
  PacketFormat format_;
  FlowLedger ledger_;
  struct AgentKey {
    IpAddress address;
    std::uint32_t sub_agent{0};
    bool local{false};  // nobody elsewhere is taken for an agent on this host by naming its address
    friend bool operator==(const AgentKey&, const AgentKey&) = default;
    template <class H>
    friend H AbslHashValue(H h, const AgentKey& k) {
      return H::combine(std::move(h), k.address, k.sub_agent, k.local);
    }
  };
  absl::flat_hash_map<AgentKey, std::uint32_t> agents_;  // their places
  std::vector<std::unique_ptr<Agent>> places_;           // number - 1; nothing: forgotten
  std::size_t sources_{0};
  std::size_t vnics_left_;  // of max_described_vnics
  std::map<IpAddress, std::unique_ptr<DescribedHost>> hosts_;
  absl::flat_hash_map<std::uint64_t, DescribedHost*> host_by_mac_;  // of its vNICs
  std::uint64_t indexed_{0};                                        // what host_by_mac_ is made of, see index_hosts()
  sflow::DecodeCounters decoded_;
  SflowDenials agents_denied_;
  std::uint64_t accepted_{0}, agents_refused_{0}, sources_refused_{0}, hosts_refused_{0}, duplicates_{0};
  std::uint64_t lost_{0}, restarts_{0}, guests_refused_{0};  // of agents and hosts that were forgotten
};

}  // namespace vmtraffic
