// What check_vm_talkers was asked for.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plugins/nagios/check_process.hpp"
#include "plugins/nagios/command_line.hpp"
#include "plugins/nagios/peer_rules.hpp"
#include "plugins/nagios/quantity.hpp"
#include "plugins/nagios/selection.hpp"
#include "plugins/nagios/shared_options.hpp"
#include "plugins/nagios/threshold.hpp"

namespace vmtraffic::nagios {

inline constexpr CheckName kTalkersCheck{"check_vm_talkers", "VM_TALKERS"};

struct TalkersOptions {
  CommonOptions common;
  Selection selection;  // without MACs
  Metric metric{Metric::kBits};
  Direction direction{Direction::kBoth};
  bool share{false};      // percent of the VM's own sampled traffic instead of a rate
  Thresholds thresholds;  // of a VM's top peer
  std::size_t min_samples{10};
  TalkRules rules;
  State forbidden{State::kCritical};
  State missing{State::kUnknown};     // a VM that was asked for and is not there
  State not_running{State::kOk};      // a VM without a process
  State no_samples{State::kUnknown};  // no VM that was asked for was ever sampled, or none of the host of late
  std::size_t top{5};                 // peers in the text
  PerfdataScope perfdata{PerfdataScope::kTop};
};

Parsed<TalkersOptions> parse_talkers_options(const std::vector<std::string>& arguments);

}  // namespace vmtraffic::nagios
