// What check_vm_latency and check_vm_loss find, as text and as perfdata. The guest's side and the network's stand beside each other, the
// worse first: that answers whether it is the VM or the network. Pure.
#pragma once

#include <string>
#include <vector>

#include "core/snapshot.hpp"
#include "plugins/nagios/performance_rows.hpp"
#include "plugins/nagios/result.hpp"
#include "plugins/nagios/vm_names.hpp"

namespace vmtraffic::nagios {

class PerformanceText {
 public:
  PerformanceText(const Snapshot& snapshot, const PerformanceOptions& options, const PerformanceMeasures& measures,
                  const VmPerformance& found);

  // The whole finding but for VMs that are missing: one VM, or several with the worst of them.
  std::string finding() const;
  // One line for each VM.
  std::vector<std::string> details() const;
  void add_perfdata(std::vector<PerfValue>& perfdata) const;

 private:
  // "web1 network side 120 ms WARNING (median of 1234), guest side 0.3 ms (median of 900)", or why it has no figure.
  std::string sentence(const PerformanceRow& row) const;
  std::string text_of(const Figure& figure) const;
  std::string summary() const;
  std::string list() const;
  void add_row(const PerformanceRow& row, std::vector<PerfValue>& perfdata) const;

  const Snapshot& snapshot_;
  const PerformanceOptions& options_;
  const PerformanceMeasures& measures_;
  const VmPerformance& found_;
  VmNames names_;
};

}  // namespace vmtraffic::nagios
