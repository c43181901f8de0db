#include "core/traffic/flow_ledger.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <map>
#include <utility>

namespace vmtraffic {
namespace {

// Names of bridges and networks: when so many came and went, numbering begins anew, and what was learnt in the old numbers ages out.
constexpr std::size_t kMaxNetworks = 65'536;

constexpr std::uint32_t kAllTellAddresses = 64;
constexpr std::uint32_t kOneTellsAddress = 8;
constexpr std::uint32_t kFewConversations = 256;

constexpr std::uint32_t kLeastForAddress = 2;  // one packet may be an accident

constexpr std::uint32_t kAmbiguous = std::numeric_limits<std::uint32_t>::max();

constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15;  // 2^64 by the golden ratio: Knuth's multiplicative hashing

// First octets from which on an address is not one host's.
constexpr std::uint8_t kMulticast4 = 224, kMulticast6 = 255;

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kEsp = 50, kIcmpv6 = 58, kSctp = 132;

bool is_multicast(const MacAddress& mac) { return (mac.octets[0] & 1) != 0; }

TrafficClass class_of(const Frame& frame) {
  if (frame.arp) return TrafficClass::kArp;
  if (!frame.ip) return TrafficClass::kOther;
  switch (frame.ip->protocol) {
    case kTcp:
      return TrafficClass::kTcp;
    case kUdp:
      return TrafficClass::kUdp;
    case kIcmp:
      return TrafficClass::kIcmp;
    case kIcmpv6:
      return TrafficClass::kIcmpv6;
    case kSctp:
      return TrafficClass::kSctp;
    case kEsp:
      return TrafficClass::kEsp;
    default:
      return TrafficClass::kOtherIp;
  }
}

// The service is at the end that listens. A connection's first packet tells which that is; of any other packet the lower port is taken,
// since clients use high ones.
std::optional<ServiceKey> service_of(const Frame& frame) {
  if (frame.tcp) {
    const bool opens = frame.tcp->has(kTcpSyn);
    const std::uint16_t low = std::min(frame.tcp->src_port, frame.tcp->dst_port);
    const std::uint16_t listening = frame.tcp->has(kTcpAck) ? frame.tcp->src_port : frame.tcp->dst_port;
    return ServiceKey{kTcp, opens ? listening : low};
  }
  if (frame.udp) return ServiceKey{kUdp, std::min(frame.udp->src_port, frame.udp->dst_port)};
  return std::nullopt;
}

}  // namespace

FlowLedger::FlowLedger(Limits limits, const std::vector<NamedNetwork>& networks)
    : limits_(limits), conversations_(limits.conversations_per_vnic == 0 ? limits.conversations : kFewConversations) {
  for (const NamedNetwork& n : networks) {
    const auto known = std::find(network_names_.begin(), network_names_.end(), n.name);
    const auto name = static_cast<std::uint32_t>(known - network_names_.begin());
    if (known == network_names_.end()) network_names_.push_back(n.name);
    networks_.push_back({n.network, name});
  }
  std::stable_sort(networks_.begin(), networks_.end(),
                   [](const NumberedNetwork& a, const NumberedNetwork& b) { return a.network.prefix_length > b.network.prefix_length; });
}

FlowLedger::~FlowLedger() = default;

void FlowLedger::set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes) {
  std::map<VnicKey, std::uint32_t> places;
  for (std::uint32_t id = 0; id < vnics_.size(); ++id) {
    if (vnics_[id]) places.emplace(vnics_[id]->key, id);
  }
  by_if_index_.clear();
  by_mac_.clear();
  rows_.clear();
  if (network_numbers_.size() > kMaxNetworks) network_numbers_.clear();
  for (const Domain& domain : inventory.domains) {
    for (const Vnic& vnic : domain.vnics) {
      const VnicKey key{domain.uuid, vnic.mac, vnic.ordinal};
      std::uint32_t id = 0;
      if (const auto found = places.find(key); found != places.end()) {
        id = found->second;
        places.erase(found);
      } else {
        id = new_id();
        vnics_[id] = std::make_unique<VnicFlows>(key, limits_.services_per_vnic);
      }
      const std::size_t row = rows_.size();
      rows_.push_back(id);
      vnics_[id]->network = network_numbers_.try_emplace(vnic.source, static_cast<std::uint32_t>(network_numbers_.size())).first->second;
      if (!is_active(domain.state)) continue;
      if (row < if_indexes.size() && if_indexes[row] != 0) by_if_index_[if_indexes[row]] = id;
      const auto [at, is_new] = by_mac_.try_emplace(vnic.mac.number(), id);
      if (!is_new) at->second = kAmbiguous;
    }
  }
  for (const auto& [key, id] : places) vnics_[id].reset();
  if (limits_.conversations_per_vnic != 0)
    conversations_.grow(
        static_cast<std::uint32_t>(std::min<std::size_t>(limits_.conversations, limits_.conversations_per_vnic * rows_.size())));
  found_ends_.resize(std::bit_ceil(std::clamp<std::size_t>(2 * rows_.size(), 16, 4096)));
  rebuild_addresses();
  if (places.empty()) return;
  // Whoever gets the number next must not inherit conversations.
  conversations_.remove_if([this](const ConversationKey& key, const auto&) {
    return vnics_[key.vnic] == nullptr || (key.peer.kind == PeerKind::kVnic && vnics_[key.peer.number] == nullptr);
  });
  drops_.remove_if([this](const DropKey& key, const auto&) { return key.vnic != kNoVnic && vnics_[key.vnic] == nullptr; });
  for (const auto& [key, id] : places) free_.push_back(id);
}

