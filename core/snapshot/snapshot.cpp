#include "core/snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/snapshot/fields.hpp"
#include "core/snapshot/format.hpp"
#include "core/snapshot/impl.hpp"
#include "core/traffic/numbers.hpp"

namespace vmtraffic {
namespace {

// A domain with its largest numbers of vNICs, tags and addresses stays far below; the verifier's walk stays bounded.
constexpr flatbuffers::uoffset_t kMaxTables = 4'000'000;
constexpr flatbuffers::uoffset_t kMaxDepth = 16;

Error corrupt(std::string_view what) { return {ErrorCode::kCorrupt, fmt::format("the snapshot is corrupt ({})", what)}; }

bool numbers_aligned(const fbs::Numbers* n) {
  return n == nullptr || (aligned(n->domains()) && aligned(n->totals()) && aligned(n->rates_interval()) && aligned(n->rates_minute()) &&
                          aligned(n->rates_five_minutes()));
}

// What the schema cannot say and rows rely on.
bool complete(const fbs::Domain* domain) {
  if (domain->uuid() == nullptr) return false;
  for (flatbuffers::uoffset_t i = 0; i < size_of(domain->vnics()); ++i) {
    if (domain->vnics()->Get(i)->mac() == nullptr) return false;
  }
  return true;
}

DomainUuid uuid_of(const fbs::Uuid* uuid) {
  DomainUuid out;
  if (uuid != nullptr) std::copy_n(uuid->octets()->data(), out.octets.size(), out.octets.begin());
  return out;
}

MacAddress mac_of(const fbs::Mac* mac) {
  MacAddress out;
  std::copy_n(mac->octets()->data(), out.octets.size(), out.octets.begin());
  return out;
}

std::optional<Bandwidth> bandwidth_of(const fbs::Bandwidth* bandwidth) {
  if (bandwidth == nullptr) return std::nullopt;
  return Bandwidth{bandwidth->average(), bandwidth->peak(), bandwidth->burst()};
}

// A part's octets after its bounds and its checksum were checked; empty when the file has no such part.
Result<std::span<const std::byte>> part(std::span<const std::byte> file, std::span<const PartEntry> entries, PartKind kind) {
  for (const PartEntry& entry : entries) {
    if (entry.kind != static_cast<std::uint32_t>(kind)) continue;
    if (entry.offset % kPartAlignment != 0 || entry.offset > file.size() || entry.size > file.size() - entry.offset)
      return corrupt("a part lies outside the file");
    const auto bytes = file.subspan(entry.offset, entry.size);
    if (XXH3_64bits(bytes.data(), bytes.size()) != entry.xxh3) return corrupt("a checksum does not fit");
    return bytes;
  }
  return std::span<const std::byte>{};
}

template <class Table>
Result<const Table*> verified(std::span<const std::byte> bytes) {
  if (bytes.empty()) return static_cast<const Table*>(nullptr);
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  flatbuffers::Verifier verifier(data, bytes.size(), kMaxDepth, kMaxTables);
  if (!verifier.VerifyBuffer<Table>(nullptr)) return corrupt("a part does not fit its schema");
  return flatbuffers::GetRoot<Table>(data);
}

// Finds, checks and opens one part into `table`.
template <class Table>
Status open_part(std::span<const std::byte> file, std::span<const PartEntry> entries, PartKind kind, const Table*& table) {
  const auto bytes = part(file, entries, kind);
  if (!bytes) return bytes.error();
  const auto root = verified<Table>(*bytes);
  if (!root) return root.error();
  table = *root;
  return Done{};
}

// Checks everything that does not depend on a part and gives the entries.
Result<std::vector<PartEntry>> open_file(std::span<const std::byte> file) {
  FileHead head{};
  if (file.empty()) return Error{ErrorCode::kTruncated, "the snapshot is empty"};
  const std::size_t known = std::min(file.size(), sizeof(head));
  std::memcpy(&head, file.data(), known);
  if (std::memcmp(&head.magic, &kSnapshotMagic, std::min(known, sizeof(head.magic))) != 0)
    return Error{ErrorCode::kForeign, "the file is not a vmtraffic snapshot"};
  if (known < sizeof(head))
    return Error{ErrorCode::kTruncated, fmt::format("the snapshot is truncated: {} octets are less than its head", file.size())};
  if (head.major > kSnapshotMajor) {
    return Error{ErrorCode::kFuture,
                 fmt::format("the snapshot's format {} is newer than this program understands ({}): upgrade this program", head.major,
                             kSnapshotMajor)};
  }
  if (file.size() < head.file_size) {
    return Error{ErrorCode::kTruncated, fmt::format("the snapshot is truncated: {} of {} octets", file.size(), head.file_size)};
  }
  if (file.size() > head.file_size || head.major == 0 || head.part_count > kSnapshotMaxParts) return corrupt("its head makes no sense");
  const std::size_t entries_size = head.part_count * sizeof(PartEntry);
  if (file.size() - sizeof(head) < entries_size) return corrupt("its directory does not fit");
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, file.data(), offsetof(FileHead, xxh3));
  XXH3_64bits_update(&state, file.data() + sizeof(head), entries_size);
  if (XXH3_64bits_digest(&state) != head.xxh3) return corrupt("its directory's checksum does not fit");
  std::vector<PartEntry> entries(head.part_count);
  if (entries_size > 0) std::memcpy(entries.data(), file.data() + sizeof(head), entries_size);
  return entries;
}

}  // namespace

