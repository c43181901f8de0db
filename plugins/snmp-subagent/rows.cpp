// Rows and Hosts: which rows there are, in the order of their indexes.
#include <algorithm>

#include "core/text.hpp"
#include "plugins/snmp-subagent/model.hpp"

namespace vmtraffic::snmp {
namespace {

// A counter's name is part of its OID, which has an end (RFC 2578: 128 sub-identifiers).
constexpr std::size_t kCounterNameLimit = 64;
constexpr std::size_t kApplicationNameLimit = 32;  // of the MIB's, which is the detector's

void append(Oid& key, std::string_view octets) {
  for (const char octet : octets) key.push_back(static_cast<unsigned char>(octet));
}

SubId number_of(Direction direction) { return static_cast<SubId>(direction) + 1; }

}  // namespace

Rows::Rows(const Snapshot& snapshot, Indexes numbers) : indexes(std::move(numbers)) {
  add_vnics(snapshot);
  add_probes(snapshot);
  add_flows(snapshot);
  add_performance(snapshot);
  for (std::size_t i = 0; i < snapshot.agent_count(); ++i) agents.add({indexes.agents[i]}, i);
  for (RowKeys* keys : {&domains, &vnics, &probes, &probe_counters, &protocols, &services, &applications, &conversations, &drops, &agents,
                        &vnic_latencies, &service_latencies, &peer_latencies, &losses}) {
    keys->sort();
  }
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
  for (std::size_t i = 0; i < snapshot.application_count(); ++i) {
    const ApplicationRow row = snapshot.application(i);
    if (row.name.empty() || row.name.size() > kApplicationNameLimit) continue;
    Oid key{machines[row.vnic], indexes.vnics[row.vnic]};
    append(key, row.name);
    applications.add(key, i);
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

// What the MIB has no place for is left out: a service of another kind than served, a peer of one that is no round trip.
void Rows::add_performance(const Snapshot& snapshot) {
  struct Peers {
    std::optional<IpAddress> last;
    SubId count{0};
  };
  std::vector<Peers> peers(snapshot.vnic_count());
  for (std::size_t i = 0; i < snapshot.latency_count(); ++i) {
    const LatencyRow row = snapshot.latency(i);
    const SubId machine = machines[row.vnic], vnic = indexes.vnics[row.vnic], kind = static_cast<SubId>(row.kind) + 1;
    if (row.service && row.peer) continue;
    if (row.service) {
      if (row.kind == LatencyKind::kServed) service_latencies.add({machine, vnic, row.service->protocol, row.service->port}, i);
    } else if (row.peer) {
      if (row.kind != LatencyKind::kGuestRtt && row.kind != LatencyKind::kNetworkRtt) continue;
      Peers& known = peers[row.vnic];
      if (known.last != row.peer) ++known.count;  // its other side has the same rank
      known.last = row.peer;
      peer_latencies.add({machine, vnic, kind, known.count}, i);
    } else {
      vnic_latencies.add({machine, vnic, kind}, i);
    }
  }
  for (std::size_t v = 0; v < snapshot.vnic_count(); ++v) {
    if (snapshot.loss(v)) losses.add({machines[v], indexes.vnics[v]}, v);
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
