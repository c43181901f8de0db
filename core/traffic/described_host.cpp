#include "core/traffic/described_host.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace vmtraffic {
namespace {

constexpr std::size_t kMaxGuests = 4096, kMaxPorts = 16'384, kMaxAdapters = 4096, kMaxMacs = 64, kMaxVnics = 8192;
constexpr std::size_t kMaxName = 255;

// hsflowd tells of everything each 20 or 30 seconds.
constexpr Nanoseconds kForgetGuestAfter = 180 * kSecond;
constexpr Nanoseconds kCountersLast = 180 * kSecond;
constexpr Nanoseconds kLearnEvery = 60 * kSecond;

constexpr std::uint32_t kLogicalEntity = 3;
constexpr std::uint32_t kLeastVotes = 8, kMostVotes = 64;  // so that a port that is given to another is known soon
constexpr std::uint64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr std::uint64_t kOctetsPerKib = 1024;

// libvirt gives a tap the guest's MAC with this first octet.
constexpr std::uint8_t kTapOctet = 0xFE;

std::string bounded(std::string_view text) { return std::string(text.substr(0, kMaxName)); }

std::optional<std::uint64_t> sum(const std::array<sflow::Counter32, 3>& parts) {
  std::uint64_t total = 0;
  bool any = false;
  for (const sflow::Counter32& part : parts) {
    total += part.value_or(0);
    any = any || part.has_value();
  }
  return any ? std::optional(total) : std::nullopt;
}

}  // namespace

struct DescribedHost::Description {
  std::optional<sflow::HostDescription> host;
  std::optional<sflow::HostAdapters> adapters;
  std::optional<sflow::VirtualCpu> cpu;
  std::optional<sflow::VirtualMemory> memory;
  std::optional<sflow::InterfaceCounters> counters;
  std::optional<sflow::PortName> port_name;
  bool has_parent{false};

  void operator()(const sflow::HostDescription& r) { host = r; }
  void operator()(const sflow::HostAdapters& r) { adapters = r; }
  void operator()(const sflow::VirtualCpu& r) { cpu = r; }
  void operator()(const sflow::VirtualMemory& r) { memory = r; }
  void operator()(const sflow::InterfaceCounters& r) { counters = r; }
  void operator()(const sflow::PortName& r) { port_name = r; }
  void operator()(const sflow::HostParent&) { has_parent = true; }
  template <class Other>
  sflow::Unread operator()(const Other&) {
    return {};
  }
};

DescribedHost::DescribedHost(const IpAddress& agent, FlowLedger::Limits limits, const std::vector<NamedNetwork>& networks,
                             std::size_t& vnics_left)
    : vnics_left_(vnics_left), agent_(agent), inventory_(std::make_shared<const Inventory>()), flows_(limits, networks) {}

DescribedHost::~DescribedHost() { vnics_left_ += vnics_; }

bool DescribedHost::describes(const sflow::CounterSample& sample) {
  sflow::DecodeCounters unused;
  bool host = false, node = false, parent = false;
  sflow::CounterRecordReader reader(sample.records, unused);
  while (reader.next([&]<class Record>(const Record&) {
    host = host || std::is_same_v<Record, sflow::HostDescription>;
    node = node || std::is_same_v<Record, sflow::VirtualNode>;
    parent = parent || std::is_same_v<Record, sflow::HostParent>;
  }))
    continue;
  return node || (host && (parent || sample.source.source_class == kLogicalEntity));
}

void DescribedHost::take(const sflow::CounterSample& sample, sflow::DecodeCounters& counters, Nanoseconds now) {
  last_ = now;
  Description said;
  sflow::CounterRecordReader reader(sample.records, counters);
  while (reader.next(said)) continue;
  if (said.counters) count(said.counters->if_index, said, now);
  if (!said.host) return;
  const bool is_guest = said.has_parent || sample.source.source_class == kLogicalEntity;
  is_guest ? describe_guest(sample.source, said, now) : describe_host(said);
}

