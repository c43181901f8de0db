// The losses that check_vm_loss judges, of each VM and both sides, added up over its vNICs. Pure.
//
// Shares, in percent:
//
//              of the guest's side                      of the network's side                    of
//   lost       tx lost_before + rx lost_after           rx lost_before + tx lost_after           sent, both ways
//   spurious   tx spurious                              rx spurious                              sent, that way
//   reordered  tx reordered                             rx reordered                             sent, that way
//   refused    rx refused: others' connections          tx refused: the guest's connections      connections, that way
//
// and unanswered and dns-unanswered as refused. Sent are the segments that passed the tap and those that were lost before it. As both
// shares of what was lost are of one whole, they add up to what was lost at all. unseen is of no side: of what passed, seen or not.
#pragma once

#include "core/snapshot.hpp"
#include "plugins/nagios/loss_options.hpp"
#include "plugins/nagios/performance_rows.hpp"

namespace vmtraffic::nagios {

// What it gives refers to `snapshot` and `options`.
PerformanceMeasures loss_measures(const Snapshot& snapshot, const LossOptions& options);

}  // namespace vmtraffic::nagios
