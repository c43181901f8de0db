// What check_vm_traffic was asked for.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/types.hpp"
#include "plugins/nagios/check_process.hpp"
#include "plugins/nagios/command_line.hpp"
#include "plugins/nagios/quantity.hpp"
#include "plugins/nagios/selection.hpp"
#include "plugins/nagios/shared_options.hpp"
#include "plugins/nagios/threshold.hpp"

namespace vmtraffic::nagios {

inline constexpr CheckName kTrafficCheck{"check_vm_traffic", "VM_TRAFFIC"};

struct TrafficOptions {
  CommonOptions common;
  Selection selection;
  bool per_vnic{false};
  Metric metric{Metric::kBits};
  Direction direction{Direction::kBoth};
  Window window{Window::kMinute};
  bool highest{false};          // the highest single interval of the window instead of its mean
  bool percent{false};          // of `speed`, or of the domain's <bandwidth> where none is stated
  std::optional<double> speed;  // bits per second of one direction of each row
  Thresholds thresholds;
  State missing{State::kUnknown};  // a VM that was asked for and is not there
  State not_running{State::kOk};   // a VM without a process
  State no_rate{State::kUnknown};  // a running VM without counters, or nothing with a rate at all
  std::size_t top{5};              // rows in the text
  PerfdataScope perfdata{PerfdataScope::kTop};
  bool totals{false};
};

Parsed<TrafficOptions> parse_traffic_options(const std::vector<std::string>& arguments);

}  // namespace vmtraffic::nagios