void DescribedHost::describe_host(const Description& said) {
  name_ = bounded(said.host->hostname);
  if (!said.adapters) return;
  std::map<MacAddress, std::uint32_t> adapters;
  said.adapters->adapters.for_each([&](std::uint32_t if_index, const MacAddress& mac) {
    if (if_index != 0 && adapters.size() < kMaxAdapters) adapters[mac] = if_index;
  });
  changed_ = changed_ || adapters != adapters_;
  adapters_ = std::move(adapters);
}

void DescribedHost::describe_guest(const sflow::DataSource& source, const Description& said, Nanoseconds now) {
  if (guests_.size() >= kMaxGuests && !guests_.contains(source)) {
    ++refused_;
    return;
  }
  Domain domain;
  domain.uuid = said.host->uuid;
  domain.name = bounded(said.host->hostname);
  domain.connection = fmt::format("sflow:{}", agent_.text());
  domain.hypervisor = "sFlow";
  domain.os_type = bounded(said.host->os_release);
  domain.state = DomainState::kRunning;
  if (said.cpu && said.cpu->state <= static_cast<std::uint32_t>(DomainState::kPmSuspended) && said.cpu->state != 0)
    domain.state = static_cast<DomainState>(said.cpu->state);
  if (said.cpu && said.cpu->cpu_count) domain.vcpus = *said.cpu->cpu_count;
  if (said.memory && said.memory->memory) domain.memory_kib = *said.memory->memory / kOctetsPerKib;
  if (said.memory && said.memory->memory_max) domain.memory_max_kib = *said.memory->memory_max / kOctetsPerKib;
  if (said.adapters) {
    said.adapters->adapters.for_each([&](std::uint32_t, const MacAddress& mac) {
      if (domain.vnics.size() >= kMaxMacs) return;
      Vnic vnic;
      vnic.mac = mac;
      vnic.number = static_cast<std::uint32_t>(domain.vnics.size());
      domain.vnics.push_back(std::move(vnic));
    });
  }
  const auto known = guests_.find(source);
  const std::size_t before = known == guests_.end() ? 0 : known->second.domain.vnics.size();
  const std::size_t added = domain.vnics.size() - std::min(before, domain.vnics.size());
  if (added > vnics_left_ || vnics_ + added > kMaxVnics) {
    ++refused_;
    return;
  }
  vnics_ = vnics_ + domain.vnics.size() - before;
  vnics_left_ = vnics_left_ + before - domain.vnics.size();
  Guest& guest = guests_[source];
  guest.described = now;
  if (said.cpu && said.cpu->cpu_time_ms) {
    // 32 bits of milliseconds: they wrap after 49 days of CPU. A guest that was started again begins below, and far from the end.
    const std::uint32_t told = *said.cpu->cpu_time_ms, last = static_cast<std::uint32_t>(guest.cpu_time_ms.value_or(told));
    const bool wrapped = told < last && last - told > 1U << 31;
    guest.cpu_time_ms = told < last && !wrapped ? told : guest.cpu_time_ms.value_or(told) + static_cast<std::uint32_t>(told - last);
  }
  if (guest.domain == domain) return;
  guest.domain = std::move(domain);
  changed_ = true;
}

DescribedHost::Port* DescribedHost::port_of(std::uint32_t if_index) {
  const auto found = ports_.find(if_index);
  if (found != ports_.end()) return &found->second;
  if (ports_.size() >= kMaxPorts) {
    ++refused_;
    return nullptr;
  }
  return &ports_[if_index];
}

