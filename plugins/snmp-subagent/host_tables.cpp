// Other hosts that sFlow agents describe, and their vNICs.
#include "plugins/snmp-subagent/flow_cells.hpp"
#include "plugins/snmp-subagent/flow_tables.hpp"

namespace vmtraffic::snmp {
namespace {

using enum FlowFigure;
constexpr Direction kRx = Direction::kRx, kTx = Direction::kTx;

// ---- vtHostTable

template <Value (*value)(const View&, const Host&)>
Value of_host(const View& view, std::size_t row) {
  return value(view, view.model().hosts->all[row]);
}
Value name(const View&, const Host& host) { return admin_string(host.name); }
Value address_type(const View&, const Host& host) { return inet_address_type(host.address); }
Value address(const View&, const Host& host) { return inet_address(host.address); }
Value domains(const View&, const Host& host) { return unsigned32(host.domains); }
Value vnics(const View&, const Host& host) { return unsigned32(host.vnics); }
Value age(const View& view, const Host& host) { return view.since(host.last_boottime); }

// ---- vtHostVnicTable

// A vNIC of another host, in its own snapshot.
struct Place {
  const Host& host;
  const Snapshot& snapshot;
  std::size_t vnic;
};
Place place(const View& view, std::size_t row) {
  const auto [host, vnic] = view.model().hosts->vnics[row];
  const Host& whose = view.model().hosts->all[host];
  return {whose, *whose.snapshot, vnic};
}

std::optional<FlowsAt> vnic_flows(const View& view, std::size_t row) {
  const Place at = place(view, row);
  const auto flows = at.snapshot.vnic_flows(at.vnic);
  if (!flows) return std::nullopt;
  return FlowsAt{&at.snapshot, at.vnic, flows->all};
}

template <Value (*value)(const VnicRow&)>
Value of_vnic(const View& view, std::size_t row) {
  const Place at = place(view, row);
  return value(at.snapshot.vnic(at.vnic));
}
Value mac(const VnicRow& vnic) { return mac_address(vnic.key.mac); }
Value ordinal(const VnicRow& vnic) { return unsigned32(vnic.key.ordinal); }
Value if_index(const VnicRow& vnic) {
  if (!vnic.if_index || *vnic.if_index == 0 || *vnic.if_index > 0x7FFF'FFFF) return std::nullopt;
  return Integer32{static_cast<std::int32_t>(*vnic.if_index)};
}
Value discontinuity(const VnicRow& vnic) { return uptime(vnic.discontinuity_boottime.value_or(0)); }
template <Counters VnicRow::*direction, std::optional<std::uint64_t> Counters::*metric>
Value total(const VnicRow& vnic) {
  return counter(vnic.*direction.*metric);
}

Value host_name(const View& view, std::size_t row) { return admin_string(place(view, row).host.name); }
template <Value (*value)(const DomainRow&)>
Value of_domain(const View& view, std::size_t row) {
  const Place at = place(view, row);
  return value(at.snapshot.domain(at.snapshot.vnic(at.vnic).domain));
}
Value domain_name(const DomainRow& domain) { return admin_string(domain.name); }
Value domain_uuid(const DomainRow& domain) { return admin_string(domain.uuid.text()); }

constexpr Column kHostTable[] = {
    {2, "vtHostName", Syntax::kOctetString, of_host<name>},       {3, "vtHostAddressType", Syntax::kInteger, of_host<address_type>},
    {4, "vtHostAddress", Syntax::kOctetString, of_host<address>}, {5, "vtHostDomains", Syntax::kUnsigned32, of_host<domains>},
    {6, "vtHostVnics", Syntax::kUnsigned32, of_host<vnics>},      {7, "vtHostAge", Syntax::kTimeTicks, of_host<age>},
};
constexpr Column kHostVnicTable[] = {
    {2, "vtHostVnicHostName", Syntax::kOctetString, host_name},
    {3, "vtHostVnicDomainName", Syntax::kOctetString, of_domain<domain_name>},
    {4, "vtHostVnicDomainUuid", Syntax::kOctetString, of_domain<domain_uuid>},
    {5, "vtHostVnicMacAddress", Syntax::kOctetString, of_vnic<mac>},
    {6, "vtHostVnicOrdinal", Syntax::kUnsigned32, of_vnic<ordinal>},
    {7, "vtHostVnicIfIndex", Syntax::kInteger, of_vnic<if_index>},
    {8, "vtHostVnicRxOctets", Syntax::kCounter64, of_vnic<total<&VnicRow::rx, &Counters::octets>>},
    {9, "vtHostVnicRxPackets", Syntax::kCounter64, of_vnic<total<&VnicRow::rx, &Counters::packets>>},
    {10, "vtHostVnicRxErrors", Syntax::kCounter64, of_vnic<total<&VnicRow::rx, &Counters::errors>>},
    {11, "vtHostVnicRxDrops", Syntax::kCounter64, of_vnic<total<&VnicRow::rx, &Counters::drops>>},
    {12, "vtHostVnicTxOctets", Syntax::kCounter64, of_vnic<total<&VnicRow::tx, &Counters::octets>>},
    {13, "vtHostVnicTxPackets", Syntax::kCounter64, of_vnic<total<&VnicRow::tx, &Counters::packets>>},
    {14, "vtHostVnicTxErrors", Syntax::kCounter64, of_vnic<total<&VnicRow::tx, &Counters::errors>>},
    {15, "vtHostVnicTxDrops", Syntax::kCounter64, of_vnic<total<&VnicRow::tx, &Counters::drops>>},
    {16, "vtHostVnicDiscontinuityTime", Syntax::kTimeTicks, of_vnic<discontinuity>},
    {17, "vtHostVnicFlowStartTime", Syntax::kTimeTicks, flow_start<vnic_flows>},
    {18, "vtHostVnicFlowRxOctets", Syntax::kCounter64, flow<vnic_flows, kRx, kOctets>},
    {19, "vtHostVnicFlowRxPackets", Syntax::kCounter64, flow<vnic_flows, kRx, kPackets>},
    {20, "vtHostVnicFlowRxSamples", Syntax::kCounter64, flow<vnic_flows, kRx, kSamples>},
    {21, "vtHostVnicFlowRxOctetsError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kOctetsError>},
    {22, "vtHostVnicFlowRxPacketsError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kPacketsError>},
    {23, "vtHostVnicFlowRxBitRate", Syntax::kCounter64, flow<vnic_flows, kRx, kBitRate>},
    {24, "vtHostVnicFlowRxPacketRate", Syntax::kCounter64, flow<vnic_flows, kRx, kPacketRate>},
    {25, "vtHostVnicFlowRxRateSamples", Syntax::kUnsigned32, flow<vnic_flows, kRx, kRateSamples>},
    {26, "vtHostVnicFlowRxBitRateError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kBitRateError>},
    {27, "vtHostVnicFlowRxPacketRateError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kPacketRateError>},
    {28, "vtHostVnicFlowTxOctets", Syntax::kCounter64, flow<vnic_flows, kTx, kOctets>},
    {29, "vtHostVnicFlowTxPackets", Syntax::kCounter64, flow<vnic_flows, kTx, kPackets>},
    {30, "vtHostVnicFlowTxSamples", Syntax::kCounter64, flow<vnic_flows, kTx, kSamples>},
    {31, "vtHostVnicFlowTxOctetsError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kOctetsError>},
    {32, "vtHostVnicFlowTxPacketsError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kPacketsError>},
    {33, "vtHostVnicFlowTxBitRate", Syntax::kCounter64, flow<vnic_flows, kTx, kBitRate>},
    {34, "vtHostVnicFlowTxPacketRate", Syntax::kCounter64, flow<vnic_flows, kTx, kPacketRate>},
    {35, "vtHostVnicFlowTxRateSamples", Syntax::kUnsigned32, flow<vnic_flows, kTx, kRateSamples>},
    {36, "vtHostVnicFlowTxBitRateError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kBitRateError>},
    {37, "vtHostVnicFlowTxPacketRateError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kPacketRateError>},
};

}  // namespace

std::span<const Table> host_tables() {
  static const Table tables[] = {
      {{1, 12, 1}, RowSet::kHosts, kHostTable},
      {{1, 13, 1}, RowSet::kHostVnics, kHostVnicTable},
  };
  return tables;
}

}  // namespace vmtraffic::snmp
