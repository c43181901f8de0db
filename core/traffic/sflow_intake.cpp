#include "core/traffic/sflow_intake.hpp"

#include <algorithm>
#include <utility>

#include "core/traffic/drop_reasons.hpp"

namespace vmtraffic {
namespace {

constexpr std::uint32_t kFcs = 4;  // octets of a frame that no tap has

constexpr std::uint32_t kEthernetHeader = 1;  // the protocol of a sampled header

constexpr std::uint32_t kTcp = 6, kUdp = 17;

constexpr std::uint32_t kInterfaces = 0;  // the class of data sources whose index is an ifIndex

enum SourceKind : std::uint8_t { kFlow, kCounter, kDiscard };

struct SourceKey {
  std::uint8_t kind{kFlow};
  sflow::DataSource source{};
  friend bool operator==(const SourceKey&, const SourceKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const SourceKey& k) {
    return H::combine(std::move(h), std::uint64_t{k.source.source_class} << 32 | k.source.index, k.kind);
  }
};

bool contains(const std::vector<IpNetwork>& networks, const IpAddress& address) {
  return std::any_of(networks.begin(), networks.end(), [&](const IpNetwork& n) { return n.contains(address); });
}

// Taken where the packet left. An agent may sample each packet where it comes in and where it leaves: two observers of one packet.
bool is_egress(const sflow::FlowSample& sample) {
  const auto is_source = [&](const sflow::Port& port) {
    return port.kind == sflow::PortKind::kIfIndex && port.value == sample.source.index;
  };
  return sample.source.source_class == kInterfaces && is_source(sample.output) && !is_source(sample.input);
}

std::uint32_t if_index_of(const sflow::Port& port) { return port.kind == sflow::PortKind::kIfIndex ? port.value : 0; }

// What the records of a sample say of its packet.
struct Sampled {
  std::optional<sflow::SampledHeader> header;
  std::optional<Frame> fields;  // of agents that give a packet's fields instead of its header, or beside one that begins with IP
  double octets{0};             // frame length without FCS
  std::optional<std::uint32_t> vni;
  std::uint16_t vlan{0};
  std::optional<TcpSample> tcp;
  std::string_view reason;

  Sampled() {}  // member by member: as a constant the compiler would clear all of `fields` each time
  // False: they say nothing of it.
  bool read(const PacketFormat& format, Packet& packet) const;
};

bool Sampled::read(const PacketFormat& format, Packet& packet) const {
  if (!header && !fields) return false;
  if (header) sampled_packet(*header, format, packet);
  if (!fields) return true;
  // A header says more than fields do.
  Frame& frame = packet.outer;
  if (!frame.ethernet && fields->ethernet) {
    frame.ethernet = fields->ethernet;
    frame.ether_type = fields->ether_type;
  }
  if (!frame.ip && fields->ip) {
    frame.ip = fields->ip;
    frame.tcp = fields->tcp;
    frame.udp = fields->udp;
  }
  return true;
}

struct RecordTaker {
  Sampled& s;

  void operator()(const sflow::SampledHeader& r) const {
    if (!has_packet(r)) return;
    s.header = r;
    s.octets = r.frame_length - std::min(r.frame_length, r.stripped);
  }
  void operator()(const sflow::SampledEthernet& r) const {
    frame().ethernet = Ethernet{r.dst, r.src};
    frame().ether_type = static_cast<std::uint16_t>(r.type);
    if (!s.header || s.header->protocol != kEthernetHeader) s.octets = r.length - std::min(r.length, kFcs);
  }
  void operator()(const sflow::SampledIpv4& r) const { take_ip(r); }
  void operator()(const sflow::SampledIpv6& r) const { take_ip(r); }
  void operator()(const sflow::ExtendedSwitch& r) const { s.vlan = static_cast<std::uint16_t>(r.src_vlan & 0xFFF); }
  void operator()(const sflow::ExtendedVniEgress& r) const { s.vni = r.vni; }
  void operator()(const sflow::ExtendedVniIngress& r) const { s.vni = r.vni; }
  void operator()(const sflow::ExtendedTcpInfo& r) const {
    s.tcp = TcpSample{r.rtt_us, r.rtt_variance_us, r.min_rtt_us, r.lost, r.retransmitted};
  }
  void operator()(const sflow::ExtendedHwTrap& r) const { s.reason = r.trap; }
  void operator()(const sflow::ExtendedLinuxDropReason& r) const { s.reason = r.reason; }
  template <class Other>
  sflow::Unread operator()(const Other&) const {
    return {};
  }

