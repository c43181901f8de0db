#include "plugins/collectd/values.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <ostream>

#include "core/text.hpp"
#include "plugins/collectd/flow_values.hpp"
#include "plugins/collectd/latency_values.hpp"

namespace vmtraffic::collectd {
namespace {

// Metadata is copied with every value list, and tenants choose its length.
constexpr std::size_t kMaxMetadataOctets = 256;

struct CounterType {
  const char* both;
  const char* rx;
  const char* tx;
  std::optional<std::uint64_t> Counters::*counter;
};
constexpr std::array<CounterType, 4> kCounterTypes{{
    {"if_octets", "if_rx_octets", "if_tx_octets", &Counters::octets},
    {"if_packets", "if_rx_packets", "if_tx_packets", &Counters::packets},
    {"if_errors", "if_rx_errors", "if_tx_errors", &Counters::errors},
    {"if_dropped", "if_rx_dropped", "if_tx_dropped", &Counters::drops},
}};

void add(Metadata& metadata, std::string_view key, std::string_view text) {
  if (!text.empty()) metadata.emplace_back(printable(key), shortened(printable(text), kMaxMetadataOctets));
}

// DERIVE is signed; a total beyond it cannot be said.
std::optional<Value> derive(const std::optional<std::uint64_t>& total) {
  if (!total || *total > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return Value{static_cast<std::int64_t>(*total)};
}

class Builder {
 public:
  Builder(const Source& source, const Mapping& mapping, Nanoseconds time)
      : snapshot_(source.snapshot),
        info_(source.snapshot.info()),
        mapping_(mapping),
        flows_{source.snapshot, source.names, mapping.naming, source.flows, mapping.flow_top, mapping.flow_addresses},
        latencies_(source.latencies) {
    prototype_.plugin = mapping.naming.plugin;
    prototype_.interval = info_.interval;
    prototype_.time = time;
  }

  void add_domain(const DomainRow& domain, const DomainName& name) {
    prototype_.host = name.host;
    prototype_.plugin_instance = name.instance;
    auto metadata = domain_metadata(domain);
    if (mapping_.interfaces) add_interfaces(domain, metadata);
    prototype_.metadata = std::make_shared<const Metadata>(std::move(metadata));
    if (mapping_.domain_state) add_state(domain);
  }

  std::vector<ValueList> take() { return std::move(lists_); }

 private:
  void push(const char* type, const std::string& instance, std::vector<Value> values) {
    ValueList list = prototype_;
    list.type = type;
    list.type_instance = instance;
    list.values = std::move(values);
    lists_.push_back(std::move(list));
  }

  void add_interfaces(const DomainRow& domain, const Metadata& of_domain) {
    std::vector<VnicRow> vnics;
    for (std::size_t i = 0; i < domain.vnic_count; ++i) vnics.push_back(snapshot_.vnic(domain.first_vnic + i));
    const auto instances = name_interfaces(vnics, mapping_.naming.interface);
    for (std::size_t i = 0; i < vnics.size(); ++i) {
      const VnicRow& vnic = vnics[i];
      if (!mapping_.selection.takes_interface(domain.name, interface_names(vnic))) continue;
      if (vnic.held && flows_.index.empty() && latencies_.empty()) continue;
      Metadata metadata = of_domain;
      add(metadata, "mac", vnic.key.mac.text());
      add(metadata, "tap", vnic.tap);
      add(metadata, "source", vnic.source);
      add(metadata, "vnic_type", vmtraffic::name_of(vnic.type));
      add(metadata, "port_id", vnic.port_id);
      prototype_.metadata = std::make_shared<const Metadata>(std::move(metadata));
      // No news is no value: collectd would make a rate of zero of it, and a jump of the next.
      if (!vnic.held) add_counters(vnic, instances[i]);
      add_flow_values(flows_, vnic.index, instances[i], prototype_, lists_);
      add_latency_values(snapshot_, latencies_, vnic.index, instances[i], prototype_, lists_);
    }
  }

  void add_counters(const VnicRow& vnic, const std::string& instance) {
    if (vnic.seldom) prototype_.interval = interval_of(vnic);
    for (const CounterType& type : kCounterTypes) add_counter(type, vnic, instance);
    prototype_.interval = info_.interval;
  }

  // As many intervals as lie between two readings of this vNIC.
  Nanoseconds interval_of(const VnicRow& vnic) const {
    const double intervals =
        snapshot_.rates(vnic.index, Window::kInterval).covered_s * static_cast<double>(kSecond) / static_cast<double>(info_.interval);
    return std::max<Nanoseconds>(1, std::llround(intervals)) * info_.interval;
  }

  // A direction that is missing does not take the other with it.
  void add_counter(const CounterType& type, const VnicRow& vnic, const std::string& instance) {
    const auto rx = derive(vnic.rx.*type.counter);
    const auto tx = derive(vnic.tx.*type.counter);
    if (rx && tx) {
      push(type.both, instance, {*rx, *tx});
    } else if (rx) {
      push(type.rx, instance, {*rx});
    } else if (tx) {
      push(type.tx, instance, {*tx});
    }
  }

  void add_state(const DomainRow& domain) {
    const bool aged =
        domain.confirmed_boottime && info_.sampled_boottime - *domain.confirmed_boottime > kStaleAfterIntervals * info_.interval;
    if (aged) return;
    push("domain_state", "", {static_cast<double>(domain.state), static_cast<double>(domain.state_reason)});
  }

  const Snapshot& snapshot_;
  const SnapshotInfo info_;
  const Mapping& mapping_;
  const FlowContext flows_;
  const LatencyIndex& latencies_;
  ValueList prototype_;
  std::vector<ValueList> lists_;
};

}  // namespace

bool operator==(const ValueList& a, const ValueList& b) {
  const bool same_metadata = a.metadata && b.metadata ? *a.metadata == *b.metadata : !a.metadata && !b.metadata;
  return same_metadata && a.host == b.host && a.plugin == b.plugin && a.plugin_instance == b.plugin_instance && a.type == b.type &&
         a.type_instance == b.type_instance && a.values == b.values && a.time == b.time && a.interval == b.interval;
}

std::ostream& operator<<(std::ostream& out, const ValueList& list) {
  out << list.host << '/' << list.plugin << (list.plugin_instance.empty() ? "" : "-") << list.plugin_instance << '/' << list.type
      << (list.type_instance.empty() ? "" : "-") << list.type_instance << " interval=" << list.interval << ' ' << list.time;
  for (const Value& value : list.values) std::visit([&](auto number) { out << ':' << number; }, value);
  if (list.metadata) {
    for (const auto& [key, text] : *list.metadata) out << ' ' << key << '=' << text;
  }
  return out;
}

Metadata domain_metadata(const DomainRow& domain) {
  Metadata metadata;
  add(metadata, "domain", domain.name);
  add(metadata, "uuid", domain.uuid.text());
  add(metadata, "connection", domain.connection);
  for (const TagView& tag : domain.tags) add(metadata, tag.key, tag.value);
  return metadata;
}

std::vector<ValueList> to_values(const Source& source, const Mapping& mapping, Nanoseconds time, std::size_t first, std::size_t count) {
  Builder builder(source, mapping, time);
  const std::size_t domains = source.snapshot.domain_count();
  const std::size_t end = first < domains ? first + std::min(count, domains - first) : first;
  for (std::size_t i = first; i < end; ++i) {
    const DomainRow domain = source.snapshot.domain(i);
    if (!mapping.selection.takes_connection(domain.connection) || !mapping.selection.takes_domain(domain.name)) continue;
    builder.add_domain(domain, source.names.names[i]);
  }
  return builder.take();
}

std::vector<ValueList> to_values(const Snapshot& snapshot, const DomainNames& names, const Mapping& mapping, Nanoseconds time) {
  const FlowIndex flows = mapping.flows ? FlowIndex(snapshot) : FlowIndex();
  const LatencyIndex latencies = mapping.latency ? LatencyIndex(snapshot) : LatencyIndex();
  return to_values({snapshot, names, flows, latencies}, mapping, time, 0, snapshot.domain_count());
}

}  // namespace vmtraffic::collectd