// What lookups by VNI and by address know, from what each vNIC learnt. Between two of these, lookups allocate nothing.
void FlowLedger::rebuild_addresses() {
  ++epoch_;
  by_vni_mac_.clear();
  by_address_.clear();
  for (const std::uint32_t id : rows_) {
    VnicFlows& flows = *vnics_[id];
    // What is seen in a period's course holds at once, its end tells what no longer does.
    flows.forwards = flows.forwards || flows.addresses.evictions() > flows.evicted_before;
    if (flows.vni) {
      const auto [at, is_new] = by_vni_mac_.try_emplace({*flows.vni, flows.key.mac.number()}, id);
      if (!is_new && at->second != id) at->second = kAmbiguous;
    }
    if (flows.forwards_now()) continue;
    flows.addresses.for_each([&](const ScopedAddress& address, std::uint32_t samples) {
      if (!address.scope.is_told() || samples < kLeastForAddress) return;
      const auto [at, is_new] = by_address_.try_emplace(address, id);
      if (!is_new && at->second != id) at->second = kAmbiguous;
    });
  }
}

std::vector<IpAddress> FlowLedger::learnt_addresses(std::size_t row) const {
  std::vector<IpAddress> out;
  const VnicFlows& flows = *vnics_[rows_[row]];
  if (flows.forwards_now()) return out;
  flows.addresses.for_each([&](const ScopedAddress& address, std::uint32_t samples) {
    if (samples >= kLeastForAddress && std::find(out.begin(), out.end(), address.address) == out.end()) out.push_back(address.address);
  });
  return out;
}

std::uint32_t FlowLedger::new_id() {
  if (!free_.empty()) {
    const std::uint32_t id = free_.back();
    free_.pop_back();
    return id;
  }
  vnics_.emplace_back();
  return static_cast<std::uint32_t>(vnics_.size() - 1);
}

std::optional<FlowLedger::Side> FlowLedger::by_port(const SampledPacket& sample, std::uint32_t port) const {
  if (!sample.ports_are_ours || port == 0) return std::nullopt;
  const auto found = by_if_index_.find(port);
  if (found == by_if_index_.end()) return std::nullopt;
  return Side{found->second, sample.at_tap ? AttributedBy::kTap : AttributedBy::kPort};
}

