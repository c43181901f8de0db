// Rows and Hosts: which rows there are, in the order of their indexes.
#include <algorithm>

#include "core/text.hpp"
#include "plugins/snmp-subagent/model.hpp"

namespace vmtraffic::snmp {
namespace {

// A counter's name is part of its OID, which has an end (RFC 2578: 128 sub-identifiers).
constexpr std::size_t kCounterNameLimit = 64;

void append(Oid& key, std::string_view octets) {
  for (const char octet : octets) key.push_back(static_cast<unsigned char>(octet));
}

SubId number_of(Direction direction) { return static_cast<SubId>(direction) + 1; }

}  // namespace

Rows::Rows(const Snapshot& snapshot, Indexes numbers) : indexes(std::move(numbers)) {
  add_vnics(snapshot);
  add_probes(snapshot);
  add_flows(snapshot);
  for (std::size_t i = 0; i < snapshot.agent_count(); ++i) agents.add({indexes.agents[i]}, i);
  for (RowKeys* keys : {&domains, &vnics, &probes, &probe_counters, &protocols, &services, &conversations, &drops, &agents}) keys->sort();
}

void Rows::add_vnics(const Snapshot& snapshot) {
  machines.resize(snapshot.vnic_count());
  for (std::size_t i = 0; i < snapshot.domain_count(); ++i) {
    const DomainRow domain = snapshot.domain(i);
    const std::uint32_t machine = indexes.domains[i];
    domains.add({machine}, i);
    for (std::size_t v = domain.first_vnic; v < domain.first_vnic + domain.vnic_count; ++v) {
      machines[v] = machine;
      vnics.add({machine, indexes.vnics[v]}, v);
    }
  }
}

void Rows::add_probes(const Snapshot& snapshot) {
  for (std::size_t i = 0; i < snapshot.health_count(); ++i) {
    probes.add({indexes.probes[i]}, i);
    const ProbeHealthRow probe = snapshot.health(i);
    for (std::size_t c = 0; c < probe.counters.size(); ++c) {
      const std::string_view name = probe.counters[c].name;
      if (name.empty() || name.size() > kCounterNameLimit) continue;
      Oid key{indexes.probes[i]};
      append(key, name);
      probe_counters.add(key, counters.size());
      counters.emplace_back(i, c);
    }
  }
}

void Rows::add_flows(const Snapshot& snapshot) {
  for (std::size_t i = 0; i < snapshot.protocol_count(); ++i) {
    const ProtocolRow row = snapshot.protocol(i);
    protocols.add({machines[row.vnic], indexes.vnics[row.vnic], static_cast<SubId>(row.protocol) + 1}, i);
  }
  for (std::size_t i = 0; i < snapshot.service_count(); ++i) {
    const ServiceRow row = snapshot.service(i);
    services.add({machines[row.vnic], indexes.vnics[row.vnic], row.service.protocol, row.service.port}, i);
  }
  std::vector<SubId> ranks(snapshot.vnic_count());
  for (std::size_t i = 0; i < snapshot.conversation_count(); ++i) {
    const std::size_t vnic = snapshot.conversation(i).vnic;
    conversations.add({machines[vnic], indexes.vnics[vnic], ++ranks[vnic]}, i);
  }
  for (std::size_t i = 0; i < snapshot.drop_count(); ++i) {
    const DropRow row = snapshot.drop(i);
    Oid key{row.vnic ? machines[*row.vnic] : 0, row.vnic ? indexes.vnics[*row.vnic] : 0, number_of(row.direction)};
    append(key, row.reason.empty() ? "unknown" : fitted(printable(row.reason), kDropReasonLimit));
    drops.add(key, i);
  }
}

Hosts::Hosts(std::vector<Host> hosts) : all(std::move(hosts)) {
  for (std::size_t h = 0; h < all.size(); ++h) {
    const Host& host = all[h];
    host_rows.add({host.index}, h);
    if (!host.snapshot) continue;
    for (std::size_t v = 0; v < host.vnic_indexes.size(); ++v) {
      vnic_rows.add({host.index, host.vnic_indexes[v]}, vnics.size());
      vnics.emplace_back(h, v);
    }
  }
  host_rows.sort();
  vnic_rows.sort();
}

}  // namespace vmtraffic::snmp
