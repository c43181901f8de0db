#include "core/traffic/flow_ledger.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <utility>

namespace vmtraffic {
namespace {

constexpr std::uint32_t kAmbiguous = std::numeric_limits<std::uint32_t>::max();

constexpr std::uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kEsp = 50, kIcmpv6 = 58, kSctp = 132;

std::uint64_t number_of(const MacAddress& mac) {
  std::uint64_t number = 0;
  for (const std::uint8_t octet : mac.octets) number = number << 8 | octet;
  return number;
}

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

FlowLedger::FlowLedger(Limits limits, std::vector<NamedNetwork> networks)
    : limits_(limits), networks_(std::move(networks)), conversations_(limits.conversations) {}

FlowLedger::~FlowLedger() = default;

void FlowLedger::set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes) {
  std::map<VnicKey, std::uint32_t> places;
  for (std::uint32_t id = 0; id < vnics_.size(); ++id) {
    if (vnics_[id]) places.emplace(vnics_[id]->key, id);
  }
  by_if_index_.clear();
  by_mac_.clear();
  rows_.clear();
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
      if (!is_active(domain.state)) continue;
      if (row < if_indexes.size() && if_indexes[row] != 0) by_if_index_[if_indexes[row]] = id;
      const auto [at, is_new] = by_mac_.try_emplace(number_of(vnic.mac), id);
      if (!is_new) at->second = kAmbiguous;
    }
  }
  for (const auto& [key, id] : places) vnics_[id].reset();
  if (places.empty()) return;
  // Whoever gets the number next must not inherit conversations.
  conversations_.remove_if([this](const ConversationKey& key) {
    return vnics_[key.vnic] == nullptr || (key.peer.kind == PeerKind::kVnic && vnics_[key.peer.number] == nullptr);
  });
  for (const auto& [key, id] : places) free_.push_back(id);
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
  return Side{found->second, AttributedBy::kPort};
}

// The inner frame's address where there is one: whose tunnel carries it is another question.
std::optional<FlowLedger::Side> FlowLedger::by_mac(const Packet& packet, bool source) const {
  const auto look_up = [&](const Frame& frame, AttributedBy by) -> std::optional<Side> {
    if (!frame.ethernet) return std::nullopt;
    const MacAddress& mac = source ? frame.ethernet->src : frame.ethernet->dst;
    if (is_multicast(mac)) return std::nullopt;
    const auto found = by_mac_.find(number_of(mac));
    if (found == by_mac_.end() || found->second == kAmbiguous) return std::nullopt;
    return Side{found->second, by};
  };
  if (packet.depth > 0) {
    if (const auto side = look_up(packet.inner, AttributedBy::kInnerMac)) return side;
  }
  return look_up(packet.outer, AttributedBy::kOuterMac);
}

// One agent a vNIC and direction: the nearest, and among equals the one that was first, as long as it goes on.
bool FlowLedger::elect(const Side& side, Direction direction, std::uint32_t agent, Nanoseconds now) {
  VnicFlows& flows = *vnics_[side.vnic];
  const auto d = static_cast<std::size_t>(direction);
  Election& elected = flows.elected[d];
  const bool same = elected.agent == agent && elected.by == side.by;
  const bool silent = now - elected.last_sample > limits_.election_lasts;
  if (!same && elected.agent != 0 && side.by <= elected.by && !silent) return false;
  elected = {agent, side.by, now};
  return true;
}

Peer FlowLedger::peer_of(const Frame& frame, Direction direction, const std::optional<Side>& other) const {
  if (other) return {PeerKind::kVnic, other->vnic, {}};
  if (!frame.ip) return {};
  const IpAddress& address = direction == Direction::kTx ? frame.ip->dst : frame.ip->src;
  const NamedNetwork* longest = nullptr;
  for (const NamedNetwork& network : networks_) {
    if (!network.network.contains(address)) continue;
    if (longest == nullptr || network.network.prefix_length > longest->network.prefix_length) longest = &network;
  }
  if (longest != nullptr) return {PeerKind::kNetwork, static_cast<std::uint32_t>(longest - networks_.data()), {}};
  return {PeerKind::kAddress, 0, address};
}

void FlowLedger::account(const SampledPacket& sample, const Side& side, const std::optional<Side>& other, Direction direction,
                         Nanoseconds now) {
  if (!elect(side, direction, sample.agent, now)) {
    ++counts_.not_elected;
    return;
  }
  ++(side.by == AttributedBy::kPort ? counts_.by_port : side.by == AttributedBy::kInnerMac ? counts_.by_inner_mac : counts_.by_outer_mac);
  // What the vNIC itself sees: from its port all of the frame, by an inner address what the tunnel carries.
  const Frame& frame = side.by == AttributedBy::kInnerMac ? sample.packet->inner : sample.packet->outer;
  const double octets = side.by == AttributedBy::kInnerMac && frame.length > 0 ? frame.length : sample.octets;
  VnicFlows& flows = *vnics_[side.vnic];
  if (side.by == AttributedBy::kPort && direction == Direction::kTx && frame.ethernet && frame.ethernet->src != flows.key.mac) {
    ++flows.foreign_mac;
    ++counts_.foreign_mac;
  }
  flows.all.add(direction, octets, sample.scale);
  flows.by_class[static_cast<std::size_t>(class_of(frame))].add(direction, octets, sample.scale);
  if (const auto service = service_of(frame)) flows.services.touch(*service).add(direction, octets, sample.scale);
  const Peer peer = peer_of(frame, direction, other);
  if (peer.kind == PeerKind::kNone) return;
  conversations_.touch({side.vnic, peer}).add(direction, octets, sample.scale);
}

void FlowLedger::take(const SampledPacket& sample, Nanoseconds now) {
  if (period_ == 0) period_ = previous_period_ = now;
  ++counts_.samples;
  counts_.packets += sample.scale;
  counts_.octets += sample.scale * sample.octets;
  auto from = by_port(sample, sample.input);
  auto to = by_port(sample, sample.output);
  // A port decides alone: a guest that sends with another's MAC must not be charged to him.
  if (!from) from = by_mac(*sample.packet, true);
  if (!to) to = by_mac(*sample.packet, false);
  if (!from && !to) {
    counts_.unattributed_packets += sample.scale;
    counts_.unattributed_octets += sample.scale * sample.octets;
    return;
  }
  if (from) account(sample, *from, to, Direction::kTx, now);
  if (to) account(sample, *to, from, Direction::kRx, now);
}

void FlowLedger::tick(Nanoseconds now) {
  if (period_ == 0 || now - period_ < limits_.period) return;
  previous_period_ = std::exchange(period_, now);
  const auto begin = [](const auto&, RecentSums& sums) { sums.begin_period(); };
  const auto forget = [](const auto&, const RecentSums&) {};
  for (const auto& flows : vnics_) {
    if (!flows) continue;
    flows->all.begin_period();
    for (RecentSums& sums : flows->by_class) sums.begin_period();
    flows->services.age(begin, forget);
  }
  conversations_.age(begin, forget);
}

}  // namespace vmtraffic