// In is what the switch received on the port: what the guest sent.
void DescribedHost::count(std::uint32_t if_index, const Description& said, Nanoseconds now) {
  Port* port = if_index == 0 ? nullptr : port_of(if_index);
  if (port == nullptr) return;
  const sflow::InterfaceCounters& c = *said.counters;
  if (said.port_name && port->name != said.port_name->name) {
    port->name = bounded(said.port_name->name);
    changed_ = true;
  }
  const bool first = port->taken == 0;
  const auto fell = [&](const sflow::Counter64& v, Metric m) { return !first && v && *v < port->values[m]; };
  const bool anew = fell(c.in_octets, kTxOctets) || fell(c.out_octets, kRxOctets);
  // Two agents of one host may tell of one port, the one from what it knew a moment ago: a link that was made anew begins far below.
  const auto nearly = [&](const sflow::Counter64& v, Metric m) { return !v || *v >= port->values[m] / 2; };
  if (anew && now - port->taken < kCountersLast && nearly(c.in_octets, kTxOctets) && nearly(c.out_octets, kRxOctets)) return;
  const auto widened = [&](Metric metric, std::size_t direction, const std::optional<std::uint64_t>& packets) {
    if (!packets) return;
    const auto raw = static_cast<std::uint32_t>(*packets);
    port->values[metric] = first || anew ? raw : port->values[metric] + static_cast<std::uint32_t>(raw - port->raw_packets[direction]);
    port->raw_packets[direction] = raw;
    port->present |= static_cast<MetricSet>(1U << metric);
  };
  const auto plain = [&](Metric metric, const auto& value) {
    if (!value) return;
    port->values[metric] = *value;
    port->present |= static_cast<MetricSet>(1U << metric);
  };
  port->present = 0;
  widened(kTxPackets, 0, sum({c.in_unicast, c.in_multicast, c.in_broadcast}));
  widened(kRxPackets, 1, sum({c.out_unicast, c.out_multicast, c.out_broadcast}));
  plain(kTxOctets, c.in_octets);
  plain(kRxOctets, c.out_octets);
  plain(kTxErrors, c.in_errors);
  plain(kRxErrors, c.out_errors);
  plain(kTxDrops, c.in_discards);
  plain(kRxDrops, c.out_discards);
  port->taken = port->heard = now;
  port->given = false;
  flows_.port_told(if_index, now);
}

void DescribedHost::vote(std::uint32_t if_index, const MacAddress& mac, Nanoseconds now) {
  Port* port = port_of(if_index);
  if (port == nullptr) return;
  port->heard = now;
  if (port->votes == 0 && port->mac != mac) port->mac = mac, port->known = false;
  port->votes = port->mac == mac ? std::min(port->votes + 1, kMostVotes) : port->votes - 1;
  // Which port is whose shows early; from then on only a change of it matters.
  if (port->votes >= kLeastVotes && !std::exchange(port->known, true)) changed_ = true;
}

bool DescribedHost::take(const SampledPacket& sample, Nanoseconds now) {
  last_ = now;
  const Frame& frame = sample.packet->outer;
  if (sample.input != 0 && frame.ethernet && !guests_.empty()) vote(sample.input, frame.ethernet->src, now);
  return flows_.take(sample, now);
}

// By the MACs that packets came with. Two ports with one MAC: somebody sends from another's, and nobody can say who.
DescribedHost::PortByMac DescribedHost::ports_by_mac() const {
  PortByMac out;
  for (const auto& [if_index, port] : ports_) {
    if (!port.known) continue;
    const auto [at, is_new] = out.try_emplace(port.mac.number(), if_index);
    if (!is_new) at->second = 0;
  }
  return out;
}

void DescribedHost::rebuild() {
  Inventory next;
  for (const auto& [source, guest] : guests_) next.domains.push_back(guest.domain);
  normalize(next);
  // Only what more than one vNIC does not claim: two of one MAC have no port of which one could say whose it is.
  std::map<MacAddress, int> seen;
  for (const Domain& d : next.domains) {
    for (const Vnic& v : d.vnics) ++seen[v.mac];
  }
  const PortByMac by_mac = ports_by_mac();
  const auto port_of_vnic = [&](MacAddress mac) {
    const auto learnt = by_mac.find(mac.number());
    mac.octets[0] = kTapOctet;
    const auto tap = adapters_.find(mac);
    return tap != adapters_.end() ? tap->second : learnt != by_mac.end() ? learnt->second : 0;
  };
  const std::vector<std::uint32_t> before = std::exchange(if_indexes_, {});
  for (Domain& d : next.domains) {
    for (Vnic& v : d.vnics) {
      const std::uint32_t port = seen[v.mac] == 1 ? port_of_vnic(v.mac) : 0;
      if_indexes_.push_back(port);
      if (const auto found = ports_.find(port); port != 0 && found != ports_.end()) v.tap = found->second.name;
    }
  }
  guest_of_.clear();
  for (const auto& [source, guest] : guests_) guest_of_.try_emplace(guest.domain.uuid, &guest);
  flows_.set_inventory(next, if_indexes_);
  moved_from_ = ledger_.set_inventory(next);
  add_addresses(next, addresses_);
  // A reading that a row has had is not its next one; one that is new to its row is.
  for (std::size_t row = 0; row < if_indexes_.size(); ++row) {
    if (moved_from_[row] != kNewRow && before[moved_from_[row]] == if_indexes_[row]) continue;
    if (const auto port = ports_.find(if_indexes_[row]); port != ports_.end()) port->second.given = false;
  }
  inventory_ = std::make_shared<const Inventory>(std::move(next));
  ++generation_;
}