Result<Done> Snapshot::Impl::lay_out() {
  if (!numbers_aligned(numbers)) return corrupt("a part does not fit its schema");
  const std::size_t domains = inventory == nullptr ? 0 : size_of(inventory->domains());
  const auto tags_of = [this](flatbuffers::uoffset_t d) {
    return domain_tags != nullptr && d < size_of(domain_tags->domains()) ? domain_tags->domains()->Get(d)->tags() : nullptr;
  };
  // Exactly as much as is needed: a front end holds two snapshots, and may read each in another thread with a heap of its own.
  std::size_t vnic_count = 0, tag_count = 0;
  for (flatbuffers::uoffset_t d = 0; d < domains; ++d) {
    vnic_count += size_of(inventory->domains()->Get(d)->vnics());
    tag_count += size_of(tags_of(d));
  }
  first_vnic.reserve(domains + 1);
  first_tag.reserve(domains + 1);
  domain_of.reserve(vnic_count);
  first_address.reserve(vnic_count + 1);
  tags.reserve(tag_count);
  for (flatbuffers::uoffset_t d = 0; d < domains; ++d) {
    const fbs::Domain* domain = inventory->domains()->Get(d);
    if (!complete(domain)) return corrupt("a domain without identity");
    first_vnic.push_back(static_cast<std::uint32_t>(domain_of.size()));
    first_tag.push_back(static_cast<std::uint32_t>(tags.size()));
    const auto* of_domain = tags_of(d);
    for (flatbuffers::uoffset_t t = 0; t < size_of(of_domain); ++t) {
      const fbs::Tag* tag = of_domain->Get(t);
      tags.push_back({view(tag->key()), view(tag->value())});
    }
    for (flatbuffers::uoffset_t v = 0; v < size_of(domain->vnics()); ++v) {
      domain_of.push_back(d);
      first_address.push_back(static_cast<std::uint32_t>(addresses.size()));
      const auto* known = domain->vnics()->Get(v)->addresses();
      for (flatbuffers::uoffset_t a = 0; a < size_of(known); ++a) addresses.push_back(view(known->Get(a)));
    }
  }
  first_vnic.push_back(static_cast<std::uint32_t>(domain_of.size()));
  first_tag.push_back(static_cast<std::uint32_t>(tags.size()));
  first_address.push_back(static_cast<std::uint32_t>(addresses.size()));
  return Done{};
}

Result<Snapshot> Snapshot::parse(std::span<const std::byte> bytes, unsigned parts, std::shared_ptr<const void> keep_alive) {
  const auto entries = open_file(bytes);
  if (!entries) return entries.error();
  auto impl = std::make_shared<Impl>();
  impl->keep_alive = std::move(keep_alive);
  if (auto s = open_part(bytes, *entries, PartKind::kHeader, impl->header); !s) return s.error();
  if (impl->header == nullptr) return corrupt("it has no header");
  const auto wanted = [&](PartKind kind, auto& table) -> Status {
    return is_wanted(kind, parts) ? open_part(bytes, *entries, kind, table) : Status(Done{});
  };
  if (auto s = wanted(PartKind::kInventory, impl->inventory); !s) return s.error();
  if (auto s = wanted(PartKind::kNumbers, impl->numbers); !s) return s.error();
  if (auto s = wanted(PartKind::kHealth, impl->health); !s) return s.error();
  if (auto s = wanted(PartKind::kEvents, impl->events); !s) return s.error();
  if (auto s = wanted(PartKind::kTags, impl->domain_tags); !s) return s.error();
  if (auto s = wanted(PartKind::kFlows, impl->flows); !s) return s.error();
  if (auto s = wanted(PartKind::kAgents, impl->agents); !s) return s.error();
  if (auto s = wanted(PartKind::kHosts, impl->hosts); !s) return s.error();
  if (auto s = wanted(PartKind::kPerformance, impl->performance); !s) return s.error();
  if (auto s = impl->lay_out(); !s) return s.error();
  if (!impl->flows_fit() || !impl->performance_fits()) return corrupt("a part does not fit its schema");
  return Snapshot(std::move(impl));
}

