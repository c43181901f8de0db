#include "plugins/nagios/performance_options.hpp"

#include <fmt/format.h>

namespace vmtraffic::nagios {
namespace {

const std::optional<Range>& first(const std::optional<Range>& own, const std::optional<Range>& common) { return own ? own : common; }

bool any(const Thresholds& thresholds) { return thresholds.warning || thresholds.critical; }

}  // namespace

Thresholds SideThresholds::of(Side side) const {
  if (side == Side::kNeither) return both;
  const Thresholds& own = side == Side::kGuest ? guest : network;
  return {.warning = first(own.warning, both.warning), .critical = first(own.critical, both.critical)};
}

void add_side_ranges(CommandLine& line, SideThresholds& thresholds, const std::string& unit, NumberParser number) {
  line.add_range("-w,--warning", thresholds.both.warning, fmt::format("Warning range in {}, for either side", unit), number);
  line.add_range("-c,--critical", thresholds.both.critical, fmt::format("Critical range in {}, for either side", unit), number);
  line.add_range("--guest-warning", thresholds.guest.warning, "Warning range for the guest's side instead", number);
  line.add_range("--guest-critical", thresholds.guest.critical, "Critical range for the guest's side instead", number);
  line.add_range("--network-warning", thresholds.network.warning, "Warning range for the network's side instead", number);
  line.add_range("--network-critical", thresholds.network.critical, "Critical range for the network's side instead", number);
}

void add_which(CommandLine& line, PerformanceOptions& options) {
  add_vm_selection(line, options.selection);
  add_host(line, options.common);
}

void add_worth_and_output(CommandLine& line, PerformanceOptions& options) {
  add_absence(line, options.missing, options.not_running);
  line.add_state("--no-data", options.no_data,
                 "What it is worth when nothing was ever captured of a VM asked for, or of none of all VMs (default unknown)");
  line.add_count("--top", options.top, 0, 10'000, "Name at most this many VMs in the text, the worst first (default 5)");
  line.add_text("--perfdata", one_of(options.perfdata, kScopes), "all|top|none", "Perfdata of which VMs (default top: the first --top)");
}

std::optional<std::string> idle_range(const SideThresholds& thresholds, bool judges_guest, bool judges_network) {
  const auto sentence = [](std::string_view side) {
    return fmt::format("--{0}-warning and --{0}-critical: nothing that was asked for is of that side", side);
  };
  if (any(thresholds.guest) && !judges_guest) return sentence("guest");
  if (any(thresholds.network) && !judges_network) return sentence("network");
  return std::nullopt;
}

}  // namespace vmtraffic::nagios
