// How fast a vNIC and its network answer, and what they lose: of each vNIC, of its service ports, and of its peers. Pure: what connections
// tell comes in, statistics come out. Bounded; memory is taken when something is measured first.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/latency.hpp"
#include "core/traffic/flow_ledger.hpp"
#include "core/traffic/heavy_table.hpp"
#include "core/traffic/latency_window.hpp"

namespace vmtraffic {

// A LatencyWindow that takes no memory before it has something to tell.
class LazyLatency {
 public:
  void add(Nanoseconds latency) {
    if (window_ == nullptr) window_ = std::make_unique<LatencyWindow>();
    window_->add(latency);
  }
  void tick(Nanoseconds now) {
    if (window_ == nullptr) return;
    window_->tick(now);
    if (window_->empty()) window_.reset();
  }
  const LatencyWindow* window() const { return window_.get(); }  // null: nothing was measured for five minutes

 private:
  std::unique_ptr<LatencyWindow> window_;
};

// What was counted, and of that what is recent: since the period before the one that runs began.
struct RecentLosses {
  LossCounts total, at_period, at_period_before;
  LossCounts recent() const { return total - at_period_before; }
  void begin_period() {
    at_period_before = at_period;
    at_period = total;
  }
};

struct VnicPerformance {
  VnicKey key;
  std::array<LazyLatency, kLatencyKindCount> latency;
  Nanoseconds since{0};  // when its first packet was captured
  std::array<RecentLosses, kDirectionCount> loss;
  HeavyTable<ServiceKey, LazyLatency> served;  // response times of its services
  VnicPerformance(const VnicKey& k, std::uint32_t services) : key(k), served(services) {}

  LazyLatency& of(LatencyKind kind) { return latency[static_cast<std::size_t>(kind)]; }
  LossCounts& of(Direction d) { return loss[static_cast<std::size_t>(d)].total; }
};

struct PeerKey {
  std::uint32_t vnic{0};  // its number
  IpAddress address;      // of the peer
  friend bool operator==(const PeerKey&, const PeerKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const PeerKey& k) {
    return H::combine(std::move(h), k.vnic, k.address);
  }
};

// Round trips of both sides, with one peer.
struct PeerLatency {
  LazyLatency guest, network;
};

}  // namespace vmtraffic
