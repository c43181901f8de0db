#include "core/traffic/performance_view.hpp"

#include <algorithm>

namespace vmtraffic {
namespace {

LatencySums sums_of(const LatencyStats& s) {
  return {.count = s.count,
          .minimum_us = static_cast<float>(s.minimum_us),
          .mean_us = static_cast<float>(s.mean_us),
          .median_us = static_cast<float>(s.median_us),
          .p95_us = static_cast<float>(s.p95_us),
          .p99_us = static_cast<float>(s.p99_us)};
}

// False: nothing was measured in five minutes.
bool fill(VnicLatency& row, const LazyLatency& latency) {
  if (latency.window() == nullptr || latency.window()->five_minutes().count == 0) return false;
  row.interval = sums_of(latency.window()->interval());
  row.five_minutes = sums_of(latency.window()->five_minutes());
  return true;
}

bool measured_more(const VnicLatency& a, const VnicLatency& b) { return a.five_minutes.count > b.five_minutes.count; }

void add_top(std::vector<VnicLatency>& out, std::vector<VnicLatency>& rows, std::size_t top) {
  std::stable_sort(rows.begin(), rows.end(), measured_more);
  out.insert(out.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(std::min(top, rows.size())));
}

}  // namespace

PerformanceRows performance_rows(const CaptureIntake& intake, Nanoseconds now, std::uint32_t top) {
  PerformanceRows out;
  const Nanoseconds since = intake.ledger().recent_since();
  out.covered_s = since == 0 ? 0 : static_cast<double>(now - since) / static_cast<double>(kSecond);
  const std::size_t rows = intake.ledger().row_count();
  struct PeerRows {
    VnicLatency guest, network;  // of which one may be empty
    std::uint64_t weight() const { return guest.five_minutes.count + network.five_minutes.count; }
  };
  std::vector<std::vector<PeerRows>> peers(rows);
  std::vector<std::size_t> row_of;  // by the ledger's number, plus 1
  for (std::size_t row = 0; row < rows; ++row) {
    const std::uint32_t number = intake.ledger().number(row);
    if (number >= row_of.size()) row_of.resize(number + 1);
    row_of[number] = row + 1;
  }
  intake.for_each_peer([&](const PeerKey& key, const PeerLatency& latency) {
    if (key.vnic >= row_of.size() || row_of[key.vnic] == 0) return;
    const std::size_t row = row_of[key.vnic] - 1;
    PeerRows peer;
    peer.guest.vnic = static_cast<std::uint32_t>(row);
    peer.guest.address = key.address.octets;
    peer.guest.address_version = key.address.version;
    peer.network = peer.guest;
    peer.network.kind = LatencyKind::kNetworkRtt;
    const bool guest = fill(peer.guest, latency.guest), network = fill(peer.network, latency.network);
    if (guest || network) peers[row].push_back(peer);
  });
  for (std::size_t row = 0; row < rows; ++row) {
    const VnicPerformance& v = intake.performance(row);
    out.losses.push_back(
        {.since = v.since, .rx = v.loss[0].total, .tx = v.loss[1].total, .rx_recent = v.loss[0].recent(), .tx_recent = v.loss[1].recent()});
    VnicLatency latency;
    latency.vnic = static_cast<std::uint32_t>(row);
    for (std::size_t k = 0; k < kLatencyKindCount; ++k) {
      latency.kind = static_cast<LatencyKind>(k);
      if (fill(latency, v.latency[k])) out.latencies.push_back(latency);
    }
    std::vector<VnicLatency> services;
    v.served.for_each([&](const ServiceKey& key, const LazyLatency& of_service) {
      VnicLatency service;
      service.vnic = latency.vnic;
      service.kind = LatencyKind::kServed;
      service.protocol = key.protocol;
      service.port = key.port;
      if (fill(service, of_service)) services.push_back(service);
    });
    add_top(out.latencies, services, top);
    std::stable_sort(peers[row].begin(), peers[row].end(), [](const PeerRows& a, const PeerRows& b) { return a.weight() > b.weight(); });
    for (std::size_t i = 0; i < std::min<std::size_t>(top, peers[row].size()); ++i) {
      for (const VnicLatency* side : {&peers[row][i].guest, &peers[row][i].network}) {
        if (side->five_minutes.count > 0) out.latencies.push_back(*side);
      }
    }
  }
  return out;
}

}  // namespace vmtraffic
