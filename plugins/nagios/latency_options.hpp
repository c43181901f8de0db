// What check_vm_latency was asked for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/address.hpp"
#include "core/flows.hpp"
#include "core/latency.hpp"
#include "plugins/nagios/check_process.hpp"
#include "plugins/nagios/performance_options.hpp"

namespace vmtraffic::nagios {

inline constexpr CheckName kLatencyCheck{"check_vm_latency", "VM_LATENCY"};

enum class Statistic { kMinimum, kMean, kMedian, kP95, kP99 };
enum class LatencyWindow { kInterval, kFiveMinutes };

struct LatencyOptions : PerformanceOptions {  // thresholds in milliseconds
  std::vector<LatencyKind> kinds{};           // each once, in the order of their numbers
  std::optional<ServiceKey> service{};        // kServed alone: of this port
  std::optional<IpAddress> peer{};            // the two round trips alone: with this address
  Statistic statistic{Statistic::kMedian};
  LatencyWindow window{LatencyWindow::kFiveMinutes};
  std::size_t minimum_count{5};
};

Side side_of(LatencyKind kind);
std::string_view name_of(Statistic statistic);  // "median", "p95", …

Parsed<LatencyOptions> parse_latency_options(const std::vector<std::string>& arguments);

}  // namespace vmtraffic::nagios
