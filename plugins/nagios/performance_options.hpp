// What check_vm_latency and check_vm_loss are asked for alike: which VMs, ranges for the guest's side and the network's, and what it is
// worth where nothing was captured.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "plugins/nagios/command_line.hpp"
#include "plugins/nagios/selection.hpp"
#include "plugins/nagios/shared_options.hpp"
#include "plugins/nagios/state.hpp"
#include "plugins/nagios/threshold.hpp"

namespace vmtraffic::nagios {

// The guest's is the VM with its software, the network's is everything else.
enum class Side { kGuest, kNetwork, kNeither };

struct SideThresholds {
  Thresholds both{}, guest{}, network{};

  Thresholds of(Side side) const;  // the side's own range where there is one, else that of both
};

struct PerformanceOptions {
  CommonOptions common{};
  Selection selection{};  // without MACs
  SideThresholds thresholds{};
  State missing{State::kUnknown};  // a VM that was asked for and is not there
  State not_running{State::kOk};   // a VM without a process
  State no_data{State::kUnknown};  // a VM of which nothing was captured
  std::size_t top{5};              // VMs in the text
  PerfdataScope perfdata{PerfdataScope::kTop};
};

// --warning, --critical, and each for one side. `unit`: "milliseconds", as help says it.
void add_side_ranges(CommandLine& line, SideThresholds& thresholds, const std::string& unit, NumberParser number);

// Selection and host before, all else behind what is measured.
void add_which(CommandLine& line, PerformanceOptions& options);
void add_worth_and_output(CommandLine& line, PerformanceOptions& options);

// A range for a side of which nothing is judged does nothing, and who wrote it expects it to.
std::optional<std::string> idle_range(const SideThresholds& thresholds, bool judges_guest, bool judges_network);

}  // namespace vmtraffic::nagios
