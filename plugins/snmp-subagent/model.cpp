#include "plugins/snmp-subagent/model.hpp"

#include <algorithm>

namespace vmtraffic::snmp {
namespace {

bool less(OidView a, OidView b) { return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()); }

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
    case RowSet::kVnicFlows:
      return snapshot().flows() ? rows().vnics : kNone;
    case RowSet::kProtocols:
      return rows().protocols;
    case RowSet::kServices:
      return rows().services;
    case RowSet::kApplications:
      return rows().applications;
    case RowSet::kConversations:
      return rows().conversations;
    case RowSet::kDrops:
      return rows().drops;
    case RowSet::kAgents:
      return rows().agents;
    case RowSet::kHosts:
      return model_.hosts ? model_.hosts->host_rows : kNone;
    case RowSet::kHostVnics:
      return model_.hosts ? model_.hosts->vnic_rows : kNone;
    case RowSet::kVnicLatencies:
      return rows().vnic_latencies;
    case RowSet::kServiceLatencies:
      return rows().service_latencies;
    case RowSet::kPeerLatencies:
      return rows().peer_latencies;
    case RowSet::kLosses:
      return rows().losses;
    case RowSet::kScalars:
      break;
  }
  return kScalar;
}

}  // namespace vmtraffic::snmp
