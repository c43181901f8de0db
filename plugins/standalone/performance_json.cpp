#include "plugins/standalone/performance_json.hpp"

#include <optional>

#include "plugins/standalone/json_object.hpp"

namespace vmtraffic::standalone {
namespace {

// Of nothing that was measured there is no minimum and no mean.
std::string json_of(const LatencyStats& stats) {
  const auto known = [&](double us) { return stats.count > 0 ? std::optional(us) : std::nullopt; };
  JsonObject object;
  object.add("count", stats.count);
  object.add("minimum_us", known(stats.minimum_us));
  object.add("mean_us", known(stats.mean_us));
  object.add("median_us", known(stats.median_us));
  object.add("p95_us", known(stats.p95_us));
  object.add("p99_us", known(stats.p99_us));
  return object.text();
}

std::string json_of(const LatencyRow& row) {
  JsonObject object;
  object.add("kind", name_of(row.kind));
  object.add("service", row.service ? std::optional(row.service->text()) : std::nullopt);
  object.add("peer", row.peer ? std::optional(row.peer->text()) : std::nullopt);
  object.add_json("interval", json_of(row.interval));
  object.add_json("five_minutes", json_of(row.five_minutes));
  return object.text();
}

std::string json_of(const LossCounts& counts) {
  JsonObject object;
  object.add("segments", counts.segments);
  object.add("lost_before", counts.lost_before);
  object.add("lost_after", counts.lost_after);
  object.add("spurious", counts.spurious);
  object.add("reordered", counts.reordered);
  object.add("unseen", counts.unseen);
  object.add("duplicate_acks", counts.duplicate_acks);
  object.add("zero_windows", counts.zero_windows);
  object.add("resets", counts.resets);
  object.add("connections", counts.connections);
  object.add("refused", counts.refused);
  object.add("unanswered", counts.unanswered);
  object.add("dns_queries", counts.dns_queries);
  object.add("dns_unanswered", counts.dns_unanswered);
  object.add("unreachable", counts.unreachable);
  return object.text();
}

std::string json_of(const LossCounts& total, const LossCounts& recent) {
  JsonObject object;
  object.add_json("total", json_of(total));
  object.add_json("recent", json_of(recent));
  return object.text();
}

}  // namespace

PerformanceJson::PerformanceJson(const Snapshot& snapshot) : snapshot_(snapshot), rows_(snapshot.vnic_count()) {
  for (std::size_t i = 0; i < snapshot.latency_count(); ++i) {
    const LatencyRow row = snapshot.latency(i);
    if (row.vnic < rows_.size()) rows_[row.vnic].push_back(row);
  }
}

std::string PerformanceJson::whole() const {
  const std::optional<PerformanceInfo> info = snapshot_.performance();
  if (!info) return "null";
  JsonObject object;
  object.add("covered_s", info->covered_s);
  object.add("kept_share", info->kept_share);
  return object.text();
}

std::string PerformanceJson::latency(std::size_t index) const {
  if (!snapshot_.performance()) return "null";
  return json_list(rows_[index], [](const LatencyRow& row) { return json_of(row); });
}

std::string PerformanceJson::loss(std::size_t index) const {
  const std::optional<LossRow> loss = snapshot_.loss(index);
  if (!loss) return "null";
  JsonObject object;
  object.add("since_boottime_ns", loss->since);
  object.add_json("rx", json_of(loss->rx, loss->rx_recent));
  object.add_json("tx", json_of(loss->tx, loss->tx_recent));
  return object.text();
}

}  // namespace vmtraffic::standalone
