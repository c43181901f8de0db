// The latencies that check_vm_latency judges, in milliseconds, of each VM. Pure.
#pragma once

#include "core/snapshot.hpp"
#include "plugins/nagios/latency_options.hpp"
#include "plugins/nagios/performance_rows.hpp"

namespace vmtraffic::nagios {

// What it gives refers to `snapshot` and `options`.
PerformanceMeasures latency_measures(const Snapshot& snapshot, const LatencyOptions& options);

}  // namespace vmtraffic::nagios
