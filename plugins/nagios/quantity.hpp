// What is measured, and how a person reads it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/types.hpp"

namespace vmtraffic::nagios {

enum class Metric { kBits, kOctets, kPackets, kErrors, kDrops };

std::optional<Metric> parse_metric(std::string_view text);
std::string_view name_of(Metric metric);  // "bits", "octets", …
inline constexpr std::string_view kMetricWords = "bits, octets, packets, errors or drops";

// The metric's rate per second out of one direction's rates. Absent stays absent, and so does what no counter can yield (negative,
// infinite).
std::optional<double> rate_of(const Rates& rates, Metric metric);

// "12.3 Mbit/s", "0 bit/s", "1.25 kB/s", "812 packets/s", "0.05 errors/s"; decimal multiples.
std::string human_rate(double per_second, Metric metric);

// "81.2 %".
std::string human_percent(double percent);

// "0.045 ms", "12.3 ms", "1234 ms", "12.3 s".
std::string human_milliseconds(double milliseconds);

// "3 a minute".
std::string human_per_minute(double per_minute);

// Milliseconds out of "250us", "20ms", "1.5s"; a number alone is milliseconds.
std::optional<double> parse_milliseconds(std::string_view text);

// "34 s", "12 min", "3 h", "2 days": whole numbers, rounded down past the first minutes.
std::string human_duration(double seconds);

// Bits per second out of "1G", "100M", "2.5Gbit/s". Above zero.
std::optional<double> parse_speed(std::string_view text);

}  // namespace vmtraffic::nagios
