// What is published of capture intakes: latencies and losses of each vNIC, as rows. Pure.
#pragma once

#include "core/traffic/capture_intake.hpp"
#include "core/traffic/performance_rows.hpp"

namespace vmtraffic {

// `top`: peers and services of each vNIC, those with the most measurements.
PerformanceRows performance_rows(const CaptureIntake& intake, Nanoseconds now, std::uint32_t top);

}  // namespace vmtraffic
