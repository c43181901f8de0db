#include "plugins/collectd/latency_values.hpp"

#include <algorithm>
#include <cmath>

#include "core/text.hpp"

namespace vmtraffic::collectd {
namespace {

struct LatencyType {
  LatencyKind kind;
  const char* type;
  const char* name;
  double us;  // microseconds that are one of the type's unit
};
constexpr std::array<LatencyType, kLatencyKindCount> kLatencyTypes{{
    {LatencyKind::kGuestRtt, "ping", "guest", 1e3},
    {LatencyKind::kNetworkRtt, "ping", "network", 1e3},
    {LatencyKind::kGuestEcho, "ping", "guest_echo", 1e3},
    {LatencyKind::kNetworkEcho, "ping", "network_echo", 1e3},
    {LatencyKind::kServed, "latency", "served", 1e6},
    {LatencyKind::kAsked, "latency", "asked", 1e6},
    {LatencyKind::kDns, "latency", "dns", 1e6},
}};

// Of all that was sent either way: what the tap saw, and what was lost before it could. What was sent again is sent.
std::optional<double> share(std::uint64_t lost, const LossRow& row) {
  const std::uint64_t sent = row.rx_recent.segments + row.tx_recent.segments + row.rx_recent.lost_before + row.tx_recent.lost_before;
  if (sent == 0) return std::nullopt;
  // A loss is known a second after the segment, which may be of the period before; and a SYN or FIN that is lost is none with data.
  return std::min(1.0, static_cast<double>(lost) / static_cast<double>(sent));
}

}  // namespace

LatencyIndex::LatencyIndex(const Snapshot& snapshot) {
  if (!snapshot.performance()) return;
  rows_.resize(snapshot.vnic_count());
  for (std::size_t i = 0; i < snapshot.latency_count(); ++i) {
    const LatencyRow row = snapshot.latency(i);
    if (row.vnic < rows_.size() && !row.service && !row.peer) rows_[row.vnic][static_cast<std::size_t>(row.kind)] = i;
  }
}

std::optional<std::size_t> LatencyIndex::row(std::size_t vnic, LatencyKind kind) const {
  return vnic < rows_.size() ? rows_[vnic][static_cast<std::size_t>(kind)] : std::nullopt;
}

void add_latency_values(const Snapshot& snapshot, const LatencyIndex& index, std::size_t vnic, const std::string& name,
                        const ValueList& prototype, std::vector<ValueList>& lists) {
  if (index.empty()) return;
  const auto push = [&](const char* type, const std::string& what, double value) {
    if (!std::isfinite(value)) return;
    ValueList list = prototype;
    list.type = type;
    list.type_instance = fitted(name + ":" + what, kMaxPartOctets);
    list.values = {value};
    lists.push_back(std::move(list));
  };
  for (const LatencyType& type : kLatencyTypes) {
    const auto at = index.row(vnic, type.kind);
    if (!at) continue;
    const LatencyStats stats = snapshot.latency(*at).interval;
    if (stats.count == 0) continue;
    push(type.type, type.name, stats.median_us / type.us);
    push(type.type, std::string(type.name) + "-p95", stats.p95_us / type.us);
  }
  const auto loss = snapshot.loss(vnic);
  if (!loss) return;
  // The guest's side is before the tap for what it sent, and behind the tap for what it received.
  if (const auto guest = share(loss->tx_recent.lost_before + loss->rx_recent.lost_after, *loss)) push("ping_droprate", "guest", *guest);
  if (const auto network = share(loss->rx_recent.lost_before + loss->tx_recent.lost_after, *loss))
    push("ping_droprate", "network", *network);
}

}  // namespace vmtraffic::collectd
