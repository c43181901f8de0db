#include "plugins/nagios/quantity.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <utility>

#include "plugins/nagios/threshold.hpp"

namespace vmtraffic::nagios {
namespace {

constexpr std::array<std::pair<Metric, std::string_view>, 5> kMetrics{{{Metric::kBits, "bits"},
                                                                       {Metric::kOctets, "octets"},
                                                                       {Metric::kPackets, "packets"},
                                                                       {Metric::kErrors, "errors"},
                                                                       {Metric::kDrops, "drops"}}};

// Three digits that say something; never an exponent.
std::string three_digits(double value) { return plain_number(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2); }

std::optional<double> octets_or_counts(const Rates& rates, Metric metric) {
  switch (metric) {
    case Metric::kBits:
    case Metric::kOctets:
      return rates.octets;
    case Metric::kPackets:
      return rates.packets;
    case Metric::kErrors:
      return rates.errors;
    case Metric::kDrops:
      break;
  }
  return rates.drops;
}

}  // namespace

std::optional<Metric> parse_metric(std::string_view text) {
  for (const auto& [metric, name] : kMetrics) {
    if (text == name) return metric;
  }
  return std::nullopt;
}

std::string_view name_of(Metric metric) {
  for (const auto& [known, name] : kMetrics) {
    if (known == metric) return name;
  }
  return "";
}

std::optional<double> rate_of(const Rates& rates, Metric metric) {
  const std::optional<double> rate = octets_or_counts(rates, metric);
  if (!rate || !std::isfinite(*rate) || *rate < 0) return std::nullopt;
  return metric == Metric::kBits ? *rate * 8 : *rate;
}

std::string human_rate(double per_second, Metric metric) {
  if (metric != Metric::kBits && metric != Metric::kOctets) return fmt::format("{} {}/s", three_digits(per_second), name_of(metric));
  constexpr std::array<std::string_view, 5> kPrefixes{"", "k", "M", "G", "T"};
  std::size_t prefix = 0;
  // 999.5 would be shown as 1000
  while (per_second >= 999.5 && prefix + 1 < kPrefixes.size()) {
    per_second /= 1000;
    ++prefix;
  }
  return fmt::format("{} {}{}/s", three_digits(per_second), kPrefixes[prefix], metric == Metric::kBits ? "bit" : "B");
}

std::string human_percent(double percent) { return three_digits(percent) + " %"; }

std::string human_milliseconds(double milliseconds) {
  if (milliseconds >= 9999.5) return three_digits(milliseconds / 1000) + " s";
  return fmt::format("{} ms", milliseconds < 0.9995 ? plain_number(milliseconds, 3) : three_digits(milliseconds));
}

std::string human_per_minute(double per_minute) { return three_digits(per_minute) + " a minute"; }

std::optional<double> parse_milliseconds(std::string_view text) {
  double factor = 1;
  for (const auto& [unit, milliseconds] : {std::pair("us", 1e-3), std::pair("ms", 1.0), std::pair("s", 1e3)}) {
    if (!text.ends_with(unit)) continue;
    text.remove_suffix(std::string_view(unit).size());
    factor = milliseconds;
    break;
  }
  const std::optional<double> number = parse_number(text);
  if (!number) return std::nullopt;
  return *number * factor;
}

std::string human_duration(double seconds) {
  if (seconds < 180) return fmt::format("{:.0f} s", seconds);
  if (seconds < 180.0 * 60) return fmt::format("{:.0f} min", std::floor(seconds / 60));
  if (seconds < 72.0 * 3600) return fmt::format("{:.0f} h", std::floor(seconds / 3600));
  return fmt::format("{:.0f} days", std::floor(seconds / 86400));
}

std::optional<double> parse_speed(std::string_view text) {
  for (const std::string_view unit : {"bit/s", "bps", "bit", "b"}) {
    if (text.ends_with(unit)) {
      text.remove_suffix(unit.size());
      break;
    }
  }
  const std::optional<double> speed = parse_number(text);
  if (!speed || *speed <= 0) return std::nullopt;
  return speed;
}

}  // namespace vmtraffic::nagios