void DescribedHost::forget(Nanoseconds now) {
  for (auto guest = guests_.begin(); guest != guests_.end();) {
    if (now - guest->second.described <= kForgetGuestAfter) {
      ++guest;
      continue;
    }
    vnics_ -= guest->second.domain.vnics.size();
    vnics_left_ += guest->second.domain.vnics.size();
    guest = guests_.erase(guest);
    changed_ = true;
  }
  // A VM that was started again has another port; the old one says nothing any more.
  for (auto port = ports_.begin(); port != ports_.end();) {
    if (now - port->second.heard <= kCountersLast) {
      ++port;
      continue;
    }
    changed_ = changed_ || port->second.known;
    ports_.erase(port++);
  }
}

// What its VMs send tells their addresses. Seldom: each change makes its inventory anew.
void DescribedHost::learn_addresses(Nanoseconds now) {
  if (now - learnt_at_ < kLearnEvery) return;
  learnt_at_ = now;
  std::map<VnicKey, std::vector<std::string>> learnt;
  const auto& keys = ledger_.keys();
  for (std::size_t row = 0; row < std::min(keys.size(), flows_.row_count()); ++row) {
    for (const IpAddress& address : flows_.learnt_addresses(row)) learnt[keys[row]].push_back(address.text());
  }
  for (auto& [key, addresses] : learnt) std::sort(addresses.begin(), addresses.end());
  if (learnt == addresses_) return;
  addresses_ = std::move(learnt);
  changed_ = true;
}

void DescribedHost::tick(Nanoseconds now) {
  forget(now);
  learn_addresses(now);
  moved_from_.clear();
  if (std::exchange(changed_, false)) rebuild();
  steps_ = ledger_.sample(take_readings(now), now);
  flows_.tick(now, ledger_.totals());
}

std::vector<DomainNumbers> DescribedHost::numbers() const {
  std::vector<DomainNumbers> out;
  for (const Domain& d : inventory_->domains) {
    DomainNumbers& numbers = out.emplace_back();
    const auto found = guest_of_.find(d.uuid);
    if (found == guest_of_.end()) continue;
    const Guest& guest = *found->second;
    numbers = {guest.cpu_time_ms ? std::optional(*guest.cpu_time_ms * kNanosecondsPerMillisecond) : std::nullopt, guest.described};
  }
  return out;
}

std::vector<LinkReading> DescribedHost::take_readings(Nanoseconds now) {
  std::vector<LinkReading> out(if_indexes_.size());
  for (std::size_t row = 0; row < out.size(); ++row) {
    const auto found = if_indexes_[row] == 0 ? ports_.end() : ports_.find(if_indexes_[row]);
    if (found == ports_.end() || found->second.taken == 0 || now - found->second.taken > kCountersLast) continue;
    Port& port = found->second;
    if (std::exchange(port.given, true)) {
      out[row].age = kHeld;
      continue;
    }
    out[row].if_index = if_indexes_[row];
    out[row].values = port.values;
    out[row].present = port.present;
    out[row].age = reading_age(now - port.taken);
  }
  return out;
}

}  // namespace vmtraffic
