// Sampled flows and dropped packets. Units, directions and sources are in VMTRAFFIC-MIB.txt; a test holds the two together.
#include "plugins/snmp-subagent/flow_tables.hpp"

#include "plugins/snmp-subagent/flow_cells.hpp"

namespace vmtraffic::snmp {
namespace {

using enum FlowFigure;
constexpr Direction kRx = Direction::kRx, kTx = Direction::kTx;

// ---- scalars

template <Value (*value)(const FlowsInfo&)>
Value of_flows(const View& view, std::size_t) {
  if (view.state() != View::State::kFresh) return std::nullopt;
  const auto info = view.snapshot().flows();
  return info ? value(*info) : std::nullopt;
}
Value covered(const FlowsInfo& info) { return covered_time(info.covered_s); }
Value samples(const FlowsInfo& info) { return Counter64{info.samples}; }
Value octets(const FlowsInfo& info) { return counter_of(info.octets); }
Value packets(const FlowsInfo& info) { return counter_of(info.packets); }
Value unattributed_octets(const FlowsInfo& info) { return counter_of(info.unattributed_octets); }
Value unattributed_packets(const FlowsInfo& info) { return counter_of(info.unattributed_packets); }
Value unattributed_octets_share(const FlowsInfo& info) { return share(info.unattributed_octets / info.octets); }
Value unattributed_packets_share(const FlowsInfo& info) { return share(info.unattributed_packets / info.packets); }

// ---- vtVnicFlowTable

std::optional<FlowsAt> vnic_flows(const View& view, std::size_t vnic) {
  const auto row = view.snapshot().vnic_flows(vnic);
  if (!row) return std::nullopt;
  return FlowsAt{&view.snapshot(), vnic, row->all};
}

template <Value (*value)(const View&, const VnicFlowsRow&)>
Value of_vnic(const View& view, std::size_t vnic) {
  const auto row = view.snapshot().vnic_flows(vnic);
  return row ? value(view, *row) : std::nullopt;
}
template <std::optional<double> VnicFlowsRow::*coverage>
Value coverage_of(const View&, const VnicFlowsRow& row) {
  return row.*coverage ? share(*(row.*coverage)) : std::nullopt;
}
template <AttributedBy VnicFlowsRow::*by>
Value source(const View&, const VnicFlowsRow& row) {
  return Integer32{static_cast<std::int32_t>(row.*by) + 1};
}
template <std::optional<std::size_t> VnicFlowsRow::*agent>
Value agent_index(const View& view, const VnicFlowsRow& row) {
  const std::vector<std::uint32_t>& indexes = view.rows().indexes.agents;
  if (!(row.*agent) || *(row.*agent) >= indexes.size()) return std::nullopt;
  return Integer32{static_cast<std::int32_t>(indexes[*(row.*agent)])};
}
Value foreign_mac(const View&, const VnicFlowsRow& row) { return Counter64{row.foreign_mac}; }
Value peers(const View&, const VnicFlowsRow& row) {
  if (!row.peers) return std::nullopt;
  return unsigned32(*row.peers);
}
template <double TcpPerformance::*microseconds>
Value tcp_time(const View&, const VnicFlowsRow& row) {
  return row.tcp ? unsigned32_of((*row.tcp).*microseconds) : std::nullopt;
}
template <std::uint64_t TcpPerformance::*count>
Value tcp_count(const View&, const VnicFlowsRow& row) {
  if (!row.tcp) return std::nullopt;
  return unsigned32((*row.tcp).*count);
}

// ---- vtProtocolTable, vtServiceTable

std::optional<FlowsAt> protocol_flows(const View& view, std::size_t row) {
  const ProtocolRow protocol = view.snapshot().protocol(row);
  return FlowsAt{&view.snapshot(), protocol.vnic, protocol.flows};
}

std::optional<FlowsAt> service_flows(const View& view, std::size_t row) {
  const ServiceRow service = view.snapshot().service(row);
  return FlowsAt{&view.snapshot(), service.vnic, service.flows};
}

// ---- vtApplicationTable

std::optional<FlowsAt> application_flows(const View& view, std::size_t row) {
  const ApplicationRow application = view.snapshot().application(row);
  return FlowsAt{&view.snapshot(), application.vnic, application.flows};
}
Value application_category(const View& view, std::size_t row) { return text_if_any(view.snapshot().application(row).category); }

// ---- vtConversationTable

std::optional<FlowsAt> conversation_flows(const View& view, std::size_t row) {
  const ConversationRow conversation = view.snapshot().conversation(row);
  return FlowsAt{&view.snapshot(), conversation.vnic, conversation.flows};
}

template <Value (*value)(const View&, const ConversationRow&)>
Value of_conversation(const View& view, std::size_t row) {
  return value(view, view.snapshot().conversation(row));
}
Value peer_type(const View&, const ConversationRow& row) { return Integer32{static_cast<std::int32_t>(row.kind) + 1}; }
Value peer_address_type(const View&, const ConversationRow& row) { return inet_address_type(row.address); }
Value peer_address(const View&, const ConversationRow& row) { return inet_address(row.address); }
Value peer_machine(const View& view, const ConversationRow& row) {
  if (row.kind != PeerKind::kVnic) return std::nullopt;
  return Integer32{static_cast<std::int32_t>(view.rows().machines[row.peer_vnic])};
}
Value peer_vnic(const View& view, const ConversationRow& row) {
  if (row.kind != PeerKind::kVnic) return std::nullopt;
  return Integer32{static_cast<std::int32_t>(view.rows().indexes.vnics[row.peer_vnic])};
}
Value peer_network(const View&, const ConversationRow& row) { return text_if_any(row.network); }
Value service_protocol(const View&, const ConversationRow& row) {
  if (row.service.protocol == 0) return std::nullopt;
  return unsigned32(row.service.protocol);
}
Value service_port(const View&, const ConversationRow& row) {
  if (row.service.protocol == 0) return std::nullopt;
  return unsigned32(row.service.port);
}
Value conversation_application(const View&, const ConversationRow& row) { return text_if_any(row.application); }
Value server_name(const View&, const ConversationRow& row) { return text_if_any(row.server_name); }
Value conversation_source(const View&, const ConversationRow& row) {
  if (row.source == FlowSource::kUnknown) return std::nullopt;
  return Integer32{static_cast<std::int32_t>(row.source)};
}

// ---- vtDropTable

Value drop_packets(const View& view, std::size_t row) { return Counter64{view.snapshot().drop(row).packets}; }
Value drop_octets(const View& view, std::size_t row) { return Counter64{view.snapshot().drop(row).octets}; }
Value drop_recent(const View& view, std::size_t row) { return unsigned32(view.snapshot().drop(row).recent_packets); }
Value drop_start(const View& view, std::size_t row) { return uptime(view.snapshot().drop(row).since); }

constexpr Column kFlows[] = {
    {1, "vtFlowsCovered", Syntax::kTimeTicks, of_flows<covered>},
    {2, "vtFlowsSamples", Syntax::kCounter64, of_flows<samples>},
    {3, "vtFlowsOctets", Syntax::kCounter64, of_flows<octets>},
    {4, "vtFlowsPackets", Syntax::kCounter64, of_flows<packets>},
    {5, "vtFlowsUnattributedOctets", Syntax::kCounter64, of_flows<unattributed_octets>},
    {6, "vtFlowsUnattributedPackets", Syntax::kCounter64, of_flows<unattributed_packets>},
    {7, "vtFlowsUnattributedOctetsShare", Syntax::kUnsigned32, of_flows<unattributed_octets_share>},
    {8, "vtFlowsUnattributedPacketsShare", Syntax::kUnsigned32, of_flows<unattributed_packets_share>},
};
constexpr Column kVnicFlowTable[] = {
    {1, "vtVnicFlowStartTime", Syntax::kTimeTicks, flow_start<vnic_flows>},
    {2, "vtVnicFlowRxOctets", Syntax::kCounter64, flow<vnic_flows, kRx, kOctets>},
    {3, "vtVnicFlowRxPackets", Syntax::kCounter64, flow<vnic_flows, kRx, kPackets>},
    {4, "vtVnicFlowRxSamples", Syntax::kCounter64, flow<vnic_flows, kRx, kSamples>},
    {5, "vtVnicFlowRxOctetsError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kOctetsError>},
    {6, "vtVnicFlowRxPacketsError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kPacketsError>},
    {7, "vtVnicFlowRxBitRate", Syntax::kCounter64, flow<vnic_flows, kRx, kBitRate>},
    {8, "vtVnicFlowRxPacketRate", Syntax::kCounter64, flow<vnic_flows, kRx, kPacketRate>},
    {9, "vtVnicFlowRxRateSamples", Syntax::kUnsigned32, flow<vnic_flows, kRx, kRateSamples>},
    {10, "vtVnicFlowRxBitRateError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kBitRateError>},
    {11, "vtVnicFlowRxPacketRateError", Syntax::kUnsigned32, flow<vnic_flows, kRx, kPacketRateError>},
    {12, "vtVnicFlowTxOctets", Syntax::kCounter64, flow<vnic_flows, kTx, kOctets>},
    {13, "vtVnicFlowTxPackets", Syntax::kCounter64, flow<vnic_flows, kTx, kPackets>},
    {14, "vtVnicFlowTxSamples", Syntax::kCounter64, flow<vnic_flows, kTx, kSamples>},
    {15, "vtVnicFlowTxOctetsError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kOctetsError>},
    {16, "vtVnicFlowTxPacketsError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kPacketsError>},
    {17, "vtVnicFlowTxBitRate", Syntax::kCounter64, flow<vnic_flows, kTx, kBitRate>},
    {18, "vtVnicFlowTxPacketRate", Syntax::kCounter64, flow<vnic_flows, kTx, kPacketRate>},
    {19, "vtVnicFlowTxRateSamples", Syntax::kUnsigned32, flow<vnic_flows, kTx, kRateSamples>},
    {20, "vtVnicFlowTxBitRateError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kBitRateError>},
    {21, "vtVnicFlowTxPacketRateError", Syntax::kUnsigned32, flow<vnic_flows, kTx, kPacketRateError>},
    {22, "vtVnicFlowRxCoverage", Syntax::kUnsigned32, of_vnic<coverage_of<&VnicFlowsRow::coverage_rx>>},
    {23, "vtVnicFlowTxCoverage", Syntax::kUnsigned32, of_vnic<coverage_of<&VnicFlowsRow::coverage_tx>>},
    {24, "vtVnicFlowRxAttributedBy", Syntax::kInteger, of_vnic<source<&VnicFlowsRow::rx_by>>},
    {25, "vtVnicFlowTxAttributedBy", Syntax::kInteger, of_vnic<source<&VnicFlowsRow::tx_by>>},
    {26, "vtVnicFlowRxAgent", Syntax::kInteger, of_vnic<agent_index<&VnicFlowsRow::rx_agent>>},
    {27, "vtVnicFlowTxAgent", Syntax::kInteger, of_vnic<agent_index<&VnicFlowsRow::tx_agent>>},
    {28, "vtVnicFlowForeignMacSamples", Syntax::kCounter64, of_vnic<foreign_mac>},
    {29, "vtVnicFlowTcpSamples", Syntax::kUnsigned32, of_vnic<tcp_count<&TcpPerformance::samples>>},
    {30, "vtVnicFlowRtt", Syntax::kUnsigned32, of_vnic<tcp_time<&TcpPerformance::rtt_us>>},
    {31, "vtVnicFlowRttVariance", Syntax::kUnsigned32, of_vnic<tcp_time<&TcpPerformance::rtt_variance_us>>},
    {32, "vtVnicFlowRttMin", Syntax::kUnsigned32, of_vnic<tcp_time<&TcpPerformance::min_rtt_us>>},
    {33, "vtVnicFlowTcpLossy", Syntax::kUnsigned32, of_vnic<tcp_count<&TcpPerformance::samples_lossy>>},
    {34, "vtVnicFlowTcpRetransmitting", Syntax::kUnsigned32, of_vnic<tcp_count<&TcpPerformance::samples_retransmitting>>},
    {35, "vtVnicFlowPeers", Syntax::kUnsigned32, of_vnic<peers>},
};
constexpr Column kProtocolTable[] = {
    {2, "vtProtocolStartTime", Syntax::kTimeTicks, flow_start<protocol_flows>},
    {3, "vtProtocolRxOctets", Syntax::kCounter64, flow<protocol_flows, kRx, kOctets>},
    {4, "vtProtocolRxPackets", Syntax::kCounter64, flow<protocol_flows, kRx, kPackets>},
    {5, "vtProtocolRxSamples", Syntax::kCounter64, flow<protocol_flows, kRx, kSamples>},
    {6, "vtProtocolRxOctetsError", Syntax::kUnsigned32, flow<protocol_flows, kRx, kOctetsError>},
    {7, "vtProtocolRxPacketsError", Syntax::kUnsigned32, flow<protocol_flows, kRx, kPacketsError>},
    {8, "vtProtocolRxBitRate", Syntax::kCounter64, flow<protocol_flows, kRx, kBitRate>},
    {9, "vtProtocolRxPacketRate", Syntax::kCounter64, flow<protocol_flows, kRx, kPacketRate>},
    {10, "vtProtocolRxRateSamples", Syntax::kUnsigned32, flow<protocol_flows, kRx, kRateSamples>},
    {11, "vtProtocolRxBitRateError", Syntax::kUnsigned32, flow<protocol_flows, kRx, kBitRateError>},
    {12, "vtProtocolRxPacketRateError", Syntax::kUnsigned32, flow<protocol_flows, kRx, kPacketRateError>},
    {13, "vtProtocolTxOctets", Syntax::kCounter64, flow<protocol_flows, kTx, kOctets>},
    {14, "vtProtocolTxPackets", Syntax::kCounter64, flow<protocol_flows, kTx, kPackets>},
    {15, "vtProtocolTxSamples", Syntax::kCounter64, flow<protocol_flows, kTx, kSamples>},
    {16, "vtProtocolTxOctetsError", Syntax::kUnsigned32, flow<protocol_flows, kTx, kOctetsError>},
    {17, "vtProtocolTxPacketsError", Syntax::kUnsigned32, flow<protocol_flows, kTx, kPacketsError>},
    {18, "vtProtocolTxBitRate", Syntax::kCounter64, flow<protocol_flows, kTx, kBitRate>},
    {19, "vtProtocolTxPacketRate", Syntax::kCounter64, flow<protocol_flows, kTx, kPacketRate>},
    {20, "vtProtocolTxRateSamples", Syntax::kUnsigned32, flow<protocol_flows, kTx, kRateSamples>},
    {21, "vtProtocolTxBitRateError", Syntax::kUnsigned32, flow<protocol_flows, kTx, kBitRateError>},
    {22, "vtProtocolTxPacketRateError", Syntax::kUnsigned32, flow<protocol_flows, kTx, kPacketRateError>},
};
constexpr Column kServiceTable[] = {
    {3, "vtServiceStartTime", Syntax::kTimeTicks, flow_start<service_flows>},
    {4, "vtServiceRxOctets", Syntax::kCounter64, flow<service_flows, kRx, kOctets>},
    {5, "vtServiceRxPackets", Syntax::kCounter64, flow<service_flows, kRx, kPackets>},
    {6, "vtServiceRxSamples", Syntax::kCounter64, flow<service_flows, kRx, kSamples>},
    {7, "vtServiceRxOctetsError", Syntax::kUnsigned32, flow<service_flows, kRx, kOctetsError>},
    {8, "vtServiceRxPacketsError", Syntax::kUnsigned32, flow<service_flows, kRx, kPacketsError>},
    {9, "vtServiceRxBitRate", Syntax::kCounter64, flow<service_flows, kRx, kBitRate>},
    {10, "vtServiceRxPacketRate", Syntax::kCounter64, flow<service_flows, kRx, kPacketRate>},
    {11, "vtServiceRxRateSamples", Syntax::kUnsigned32, flow<service_flows, kRx, kRateSamples>},
    {12, "vtServiceRxBitRateError", Syntax::kUnsigned32, flow<service_flows, kRx, kBitRateError>},
    {13, "vtServiceRxPacketRateError", Syntax::kUnsigned32, flow<service_flows, kRx, kPacketRateError>},
    {14, "vtServiceTxOctets", Syntax::kCounter64, flow<service_flows, kTx, kOctets>},
    {15, "vtServiceTxPackets", Syntax::kCounter64, flow<service_flows, kTx, kPackets>},
    {16, "vtServiceTxSamples", Syntax::kCounter64, flow<service_flows, kTx, kSamples>},
    {17, "vtServiceTxOctetsError", Syntax::kUnsigned32, flow<service_flows, kTx, kOctetsError>},
    {18, "vtServiceTxPacketsError", Syntax::kUnsigned32, flow<service_flows, kTx, kPacketsError>},
    {19, "vtServiceTxBitRate", Syntax::kCounter64, flow<service_flows, kTx, kBitRate>},
    {20, "vtServiceTxPacketRate", Syntax::kCounter64, flow<service_flows, kTx, kPacketRate>},
    {21, "vtServiceTxRateSamples", Syntax::kUnsigned32, flow<service_flows, kTx, kRateSamples>},
    {22, "vtServiceTxBitRateError", Syntax::kUnsigned32, flow<service_flows, kTx, kBitRateError>},
    {23, "vtServiceTxPacketRateError", Syntax::kUnsigned32, flow<service_flows, kTx, kPacketRateError>},
};
constexpr Column kApplicationTable[] = {
    {2, "vtApplicationCategory", Syntax::kOctetString, application_category},
    {3, "vtApplicationStartTime", Syntax::kTimeTicks, flow_start<application_flows>},
    {4, "vtApplicationRxOctets", Syntax::kCounter64, flow<application_flows, kRx, kOctets>},
    {5, "vtApplicationRxPackets", Syntax::kCounter64, flow<application_flows, kRx, kPackets>},
    {6, "vtApplicationRxSamples", Syntax::kCounter64, flow<application_flows, kRx, kSamples>},
    {7, "vtApplicationRxOctetsError", Syntax::kUnsigned32, flow<application_flows, kRx, kOctetsError>},
    {8, "vtApplicationRxPacketsError", Syntax::kUnsigned32, flow<application_flows, kRx, kPacketsError>},
    {9, "vtApplicationRxBitRate", Syntax::kCounter64, flow<application_flows, kRx, kBitRate>},
    {10, "vtApplicationRxPacketRate", Syntax::kCounter64, flow<application_flows, kRx, kPacketRate>},
    {11, "vtApplicationRxRateSamples", Syntax::kUnsigned32, flow<application_flows, kRx, kRateSamples>},
    {12, "vtApplicationRxBitRateError", Syntax::kUnsigned32, flow<application_flows, kRx, kBitRateError>},
    {13, "vtApplicationRxPacketRateError", Syntax::kUnsigned32, flow<application_flows, kRx, kPacketRateError>},
    {14, "vtApplicationTxOctets", Syntax::kCounter64, flow<application_flows, kTx, kOctets>},
    {15, "vtApplicationTxPackets", Syntax::kCounter64, flow<application_flows, kTx, kPackets>},
    {16, "vtApplicationTxSamples", Syntax::kCounter64, flow<application_flows, kTx, kSamples>},
    {17, "vtApplicationTxOctetsError", Syntax::kUnsigned32, flow<application_flows, kTx, kOctetsError>},
    {18, "vtApplicationTxPacketsError", Syntax::kUnsigned32, flow<application_flows, kTx, kPacketsError>},
    {19, "vtApplicationTxBitRate", Syntax::kCounter64, flow<application_flows, kTx, kBitRate>},
    {20, "vtApplicationTxPacketRate", Syntax::kCounter64, flow<application_flows, kTx, kPacketRate>},
    {21, "vtApplicationTxRateSamples", Syntax::kUnsigned32, flow<application_flows, kTx, kRateSamples>},
    {22, "vtApplicationTxBitRateError", Syntax::kUnsigned32, flow<application_flows, kTx, kBitRateError>},
    {23, "vtApplicationTxPacketRateError", Syntax::kUnsigned32, flow<application_flows, kTx, kPacketRateError>},
};
constexpr Column kConversationTable[] = {
    {2, "vtConversationPeerType", Syntax::kInteger, of_conversation<peer_type>},
    {3, "vtConversationPeerAddressType", Syntax::kInteger, of_conversation<peer_address_type>},
    {4, "vtConversationPeerAddress", Syntax::kOctetString, of_conversation<peer_address>},
    {5, "vtConversationPeerVmIndex", Syntax::kInteger, of_conversation<peer_machine>},
    {6, "vtConversationPeerVnicIndex", Syntax::kInteger, of_conversation<peer_vnic>},
    {7, "vtConversationPeerNetwork", Syntax::kOctetString, of_conversation<peer_network>},
    {8, "vtConversationProtocol", Syntax::kUnsigned32, of_conversation<service_protocol>},
    {9, "vtConversationPort", Syntax::kUnsigned32, of_conversation<service_port>},
    {10, "vtConversationStartTime", Syntax::kTimeTicks, flow_start<conversation_flows>},
    {11, "vtConversationRxOctets", Syntax::kCounter64, flow<conversation_flows, kRx, kOctets>},
    {12, "vtConversationRxPackets", Syntax::kCounter64, flow<conversation_flows, kRx, kPackets>},
    {13, "vtConversationRxSamples", Syntax::kCounter64, flow<conversation_flows, kRx, kSamples>},
    {14, "vtConversationRxOctetsError", Syntax::kUnsigned32, flow<conversation_flows, kRx, kOctetsError>},
    {15, "vtConversationRxPacketsError", Syntax::kUnsigned32, flow<conversation_flows, kRx, kPacketsError>},
    {16, "vtConversationRxBitRate", Syntax::kCounter64, flow<conversation_flows, kRx, kBitRate>},
    {17, "vtConversationRxPacketRate", Syntax::kCounter64, flow<conversation_flows, kRx, kPacketRate>},
    {18, "vtConversationRxRateSamples", Syntax::kUnsigned32, flow<conversation_flows, kRx, kRateSamples>},
    {19, "vtConversationRxBitRateError", Syntax::kUnsigned32, flow<conversation_flows, kRx, kBitRateError>},
    {20, "vtConversationRxPacketRateError", Syntax::kUnsigned32, flow<conversation_flows, kRx, kPacketRateError>},
    {21, "vtConversationTxOctets", Syntax::kCounter64, flow<conversation_flows, kTx, kOctets>},
    {22, "vtConversationTxPackets", Syntax::kCounter64, flow<conversation_flows, kTx, kPackets>},
    {23, "vtConversationTxSamples", Syntax::kCounter64, flow<conversation_flows, kTx, kSamples>},
    {24, "vtConversationTxOctetsError", Syntax::kUnsigned32, flow<conversation_flows, kTx, kOctetsError>},
    {25, "vtConversationTxPacketsError", Syntax::kUnsigned32, flow<conversation_flows, kTx, kPacketsError>},
    {26, "vtConversationTxBitRate", Syntax::kCounter64, flow<conversation_flows, kTx, kBitRate>},
    {27, "vtConversationTxPacketRate", Syntax::kCounter64, flow<conversation_flows, kTx, kPacketRate>},
    {28, "vtConversationTxRateSamples", Syntax::kUnsigned32, flow<conversation_flows, kTx, kRateSamples>},
    {29, "vtConversationTxBitRateError", Syntax::kUnsigned32, flow<conversation_flows, kTx, kBitRateError>},
    {30, "vtConversationTxPacketRateError", Syntax::kUnsigned32, flow<conversation_flows, kTx, kPacketRateError>},
    {31, "vtConversationApplication", Syntax::kOctetString, of_conversation<conversation_application>},
    {32, "vtConversationServerName", Syntax::kOctetString, of_conversation<server_name>},
    {33, "vtConversationSource", Syntax::kInteger, of_conversation<conversation_source>},
};
constexpr Column kDropTable[] = {
    {5, "vtDropPackets", Syntax::kCounter64, drop_packets},
    {6, "vtDropOctets", Syntax::kCounter64, drop_octets},
    {7, "vtDropRecentPackets", Syntax::kUnsigned32, drop_recent},
    {8, "vtDropStartTime", Syntax::kTimeTicks, drop_start},
};

}  // namespace

std::span<const Table> flow_tables() {
  static const Table tables[] = {
      {{1, 5}, RowSet::kScalars, kFlows},
      {{1, 6, 1}, RowSet::kVnicFlows, kVnicFlowTable},
      {{1, 7, 1}, RowSet::kProtocols, kProtocolTable},
      {{1, 8, 1}, RowSet::kServices, kServiceTable},
      {{1, 9, 1}, RowSet::kConversations, kConversationTable},
      {{1, 10, 1}, RowSet::kDrops, kDropTable},
      {{1, 19, 1}, RowSet::kApplications, kApplicationTable},
  };
  return tables;
}

}  // namespace vmtraffic::snmp
