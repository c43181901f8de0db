#include "plugins/collectd/flow_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "core/text.hpp"

namespace vmtraffic::collectd {
namespace {

using Range = FlowIndex::Range;

struct EstimateType {
  const char* both;
  const char* rx;
  const char* tx;
  double Estimate::*estimate;
};
constexpr std::array<EstimateType, 2> kEstimateTypes{{
    {"if_octets", "if_rx_octets", "if_tx_octets", &Estimate::octets},
    {"if_packets", "if_rx_packets", "if_tx_packets", &Estimate::packets},
}};

// A vNIC's rows stand together; what does not is left out.
template <class VnicOf>
std::vector<Range> ranges(std::size_t rows, std::size_t vnics, VnicOf vnic_of) {
  std::vector<Range> out(vnics);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t vnic = vnic_of(i);
    if (vnic >= vnics) continue;
    Range& range = out[vnic];
    if (range.count == 0) range.first = i;
    if (range.first + range.count == i) ++range.count;
  }
  return out;
}

// DERIVE is a signed integer. A total that it cannot say is none.
std::optional<Value> derive(double total) {
  constexpr double kEnd = 9'223'372'036'854'775'808.0;  // 2^63
  if (!(total >= 0 && total < kEnd)) return std::nullopt;
  return Value{static_cast<std::int64_t>(total)};
}

std::string service_part(const ServiceKey& service) {
  std::string text = service.text();
  std::replace(text.begin(), text.end(), '/', ':');
  return text;
}

// The lists of one vNIC.
class FlowBuilder {
 public:
  FlowBuilder(const FlowContext& context, std::size_t vnic, const VnicFlowsRow& row, const std::string& name, const ValueList& prototype,
              std::vector<ValueList>& lists)
      : context_(context), vnic_(vnic), row_(row), name_(name), prototype_(prototype), lists_(lists) {}

  void add_all() {
    add_both_ways("sampled", row_.all);
    if (has_rx()) add_direction(row_.all.rx, row_.coverage_rx, "rx");
    if (has_tx()) add_direction(row_.all.tx, row_.coverage_tx, "tx");
    if (row_.tcp) add_tcp(*row_.tcp);
  }

  void add_protocols() {
    const Range rows = context_.index.protocols(vnic_);
    for (std::size_t i = rows.first; i < rows.first + rows.count; ++i) {
      const ProtocolRow row = context_.snapshot.protocol(i);
      add_both_ways("protocol:" + std::string(vmtraffic::name_of(row.protocol)), row.flows);
    }
  }

  void add_services() {
    add_top(context_.index.services(vnic_), [&](std::size_t i) {
      const ServiceRow row = context_.snapshot.service(i);
      const std::string service = row.service.port >= kFirstEphemeralPort ? "" : service_part(row.service);
      return std::pair(service.empty() ? "" : "service:" + service, row.flows);
    });
  }

  // Their names are nDPI's, not strangers': there is an end to them.
  void add_applications() {
    add_top(context_.index.applications(vnic_), [&](std::size_t i) {
      const ApplicationRow row = context_.snapshot.application(i);
      return std::pair(row.name.empty() ? "" : "application:" + safe_part(row.name), row.flows);
    });
  }

  void add_conversations() {
    const auto peers = context_.top > 0 ? find_peers() : std::vector<std::pair<std::string, ConversationRow>>{};
    const Metadata of_vnic = prototype_.metadata ? *prototype_.metadata : Metadata{};
    std::size_t sent = 0;
    for (const auto& [peer, row] : peers) {
      if (sent == context_.top) break;
      if (!means_something(row.flows)) continue;
      prototype_.metadata = std::make_shared<const Metadata>(with_peer(of_vnic, row));
      add_both_ways(peer, row.flows);
      ++sent;
    }
  }