// The vNIC with this MAC. Where the packet's VNI is known, and a vNIC's too, they must be one.
std::optional<std::uint32_t> FlowLedger::owner(const MacAddress& mac, std::optional<std::uint32_t> vni) const {
  if (is_multicast(mac)) return std::nullopt;
  if (vni) {
    const auto found = by_vni_mac_.find({*vni, mac.number()});
    if (found != by_vni_mac_.end()) return found->second == kAmbiguous ? std::nullopt : std::optional(found->second);
  }
  const auto found = by_mac_.find(mac.number());
  if (found == by_mac_.end() || found->second == kAmbiguous) return std::nullopt;
  const std::optional<std::uint32_t>& own = vnics_[found->second]->vni;
  if (vni && own && *own != *vni) return std::nullopt;
  return found->second;
}

// The inner frame's address where there is one: whose tunnel carries it is another question.
std::optional<FlowLedger::Side> FlowLedger::by_mac(const SampledPacket& sample, bool source) const {
  const auto look_up = [&](const Frame& frame, AttributedBy by, std::optional<std::uint32_t> vni) -> std::optional<Side> {
    if (!frame.ethernet) return std::nullopt;
    const auto found = owner(source ? frame.ethernet->src : frame.ethernet->dst, vni);
    return found ? std::optional(Side{*found, by}) : std::nullopt;
  };
  const Packet& packet = *sample.packet;
  if (packet.depth > 0) {
    if (const auto side = look_up(packet.inner, AttributedBy::kInnerMac, packet.tunnel.vni ? packet.tunnel.vni : sample.vni)) return side;
  }
  return look_up(packet.outer, AttributedBy::kOuterMac, packet.depth > 0 ? std::nullopt : sample.vni);
}

Scope FlowLedger::scope_of(const SampledPacket& sample, const Side& side, const Frame& frame) const {
  const std::optional<std::uint32_t> vni = side.by == AttributedBy::kInnerMac ? sample.packet->tunnel.vni : std::nullopt;
  if (vni) return {true, *vni, 0};
  if (sample.vni) return {true, *sample.vni, 0};
  const VnicFlows& flows = *vnics_[side.vnic];
  if (flows.vni) return {true, *flows.vni, 0};
  return {false, flows.network, sample.vlan != 0 ? sample.vlan : frame.vlans.empty() ? std::uint16_t{0} : frame.vlans[0].id()};
}

// What a vNIC sends with its own MAC tells its addresses, and what its port's packets go into tells its VNI.
void FlowLedger::learn(const SampledPacket& sample, const Side& side, const Frame& frame) {
  VnicFlows& flows = *vnics_[side.vnic];
  if (!frame.ethernet || frame.ethernet->src != flows.key.mac) return;
  if (side.by >= AttributedBy::kPort && sample.vni && flows.vni != sample.vni) {
    flows.vni = sample.vni;
    ++epoch_;
  }
  if (frame.arp && frame.arp->sender_mac != flows.key.mac) return;  // it answers for another
  // Of IP packets one in a few is enough to know an address, as long as they are many.
  if (!frame.arp && ++flows.learning > kAllTellAddresses && flows.learning % kOneTellsAddress != 0) return;
  const IpAddress& address = frame.arp ? frame.arp->sender_ip : frame.ip ? frame.ip->src : IpAddress{};
  const bool is_one_hosts = address.known() && address != IpAddress{.version = address.version} &&
                            address.octets[0] < (address.version == 4 ? kMulticast4 : kMulticast6);
  if (is_one_hosts) ++flows.addresses.touch({scope_of(sample, side, frame), address});
}

// By a MAC, although the vNIC's own port is an agent's that samples on this host: it would have named the port. So this is another's packet
// with the same MAC, or the same packet seen elsewhere.
bool FlowLedger::is_guess(const Side& side, Nanoseconds now) const {
  if (side.by >= AttributedBy::kPort) return false;
  const Nanoseconds told = vnics_[side.vnic]->port_told;
  const auto lately = [&](Nanoseconds when) { return when != 0 && now - when <= limits_.election_lasts; };
  return lately(told) && lately(sampled_here_);
}

