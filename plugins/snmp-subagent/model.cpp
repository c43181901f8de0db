#include "plugins/snmp-subagent/model.hpp"

#include <algorithm>

namespace vmtraffic::snmp {
namespace {

bool less(OidView a, OidView b) { return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()); }

// A counter's name is part of its OID, which has an end (RFC 2578: 128 sub-identifiers).
constexpr std::size_t kCounterNameLimit = 64;

RowKeys scalar_row() {
  RowKeys keys;
  keys.add({0}, 0);
  return keys;
}

}  // namespace

void RowKeys::add(OidView key, std::size_t row) {
  entries_.push_back({static_cast<std::uint32_t>(pool_.size()), static_cast<std::uint32_t>(key.size()), row});
  pool_.insert(pool_.end(), key.begin(), key.end());
}

void RowKeys::sort() {
  const auto key_of = [this](const Entry& entry) { return OidView(pool_).subspan(entry.start, entry.length); };
  std::stable_sort(entries_.begin(), entries_.end(), [&](const Entry& a, const Entry& b) { return less(key_of(a), key_of(b)); });
  const auto same = [&](const Entry& a, const Entry& b) { return std::ranges::equal(key_of(a), key_of(b)); };
  entries_.erase(std::unique(entries_.begin(), entries_.end(), same), entries_.end());
}

std::optional<std::size_t> RowKeys::find(OidView key) const {
  const std::size_t at = after(key);
  if (at == 0 || !std::ranges::equal(this->key(at - 1), key)) return std::nullopt;
  return at - 1;
}

std::size_t RowKeys::after(OidView key) const {
  const auto greater = [this](OidView a, const Entry& b) { return less(a, OidView(pool_).subspan(b.start, b.length)); };
  return static_cast<std::size_t>(std::upper_bound(entries_.begin(), entries_.end(), key, greater) - entries_.begin());
}

Rows::Rows(const Snapshot& snapshot, const Indexes& indexes) {
  for (std::size_t i = 0; i < snapshot.domain_count(); ++i) {
    const DomainRow domain = snapshot.domain(i);
    const SubId vm = indexes.domains[i];
    domains.add({vm}, i);
    for (std::size_t v = domain.first_vnic; v < domain.first_vnic + domain.vnic_count; ++v) vnics.add({vm, indexes.vnics[v]}, v);
  }
  for (std::size_t i = 0; i < snapshot.health_count(); ++i) {
    probes.add({indexes.probes[i]}, i);
    const ProbeHealthRow probe = snapshot.health(i);
    for (std::size_t c = 0; c < probe.counters.size(); ++c) {
      const std::string_view name = probe.counters[c].name;
      if (name.empty() || name.size() > kCounterNameLimit) continue;
      Oid key{indexes.probes[i]};
      for (const char octet : name) key.push_back(static_cast<unsigned char>(octet));
      probe_counters.add(key, counters.size());
      counters.emplace_back(i, c);
    }
  }
  for (RowKeys* keys : {&domains, &vnics, &probes, &probe_counters}) keys->sort();
}

View::View(const Model& model, const Clock& clock) : model_(model), now_(clock.boottime()) {
  if (!model.snapshot) return;
  age_ = model.snapshot->age(clock);
  state_ = model.snapshot->stale(clock) ? State::kStale : State::kFresh;
}

std::optional<Cell> View::since(std::optional<Nanoseconds> boottime) const {
  if (!boottime || *boottime > now_) return std::nullopt;
  return duration(now_ - *boottime);
}

const RowKeys& View::rows(RowSet set) const {
  static const RowKeys kNone;
  static const RowKeys kScalar = scalar_row();
  if (set == RowSet::kScalars) return kScalar;
  if (state_ != State::kFresh) return kNone;
  switch (set) {
    case RowSet::kDomains:
      return rows().domains;
    case RowSet::kVnics:
      return rows().vnics;
    case RowSet::kProbes:
      return rows().probes;
    case RowSet::kProbeCounters:
      return rows().probe_counters;
    case RowSet::kScalars:
      break;
  }
  return kScalar;
}

}  // namespace vmtraffic::snmp