Result<Snapshot> Snapshot::parse(std::vector<std::byte> bytes, unsigned parts) {
  // FlatBuffers reads aligned integers: operator new's alignment (16) is that of the parts.
  const auto owned = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  return parse(std::span(*owned), parts, owned);
}

SnapshotInfo Snapshot::info() const {
  const fbs::Header* h = impl_->header;
  return {view(h->host()),  view(h->boot_id()),        h->sequence(),   h->sampled_boottime_ns(),  h->sampled_walltime_ns(),
          h->interval_ns(), h->inventory_generation(), h->writer_pid(), view(h->writer_program()), view(h->writer_version())};
}

std::size_t Snapshot::domain_count() const { return impl_->first_vnic.size() - 1; }
std::size_t Snapshot::vnic_count() const { return impl_->domain_of.size(); }

DomainRow Snapshot::domain(std::size_t index) const {
  const fbs::Domain* d = impl_->inventory->domains()->Get(static_cast<flatbuffers::uoffset_t>(index));
  DomainRow row;
  row.index = index;
  row.uuid = uuid_of(d->uuid());
  row.name = view(d->name());
  row.title = view(d->title());
  row.connection = view(d->connection());
  row.os_type = view(d->os_type());
  row.hypervisor = view(d->hypervisor());
  row.state = enum_of(d->state(), DomainState::kPmSuspended, DomainState::kNoState);
  row.state_reason = d->state_reason();
  row.persistent = optional_of(d->persistent());
  row.autostart = optional_of(d->autostart());
  row.vcpus = optional_of(d->vcpus());
  row.vcpus_max = optional_of(d->vcpus_max());
  row.memory_kib = optional_of(d->memory_kib());
  row.memory_max_kib = optional_of(d->memory_max_kib());
  row.tags = std::span(impl_->tags).subspan(impl_->first_tag[index], impl_->first_tag[index + 1] - impl_->first_tag[index]);
  row.first_vnic = impl_->first_vnic[index];
  row.vnic_count = impl_->first_vnic[index + 1] - impl_->first_vnic[index];
  if (impl_->numbers != nullptr && index < size_of(impl_->numbers->domains())) {
    const fbs::DomainNumbers* n = impl_->numbers->domains()->Get(static_cast<flatbuffers::uoffset_t>(index));
    if ((n->present() & 1u) != 0) row.cpu_time_ns = n->cpu_time_ns();
    if ((n->present() & 2u) != 0) row.confirmed_boottime = n->confirmed_boottime_ns();
  }
  return row;
}

std::optional<std::string_view> DomainRow::tag(std::string_view key) const {
  const auto found = std::find_if(tags.begin(), tags.end(), [&](const TagView& t) { return t.key == key; });
  return found == tags.end() ? std::nullopt : std::optional(found->value);
}

VnicRow Snapshot::vnic(std::size_t index) const {
  const fbs::Vnic* v = impl_->vnic(index);
  VnicRow row;
  row.index = index;
  row.domain = impl_->domain_of[index];
  row.key = {uuid_of(impl_->inventory->domains()->Get(impl_->domain_of[index])->uuid()), mac_of(v->mac()), v->ordinal()};
  row.number = v->number();
  row.type = enum_of(v->type(), VnicType::kVdpa, VnicType::kOther);
  row.source = view(v->source());
  row.tap = view(v->tap());
  row.model = view(v->model());
  row.port_id = view(v->port_id());
  row.teaming = view(v->teaming());
  row.alias = view(v->alias());
  row.pci = view(v->pci());
  row.link = enum_of(v->link(), LinkState::kDown, LinkState::kUnknown);
  row.bandwidth_rx = bandwidth_of(v->bandwidth_rx());
  row.bandwidth_tx = bandwidth_of(v->bandwidth_tx());
  row.addresses =
      std::span(impl_->addresses).subspan(impl_->first_address[index], impl_->first_address[index + 1] - impl_->first_address[index]);
  if (impl_->numbers == nullptr || index >= size_of(impl_->numbers->totals())) return row;
  const fbs::VnicTotals* t = impl_->numbers->totals()->Get(static_cast<flatbuffers::uoffset_t>(index));
  const auto total = [&](Metric m) {
    return (unsigned{t->present()} >> m & 1u) != 0 ? std::optional(t->total()->Get(static_cast<unsigned>(m))) : std::nullopt;
  };
  row.rx = {total(kRxOctets), total(kRxPackets), total(kRxErrors), total(kRxDrops)};
  row.tx = {total(kTxOctets), total(kTxPackets), total(kTxErrors), total(kTxDrops)};
  if (t->if_index() != 0 && t->present() != 0) row.if_index = t->if_index();
  row.seldom = t->reading_age() != 0;
  row.held = t->reading_age() == kHeld;
  if (t->discontinuity_boottime_ns() != 0) row.discontinuity_boottime = t->discontinuity_boottime_ns();
  return row;
}

