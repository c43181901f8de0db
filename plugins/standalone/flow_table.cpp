#include "plugins/standalone/flow_table.hpp"

#include <fmt/format.h>

#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "plugins/standalone/order.hpp"
#include "plugins/standalone/text_table.hpp"

namespace vmtraffic::standalone {
namespace {

std::string or_absent(std::string_view name) { return name.empty() ? std::string(kAbsent) : printable(name); }

// How long ago, by a clock that may be of another boot.
std::string age(const Snapshot& snapshot, const Clock& clock, Nanoseconds then) {
  return snapshot.age(clock) ? duration(clock.boottime() - then) : std::string(kAbsent);
}

// Nobody takes samples: whatever is told was captured.
bool is_captured(const Snapshot& snapshot) { return snapshot.performance() && snapshot.agent_count() == 0; }

std::string covered(double seconds) { return seconds < 10 ? fmt::format("{:.2g} s", seconds) : fmt::format("{:.0f} s", seconds); }

std::string summary(const FlowsInfo& flows, bool captured) {
  if (captured) {
    std::string text = fmt::format("Captured packets, rates over {}. Since the start {:.0f} packets, {}", covered(flows.covered_s),
                                   flows.packets, octets(flows.octets));
    if (flows.packets > 0) text += fmt::format("; {} of them belong to no vNIC", percent(flows.unattributed_packets / flows.packets));
    return text + ".\n";
  }
  std::string text = fmt::format("Sampled packets, rates over {:.0f} s. Since the start {} samples stand for {:.0f} packets and {}",
                                 flows.covered_s, flows.samples, flows.packets, octets(flows.octets));
  if (flows.packets > 0)
    text +=
        fmt::format("; {} of the packets were neither sent nor received by a vNIC", percent(flows.unattributed_packets / flows.packets));
  return text + ".\n";
}

std::string rate(const Estimate& recent, double covered_s) {
  return recent.samples > 0 && covered_s > 0 && std::isfinite(covered_s) ? bits(recent.octets / covered_s) : std::string(kAbsent);
}
std::string error(const Estimate& recent) { return recent.samples > 0 ? percent(recent.octets_error_95) : std::string(kAbsent); }
std::string sum(const Estimate& total) { return total.samples > 0 ? octets(total.octets) : std::string(kAbsent); }

// rx and tx of what one of them may lack.
std::string pair_of(const std::string& rx, const std::string& tx) {
  if (rx == kAbsent && tx == kAbsent) return std::string(kAbsent);
  return rx == tx ? rx : fmt::format("{} / {}", rx, tx);
}

std::string coverage(const VnicFlowsRow& row) {
  const auto share = [](const std::optional<double>& c) { return c ? percent(*c) : std::string(kAbsent); };
  return row.coverage_rx || row.coverage_tx ? fmt::format("{} / {}", share(row.coverage_rx), share(row.coverage_tx)) : std::string(kAbsent);
}

std::string attribution(const VnicFlowsRow& row) {
  const auto by = [](AttributedBy how) { return how == AttributedBy::kNothing ? std::string(kAbsent) : std::string(name_of(how)); };
  return pair_of(by(row.rx_by), by(row.tx_by));
}

std::string round_trip(const VnicFlowsRow& row) {
  return row.tcp && std::isfinite(row.tcp->rtt_us) ? number(row.tcp->rtt_us / 1000) + " ms" : std::string(kAbsent);
}

const std::vector<Column> kFlowColumns{{"VM, PEER"},       {"MAC, SERVICE"},   {"RX", true},      {"±", true},
                                       {"TX", true},       {"±", true},        {"SAMPLES", true}, {"RX TOTAL", true},
                                       {"TX TOTAL", true}, {"COVERAGE", true}, {"RTT", true},     {"BY"}};

Cells flow_cells(std::string name, std::string what, const FlowBothWays& flows, double covered_s) {
  return {std::move(name),
          std::move(what),
          rate(flows.rx.recent, covered_s),
          error(flows.rx.recent),
          rate(flows.tx.recent, covered_s),
          error(flows.tx.recent),
          fmt::format("{}/{}", flows.rx.recent.samples, flows.tx.recent.samples),
          sum(flows.rx.total),
          sum(flows.tx.total)};
}

std::string peer_name(const Snapshot& snapshot, const ConversationRow& row) {
  switch (row.kind) {
    case PeerKind::kAddress:
      return row.address.text();
    case PeerKind::kNetwork:
      return fmt::format("network {}", printable(row.network));
    case PeerKind::kVnic: {
      const VnicRow vnic = snapshot.vnic(row.peer_vnic);
      return fmt::format("VM {} {}", printable(snapshot.domain(vnic.domain).name), vnic.key.mac.text());
    }
    case PeerKind::kNone:
      break;
  }
  return std::string(kAbsent);
}

// What it carries, as far as that is known: "tcp/443 TLS.Google example.org".
std::string carries(const ConversationRow& row) {
  std::string text = row.service.text();
  for (const std::string_view more : {row.application, row.server_name}) {
    if (!more.empty()) text += (text.empty() ? "" : " ") + printable(more);
  }
  return or_absent(text);
}

// Conversations by vNIC, in the snapshot's order.
std::vector<std::vector<ConversationRow>> conversations_of(const Snapshot& snapshot) {
  std::vector<std::vector<ConversationRow>> by_vnic(snapshot.vnic_count());
  for (std::size_t index = 0; index < snapshot.conversation_count(); ++index) {
    const ConversationRow row = snapshot.conversation(index);
    if (row.vnic < by_vnic.size()) by_vnic[row.vnic].push_back(row);
  }
  return by_vnic;
}

std::string vnic_section(const Snapshot& snapshot, const FlowsInfo& info, std::size_t width) {
  const auto conversations = conversations_of(snapshot);
  std::vector<Cells> rows;
  for (const std::size_t index : domains_by_name(snapshot)) {
    const DomainRow domain = snapshot.domain(index);
    for (const VnicRow& vnic : vnics_by_number(snapshot, domain)) {
      const std::optional<VnicFlowsRow> flows = snapshot.vnic_flows(vnic.index);
      if (!flows || flows->all.rx.total.samples + flows->all.tx.total.samples == 0) continue;
      Cells cells = flow_cells(printable(domain.name), vnic.key.mac.text(), flows->all, info.covered_s);
      cells.insert(cells.end(), {coverage(*flows), round_trip(*flows), attribution(*flows)});
      rows.push_back(std::move(cells));
      for (const ConversationRow& row : conversations[vnic.index]) {
        Cells of_peer = flow_cells(fmt::format("  {}", peer_name(snapshot, row)), carries(row), row.flows, info.covered_s);
        of_peer.insert(of_peer.end(), {"", "", row.source == FlowSource::kUnknown ? "" : std::string(name_of(row.source))});
        rows.push_back(std::move(of_peer));
      }
    }
  }
  return rows.empty() ? fmt::format("No packet of a vNIC was {}.\n", is_captured(snapshot) ? "captured" : "sampled")
                      : lines_of(kFlowColumns, std::move(rows), width);
}

std::string application_section(const Snapshot& snapshot, const FlowsInfo& info, std::size_t width) {
  std::vector<Cells> rows;
  for (std::size_t index = 0; index < snapshot.application_count(); ++index) {
    const ApplicationRow row = snapshot.application(index);
    const VnicRow vnic = snapshot.vnic(row.vnic);
    rows.push_back({printable(snapshot.domain(vnic.domain).name), vnic.key.mac.text(), printable(row.name), printable(row.category),
                    rate(row.flows.rx.recent, info.covered_s), rate(row.flows.tx.recent, info.covered_s), sum(row.flows.rx.total),
                    sum(row.flows.tx.total)});
  }
  if (rows.empty()) return "";
  return fmt::format(
      "\n{}", lines_of({{"VM"}, {"MAC"}, {"APPLICATION"}, {"CATEGORY"}, {"RX", true}, {"TX", true}, {"RX TOTAL", true}, {"TX TOTAL", true}},
                       std::move(rows), width));
}

std::string drop_section(const Snapshot& snapshot, std::size_t width) {
  if (snapshot.drop_count() == 0) return "";
  std::vector<Cells> rows;
  for (std::size_t index = 0; index < snapshot.drop_count(); ++index) {
    const DropRow drop = snapshot.drop(index);
    Cells cells{"of no vNIC", std::string(kAbsent), std::string(kAbsent)};
    if (drop.vnic) {
      const VnicRow vnic = snapshot.vnic(*drop.vnic);
      cells = {printable(snapshot.domain(vnic.domain).name), vnic.key.mac.text(), drop.direction == Direction::kRx ? "rx" : "tx"};
    }
    cells.insert(cells.end(), {or_absent(drop.reason), total(drop.recent_packets), total(drop.packets), total(drop.octets)});
    rows.push_back(std::move(cells));
  }
  return fmt::format("\n{}",
                     lines_of({{"DROPPED"}, {"MAC"}, {""}, {"REASON"}, {"RECENT PACKETS", true}, {"PACKETS", true}, {"OCTETS", true}},
                              std::move(rows), width));
}

std::string agent_section(const Snapshot& snapshot, const Clock& clock, std::size_t width) {
  if (snapshot.agent_count() == 0) return snapshot.performance() ? "" : "\nNo sFlow agent was heard.\n";
  std::vector<Cells> rows;
  for (std::size_t index = 0; index < snapshot.agent_count(); ++index) {
    const AgentRow agent = snapshot.agent(index);
    rows.push_back({fmt::format("{}/{}", printable(agent.address), agent.sub_agent), or_absent(agent.host), or_absent(agent.sender),
                    total(agent.datagrams), total(agent.lost), total(agent.samples), total(agent.samples_lost),
                    agent.sampling_rate > 0 ? fmt::format("1 in {}", number(agent.sampling_rate)) : std::string(kAbsent),
                    age(snapshot, clock, agent.last_boottime), agent.local ? "on this host" : ""});
  }
  return fmt::format("\n{}", lines_of({{"AGENT"},
                                       {"HOST"},
                                       {"SENDER"},
                                       {"DATAGRAMS", true},
                                       {"LOST", true},
                                       {"SAMPLES", true},
                                       {"LOST", true},
                                       {"RATE", true},
                                       {"AGE", true},
                                       {""}},
                                      std::move(rows), width));
}

}  // namespace

std::string render_flows(const Snapshot& snapshot, const Clock& clock, std::size_t width) {
  const std::optional<FlowsInfo> info = snapshot.flows();
  if (!info) return "";
  return fmt::format("\n{}\n{}{}{}{}", summary(*info, is_captured(snapshot)), vnic_section(snapshot, *info, width),
                     application_section(snapshot, *info, width), drop_section(snapshot, width), agent_section(snapshot, clock, width));
}

std::string render_hosts(const Snapshot& index, const Clock& clock) {
  if (index.host_count() == 0) return "No other host is known: no sFlow agent has described one.\n";
  std::vector<Cells> rows;
  for (std::size_t i = 0; i < index.host_count(); ++i) {
    const HostRow host = index.host(i);
    rows.push_back({printable(host.name), printable(host.address), fmt::format("{}", host.domains), fmt::format("{}", host.vnics),
                    age(index, clock, host.last_boottime)});
  }
  return lines_of({{"HOST"}, {"AGENT"}, {"VMS", true}, {"VNICS", true}, {"AGE", true}}, std::move(rows), 0);
}

}  // namespace vmtraffic::standalone