 private:
  Frame& frame() const { return s.fields ? *s.fields : s.fields.emplace(); }
  template <class Record>
  void take_ip(const Record& record) const {
    Frame& f = frame();
    f.ip = Ip{.src = record.src, .dst = record.dst, .protocol = static_cast<std::uint8_t>(record.protocol)};
    if (record.protocol == kTcp) {
      f.tcp = Tcp{.src_port = static_cast<std::uint16_t>(record.src_port),
                  .dst_port = static_cast<std::uint16_t>(record.dst_port),
                  .flags = static_cast<std::uint16_t>(record.tcp_flags)};
    }
    if (record.protocol == kUdp)
      f.udp = Udp{.src_port = static_cast<std::uint16_t>(record.src_port), .dst_port = static_cast<std::uint16_t>(record.dst_port)};
    if (s.octets == 0) s.octets = record.length;
  }
};

Sampled records_of(const sflow::Records& records, sflow::DecodeCounters& counters) {
  Sampled out;
  const RecordTaker take{out};
  for (sflow::FlowRecordReader reader(records, counters); reader.next(take);) continue;
  return out;
}

}  // namespace

struct SflowIntake::Source {
  SequenceTracker sequence;
  SamplingRate rate;
  Nanoseconds last{0};
  std::optional<std::uint32_t> drops;  // as told last
  std::uint32_t drops_since(std::uint32_t told);
  void begin_anew() {
    rate.restart();
    drops.reset();
  }
};

// Less than before: of a sample that was overtaken.
std::uint32_t SflowIntake::Source::drops_since(std::uint32_t told) {
  const std::uint32_t more = drops ? told - *drops : 0;
  if (more >= 1U << 31) return 0;
  drops = told;
  return more;
}

struct SflowIntake::Agent {
  IpAddress address;
  std::uint32_t sub_agent{0};
  std::uint32_t number{0};
  IpAddress sender;
  bool local{false};
  Nanoseconds first{0}, last{0};
  DatagramTracker datagrams;
  SequenceCounts samples_before;  // of data sources of earlier lives
  std::uint64_t samples{0}, counter_samples{0}, discarded_packets{0}, drops{0}, discard_drops{0};
  double packets{0};             // that the samples stand for
  std::uint32_t stated_rate{0};  // by the last sample
  absl::flat_hash_map<SourceKey, std::unique_ptr<Source>> sources;
  // The last one: of an agent's samples most are of one source.
  Source* recent{nullptr};
  SourceKey recent_key;
};

SflowIntake::SflowIntake(SflowIntakeOptions options)
    : options_(std::move(options)), ledger_(options_.limits, options_.networks), vnics_left_(options_.max_described_vnics) {
  format_.vxlan_ports = options_.vxlan_ports;
  format_.geneve_ports = options_.geneve_ports;
}

SflowIntake::~SflowIntake() = default;

bool SflowIntake::allowed(const IpAddress& agent) const { return options_.agents.empty() || contains(options_.agents, agent); }

SflowIntake::Agent* SflowIntake::agent_of(const sflow::Datagram& datagram, bool local, Nanoseconds now) {
  const AgentKey key{datagram.agent, datagram.sub_agent, local};
  if (const auto found = agents_.find(key); found != agents_.end()) return places_[found->second].get();
  if (agents_.size() >= options_.max_agents) {
    ++agents_refused_;
    return nullptr;
  }
  // A number that was given back is given again: the ledger has forgotten it.
  const auto free = std::find(places_.begin(), places_.end(), nullptr);
  const auto place = static_cast<std::uint32_t>(free - places_.begin());
  if (free == places_.end()) places_.emplace_back();
  places_[place] = std::make_unique<Agent>();
  Agent& agent = *places_[place];
  agent.address = datagram.agent;
  agent.sub_agent = datagram.sub_agent;
  agent.local = local;
  agent.number = place + 1;
  agent.first = now;
  agents_.emplace(key, place);
  return &agent;
}

SflowIntake::Source* SflowIntake::source_of(Agent& agent, std::uint8_t kind, const sflow::DataSource& source, Nanoseconds now) {
  const SourceKey key{kind, source};
  if (agent.recent != nullptr && agent.recent_key == key) return agent.recent;
  const auto found = agent.sources.find(key);
  if (found == agent.sources.end() &&
      (sources_ >= options_.max_data_sources || agent.sources.size() >= options_.max_data_sources_per_agent)) {
    ++sources_refused_;
    return nullptr;
  }
  if (found == agent.sources.end()) ++sources_;
  agent.recent =
      found == agent.sources.end() ? agent.sources.emplace(key, std::make_unique<Source>()).first->second.get() : found->second.get();
  agent.recent_key = key;
  if (agent.recent->last == 0) agent.recent->last = now;
  return agent.recent;
}

void SflowIntake::take(Octets octets, const IpAddress& sender, bool sent_here, Nanoseconds now) {
  auto datagram = sflow::read_datagram(octets, decoded_);
  if (!datagram) return;
  // Every Open vSwitch that was told to sample for itself calls itself 127.0.0.1. From elsewhere its sender tells them apart.
  if (!sent_here && datagram->agent.is_loopback()) datagram->agent = sender;
  if (!allowed(datagram->agent)) {
    agents_denied_.add(datagram->agent, now);
    return;
  }
  ++accepted_;
  const bool local = options_.local_agents.empty() ? sent_here : contains(options_.local_agents, datagram->agent);
  Agent* agent = agent_of(*datagram, local, now);
  if (agent == nullptr) return;
  switch (agent->datagrams.take(datagram->sequence, datagram->uptime_ms, now)) {
    case SequenceTracker::Arrival::kDuplicate:
      ++duplicates_;
      return;
    case SequenceTracker::Arrival::kRestart:
      for (const auto& [key, source] : agent->sources) {
        if (key.kind == kFlow) agent->samples_before += source->sequence.counts();
      }
      sources_ -= agent->sources.size();
      agent->sources.clear();
      agent->recent = nullptr;
      break;
    case SequenceTracker::Arrival::kNew:
    case SequenceTracker::Arrival::kLate:
      break;
  }
  agent->sender = sender;
  agent->last = now;
  sflow::SampleReader samples(*datagram, decoded_);
  while (samples.next([&](const auto& s) { this->sample(*agent, s, now); })) continue;
}

void SflowIntake::sample(Agent& agent, const sflow::FlowSample& sample, Nanoseconds now) {
  Source* source = source_of(agent, kFlow, sample.source, now);
  if (source == nullptr) return;
  const Nanoseconds silent = now - std::exchange(source->last, now);
  const std::uint64_t lost = source->sequence.counts().lost;
  // Late ones are samples like others; a number that comes again in another datagram is an agent's own fault, and its packet is real.
  if (source->sequence.take(sample.sequence) == SequenceTracker::Arrival::kRestart) source->begin_anew();
  // What a few lost samples stood for, the next ones stand for. After an outage they would stand for a time that they saw nothing of.
  if (const std::uint64_t now_lost = source->sequence.counts().lost;
      now_lost > lost && (now_lost - lost > SamplingRate::kBlock || silent > options_.limits.period))
    source->rate.restart();
  agent.stated_rate = sample.sampling_rate;
  const double scale = source->rate.take(sample.sample_pool, sample.sampling_rate);
  agent.drops += source->drops_since(sample.drops);
  ++agent.samples;
  agent.packets += scale;
  const Sampled s = records_of(sample.records, decoded_);
  Packet packet;
  if (!s.read(format_, packet)) return;
  account(agent,
          {.packet = &packet,
           .octets = s.octets,
           .scale = scale,
           .agent = agent.number,
           .egress = is_egress(sample),
           .ports_are_ours = agent.local,
           .input = if_index_of(sample.input),
           .output = if_index_of(sample.output),
           .vni = s.vni,
           .vlan = s.vlan,
           .tcp = s.tcp ? &*s.tcp : nullptr},
          now);
}

// To the host that the agent is on, to those of whose VMs a switch on the way tells, and to this one.
void SflowIntake::account(const Agent& agent, const SampledPacket& packet, Nanoseconds now) {
  DescribedHost* own = own_host(agent);
  bool attributed = false;
  if (own != nullptr) {
    SampledPacket there = packet;
    there.ports_are_ours = true;
    attributed = own->take(there, now);
  }
  // A switch may call itself a host too.
  if (!attributed && !hosts_.empty() && packet.packet->innermost().ethernet) {
    const Ethernet& ethernet = *packet.packet->innermost().ethernet;
    const auto from = host_by_mac_.find(ethernet.src.number());
    const auto to = host_by_mac_.find(ethernet.dst.number());
    const auto is_others = [&](const auto& found) { return found != host_by_mac_.end() && found->second != own; };
    if (is_others(from)) attributed = from->second->flows().take(packet, now, false);
    if (is_others(to) && (!is_others(from) || to->second != from->second))
      attributed = to->second->flows().take(packet, now, false) || attributed;
  }
  attributed = attributed || own != nullptr;  // or counted there as nobody's
  ledger_.take(packet, now, agent.local || (!attributed && options_.hosts == SflowIntakeOptions::Hosts::kAll));
}

DescribedHost* SflowIntake::host(const IpAddress& agent) {
  const auto found = hosts_.find(agent);
  return found == hosts_.end() ? nullptr : found->second.get();
}

// On this host, of which libvirt tells.
bool SflowIntake::is_libvirts(const Agent& agent) const { return agent.local && options_.hosts == SflowIntakeOptions::Hosts::kOthers; }

// The described host that the agent is on. Of this host libvirt tells, whatever an agent elsewhere calls itself.
DescribedHost* SflowIntake::own_host(const Agent& agent) { return hosts_.empty() || is_libvirts(agent) ? nullptr : host(agent.address); }

// Made when an agent says what only an agent on a hypervisor says.
DescribedHost* SflowIntake::new_host(const Agent& agent) {
  if (hosts_.size() >= options_.max_hosts) {
    ++hosts_refused_;
    return nullptr;
  }
  FlowLedger::Limits limits = options_.limits;
  limits.conversations = options_.conversations_per_host;
  limits.conversations_per_vnic = options_.conversations_per_described_vnic;
  limits.ports_tell = true;
  return hosts_.emplace(agent.address, std::make_unique<DescribedHost>(agent.address, limits, options_.networks, vnics_left_))
      .first->second.get();
}

void SflowIntake::sample(Agent& agent, const sflow::CounterSample& sample, Nanoseconds now) {
  Source* source = source_of(agent, kCounter, sample.source, now);
  if (source == nullptr) return;
  source->last = now;
  // One that was overtaken has older counters than are known.
  const bool late = source->sequence.take(sample.sequence) == SequenceTracker::Arrival::kLate;
  ++agent.counter_samples;
  if (agent.local && sample.source.source_class == kInterfaces) ledger_.port_told(sample.source.index, now);
  DescribedHost* host = own_host(agent);
  const bool may_describe = host == nullptr && !is_libvirts(agent) && sample.source.source_class != kInterfaces;  // almost all are of ports
  if (may_describe && DescribedHost::describes(sample)) host = new_host(agent);
  if (host != nullptr && !late) return host->take(sample, decoded_, now);
  sflow::CounterRecordReader reader(sample.records, decoded_);
  while (reader.next([](const auto&) { return sflow::Unread(); })) continue;  // counted, and nobody's
}

void SflowIntake::sample(Agent& agent, const sflow::DiscardedPacket& sample, Nanoseconds now) {
  Source* source = source_of(agent, kDiscard, sample.source, now);
  if (source == nullptr) return;
  source->last = now;
  if (source->sequence.take(sample.sequence) == SequenceTracker::Arrival::kRestart) source->begin_anew();
  agent.discard_drops += source->drops_since(sample.drops);
  ++agent.discarded_packets;
  const Sampled s = records_of(sample.records, decoded_);
  Packet packet;
  if (!s.read(format_, packet)) return;
  DescribedHost* elsewhere = own_host(agent);
  FlowLedger& ledger = elsewhere != nullptr ? elsewhere->flows() : ledger_;
  ledger.drop({.packet = &packet,
               .octets = s.octets,
               .scale = 1,
               .agent = agent.number,
               .ports_are_ours = agent.local || elsewhere != nullptr,
               .input = if_index_of(sample.input),
               .output = if_index_of(sample.output),
               .vni = s.vni,
               .vlan = s.vlan,
               .tcp = nullptr},
              s.reason.empty() ? drop_reason_name(sample.reason) : s.reason, now);
}

void SflowIntake::tick(Nanoseconds now, std::span<const VnicTotals> totals) {
  ledger_.tick(now, totals);
  settle();
  for (const auto& [address, host] : hosts_) host->tick(now);
  forget_agents(now);
  index_hosts();
}

void SflowIntake::settle() {
  for (const auto& agent : places_) {
    if (agent == nullptr) continue;
    agent->datagrams.settle();
    for (const auto& [key, source] : agent->sources) source->sequence.settle();
  }
}

// Of a MAC that two hosts have (a migration's two ends) the one that comes later in order has the samples of switches in between.
void SflowIntake::index_hosts() {
  std::uint64_t generations = 1 + hosts_.size();  // grows with each host and each change, as long as none goes
  for (const auto& [address, host] : hosts_) generations += host->generation();
  if (std::exchange(indexed_, generations) == generations) return;
  host_by_mac_.clear();
  for (const auto& [address, host] : hosts_) {
    for (const Domain& d : host->inventory()->domains) {
      for (const Vnic& v : d.vnics) host_by_mac_[v.mac.number()] = host.get();
    }
  }
}

// Taps come and go, and each is a data source under a new ifIndex.
void SflowIntake::forget_sources(Agent& agent, Nanoseconds now) {
  agent.recent = nullptr;
  for (auto source = agent.sources.begin(); source != agent.sources.end();) {
    if (now - source->second->last <= options_.forget_agent_after) {
      ++source;
      continue;
    }
    if (source->first.kind == kFlow) agent.samples_before += source->second->sequence.counts();
    agent.sources.erase(source++);
    --sources_;
  }
}

void SflowIntake::forget_agents(Nanoseconds now) {
  const auto silent = [&](const auto& entry) {
    if (now - entry.second->last() <= options_.forget_agent_after) return false;
    guests_refused_ += entry.second->refused();
    return true;
  };
  if (std::erase_if(hosts_, silent) > 0) indexed_ = 0;
  for (auto& agent : places_) {
    if (agent == nullptr) continue;
    forget_sources(*agent, now);
    if (now - agent->last <= options_.forget_agent_after) continue;
    lost_ += agent->datagrams.counts().lost;
    restarts_ += agent->datagrams.counts().restarts;
    sources_ -= agent->sources.size();
    agents_.erase({agent->address, agent->sub_agent, agent->local});
    ledger_.forget_agent(agent->number);
    agent.reset();
  }
}

std::vector<AgentStatus> SflowIntake::agents() const {
  std::vector<AgentStatus> out;
  for (const auto& agent : places_) {
    AgentStatus& s = out.emplace_back();
    if (agent == nullptr) continue;
    const SequenceCounts d = agent->datagrams.settled();
    s.address = agent->address.text();
    s.sub_agent = agent->sub_agent;
    s.sender = agent->sender.text();
    s.local = agent->local;
    const auto host = hosts_.find(agent->address);
    if (!is_libvirts(*agent) && host != hosts_.end()) s.host = host->second->name();
    s.first = agent->first;
    s.last = agent->last;
    s.uptime_ms = agent->datagrams.uptime_ms();
    s.datagrams = d.received;
    s.lost = d.lost;
    s.late = d.late;
    s.duplicates = d.duplicates;
    s.restarts = d.restarts;
    SequenceCounts samples = agent->samples_before;
    for (const auto& [key, source] : agent->sources) {
      if (key.kind == kFlow) samples += source->sequence.settled();
    }
    s.stated_rate = agent->stated_rate;
    s.samples = agent->samples;
    s.samples_lost = samples.lost;
    s.counter_samples = agent->counter_samples;
    s.discarded_packets = agent->discarded_packets;
    s.agent_drops = agent->drops;
    s.discard_drops = agent->discard_drops;
    s.data_sources = static_cast<std::uint32_t>(agent->sources.size());
    s.sampling_rate = agent->samples == 0 ? 0 : agent->packets / static_cast<double>(agent->samples);
  }
  return out;
}

SflowRefusals SflowIntake::refused() const {
  SflowRefusals out{.agents = agents_refused_, .data_sources = sources_refused_, .hosts = hosts_refused_, .guests = guests_refused_};
  for (const auto& [address, host] : hosts_) out.guests += host->refused();
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> SflowIntake::counters() const {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  sflow::DecodeCounters::fields(decoded_, [&](std::string_view name, std::uint64_t value) { out.emplace_back(name, value); });
  std::uint64_t lost = lost_, restarts = restarts_;
  for (const auto& agent : places_) {
    if (agent == nullptr) continue;
    lost += agent->datagrams.settled().lost;
    restarts += agent->datagrams.counts().restarts;
  }
  const FlowCounts& flows = ledger_.counts();
  out.insert(out.end(), {{"datagrams_lost", lost},
                         {"datagrams_duplicate", duplicates_},
                         {"agent_restarts", restarts},
                         {"agents", agents_.size()},
                         {"agents_denied", agents_denied_.count},
                         {"agents_refused", agents_refused_},
                         {"hosts", hosts_.size()},
                         {"hosts_refused", hosts_refused_},
                         {"guests_refused", refused().guests},
                         {"data_sources", sources_},
                         {"data_sources_refused", sources_refused_},
                         {"attributed_by_port", flows.by_port},
                         {"attributed_by_inner_mac", flows.by_inner_mac},
                         {"attributed_by_outer_mac", flows.by_outer_mac},
                         {"not_elected", flows.not_elected},
                         {"foreign_mac", flows.foreign_mac},
                         {"conversations", ledger_.conversations().size()},
                         {"conversations_evicted", ledger_.conversations().evictions()}});
  return out;
}

}  // namespace vmtraffic
