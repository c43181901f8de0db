// What check_vm_loss was asked for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/nagios/check_process.hpp"
#include "plugins/nagios/performance_options.hpp"

namespace vmtraffic::nagios {

inline constexpr CheckName kLossCheck{"check_vm_loss", "VM_LOSS"};

enum class LossMetric { kLost, kSpurious, kReordered, kUnseen, kUnanswered, kRefused, kDnsUnanswered, kResets, kZeroWindows };
std::string_view name_of(LossMetric metric);  // "lost", "dns-unanswered", …

struct LossOptions : PerformanceOptions {  // thresholds in percent, or per minute
  LossMetric metric{LossMetric::kLost};
  std::size_t minimum_segments{100};
  std::size_t minimum_attempts{10};  // connections or queries
};

Parsed<LossOptions> parse_loss_options(const std::vector<std::string>& arguments);

}  // namespace vmtraffic::nagios
