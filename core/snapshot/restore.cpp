#include "core/snapshot/restore.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "core/snapshot/impl.hpp"

namespace vmtraffic {
namespace {

// PciAddress::text() back.
std::optional<PciAddress> pci_of(std::string_view text) {
  PciAddress pci;
  if (std::sscanf(std::string(text).c_str(), "%x:%x:%x.%x", &pci.domain, &pci.bus, &pci.slot, &pci.function) != 4) return std::nullopt;
  return pci;
}

Vnic vnic_of(const VnicRow& row) {
  Vnic v;
  v.mac = row.key.mac;
  v.ordinal = row.key.ordinal;
  v.number = row.number;
  v.type = row.type;
  v.source = row.source;
  v.tap = row.tap;
  v.model = row.model;
  v.port_id = row.port_id;
  v.teaming = row.teaming;
  v.alias = row.alias;
  v.link = row.link;
  v.bandwidth_rx = row.bandwidth_rx;
  v.bandwidth_tx = row.bandwidth_tx;
  v.pci = pci_of(row.pci);
  v.addresses.assign(row.addresses.begin(), row.addresses.end());
  return v;
}

template <class Value, class Struct>
void copy_structs(std::vector<Value>& out, std::size_t rows, const flatbuffers::Vector<const Struct*>* from) {
  static_assert(sizeof(Value) == sizeof(Struct));
  out.assign(rows, {});
  if (from == nullptr || rows == 0) return;
  std::memcpy(static_cast<void*>(out.data()), from->Data(), std::min<std::size_t>(rows, from->size()) * sizeof(Value));
}

}  // namespace

Inventory inventory_of(const Snapshot& snapshot) {
  Inventory out;
  out.domains.reserve(snapshot.domain_count());
  for (std::size_t i = 0; i < snapshot.domain_count(); ++i) {
    const DomainRow row = snapshot.domain(i);
    Domain d;
    d.uuid = row.uuid;
    d.name = row.name;
    d.title = row.title;
    d.connection = row.connection;
    d.hypervisor = row.hypervisor;
    d.os_type = row.os_type;
    d.state = row.state;
    d.state_reason = row.state_reason;
    d.persistent = row.persistent;
    d.autostart = row.autostart;
    d.vcpus = row.vcpus;
    d.vcpus_max = row.vcpus_max;
    d.memory_kib = row.memory_kib;
    d.memory_max_kib = row.memory_max_kib;
    for (const TagView& t : row.tags) d.tags.emplace(t.key, t.value);
    for (std::size_t v = row.first_vnic; v < row.first_vnic + row.vnic_count; ++v) d.vnics.push_back(vnic_of(snapshot.vnic(v)));
    out.domains.push_back(std::move(d));
  }
  // A file of ours is in order already; one that is not must not break what relies on it.
  normalize(out);
  return out;
}

Numbers numbers_of(const Snapshot& snapshot) {
  Numbers out;
  for (std::size_t i = 0; i < snapshot.domain_count(); ++i) {
    const DomainRow row = snapshot.domain(i);
    out.domains.push_back({row.cpu_time_ns, row.confirmed_boottime});
  }
  const fbs::Numbers* numbers = snapshot.impl().numbers;
  const std::size_t rows = snapshot.vnic_count();
  copy_structs(out.totals, rows, numbers == nullptr ? nullptr : numbers->totals());
  copy_structs(out.rates[0], rows, numbers == nullptr ? nullptr : numbers->rates_interval());
  copy_structs(out.rates[1], rows, numbers == nullptr ? nullptr : numbers->rates_minute());
  copy_structs(out.rates[2], rows, numbers == nullptr ? nullptr : numbers->rates_five_minutes());
  return out;
}

std::vector<Event> events_of(const Snapshot& snapshot) {
  std::vector<Event> out;
  for (std::size_t i = 0; i < snapshot.event_count(); ++i) {
    const EventRow e = snapshot.event(i);
    out.push_back({e.sequence, e.boottime, e.walltime, e.kind, e.uuid, std::string(e.domain), std::string(e.detail)});
  }
  return out;
}

}  // namespace vmtraffic