// One agent a vNIC and direction: the nearest, and among equals the one that was first, as long as it goes on.
bool FlowLedger::elect(const Side& side, Direction direction, const SampledPacket& sample, Nanoseconds now) {
  VnicFlows& flows = *vnics_[side.vnic];
  const auto d = static_cast<std::size_t>(direction);
  Election& elected = flows.elected[d];
  const bool same = elected.agent == sample.agent && elected.by == side.by && elected.egress == sample.egress;
  const bool silent = now - elected.last_sample > limits_.election_lasts;
  if (!same && elected.agent != 0 && side.by <= elected.by && !silent) return false;
  elected = {sample.agent, side.by, sample.egress, now};
  return true;
}

Peer FlowLedger::peer_of(const SampledPacket& sample, const Side& side, const Frame& frame, Direction direction,
                         const std::optional<Side>& other) const {
  if (other) return {PeerKind::kVnic, other->vnic, {}};
  if (!frame.ip) return {};
  const IpAddress& address = direction == Direction::kTx ? frame.ip->dst : frame.ip->src;
  // Before what guests say of themselves: what the configuration names is not for them to claim.
  for (const NumberedNetwork& n : networks_) {
    if (n.network.contains(address)) return {PeerKind::kNetwork, n.name, {}};
  }
  // Behind a router a vNIC is known by its address alone.
  const auto known = by_address_.find({scope_of(sample, side, frame), address});
  if (known != by_address_.end() && known->second != kAmbiguous && known->second != side.vnic) return {PeerKind::kVnic, known->second, {}};
  return {PeerKind::kAddress, 0, address};
}

void FlowLedger::account(const SampledPacket& sample, const Side& side, const std::optional<Side>& other, Direction direction,
                         Nanoseconds now) {
  if (!elect(side, direction, sample, now)) {
    ++counts_.not_elected;
    return;
  }
  ++(side.by >= AttributedBy::kPort ? counts_.by_port : side.by == AttributedBy::kInnerMac ? counts_.by_inner_mac : counts_.by_outer_mac);
  // What the vNIC itself sees: from its port all of the frame, by an inner address what the tunnel carries.
  const Frame& frame = side.by == AttributedBy::kInnerMac ? sample.packet->inner : sample.packet->outer;
  const double octets = side.by == AttributedBy::kInnerMac && frame.length > 0 ? frame.length : sample.octets;
  VnicFlows& flows = *vnics_[side.vnic];
  if (side.by >= AttributedBy::kPort && direction == Direction::kTx && frame.ethernet && frame.ethernet->src != flows.key.mac) {
    flows.foreign_mac += sample.frames;
    counts_.foreign_mac += sample.frames;
  }
  const Seen seen{octets, sample.scale, sample.frames, sample.flow};
  flows.all.add(direction, seen, now);
  flows.by_class[static_cast<std::size_t>(class_of(frame))].add(direction, seen, now);
  const auto service = service_of(frame);
  VnicFlows::Hints& hints = flows.hints[static_cast<std::size_t>(direction)];
  if (service) flows.services.touch(*service, hints.service, sample.frames).add(direction, seen, now);
  const bool has_application = sample.application != SampledPacket::kNotLookedFor;
  if (has_application) flows.applications.touch(sample.application, hints.application, sample.frames).add(direction, seen, now);
  if (sample.tcp != nullptr) flows.tcp.add(*sample.tcp);
  if (direction == Direction::kTx) learn(sample, side, frame);
  const Peer peer = peer_of(sample, side, frame, direction, other);
  if (peer.kind == PeerKind::kNone) return;
  ConversationFlows& conversation = conversations_.touch({side.vnic, peer}, hints.conversation, sample.frames);
  conversation.sums.add(direction, seen, now);
  conversation.service.vote(service.value_or(ServiceKey{}), sample.frames);
  if (has_application) conversation.application.vote(sample.application, sample.frames);
  if (sample.server_name != nullptr) conversation.server_name = *sample.server_name;
}

