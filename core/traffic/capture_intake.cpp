#include "core/traffic/capture_intake.hpp"

#include <absl/hash/hash.h>

#include <algorithm>
#include <bit>
#include <limits>

#include "core/traffic/flow_share.hpp"
#include "core/wire/icmp_quote.hpp"

namespace vmtraffic {
namespace {

constexpr std::uint8_t kTcp = 6, kUdp = 17;
constexpr std::uint16_t kDnsPort = 53;
constexpr std::uint32_t kTagOctets = 4;
constexpr std::uint8_t kFragmentationNeeded = 4;  // of ICMP's destination unreachable
constexpr std::uint8_t kNobody = TcpConnection::kNobody;
constexpr std::array<std::uint8_t, 2> kEnds{0, 1};
constexpr std::uint32_t kAgent = 1;  // the capture is its ledger's only agent
constexpr std::size_t kAtOnce = 8;   // packets under way, twice: as many as hide the way to memory, and as the nearest cache holds
constexpr std::uint32_t kMostReserved = 1U << 18;  // flows: of more the index alone would be much memory
constexpr Nanoseconds kAge = 60 * kSecond;
constexpr std::uint32_t kUnknownApplication = 0;

constexpr std::uint64_t kOdd = 0x9E37'79B9'7F4A'7C15;  // 2^64 by the golden ratio: Knuth's multiplicative hashing
// Another one in each process: a guest that could tell which flows share a hash could make all of them do so.
const std::uint64_t kSeed = absl::HashOf(kOdd);

std::uint64_t mix(std::uint64_t h, std::uint64_t word) {
  const auto product = static_cast<unsigned __int128>(h ^ word) * kOdd;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint8_t other_end(std::uint8_t end) { return TcpConnection::other(end); }

Direction way(bool sent) { return sent ? Direction::kTx : Direction::kRx; }

// By numbers that any order would do for: only that both directions find the same.
bool is_turned(const auto& key) {
  if (key.high[0] != key.low[0]) return key.high[0] < key.low[0];
  if (key.high[1] != key.low[1]) return key.high[1] < key.low[1];
  return key.high_port < key.low_port;
}

FlowLedger::Limits as_capture(FlowLedger::Limits limits) {
  limits.captures = true;
  return limits;
}

IpAddress address_of(const IpAddress::Halves& halves, std::uint8_t version) {
  return {.version = version, .octets = std::bit_cast<std::array<std::uint8_t, 16>>(halves)};
}

}  // namespace

std::uint64_t CaptureIntake::FlowKey::mixed() const {
  const std::uint64_t ports = std::uint64_t{low_port} << 48 | std::uint64_t{high_port} << 32 | std::uint64_t{vlan} << 16 |
                              std::uint64_t{protocol} << 8 | std::uint64_t{control} << 6 | std::uint64_t{guest} << 4 | version;
  std::uint64_t h = mix(kSeed, ports);
  if (version == 4) {
    h = mix(h, low[0] + std::rotl(high[0], 32));  // each address is half a word
  } else {
    for (const std::uint64_t word : {low[0], low[1], high[0], high[1]}) h = mix(h, word);
  }
  return mix(h, std::uint64_t{place} << 32 | vni);
}

struct CaptureIntake::Passing {
  const CapturedPacket& captured;
  Packet packet;
  const Frame* frame{nullptr};  // whose ends are a flow's
  bool at_tap{false}, inner{false};
  std::uint8_t from{0};
  FlowKey key;
  std::uint64_t hash{0};
  HeavyTable<FlowKey, Flow>::Hint hint{0};
  Flow* flow{nullptr};

