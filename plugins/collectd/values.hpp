// A snapshot as collectd's value lists. Pure: the boundary (boundary.cpp) copies them into collectd's structures.
//
// Types are those of types.db and of collectd's virt plugin, so that neither a TypesDB line nor a new graph is needed:
//   if_octets, if_packets, if_errors, if_dropped   per vNIC: rx, tx, the guest's directions
//   if_rx_octets, …                                where only one direction is known
//   domain_state                                   per domain, on request: state, reason
// and what packet samples say of a vNIC, see flow_values.hpp, and what a capture measures, see latency_values.hpp.
// virt's virt_cpu_total is not sent: CPU times cost libvirtd most of what virt costs, so they are read seldom (ADR 0005).
// What the snapshot does not know is left out.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/collectd/naming.hpp"
#include "plugins/collectd/selection.hpp"

namespace vmtraffic::collectd {

using Value = std::variant<std::int64_t, double>;  // DERIVE, GAUGE

// Key and printable text, in the order of insertion.
using Metadata = std::vector<std::pair<std::string, std::string>>;

struct ValueList {
  std::string host, plugin, plugin_instance, type, type_instance;
  std::vector<Value> values;
  Nanoseconds time{0};  // since 1970
  Nanoseconds interval{0};
  std::shared_ptr<const Metadata> metadata;  // shared between the lists of one vNIC or domain
};
bool operator==(const ValueList& a, const ValueList& b);
std::ostream& operator<<(std::ostream& out, const ValueList& list);  // as in PUTVAL, for a test's failure

// What to make of a snapshot.
struct Mapping {
  Naming naming;
  Selection selection;
  bool interfaces{true};       // ReportNetworkInterfaces
  bool domain_state{false};    // ExtraStats "domain_state"
  bool flows{true};            // Flows: what packet samples say, where there are some
  std::size_t flow_top{5};     // FlowTop: peers, and services, of a vNIC
  bool flow_addresses{false};  // FlowAddresses: peers that are neither VMs nor named networks too
  bool latency{true};          // Latency: what a capture measures, where there is one
};

class FlowIndex;
class LatencyIndex;

// What stays the same over a snapshot's batches.
struct Source {
  const Snapshot& snapshot;
  const DomainNames& names;
  const FlowIndex& flows;
  const LatencyIndex& latencies;
};

// With `time`, ns since 1970, as the sample's time. Of the domains from `first` on, at most `count`: a thousand domains make some megabytes
// of lists.
std::vector<ValueList> to_values(const Source& source, const Mapping& mapping, Nanoseconds time, std::size_t first, std::size_t count);
// Of all domains.
std::vector<ValueList> to_values(const Snapshot& snapshot, const DomainNames& names, const Mapping& mapping, Nanoseconds time);

// Who a domain is, for the metadata of values and notifications.
Metadata domain_metadata(const DomainRow& domain);

}  // namespace vmtraffic::collectd
