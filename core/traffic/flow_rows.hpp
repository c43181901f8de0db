// What is published of flows, in the form in which the snapshot's flows part carries it: plain arrays, vNICs named by their rows in the
// inventory. Made by core/traffic/flow_view.hpp, encoded by core/snapshot/writer.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/flows.hpp"
#include "core/types.hpp"

namespace vmtraffic {

// One direction of a row.
struct FlowSums {
  double total_octets{0}, total_packets{0};
  std::uint64_t total_samples{0};
  float octets{0}, packets{0};  // recent
  std::uint32_t samples{0};
  float octets_error{0}, packets_error{0};  // 95 %, as shares
  float total_octets_error{0}, total_packets_error{0};
  std::uint32_t reserved{0};
  friend bool operator==(const FlowSums&, const FlowSums&) = default;
};
static_assert(sizeof(FlowSums) == 56);

struct VnicFlowSums {
  Nanoseconds since{0};
  FlowSums rx, tx;
  std::uint64_t foreign_mac{0};
  float rtt_us{0}, rtt_variance_us{0}, min_rtt_us{0};
  std::uint32_t tcp_samples{0}, tcp_lossy{0}, tcp_retransmitting{0};
  float coverage_rx{-1}, coverage_tx{-1};  // negative: none
  std::uint32_t rx_agent{0}, tx_agent{0};  // place among the agents plus 1; 0: none
  AttributedBy rx_by{AttributedBy::kNothing}, tx_by{AttributedBy::kNothing};
  std::uint16_t reserved{0};
  std::uint32_t reserved2{0};
  friend bool operator==(const VnicFlowSums&, const VnicFlowSums&) = default;
};
static_assert(sizeof(VnicFlowSums) == 176);

struct ProtocolFlowSums {
  Nanoseconds since{0};
  FlowSums rx, tx;
  std::uint32_t vnic{0};
  TrafficClass protocol{TrafficClass::kOther};
  std::uint8_t reserved{0};
  std::uint16_t reserved2{0};
  friend bool operator==(const ProtocolFlowSums&, const ProtocolFlowSums&) = default;
};
static_assert(sizeof(ProtocolFlowSums) == 128);

struct ServiceFlowSums {
  Nanoseconds since{0};
  FlowSums rx, tx;
  std::uint32_t vnic{0};
  std::uint16_t port{0};
  std::uint8_t protocol{0};
  std::uint8_t reserved{0};
  friend bool operator==(const ServiceFlowSums&, const ServiceFlowSums&) = default;
};
static_assert(sizeof(ServiceFlowSums) == 128);

struct ApplicationFlowSums {
  Nanoseconds since{0};
  FlowSums rx, tx;
  std::uint32_t vnic{0};
  std::uint32_t application{0};  // place among `application_names`
  friend bool operator==(const ApplicationFlowSums&, const ApplicationFlowSums&) = default;
};
static_assert(sizeof(ApplicationFlowSums) == 128);

struct ConversationSums {
  Nanoseconds since{0};
  FlowSums rx, tx;
  std::array<std::uint8_t, 16> address{};
  std::uint32_t vnic{0};
  std::uint32_t peer{0};  // kVnic: its row; kNetwork: its place among `networks`
  std::uint16_t port{0};  // of the service that most samples are of; protocol 0: none
  std::uint8_t protocol{0};
  PeerKind kind{PeerKind::kNone};
  std::uint8_t address_version{0};  // 4 or 6 where the kind is kAddress
  FlowSource source{FlowSource::kUnknown};
  std::uint16_t application{0};  // place among `application_names` plus 1 of what most samples are of; 0: not looked for, or mixed
  friend bool operator==(const ConversationSums&, const ConversationSums&) = default;
};
static_assert(sizeof(ConversationSums) == 152);

// A network of `networks`, of which several may have one name.
struct NetworkPrefix {
  std::array<std::uint8_t, 16> address{};
  std::uint32_t name{0};  // its name's place among `networks`
  std::uint8_t version{0};
  std::uint8_t length{0};
  std::uint16_t reserved{0};
  friend bool operator==(const NetworkPrefix&, const NetworkPrefix&) = default;
};
static_assert(sizeof(NetworkPrefix) == 24);

struct DropSums {
  std::optional<std::uint32_t> vnic;
  Direction direction{Direction::kRx};
  std::string reason;
  std::uint64_t packets{0}, octets{0}, recent_packets{0};
  Nanoseconds since{0};
  friend bool operator==(const DropSums&, const DropSums&) = default;
};

struct FlowRows {
  double covered_s{0};
  std::uint64_t samples{0};
  double packets{0}, octets{0}, unattributed_packets{0}, unattributed_octets{0};
  std::vector<VnicFlowSums> vnics;                                     // inventory order
  std::vector<ProtocolFlowSums> protocols;                             // by vNIC, then recent octets
  std::vector<ServiceFlowSums> services;                               // by vNIC, then recent octets
  std::vector<ApplicationFlowSums> applications;                       // by vNIC, then recent octets
  std::vector<std::string> application_names, application_categories;  // equally many
  std::vector<ConversationSums> conversations;                         // by vNIC, then recent octets
  std::vector<std::string> server_names;  // that clients asked for in each of these conversations; empty: nowhere
  std::vector<std::string> networks;
  std::vector<NetworkPrefix> network_prefixes;  // the longest first: of several that hold an address the first counts
  std::vector<DropSums> drops;
  // Inventory order: with how many each vNIC has a kept conversation that has recent samples, published or not.
  std::vector<std::uint32_t> peers;
};

// An sFlow agent or one of its sub-agents, as the snapshot tells of it (see AgentRow in core/snapshot.hpp).
struct AgentStatus {
  std::string address;
  std::uint32_t sub_agent{0};
  std::string sender, host;
  bool local{false};
  Nanoseconds first{0}, last{0};
  std::uint32_t uptime_ms{0};
  std::uint64_t datagrams{0}, lost{0}, late{0}, duplicates{0}, restarts{0};
  std::uint64_t samples{0}, samples_lost{0}, counter_samples{0}, discarded_packets{0}, agent_drops{0}, discard_drops{0};
  std::uint32_t data_sources{0};
  double sampling_rate{0};
  std::uint32_t stated_rate{0};
  friend bool operator==(const AgentStatus&, const AgentStatus&) = default;
};

// A host that an agent describes.
struct HostStatus {
  std::string name, address;
  Nanoseconds last{0};
  std::uint32_t domains{0}, vnics{0};
  friend bool operator==(const HostStatus&, const HostStatus&) = default;
};

}  // namespace vmtraffic