  explicit Passing(const CapturedPacket& c) : captured(c) {}
  SampledPacket sampled() const {
    const bool in = captured.heading != Heading::kOut;
    return {.packet = &packet,
            .octets = static_cast<double>(captured.wire_length),
            .agent = kAgent,
            .ports_are_ours = captured.if_index != 0,
            .input = in ? captured.if_index : 0,
            .output = in ? 0 : captured.if_index,
            .at_tap = at_tap};
  }
};

CaptureIntake::CaptureIntake(CaptureIntakeOptions options)
    : options_(std::move(options)),
      format_{.vxlan_ports = options_.vxlan_ports, .geneve_ports = options_.geneve_ports},
      ledger_(as_capture(options_.limits), options_.networks),
      flows_(options_.flows),
      gaps_(options_.gaps),
      peers_(options_.peers) {
  dirty_.reserve(options_.flows);
  if (options_.flows <= kMostReserved) flows_.reserve();
  passing_.reserve(kAtOnce);
  coming_.reserve(kAtOnce);
}

CaptureIntake::~CaptureIntake() = default;

void CaptureIntake::set_inventory(const Inventory& inventory, std::span<const std::uint32_t> if_indexes) {
  ledger_.set_inventory(inventory, if_indexes);
  std::vector<std::unique_ptr<VnicPerformance>> before = std::move(performance_);
  performance_.clear();
  bool gone = false;
  for (std::size_t row = 0; row < ledger_.row_count(); ++row) {
    const std::uint32_t number = ledger_.number(row);
    if (number >= performance_.size()) performance_.resize(number + 1);
    const bool known = number < before.size() && before[number] != nullptr && before[number]->key == ledger_.key(number);
    if (!known) calibration_.forget(number);
    performance_[number] =
        known ? std::move(before[number]) : std::make_unique<VnicPerformance>(ledger_.key(number), options_.services_per_vnic);
  }
  for (const auto& left : before) gone = gone || left != nullptr;
  if (!gone) return;
  // Whoever gets the number next must not inherit them.
  peers_.remove_if([this](const PeerKey& key, const PeerLatency&) { return performance_of(key.vnic) == nullptr; });
  flows_.for_each_value([this](Flow& flow) {
    for (std::uint32_t& vnic : flow.vnic) {
      if (vnic == kNoVnic || performance_of(vnic) != nullptr) continue;
      vnic = kNoVnic;
      begin_anew(flow);
    }
  });
}

// ---- a packet's way

void CaptureIntake::take(std::span<const CapturedPacket> packets, std::span<const Nanoseconds> times) {
  const auto account_all = [&](std::vector<Passing>& passing, std::size_t begin) {
    for (std::size_t i = 0; i < passing.size(); ++i) account(passing[i], times.size() == 1 ? times[0] : times[begin + i]);
    passing.clear();
  };
  passing_.clear();  // after a fault something may be left
  coming_.clear();
  std::size_t begin = 0;
  while (begin < packets.size()) {
    const auto group = packets.subspan(begin, std::min(kAtOnce, packets.size() - begin));
    for (const CapturedPacket& captured : group) {
      Passing& p = coming_.emplace_back(captured);
      decode(p);
      name_flow(p);
      flows_.prefetch_place(p.hash);
    }
    for (Passing& p : coming_) p.hint = flows_.prefetch_entry(p.hash);
    // Their flows are on the way while the packets before them are accounted for.
    account_all(passing_, begin - passing_.size());
    std::swap(passing_, coming_);
    begin += group.size();
  }
  account_all(passing_, begin - passing_.size());
}

void CaptureIntake::decode(Passing& p) {
  const std::optional<std::uint16_t> type = p.captured.ether_type == 0 ? std::nullopt : std::optional(p.captured.ether_type);
  if (format_.ether_type != type) format_.ether_type = type;  // written and read at once it makes a processor wait
  decode_packet(p.captured.octets, p.captured.wire_length, format_, p.packet);
  if (p.packet.fault == PacketFault::kMalformed) ++counts_.malformed;
  if (p.packet.fault == PacketFault::kTruncated) ++counts_.truncated;
}

void CaptureIntake::account(Passing& p, Nanoseconds now) {
  const CapturedPacket& captured = p.captured;
  ++counts_.packets;
  counts_.octets += captured.wire_length;
  walltime_ = captured.walltime;
  taken_ = now;
  find_flow(p, now);
  Flow& flow = *p.flow;
  Volume& volume = flow.volume[p.from];
  // A tag that the kernel took out is on the wire all the same, and in what it counts at a tap.
  const std::uint32_t taken_out = captured.vlan_tpid != 0 ? kTagOctets : 0;
  volume.octets += p.inner ? p.frame->length : captured.wire_length + taken_out;
  ++volume.frames;
  flow.last = now;
  (p.key.control ? taken_packets_.control : taken_packets_.data) += 1;
  const Frame& frame = *p.frame;
  if (frame.ethernet) {
    flow.mac[p.from] = frame.ethernet->src;
    // Whoever has not answered yet is known by where it was sent to.
    if (MacAddress& to = flow.mac[other_end(p.from)]; to == MacAddress{}) to = frame.ethernet->dst;
  }
  if (flow.vnic[0] == kNoVnic && flow.vnic[1] == kNoVnic) return;
  if (detector_ != nullptr && flow.application == SampledPacket::kNotLookedFor) look_into(p, flow, now);
  if (frame.tcp) {
    tcp(p, flow);
  } else if (frame.udp) {
    if (frame.udp->dst_port == kDnsPort || frame.udp->src_port == kDnsPort) dns(p, flow);
  } else if (frame.icmp) {
    if (frame.icmp->echo) {
      echo(p, flow);
    } else {
      unreachable(p, flow);
    }
  }
}

void CaptureIntake::read_key(Passing& p) {
  const Frame& frame = *p.frame;
  FlowKey& key = p.key;
  key.place = p.captured.if_index;
  key.vlan = p.captured.vlan_tpid != 0 ? p.captured.vlan_tci & 0xFFF : frame.vlans.empty() ? std::uint16_t{0} : frame.vlans[0].id();
  if (p.inner) key.vni = 1 + p.packet.tunnel.vni.value_or(0);
  std::uint16_t src_port = 0, dst_port = 0;
  if (frame.ip) {
    key.version = frame.ip->version();
    key.protocol = frame.ip->protocol;
    key.low = frame.ip->src.halves();
    key.high = frame.ip->dst.halves();
    if (frame.tcp) {
      src_port = frame.tcp->src_port, dst_port = frame.tcp->dst_port;
    } else if (frame.udp) {
      src_port = frame.udp->src_port, dst_port = frame.udp->dst_port;
    } else if (frame.icmp && frame.icmp->echo) {
      src_port = dst_port = frame.icmp->echo->id;
    }
  } else {
    src_port = dst_port = frame.ether_type;
    if (frame.ethernet) {
      key.low[0] = frame.ethernet->src.number();
      key.high[0] = frame.ethernet->dst.number();
    }
  }
  key.low_port = src_port;
  key.high_port = dst_port;
}

void CaptureIntake::name_flow(Passing& p) {
  p.at_tap = p.captured.if_index != 0 && p.captured.heading != Heading::kUnknown && ledger_.has_port(p.captured.if_index);
  p.frame = &p.packet.outer;
  if (p.packet.depth > 0 && !p.at_tap && p.packet.inner.ethernet && ledger_.is_of_inner(p.sampled())) {
    p.frame = &p.packet.inner;
    p.inner = true;
  }
  read_key(p);
  FlowKey& key = p.key;
  p.from = 0;
  if (is_turned(key)) {
    std::swap(key.low, key.high);
    std::swap(key.low_port, key.high_port);
    p.from = 1;
  }
  // Which way it passed the tap, whatever its addresses say: they are the guest's to choose.
  key.guest = !p.at_tap ? kNobody : p.captured.heading == Heading::kIn ? p.from : other_end(p.from);
  key.control = options_.limited && flow_is_control(p.captured.octets);
  p.hash = flows_.hash_of(key);
}

void CaptureIntake::find_flow(Passing& p, Nanoseconds now) {
  bool takes_dirty_place = false;
  Flow& flow = flows_.touch_hashed(p.key, p.hash, p.hint, [&](const FlowKey& old_key, Flow& old) {
    takes_dirty_place = old.dirty;
    forget(old_key, old, now);
  });
  flow.dirty = flow.dirty || takes_dirty_place;
  if (!flow.dirty) {
    flow.dirty = true;
    dirty_.push_back(p.hint);
  }
  p.flow = &flow;
  if (p.key.guest == kNobody) follow_sender(p, flow, now);
  if (flow.epoch != ledger_.epoch()) find_owners(p, flow, now);
}

// Where addresses alone tell whose packet it is: what was counted is that of whose MAC it had, and another's is a new owner's.
void CaptureIntake::follow_sender(const Passing& p, Flow& flow, Nanoseconds now) {
  if (!p.frame->ethernet) return;
  const MacAddress& known = flow.mac[p.from];
  if (known == p.frame->ethernet->src || known == MacAddress{}) return;
  count_out(p.key, flow, now);
  flow.mac[p.from] = p.frame->ethernet->src;
  flow.epoch = 0;
}

// What another VM left open is not the new one's: a query that it never asked is not one that nobody answers it.
void CaptureIntake::begin_anew(Flow& flow) {
  if (auto* connection = std::get_if<TcpConnection>(&flow.state)) connection->release(gaps_);
  flow.state.emplace<std::monostate>();
  flow.segments = {};
}

void CaptureIntake::find_owners(const Passing& p, Flow& flow, Nanoseconds now) {
  const FlowLedger::Owners owners = ledger_.owners(p.sampled());
  const auto is_anothers = [](std::uint32_t before, std::uint32_t now_owner) { return before != kNoVnic && before != now_owner; };
  if (is_anothers(flow.vnic[p.from], owners.from) || is_anothers(flow.vnic[other_end(p.from)], owners.to)) {
    begin_anew(flow);
  }
  flow.vnic[p.from] = owners.from;
  flow.vnic[other_end(p.from)] = owners.to;
  for (const std::uint32_t vnic : flow.vnic) {
    if (VnicPerformance* v = performance_of(vnic); v != nullptr && v->since == 0) v->since = now;
  }
  flow.epoch = ledger_.epoch();
}

void CaptureIntake::tcp(const Passing& p, Flow& flow) {
  auto* connection = std::get_if<TcpConnection>(&flow.state);
  if (connection == nullptr) connection = &flow.state.emplace<TcpConnection>();
  events_.clear();
  const std::uint32_t owner = flow.vnic[p.from] != kNoVnic ? flow.vnic[p.from] : flow.vnic[other_end(p.from)];
  connection->take({*p.frame->tcp, p.frame->payload_length, p.captured.octets, std::max<Nanoseconds>(p.captured.walltime, 1), owner},
                   p.from, gaps_, events_);
  if (events_.kinds != 0) events(p.key, flow, p.from);
}

// What one end sent, for each vNIC that is one of the two.
template <class Apply>
void CaptureIntake::each_loss(const Flow& flow, std::uint8_t sender, Apply&& apply, std::uint8_t ends) {
  for (const std::uint8_t end : kEnds) {
    if ((ends >> end & 1) == 0) continue;
    if (VnicPerformance* v = performance_of(flow.vnic[end]); v != nullptr) apply(v->of(way(end == sender)));
  }
}

void CaptureIntake::events(const FlowKey& key, Flow& flow, std::uint8_t from) {
  const TcpEvents& e = events_;
  const std::uint8_t other = other_end(from);
  if (e.has(TcpEvents::kRoundTrip)) round_trip(key, flow, from, e.rtt);
  if (e.has(TcpEvents::kResponse)) response(key, flow, from, e.response);
  if ((e.kinds & ~(TcpEvents::kRoundTrip | TcpEvents::kHandshake | TcpEvents::kResponse)) == 0) return;
  each_loss(flow, from, [&](LossCounts& sent) {
    if (e.has(TcpEvents::kLostBefore)) sent.lost_before += e.lost_before;
    if (e.has(TcpEvents::kReordered)) sent.reordered += e.reordered;
    if (e.has(TcpEvents::kSpurious)) sent.spurious += e.spurious;
    if (e.has(TcpEvents::kDuplicateAck)) ++sent.duplicate_acks;
    if (e.has(TcpEvents::kZeroWindow)) ++sent.zero_windows;
    if (e.has(TcpEvents::kReset)) ++sent.resets;
  });
  each_loss(flow, other, [&](LossCounts& sent) {
    if (e.has(TcpEvents::kDuplicated)) sent.spurious += e.duplicated;
    if (e.has(TcpEvents::kUnseen)) sent.unseen += e.unseen;
    if (e.has(TcpEvents::kRefused)) ++sent.refused;
    if (e.has(TcpEvents::kAccepted)) ++sent.connections;
  });
}

// Of the side of the end `side`: the guest's for the vNIC that is there, the network's for the one at the other end.
void CaptureIntake::round_trip(const FlowKey& key, Flow& flow, std::uint8_t side, Nanoseconds rtt) {
  ++counts_.round_trips;
  for (const std::uint8_t end : kEnds) {
    VnicPerformance* v = performance_of(flow.vnic[end]);
    if (v == nullptr) continue;
    v->of(end == side ? LatencyKind::kGuestRtt : LatencyKind::kNetworkRtt).add(rtt);
    PeerLatency& peer = peers_.touch({flow.vnic[end], address_of(end == 0 ? key.high : key.low, key.version)}, flow.peer_hint[end]);
    (end == side ? peer.guest : peer.network).add(rtt);
  }
}

void CaptureIntake::response(const FlowKey& key, Flow& flow, std::uint8_t from, Nanoseconds time) {
  if (VnicPerformance* v = performance_of(flow.vnic[from]); v != nullptr) {
    v->of(LatencyKind::kServed).add(time);
    const std::uint16_t port = from == 0 ? key.low_port : key.high_port;
    v->served.touch({key.protocol, port}).add(time);
  }
  if (VnicPerformance* v = performance_of(flow.vnic[other_end(from)]); v != nullptr) v->of(LatencyKind::kAsked).add(time);
}

// ---- applications

void CaptureIntake::look_into(const Passing& p, Flow& flow, Nanoseconds now) {
  const Frame& frame = *p.frame;
  if (!frame.ip || (frame.tcp && frame.payload_length == 0)) return;
  constexpr std::size_t kEthernet = 14, kTag = 4, kLabel = 4;
  const std::size_t link = (frame.ethernet ? kEthernet : 0) + kTag * frame.vlans.size() + kLabel * frame.mpls.size();
  const Octets octets = frame.extent.of(p.captured.octets);
  if (octets.size() <= link || frame.length <= link) return;
  const std::uint32_t vnic = flow.vnic[p.from] != kNoVnic ? flow.vnic[p.from] : flow.vnic[other_end(p.from)];
  const std::uint32_t owner = vnic == kNoVnic ? 0 : vnic + 1;
  DetectionStep step = detector_->inspect(flow.detection, octets.subspan(link), frame.length - link, now, owner);
  if (step.detection == Detection::kUndecided) flow.looked_into = now;
  if (step.detection == Detection::kFinal) know(flow, std::move(step.application));
  if (step.detection != Detection::kFull || now - room_made_ < kSecond) return;
  room_made_ = now;
  flows_.for_each_value([&](Flow& other) {
    if (shows_no_more(other, now)) guess(other);
  });
}

bool CaptureIntake::shows_no_more(const Flow& flow, Nanoseconds now) const {
  const auto* connection = std::get_if<TcpConnection>(&flow.state);
  return (connection != nullptr && connection->closed()) || now - flow.looked_into >= options_.undecided;
}

void CaptureIntake::know(Flow& flow, Application application) {
  flow.application = application.id;
  if (!application.server_name.empty()) flow.server_name = std::make_unique<std::string>(std::move(application.server_name));
  ledger_.know_application(application.id, {std::move(application.name), std::move(application.category)});
}

void CaptureIntake::guess(Flow& flow) {
  if (flow.detection != nullptr) know(flow, detector_->give_up(flow.detection));
}

// ---- questions and answers

void CaptureIntake::ask(Flow& flow, std::uint8_t from, std::uint16_t id, Nanoseconds time, bool is_dns) {
  auto* questions = std::get_if<Questions>(&flow.state);
  if (questions == nullptr) questions = &flow.state.emplace<Questions>();
  questions->dns = is_dns;
  Questions::Asked* place = nullptr;
  for (Questions::Asked& asked : questions->asked) {
    if (asked.time == 0) {
      place = &asked;
    } else if (asked.id == id) {
      return;  // asked again: the first one counts
    }
  }
  if (place == nullptr) {
    // Those that wait are a sample of all, as long as none of them makes way unanswered. Of echoes only the times count.
    if (is_dns) return;
    place = &questions->asked[questions->next];
    questions->next = static_cast<std::uint8_t>((questions->next + 1) % questions->asked.size());
  }
  std::uint8_t known = 0;
  for (const std::uint8_t end : kEnds) known |= static_cast<std::uint8_t>((flow.vnic[end] != kNoVnic ? 1 : 0) << end);
  *place = {time, id, from, known};
  if (is_dns) each_loss(flow, from, [](LossCounts& sent) { ++sent.dns_queries; });
}

// How long the question waited; negative: nobody asked it.
Nanoseconds CaptureIntake::answer(Flow& flow, std::uint16_t id, Nanoseconds time) {
  auto* questions = std::get_if<Questions>(&flow.state);
  if (questions == nullptr) return -1;
  for (Questions::Asked& asked : questions->asked) {
    if (asked.time != 0 && asked.id == id) return time - std::exchange(asked.time, 0);
  }
  return -1;
}

void CaptureIntake::dns(const Passing& p, Flow& flow) {
  ByteReader r(p.frame->payload.of(p.captured.octets));
  const std::uint16_t id = r.u16();
  const bool is_response = (r.u8() & 0x80) != 0;
  if (!r.ok()) return;
  const Nanoseconds time = std::max<Nanoseconds>(p.captured.walltime, 1);
  if (!is_response && p.frame->udp->dst_port == kDnsPort) return ask(flow, p.from, id, time, true);
  if (!is_response || p.frame->udp->src_port != kDnsPort) return;
  const Nanoseconds waited = answer(flow, id, time);
  if (waited < 0) return;
  if (VnicPerformance* v = performance_of(flow.vnic[other_end(p.from)]); v != nullptr) v->of(LatencyKind::kDns).add(waited);
  if (VnicPerformance* v = performance_of(flow.vnic[p.from]); v != nullptr) {
    v->of(LatencyKind::kServed).add(waited);
    v->served.touch({kUdp, kDnsPort}).add(waited);
  }
}

void CaptureIntake::echo(const Passing& p, Flow& flow) {
  const Icmp& icmp = *p.frame->icmp;
  const bool is_request = icmp.type == 8 || icmp.type == 128;
  const Nanoseconds time = std::max<Nanoseconds>(p.captured.walltime, 1);
  if (is_request) return ask(flow, p.from, icmp.echo->sequence, time, false);
  const Nanoseconds waited = answer(flow, icmp.echo->sequence, time);
  if (waited < 0) return;
  if (VnicPerformance* v = performance_of(flow.vnic[p.from]); v != nullptr) v->of(LatencyKind::kGuestEcho).add(waited);
  if (VnicPerformance* v = performance_of(flow.vnic[other_end(p.from)]); v != nullptr) v->of(LatencyKind::kNetworkEcho).add(waited);
}

void CaptureIntake::unreachable(const Passing& p, const Flow& flow) {
  const Icmp& icmp = *p.frame->icmp;
  const bool says_so = p.frame->ip->version() == 6 ? icmp.type == 1 : icmp.type == 3;
  if (!says_so) return;
  each_loss(flow, other_end(p.from), [](LossCounts& sent) { ++sent.unreachable; });
  // That a packet is too big for a link is not a refusal: its sender will send smaller ones.
  if (p.frame->ip->version() == 6 || icmp.code != kFragmentationNeeded) refuse(p);
}

// Where the ICMP error is about a connection's SYN, nobody else will answer that: a firewall rejects it, or there is no such host.
void CaptureIntake::refuse(const Passing& p) {
  const auto quoted = quoted_segment(p.frame->payload.of(p.captured.octets));
  if (!quoted) return;
  FlowKey key = p.key;
  key.protocol = kTcp;
  key.version = quoted->src.version;
  key.low = quoted->src.halves(), key.high = quoted->dst.halves();
  key.low_port = quoted->src_port, key.high_port = quoted->dst_port;
  const std::uint8_t from = is_turned(key) ? 1 : 0;
  if (from == 1) {
    std::swap(key.low, key.high);
    std::swap(key.low_port, key.high_port);
  }
  // The error goes the other way than what it is about.
  if (key.guest != kNobody) key.guest = key.guest == p.from ? other_end(from) : from;
  Flow* flow = nullptr;
  for (const bool control : {false, true}) {
    key.control = control;
    if (flow == nullptr) flow = flows_.find(key);
  }
  auto* connection = flow == nullptr ? nullptr : std::get_if<TcpConnection>(&flow->state);
  if (connection == nullptr || !connection->refuse(from, quoted->seq)) return;
  each_loss(*flow, from, [](LossCounts& sent) { ++sent.refused; });
}

// ---- what flows counted

double CaptureIntake::share_of(const FlowKey& key) const { return key.control ? kept_share_.control : kept_share_.data; }

// How many octets each of these stands for: what a flow counted now is noted, for the next ones.
double CaptureIntake::scale_and_note(const FlowKey& key, const Flow& flow, std::uint8_t from, double octets) {
  const double share = share_of(key), scale = 1 / share;
  if (options_.filtered || key.guest == kNobody || flow.vnic[key.guest] == kNoVnic) return scale;
  const std::uint32_t vnic = flow.vnic[key.guest];
  const Direction d = way(key.guest == from);
  if (share >= 1) {
    calibration_.note_whole(vnic, d, octets);
    return 1;
  }
  calibration_.note_share(vnic, d, octets, scale);
  return calibration_.scale(vnic, d, scale);
}

void CaptureIntake::count_out(const FlowKey& key, Flow& flow, Nanoseconds now) {
  const auto* connection = std::get_if<TcpConnection>(&flow.state);
  const double share = share_of(key);
  if (const std::uint32_t period = ledger_.periods(); flow.period != period) {
    for (Flow::Told& told : flow.told) {
      told.previous = flow.period + 1 == period ? told.current : std::array<float, 2>{};
      told.current = {};
    }
    flow.period = period;
  }
  for (const std::uint8_t from : kEnds) {
    Volume& volume = flow.volume[from];
    if (volume.frames == 0) continue;
    const Volume counted = std::exchange(volume, {});
    Packet packet;
    Frame& frame = key.vni != 0 ? packet.inner : packet.outer;
    if (key.vni != 0) {
      packet.depth = 1;
      packet.tunnel.kind = TunnelKind::kVxlan;
      packet.tunnel.vni = key.vni - 1;
    }
    frame.ethernet = Ethernet{.dst = flow.mac[other_end(from)], .src = flow.mac[from]};
    if (key.vlan != 0) frame.vlans.add({.tpid = 0x8100, .tci = key.vlan});
    const bool low = from == 0;
    if (key.version != 0) {
      frame.ip = Ip{.src = address_of(low ? key.low : key.high, key.version),
                    .dst = address_of(low ? key.high : key.low, key.version),
                    .protocol = key.protocol};
      const std::uint16_t src = low ? key.low_port : key.high_port, dst = low ? key.high_port : key.low_port;
      if (key.protocol == kTcp && (src != 0 || dst != 0)) {
        frame.tcp = Tcp{.src_port = src, .dst_port = dst};
        // As a packet that opens a connection would: who listens is known better than from one packet's ports.
        if (connection != nullptr && connection->client() != kNobody)
          frame.tcp->flags = connection->client() == from ? kTcpSyn : kTcpSyn | kTcpAck;
      }
      if (key.protocol == kUdp && (src != 0 || dst != 0)) frame.udp = Udp{.src_port = src, .dst_port = dst};
    } else if (key.low_port == 0x0806) {
      frame.arp = Arp{};
    }
    Flow::Told& told = flow.told[from];
    const auto recent = [&](std::size_t what) {
      return static_cast<double>(told.previous[what]) + static_cast<double>(told.current[what]);
    };
    const Seen::Flow seen{.kept = share, .before = told.all, .recent = {.octets = recent(0), .packets = recent(1)}};
    SampledPacket sampled{.packet = &packet,
                          .octets = static_cast<double>(counted.octets),
                          .scale = scale_and_note(key, flow, from, static_cast<double>(counted.octets)),
                          .agent = kAgent,
                          .frames = counted.frames,
                          .flow = &seen,
                          .server_name = flow.server_name.get()};
    if (flow.application != SampledPacket::kNotLookedFor) {
      sampled.application = flow.application;
    } else if (detector_ != nullptr && key.version != 0) {
      sampled.application = kUnknownApplication;
    }
    if (key.guest != kNobody) {
      sampled.ports_are_ours = sampled.at_tap = true;
      (key.guest == from ? sampled.input : sampled.output) = key.place;
    }
    ledger_.take(sampled, now);
    if (share >= 1) continue;
    told.all.octets += static_cast<double>(counted.octets);
    told.all.packets += counted.frames;
    told.current[0] += static_cast<float>(counted.octets);
    told.current[1] += static_cast<float>(counted.frames);
  }
  if (connection == nullptr) return;
  for (const std::uint8_t from : kEnds) {
    const std::uint32_t segments = connection->segments(from);
    const std::uint32_t more = segments - std::exchange(flow.segments[from], segments);
    if (more > 0) each_loss(flow, from, [more](LossCounts& sent) { sent.segments += more; });
  }
}

// Whether something of the flow has yet to be known; what is overdue is counted. `all`: nobody waits any longer.
bool CaptureIntake::waits(Flow& flow, Nanoseconds now, bool all) {
  const bool undecided = flow.detection != nullptr;
  if (auto* connection = std::get_if<TcpConnection>(&flow.state)) {
    const Nanoseconds when = all ? std::numeric_limits<Nanoseconds>::max() : walltime_ + (now - taken_);
    for (const std::uint8_t end : kEnds) {
      const std::uint32_t lost = connection->settle(end, when);
      if (lost > 0) each_loss(flow, end, [lost](LossCounts& sent) { sent.lost_after += lost; });
    }
    const bool overdue = connection->opening() && (all || now - flow.last >= options_.unanswered);
    if (overdue) {
      each_loss(flow, connection->client(), [](LossCounts& sent) { ++sent.unanswered; });
      connection->give_up();
    }
    return undecided || connection->opening() || connection->unsettled();
  }
  auto* questions = std::get_if<Questions>(&flow.state);
  if (questions == nullptr) return undecided;
  bool waiting = undecided;
  for (Questions::Asked& asked : questions->asked) {
    if (asked.time == 0) continue;
    if (!all && walltime_ + (now - taken_) - asked.time < options_.unanswered) {
      waiting = true;
      continue;
    }
    asked.time = 0;
    if (questions->dns)
      each_loss(
          flow, asked.from, [](LossCounts& sent) { ++sent.dns_unanswered; }, asked.known);
  }
  return waiting;
}

void CaptureIntake::forget(const FlowKey& key, Flow& flow, Nanoseconds now) {
  guess(flow);
  count_out(key, flow, now);
  waits(flow, now, true);
  if (auto* connection = std::get_if<TcpConnection>(&flow.state)) connection->release(gaps_);
}

void CaptureIntake::count_out_all(Nanoseconds now, bool all) {
  std::size_t kept = 0;
  for (const std::uint32_t place : dirty_) {
    if (!flows_.is_at(place)) continue;
    Flow& flow = flows_.value_at(place);
    if (!flow.dirty) continue;  // another flow's place by now, or it stands here twice
    flow.dirty = false;
    const FlowKey& key = flows_.key_at(place);
    if (all || shows_no_more(flow, now)) guess(flow);
    count_out(key, flow, now);
    if (waits(flow, now, all)) {
      flow.dirty = true;
      dirty_[kept++] = place;
    }
    const auto* connection = std::get_if<TcpConnection>(&flow.state);
    if (connection != nullptr && connection->closed()) flows_.demote(place);
  }
  dirty_.resize(kept);
}

void CaptureIntake::tick(Nanoseconds now, std::span<const VnicTotals> totals) {
  count_out_all(now, false);
  const bool shares = kept_share_.data < 1 || kept_share_.control < 1;
  for (std::size_t row = 0; row < std::min(totals.size(), ledger_.row_count()); ++row)
    calibration_.tick(ledger_.number(row), totals[row], shares);
  ledger_.tick(now, totals);
  for (const auto& v : performance_) {
    if (v == nullptr) continue;
    for (LazyLatency& latency : v->latency) latency.tick(now);
    v->served.for_each_value([now](LazyLatency& latency) { latency.tick(now); });
  }
  peers_.for_each_value([now](PeerLatency& peer) {
    peer.guest.tick(now);
    peer.network.tick(now);
  });
  if (ledger_.recent_since() != recent_since_) {
    recent_since_ = ledger_.recent_since();
    for (const auto& v : performance_) {
      if (v == nullptr) continue;
      for (RecentLosses& loss : v->loss) loss.begin_period();
    }
  }
  if (aged_ == 0) aged_ = now;
  if (now - aged_ < kAge) return;
  aged_ = now;
  const auto nothing = [](const auto&, const auto&) {};
  flows_.fade();
  flows_.remove_if([&](const FlowKey& key, Flow& flow) {
    if (now - flow.last < options_.idle) return false;
    ++counts_.flows_idle;
    forget(key, flow, now);
    return true;
  });
  peers_.age(nothing, nothing);
  for (const auto& v : performance_) {
    if (v != nullptr) v->served.age(nothing, nothing);
  }
}

void CaptureIntake::set_kept_flows(const KeptFlows& kept, Nanoseconds now) {
  count_out_all(now, false);
  // Not nothing: what passed before, or in spite of it, counts for something.
  const auto share = [](std::uint32_t flows) { return static_cast<double>(std::max(flows, 1U)) / kAllFlows; };
  kept_share_ = {share(kept.data), share(kept.control)};
}

void CaptureIntake::end(Nanoseconds now) { count_out_all(now, true); }

std::vector<std::pair<std::string, std::uint64_t>> CaptureIntake::counters() const {
  std::vector<std::pair<std::string, std::uint64_t>> out{{"packets", counts_.packets},
                                                         {"octets", counts_.octets},
                                                         {"packets_malformed", counts_.malformed},
                                                         {"packets_truncated", counts_.truncated},
                                                         {"flows", flows_.size()},
                                                         {"flows_evicted", flows_.evictions()},
                                                         {"flows_idle", counts_.flows_idle},
                                                         {"round_trips", counts_.round_trips},
                                                         {"gaps_refused", gaps_.refused()},
                                                         {"peers", peers_.size()},
                                                         {"peers_evicted", peers_.evictions()},
                                                         {"conversations", ledger_.conversations().size()},
                                                         {"conversations_evicted", ledger_.conversations().evictions()}};
  if (detector_ == nullptr) return out;
  const ApplicationCounters& found = detector_->counters();
  out.insert(out.end(), {{"applications_by_content", found.by_content},
                         {"applications_guessed", found.guessed},
                         {"applications_unknown", found.unknown},
                         {"applications_put_off", found.refused},
                         {"applications_in_detection", detector_->in_detection()}});
  return out;
}

}  // namespace vmtraffic
