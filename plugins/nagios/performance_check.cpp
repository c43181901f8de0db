#include "plugins/nagios/performance_check.hpp"

#include <fmt/format.h>

#include "plugins/nagios/performance_text.hpp"
#include "plugins/nagios/quantity.hpp"

namespace vmtraffic::nagios {
namespace {

// Why there is nothing to judge by, and what to do.
std::string no_capture(const SnapshotPlace& place) {
  if (place.elsewhere()) {
    return fmt::format("of {} no packets are captured, a collector captures those of its own host alone: check it there",
                       text_name(place.host));
  }
  if (const std::string trouble = probe_trouble(place, "capture"); !trouble.empty())
    return fmt::format("no packets are captured: {}", trouble);
  return "no packets are captured: select VMs in vmtraffic.toml with vms, tags or all of [capture]";
}

// Of the flows that were left out nobody knows anything. Empty where none was.
std::string left_out(double kept_share) {
  if (!(kept_share >= 0 && kept_share < 1)) return "";
  return fmt::format("the capture kept {} of all flows, as capture.cpu_percent has it: figures are of those alone",
                     human_percent(kept_share * 100));
}

std::string joined(std::string first, const std::string& then) { return first.empty() ? then : fmt::format("{}; {}", first, then); }

}  // namespace

CheckResult judged_performance(const Snapshot& snapshot, const PerformanceOptions& options, const PerformanceMeasures& measures,
                               const SnapshotPlace& place, const Clock& clock) {
  const VmPerformance found = vm_performance(snapshot, options, measures, clock);
  const Missing& missing = found.vms.missing;
  CheckResult result;
  result.state = missing.empty() ? State::kOk : options.missing;
  if (!missing.empty()) result.text = missing_text(missing, options.selection, found.vms.names, place);
  const std::optional<PerformanceInfo> info = snapshot.performance();
  if (!info) {
    result.state = worse(result.state, options.no_data);
    result.text = joined(result.text, no_capture(place));
    return result;
  }
  if (found.all.empty() && missing.empty()) return no_vms(place);

  const PerformanceText text(snapshot, options, measures, found);
  result.state = worse(result.state, found.counts.worst);
  if (!found.all.empty()) result.text = joined(result.text, text.finding());
  // Where no figure rests on anything, the guests' silence and the capture's own look alike.
  if (found.running() > 0 && (found.heard == 0 || (found.not_captured > 0 && options.selection.selects_anything()))) {
    if (const std::string trouble = probe_trouble(place, "capture"); !trouble.empty()) {
      result.state = worse(result.state, options.no_data);
      result.text = joined(result.text, trouble);
    }
  }
  if (found.vms.oldest_names) result.text += old_names(place, *found.vms.oldest_names);
  text.add_perfdata(result.perfdata);
  if (options.common.verbosity > 0) {
    result.long_text = text.details();
    if (std::string line = left_out(info->kept_share); !line.empty()) result.long_text.push_back(std::move(line));
    result.long_text.push_back(about(snapshot, clock));
  }
  return result;
}

}  // namespace vmtraffic::nagios
