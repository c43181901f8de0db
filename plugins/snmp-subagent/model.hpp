// What the tables are made of: one snapshot, its rows in the order of their SNMP indexes, and what is known of the collector.
// A Model is immutable; it is made off the agent's thread, so that answering a request waits for nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/snapshot.hpp"
#include "plugins/snmp-subagent/cell.hpp"
#include "plugins/snmp-subagent/index_store.hpp"

namespace vmtraffic::snmp {

// Index values of a table's rows, sorted, each with the row of the snapshot that it stands for.
class RowKeys {
 public:
  void add(OidView key, std::size_t row);
  void add(std::initializer_list<SubId> key, std::size_t row) { add(OidView(key.begin(), key.size()), row); }
  // To be called once after the last add(). Of equal keys the first stays.
  void sort();

  std::size_t size() const { return entries_.size(); }
  std::size_t row(std::size_t at) const { return entries_[at].row; }
  OidView key(std::size_t at) const { return OidView(pool_).subspan(entries_[at].start, entries_[at].length); }
  std::optional<std::size_t> find(OidView key) const;
  std::size_t after(OidView key) const;  // the first whose key is greater

 private:
  struct Entry {
    std::uint32_t start, length;
    std::size_t row;
  };
  std::vector<SubId> pool_;
  std::vector<Entry> entries_;
};

enum class RowSet {
  kScalars,
  kDomains,
  kVnics,
  kProbes,
  kProbeCounters,
  kVnicFlows,
  kProtocols,
  kServices,
  kConversations,
  kDrops,
  kAgents,
  kHosts,
  kHostVnics,
  kVnicLatencies,
  kServiceLatencies,
  kPeerLatencies,
  kLosses,
  kApplications
};

// One snapshot's rows, in the order of their indexes.
struct Rows {
  Rows() = default;
  Rows(const Snapshot& snapshot, Indexes numbers);

  RowKeys domains, vnics, probes, probe_counters;
  RowKeys protocols, services, applications, conversations, drops, agents;
  RowKeys vnic_latencies, service_latencies, peer_latencies, losses;
  std::vector<std::pair<std::size_t, std::size_t>> counters;  // a row of probe_counters, as (probe, counter) of the snapshot
  Indexes indexes;
  std::vector<std::uint32_t> machines;  // of each vNIC: the index of its domain

 private:
  void add_vnics(const Snapshot& snapshot);
  void add_probes(const Snapshot& snapshot);
  void add_flows(const Snapshot& snapshot);
  void add_performance(const Snapshot& snapshot);
};

// The longest name of a reason in an index; a longer one is fitted to it.
inline constexpr std::size_t kDropReasonLimit = 62;

// Another host that sFlow agents describe.
struct Host {
  std::uint32_t index{0};
  std::string name;
  IpAddress address;
  Nanoseconds last_boottime{0};
  std::uint32_t domains{0}, vnics{0};
  std::shared_ptr<const Snapshot> snapshot{};  // none: there is no fresh one
  std::vector<std::uint32_t> vnic_indexes{};   // of its vNICs
};

// All of those, with their rows in the order of their indexes.
struct Hosts {
  Hosts() = default;
  explicit Hosts(std::vector<Host> hosts);

  std::vector<Host> all;
  RowKeys host_rows, vnic_rows;
  std::vector<std::pair<std::size_t, std::size_t>> vnics;  // a row of vnic_rows, as (host, vNIC of its snapshot)
};

struct Model {
  std::shared_ptr<const Snapshot> snapshot;  // none: `trouble` says why
  std::shared_ptr<const Rows> rows;          // of that snapshot
  std::shared_ptr<const Hosts> hosts;        // none: no other host is known
  std::string trouble;                       // why there is no fresh snapshot; empty while there is one
  std::optional<LeaseHolder> holder;
  bool collecting{false};                      // this very program holds the lease
  std::optional<Nanoseconds> domains_changed;  // boot time of the sample in which the set of domains was seen to change
};

// A model at one moment: what a request sees. While the snapshot is stale or missing only scalars are there.
class View {
 public:
  View(const Model& model, const Clock& clock);

  enum class State { kFresh = 1, kStale = 2, kAbsent = 3 };  // as vtCollectorState numbers them

  const Model& model() const { return model_; }
  const Rows& rows() const { return *model_.rows; }              // not while kAbsent
  const Snapshot& snapshot() const { return *model_.snapshot; }  // not while kAbsent
  State state() const { return state_; }
  std::optional<Nanoseconds> age() const { return age_; }
  Nanoseconds now() const { return now_; }
  // From then to now; nothing for moments that lie ahead.
  std::optional<Cell> since(std::optional<Nanoseconds> boottime) const;
  const RowKeys& rows(RowSet set) const;

 private:
  const Model& model_;
  Nanoseconds now_{0};
  std::optional<Nanoseconds> age_;
  State state_{State::kAbsent};
};

}  // namespace vmtraffic::snmp
