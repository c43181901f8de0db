#include "plugins/nagios/check_vm_loss.hpp"

#include "plugins/nagios/loss_figures.hpp"
#include "plugins/nagios/performance_check.hpp"
#include "plugins/nagios/vm_check.hpp"

namespace vmtraffic::nagios {
namespace {

CheckResult judged(const Snapshot& snapshot, const LossOptions& options, const SnapshotPlace& place, const Clock& clock) {
  return judged_performance(snapshot, options, loss_measures(snapshot, options), place, clock);
}

}  // namespace

Outcome check_vm_loss(const LossOptions& options, const Clock& clock) {
  return check_vms(kLossCheck, kPartNumbers | kPartPerformance, options, clock, judged);
}

}  // namespace vmtraffic::nagios
