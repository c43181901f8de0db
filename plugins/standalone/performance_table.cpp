#include "plugins/standalone/performance_table.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/replay.hpp"
#include "core/text.hpp"
#include "plugins/standalone/order.hpp"
#include "plugins/standalone/text_table.hpp"

namespace vmtraffic::standalone {
namespace {

std::string time_of(double us) { return us < 1000 ? number(us) + " µs" : number(us / 1000) + " ms"; }

std::string_view words_of(LatencyKind kind) {
  switch (kind) {
    case LatencyKind::kGuestRtt:
      return "RTT, guest's side";
    case LatencyKind::kNetworkRtt:
      return "RTT, network's side";
    case LatencyKind::kServed:
      return "it responds in";
    case LatencyKind::kAsked:
      return "it gets responses in";
    case LatencyKind::kDns:
      return "its DNS queries";
    case LatencyKind::kGuestEcho:
      return "it answers pings in";
    case LatencyKind::kNetworkEcho:
      return "its pings";
  }
  return "";
}

std::string subject(const LatencyRow& row) {
  if (row.service) return fmt::format("  {} {}", words_of(row.kind), row.service->text());
  if (row.peer) return fmt::format("  {}, {}", words_of(row.kind), row.peer->text());
  return std::string(words_of(row.kind));
}

std::string latency_section(const Snapshot& snapshot, std::size_t width) {
  std::vector<std::vector<LatencyRow>> by_vnic(snapshot.vnic_count());
  for (std::size_t i = 0; i < snapshot.latency_count(); ++i) {
    const LatencyRow row = snapshot.latency(i);
    by_vnic[row.vnic].push_back(row);
  }
  std::vector<Cells> rows;
  for (const std::size_t index : domains_by_name(snapshot)) {
    const DomainRow domain = snapshot.domain(index);
    for (const VnicRow& vnic : vnics_by_number(snapshot, domain)) {
      for (const LatencyRow& row : by_vnic[vnic.index]) {
        const LatencyStats& s = row.five_minutes;
        rows.push_back({printable(domain.name), vnic.key.mac.text(), subject(row), fmt::format("{}", s.count), time_of(s.minimum_us),
                        time_of(s.median_us), time_of(s.mean_us), time_of(s.p95_us), time_of(s.p99_us)});
      }
    }
  }
  if (rows.empty()) return "No round trip was measured.\n";
  return lines_of({{"VM"},
                   {"MAC"},
                   {snapshot.info().boot_id == kRecordingBootId ? "LATENCY" : "LATENCY OVER 5 MINUTES"},
                   {"COUNT", true},
                   {"LEAST", true},
                   {"MEDIAN", true},
                   {"MEAN", true},
                   {"95 %", true},
                   {"99 %", true}},
                  std::move(rows), width);
}

std::string loss_section(const Snapshot& snapshot, std::size_t width) {
  std::vector<Cells> rows;
  for (const std::size_t index : domains_by_name(snapshot)) {
    const DomainRow domain = snapshot.domain(index);
    for (const VnicRow& vnic : vnics_by_number(snapshot, domain)) {
      const std::optional<LossRow> loss = snapshot.loss(vnic.index);
      if (!loss) continue;
      const LossCounts &rx = loss->rx, &tx = loss->tx;
      const auto count = [](std::uint64_t value) { return fmt::format("{}", value); };
      const auto pair = [](std::uint64_t a, std::uint64_t b) { return fmt::format("{}/{}", a, b); };
      rows.push_back({printable(domain.name), vnic.key.mac.text(), pair(rx.segments, tx.segments), count(tx.lost_before + rx.lost_after),
                      count(rx.lost_before + tx.lost_after), pair(rx.spurious, tx.spurious), pair(rx.reordered, tx.reordered),
                      pair(rx.unseen, tx.unseen), pair(rx.connections, tx.connections), pair(rx.refused, tx.refused),
                      pair(rx.unanswered, tx.unanswered), pair(rx.resets, tx.resets),
                      fmt::format("{}/{}", tx.dns_unanswered, tx.dns_queries)});
    }
  }
  if (rows.empty()) return "";
  return fmt::format("\n{}", lines_of({{"VM"},
                                       {"MAC"},
                                       {"SEGMENTS RX/TX", true},
                                       {"LOST BY GUEST", true},
                                       {"BY NETWORK", true},
                                       {"SPURIOUS", true},
                                       {"REORDERED", true},
                                       {"UNSEEN", true},
                                       {"ESTABLISHED", true},
                                       {"REFUSED", true},
                                       {"UNANSWERED", true},
                                       {"RESETS", true},
                                       {"DNS UNANSWERED", true}},
                                      std::move(rows), width));
}

}  // namespace

std::string render_performance(const Snapshot& snapshot, std::size_t width) {
  if (!snapshot.performance()) return "";
  return fmt::format("\n{}{}", latency_section(snapshot, width), loss_section(snapshot, width));
}

}  // namespace vmtraffic::standalone
