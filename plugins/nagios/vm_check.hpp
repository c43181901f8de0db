// What all checks of VMs do alike: read the snapshot that was asked for, go through the selected VMs, count their states, and say which
// VMs are missing. The checks differ in what they measure.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.hpp"
#include "core/snapshot.hpp"
#include "plugins/nagios/command_line.hpp"
#include "plugins/nagios/fresh_snapshot.hpp"
#include "plugins/nagios/result.hpp"
#include "plugins/nagios/selection.hpp"

namespace vmtraffic::nagios {

// The whole check: UNKNOWN with the reason where there is no fresh snapshot, else what `judged` says of it. `parts`: those that it reads
// beside the inventory; tags are a part of their own, and what is not asked for need not be verified.
template <class Options>
Outcome check_vms(CheckName name, unsigned parts, const Options& options, const Clock& clock,
                  CheckResult (*judged)(const Snapshot&, const Options&, const SnapshotPlace&, const Clock&)) {
  const auto result = [&]() -> CheckResult {
    const Result<SnapshotPlace> place = place_of(options.common);
    if (!place) return {.state = State::kUnknown, .text = place.error().text};
    const unsigned tags = options.selection.tags.empty() ? 0u : static_cast<unsigned>(kPartTags);
    const Result<Snapshot> snapshot = fresh_snapshot(*place, kPartInventory | parts | tags, clock);
    if (!snapshot) return {.state = State::kUnknown, .text = snapshot.error().text};
    return judged(*snapshot, options, *place, clock);
  }();
  return {result.state, render(name.service, result, options.common.max_output)};
}

// What a walk over the selected VMs finds beside them.
struct SelectedVms {
  Missing missing;
  std::vector<std::string_view> names;  // of all domains, selected or not, in the snapshot's order
  // How long ago libvirt confirmed the selected VM that it confirmed longest ago, when that is long.
  std::optional<Nanoseconds> oldest_names{};
};

// Calls `visit` for each selected VM, with whether its name and state are old; it says whether anything of the VM has a part in the check.
using VisitVm = std::function<bool(const DomainRow& domain, bool old)>;
SelectedVms visit_vms(const Snapshot& snapshot, const Selection& selection, const Clock& clock, const VisitVm& visit);

// Of a VM that does not run. That is what libvirt said: where it was long ago, it says nothing about now.
State state_not_running(State not_running, bool old);

// Where nothing was selected and nothing is missing: which tags no VM has, or that no VM has all that was asked for.
void explain_nothing(const Snapshot& snapshot, const Selection& selection, Missing& missing);

// "no VM is called web9 (2 are known: web, db)", and why libvirt's word may not be taken for it.
std::string missing_text(const Missing& missing, const Selection& selection, const std::vector<std::string_view>& names,
                         const SnapshotPlace& place);

// How many of what a check judges are in which state.
struct StateCounts {
  std::size_t all{0}, critical{0}, warning{0}, unknown{0};
  State worst{State::kOk};

  void add(State state);
};

// "120 VMs, 1 critical, 7 not running (1m)". `what`: of one. `others`: what else is counted, named where it is not 0.
std::string summary_of(std::string_view what, const StateCounts& counts,
                       std::initializer_list<std::pair<std::size_t, std::string_view>> others, std::string_view window);

// "vms", "vms_critical" and so on. `what`: "vms".
void add_counts(std::string_view what, const StateCounts& counts, std::vector<PerfValue>& perfdata);

}  // namespace vmtraffic::nagios
