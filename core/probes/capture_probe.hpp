// The capture probe: packets at the links of selected vNICs, and on links that mirror the packets of others. One thread reads one ring for
// all of them and keeps flows, latencies and losses; a tick takes what they say.
//
// Links come and go without restart. Without the right to capture the probe is down and says so; nothing else is touched.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/bounded_thread.hpp"
#include "core/clock.hpp"
#include "core/log.hpp"
#include "core/probes/probe.hpp"
#include "core/traffic/capture_intake.hpp"
#include "core/traffic/counter_delta.hpp"
#include "core/traffic/performance_rows.hpp"

namespace vmtraffic {

struct CaptureProbeOptions {
  bool all{false};                                        // vNICs
  std::vector<std::string> vms;                           // regular expressions that find domains' names
  std::vector<std::pair<std::string, std::string>> tags;  // of which a domain has one
  std::vector<std::string> ports;                         // links that mirror packets of others, by name
  std::uint32_t ring_mib{64};
  std::uint32_t snapshot_octets{128};
  std::string filter;
  std::optional<ApplicationOptions> applications;  // told where there are some
  std::uint32_t cpu_percent{0};                    // of one core; 0: no limit
  std::uint32_t top{10};
  std::chrono::milliseconds retry{5000};  // of what was refused
  CaptureIntakeOptions intake;
  Log log;
  Clock clock;
};

class CaptureProbe : public Probe {
 public:
  explicit CaptureProbe(CaptureProbeOptions options);
  ~CaptureProbe() override;

  void start() override;
  void request_stop() noexcept override;
  void join(std::chrono::milliseconds limit) noexcept override;
  bool settled() const override;  // once the ring is open or was refused
  ProbeHealth health() const override;

  // Rows as the ledger of exact counters has them: the inventory's vNICs in order, and each one's link.
  void set_inventory(const Inventory& inventory, std::span<const OwnLink> own);
  // `look` is given the ledger of flows, which no packet changes meanwhile: it must not take long.
  PerformanceRows tick(Nanoseconds now, std::span<const VnicTotals> totals, const std::function<void(const FlowLedger&)>& look);
  // By the inventory's rows: addresses that each vNIC was seen to use.
  std::vector<std::vector<std::string>> learnt_addresses() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
  BoundedThread thread_;
};

}  // namespace vmtraffic