  // Exact as far as the agent could tell. The heaviest, where a network invents reasons.
  void add_drops() {
    std::vector<DropRow> rows;
    for (const std::size_t i : context_.index.drops(vnic_)) rows.push_back(context_.snapshot.drop(i));
    if (rows.size() > kMostDropReasons) {
      std::stable_sort(rows.begin(), rows.end(), [](const DropRow& a, const DropRow& b) { return a.packets > b.packets; });
      rows.resize(kMostDropReasons);
    }
    for (const DropRow& row : rows) {
      const char* type = row.direction == Direction::kRx ? "if_rx_dropped" : "if_tx_dropped";
      if (const auto packets = derive(static_cast<double>(row.packets))) push(type, "drop:" + safe_part(row.reason), {*packets});
    }
  }

 private:
  // Nobody's samples say anything of the other direction: that is not zero.
  bool has_rx() const { return row_.rx_by != AttributedBy::kNothing; }
  bool has_tx() const { return row_.tx_by != AttributedBy::kNothing; }

  static bool means_something(const FlowBothWays& flows) {
    return flows.rx.recent.samples + flows.tx.recent.samples >= kLeastRecentSamples;
  }

  // The heaviest of these rows: what_of(row) gives what each is called, empty where it is not to be sent, and its flows.
  template <class WhatOf>
  void add_top(const Range& rows, WhatOf what_of) {
    std::size_t sent = 0;
    for (std::size_t i = rows.first; i < rows.first + rows.count && sent < context_.top; ++i) {
      const auto [what, flows] = what_of(i);
      if (what.empty() || !means_something(flows)) continue;
      add_both_ways(what, flows);
      ++sent;
    }
  }

  void push(const char* type, const std::string& what, std::vector<Value> values) {
    ValueList list = prototype_;
    list.type = type;
    list.type_instance = fitted(name_ + ":" + what, kMaxPartOctets);
    list.values = std::move(values);
    lists_.push_back(std::move(list));
  }

  void push_gauge(const char* type, const std::string& what, double value) {
    if (std::isfinite(value)) push(type, what, {value});
  }

  void add_both_ways(const std::string& what, const FlowBothWays& flows) {
    for (const EstimateType& type : kEstimateTypes) {
      const auto rx = has_rx() ? derive(flows.rx.total.*type.estimate) : std::nullopt;
      const auto tx = has_tx() ? derive(flows.tx.total.*type.estimate) : std::nullopt;
      if (rx && tx) {
        push(type.both, what, {*rx, *tx});
      } else if (rx) {
        push(type.rx, what, {*rx});
      } else if (tx) {
        push(type.tx, what, {*tx});
      }
    }
  }

  void add_direction(const FlowEstimate& estimate, const std::optional<double>& coverage, const std::string& direction) {
    if (coverage) push_gauge("gauge", "coverage_" + direction, *coverage);
    push_gauge("gauge", "error_" + direction, estimate.recent.octets_error_95);
    if (const auto samples = derive(static_cast<double>(estimate.total.samples))) push("derive", "samples_" + direction, {*samples});
  }

  void add_tcp(const TcpPerformance& tcp) {
    constexpr double kMicrosecond = 1e6;
    push_gauge("latency", "rtt", tcp.rtt_us / kMicrosecond);
    push_gauge("latency", "rtt_variance", tcp.rtt_variance_us / kMicrosecond);
    push_gauge("latency", "rtt_min", tcp.min_rtt_us / kMicrosecond);
    if (tcp.samples == 0) return;
    const auto percent = [&](std::uint64_t samples) { return 100.0 * static_cast<double>(samples) / static_cast<double>(tcp.samples); };
    push_gauge("percent", "tcp_lossy", percent(tcp.samples_lossy));
    push_gauge("percent", "tcp_retransmitting", percent(tcp.samples_retransmitting));
  }

  // One row for each identifier, the heaviest first. Two networks may have one name: then the row that began first, which is the same in
  // the next snapshot, since totals of two rows in turn would make no rate.
  std::vector<std::pair<std::string, ConversationRow>> find_peers() const {
    const Range rows = context_.index.conversations(vnic_);
    std::vector<std::pair<std::string, ConversationRow>> peers;
    std::unordered_map<std::string, std::size_t> places;
    for (std::size_t i = rows.first; i < rows.first + rows.count; ++i) {
      const ConversationRow row = context_.snapshot.conversation(i);
      const std::string peer = peer_part(row);
      if (peer.empty()) continue;
      const auto [place, added] = places.try_emplace(peer, peers.size());
      if (added) {
        peers.emplace_back(peer, row);
      } else if (row.flows.since < peers[place->second].second.flows.since) {
        peers[place->second].second = row;
      }
    }
    return peers;
  }

