#include "plugins/nagios/check_vm_latency.hpp"

#include "plugins/nagios/latency_figures.hpp"
#include "plugins/nagios/performance_check.hpp"
#include "plugins/nagios/vm_check.hpp"

namespace vmtraffic::nagios {
namespace {

CheckResult judged(const Snapshot& snapshot, const LatencyOptions& options, const SnapshotPlace& place, const Clock& clock) {
  return judged_performance(snapshot, options, latency_measures(snapshot, options), place, clock);
}

}  // namespace

Outcome check_vm_latency(const LatencyOptions& options, const Clock& clock) {
  return check_vms(kLatencyCheck, kPartNumbers | kPartPerformance, options, clock, judged);
}

}  // namespace vmtraffic::nagios
