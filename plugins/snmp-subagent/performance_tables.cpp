// Latencies and losses, from captured packets. Units, directions and sides are in VMTRAFFIC-MIB.txt; a test holds the two together.
#include "plugins/snmp-subagent/flow_cells.hpp"
#include "plugins/snmp-subagent/flow_tables.hpp"

namespace vmtraffic::snmp {
namespace {

// ---- scalars

template <Value (*value)(const PerformanceInfo&)>
Value of_performance(const View& view, std::size_t) {
  if (view.state() != View::State::kFresh) return std::nullopt;
  const auto info = view.snapshot().performance();
  return info ? value(*info) : std::nullopt;
}
Value covered(const PerformanceInfo& info) { return covered_time(info.covered_s); }
Value kept_share(const PerformanceInfo& info) { return share(info.kept_share); }

// ---- vtVnicLatencyTable, vtServiceLatencyTable, vtPeerLatencyTable: a row is one of Snapshot::latency()

using Stats = LatencyStats LatencyRow::*;
constexpr Stats kInterval = &LatencyRow::interval, kFiveMinutes = &LatencyRow::five_minutes;

template <Stats stats>
Value count(const View& view, std::size_t row) {
  return unsigned32((view.snapshot().latency(row).*stats).count);
}
template <Stats stats, double LatencyStats::*microseconds>
Value latency(const View& view, std::size_t row) {
  const LatencyStats measured = view.snapshot().latency(row).*stats;
  return measured.count > 0 ? unsigned32_of(measured.*microseconds) : std::nullopt;
}
constexpr auto kMin = &LatencyStats::minimum_us;
constexpr auto kMean = &LatencyStats::mean_us;
constexpr auto kMedian = &LatencyStats::median_us;
constexpr auto k95th = &LatencyStats::p95_us;
constexpr auto k99th = &LatencyStats::p99_us;

template <Value (*value)(const IpAddress&)>
Value of_peer(const View& view, std::size_t row) {
  const LatencyRow latency = view.snapshot().latency(row);
  return latency.peer ? value(*latency.peer) : std::nullopt;
}

// ---- vtVnicLossTable

template <Value (*value)(const LossRow&)>
Value of_loss(const View& view, std::size_t vnic) {
  const auto row = view.snapshot().loss(vnic);
  return row ? value(*row) : std::nullopt;
}
Value start(const LossRow& row) { return uptime(row.since); }
template <LossCounts LossRow::*direction, std::uint64_t LossCounts::*counter>
Value total(const LossRow& row) {
  return Counter64{row.*direction.*counter};
}

// Of what was sent both ways: a segment that was lost before the tap is not among those that it saw. As doubles, since a broken file's
// counts have no sum.
Value lost_share(const LossRow& row, std::uint64_t one, std::uint64_t other) {
  const auto sum = [](auto... counts) { return (static_cast<double>(counts) + ...); };
  const LossCounts &rx = row.rx_recent, &tx = row.tx_recent;
  return share(sum(one, other) / sum(rx.segments, rx.lost_before, tx.segments, tx.lost_before));
}
Value guest_share(const LossRow& row) { return lost_share(row, row.tx_recent.lost_before, row.rx_recent.lost_after); }
Value network_share(const LossRow& row) { return lost_share(row, row.rx_recent.lost_before, row.tx_recent.lost_after); }

constexpr auto kRx = &LossRow::rx;
constexpr auto kTx = &LossRow::tx;

constexpr Column kPerformance[] = {
    {1, "vtPerformanceCovered", Syntax::kTimeTicks, of_performance<covered>},
    {2, "vtPerformanceKeptShare", Syntax::kUnsigned32, of_performance<kept_share>},
};
constexpr Column kVnicLatencyTable[] = {
    {2, "vtVnicLatencyCount", Syntax::kUnsigned32, count<kInterval>},
    {3, "vtVnicLatencyMin", Syntax::kUnsigned32, latency<kInterval, kMin>},
    {4, "vtVnicLatencyMean", Syntax::kUnsigned32, latency<kInterval, kMean>},
    {5, "vtVnicLatencyMedian", Syntax::kUnsigned32, latency<kInterval, kMedian>},
    {6, "vtVnicLatency95th", Syntax::kUnsigned32, latency<kInterval, k95th>},
    {7, "vtVnicLatency99th", Syntax::kUnsigned32, latency<kInterval, k99th>},
    {8, "vtVnicLatencyCount5m", Syntax::kUnsigned32, count<kFiveMinutes>},
    {9, "vtVnicLatencyMin5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMin>},
    {10, "vtVnicLatencyMean5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMean>},
    {11, "vtVnicLatencyMedian5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMedian>},
    {12, "vtVnicLatency95th5m", Syntax::kUnsigned32, latency<kFiveMinutes, k95th>},
    {13, "vtVnicLatency99th5m", Syntax::kUnsigned32, latency<kFiveMinutes, k99th>},
};
constexpr Column kServiceLatencyTable[] = {
    {1, "vtServiceLatencyCount", Syntax::kUnsigned32, count<kInterval>},
    {2, "vtServiceLatencyMin", Syntax::kUnsigned32, latency<kInterval, kMin>},
    {3, "vtServiceLatencyMean", Syntax::kUnsigned32, latency<kInterval, kMean>},
    {4, "vtServiceLatencyMedian", Syntax::kUnsigned32, latency<kInterval, kMedian>},
    {5, "vtServiceLatency95th", Syntax::kUnsigned32, latency<kInterval, k95th>},
    {6, "vtServiceLatency99th", Syntax::kUnsigned32, latency<kInterval, k99th>},
    {7, "vtServiceLatencyCount5m", Syntax::kUnsigned32, count<kFiveMinutes>},
    {8, "vtServiceLatencyMin5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMin>},
    {9, "vtServiceLatencyMean5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMean>},
    {10, "vtServiceLatencyMedian5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMedian>},
    {11, "vtServiceLatency95th5m", Syntax::kUnsigned32, latency<kFiveMinutes, k95th>},
    {12, "vtServiceLatency99th5m", Syntax::kUnsigned32, latency<kFiveMinutes, k99th>},
};
constexpr Column kPeerLatencyTable[] = {
    {2, "vtPeerLatencyAddressType", Syntax::kInteger, of_peer<inet_address_type>},
    {3, "vtPeerLatencyAddress", Syntax::kOctetString, of_peer<inet_address>},
    {4, "vtPeerLatencyCount", Syntax::kUnsigned32, count<kInterval>},
    {5, "vtPeerLatencyMin", Syntax::kUnsigned32, latency<kInterval, kMin>},
    {6, "vtPeerLatencyMean", Syntax::kUnsigned32, latency<kInterval, kMean>},
    {7, "vtPeerLatencyMedian", Syntax::kUnsigned32, latency<kInterval, kMedian>},
    {8, "vtPeerLatency95th", Syntax::kUnsigned32, latency<kInterval, k95th>},
    {9, "vtPeerLatency99th", Syntax::kUnsigned32, latency<kInterval, k99th>},
    {10, "vtPeerLatencyCount5m", Syntax::kUnsigned32, count<kFiveMinutes>},
    {11, "vtPeerLatencyMin5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMin>},
    {12, "vtPeerLatencyMean5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMean>},
    {13, "vtPeerLatencyMedian5m", Syntax::kUnsigned32, latency<kFiveMinutes, kMedian>},
    {14, "vtPeerLatency95th5m", Syntax::kUnsigned32, latency<kFiveMinutes, k95th>},
    {15, "vtPeerLatency99th5m", Syntax::kUnsigned32, latency<kFiveMinutes, k99th>},
};
constexpr Column kVnicLossTable[] = {
    {1, "vtVnicLossStartTime", Syntax::kTimeTicks, of_loss<start>},
    {2, "vtVnicLossRxSegments", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::segments>>},
    {3, "vtVnicLossRxLostBefore", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::lost_before>>},
    {4, "vtVnicLossRxLostAfter", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::lost_after>>},
    {5, "vtVnicLossRxSpurious", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::spurious>>},
    {6, "vtVnicLossRxReordered", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::reordered>>},
    {7, "vtVnicLossRxUnseen", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::unseen>>},
    {8, "vtVnicLossRxDuplicateAcks", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::duplicate_acks>>},
    {9, "vtVnicLossRxZeroWindows", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::zero_windows>>},
    {10, "vtVnicLossRxResets", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::resets>>},
    {11, "vtVnicLossRxConnections", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::connections>>},
    {12, "vtVnicLossRxRefused", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::refused>>},
    {13, "vtVnicLossRxUnanswered", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::unanswered>>},
    {14, "vtVnicLossRxDnsQueries", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::dns_queries>>},
    {15, "vtVnicLossRxDnsUnanswered", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::dns_unanswered>>},
    {16, "vtVnicLossRxUnreachable", Syntax::kCounter64, of_loss<total<kRx, &LossCounts::unreachable>>},
    {17, "vtVnicLossTxSegments", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::segments>>},
    {18, "vtVnicLossTxLostBefore", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::lost_before>>},
    {19, "vtVnicLossTxLostAfter", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::lost_after>>},
    {20, "vtVnicLossTxSpurious", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::spurious>>},
    {21, "vtVnicLossTxReordered", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::reordered>>},
    {22, "vtVnicLossTxUnseen", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::unseen>>},
    {23, "vtVnicLossTxDuplicateAcks", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::duplicate_acks>>},
    {24, "vtVnicLossTxZeroWindows", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::zero_windows>>},
    {25, "vtVnicLossTxResets", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::resets>>},
    {26, "vtVnicLossTxConnections", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::connections>>},
    {27, "vtVnicLossTxRefused", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::refused>>},
    {28, "vtVnicLossTxUnanswered", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::unanswered>>},
    {29, "vtVnicLossTxDnsQueries", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::dns_queries>>},
    {30, "vtVnicLossTxDnsUnanswered", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::dns_unanswered>>},
    {31, "vtVnicLossTxUnreachable", Syntax::kCounter64, of_loss<total<kTx, &LossCounts::unreachable>>},
    {32, "vtVnicLossGuestShare", Syntax::kUnsigned32, of_loss<guest_share>},
    {33, "vtVnicLossNetworkShare", Syntax::kUnsigned32, of_loss<network_share>},
};

}  // namespace

std::span<const Table> performance_tables() {
  static const Table tables[] = {
      {{1, 14}, RowSet::kScalars, kPerformance},
      {{1, 15, 1}, RowSet::kVnicLatencies, kVnicLatencyTable},
      {{1, 16, 1}, RowSet::kServiceLatencies, kServiceLatencyTable},
      {{1, 17, 1}, RowSet::kPeerLatencies, kPeerLatencyTable},
      {{1, 18, 1}, RowSet::kLosses, kVnicLossTable},
  };
  return tables;
}

}  // namespace vmtraffic::snmp
