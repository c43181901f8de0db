#include "core/traffic/flow_view.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <type_traits>
#include <utility>
#include <vector>

namespace vmtraffic {
namespace {

constexpr std::size_t kRx = 0, kTx = 1;

// Fewer octets than this and a frame more or less, under way while the counters were read, is too large a part of them.
constexpr std::uint64_t kLeastForCoverage = 10'000;

FlowSums sums_of(const SampleSums& total, const SampleSums& recent, bool of_flows) {
  const Estimate all = of_flows ? estimate_of_flows(total) : estimate_of(total);
  const Estimate now = of_flows ? estimate_of_flows(recent) : estimate_of(recent);
  FlowSums out;
  out.total_octets = all.octets;
  out.total_packets = all.packets;
  out.total_samples = all.samples;
  out.octets = static_cast<float>(now.octets);
  out.packets = static_cast<float>(now.packets);
  out.samples = static_cast<std::uint32_t>(std::min<std::uint64_t>(now.samples, 0xFFFF'FFFF));
  out.octets_error = static_cast<float>(now.octets_error_95);
  out.packets_error = static_cast<float>(now.packets_error_95);
  out.total_octets_error = static_cast<float>(all.octets_error_95);
  out.total_packets_error = static_cast<float>(all.packets_error_95);
  return out;
}

// A row's sums by direction, each from the ledger that was chosen for it. Nothing where that ledger has none.
struct Choice {
  const RecentSums* sums{nullptr};
  bool of_flows{false};  // a capture's: see estimate_of_flows()
};
using Chosen = std::array<Choice, kDirectionCount>;

template <class Row>
void fill(Row& row, const Chosen& sums) {
  const auto direction = [&](Direction d) {
    const auto [s, of_flows] = sums[static_cast<std::size_t>(d)];
    return s == nullptr ? FlowSums{} : sums_of(s->total(d), s->recent(d), of_flows);
  };
  row.rx = direction(Direction::kRx);
  row.tx = direction(Direction::kTx);
  for (const auto& [s, of_flows] : sums) {
    if (s != nullptr && s->since != 0 && (row.since == 0 || s->since < row.since)) row.since = s->since;
  }
}

template <class Row>
bool is_empty(const Row& row) {
  return row.rx.total_samples == 0 && row.tx.total_samples == 0;
}

template <class Row>
bool busier(const Row& a, const Row& b) {
  const float now_a = a.rx.octets + a.tx.octets;
  const float now_b = b.rx.octets + b.tx.octets;
  if (now_a != now_b) return now_a > now_b;
  return a.rx.total_octets + a.tx.total_octets > b.rx.total_octets + b.tx.total_octets;
}

// What busier() asks of a row, before it is one: of a ledger's thousands of conversations a few are published, and only theirs is worth an
// estimate.
struct Weight {
  float recent{0};
  double total{0};
  bool is_empty{true};

  explicit Weight(const RecentSums& sums) {
    for (std::size_t d = 0; d < kDirectionCount; ++d) {
      const double now = sums.previous[d].octets + sums.current[d].octets;
      recent += static_cast<float>(now);
      total += sums.before[d].octets + now;
      is_empty = is_empty && sums.before[d].samples + sums.previous[d].samples + sums.current[d].samples == 0;
    }
  }
  bool operator>(const Weight& other) const { return recent != other.recent ? recent > other.recent : total > other.total; }
};

// The busiest `most` of what is offered. A heap: almost all are turned away by one comparison.
template <class Key, class Value>
class Busiest {
 public:
  struct Entry {
    Weight weight;
    const Key* key;
    const Value* value;
  };
  void offer(std::uint32_t most, const Entry& entry) {
    const auto busier_first = [](const Entry& a, const Entry& b) { return a.weight > b.weight; };
    if (entry.weight.is_empty) return;
    if (entries_.size() == most) {
      if (most == 0 || !(entry.weight > entries_.front().weight)) return;
      std::pop_heap(entries_.begin(), entries_.end(), busier_first);
      entries_.pop_back();
    }
    entries_.push_back(entry);
    std::push_heap(entries_.begin(), entries_.end(), busier_first);
  }
  const std::vector<Entry>& entries() const { return entries_; }
  void clear() { entries_.clear(); }

 private:
  std::vector<Entry> entries_;
};

class View {
 public:
  View(std::span<const FlowLedger* const> ledgers, const FlowViewOptions& options) : ledgers_(ledgers), options_(options) {
    const std::size_t rows = ledgers[0]->row_count();
    chosen_.resize(rows);
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t d = 0; d < kDirectionCount; ++d) chosen_[row][d] = choose(row, d);
    }
  }

  void vnics(FlowRows& out, std::span<const VnicTotals> totals) const {
    out.vnics.resize(chosen_.size());
    for (std::size_t row = 0; row < chosen_.size(); ++row) {
      VnicFlowSums& v = out.vnics[row];
      fill(v, sums(row, [](const VnicFlows& f) { return &f.all; }));
      const VnicFlows& rx = of(kRx, row);
      const VnicFlows& tx = of(kTx, row);
      v.foreign_mac = tx.foreign_mac;
      v.rx_by = rx.elected[kRx].by;
      v.tx_by = tx.elected[kTx].by;
      v.rx_agent = agent(kRx, row, rx.elected[kRx].agent);
      v.tx_agent = agent(kTx, row, tx.elected[kTx].agent);
      if (row < totals.size()) {
        v.coverage_rx = coverage(*ledgers_[chosen_[row][kRx]], row, Direction::kRx, totals[row]);
        v.coverage_tx = coverage(*ledgers_[chosen_[row][kTx]], row, Direction::kTx, totals[row]);
      }
      TcpSums tcp = rx.tcp;
      tcp += rx.tcp_previous;
      if (&rx != &tx) tcp += tx.tcp, tcp += tx.tcp_previous;
      if (tcp.samples == 0) continue;
      v.tcp_samples = tcp.samples;
      v.tcp_lossy = tcp.lossy;
      v.tcp_retransmitting = tcp.retransmitting;
      v.rtt_us = static_cast<float>(tcp.rtt_us / tcp.samples);
      v.rtt_variance_us = static_cast<float>(tcp.rtt_variance_us / tcp.samples);
      v.min_rtt_us = static_cast<float>(tcp.min_rtt_us);
    }
  }

  void protocols(FlowRows& out) const {
    for (std::size_t row = 0; row < chosen_.size(); ++row) {
      const std::size_t first = out.protocols.size();
      for (std::size_t c = 0; c < kTrafficClassCount; ++c) {
        ProtocolFlowSums p;
        fill(p, sums(row, [c](const VnicFlows& f) { return &f.by_class[c]; }));
        if (is_empty(p)) continue;
        p.vnic = static_cast<std::uint32_t>(row);
        p.protocol = static_cast<TrafficClass>(c);
        out.protocols.push_back(p);
      }
      std::sort(out.protocols.begin() + static_cast<std::ptrdiff_t>(first), out.protocols.end(), busier<ProtocolFlowSums>);
    }
  }

  void services(FlowRows& out) const {
    breakdown(
        out.services, [](const VnicFlows& f) -> const auto& { return f.services; },
        [](ServiceFlowSums& row, const ServiceKey& key) { row.port = key.port, row.protocol = key.protocol; },
        [](const ServiceFlowSums& row) { return std::pair(row.protocol, row.port); });
  }

  void applications(FlowRows& out) {
    breakdown(
        out.applications, [](const VnicFlows& f) -> const auto& { return f.applications; },
        [&](ApplicationFlowSums& row, std::uint32_t number) { row.application = place_of_application(out, number); },
        [](const ApplicationFlowSums& row) { return row.application; });
  }

  void networks(FlowRows& out) {
    for (const FlowLedger* ledger : ledgers_) {
      std::vector<std::uint32_t>& places = network_places_.emplace_back();
      for (const std::string& name : ledger->network_names()) places.push_back(place_of_network(out, name));
      for (const auto& [network, name] : ledger->networks()) {
        const NetworkPrefix prefix{network.address.octets, places[name], network.address.version, network.prefix_length};
        const auto& known = out.network_prefixes;
        if (std::find(known.begin(), known.end(), prefix) == known.end()) out.network_prefixes.push_back(prefix);
      }
    }
    std::stable_sort(out.network_prefixes.begin(), out.network_prefixes.end(),
                     [](const NetworkPrefix& a, const NetworkPrefix& b) { return a.length > b.length; });
  }

  void conversations(FlowRows& out) {
    std::vector<NamedConversation> all;
    out.peers.assign(chosen_.size(), 0);
    for (std::size_t l = 0; l < ledgers_.size(); ++l) {
      const std::vector<std::uint32_t> rows = rows_by_number(*ledgers_[l]);
      std::vector<Busiest<ConversationKey, ConversationFlows>> busiest(chosen_.size());
      const auto add = [&](const ConversationKey& key, const ConversationFlows& flows) {
        if (const auto row = conversation(out, l, rows, key, flows)) all.push_back(*row);
      };
      ledgers_[l]->conversations().for_each([&](const ConversationKey& key, const ConversationFlows& flows) {
        const std::uint32_t row = rows[key.vnic];
        // Named networks are published all; what two ledgers tell of has to be put together first.
        if (key.peer.kind == PeerKind::kNetwork || !is_of_one(row)) return add(key, flows);
        if (chosen_[row][kRx] != l) return;
        out.peers[row] += flows.sums.recent(Direction::kRx).samples + flows.sums.recent(Direction::kTx).samples > 0 ? 1U : 0U;
        busiest[row].offer(options_.top, {Weight(flows.sums), &key, &flows});
      });
      for (const auto& of_row : busiest) {
        for (const auto& entry : of_row.entries()) add(*entry.key, *entry.value);
      }
    }
    if (ledgers_.size() > 1)
      merge(all, [](const NamedConversation& c) { return std::tuple(c.vnic, c.kind, c.peer, c.address_version, c.address); });
    for (const NamedConversation& c : all) {
      if (c.kind != PeerKind::kNetwork && is_of_one(c.vnic)) continue;  // was counted above
      out.peers[c.vnic] += c.rx.samples + c.tx.samples > 0 ? 1U : 0U;
    }
    std::sort(all.begin(), all.end(),
              [](const NamedConversation& a, const NamedConversation& b) { return a.vnic != b.vnic ? a.vnic < b.vnic : busier(a, b); });
    std::uint32_t vnic = 0, taken = 0;
    bool any_server_name = false;
    for (const NamedConversation& c : all) {
      if (c.vnic != vnic) taken = 0;
      vnic = c.vnic;
      const bool named = c.kind == PeerKind::kNetwork;
      if (!named && taken >= options_.top) continue;
      taken += named ? 0 : 1;
      out.conversations.push_back(c);
      out.server_names.emplace_back(c.server_name);
      any_server_name = any_server_name || !c.server_name.empty();
    }
    if (!any_server_name) out.server_names.clear();
  }

  // Several ledgers may have been told of the same drop by two agents: that with the most is believed.
  void drops(FlowRows& out) const {
    std::map<std::tuple<std::uint32_t, Direction, std::string>, DropSums> found;
    for (const FlowLedger* ledger : ledgers_) {
      const std::vector<std::uint32_t> rows = rows_by_number(*ledger);
      ledger->drops().for_each([&](const DropKey& key, const DropCounts& counts) {
        const std::uint32_t row = key.vnic == kNoVnic ? kNoVnic : rows[key.vnic];
        DropSums drop{row == kNoVnic ? std::nullopt : std::optional(row),
                      key.direction,
                      ledger->reason(key.reason),
                      counts.packets,
                      counts.octets,
                      counts.current + counts.previous,
                      counts.since};
        DropSums& known = found[{row, key.direction, drop.reason}];
        if (drop.packets > known.packets) known = std::move(drop);
      });
    }
    for (auto& [key, drop] : found) out.drops.push_back(std::move(drop));
  }

 private:
  struct NamedConversation : ConversationSums {
    std::string_view server_name;
  };

  // A capture tells of every packet, or of every packet of its flows, where an agent tells of some.
  bool is_better(std::uint32_t one, std::uint32_t other, std::size_t row, std::size_t direction) const {
    const FlowLedger &a = *ledgers_[one], &b = *ledgers_[other];
    const Election &by_a = a.flows(row).elected[direction], &by_b = b.flows(row).elected[direction];
    const Nanoseconds lasts = b.limits().election_lasts;
    const bool neither_is_silent = by_a.agent != 0 && by_b.agent != 0 && std::abs(by_a.last_sample - by_b.last_sample) <= lasts;
    if (neither_is_silent && a.limits().captures != b.limits().captures) return a.limits().captures;
    return is_better(by_a, by_b, lasts);
  }

  // The same rule by which a ledger elects among its own agents.
  static bool is_better(const Election& one, const Election& other, Nanoseconds election_lasts) {
    if (one.agent == 0 || other.agent == 0) return one.agent != 0 && other.agent == 0;
    const Nanoseconds later = one.last_sample - other.last_sample;
    if (later > election_lasts || later < -election_lasts) return later > 0;
    return one.by > other.by;
  }

  std::uint32_t choose(std::size_t row, std::size_t direction) const {
    std::uint32_t best = 0;
    for (std::uint32_t l = 1; l < ledgers_.size(); ++l) {
      if (is_better(l, best, row, direction)) best = l;
    }
    return best;
  }

  // The busiest rows of each vNIC, of one of its tables. name(row, key) puts the key into a row, key_of(row) gives it back.
  template <class Row, class Pick, class Name, class KeyOf>
  void breakdown(std::vector<Row>& out, Pick pick, Name name, KeyOf key_of) const {
    using Key = std::remove_cvref_t<decltype(pick(of(kRx, 0)).key_at(0))>;
    std::vector<Row> of_row;
    Busiest<Key, RecentSums> busiest;
    for (std::size_t row = 0; row < chosen_.size(); ++row) {
      of_row.clear();
      const auto add = [&](const Key& key, const RecentSums& s, bool rx, bool tx) {
        Row entry;
        fill(entry, {rx ? choice(kRx, row, s) : Choice{}, tx ? choice(kTx, row, s) : Choice{}});
        if (is_empty(entry)) return;
        entry.vnic = static_cast<std::uint32_t>(row);
        name(entry, key);
        of_row.push_back(entry);
      };
      if (is_of_one(row)) {
        busiest.clear();
        pick(of(kRx, row)).for_each([&](const Key& key, const RecentSums& s) { busiest.offer(options_.top, {Weight(s), &key, &s}); });
        for (const auto& entry : busiest.entries()) add(*entry.key, *entry.value, true, true);
      } else {
        pick(of(kRx, row)).for_each([&](const Key& key, const RecentSums& s) { add(key, s, true, false); });
        pick(of(kTx, row)).for_each([&](const Key& key, const RecentSums& s) { add(key, s, false, true); });
        merge(of_row, key_of);
      }
      std::sort(of_row.begin(), of_row.end(), busier<Row>);
      if (of_row.size() > options_.top) of_row.resize(options_.top);
      out.insert(out.end(), of_row.begin(), of_row.end());
    }
  }

  // Each ledger numbers the networks that its configuration names.
  std::uint32_t place_of_network(FlowRows& out, const std::string& name) {
    const auto place = static_cast<std::size_t>(std::find(out.networks.begin(), out.networks.end(), name) - out.networks.begin());
    if (place == out.networks.size()) out.networks.push_back(name);
    return static_cast<std::uint32_t>(place);
  }

  std::uint32_t place_of_application(FlowRows& out, std::uint32_t number) {
    const auto [place, is_new] = application_places_.try_emplace(number, static_cast<std::uint32_t>(out.application_names.size()));
    if (is_new) {
      const ApplicationName name = name_of_application(number);
      out.application_names.push_back(name.name);
      out.application_categories.push_back(name.category);
    }
    return place->second;
  }

  ApplicationName name_of_application(std::uint32_t number) const {
    for (const FlowLedger* ledger : ledgers_) {
      const auto known = ledger->applications().find(number);
      if (known != ledger->applications().end()) return known->second;
    }
    return {"Unknown", "Unspecified"};
  }

  // Both directions are of one ledger: what another says of the row is not published.
  bool is_of_one(std::size_t row) const { return chosen_[row][kRx] == chosen_[row][kTx]; }

  const VnicFlows& of(std::size_t direction, std::size_t row) const { return ledgers_[chosen_[row][direction]]->flows(row); }

  template <class Pick>
  Chosen sums(std::size_t row, Pick&& pick) const {
    return {choice(kRx, row, *pick(of(kRx, row))), choice(kTx, row, *pick(of(kTx, row)))};
  }

  Choice choice(std::size_t direction, std::size_t row, const RecentSums& sums) const {
    return {&sums, ledgers_[chosen_[row][direction]]->limits().captures};
  }

  std::uint32_t agent(std::size_t direction, std::size_t row, std::uint32_t number) const {
    return number == 0 || !options_.place_of_agent ? 0 : options_.place_of_agent(chosen_[row][direction], number);
  }

  static float coverage(const FlowLedger& ledger, std::size_t row, Direction d, const VnicTotals& totals) {
    const VnicFlows& flows = ledger.flows(row);
    const auto i = static_cast<std::size_t>(d);
    const std::optional<ExactMark>& before = flows.exact_previous[i];
    const std::optional<ExactMark> now = FlowLedger::marks_of(flows, totals)[i];
    if (!before || !now || now->counted < before->counted || now->counted - before->counted < kLeastForCoverage) return -1;
    // Since the counters began anew they say nothing about what went before.
    if (totals.discontinuity_boottime > ledger.recent_since()) return -1;
    if (now->sampled <= before->sampled) return flows.elected[i].agent == 0 ? -1.0F : 0.0F;
    return static_cast<float>((now->sampled - before->sampled) / static_cast<double>(now->counted - before->counted));
  }

  static std::vector<std::uint32_t> rows_by_number(const FlowLedger& ledger) {
    std::vector<std::uint32_t> rows;
    for (std::size_t row = 0; row < ledger.row_count(); ++row) {
      const std::uint32_t number = ledger.number(row);
      if (number >= rows.size()) rows.resize(number + std::size_t{1}, kNoVnic);
      rows[number] = static_cast<std::uint32_t>(row);
    }
    return rows;
  }

  // A capture tells of each packet, or of all packets of the flows that it kept.
  static FlowSource source_of(const FlowLedger& ledger, const ConversationSums& c) {
    if (!ledger.limits().captures) return FlowSource::kSflow;
    const auto is_exact = [](const FlowSums& s) { return s.total_samples == 0 || s.total_packets_error == 0; };
    return is_exact(c.rx) && is_exact(c.tx) ? FlowSource::kCapture : FlowSource::kCaptureScaled;
  }

  std::optional<NamedConversation> conversation(FlowRows& out, std::size_t l, const std::vector<std::uint32_t>& rows,
                                                const ConversationKey& key, const ConversationFlows& flows) {
    const std::uint32_t row = rows[key.vnic];
    NamedConversation c;
    const auto told = [&](std::size_t direction) { return chosen_[row][direction] == l ? choice(direction, row, flows.sums) : Choice{}; };
    fill(c, {told(kRx), told(kTx)});
    if (is_empty(c)) return std::nullopt;
    c.vnic = row;
    c.kind = key.peer.kind;
    if (c.kind == PeerKind::kVnic) c.peer = rows[key.peer.number];
    if (c.kind == PeerKind::kNetwork) c.peer = network_places_[l][key.peer.number];
    if (c.kind == PeerKind::kAddress) {
      c.address = key.peer.address.octets;
      c.address_version = key.peer.address.version;
    }
    if (flows.service.votes > 0) c.protocol = flows.service.value.protocol, c.port = flows.service.value.port;
    if (flows.application.votes > 0) c.application = static_cast<std::uint16_t>(place_of_application(out, flows.application.value) + 1);
    c.server_name = flows.server_name;
    c.source = source_of(*ledgers_[l], c);
    return c;
  }

  // Makes one of each two rows with the same key: one of them has the one direction, the other the other. Its service is the busier
  // one's, and whose word it is the less exact one's.
  template <class Row, class Key>
  static void merge(std::vector<Row>& rows, Key&& key) {
    std::sort(rows.begin(), rows.end(), [&](const Row& a, const Row& b) { return key(a) < key(b); });
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (kept > 0 && key(rows[kept - 1]) == key(rows[i])) {
        Row& into = rows[kept - 1];
        if constexpr (std::is_same_v<Row, NamedConversation>) {
          if (into.protocol == 0 || (rows[i].protocol != 0 && busier(rows[i], into))) {
            into.protocol = rows[i].protocol;
            into.port = rows[i].port;
          }
          if (into.application == 0) into.application = rows[i].application, into.server_name = rows[i].server_name;
          into.source = std::min(into.source, rows[i].source);
        }
        if (rows[i].rx.total_samples > 0) into.rx = rows[i].rx;
        if (rows[i].tx.total_samples > 0) into.tx = rows[i].tx;
        into.since = std::min(into.since, rows[i].since);
      } else {
        rows[kept++] = rows[i];
      }
    }
    rows.resize(kept);
  }

