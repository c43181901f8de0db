// The parts that tell of flows, agents and other hosts, as rows.
#include <fmt/format.h>

#include <algorithm>

#include "core/snapshot.hpp"
#include "core/snapshot/fields.hpp"
#include "core/snapshot/impl.hpp"
#include "core/text.hpp"

namespace vmtraffic {
namespace {

using Index = flatbuffers::uoffset_t;

double wide(float value) { return static_cast<double>(value); }

FlowEstimate estimate(const fbs::FlowSums& s) {
  return {{s.total_octets(), s.total_packets(), s.total_samples(), wide(s.total_packets_error()), wide(s.total_octets_error())},
          {wide(s.octets()), wide(s.packets()), s.samples(), wide(s.packets_error()), wide(s.octets_error())}};
}

template <class Row>
FlowBothWays both_ways(const Row& row) {
  return {row.since_boottime_ns(), estimate(row.rx()), estimate(row.tx())};
}

template <class Rows>
bool within(const Rows* rows, std::size_t vnics) {
  if (rows == nullptr) return true;
  return std::all_of(rows->begin(), rows->end(), [&](const auto* row) { return row->vnic() < vnics; });
}

AttributedBy by(std::uint8_t value) { return enum_of(value, AttributedBy::kTap, AttributedBy::kNothing); }

std::optional<std::size_t> place(std::uint32_t one_more) { return one_more == 0 ? std::nullopt : std::optional<std::size_t>(one_more - 1); }

// Of networks whoever looks for an address reads as many bits as their length says.
bool prefixes_fit(const fbs::Flows& flows) {
  for (Index i = 0; i < size_of(flows.network_prefixes()); ++i) {
    const fbs::NetworkPrefix* p = flows.network_prefixes()->Get(i);
    const unsigned longest = p->version() == 4 ? 32 : p->version() == 6 ? 128 : 0;
    if (p->name() >= size_of(flows.networks()) || longest == 0 || p->length() > longest) return false;
  }
  return true;
}

}  // namespace

bool Snapshot::Impl::flows_fit() const {
  if (flows == nullptr) return true;
  if (!aligned(flows->vnics()) || !aligned(flows->protocols()) || !aligned(flows->services()) || !aligned(flows->conversations()) ||
      !aligned(flows->network_prefixes()) || !aligned(flows->applications()))
    return false;
  if (!prefixes_fit(*flows)) return false;
  const std::size_t vnics = domain_of.size();
  const auto drops_fit = [&] {
    for (Index i = 0; i < size_of(flows->drops()); ++i) {
      const auto vnic = flows->drops()->Get(i)->vnic();
      if (vnic.has_value() && *vnic >= vnics) return false;
    }
    return true;
  };
  if (!within(flows->protocols(), vnics) || !within(flows->services(), vnics) || !within(flows->conversations(), vnics) ||
      !within(flows->applications(), vnics) || !drops_fit())
    return false;
  const std::size_t applications = size_of(flows->application_names());
  if (size_of(flows->application_categories()) != applications) return false;
  for (Index i = 0; i < size_of(flows->applications()); ++i) {
    if (flows->applications()->Get(i)->application() >= applications) return false;
  }
  for (Index i = 0; i < size_of(flows->conversations()); ++i) {
    const fbs::Conversation* c = flows->conversations()->Get(i);
    if (c->kind() == static_cast<std::uint8_t>(PeerKind::kVnic) && c->peer() >= vnics) return false;
    if (c->kind() == static_cast<std::uint8_t>(PeerKind::kNetwork) && c->peer() >= size_of(flows->networks())) return false;
    if (c->application() > applications) return false;
  }
  return true;
}

std::optional<FlowsInfo> Snapshot::flows() const {
  const fbs::Flows* f = impl_->flows;
  if (f == nullptr) return std::nullopt;
  return FlowsInfo{f->covered_s(), f->samples(), f->packets(), f->octets(), f->unattributed_packets(), f->unattributed_octets()};
}

std::optional<VnicFlowsRow> Snapshot::vnic_flows(std::size_t vnic_index) const {
  if (impl_->flows == nullptr || vnic_index >= size_of(impl_->flows->vnics())) return std::nullopt;
  const fbs::VnicFlows* v = impl_->flows->vnics()->Get(static_cast<Index>(vnic_index));
  VnicFlowsRow row;
  row.all = both_ways(*v);
  if (v->coverage_rx() >= 0) row.coverage_rx = wide(v->coverage_rx());
  if (v->coverage_tx() >= 0) row.coverage_tx = wide(v->coverage_tx());
  row.rx_by = by(v->rx_by());
  row.tx_by = by(v->tx_by());
  row.rx_agent = place(v->rx_agent());
  row.tx_agent = place(v->tx_agent());
  row.foreign_mac = v->foreign_mac();
  if (v->tcp_samples() > 0)
    row.tcp = TcpPerformance{v->tcp_samples(),      wide(v->rtt_us()), wide(v->rtt_variance_us()),
                             wide(v->min_rtt_us()), v->tcp_lossy(),    v->tcp_retransmitting()};
  if (vnic_index < size_of(impl_->flows->peers())) row.peers = impl_->flows->peers()->Get(static_cast<Index>(vnic_index));
  return row;
}

std::size_t Snapshot::protocol_count() const { return impl_->flows == nullptr ? 0 : size_of(impl_->flows->protocols()); }

ProtocolRow Snapshot::protocol(std::size_t index) const {
  const fbs::ProtocolFlows* p = impl_->flows->protocols()->Get(static_cast<Index>(index));
  return {p->vnic(), enum_of(p->protocol(), TrafficClass::kOther, TrafficClass::kOther), both_ways(*p)};
}

std::size_t Snapshot::service_count() const { return impl_->flows == nullptr ? 0 : size_of(impl_->flows->services()); }

ServiceRow Snapshot::service(std::size_t index) const {
  const fbs::ServiceFlows* s = impl_->flows->services()->Get(static_cast<Index>(index));
  return {s->vnic(), {s->protocol(), s->port()}, both_ways(*s)};
}

std::size_t Snapshot::application_count() const { return impl_->flows == nullptr ? 0 : size_of(impl_->flows->applications()); }

ApplicationRow Snapshot::application(std::size_t index) const {
  const fbs::ApplicationFlows* a = impl_->flows->applications()->Get(static_cast<Index>(index));
  return {a->vnic(), view(impl_->flows->application_names()->Get(a->application())),
          view(impl_->flows->application_categories()->Get(a->application())), both_ways(*a)};
}

std::size_t Snapshot::conversation_count() const { return impl_->flows == nullptr ? 0 : size_of(impl_->flows->conversations()); }

ConversationRow Snapshot::conversation(std::size_t index) const {
  const fbs::Conversation* c = impl_->flows->conversations()->Get(static_cast<Index>(index));
  ConversationRow row;
  row.vnic = c->vnic();
  row.kind = enum_of(c->kind(), PeerKind::kNetwork, PeerKind::kNone);
  row.service = {c->protocol(), c->port()};
  row.flows = both_ways(*c);
  row.source = enum_of(c->source(), FlowSource::kCapture, FlowSource::kUnknown);
  if (c->application() != 0) row.application = view(impl_->flows->application_names()->Get(c->application() - 1U));
  if (index < size_of(impl_->flows->server_names())) row.server_name = view(impl_->flows->server_names()->Get(static_cast<Index>(index)));
  if (row.kind == PeerKind::kVnic) row.peer_vnic = c->peer();
  if (row.kind == PeerKind::kNetwork) row.network = view(impl_->flows->networks()->Get(c->peer()));
  if (row.kind == PeerKind::kAddress && (c->address_version() == 4 || c->address_version() == 6)) {
    row.address.version = c->address_version();
    std::copy_n(c->address()->data(), row.address.octets.size(), row.address.octets.begin());
  }
  return row;
}

std::size_t Snapshot::network_name_count() const { return impl_->flows == nullptr ? 0 : size_of(impl_->flows->networks()); }

std::string_view Snapshot::network_name(std::size_t index) const { return view(impl_->flows->networks()->Get(static_cast<Index>(index))); }

std::size_t Snapshot::network_count() const { return impl_->flows == nullptr ? 0 : size_of(impl_->flows->network_prefixes()); }

NamedNetworkRow Snapshot::network(std::size_t index) const {
  const fbs::NetworkPrefix* p = impl_->flows->network_prefixes()->Get(static_cast<Index>(index));
  NamedNetworkRow row{.name = network_name(p->name()), .network = {{.version = p->version()}, p->length()}};
  std::copy_n(p->address()->data(), row.network.address.octets.size(), row.network.address.octets.begin());
  return row;
}

std::size_t Snapshot::drop_count() const { return impl_->flows == nullptr ? 0 : size_of(impl_->flows->drops()); }

DropRow Snapshot::drop(std::size_t index) const {
  const fbs::Drop* d = impl_->flows->drops()->Get(static_cast<Index>(index));
  DropRow row;
  if (d->vnic().has_value()) row.vnic = *d->vnic();
  row.direction = enum_of(d->direction(), Direction::kTx, Direction::kRx);
  row.reason = view(d->reason());
  row.packets = d->packets();
  row.octets = d->octets();
  row.recent_packets = d->recent_packets();
  row.since = d->since_boottime_ns();
  return row;
}

std::size_t Snapshot::agent_count() const { return impl_->agents == nullptr ? 0 : size_of(impl_->agents->agents()); }

AgentRow Snapshot::agent(std::size_t index) const {
  const fbs::Agent* a = impl_->agents->agents()->Get(static_cast<Index>(index));
  return {.address = view(a->address()),
          .sub_agent = a->sub_agent(),
          .sender = view(a->sender()),
          .host = view(a->host()),
          .local = a->local(),
          .first_boottime = a->first_boottime_ns(),
          .last_boottime = a->last_boottime_ns(),
          .uptime_ms = a->uptime_ms(),
          .datagrams = a->datagrams(),
          .lost = a->lost(),
          .late = a->late(),
          .duplicates = a->duplicates(),
          .restarts = a->restarts(),
          .samples = a->samples(),
          .samples_lost = a->samples_lost(),
          .counter_samples = a->counter_samples(),
          .discarded_packets = a->discarded_packets(),
          .agent_drops = a->agent_drops(),
          .discard_drops = a->discard_drops(),
          .data_sources = a->data_sources(),
          .sampling_rate = a->sampling_rate(),
          .stated_rate = a->stated_rate()};
}

std::size_t Snapshot::host_count() const { return impl_->hosts == nullptr ? 0 : size_of(impl_->hosts->hosts()); }

HostRow Snapshot::host(std::size_t index) const {
  const fbs::Host* h = impl_->hosts->hosts()->Get(static_cast<Index>(index));
  return {view(h->name()), view(h->address()), h->last_boottime_ns(), h->domains(), h->vnics()};
}

std::filesystem::path hosts_directory(const std::filesystem::path& directory) { return directory / "hosts"; }

std::filesystem::path host_directory(const std::filesystem::path& directory, std::string_view address) {
  return hosts_directory(directory) / address;
}

Result<std::filesystem::path> find_host(const std::filesystem::path& directory, std::string_view host) {
  constexpr std::size_t kNamed = 10;
  const auto index = read_snapshot(hosts_directory(directory), kPartHosts);
  if (!index && index.error().code == ErrorCode::kMissing)
    return Error{ErrorCode::kMissing,
                 fmt::format("no other host is known at {}: no sFlow agent has described one", printable(directory.string()))};
  if (!index) return index.error();
  for (std::size_t i = 0; i < index->host_count(); ++i) {
    // An address becomes a path; and whatever hosts call themselves, it is found first.
    if (index->host(i).address == host && IpAddress::parse(host)) return host_directory(directory, host);
  }
  std::optional<std::filesystem::path> found;
  std::string known;
  for (std::size_t i = 0; i < index->host_count(); ++i) {
    const HostRow row = index->host(i);
    if (!IpAddress::parse(row.address)) continue;
    if (row.name == host && found)
      return Error{ErrorCode::kMissing, fmt::format("several hosts are called {}: name one by its agent's address", printable(host))};
    if (row.name == host) found = host_directory(directory, row.address);
    if (i < kNamed) known += fmt::format("{}{} ({})", i == 0 ? "" : ", ", printable(row.name), printable(row.address));
  }
  if (found) return *found;
  return Error{ErrorCode::kMissing, fmt::format("no host {} among the {} known{}{}{}", printable(host), index->host_count(),
                                                known.empty() ? "" : ": ", known, index->host_count() > kNamed ? ", ..." : "")};
}

}  // namespace vmtraffic
