// What check_vm_latency and check_vm_loss make of a fresh snapshot: the rows judged, or why nothing is captured and what to set.
#pragma once

#include "core/clock.hpp"
#include "core/snapshot.hpp"
#include "plugins/nagios/fresh_snapshot.hpp"
#include "plugins/nagios/performance_rows.hpp"
#include "plugins/nagios/result.hpp"

namespace vmtraffic::nagios {

CheckResult judged_performance(const Snapshot& snapshot, const PerformanceOptions& options, const PerformanceMeasures& measures,
                               const SnapshotPlace& place, const Clock& clock);

}  // namespace vmtraffic::nagios
