#include "plugins/standalone/flow_json.hpp"

#include <optional>
#include <string_view>

#include "plugins/standalone/json_object.hpp"

namespace vmtraffic::standalone {
namespace {

std::string json_of(const Estimate& estimate) {
  JsonObject object;
  object.add("octets", estimate.octets);
  object.add("packets", estimate.packets);
  object.add("samples", estimate.samples);
  object.add("octets_error_95", estimate.octets_error_95);
  object.add("packets_error_95", estimate.packets_error_95);
  return object.text();
}

std::string json_of(const FlowEstimate& estimate) {
  JsonObject object;
  object.add_json("total", json_of(estimate.total));
  object.add_json("recent", json_of(estimate.recent));
  return object.text();
}

void add_flows(JsonObject& object, const FlowBothWays& flows) {
  object.add("since_boottime_ns", flows.since);
  object.add_json("rx", json_of(flows.rx));
  object.add_json("tx", json_of(flows.tx));
}

std::optional<std::string> text_of(const ServiceKey& service) {
  return service == ServiceKey{} ? std::nullopt : std::optional(service.text());
}

std::string json_of(const ProtocolRow& row) {
  JsonObject object;
  object.add("protocol", name_of(row.protocol));
  add_flows(object, row.flows);
  return object.text();
}

std::string json_of(const ServiceRow& row) {
  JsonObject object;
  object.add("service", text_of(row.service));
  add_flows(object, row.flows);
  return object.text();
}

std::optional<std::string_view> text_if_any(std::string_view text) { return text.empty() ? std::nullopt : std::optional(text); }

std::string json_of(const ApplicationRow& row) {
  JsonObject object;
  object.add("application", row.name);
  object.add("category", row.category);
  add_flows(object, row.flows);
  return object.text();
}

std::string json_of(const std::optional<TcpPerformance>& tcp) {
  if (!tcp) return "null";
  JsonObject object;
  object.add("samples", tcp->samples);
  object.add("rtt_us", tcp->rtt_us);
  object.add("rtt_variance_us", tcp->rtt_variance_us);
  object.add("min_rtt_us", tcp->min_rtt_us);
  object.add("samples_lossy", tcp->samples_lossy);
  object.add("samples_retransmitting", tcp->samples_retransmitting);
  return object.text();
}

// A vNIC by what identifies it.
std::string key_of(const VnicKey& key) {
  JsonObject object;
  object.add("domain_uuid", key.domain.text());
  object.add("mac", key.mac.text());
  object.add("ordinal", key.ordinal);
  return object.text();
}

std::string json_of(const Snapshot& snapshot, const DropRow& drop) {
  JsonObject object;
  object.add_json("vnic", drop.vnic ? key_of(snapshot.vnic(*drop.vnic).key) : "null");
  object.add("direction", drop.vnic ? std::optional(drop.direction == Direction::kRx ? "rx" : "tx") : std::nullopt);
  object.add("reason", drop.reason);
  object.add("packets", drop.packets);
  object.add("octets", drop.octets);
  object.add("recent_packets", drop.recent_packets);
  object.add("since_boottime_ns", drop.since);
  return object.text();
}

}  // namespace

FlowJson::FlowJson(const Snapshot& snapshot) : snapshot_(snapshot), rows_(snapshot.vnic_count()) {
  for (std::size_t i = 0; i < snapshot.protocol_count(); ++i) {
    const ProtocolRow row = snapshot.protocol(i);
    if (row.vnic < rows_.size()) rows_[row.vnic].protocols.push_back(row);
  }
  for (std::size_t i = 0; i < snapshot.service_count(); ++i) {
    const ServiceRow row = snapshot.service(i);
    if (row.vnic < rows_.size()) rows_[row.vnic].services.push_back(row);
  }
  for (std::size_t i = 0; i < snapshot.application_count(); ++i) {
    const ApplicationRow row = snapshot.application(i);
    if (row.vnic < rows_.size()) rows_[row.vnic].applications.push_back(row);
  }
  for (std::size_t i = 0; i < snapshot.conversation_count(); ++i) {
    const ConversationRow row = snapshot.conversation(i);
    if (row.vnic < rows_.size()) rows_[row.vnic].conversations.push_back(row);
  }
}

std::string FlowJson::whole() const {
  const std::optional<FlowsInfo> flows = snapshot_.flows();
  if (!flows) return "null";
  JsonObject object;
  object.add("covered_s", flows->covered_s);
  object.add("samples", flows->samples);
  object.add("packets", flows->packets);
  object.add("octets", flows->octets);
  object.add("unattributed_packets", flows->unattributed_packets);
  object.add("unattributed_octets", flows->unattributed_octets);
  object.add_json("drops", array_of(snapshot_.drop_count(), [&](std::size_t index) { return json_of(snapshot_, snapshot_.drop(index)); }));
  return object.text();
}

std::string FlowJson::peer(const ConversationRow& row) const {
  JsonObject object;
  object.add("kind", name_of(row.kind));
  if (row.kind == PeerKind::kVnic) object.add_json("vnic", key_of(snapshot_.vnic(row.peer_vnic).key));
  if (row.kind == PeerKind::kAddress) object.add("address", row.address.text());
  if (row.kind == PeerKind::kNetwork) object.add("network", row.network);
  return object.text();
}

std::string FlowJson::agent(const std::optional<std::size_t>& index) const {
  if (!index || *index >= snapshot_.agent_count()) return "null";
  const AgentRow row = snapshot_.agent(*index);
  JsonObject object;
  object.add("address", row.address);
  object.add("sub_agent", row.sub_agent);
  return object.text();
}

std::string FlowJson::vnic(std::size_t index) const {
  const std::optional<VnicFlowsRow> flows = snapshot_.vnic_flows(index);
  if (!flows || flows->all.rx.total.samples + flows->all.tx.total.samples == 0) return "null";
  JsonObject object;
  add_flows(object, flows->all);
  object.add("coverage_rx", flows->coverage_rx);
  object.add("coverage_tx", flows->coverage_tx);
  object.add("rx_by", name_of(flows->rx_by));
  object.add("tx_by", name_of(flows->tx_by));
  object.add_json("rx_agent", agent(flows->rx_agent));
  object.add_json("tx_agent", agent(flows->tx_agent));
  object.add("foreign_mac", flows->foreign_mac);
  object.add_json("tcp", json_of(flows->tcp));
  object.add("peers", flows->peers);
  const OfVnic& rows = rows_[index];
  object.add_json("protocols", json_list(rows.protocols, [](const ProtocolRow& row) { return json_of(row); }));
  object.add_json("services", json_list(rows.services, [](const ServiceRow& row) { return json_of(row); }));
  object.add_json("applications", json_list(rows.applications, [](const ApplicationRow& row) { return json_of(row); }));
  object.add_json("conversations", json_list(rows.conversations, [&](const ConversationRow& row) {
                    JsonObject conversation;
                    conversation.add_json("peer", peer(row));
                    conversation.add("service", text_of(row.service));
                    conversation.add("application", text_if_any(row.application));
                    conversation.add("server_name", text_if_any(row.server_name));
                    conversation.add("source", name_of(row.source));
                    add_flows(conversation, row.flows);
                    return conversation.text();
                  }));
  return object.text();
}

}  // namespace vmtraffic::standalone