  std::span<const FlowLedger* const> ledgers_;
  const FlowViewOptions& options_;
  std::vector<std::array<std::uint32_t, kDirectionCount>> chosen_;  // by row and direction: which ledger
  std::vector<std::vector<std::uint32_t>> network_places_;          // by ledger and its own number, among the names that are published
  std::map<std::uint32_t, std::uint32_t> application_places_;       // by number, among the names that are published
};

}  // namespace

FlowRows flow_rows(std::span<const FlowLedger* const> ledgers, std::span<const VnicTotals> totals, Nanoseconds now,
                   const FlowViewOptions& options) {
  FlowRows out;
  Nanoseconds since = now;
  for (const FlowLedger* ledger : ledgers) {
    const FlowCounts& counts = ledger->counts();
    out.samples += counts.samples;
    out.packets += counts.packets;
    out.octets += counts.octets;
    out.unattributed_packets += counts.unattributed_packets;
    out.unattributed_octets += counts.unattributed_octets;
    if (ledger->recent_since() != 0) since = std::min(since, ledger->recent_since());
  }
  out.covered_s = static_cast<double>(now - since) / static_cast<double>(kSecond);
  View view(ledgers, options);
  view.networks(out);
  view.vnics(out, totals);
  view.protocols(out);
  view.services(out);
  view.applications(out);
  view.conversations(out);
  view.drops(out);
  return out;
}

}  // namespace vmtraffic
