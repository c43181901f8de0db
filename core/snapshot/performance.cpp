// Rows of the performance part.
#include <algorithm>

#include "core/snapshot.hpp"
#include "core/snapshot/fields.hpp"
#include "core/snapshot/impl.hpp"

namespace vmtraffic {
namespace {

LatencyStats stats(const fbs::LatencySums& s) {
  const auto us = [](float value) { return static_cast<double>(value); };
  return {s.count(), us(s.minimum_us()), us(s.mean_us()), us(s.median_us()), us(s.p95_us()), us(s.p99_us())};
}

LossCounts counts(const fbs::LossCounts& c) {
  return {.segments = c.segments(),
          .lost_before = c.lost_before(),
          .lost_after = c.lost_after(),
          .spurious = c.spurious(),
          .reordered = c.reordered(),
          .unseen = c.unseen(),
          .duplicate_acks = c.duplicate_acks(),
          .zero_windows = c.zero_windows(),
          .resets = c.resets(),
          .connections = c.connections(),
          .refused = c.refused(),
          .unanswered = c.unanswered(),
          .dns_queries = c.dns_queries(),
          .dns_unanswered = c.dns_unanswered(),
          .unreachable = c.unreachable()};
}

}  // namespace

bool Snapshot::Impl::performance_fits() const {
  if (performance == nullptr) return true;
  if (!aligned(performance->latencies()) || !aligned(performance->losses())) return false;
  for (flatbuffers::uoffset_t i = 0; i < size_of(performance->latencies()); ++i) {
    if (performance->latencies()->Get(i)->vnic() >= domain_of.size()) return false;
  }
  return true;
}

std::optional<PerformanceInfo> Snapshot::performance() const {
  if (impl_->performance == nullptr) return std::nullopt;
  return PerformanceInfo{impl_->performance->covered_s(), impl_->performance->kept_share()};
}

std::size_t Snapshot::latency_count() const { return impl_->performance == nullptr ? 0 : size_of(impl_->performance->latencies()); }

LatencyRow Snapshot::latency(std::size_t index) const {
  const fbs::VnicLatency* l = impl_->performance->latencies()->Get(static_cast<flatbuffers::uoffset_t>(index));
  LatencyRow row;
  row.vnic = l->vnic();
  row.kind = enum_of(l->kind(), LatencyKind::kNetworkEcho, LatencyKind::kGuestRtt);
  if (l->protocol() != 0) row.service = ServiceKey{l->protocol(), l->port()};
  if (l->address_version() == 4 || l->address_version() == 6) {
    row.peer.emplace().version = l->address_version();
    std::copy_n(l->address()->data(), row.peer->octets.size(), row.peer->octets.begin());
  }
  row.interval = stats(l->interval());
  row.five_minutes = stats(l->five_minutes());
  return row;
}

std::optional<LossRow> Snapshot::loss(std::size_t vnic_index) const {
  if (impl_->performance == nullptr || vnic_index >= size_of(impl_->performance->losses())) return std::nullopt;
  const fbs::VnicLoss* l = impl_->performance->losses()->Get(static_cast<flatbuffers::uoffset_t>(vnic_index));
  if (l->since_boottime_ns() == 0) return std::nullopt;
  return LossRow{l->since_boottime_ns(), counts(l->rx()), counts(l->tx()), counts(l->rx_recent()), counts(l->tx_recent())};
}

}  // namespace vmtraffic