FlowLedger::Ends FlowLedger::ends_of(const SampledPacket& sample) {
  const Packet& packet = *sample.packet;
  if (packet.depth > 0 || !packet.outer.ethernet || found_ends_.empty()) return look_up_ends(sample);
  const EndsKey key{.src = packet.outer.ethernet->src.number(),
                    .dst = packet.outer.ethernet->dst.number(),
                    .input = sample.ports_are_ours ? sample.input : 0,
                    .output = sample.ports_are_ours ? sample.output : 0,
                    .vni = sample.vni.value_or(EndsKey::kNoVni)};
  const std::uint64_t mixed = (key.src + (key.dst ^ std::uint64_t{key.input} << 32 ^ key.output) * kOdd) * kOdd;
  FoundEnds& found = found_ends_[mixed >> 32 & (found_ends_.size() - 1)];
  if (found.epoch != epoch_ || found.key != key) found = {epoch_, key, look_up_ends(sample)};
  return found.ends;
}

FlowLedger::Ends FlowLedger::look_up_ends(const SampledPacket& sample) const {
  // A port decides alone: a guest that sends with another's MAC must not be charged to him.
  Ends ends{by_port(sample, sample.input), by_port(sample, sample.output)};
  if (!ends.from) ends.from = by_mac(sample, true);
  if (!ends.to) ends.to = by_mac(sample, false);
  return ends;
}

// At a tap the packet tells of that tap's vNIC alone.
bool FlowLedger::tells_of(const SampledPacket& sample, const std::optional<Side>& side) {
  return side && (!sample.at_tap || side->by == AttributedBy::kTap);
}

bool FlowLedger::take(const SampledPacket& sample, Nanoseconds now, bool ours) {
  if (sample.ports_are_ours) sampled_here_ = now;
  auto [from, to] = ends_of(sample);
  const bool attributed = from || to;
  if (!attributed && !ours) return false;
  counts_.samples += sample.frames;
  counts_.packets += sample.scale * sample.frames;
  counts_.octets += sample.scale * sample.octets;
  if (!attributed) {
    counts_.unattributed_packets += sample.scale * sample.frames;
    counts_.unattributed_octets += sample.scale * sample.octets;
    return false;
  }
  for (std::optional<Side>* side : {&from, &to}) {
    if (!*side || !is_guess(**side, now)) continue;
    ++counts_.not_elected;
    side->reset();
  }
  if (tells_of(sample, from)) account(sample, *from, to, Direction::kTx, now);
  if (tells_of(sample, to)) account(sample, *to, from, Direction::kRx, now);
  return true;
}

bool FlowLedger::is_of_inner(const SampledPacket& sample) const {
  const Ends ends = look_up_ends(sample);
  const auto inner = [](const std::optional<Side>& side) { return side && side->by == AttributedBy::kInnerMac; };
  return inner(ends.from) || inner(ends.to);
}

FlowLedger::Owners FlowLedger::owners(const SampledPacket& sample) {
  const auto [from, to] = ends_of(sample);
  const auto number = [&](const std::optional<Side>& side) { return tells_of(sample, side) ? side->vnic : kNoVnic; };
  return {number(from), number(to)};
}

void FlowLedger::port_told(std::uint32_t if_index, Nanoseconds now) {
  const auto found = by_if_index_.find(if_index);
  if (found == by_if_index_.end()) return;
  vnics_[found->second]->port_told = now;
  if (limits_.ports_tell) note_reading(*vnics_[found->second]);
}

void FlowLedger::note_reading(VnicFlows& flows) {
  for (const Direction d : {Direction::kRx, Direction::kTx}) flows.at_reading[static_cast<std::size_t>(d)] = flows.all.total(d).octets;
}

ExactMarks FlowLedger::marks_of(const VnicFlows& flows, const VnicTotals& totals) {
  ExactMarks out;
  for (const Direction d : {Direction::kRx, Direction::kTx}) {
    const Metric metric = d == Direction::kRx ? kRxOctets : kTxOctets;
    if ((totals.present >> metric & 1) == 0) continue;
    const auto i = static_cast<std::size_t>(d);
    out[i] = ExactMark{totals.total[metric], flows.at_reading[i]};
  }
  return out;
}