  // The MAC tells a VM's vNICs apart, and VMs whose names could be taken for one another. Empty: nobody who is to be sent.
  std::string peer_part(const ConversationRow& row) const {
    switch (row.kind) {
      case PeerKind::kVnic: {
        const VnicRow peer = context_.snapshot.vnic(row.peer_vnic);
        const std::string ordinal = peer.key.ordinal > 0 ? fmt::format("-{}", peer.key.ordinal) : "";
        return fmt::format("vm:{}:{}{}", peer_name(context_.names.names[peer.domain], context_.naming), peer.key.mac.text(), ordinal);
      }
      case PeerKind::kAddress:
        return context_.addresses && row.address.known() ? "address:" + row.address.text() : "";
      case PeerKind::kNetwork:
        return "network:" + safe_part(row.network);
      case PeerKind::kNone:
        break;
    }
    return "";
  }

  Metadata with_peer(const Metadata& of_vnic, const ConversationRow& row) const {
    Metadata metadata = of_vnic;
    if (row.kind == PeerKind::kVnic) {
      metadata.emplace_back("peer_uuid", context_.snapshot.vnic(row.peer_vnic).key.domain.text());
    }
    if (row.service.protocol != 0) metadata.emplace_back("service", row.service.text());
    if (!row.application.empty()) metadata.emplace_back("application", printable(row.application));
    if (!row.server_name.empty()) metadata.emplace_back("server_name", printable(row.server_name));
    if (row.source != FlowSource::kUnknown) metadata.emplace_back("source", vmtraffic::name_of(row.source));
    return metadata;
  }

  const FlowContext& context_;
  const std::size_t vnic_;
  const VnicFlowsRow& row_;
  const std::string& name_;
  ValueList prototype_;
  std::vector<ValueList>& lists_;
};

}  // namespace

FlowIndex::FlowIndex(const Snapshot& snapshot) {
  if (!snapshot.flows()) return;
  const std::size_t vnics = snapshot.vnic_count();
  protocols_ = ranges(snapshot.protocol_count(), vnics, [&](std::size_t i) { return snapshot.protocol(i).vnic; });
  services_ = ranges(snapshot.service_count(), vnics, [&](std::size_t i) { return snapshot.service(i).vnic; });
  applications_ = ranges(snapshot.application_count(), vnics, [&](std::size_t i) { return snapshot.application(i).vnic; });
  conversations_ = ranges(snapshot.conversation_count(), vnics, [&](std::size_t i) { return snapshot.conversation(i).vnic; });
  for (std::size_t i = 0; i < snapshot.drop_count(); ++i) {
    if (const auto vnic = snapshot.drop(i).vnic) drops_.emplace_back(*vnic, i);
  }
  std::sort(drops_.begin(), drops_.end());
}

std::vector<std::size_t> FlowIndex::drops(std::size_t vnic) const {
  std::vector<std::size_t> rows;
  for (auto at = std::lower_bound(drops_.begin(), drops_.end(), std::pair(vnic, std::size_t{0})); at != drops_.end() && at->first == vnic;
       ++at) {
    rows.push_back(at->second);
  }
  return rows;
}

void add_flow_values(const FlowContext& context, std::size_t vnic, const std::string& name, const ValueList& prototype,
                     std::vector<ValueList>& lists) {
  const auto row = context.index.empty() ? std::nullopt : context.snapshot.vnic_flows(vnic);
  if (!row) return;
  FlowBuilder builder(context, vnic, *row, name, prototype, lists);
  builder.add_all();
  builder.add_protocols();
  builder.add_drops();
  builder.add_services();
  builder.add_applications();
  builder.add_conversations();
}

}  // namespace vmtraffic::collectd
