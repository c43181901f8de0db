#include "plugins/nagios/performance_rows.hpp"

#include <algorithm>

namespace vmtraffic::nagios {
namespace {

bool was_captured(const Snapshot& snapshot, const DomainRow& domain) {
  for (std::size_t vnic = domain.first_vnic; vnic < domain.first_vnic + domain.vnic_count; ++vnic) {
    if (snapshot.loss(vnic)) return true;
  }
  return false;
}

PerformanceRow make_row(const Snapshot& snapshot, const DomainRow& domain, const PerformanceMeasures& measures) {
  if (!is_active(domain.state)) return {.domain = domain.index, .kind = PerformanceKind::kNotRunning};
  PerformanceRow row{.domain = domain.index, .figures = measures.figures(domain)};
  if (row.figures.empty()) row.kind = was_captured(snapshot, domain) ? PerformanceKind::kUnmeasured : PerformanceKind::kNotCaptured;
  for (Figure& figure : row.figures) {
    if (figure.enough) figure.state = measures.all[figure.measure].thresholds.state(figure.value);
    row.state = worse(row.state, figure.state);
  }
  return row;
}

bool has_data(const PerformanceRow& row, const PerformanceMeasures& measures) {
  return row.kind == PerformanceKind::kMeasured || (row.kind == PerformanceKind::kUnmeasured && !measures.particular);
}

}  // namespace

double PerformanceRow::largest() const {
  double most = -1;
  for (const Figure& figure : figures) most = std::max(most, figure.value);
  return most;
}

VmPerformance vm_performance(const Snapshot& snapshot, const PerformanceOptions& options, const PerformanceMeasures& measures,
                             const Clock& clock) {
  VmPerformance found;
  std::size_t with_data = 0;
  found.vms = visit_vms(snapshot, options.selection, clock, [&](const DomainRow& domain, bool old) {
    PerformanceRow row = make_row(snapshot, domain, measures);
    const bool runs = row.kind != PerformanceKind::kNotRunning;
    if (!runs) row.state = state_not_running(options.not_running, old);
    // Which VMs are captured is the configuration's choice: one that is not is a fault where it was asked for, and is counted where all
    // are.
    if (runs && !has_data(row, measures) && options.selection.selects_anything()) row.state = options.no_data;
    with_data += runs && has_data(row, measures);
    found.not_running += !runs;
    found.not_captured += row.kind == PerformanceKind::kNotCaptured;
    found.unmeasured += row.kind == PerformanceKind::kUnmeasured;
    found.measured += row.kind == PerformanceKind::kMeasured;
    found.heard += std::any_of(row.figures.begin(), row.figures.end(), [](const Figure& f) { return f.count > 0 || f.of > 0; });
    found.counts.add(row.state);
    found.all.push_back(std::move(row));
    return true;
  });
  if (found.all.empty()) explain_nothing(snapshot, options.selection, found.vms.missing);
  // Something runs, and there is nothing of any to judge.
  if (found.running() > 0 && with_data == 0) found.counts.worst = worse(found.counts.worst, options.no_data);
  std::stable_sort(found.all.begin(), found.all.end(), [](const PerformanceRow& a, const PerformanceRow& b) {
    return a.state != b.state ? a.state > b.state : a.largest() > b.largest();
  });
  return found;
}

}  // namespace vmtraffic::nagios