void FlowLedger::drop(const SampledPacket& dropped, std::string_view reason, Nanoseconds now) {
  ++counts_.drops;
  reason = reason.substr(0, kLongestReason);
  auto known = reason_ids_.find(reason);
  if (known == reason_ids_.end()) {
    // Reasons are texts of an agent's: bounded like all that comes from outside.
    if (reasons_.size() >= kMaxReasons) reason = "other";
    known = reason_ids_.try_emplace(std::string(reason), static_cast<std::uint32_t>(reasons_.size())).first;
    if (known->second == reasons_.size()) reasons_.emplace_back(reason);
  }
  const auto count = [&](std::uint32_t vnic, Direction direction) {
    DropCounts& counts = drops_.touch({vnic, direction, known->second});
    if (counts.since == 0) counts.since = now;
    ++counts.packets;
    ++counts.current;
    counts.octets += static_cast<std::uint64_t>(dropped.octets);
  };
  const auto [from, to] = ends_of(dropped);
  if (from) count(from->vnic, Direction::kTx);
  if (to) count(to->vnic, Direction::kRx);
  if (!from && !to) count(kNoVnic, Direction::kRx);
}

void FlowLedger::know_application(std::uint32_t application, const ApplicationName& name) { applications_.try_emplace(application, name); }

void FlowLedger::tick(Nanoseconds now, std::span<const VnicTotals> totals) {
  rebuild_addresses();
  for (std::size_t row = 0; row < std::min(rows_.size(), totals.size()); ++row) {
    if (!limits_.ports_tell && totals[row].age != kHeld) note_reading(*vnics_[rows_[row]]);
  }
  const bool begins = period_ == 0;
  if (!begins && now - period_ < limits_.period) return;
  previous_period_ = begins ? now : period_;
  period_ = now;
  const auto begin = [](const auto&, RecentSums& sums) { sums.begin_period(); };
  const auto forget = [](const auto&, const auto&) {};
  for (std::size_t row = 0; row < rows_.size(); ++row) {
    VnicFlows& flows = *vnics_[rows_[row]];
    const bool has = row < totals.size();
    flows.exact_previous = flows.exact;
    flows.exact = has ? marks_of(flows, totals[row]) : ExactMarks{};
    if (begins) {
      flows.exact_previous = flows.exact;
      continue;  // what came before the first tick is of this period
    }
    flows.all.begin_period();
    for (RecentSums& sums : flows.by_class) sums.begin_period();
    flows.services.age(begin, forget);
    flows.applications.age(begin, forget);
    flows.tcp_previous = std::exchange(flows.tcp, {});
    flows.forwards = flows.addresses.evictions() > flows.evicted_before;
    flows.evicted_before = flows.addresses.evictions();
    if (flows.forwards) {
      // So that what is left of them is not believed to be its own once it forwards less.
      flows.addresses.remove_if([](const auto&, const auto&) { return true; });
    } else {
      flows.addresses.age(forget, forget);
    }
  }
  if (begins) return;
  ++periods_;
  conversations_.age([](const auto&, ConversationFlows& c) { c.sums.begin_period(); }, forget);
  drops_.age([](const auto&, DropCounts& c) { c.previous = std::exchange(c.current, 0); }, forget);
}

void FlowLedger::forget_agent(std::uint32_t agent) {
  for (const auto& flows : vnics_) {
    if (flows == nullptr) continue;
    for (Election& elected : flows->elected) {
      if (elected.agent == agent) elected = {};
    }
  }
}

void TcpSums::add(const TcpSample& sample) {
  ++samples;
  rtt_us += sample.rtt_us;
  rtt_variance_us += sample.rtt_variance_us;
  lossy += sample.lost > 0 ? 1 : 0;
  retransmitting += sample.retransmitted > 0 ? 1 : 0;
  if (sample.min_rtt_us > 0 && (min_rtt_us == 0 || sample.min_rtt_us < min_rtt_us)) min_rtt_us = sample.min_rtt_us;
}

TcpSums& TcpSums::operator+=(const TcpSums& other) {
  samples += other.samples;
  lossy += other.lossy;
  retransmitting += other.retransmitting;
  rtt_us += other.rtt_us;
  rtt_variance_us += other.rtt_variance_us;
  if (other.min_rtt_us > 0 && (min_rtt_us == 0 || other.min_rtt_us < min_rtt_us)) min_rtt_us = other.min_rtt_us;
  return *this;
}

}  // namespace vmtraffic