WindowRates Snapshot::rates(std::size_t vnic_index, Window window) const {
  WindowRates out;
  if (impl_->numbers == nullptr) return out;
  const flatbuffers::Vector<const fbs::VnicRates*>* rows = window == Window::kInterval ? impl_->numbers->rates_interval()
                                                           : window == Window::kMinute ? impl_->numbers->rates_minute()
                                                                                       : impl_->numbers->rates_five_minutes();
  if (vnic_index >= size_of(rows)) return out;
  const fbs::VnicRates* r = rows->Get(static_cast<flatbuffers::uoffset_t>(vnic_index));
  const auto rate = [&](const flatbuffers::Array<float, 8>* values, Metric m) {
    return (r->present() >> m & 1u) != 0 ? std::optional(static_cast<double>(values->Get(static_cast<unsigned>(m)))) : std::nullopt;
  };
  out.covered_s = static_cast<double>(r->covered_s());
  out.rx = {rate(r->mean(), kRxOctets), rate(r->mean(), kRxPackets), rate(r->mean(), kRxErrors), rate(r->mean(), kRxDrops)};
  out.tx = {rate(r->mean(), kTxOctets), rate(r->mean(), kTxPackets), rate(r->mean(), kTxErrors), rate(r->mean(), kTxDrops)};
  out.rx_highest = {rate(r->highest(), kRxOctets), rate(r->highest(), kRxPackets), rate(r->highest(), kRxErrors),
                    rate(r->highest(), kRxDrops)};
  out.tx_highest = {rate(r->highest(), kTxOctets), rate(r->highest(), kTxPackets), rate(r->highest(), kTxErrors),
                    rate(r->highest(), kTxDrops)};
  return out;
}

std::optional<std::size_t> Snapshot::find_domain(const DomainUuid& uuid) const {
  std::size_t low = 0;
  std::size_t high = domain_count();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const DomainUuid at = uuid_of(impl_->inventory->domains()->Get(static_cast<flatbuffers::uoffset_t>(middle))->uuid());
    if (at == uuid) return middle;
    (at < uuid ? low : high) = at < uuid ? middle + 1 : middle;
  }
  return std::nullopt;
}

std::size_t Snapshot::health_count() const { return impl_->health == nullptr ? 0 : size_of(impl_->health->probes()); }

ProbeHealthRow Snapshot::health(std::size_t index) const {
  const fbs::ProbeHealth* p = impl_->health->probes()->Get(static_cast<flatbuffers::uoffset_t>(index));
  ProbeHealthRow row;
  row.name = view(p->name());
  row.state = enum_of(p->state(), HealthState::kDown, HealthState::kDown);
  row.message = view(p->message());
  row.since_boottime = p->since_boottime_ns();
  row.last_ok_boottime = optional_of(p->last_ok_boottime_ns());
  for (flatbuffers::uoffset_t i = 0; i < size_of(p->counters()); ++i) {
    row.counters.push_back({view(p->counters()->Get(i)->name()), p->counters()->Get(i)->value()});
  }
  return row;
}

std::size_t Snapshot::event_count() const { return impl_->events == nullptr ? 0 : size_of(impl_->events->events()); }

EventRow Snapshot::event(std::size_t index) const {
  const fbs::Event* e = impl_->events->events()->Get(static_cast<flatbuffers::uoffset_t>(index));
  return {e->sequence(),      e->boottime_ns(),  e->walltime_ns(), enum_of(e->kind(), EventKind::kVnicRemoved, EventKind::kOther),
          uuid_of(e->uuid()), view(e->domain()), view(e->detail())};
}

std::uint64_t Snapshot::last_event_sequence() const { return impl_->events == nullptr ? 0 : impl_->events->last_sequence(); }

bool names_are_old(Nanoseconds age, Nanoseconds interval) {
  constexpr Nanoseconds kLeast = 30 * kSecond;
  return age > std::max(kLeast, kStaleAfterIntervals * interval);
}

std::optional<Nanoseconds> Snapshot::age(const Clock& clock) const {
  const SnapshotInfo i = info();
  const Nanoseconds now = clock.boottime();
  if (i.boot_id != clock.boot_id || i.sampled_boottime > now) return std::nullopt;
  return now - i.sampled_boottime;
}

bool Snapshot::stale(const Clock& clock) const {
  const auto old = age(clock);
  return !old || *old > kStaleAfterIntervals * info().interval + kSecond;
}

}  // namespace vmtraffic
